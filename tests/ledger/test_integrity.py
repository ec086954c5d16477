"""A ledger that is not as it was written is noticed; one that was merely cut off is not."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from importer.errors import ImporterError, StalePlanError, UsageError
from importer.ledger.integrity import (
    MARK,
    check_seal,
    check_whole,
    end_is_lost,
    fault,
    is_sealed,
    mark_paths,
)
from importer.ledger.journal import Journal, RunContent, history, images, to_create, write_run
from importer.ledger.ledger import FILE, JournalEvent, Ledger, State, summarize
from importer.ledger.run_lock import open_alone
from importer.model.plan import Fate, Planned, Result, Unchanged
from importer.model.problem import Code, Origin, Problem
from tests.ledger.plans import ANA, CHANGED, FACTS, NOW, STEPS, made

DECIDED = Problem.of(Code.RESOLVED, Origin("autumn.csv", "", 3), "told")


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """A plan of a create (row 2) and an update (row 3)."""
    with made(tmp_path) as ledger:
        yield ledger


def journal(ledger: Ledger) -> Journal:
    """Return a journal of the ledger."""
    return Journal(ledger, "jo@desk", lambda: NOW)


# the seal


@pytest.mark.parametrize(
    "change",
    [
        """UPDATE steps SET after = replace(after, 'COMM', 'SPEC')""",
        """UPDATE steps SET before = replace(before, 'Ana', 'Eva')""",
        "UPDATE steps SET changes = '[]'",
        "UPDATE steps SET override = '[]' WHERE row = 3",
        "UPDATE steps SET checks = '[]' WHERE row = 3",
        "UPDATE steps SET primary_id = '1' WHERE row = 3",
        "UPDATE steps SET act = 'delete' WHERE row = 3",
        "DELETE FROM steps WHERE row = 3",
        "INSERT INTO steps SELECT 9, act, primary_id, before, after, changes, override, state,"
        " checks FROM steps WHERE row = 2",
        """UPDATE run SET value = replace(value, 'jo@desk', 'flo') WHERE name = 'facts'""",
        "DELETE FROM run WHERE name = 'seal'",
    ],
)
def test_a_changed_plan_is_refused(ledger: Ledger, change: str) -> None:
    """A step that was edited, removed or added, or a fact of the run."""
    check_seal(ledger)
    ledger.connection.execute("PRAGMA foreign_keys = OFF")
    assert ledger.connection.execute(change).rowcount > 0
    with pytest.raises(StalePlanError, match="changed after it was made"):
        check_seal(ledger)
    assert "changed by hand" in fault(ledger)


def test_what_apply_writes_leaves_the_seal(ledger: Ledger) -> None:
    """States, images, problems and entries are no part of the plan."""
    writing = journal(ledger)
    writing.start(None)
    writing.record_intent(3, ANA, CHANGED)
    writing.record_outcome(3, State.APPLIED, answered=CHANGED, problems=[DECIDED])
    assert is_sealed(ledger)
    assert fault(ledger) == ""


def test_a_decision_renews_the_seal(ledger: Ledger) -> None:
    """Of its own row only: a change by hand of another row still shows."""
    writing = journal(ledger)
    writing.record_resolution(3, Fate.READY, Planned(Unchanged(3, "20001234567890")), [DECIDED], "")
    assert is_sealed(ledger)
    writing.record_resolution(3, Fate.REJECTED, None, [DECIDED], "")
    assert is_sealed(ledger)
    ledger.connection.execute("UPDATE steps SET after = '{}' WHERE row = 2")
    writing.record_resolution(3, Fate.READY, Planned(STEPS[1]), [DECIDED], "")
    assert not is_sealed(ledger)


# the mark


def written(ledger: Ledger, *rows: int) -> None:
    """Begin an apply and write these rows."""
    writing = journal(ledger)
    writing.start(None)
    for row in rows:
        writing.record_intent(row, ANA if row == 3 else None, CHANGED if row == 3 else ANA)
        writing.record_outcome(row, State.APPLIED, answered=CHANGED)


def restore(ledger: Ledger, copy: Path) -> Ledger:
    """Put an older copy in the place of the ledger, and open that."""
    ledger.close()
    for beside in ("-wal", "-shm"):
        (ledger.folder / f"{FILE}{beside}").unlink(missing_ok=True)
    shutil.copy(copy, ledger.folder / FILE)
    return Ledger.open(ledger.folder)


def copied(ledger: Ledger, name: Path) -> Path:
    """Copy the ledger as it is now."""
    with closing(sqlite3.connect(name)) as copy:
        ledger.connection.backup(copy)
    return name


def test_an_older_copy_is_noticed(ledger: Ledger, tmp_path: Path) -> None:
    """Also one that has gone on for longer than the entries that it lacks.

    Doubted rows are as good as sent: with what would be overwritten, and what was sent.
    """
    copy = copied(ledger, tmp_path / "copy")
    written(ledger, 2, 3)
    assert not end_is_lost(ledger)
    with restore(ledger, copy) as older:
        assert end_is_lost(older)
        assert "entries of this run's ledger are lost" in fault(older)
        for _ in range(9):
            journal(older).note(JournalEvent.ALLOWED, "removals")
        assert end_is_lost(older)
        journal(older).doubt()
        assert older.results() == {Result.UNKNOWN: 2}
        step = journal(older).step(3)
        assert step.sent is not None
        assert (step.sent.before, step.sent.sent) == (ANA, CHANGED)
        assert journal(older).step(2).sent is not None
        assert (end_is_lost(older), fault(older)) == (False, "")


def test_a_cut_wal_is_noticed(ledger: Ledger) -> None:
    """SQLite drops what is cut off without a word, and the history ends earlier."""
    ledger.connection.execute("PRAGMA wal_autocheckpoint = 0")
    written(ledger, 2)
    wal = ledger.folder / f"{FILE}-wal"
    whole = wal.read_bytes()
    kept = ledger.folder / "kept"
    shutil.copy(ledger.folder / FILE, kept)
    ledger.close()
    shutil.copy(kept, ledger.folder / FILE)
    wal.write_bytes(whole[: len(whole) - 5000])
    with Ledger.open(ledger.folder) as cut:
        assert end_is_lost(cut)


@pytest.mark.parametrize("mark", [None, b"", b"00000000000000000009", b"\xff" * 85])
def test_a_mark_that_is_not_there_is_no_alarm(ledger: Ledger, mark: bytes | None) -> None:
    """It may not have been written yet."""
    written(ledger, 2)
    path = ledger.folder / MARK
    path.unlink() if mark is None else path.write_bytes(mark)
    assert not end_is_lost(ledger)


def test_a_mark_behind_the_ledger_is_no_alarm(ledger: Ledger) -> None:
    """A process may be killed between the ledger's commit and the mark."""
    written(ledger)
    path = ledger.folder / MARK
    before = path.read_bytes()
    written(ledger, 2, 3)
    path.write_bytes(before)
    assert not end_is_lost(ledger)
    journal(ledger).note(JournalEvent.PAUSED, "")
    assert path.read_bytes() != before
    assert not end_is_lost(ledger)


def test_a_mark_that_cannot_be_written_stops_nothing(ledger: Ledger) -> None:
    """The ledger counts; the mark stays behind."""
    (ledger.folder / MARK).mkdir()
    written(ledger, 2)
    assert not end_is_lost(ledger)


# the whole folder


def _restored(ledger: Ledger, backup: Path) -> Ledger:
    """Put a backup in the place of the run's folder, with the mark in it."""
    ledger.close()
    shutil.rmtree(ledger.folder)
    shutil.copytree(backup, ledger.folder)
    return Ledger.open(ledger.folder)


def test_a_whole_folder_from_a_backup_is_noticed(tmp_path: Path) -> None:
    """The mark beside the folder was not restored with it."""
    folder, backup = tmp_path / "run", tmp_path / "backup"
    folder.mkdir()
    with made(folder) as ledger:
        written(ledger)
        shutil.copytree(folder, backup)
        written(ledger, 2, 3)
        with _restored(ledger, backup) as older:
            assert end_is_lost(older)
            assert "entries of this run's ledger are lost" in fault(older)
            journal(older).doubt()
            assert not end_is_lost(older)


def test_a_new_run_in_the_place_of_an_old_one_is_no_alarm(tmp_path: Path) -> None:
    """The mark of the old one is deleted; that of another run with this name does not count."""
    folder = tmp_path / "run"
    folder.mkdir()
    with made(folder) as ledger:
        written(ledger, 2, 3)
    beside = mark_paths(folder)[1]
    left = beside.read_bytes()
    shutil.rmtree(folder)
    folder.mkdir()
    with made(folder) as ledger:
        assert not end_is_lost(ledger)
        facts = FACTS.model_copy(update={"operator": "flo"}).model_dump_json()
        ledger.connection.execute("UPDATE run SET value = ? WHERE name = 'facts'", (facts,))
        beside.write_bytes(left)
        assert not end_is_lost(ledger)


# the whole ledger

DAMAGE = [
    "UPDATE rows SET fate = 'x' WHERE row = 2",
    "UPDATE rows SET fate = 'rejected' WHERE row = 2",
    "UPDATE rows SET fate = 'ready' WHERE row = 6",
    "DELETE FROM rows WHERE row = 4",
    "DELETE FROM steps WHERE row = 4",
    "UPDATE steps SET act = 'x' WHERE row = 2",
    "UPDATE steps SET state = 'x' WHERE row = 2",
    "UPDATE steps SET state = 'applied'",
    "UPDATE steps SET state = 'applied' WHERE row = 3",
    "UPDATE steps SET state = 'planned' WHERE row = 2",
    "UPDATE steps SET state = 'unknown' WHERE row = 2",
    "UPDATE problems SET code = 'x'",
    "UPDATE problems SET severity = 'x'",
    "UPDATE problems SET repairs = 'x'",
    "DELETE FROM entries WHERE event = 'applied'",
    "UPDATE run SET value = '{' WHERE name = 'facts'",
]


def _applied(folder: Path) -> Ledger:
    """A run of which row 2 is applied, row 3 is planned, and row 6 is rejected."""
    fates = {step.row: Fate.READY for step in STEPS} | {6: Fate.REJECTED}
    ledger = write_run(folder, FACTS, fates, RunContent(steps=STEPS, problems=[DECIDED]))
    written(ledger, 2)
    return ledger


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_value_that_cannot_be_is_damage(tmp_path: Path, damage: str) -> None:
    """Closed lists, fates against steps, states against the history."""
    with _applied(tmp_path) as ledger:
        check_whole(ledger)
        ledger.connection.execute("PRAGMA foreign_keys = OFF")
        assert ledger.connection.execute(damage).rowcount > 0
        with pytest.raises(UsageError, match="is damaged"):
            check_whole(ledger)


def test_states_follow_the_history(tmp_path: Path) -> None:
    """Also after a doubt, a resolution, and an outcome that plans a row again."""
    with _applied(tmp_path) as ledger:
        writing = journal(ledger)
        writing.doubt()
        check_whole(ledger)
        writing.record_outcome(3, State.PLANNED, "is not in Alma")
        writing.record_intent(3, ANA, CHANGED)
        check_whole(ledger)
        writing.record_resolution(3, Fate.READY, Planned(STEPS[1]), [DECIDED], "")
        check_whole(ledger)
        writing.record_resolution(3, Fate.REJECTED, None, [DECIDED], "")
        check_whole(ledger)


def _read_everything(folder: Path) -> None:
    """Read all that a report, a page or an undo reads."""
    with Ledger.open(folder) as ledger:
        summarize(ledger)
        read = (ledger.every_row(), ledger.problems(), history(ledger), images(ledger))
        for values in (*read, ledger.returning(), ledger.fates(), to_create(ledger)):
            deque(values, 0)
        ledger.columns()
        for row in journal(ledger).rows_in(*State):
            journal(ledger).step(row)
        fault(ledger)
    with open_alone(folder, "jo", NOW):
        pass


def _mutants(folder: Path, seed: int, count: int) -> Counter[str]:
    """Damage random bytes of a ledger, again and again; return what came of it."""
    dice = random.Random(seed)  # noqa: S311  reproducible on purpose
    folder.mkdir()
    _applied(folder).close()
    path = folder / FILE
    whole, ends = path.read_bytes(), Counter[str]()
    places = [place for place, byte in enumerate(whole) if byte] + list(range(100))
    for _ in range(count):
        damaged = bytearray(whole)
        for _ in range(dice.choice((1, 1, 3, 20))):
            damaged[dice.choice(places)] = dice.randrange(256)
        for name in ("-wal", "-shm"):
            (folder / f"{FILE}{name}").unlink(missing_ok=True)
        path.write_bytes(damaged)
        try:
            _read_everything(folder)
            ends["read"] += 1
        except ImporterError as error:
            ends[error.exit.name] += 1
    return ends


def test_a_damaged_byte_is_never_a_defect(tmp_path: Path) -> None:
    """Whatever bytes are damaged, reading ends or says that the ledger is damaged."""
    assert _mutants(tmp_path / "run", 1, 150).keys() == {"read", "USAGE"}


@pytest.mark.hunt
def test_many_damaged_bytes_are_never_a_defect(tmp_path: Path) -> None:
    """The same for a night."""
    seed = int(os.environ.get("HUNT_SEED") or 1)
    ends = _mutants(tmp_path / "run", seed, 20_000)
    assert ends.keys() <= {"read", "USAGE", "STOPPED"}
