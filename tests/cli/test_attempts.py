"""An apply that is begun more than once, or not at all."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from importer.cli.load import _ShownProgress
from importer.errors import Exit
from importer.writer.executor import RowDone, Waiting
from tests.cli.conftest import Sandbox, Type
from tests.cli.small import ANA, BO, MAPPING, load, write

BRAKES = "safety_checks:\n"


@pytest.fixture
def changing(folder: Path, typed: Type, sandbox: Sandbox) -> str:
    """A plan at which a brake holds, since it changes every user whom Alma has."""
    assert sandbox.log() == []
    load(typed, write(folder, ANA, BO), "first")
    roster = write(folder, (*ANA[:3], "FRIEND", *ANA[4:]), (*BO[:3], "COMM", *BO[4:]))
    held = MAPPING.replace(BRAKES, f"{BRAKES}  many_changes: {{percent: 1, count: 0}}\n")
    (folder / "small.yaml").write_text(held, "utf-8")
    typed("plan", roster, "-m", "small.yaml", "-o", "run")
    return "run"


def test_a_brake_that_was_let_pass_stays_so_and_that_is_said(changing: str, typed: Type) -> None:
    """Who goes on need not name it again, and is told who did."""
    assert typed("apply", changing).exit == Exit.SAFETY_CHECK
    begun = typed("apply", changing, "--allow", "many-changes", "--limit", "1")
    assert "let it pass" not in begun.err
    ended = typed("apply", changing)
    assert ended.exit == Exit.DONE
    assert "Safety check many-changes: " in ended.err


def test_where_nothing_was_begun_only_the_reason_is_said(
    changing: str, typed: Type, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No look at the plan, and no advice to carry it out, contradicts that it could not be."""
    monkeypatch.setenv("ALMA_API_KEY", "not-a-key")
    got = typed("apply", changing, "--allow", "many-changes")
    assert got.exit == Exit.ACCESS
    assert "Review the plan" not in got.err
    assert got.err.rstrip().endswith(f"importer apply {changing}")


def test_a_stop_after_the_last_row_leaves_nothing_to_continue(
    folder: Path, typed: Type, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message says that the plan is complete, and so does the same command again."""
    show = _ShownProgress.__call__

    def press(shown: _ShownProgress, event: RowDone | Waiting) -> None:
        show(shown, event)
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(_ShownProgress, "__call__", press)
    typed("plan", write(folder, ANA), "-m", "small.yaml", "-o", "run")
    got = typed("apply", "run")
    assert got.exit == Exit.INTERRUPTED
    assert "The plan is complete." in got.err
    assert "To continue" not in got.err
    again = typed("apply", "run")
    assert (again.exit, "already complete" in again.err) == (Exit.DONE, True)


def test_a_plan_without_a_row_to_send_is_not_called_complete(
    folder: Path, typed: Type, sandbox: Sandbox
) -> None:
    """It was never applied; however often it is tried, Alma is not called."""
    typed("plan", write(folder, (*ANA[:3], "NONE", *ANA[4:])), "-m", "small.yaml", "-o", "run")
    asked = sandbox.log()
    for _ in range(2):
        got = typed("apply", "run")
        assert (got.exit, "nothing to apply" in got.err) == (Exit.REJECTS, True)
    assert sandbox.log() == asked
