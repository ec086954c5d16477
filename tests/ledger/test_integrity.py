"""A ledger that is not as it was written is noticed; one that was merely cut off is not."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from importer.errors import StalePlanError
from importer.ledger import states
from importer.ledger.integrity import MARK, check_seal, end_is_lost, fault, is_sealed
from importer.ledger.journal import Journal
from importer.ledger.ledger import Ledger
from importer.ledger.states import State
from importer.model.catalogue import Code
from importer.model.plan import Fate, Result, Unchanged
from importer.model.problem import Origin, Problem
from tests.ledger.test_ledger import ANA, CHANGED, NOW, STEPS, made

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
        "UPDATE steps SET primary_id = '1' WHERE row = 3",
        "UPDATE steps SET act = 'delete' WHERE row = 3",
        "DELETE FROM steps WHERE row = 3",
        "INSERT INTO steps SELECT 9, act, primary_id, before, after, changes, override, state"
        " FROM steps WHERE row = 2",
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
    writing.start("")
    writing.record_intent(3, ANA, CHANGED)
    writing.record_outcome(3, State.APPLIED, answered=CHANGED, problems=[DECIDED])
    assert is_sealed(ledger)
    assert fault(ledger) == ""


def test_a_decision_renews_the_seal(ledger: Ledger) -> None:
    """Of its own row only: a change by hand of another row still shows."""
    writing = journal(ledger)
    writing.record_resolution(3, Fate.READY, Unchanged(3, "20001234567890"), [DECIDED], "")
    assert is_sealed(ledger)
    writing.record_resolution(3, Fate.REJECTED, None, [DECIDED], "")
    assert is_sealed(ledger)
    ledger.connection.execute("UPDATE steps SET after = '{}' WHERE row = 2")
    writing.record_resolution(3, Fate.READY, STEPS[1], [DECIDED], "")
    assert not is_sealed(ledger)


# the mark


def written(ledger: Ledger, *rows: int) -> None:
    """Begin an apply and write these rows."""
    writing = journal(ledger)
    writing.start("")
    for row in rows:
        writing.record_intent(row, ANA if row == 3 else None, CHANGED if row == 3 else ANA)
        writing.record_outcome(row, State.APPLIED, answered=CHANGED)


def put_back(ledger: Ledger, copy: Path) -> Ledger:
    """Put an older copy in the place of the ledger, and open that."""
    ledger.close()
    for beside in ("-wal", "-shm"):
        (ledger.folder / f"{states.FILE}{beside}").unlink(missing_ok=True)
    shutil.copy(copy, ledger.folder / states.FILE)
    return Ledger.open(ledger.folder)


def copied(ledger: Ledger, name: Path) -> Path:
    """Copy the ledger as it is now."""
    with closing(sqlite3.connect(name)) as copy:
        ledger.connection.backup(copy)
    return name


def test_an_older_copy_is_noticed(ledger: Ledger, tmp_path: Path) -> None:
    """Also one that has gone on for longer than the entries that it lacks."""
    copy = copied(ledger, tmp_path / "copy")
    written(ledger, 2, 3)
    assert not end_is_lost(ledger)
    with put_back(ledger, copy) as older:
        assert end_is_lost(older)
        assert "entries of this run's ledger are lost" in fault(older)
        for _ in range(9):
            journal(older).note("allowed", "removals")
        assert end_is_lost(older)


def test_a_cut_wal_is_noticed(ledger: Ledger) -> None:
    """SQLite drops what is cut off without a word, and the history ends earlier."""
    ledger.connection.execute("PRAGMA wal_autocheckpoint = 0")
    written(ledger, 2)
    wal = ledger.folder / f"{states.FILE}-wal"
    whole = wal.read_bytes()
    kept = ledger.folder / "kept"
    shutil.copy(ledger.folder / states.FILE, kept)
    ledger.close()
    shutil.copy(kept, ledger.folder / states.FILE)
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
    journal(ledger).note("paused", "")
    assert path.read_bytes() != before
    assert not end_is_lost(ledger)


def test_a_mark_that_cannot_be_written_stops_nothing(ledger: Ledger) -> None:
    """The ledger counts; the mark stays behind."""
    (ledger.folder / MARK).mkdir()
    written(ledger, 2)
    assert not end_is_lost(ledger)


def test_doubted_rows_are_as_good_as_sent(ledger: Ledger, tmp_path: Path) -> None:
    """Each has what would be overwritten and what was sent, as the plan knows them."""
    copy = copied(ledger, tmp_path / "copy")
    written(ledger, 2, 3)
    with put_back(ledger, copy) as older:
        journal(older).doubt()
        assert older.results() == {Result.UNKNOWN: 2}
        step = journal(older).step(3)
        assert step.sent is not None
        assert (step.sent.before, step.sent.body) == (ANA, CHANGED)
        assert journal(older).step(2).sent is not None
        assert not end_is_lost(older)
        assert fault(older) == ""
