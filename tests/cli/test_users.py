"""The directory on the command line, and what plan and apply make of it."""

from __future__ import annotations

from pathlib import Path

from importer.errors import Exit
from importer.model.run import AlmaKey
from importer.users.cache import UserCache
from tests.cli.conftest import Sandbox
from tests.cli.small import ANA, ANAS_CHANGE, BO, ask, delete, load, write
from tests.command_line import typed
from tests.pipeline.runs import MAPPINGS, SAMPLES

ROSTER, MAPPING = SAMPLES / "community-patrons.csv", MAPPINGS / "community.yaml"


def test_a_plan_reads_all_users_first_where_that_takes_fewer_calls(sandbox: Sandbox) -> None:
    """It names both numbers. If it is stopped, no page of users is read twice.

    Nor does it stop at a file that was cut off while it was made, as by a full disk.
    """
    people = [(str(at), f"A{at}", f"B{at}", "COMM", "1990-01-02", "", "") for at in range(250)]
    load(write(*people), "first")
    typed("users", "delete", "--yes")
    with UserCache(
        AlmaKey(institution="01SANDBOX_INST", environment="sandbox").cache(Path("users"))
    ) as cut_off:
        assert cut_off.count() == 0
    for offline in ("users status", "users duplicates", "person 0", "apply first"):
        assert "is damaged" not in typed(*offline.split()).err
    assert typed("users", "status").exit == Exit.DONE
    rows = [(str(at), f"A{at}", f"B{at}", "COMM", "1990-01-02", "", "") for at in range(3000, 3020)]
    command = ("plan", write(*rows), "-m", "small.yaml", "-o", "run", "--json")
    begin = len(sandbox.log())
    ask(sandbox, "POST", "settings", {"remaining": 5})
    stopped = typed(*command)
    assert stopped.exit == Exit.STOPPED
    assert "6 calls instead of up to 40" in stopped.err
    ask(sandbox, "POST", "settings", {"remaining": 1000})
    planned = typed(*command)
    assert (planned.exit, planned.summary["create"]) == (Exit.DONE, 20)
    assert "as of" in planned.err
    paths = [str(call["path"]) for call in sandbox.log()[begin:] if call["status"] == 200]
    pages = [path for path in paths if "limit=100" in path and "modif" not in path]
    assert sorted(pages) == sorted(set(pages))
    assert len(pages) == 3
    before = len(sandbox.log())
    typed(*command[:-2], "again")
    assert len(sandbox.log()) - before <= 5


def test_refresh_plan_apply_plan(sandbox: Sandbox) -> None:
    """With a user cache a plan reads changes only, says the same, and apply keeps it current.

    Without one it warns that names were not fully compared.
    """
    without = typed("plan", ROSTER, "-m", MAPPING, "--json", "--no-refresh").summary
    assert typed("users", "refresh").exit == Exit.DONE
    before = len(sandbox.log())
    planned = typed("plan", ROSTER, "-m", MAPPING, "-o", "run", "--json")
    assert "as of" in planned.err
    calls = planned.summary["calls"]  # but for those that are left, which the plan itself takes
    assert calls["left"] > 0
    problems, warnings = without["problems"], without["warnings"]
    assert problems.pop("names-not-compared") == 1
    expected = {"run": "run", "calls": calls, "warnings": warnings - 1}
    assert planned.summary == without | expected
    paths = [str(call["path"]) for call in sandbox.log()[before:]]
    assert len(paths) == 3  # which institution, who changed, how many there are
    created = typed("apply", "run", "--json").summary["created"]
    before = len(sandbox.log())
    again = typed("plan", ROSTER, "-m", MAPPING, "--no-refresh", "--json").summary
    assert again["unchanged"] == created
    assert len(sandbox.log()) == before + 1
    status = typed("users", "status", "--json").summary["caches"]
    assert [one["users"] for one in status] == [created]


def test_an_apply_that_meets_a_deleted_user_removes_it(sandbox: Sandbox) -> None:
    """The next plan creates the user, even if it reads no changes first."""
    load(write(ANA, BO), "first")
    typed("users", "refresh")
    roster = write(ANAS_CHANGE, BO)
    assert typed("plan", roster, "-m", "small.yaml", "-o", "run", "--json").summary["update"] == 1
    delete(sandbox, ANA[0])
    assert typed("apply", "run", "--json").summary["held"] == 1
    again = typed("plan", roster, "-m", "small.yaml", "--no-refresh", "--json").summary
    assert (again["create"], again["update"]) == (1, 0)


def test_status_and_forget(sandbox: Sandbox) -> None:
    """Status asks Alma nothing; forget removes the files, and only when told twice."""
    assert typed("users", "status", "--json").summary["caches"] == []
    typed("users", "refresh")
    before = len(sandbox.log())
    assert "0 users" in typed("users", "status").out
    assert typed("users", "delete").exit == Exit.USAGE
    assert list(Path("users").glob("*.sqlite"))
    assert typed("users", "delete", "--yes").exit == Exit.DONE
    assert list(Path("users").iterdir()) == []
    assert typed("users", "delete", "--yes").exit == Exit.DONE
    assert len(sandbox.log()) == before
