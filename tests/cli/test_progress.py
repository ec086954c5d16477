"""The progress of long commands."""

from __future__ import annotations

from io import StringIO

import pytest
from rich.console import Console

from importer.cli.console import INTERVAL, Bar, progress
from importer.cli.load import _ShownProgress
from importer.ledger.states import State
from importer.model.plan import Act
from importer.writer.executor import RowDone

WAIT = "Alma asked us to slow down, 4 s"


class Clock:
    """A clock that stands still until a test moves it; in seconds."""

    def __init__(self) -> None:
        """Start at zero."""
        self.now = 0.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


def test_a_wait_is_seen_while_nothing_advances() -> None:
    """The rate and the results stand with the bar; a wait appears between two rows."""
    clock, notices = Clock(), [""]
    bar = Bar("Applying", lambda: notices[-1], clock)
    bar.advance_to(3, 10, "3 created")
    clock.now = 2
    bar.advance_to(7, 10, "6 created, 1 updated")
    notices.append(WAIT)
    console = Console(file=StringIO(), width=100, record=True)
    console.print(*bar.get_renderables())
    shown = console.export_text()
    assert "7 of 10" in shown
    assert "2.0 a second" in shown
    assert f"6 created, 1 updated · {WAIT}" in shown


def test_without_a_terminal_there_is_a_line_every_few_seconds(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The line says how far, how fast, with which results, and what it waits for."""
    clock = Clock()
    with progress("Applying", lambda: WAIT, clock) as advance:
        clock.now = INTERVAL - 1
        advance(4, 40, "4 created")
        clock.now = INTERVAL
        advance(5, 40, "5 created")
    assert capsys.readouterr().err.splitlines() == [
        f"Applying: 5 of 40 (0.5 a second, about 70 s left; 5 created; {WAIT})"
    ]


def test_rows_are_counted_by_what_came_of_them() -> None:
    """A row counts once, by its last state, and only what is final is done."""
    told: list[tuple[int, int, str]] = []
    telling = _ShownProgress(lambda *news: told.append(news), 3)
    telling(RowDone(2, Act.CREATE, State.UNKNOWN))
    telling(RowDone(3, Act.UPDATE, State.APPLIED))
    telling(RowDone(2, Act.CREATE, State.APPLIED))
    telling(RowDone(4, Act.CREATE, State.REFUSED))
    assert told[0] == (0, 3, "")
    assert told[-1] == (3, 3, "1 created, 1 updated, 1 refused by Alma")
