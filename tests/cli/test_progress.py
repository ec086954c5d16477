"""What is seen while something takes its time."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from importer.cli import progress as module
from importer.cli.applying import _Telling
from importer.cli.progress import progress
from importer.ledger.states import State
from importer.model.plan import Act
from importer.writer.news import Told

WAIT = "Alma asked us to slow down, 4 s"
ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such terminals")
def test_a_wait_is_seen_while_nothing_advances() -> None:
    """On a terminal the rate, the outcomes and a wait stand with the bar, between two rows too."""
    import pty

    ours, theirs = pty.openpty()
    script = (
        "import time; from importer.cli.progress import progress; said = ['']\n"
        "with progress('Applying', lambda: said[0]) as advance:\n"
        "    advance(3, 10, '3 created'); time.sleep(0.3); advance(4, 10, '3 created, 1 updated')\n"
        f"    said[0] = {WAIT!r}; time.sleep(0.5)"
    )
    child = subprocess.run(
        [sys.executable, "-c", script],
        check=False,
        stderr=theirs,
        cwd=ROOT,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "100"},
    )
    os.close(theirs)
    seen = os.read(ours, 100_000).decode()
    os.close(ours)
    assert child.returncode == 0, seen
    assert f"3 created, 1 updated · {WAIT}" in seen
    assert "a second" in seen


def test_without_a_terminal_there_is_a_line_now_and_then(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The line says how far, how fast, what came of it, and what is waited for."""
    monkeypatch.setattr(module, "INTERVAL", 0.0)
    with progress("Applying", lambda: WAIT) as advance:
        time.sleep(0.01)
        advance(1, 4, "1 created")
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("Applying: 1 of 4 (")
    assert line.endswith(f"; 1 created; {WAIT})")


def test_rows_are_counted_by_what_came_of_them() -> None:
    """A row counts once, by its last state, and only what is final is done."""
    told: list[tuple[int, int, str]] = []
    telling = _Telling(lambda *news: told.append(news), 3)
    telling(Told(2, Act.CREATE, State.UNKNOWN))
    telling(Told(3, Act.UPDATE, State.APPLIED))
    telling(Told(2, Act.CREATE, State.APPLIED))
    telling(Told(4, Act.CREATE, State.REFUSED))
    assert told[0] == (0, 3, "")
    assert told[-1] == (3, 3, "1 created, 1 updated, 1 refused by Alma")
