"""A ledger that was changed by hand, or put back from an older copy."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from importer.errors import Exit
from tests.cli.conftest import Sandbox, Type
from tests.cli.small import ANA, ANAS_CHANGE, BO, load, state, write


@pytest.fixture
def planned(folder: Path, typed: Type, sandbox: Sandbox) -> Path:
    """A plan of one update (Ana) and one create (Bo)."""
    load(typed, write(folder, ANA), "first")
    roster = write(folder, ANAS_CHANGE, BO)
    assert typed("plan", roster, "-m", "small.yaml", "-o", "run").exit == Exit.DONE
    return folder / "run"


def edit(run: Path, change: str) -> None:
    """Change the ledger by hand."""
    with closing(sqlite3.connect(run / "ledger.sqlite")) as connection, connection:
        assert connection.execute(change).rowcount


def test_a_plan_that_was_changed_is_not_carried_out(
    planned: Path, typed: Type, sandbox: Sandbox
) -> None:
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


def test_a_history_that_was_changed_is_shown_with_a_warning(planned: Path, typed: Type) -> None:
    """One sentence, on stderr, for people and machines alike."""
    typed("apply", "run")
    assert "Warning" not in typed("show", "run", "2").err
    edit(planned, "UPDATE entries SET operator = 'somebody@else' WHERE id = 2")
    for flags in ((), ("--json",)):
        assert typed("show", "run", "2", *flags).err.count("Warning: ") == 1
        assert typed("report", "run", *flags).err.count("Warning: ") == 1


def test_an_older_ledger_counts_what_is_in_alma(
    planned: Path, typed: Type, sandbox: Sandbox
) -> None:
    """Every open row is looked up before anything is sent; the result is as without the loss.

    It can be undone: what was overwritten is known from the plan.
    """
    before = state(sandbox)
    shutil.copy(planned / "ledger.sqlite", "older")
    applied = typed("apply", "run", "--json").summary
    loaded = state(sandbox)
    shutil.copy("older", planned / "ledger.sqlite")
    assert typed("undo", "run").exit == Exit.USAGE
    calls = len(sandbox.log())
    again = typed("apply", "run", "--json")
    assert "entries of this run's ledger are lost" in again.err
    assert again.summary == applied
    methods = [call["method"] for call in sandbox.log()[calls:] if "/users/" in str(call["path"])]
    assert methods == ["GET", "GET"]
    assert state(sandbox) == loaded
    assert "are lost" not in typed("apply", "run").err
    undone = typed("undo", "run", "--delete-created", "-o", "back", "--json").summary
    assert (undone["update"], undone["delete"]) == (1, 1)
    typed("apply", "back", "--allow", "removals", "--delete", "1")
    after = state(sandbox)
    assert set(after) == set(before)
    assert after["2001"]["last_name"] == before["2001"]["last_name"]


def test_what_an_older_ledger_planned_and_nobody_sent_is_sent(
    planned: Path, typed: Type, sandbox: Sandbox
) -> None:
    """A row that Alma does not have is sent after it was looked up."""
    shutil.copy(planned / "ledger.sqlite", "older")
    typed("apply", "run", "--limit", "1")
    shutil.copy("older", planned / "ledger.sqlite")
    again = typed("apply", "run", "--json").summary
    assert (again["updated"], again["created"]) == (1, 1)
    writes = [call for call in sandbox.log() if call["method"] in {"PUT", "POST"}]
    assert len(writes) == 3  # Ana's create, her update, Bo's create
