"""Reports that cannot be made hide no count and change no exit code that an apply earned."""

from __future__ import annotations

from pathlib import Path

import pytest

from importer.errors import Exit, LedgerError
from importer.report import files, page
from tests.cli.conftest import Sandbox, Type
from tests.cli.small import ANA, BO, state, write

FAULTS = [ZeroDivisionError("Nunez"), LedgerError("The report cannot be written.")]


def _fail(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """Let the page be impossible to make."""

    def failing(*_: object, **__: object) -> str:
        raise error

    monkeypatch.setattr(page, "render", failing)
    monkeypatch.setattr(files, "render", failing, raising=False)


@pytest.mark.parametrize("error", FAULTS)
@pytest.mark.parametrize("flags", [(), ("--json",)])
def test_an_apply_ends_as_it_went(
    folder: Path,
    typed: Type,
    sandbox: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    flags: tuple[str, ...],
) -> None:
    """Both users are in Alma: the counts are shown, the exit code is 0, one sentence says more."""
    typed("plan", write(folder, ANA, BO), "-m", "small.yaml", "-o", "run")
    _fail(monkeypatch, error)
    got = typed("apply", "run", *flags)
    assert sorted(state(sandbox)) == [ANA[0], BO[0]]
    assert got.exit == Exit.DONE
    if flags:
        assert got.summary["created"] == 2
    else:
        assert got.err.index("2 of 2 rows were written to Alma") < got.err.index("report")
        assert "importer undo run" in got.err
    assert "Nunez" not in got.err
    assert "cannot be written" in got.err or "importer report run" in got.err


@pytest.mark.parametrize("error", FAULTS)
def test_a_check_without_its_reports_failed(
    folder: Path, typed: Type, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """Its reports are what it is for; the counts are on the screen all the same."""
    roster = write(folder, ANA, BO)
    _fail(monkeypatch, error)
    got = typed("check", roster, "-m", "small.yaml", "-o", "run")
    assert got.exit == (Exit.STOPPED if isinstance(error, LedgerError) else Exit.BUG)
    assert "All 2 rows are ready." in got.err
