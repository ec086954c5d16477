"""A ledger that was changed by hand, or put back from an older copy."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from importer.errors import Exit
from tests.cli.conftest import Sandbox
from tests.cli.small import ANA, ANAS_CHANGE, BO, load, state, write
from tests.command_line import typed


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
