"""The commands that look back: report, runs, show, purge."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import pytest

from importer.errors import Exit
from importer.ledger.memory import DecisionMemory, Resolution
from importer.ledger.run_lock import run_lock
from importer.model.decisions import Answer
from tests.cli.conftest import Sandbox, Type
from tests.pipeline.runs import MAPPINGS, SAMPLES

COMMUNITY = MAPPINGS / "community.yaml"
PATRONS = SAMPLES / "community-patrons.csv"
PAGES = ("report.html", "report-masked.html")


def test_reports_can_be_made_again(folder: Path, typed: Type) -> None:
    """With the reports gone, `report` makes them again from the ledger, byte for byte."""
    typed("check", PATRONS, "-m", COMMUNITY, "-o", "run")
    names = ("summary.json", "problems.csv", "rejects.csv", "rejects.xlsx", *PAGES)
    before = {name: (folder / "run" / name).read_bytes() for name in names}
    for name in names:
        (folder / "run" / name).unlink()
    typed("report", "run")
    assert {name: (folder / "run" / name).read_bytes() for name in names} == before


def test_runs_are_listed_with_who_and_what(typed: Type, sandbox: Sandbox) -> None:
    """`runs` tells each run's roster, mapping, operator, counts, and that nobody edited it."""
    typed("check", PATRONS, "-m", COMMUNITY)
    run = typed("plan", PATRONS, "-m", COMMUNITY, "--json").summary["run"]
    typed("apply", str(run))
    checked, applied = json.loads(typed("runs", "--json").out)
    assert (checked["command"], checked["applied"]) == ("check", False)
    assert (applied["command"], applied["applied"]) == ("plan", True)
    assert applied["roster"] == "community-patrons.csv"
    assert applied["operator"]
    assert applied["summary"]["created"] == applied["summary"]["create"]
    assert applied["history_intact"]


def test_an_edited_history_is_noticed(folder: Path, typed: Type, sandbox: Sandbox) -> None:
    """Somebody who edits the history is found out."""
    run = str(typed("plan", PATRONS, "-m", COMMUNITY, "--json").summary["run"])
    typed("apply", run)
    with sqlite3.connect(folder / run / "ledger.sqlite") as connection:
        connection.execute("UPDATE entries SET operator = 'somebody else' WHERE id = 2")
    connection.close()
    assert not json.loads(typed("runs", "--json").out)[0]["history_intact"]
    assert "CHANGED BY HAND" in typed("runs").out


def test_the_life_of_a_row(typed: Type, sandbox: Sandbox) -> None:
    """`show` tells what was planned for a row and what came of it; an unknown row is told."""
    typed("plan", PATRONS, "-m", COMMUNITY, "-o", "run")
    typed("apply", "run")
    told = typed("show", "run", "2")
    assert "created" in told.out
    assert "intent" in told.out
    assert "missing-value" in typed("show", "run", "6").out
    machine = typed("show", "run", "2", "--json").summary
    assert (machine["row"], machine["planned"], machine["result"]) == (2, "create", "created")
    assert [entry["event"] for entry in machine["history"]] == ["intent", "applied"]  # type: ignore[attr-defined]
    problems = typed("show", "run", "6", "--json").summary["problems"]
    assert problems[0]["code"] == "missing-value"  # type: ignore[index]
    assert typed("show", "run", "9999").exit == Exit.USAGE


def test_what_a_create_will_send_can_be_seen(folder: Path, typed: Type, sandbox: Sandbox) -> None:
    """Before anything is sent `show` tells every field of a new user; private ones on request."""
    typed("plan", PATRONS, "-m", COMMUNITY, "-o", "run")
    record = typed("show", "run", "2", "--json", "--show-values").summary["record"]
    values = {field["path"]: field["value"] for field in record}  # type: ignore[attr-defined]
    assert values["user_group"] == "COMM"
    mail = next(path for path in values if path.endswith("].email_address"))
    assert "email: " in typed("show", "run", "2").out
    assert values[mail] not in typed("show", "run", "2").out
    assert values[mail] in typed("show", "run", "2", "--show-values").out


def test_old_runs_are_purged_only_when_told(folder: Path, typed: Type) -> None:
    """Without --yes `purge` only lists; with it the folders are gone; young runs stay."""
    typed("check", PATRONS, "-m", COMMUNITY)
    assert typed("purge", "--older-than", "30d", "--json").summary["runs"] == []
    listed = typed("purge", "--older-than", "0d", "--json").summary
    assert (len(list((folder / "runs").iterdir())), listed["removed"]) == (1, False)
    removed = typed("purge", "--older-than", "0d", "--yes")
    assert removed.exit == Exit.DONE
    assert "1 run deleted." in removed.err
    assert list((folder / "runs").iterdir()) == []
    assert typed("purge", "--older-than", "soon").exit == Exit.USAGE


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
        case "table":
            with closing(sqlite3.connect(ledger)) as connection, connection:
                connection.execute("DROP TABLE run")
        case _:
            with closing(sqlite3.connect(ledger)) as connection, connection:
                connection.execute("UPDATE run SET value = '{' WHERE name = 'facts'")
    for path in run.iterdir():
        os.utime(path, (0, 0))


@pytest.mark.parametrize("how", ["noise", "cut", "emptied", "table", "facts"])
def test_a_damaged_run_is_listed_and_purged(folder: Path, typed: Type, how: str) -> None:
    """By the age of its files; a run that is well, and a folder that is no run, stay."""
    for name in ("bad", "well"):
        typed("check", PATRONS, "-m", COMMUNITY, "-o", f"runs/{name}")
    damage(folder / "runs" / "bad", how)
    (folder / "runs" / "letters").mkdir()
    (folder / "runs" / "letters" / "dear.txt").write_text("dear", "utf-8")
    os.utime(folder / "runs" / "letters" / "dear.txt", (0, 0))
    found = typed("purge", "--older-than", "30d", "--json")
    assert (found.exit, found.summary["runs"]) == (Exit.DONE, ["runs/bad"])
    assert "Its age is that of its newest file." in found.err
    listed = typed("runs")
    assert listed.exit == Exit.DONE
    assert {line for line in listed.out.splitlines() if line[:1] != " "} >= {"runs/bad"}
    assert "runs/well" in listed.out
    faults = {one["run"]: one.get("fault") for one in json.loads(typed("runs", "--json").out)}
    assert faults.keys() == {"runs/bad", "runs/well"}
    assert faults["runs/bad"]
    damage(folder / "runs" / "bad", "noise")
    typed("runs")
    assert typed("purge", "--older-than", "30d", "--yes").exit == Exit.DONE
    assert {path.name for path in (folder / "runs").iterdir()} == {"letters", "well"}


def test_a_run_in_the_way_stops_no_other(
    folder: Path, typed: Type, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that is held, and one whose folder cannot be read, are named; the others go."""
    for name in ("closed", "held", "other"):
        typed("check", PATRONS, "-m", COMMUNITY, "-o", f"runs/{name}")
    look = Path.iterdir

    def iterdir(path: Path) -> Iterator[Path]:
        if path.name == "closed":
            raise PermissionError(13, "Permission denied", str(path))
        return look(path)

    monkeypatch.setattr(Path, "iterdir", iterdir)
    listed = typed("runs").out
    assert "runs/closed cannot be read (Permission denied)" in listed
    assert "runs/other  check" in listed
    with run_lock(folder / "runs" / "held", "ana@desk", datetime.now(UTC)):
        got = typed("purge", "--older-than", "0d", "--yes")
    assert got.exit == Exit.STOPPED
    assert got.out == "runs/other\n"
    for named in ("runs/closed was not deleted", "runs/held was not deleted", "ana@desk"):
        assert named in got.err
    assert {path.name for path in (folder / "runs").iterdir()} == {"closed", "held"}


def test_a_linked_run_is_left_where_it_is(folder: Path, typed: Type) -> None:
    """The link and the folder it leads to stay as they are, and purge says so."""
    typed("check", PATRONS, "-m", COMMUNITY, "-o", "elsewhere")
    (folder / "runs").mkdir()
    (folder / "runs" / "linked").symlink_to(folder / "elsewhere", target_is_directory=True)
    before = sorted((folder / "elsewhere").iterdir())
    got = typed("purge", "--older-than", "0d", "--yes")
    assert got.exit == Exit.STOPPED
    assert "runs/linked was not deleted: it is a link" in got.err
    assert "None" not in got.err
    assert sorted((folder / "elsewhere").iterdir()) == before


def test_nothing_of_a_patron_is_left_by_purge(folder: Path, typed: Type, sandbox: Sandbox) -> None:
    """Old decisions, which hold identifiers, and empty folders go as old runs do."""
    DecisionMemory("01SANDBOX_INST sandbox").save(
        Resolution(
            "canary2001", Answer.CREATE, "", frozenset({"canary1001"}), frozenset(), "ana@desk",
            datetime(2026, 1, 2, tzinfo=UTC),
        ),
    )  # fmt: skip
    (folder / "runs" / "left-empty").mkdir()
    os.utime(folder / "runs" / "left-empty", (0, 0))
    found = typed("purge", "--older-than", "30d", "--json").summary
    assert (found["decisions"], found["runs"]) == (1, ["runs/left-empty"])
    assert b"canary" in (folder / "runs" / "decisions.sqlite").read_bytes()
    typed("purge", "--older-than", "30d", "--yes")
    assert [path.name for path in (folder / "runs").iterdir()] == ["decisions.sqlite"]
    assert b"canary" not in (folder / "runs" / "decisions.sqlite").read_bytes()


def test_runs_say_what_came_of_them_oldest_first(
    folder: Path, typed: Type, sandbox: Sandbox
) -> None:
    """The list has the counts of each run in words, by the time of its beginning."""
    typed("plan", PATRONS, "-m", COMMUNITY, "-o", "runs/b")
    typed("plan", PATRONS, "-m", COMMUNITY, "-o", "runs/a")
    typed("apply", "b")
    first, counts, second, more = typed("runs").out.splitlines()
    assert (first.split()[:2], second.split()[:2]) == (["runs/b", "applied"], ["runs/a", "plan"])
    assert "created" in counts
    assert "to create" in more


def test_the_version(typed: Type) -> None:
    """`--version` says which program this is."""
    got = typed("--version")
    assert (got.exit, got.out.split()) == (Exit.DONE, ["importer", version("alma-roster-importer")])


def test_a_damaged_ledger_is_told(folder: Path, typed: Type) -> None:
    """A ledger that is no ledger any more: one sentence, exit 2."""
    typed("check", PATRONS, "-m", COMMUNITY, "-o", "run")
    for beside in ("-wal", "-shm"):
        (folder / "run" / f"ledger.sqlite{beside}").unlink(missing_ok=True)
    (folder / "run" / "ledger.sqlite").write_bytes(os.urandom(4096))
    assert typed("report", "run").exit == Exit.USAGE
    shutil.rmtree(folder / "run")
    assert typed("report", "run").exit == Exit.USAGE
