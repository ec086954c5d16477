"""What runs leave for later plans, in one file for all."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from importer.errors import LedgerError
from importer.ledger.journal import Journal, RunContent, write_run
from importer.ledger.run_lock import WriteGate, open_alone
from importer.memory.answers import DecisionMemory
from importer.memory.last_seen import LastSeen
from importer.memory.loads import EditMemory, Remembered, institutions
from importer.memory.memory import BEFORE, forget
from importer.memory.one_person import entries_about, rows_about
from importer.model.plan import Create, Fate, Image, Imprint, InRecord
from importer.model.run import RunFacts
from importer.model.user import User
from tests.report import building

ALMA = "01INST sandbox"
DAY = datetime(2026, 8, 20, 9, 30, tzinfo=UTC)
GROUP, NAME = InRecord("user_group"), InRecord("first_name")


def left(group: str, where: InRecord = GROUP) -> dict[str, Imprint]:
    """A value that a load left."""
    return {where.path: Imprint(where, "cells", "rule", group, group, "2026-08-20")}


def load(memory: EditMemory, day: int, *found: Remembered, run: str = "", part: str = "") -> None:
    """Remember a run of a day; `part`: the mapping of a rejects file."""
    name, time = run or f"run {day}", DAY + timedelta(days=day)
    Path("runs", name).mkdir(parents=True, exist_ok=True)
    memory.remember(name, found, time, {"m"} - {*part}, Path("runs", name))
    memory.done(name, 1, Path("runs", name))


def undo(memory: EditMemory, run: str, now: dict[str, str], done: Iterable[str]) -> None:
    """Remember that a run was undone; what was remembered before it is read from its folder."""
    memory.restore(run, now, {*done}, Path("runs", run))


def one(user: str, values: dict[str, Imprint], before: str = "", mapping: str = "m") -> Remembered:
    """What a run left of a user."""
    return Remembered(user, before or user, mapping, values)


def known(memory: EditMemory, *users: str) -> list[str]:
    """The group that is remembered of each user, "" if none."""
    found = (memory.of("m", [user]).own or {} for user in users)
    return [values["user_group"].made if "user_group" in values else "" for values in found]


@pytest.fixture(autouse=True)
def memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterable[EditMemory]:
    """An empty memory in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    with EditMemory(ALMA) as opened:
        yield opened


def test_reading_makes_no_file(memory: EditMemory) -> None:
    """Where nothing was remembered nothing is made, and nothing is known."""
    assert known(memory, "1") == [""]
    assert (DecisionMemory(ALMA).load(), LastSeen(ALMA).leavers()) == ({}, {})
    forget(DAY)
    assert not Path("runs").exists()


def test_the_newest_load_of_a_mapping_counts(memory: EditMemory) -> None:
    """Values that the newest did not write stay; other mappings come after it, the newest first."""
    load(memory, 1, one("1", left("A") | left("Ana", NAME)), one("1", left("X"), mapping="x"))
    load(memory, 2, one("1", left("Y"), mapping="y"))
    load(memory, 3, one("1", left("B")))
    found = memory.of("m", ["9", "1"])
    assert found.own == left("B") | left("Ana", NAME)
    assert found.others == (left("Y"), left("X"))
    assert EditMemory("01OTHER sandbox").of("m", ["1"]).is_blank


def test_for_an_undone_user_the_memory_is_what_it_was_before_the_load(memory: EditMemory) -> None:
    """Whatever later loads only saw; a user whom a later load wrote stays, and its run is named."""
    for day, group in enumerate("AB"):
        load(memory, day, *(one(user, left(group)) for user in "123"))
    seen = Remembered("2", "2", "x", left("B"), seen=DAY + timedelta(days=2))
    load(memory, 2, one("1", left("C")), seen)
    later = [memory.written_later(user, "run 1", DAY) for user in "123"]
    assert later == ["runs/run 2", "", ""]
    undo(memory, "run 1", {"3": ""}, {"1", "2", "3"})
    assert known(memory, "1", "2", "3") == ["C", "A", ""]
    assert not memory.of("m", ["2"]).others
    assert memory.entry("run 2") == 1
    load(memory, 3, one("2", left("B")))
    assert memory.written_later("2", "run 1", DAY + timedelta(days=1)) == "runs/run 3"


def test_the_last_load_is_that_of_a_whole_roster(memory: EditMemory) -> None:
    """With what its rejects file added; undone, the one before is the last."""
    load(memory, 1, one("1", left("A")), one("2", left("A")))
    load(memory, 2, one("2", left("A")), one("3", left("A")))
    load(memory, 3, one("4", left("A")), part="m")
    last = memory.last_load("m")
    assert last is not None
    assert (str(last.day), last.there) == ("2026-08-22", frozenset("234"))
    assert last.imprints("1") == left("A")
    undo(memory, "run 3", {"4": ""}, set())
    undo(memory, "run 2", {"3": ""}, set())
    last = memory.last_load("m")
    assert last is not None
    assert (str(last.day), last.there) == ("2026-08-21", frozenset("12"))
    assert [*institutions("m", "01INST")] == [*institutions("m", "")] == [ALMA]
    assert memory.last_load("x") is None
    assert not [*institutions("m", "01OTHER")]


def test_who_was_renamed_since_and_not_undone_is_remembered(memory: EditMemory) -> None:
    """The undone run knew the user by an ID that a later load replaced."""
    load(memory, 1, one("1", left("A")), one("2", left("A")))
    load(memory, 2, one("9", left("B"), before="1"))
    undo(memory, "run 1", {}, {"2"})
    assert known(memory, "9", "2") == ["B", ""]


def test_a_key_that_cannot_be_made_is_not_called_lost(memory: EditMemory) -> None:
    """Nothing was hashed yet, so no backup would help."""
    Path("users").touch()
    with pytest.raises(LedgerError, match="cannot be made"):
        _ = memory.key


@pytest.mark.parametrize("key", [None, "", "ab", "0" * 64])
def test_a_lost_key_is_no_reason_to_forget(memory: EditMemory, key: str | None) -> None:
    """Where values were hashed with another key, nothing is read, and no other key is made."""
    load(memory, 1, one("1", left("A")))
    memory.close()
    path = EditMemory.key_path
    own = path.read_bytes()
    path.unlink()
    if key is not None:
        path.write_text(key, "ascii")
    with pytest.raises(LedgerError, match=r"edits\.key"), EditMemory(ALMA) as opened:
        opened.of("m", ["1"])
    path.write_bytes(own)
    with EditMemory(ALMA) as opened:
        assert known(opened, "1") == ["A"]


def test_a_file_that_another_command_writes_is_not_called_damaged(
    memory: EditMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody is told to delete it."""
    load(memory, 1, one("1", left("A")))
    memory.connection.execute("PRAGMA busy_timeout = 10")
    with closing(sqlite3.connect("runs/memory.sqlite", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(LedgerError) as caught:
            load(memory, 2, one("1", left("B")))
    assert "delete" not in str(caught.value)


def test_ids_are_handed_on_in_one_run(memory: EditMemory) -> None:
    """Each user's values go with the user, in whatever order the rows are, and back by undo."""
    load(memory, 1, one("1", left("A")), one("2", left("B")))
    load(memory, 2, one("2", left("A"), before="1"), one("3", {}, before="2"))
    assert known(memory, "1", "2", "3") == ["", "A", "B"]
    assert memory.former() == {"1": "2"}  # 2 is somebody's again
    undo(memory, "run 2", {"2": "1", "3": "2"}, {"2", "3"})
    assert known(memory, "1", "2", "3") == ["A", "B", ""]


def test_purge_forgets_nothing_that_loads_wrote(memory: EditMemory) -> None:
    """Plans need it; what an undo puts back is in the folder of its run."""
    for day, group in enumerate("ABC"):
        load(memory, day, one("1", left(group)))
    forget(DAY + timedelta(days=9))
    for run, before in (("run 2", "B"), ("run 1", "A"), ("run 0", "")):
        undo(memory, run, {}, {"1"})
        assert known(memory, "1") == [before]


def test_one_newest_entry_of_a_person_and_mapping_is_kept(memory: EditMemory) -> None:
    """The memory grows with people and values, not with loads: unchanged loads need no space."""
    people = [f"{number:05}" for number in range(200)]

    def entries() -> int:
        return int(next(memory.read("SELECT count(*) FROM loaded"))[0])

    def size() -> int:
        memory.close()
        return Path("runs/memory.sqlite").stat().st_size

    load(memory, 0, *(one(user, left("A") | left("Ana", NAME)) for user in people))
    sizes = [size()]
    for first, last in ((1, 4), (4, 24)):
        for day in range(first, last):
            seen = DAY + timedelta(days=day)
            values = left("A") | left("Ana", NAME)
            load(memory, day, *(Remembered(user, user, "m", values, seen=seen) for user in people))
        sizes.append(size())
    assert sizes[2] - sizes[1] <= 3 * 4096  # the lists of runs and loads: a line each
    assert (entries(), sizes[2] < 2 * sizes[0]) == (len(people), True)
    assert not [*Path("runs").glob(f"*/{BEFORE}")][1:]


def test_what_a_load_replaces_is_saved_once_in_its_folder(memory: EditMemory) -> None:
    """Although its apply was killed before the memory was written, or another command did both."""
    load(memory, 0, one("1", left("A")))
    memory.close()
    before = Path("runs/memory.sqlite").read_bytes()
    load(memory, 1, one("1", left("B")), one("2", left("B")))
    memory.close()
    Path("runs/memory.sqlite").write_bytes(before)
    load(memory, 2, one("1", left("C"), mapping="x"))
    load(memory, 1, one("1", left("B")), one("2", left("B")))
    undo(memory, "run 2", {}, {"1"})
    undo(memory, "run 1", {}, {"1", "2"})
    assert known(memory, "1", "2") == ["A", ""]


def test_a_run_is_remembered_by_another_command_while_it_is_applied(memory: EditMemory) -> None:
    """What it replaces is beside the run's ledger, so the gate before the next write lets it go."""
    Path("runs/run 1").mkdir(parents=True)
    load(memory, 0, one("1", left("A")))
    write_run(Path("runs/run 1"), building.FACTS, {2: Fate.READY}, RunContent()).close()
    with open_alone(Path("runs/run 1"), "jo", DAY) as ledger:
        gate = WriteGate(Journal(ledger, "jo", lambda: DAY))
        load(memory, 1, one("1", left("B")))
        assert Path("runs/run 1", BEFORE).exists()
        gate()


def test_a_damaged_file_is_named(memory: EditMemory) -> None:
    """The message says what is lost with it."""
    Path("runs").mkdir()
    Path("runs/memory.sqlite").write_bytes(b"no database" * 100)
    with pytest.raises(LedgerError, match=r"memory\.sqlite"):
        memory.of("m", ["1"])


@pytest.mark.parametrize("other", ["müller1", "MÜLLER1"])
def test_case_does_not_hide_a_person(memory: EditMemory, tmp_path: Path, other: str) -> None:
    """An ID with letters beyond A to Z is found, and erased, in records that write it otherwise."""
    user = User(primary_id="MÜLLER1", first_name="Ana", last_name="Vex")
    LastSeen(ALMA).leave({"1": Image(user, user, user)}, (), "run", DAY)
    ids = {other.casefold()}
    assert entries_about(ids) == entries_about(ids, erase=True) == {"leavers": 1}
    assert entries_about(ids) == {}
    with write_run(
        tmp_path, building.FACTS, {2: Fate.READY}, RunContent(steps=[Create(2, user)])
    ) as ledger:
        assert rows_about(ledger, ids) == {2}
        assert ledger.count_rows(None, other) == 1


def plan_of(mapping: str, roster: str, started: datetime) -> RunFacts:
    """The facts of a plan of a roster, named by its hash."""
    update = {
        "mapping": building.FACTS.mapping.model_copy(update={"name": mapping}),
        "roster": building.FACTS.roster.model_copy(update={"sha256": roster}),
        "started": started,
    }
    return building.FACTS.model_copy(update=update)


def test_a_load_that_was_undone_is_no_newer_load(memory: EditMemory) -> None:
    """An older plan can be resolved again."""
    facts = plan_of("m", "r", DAY)
    load(memory, 0, one("1", left("A")))
    load(memory, 1, one("1", left("B")))
    assert memory.loaded_since(facts, 1, "1") == date(2026, 8, 21)
    undo(memory, "run 1", {}, {"1"})
    assert memory.loaded_since(facts, 1, "1") is None
