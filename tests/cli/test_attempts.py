"""An apply that is begun twice, or not at all, without its reports, or with a changed ledger."""

from __future__ import annotations

import shutil
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from importer.errors import Exit, LedgerError
from importer.report import files, page
from importer.service.loads import Counts
from importer.writer.executor import RowDone, Waiting
from tests.cli.conftest import Sandbox
from tests.cli.small import ANA, ANAS_CHANGE, BO, MAPPING, load, state, write
from tests.command_line import typed

BRAKES = "safety_checks:\n"


@pytest.fixture
def changing(sandbox: Sandbox) -> str:
    """A plan at which a brake holds, since it changes every user whom Alma has."""
    assert sandbox.log() == []
    load(write(ANA, BO), "first")
    roster = write((*ANA[:3], "FRIEND", *ANA[4:]), (*BO[:3], "COMM", *BO[4:]))
    held = MAPPING.replace(BRAKES, f"{BRAKES}  many_changes: {{percent: 1, count: 0}}\n")
    Path("small.yaml").write_text(held, "utf-8")
    typed("plan", roster, "-m", "small.yaml", "-o", "run")
    return "run"


def test_a_brake_that_was_let_pass_stays_so_and_that_is_said(changing: str) -> None:
    """Who goes on need not name it again, and is told who did."""
    assert typed("apply", changing).exit == Exit.SAFETY_CHECK
    begun = typed("apply", changing, "--allow", "many-changes", "--limit", "1")
    assert "let it pass" not in begun.err
    ended = typed("apply", changing)
    assert ended.exit == Exit.DONE
    assert "Safety check many-changes: " in ended.err


def test_where_nothing_was_begun_only_the_reason_is_said(
    changing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No look at the plan, and no advice to carry it out, contradicts that it could not be."""
    monkeypatch.setenv("ALMA_API_KEY", "not-a-key")
    got = typed("apply", changing, "--allow", "many-changes")
    assert got.exit == Exit.ACCESS
    assert "Review the plan" not in got.err
    assert got.err.rstrip().endswith(f"importer apply {changing}")


def test_a_stop_after_the_last_row_leaves_nothing_to_continue(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message says that the plan is complete, and so does the same command again."""
    show = Counts.__call__

    def press(shown: Counts, event: RowDone | Waiting) -> None:
        show(shown, event)
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(Counts, "__call__", press)
    typed("plan", write(ANA), "-m", "small.yaml", "-o", "run")
    got = typed("apply", "run")
    assert got.exit == Exit.INTERRUPTED
    assert "The plan is complete." in got.err
    assert "To continue" not in got.err
    again = typed("apply", "run")
    assert (again.exit, "already complete" in again.err) == (Exit.DONE, True)


def test_a_plan_without_a_row_to_send_is_not_called_complete(sandbox: Sandbox) -> None:
    """It was never applied; however often it is tried, Alma is not called."""
    typed("plan", write((*ANA[:3], "NONE", *ANA[4:])), "-m", "small.yaml", "-o", "run")
    asked = sandbox.log()
    for _ in range(2):
        got = typed("apply", "run")
        assert (got.exit, "nothing to apply" in got.err) == (Exit.REJECTS, True)
    assert sandbox.log() == asked


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
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, error: Exception, flags: tuple[str, ...]
) -> None:
    """Both users are in Alma: the counts are shown, the exit code is 0, one sentence says more."""
    typed("plan", write(ANA, BO), "-m", "small.yaml", "-o", "run")
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
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """Its reports are what it is for; the counts are on the screen all the same."""
    roster = write(ANA, BO)
    _fail(monkeypatch, error)
    got = typed("check", roster, "-m", "small.yaml", "-o", "run")
    assert got.exit == (Exit.STOPPED if isinstance(error, LedgerError) else Exit.BUG)
    assert "All 2 rows are ready." in got.err


@pytest.fixture
def planned(sandbox: Sandbox) -> Path:
    """A plan of one update (Ana) and one create (Bo)."""
    load(write(ANA), "first")
    roster = write(ANAS_CHANGE, BO)
    assert typed("plan", roster, "-m", "small.yaml", "-o", "run").exit == Exit.DONE
    return Path("run")


def edit(run: Path, change: str) -> None:
    """Change the ledger by hand."""
    with closing(sqlite3.connect(run / "ledger.sqlite")) as connection, connection:
        assert connection.execute(change).rowcount


def test_a_plan_that_was_changed_is_not_carried_out(planned: Path, sandbox: Sandbox) -> None:
    """Exit 5, nothing is sent, and the reports warn."""
    edit(planned, "UPDATE steps SET after = replace(after, 'FRIEND', 'COMM')")
    before, calls = state(sandbox), len(sandbox.log())
    got = typed("apply", "run")
    assert got.exit == Exit.STALE
    assert "was changed after it was made" in got.err
    assert len(sandbox.log()) == calls
    assert state(sandbox) == before
    for command in (("show", "run", "2"), ("report", "run")):
        assert typed(*command).err.count("Warning: ") == 1


def test_a_history_that_was_changed_is_shown_with_a_warning(planned: Path) -> None:
    """One sentence, on stderr, for people and machines alike."""
    typed("apply", "run")
    assert "Warning" not in typed("show", "run", "2").err
    edit(planned, "UPDATE entries SET operator = 'somebody@else' WHERE id = 2")
    for flags in ((), ("--json",)):
        assert typed("show", "run", "2", *flags).err.count("Warning: ") == 1
        assert typed("report", "run", *flags).err.count("Warning: ") == 1


def test_what_an_older_ledger_planned_and_nobody_sent_is_sent(
    planned: Path, sandbox: Sandbox
) -> None:
    """A row that Alma does not have is sent after it was looked up.

    What was overwritten is known from the plan, and can be undone.
    """
    shutil.copy(planned / "ledger.sqlite", "older")
    typed("apply", "run", "--limit", "1")
    shutil.copy("older", planned / "ledger.sqlite")
    again = typed("apply", "run", "--json")
    assert "entries of this run's ledger are lost" in again.err
    assert (again.summary["updated"], again.summary["created"]) == (1, 1)
    writes = [call for call in sandbox.log() if call["method"] in {"PUT", "POST"}]
    assert len(writes) == 3  # Ana's create, her update, Bo's create
    assert "are lost" not in typed("apply", "run").err
    assert typed("undo", "run", "-o", "back", "--json").summary["update"] == 1
    typed("apply", "back")
    assert state(sandbox)["2001"]["last_name"] == "Nunez"
