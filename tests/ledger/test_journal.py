"""The journal's states, and that a change of its history is seen."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from importer.ledger.integrity import first_broken
from importer.ledger.journal import Journal, history
from importer.ledger.ledger import Ledger, State
from importer.model.plan import Result
from tests.ledger.test_ledger import ANA, CHANGED, NOW, made


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    """A plan of a create (row 2) and an update (row 3)."""
    return made(tmp_path)


@pytest.fixture
def journal(ledger: Ledger) -> Journal:
    """Its journal."""
    return Journal(ledger, "jo@desk", lambda: NOW)


def test_an_intent_is_in_doubt_until_it_is_settled(ledger: Ledger, journal: Journal) -> None:
    """It counts as unknown, and holds what was there and what was sent."""
    journal.start("")
    journal.record_intent(3, ANA, CHANGED)
    step = journal.step(3)
    assert (step.state, step.attempts) == (State.INTENT, 1)
    assert step.sent is not None
    assert (step.sent.before, step.sent.body) == (ANA, CHANGED)
    assert journal.rows_in(State.INTENT, State.UNKNOWN) == (3,)
    assert ledger.results()[Result.UNKNOWN] == 1
    journal.record_outcome(3, State.APPLIED, answered=CHANGED)
    assert ledger.results() == {Result.NOT_SENT: 1, Result.UPDATED: 1}


def test_attempts_are_counted(journal: Journal) -> None:
    """Every intent is one, whatever came of it."""
    for _ in range(3):
        journal.record_intent(2, None, ANA)
        journal.record_outcome(2, State.PLANNED)
    assert journal.step(2).attempts == 3


def test_another_process_goes_on(ledger: Ledger, journal: Journal) -> None:
    """What was written down is there when the ledger is opened again."""
    journal.start("")
    journal.record_intent(2, None, ANA)
    ledger.close()
    with Ledger.open(ledger.folder) as again:
        assert Journal(again, "flo", lambda: NOW).rows_in(State.INTENT) == (2,)
        assert again.was_applied


def _written(journal: Journal) -> None:
    journal.start("")
    for row in (2, 3):
        journal.record_intent(row, None, ANA)
        journal.record_outcome(row, State.APPLIED)
    journal.note("finished", "")


def test_an_untouched_history_is_whole(ledger: Ledger, journal: Journal) -> None:
    """Also an empty one, and one that goes on in another zone of time."""
    assert first_broken(ledger) is None
    _written(journal)
    Journal(ledger, "flo", lambda: NOW + timedelta(days=-1)).note("paused", "")
    assert first_broken(ledger) is None
    events = [entry.event for entry in history(ledger, 2)]
    assert events == ["intent", "applied"]


@pytest.mark.parametrize(
    ("change", "broken"),
    [
        ("UPDATE entries SET detail = 'x' WHERE id = 3", 3),
        ("UPDATE entries SET operator = 'x' WHERE id = 1", 1),
        ("UPDATE entries SET time = '2020-01-01T00:00:00+00:00' WHERE id = 6", 6),
        ("UPDATE entries SET hash = 'x' WHERE id = 2", 2),
        ("DELETE FROM entries WHERE id = 1", 2),
        ("DELETE FROM entries WHERE id = 4", 5),
        ("DELETE FROM entries WHERE id = 6", 6),
        ("DELETE FROM entries WHERE id > 3", 4),
        ("DELETE FROM entries", 1),
        ("UPDATE entries SET id = CASE id WHEN 2 THEN 103 WHEN 3 THEN 2 ELSE id END", 2),
        ("DELETE FROM run WHERE name = 'head'", 7),
    ],
)
def test_a_changed_history_is_seen(
    ledger: Ledger, journal: Journal, change: str, broken: int
) -> None:
    """An entry that was edited, removed, moved, or cut off at the end."""
    _written(journal)
    ledger.connection.execute(change)
    assert first_broken(ledger) == broken
