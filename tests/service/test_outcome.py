"""How something ended: one model, which a command writes and jobs and the page read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from importer.errors import Cause, DailyLimitError, Exit, MappingError, RosterError
from importer.service.outcome import Ending, ending_of, failed
from tests.report import building


@pytest.mark.parametrize(
    ("error", "code", "cause"),
    [
        (RosterError("Broken.", {"utf-8": "Zoë"}), Exit.ROSTER, Cause.ROSTER),
        (MappingError(("a: wrong", "b: wrong")), Exit.USAGE, Cause.MAPPING),
        (KeyError("Ana"), Exit.BUG, Cause.OTHER),
    ],
)
def test_an_error_is_read_as_it_was_written(error: Exception, code: Exit, cause: Cause) -> None:
    """With its exit code, its cause, and apart what only the person at the screen may see."""
    outcome = failed(error)
    assert (outcome.exit, outcome.cause, outcome.summary) == (code, cause, None)
    assert "Zoë" not in outcome.error
    assert "Ana" not in outcome.error
    assert Ending.read(json.dumps(outcome.as_json())) == outcome


def test_a_run_is_read_with_its_counts_and_why_it_stopped(tmp_path: Path) -> None:
    """The exit code is the worst one; the counts are keys of the same object."""
    with building.applied().ledger(tmp_path / "run") as ledger:
        outcome = ending_of(ledger, DailyLimitError("Used up."))
    written = outcome.as_json()
    assert (written["exit"], written["error"], written["cause"]) == (8, "Used up.", "passes")
    assert written["rows"] == outcome.counts.rows
    assert Ending.read(json.dumps(written)) == outcome


@pytest.mark.parametrize("text", ["", "half a li", "3", '{"event": "end"}', '{"exit": 77}'])
def test_another_text_is_no_outcome(text: str) -> None:
    """As of a command that was killed."""
    with pytest.raises(ValueError):  # noqa: PT011  each library has its own
        Ending.read(text)
