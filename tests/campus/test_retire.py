"""A campus whose former patrons are retired: exactly those who may go, and the others with why."""

from __future__ import annotations

from pathlib import Path

import pytest

from importer.errors import Exit
from importer.ledger.integrity import check_whole, fault
from importer.ledger.ledger import Ledger
from tests.campus.retiring import KINDS, caller, fill, people, write
from tests.cli.conftest import Sandbox, folder, sandbox
from tests.cli.small import state
from tests.command_line import typed
from tests.sheets import read_csv

__all__ = ["folder", "sandbox"]

SIZES = pytest.mark.parametrize("count", [72, pytest.param(3000, marks=pytest.mark.hunt)])
People = list[tuple[str, int, str]]


@SIZES
def test_exactly_those_are_listed_who_may_go(count: int, sandbox: Sandbox) -> None:
    """Whoever has something open is held with the reason; `apply` looks again. Nothing is sent."""
    call, everybody = caller(sandbox.host), list(people(count))
    fill(call, everybody)
    planned = typed("plan", write(Path(), everybody, "list"), "-m", "retire.yaml", "-o", "run")
    assert planned.exit == Exit.REJECTS, planned.err
    with Ledger.open(Path("run")) as ledger:
        for row, (_, _, kind) in enumerate(everybody, start=2):
            told = " ".join(one.message for one in ledger.problems(row))
            assert KINDS[kind].reason in told, (kind, told)
    may_go = [user for user, _, kind in everybody if KINDS[kind].result]
    assert read_csv(Path("run/set.csv")) == [["USERNAME"], *([user] for user in may_go)]
    for user, _, kind in everybody:
        KINDS[kind].after(call, user)
    before = state(sandbox)
    assert typed("apply", "run", "--yes").exit == Exit.REJECTS
    still = [user for user, _, kind in everybody if KINDS[kind].result == "deleted"]
    assert read_csv(Path("run/set.csv")) == [["USERNAME"], *([user] for user in still)]
    with Ledger.open(Path("run")) as ledger:
        for row, (_, _, kind) in enumerate(everybody, start=2):
            if KINDS[kind].result not in {"", "deleted"}:
                assert "not-deleted" in {one.code for one in ledger.problems(row)}, kind
        check_whole(ledger)
        assert fault(ledger) == ""
    typed("apply", "run", "--yes")
    assert read_csv(Path("run/set.csv")) == [["USERNAME"], *([user] for user in still)]
    assert state(sandbox) == before


def test_retire_ends_whom_something_keeps(sandbox: Sandbox) -> None:
    """With `if_open: expire`; the list is the same, and undo restores."""
    call, everybody = caller(sandbox.host), list(people(len(KINDS)))
    fill(call, everybody)
    before = state(sandbox)
    roster = write(Path(), everybody, "list")
    typed("plan", roster, "-m", "retire.yaml", "-o", "listed")
    write(Path(), everybody, "list", "expire")
    planned = typed("plan", roster, "-m", "retire.yaml", "-o", "ended", "--json")
    ends = {"loans", "requests", "fees"}  # what else keeps a user is no reason to end it
    assert planned.summary["update"] == len(ends)
    typed("apply", "ended", "--yes", "--allow", "many-changes")
    after = state(sandbox)
    for user, _, kind in everybody:
        if kind in ends:
            assert after[user]["status"]["value"] == "INACTIVE"
            roles = {role["role_type"]["value"]: role for role in after[user]["user_role"]}
            assert roles["200"]["expiry_date"]
            assert "expiry_date" not in roles.get("221", {})
        else:
            assert after.get(user) == before.get(user)
    again = typed("plan", roster, "-m", "retire.yaml", "-o", "again", "--json").summary
    assert (again["update"], again["left_alone"]) == (0, len(ends))
    assert Path("again/set.csv").read_bytes() == Path("listed/set.csv").read_bytes()
    typed("undo", "ended", "-o", "undone")
    typed("apply", "undone", "--yes", "--allow", "removals")
    assert state(sandbox) == before
