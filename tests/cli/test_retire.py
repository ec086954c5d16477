"""Users who are retired, on the command line: what is typed, what is answered, what is kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from importer.errors import Exit
from importer.jobs.state import Load
from importer.jobs.words import to_retire
from importer.ledger.ledger import Ledger
from importer.report.view import ShownNames
from tests.campus.retiring import caller, fill, write
from tests.cli.conftest import Sandbox
from tests.cli.small import ask, change, codes, state
from tests.command_line import typed
from tests.sheets import read_csv, write_csv

PLAN = ("plan", "retire.csv", "-m", "retire.yaml", "-o")


def made(sandbox: Sandbox, do: str, *kinds: str, if_open: str = "hold") -> dict[str, str]:
    """Make users of these kinds, the roster and the mapping; return their IDs by kind."""
    everybody = [(f"{kind.upper()}{n}", n, kind) for n, kind in enumerate(kinds)]
    fill(caller(sandbox.host), everybody)
    write(Path(), everybody, do, if_open)
    return {kind: user for user, _, kind in everybody}


def test_an_answer_ends_nobody_who_is_kept(sandbox: Sandbox) -> None:
    """A person says who it is, and what is open keeps the user all the same."""
    users = made(sandbox, "expire", "free", "namesake", "loans")
    typed(*PLAN, "run")
    assert ("3", "another-person") in codes("run")
    refused = typed("resolve", "run", "4", users["loans"], "--as", "update")
    assert refused.exit == Exit.USAGE
    assert "1 loan" in refused.err
    ask(sandbox, "POST", f"users/{users['namesake']}/loans", {"loans": 2})
    assert "2 loans" in typed("resolve", "run", "3", "--as", "update").err
    ask(sandbox, "POST", f"users/{users['namesake']}/loans", {"loans": 0})
    typed("resolve", "run", "3", "--as", "update")
    assert typed("apply", "run", "--json").summary["updated"] == 2
    ended = {key for key, one in state(sandbox).items() if one["status"]["value"] == "INACTIVE"}
    assert ended == {users["free"], users["namesake"]}


_NEW = """version: 1
account_type: INTERNAL
match: {by: [primary_id]}
record:
  primary_id: <Id>
  first_name: <First>
  last_name: <Last>
  user_group: COMM
  expiry_date: 2030-01-01
  purge_date: 2031-01-01
"""


def test_only_who_is_listed_is_in_the_file_for_purging(sandbox: Sandbox) -> None:
    """Neither who is kept for a loan, and ends, nor who is created by the same run."""
    users = made(sandbox, "list", "free", "loans", if_open="expire")
    Path("new.csv").write_text("Id,First,Last\n9001,Ana,Silva\n", "utf-8")
    Path("new.yaml").write_text(_NEW, "utf-8")
    typed("plan", "new.csv", "retire.csv", "-m", "new.yaml", "-m", "retire.yaml", "-o", "run")
    done = typed("apply", "run", "--yes", "--json").summary
    assert (done["created"], done["updated"]) == (1, 1)
    assert read_csv(Path("run/set.csv")) == [["USERNAME"], [users["free"]]]
    assert to_retire(Load(stamp="", files=(), run="run")).headline.startswith("1 user ")


@pytest.mark.parametrize(
    "other",
    [{"last_name": "Byhand", "birth_date": None}, {"birth_date": "1950-03-02Z"}],
    ids=["name", "day"],
)
def test_nobody_of_another_name_is_retired_by_a_warning(
    sandbox: Sandbox, other: dict[str, object]
) -> None:
    """What an update only warns of holds a row that is listed; a person may answer."""
    users = made(sandbox, "list", "free", "noted")
    ask(sandbox, "PATCH", f"users/{users['free']}", other)
    planned = typed(*PLAN, "run", "--json").summary
    assert (planned["review"], planned["unchanged"]) == (1, 1)
    assert ("2", "another-person") in codes("run")
    assert typed("resolve", "run", "2", "--as", "update").exit == 0
    with Ledger.open(Path("run")) as ledger:
        assert len({one.act for one in ledger.planned()}) == 1
    assert typed(*PLAN, "again", "--json").summary["review"] == 0


def test_a_loan_since_the_plan_keeps_a_membership(sandbox: Sandbox) -> None:
    """With `if_open: hold` the user is read with loans just before the update, in the same call."""
    users = made(sandbox, "expire", "free", "noted")
    typed(*PLAN, "run")
    ask(sandbox, "POST", f"users/{users['free']}/loans", {"loans": 1})
    before = state(sandbox)[users["free"]]
    calls = len(sandbox.log())
    applied = typed("apply", "run", "--json").summary
    assert (applied["updated"], applied["held"]) == (1, 1)
    assert [call["method"] for call in sandbox.log()[calls:]].count("GET") == 3  # whose Alma it is
    assert ("2", "not-deleted") in codes("run")
    assert state(sandbox)[users["free"]] == before


def test_who_is_kept_and_has_ended_before_is_said_so(sandbox: Sandbox) -> None:
    """No message says that a membership ends where nothing is written."""
    users = made(sandbox, "list", "loans", if_open="expire")
    ask(sandbox, "PATCH", f"users/{users['loans']}", {"status": {"value": "INACTIVE"}})
    mapping = Path("retire.yaml")
    lines = mapping.read_text("utf-8").splitlines()
    mapping.write_text("\n".join(one for one in lines if "patron_role" not in one), "utf-8")
    typed(*PLAN, "run")
    with Ledger.open(Path("run")) as ledger:
        (said,) = [one.message for one in ledger.problems(2) if one.code == "retires"]
        assert (ledger.row(2).act, "membership ends" in said) == ("unchanged", False)  # type: ignore[union-attr]


def test_a_namesake_of_who_ended_before_ends_as_well(sandbox: Sandbox) -> None:
    """The name and birth date are the same, and nothing of what was changed for the ending."""
    users = made(sandbox, "expire", "free", "noted")
    head, first, other = read_csv(Path("retire.csv"))
    write_csv(Path("retire.csv"), (head, first))
    typed(*PLAN, "run")
    assert typed("apply", "run", "--json").summary["updated"] == 1
    _, given, last, born = first
    same = {"first_name": given, "last_name": last, "birth_date": f"{born}Z"}
    ask(sandbox, "PATCH", f"users/{users['noted']}", same)
    write_csv(Path("retire.csv"), (head, (other[0], *first[1:])))
    assert typed(*PLAN, "next", "--json").summary["update"] == 1


@pytest.mark.parametrize("do", ["list", "expire"])
def test_whoever_ends_has_a_name_in_the_report(sandbox: Sandbox, do: str) -> None:
    """Who approves it sees the names of the roster, and not IDs alone."""
    made(sandbox, do, "free")
    typed(*PLAN, "run")
    with Ledger.open(Path("run")) as ledger:
        assert ShownNames(ledger, show_values=True).of(ledger.row(2)).startswith("Given0 ")


def test_a_second_plan_ends_nobody_again(sandbox: Sandbox) -> None:
    """What was ended stays so, without another note; the record of the plan says so.

    No safety check stops that users leave the group that the mapping ends.
    """
    users = made(sandbox, "expire", "free", "noted", "current")
    ended = ("    set:", "    set:\n      user_group: FRIEND")
    change("retire.yaml", ended, ("user_group: [COMM]", "user_group: [COMM, FRIEND]"))
    typed(*PLAN, "run")
    assert typed("apply", "run", "--json").summary["updated"] == 3
    before = state(sandbox)
    assert typed(*PLAN, "again", "--json").summary["unchanged"] == 3
    with Ledger.open(Path("again")) as ledger:
        assert all(
            "has ended before" in one.message for one in ledger.problems() if one.code == "retires"
        )
    assert state(sandbox) == before
    ask(sandbox, "PATCH", f"users/{users['noted']}", {"expiry_date": "2099-01-31Z"})
    assert typed(*PLAN, "renewed", "--json").summary["update"] == 1


@pytest.mark.parametrize(("cached", "calls"), [(True, 9), (False, 18)])
def test_a_plan_that_todays_calls_cannot_cover_reads_nobody(
    sandbox: Sandbox, calls: int, *, cached: bool
) -> None:
    """Each user is read again, after it was found by a call or in the user cache.

    A plan of more calls than are left would not come to its end; another one does.
    """
    made(sandbox, "list", *["free"] * 9)
    if cached:
        typed("users", "refresh")
    ask(sandbox, "POST", "settings", {"remaining": calls})
    before = len(sandbox.log())
    stopped = typed(*PLAN, "run", "--no-refresh")
    assert (stopped.exit, Path("run").exists()) == (Exit.STOPPED, False)
    assert f"{calls} calls" in stopped.err
    assert len(sandbox.log()) - before == 1
    ask(sandbox, "POST", "settings", {"remaining": calls + 10})
    assert typed(*PLAN, "run", "--no-refresh").exit == Exit.DONE
