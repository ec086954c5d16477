"""The commands that look back: report, runs, show, purge."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import chdir, closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from importer.errors import Exit
from importer.ledger.run_lock import run_lock
from importer.memory.answers import DecisionMemory
from importer.model.answers import Resolution
from importer.model.question import Answer
from tests.command_line import typed
from tests.pipeline.runs import MAPPINGS, SAMPLES
from tests.practice import reached

COMMUNITY = MAPPINGS / "community.yaml"
PATRONS = SAMPLES / "community-patrons.csv"
CHECK = ("check", PATRONS, "-m", COMMUNITY)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a check, an applied plan, and a plan, made in this order."""
    folder = tmp_path_factory.mktemp("runs")
    with chdir(folder), pytest.MonkeyPatch.context() as patch, reached(patch):
        typed(*CHECK, "-o", "runs/c")
        for name in ("b", "a"):
            typed("plan", *CHECK[1:], "-o", f"runs/{name}")
        typed("apply", "b")
    return folder


@pytest.fixture
def saved(made: Path, folder: Path) -> Path:
    """A copy of that folder, to work in. Alma is not there any more."""
    shutil.copytree(made, folder, dirs_exist_ok=True)
    return folder


def test_reports_can_be_made_again(saved: Path) -> None:
    """With the reports gone, `report` makes them again from the ledger, byte for byte."""
    typed(*CHECK, "-o", "runs/new")
    reports = [path for path in (saved / "runs" / "new").iterdir() if "ledger" not in path.name]
    before = [path.read_bytes() for path in reports]
    assert len(before) == 6
    for path in reports:
        path.unlink()
    typed("report", "runs/new")
    assert [path.read_bytes() for path in reports] == before


def test_runs_are_listed_with_who_and_what(saved: Path) -> None:
    """`runs` lists each run's roster, operator and counts, oldest first, and who edited it."""
    checked, applied, planned = json.loads(typed("runs", "--json").out)
    assert [one["run"] for one in (checked, applied, planned)] == ["runs/c", "runs/b", "runs/a"]
    assert (checked["command"], checked["applied"]) == ("check", False)
    assert (applied["command"], applied["applied"]) == ("plan", True)
    assert applied["roster"] == "community-patrons.csv"
    assert applied["operator"]
    assert applied["summary"]["created"] == applied["summary"]["create"]
    assert applied["history_intact"]
    lines = typed("runs").out.splitlines()
    assert [line.split()[:2] for line in lines[::2]] == [
        ["runs/c", "check"], ["runs/b", "applied"], ["runs/a", "plan"],
    ]  # fmt: skip
    assert ("created" in lines[3], "to create" in lines[5]) == (True, True)
    with closing(sqlite3.connect("runs/b/ledger.sqlite")) as connection, connection:
        connection.execute("UPDATE entries SET operator = 'somebody else' WHERE id = 2")
    assert not json.loads(typed("runs", "--json").out)[1]["history_intact"]
    assert "CHANGED BY HAND" in typed("runs").out


def test_the_history_of_a_row(saved: Path) -> None:
    """`show` tells what was planned for a row and what came of it; an unknown row is told."""
    told = typed("show", "b", "2").out
    assert ("created" in told, "intent" in told) == (True, True)
    machine: dict[str, Any] = typed("show", "b", "2", "--json").summary
    assert (machine["row"], machine["planned"], machine["result"]) == (2, "create", "created")
    assert [entry["event"] for entry in machine["history"]] == ["intent", "applied"]
    assert "missing-value" in typed("show", "b", "6").out
    rejected: dict[str, Any] = typed("show", "b", "6", "--json").summary
    assert rejected["problems"][0]["code"] == "missing-value"
    assert typed("show", "b", "9999").exit == Exit.USAGE


def test_what_a_create_will_send_can_be_seen(saved: Path) -> None:
    """Before anything is sent `show` tells every field of a new user; private ones on request."""
    planned: dict[str, Any] = typed("show", "a", "2", "--json", "--show-values").summary
    values = {field["path"]: field["value"] for field in planned["record"]}
    assert values["user_group"] == "COMM"
    mail = next(values[path] for path in values if path.endswith("].email_address"))
    masked = typed("show", "a", "2").out
    assert ("email: " in masked, mail in masked) == (True, False)
    assert mail in typed("show", "a", "2", "--show-values").out


def test_runs_are_purged_by_name() -> None:
    """Only these, only with --yes, and not together with an age."""
    for name in ("one", "two"):
        assert typed(*CHECK, "-o", f"runs/{name}").exit == Exit.REJECTS
    assert typed("purge", "one", "--older-than", "3d").exit == Exit.USAGE
    assert typed("purge", "missing").exit == Exit.USAGE
    assert typed("purge").exit == Exit.USAGE
    listed = typed("purge", "one", "runs/one", "--json").summary
    assert (listed["removed"], len(listed["runs"])) == (False, 1)
    Path("runs/.one.mark").mkdir()  # which cannot be deleted as a file
    assert typed("purge", "runs/one", "--yes").exit == Exit.DONE
    Path("runs/.one.mark").rmdir()
    assert {path.name for path in Path("runs").glob("*/")} == {"two"}


@pytest.mark.usefixtures("open_files_stay")
def test_old_runs_are_purged_only_when_told(saved: Path) -> None:
    """Without --yes `purge` only lists, and says how; with it the folders are gone.

    Also where an open file cannot be deleted, as that of the lock on Windows.
    """
    nothing = typed("purge", "--older-than", "30d", "--json")
    assert (nothing.summary["runs"], "--yes" in nothing.err) == ([], False)
    listed = typed("purge", "--older-than", "0d", "--json")
    assert "--yes" in listed.err
    assert (len(list((saved / "runs").glob("?"))), listed.summary["removed"]) == (3, False)
    removed = typed("purge", "--older-than", "0d", "--yes")
    assert removed.exit == Exit.DONE
    assert "3 runs deleted." in removed.err
    assert not list((saved / "runs").glob("?"))
    assert typed("purge", "--older-than", "soon").exit == Exit.USAGE


def test_old_rosters_of_the_local_page_are_purged_too(tmp_path: Path) -> None:
    """Drafts and tasks in which nothing was changed since; a task that still runs stays."""
    kept = tmp_path / "drafts" / "new", tmp_path / "tasks" / "running"
    old = tmp_path / "drafts" / "old", tmp_path / "tasks" / "ended"
    for folder in (*kept, *old):
        (folder / "roster").mkdir(parents=True)
        (folder / "roster" / "people.csv").write_text("Ana", "utf-8")
    with FileLock(kept[1] / "lock"):
        for path in (*tmp_path.glob("drafts/**/*"), *tmp_path.glob("tasks/**/*")):
            os.utime(path, (0, 0))
        (kept[0] / "corrections.csv").touch()
        listed = typed("purge", "--older-than", "30d", "--json")
        assert listed.summary["page"] == ["drafts/old", "tasks/ended"]
        assert typed("purge", "--older-than", "30d").out.split() == listed.summary["page"]
        assert typed("purge", "--older-than", "30d", "--yes").exit == Exit.DONE
    assert {*tmp_path.glob("drafts/*"), *tmp_path.glob("tasks/*")} == {*kept}


def damage(run: Path, how: str) -> None:
    """Make the ledger of a run one that cannot be read, modified long ago."""
    ledger = run / "ledger.sqlite"
    for beside in ("-wal", "-shm"):
        (run / f"ledger.sqlite{beside}").unlink(missing_ok=True)
    match how:
        case "noise":
            ledger.write_bytes(os.urandom(4096))
        case "cut":
            ledger.write_bytes(ledger.read_bytes()[:5000])
        case "emptied":
            ledger.write_bytes(b"")
        case _:
            with closing(sqlite3.connect(ledger)) as connection, connection:
                connection.execute(how)
    for path in run.iterdir():
        os.utime(path, (0, 0))


@pytest.mark.parametrize(
    "how",
    [
        "noise",
        "cut",
        "emptied",
        "DROP TABLE run",
        "UPDATE run SET value = '{' WHERE name = 'facts'",
    ],
)
def test_a_damaged_run_is_listed_and_purged(saved: Path, how: str) -> None:
    """By the age of its files; a run that is well, and a folder that is no run, stay."""
    damage(saved / "runs" / "c", how)
    (saved / "runs" / "letters").mkdir()
    (saved / "runs" / "letters" / "dear.txt").write_text("dear", "utf-8")
    os.utime(saved / "runs" / "letters" / "dear.txt", (0, 0))
    found = typed("purge", "--older-than", "30d", "--json")
    assert (found.exit, found.summary["runs"]) == (Exit.DONE, ["runs/c"])
    assert "Its age is that of its newest file." in found.err
    listed = typed("runs")
    assert listed.exit == Exit.DONE
    assert {line for line in listed.out.splitlines() if line[:1] != " "} >= {"runs/c"}
    faults = {one["run"]: one.get("fault") for one in json.loads(typed("runs", "--json").out)}
    assert faults.keys() == {"runs/a", "runs/b", "runs/c"}
    assert faults["runs/c"]
    assert typed("report", "c").exit == Exit.USAGE
    damage(saved / "runs" / "c", "noise")
    assert typed("purge", "--older-than", "30d", "--yes").exit == Exit.DONE
    assert {path.name for path in (saved / "runs").iterdir() if path.is_dir()} == {
        "a", "b", "letters",
    }  # fmt: skip
    assert typed("report", "c").exit == Exit.USAGE


def test_a_run_in_the_way_stops_no_other(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One in use, one that is a link and one that cannot be read are named; the others go."""
    (saved / "runs" / "a").rename(saved / "elsewhere")
    (saved / "runs" / "a").symlink_to(saved / "elsewhere", target_is_directory=True)
    before = sorted((saved / "elsewhere").iterdir())
    shutil.copytree(saved / "runs" / "c", saved / "runs" / "closed")
    look = Path.iterdir

    def iterdir(path: Path) -> Iterator[Path]:
        if path.name == "closed":
            raise PermissionError(13, "Permission denied", str(path))
        return look(path)

    monkeypatch.setattr(Path, "iterdir", iterdir)
    assert "runs/closed cannot be read (Permission denied)" in typed("runs").out
    with run_lock(saved / "runs" / "b", "ana@desk", datetime.now(UTC)):
        got = typed("purge", "--older-than", "0d", "--yes")
    assert (got.exit, got.out) == (Exit.STOPPED, "runs/c\n")
    for named in (
        "runs/closed was not deleted",
        "runs/b was not deleted",
        "ana@desk",
        "runs/a was not deleted: it is a link",
    ):
        assert named in got.err
    assert "None" not in got.err
    assert {path.name for path in (saved / "runs").glob("*") if path.is_dir()} == {
        "a", "b", "closed",
    }  # fmt: skip
    assert sorted((saved / "elsewhere").iterdir()) == before


def test_nothing_of_a_patron_is_left_by_purge() -> None:
    """Old decisions, which hold identifiers, and empty folders go as old runs do."""
    Path("runs/left-empty").mkdir(parents=True)
    os.utime(Path("runs/left-empty"), (0, 0))
    create, against, then = (
        Answer.CREATE,
        frozenset({"canary1001"}),
        datetime(2026, 1, 2, tzinfo=UTC),
    )
    DecisionMemory("01SANDBOX_INST sandbox").keep(
        Resolution("canary2001", create, create, "", against, "ana@desk", then)
    )
    found = typed("purge", "--older-than", "30d", "--json").summary
    assert (found["decisions"], found["runs"]) == (1, ["runs/left-empty"])
    assert b"canary" in Path("runs/memory.sqlite").read_bytes()
    typed("purge", "--older-than", "30d", "--yes")
    assert [path.name for path in Path("runs").iterdir()] == ["memory.sqlite"]
    assert b"canary" not in Path("runs/memory.sqlite").read_bytes()
