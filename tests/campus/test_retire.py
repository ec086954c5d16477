"""A campus whose former patrons are retired: exactly those who may go, and the others with why."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from importer.errors import Exit
from importer.ledger.journal import images
from importer.ledger.ledger import Ledger
from importer.model.plan import Act
from tests.campus.retiring import KINDS, caller, fill, people, write
from tests.cli.conftest import Sandbox, folder, sandbox
from tests.cli.small import state
from tests.command_line import typed
from tests.sheets import read_csv

__all__ = ["folder", "sandbox"]

SIZES = pytest.mark.parametrize("count", [72, pytest.param(3000, marks=pytest.mark.hunt)])
People = list[tuple[str, int, str]]


@SIZES
def test_exactly_those_go_who_may(count: int, sandbox: Sandbox) -> None:
    """Whoever has something open is held with the reason; whom staff changed since, too.

    Every deleted record is in the run, whole.
    """
    call, everybody = caller(sandbox.host), list(people(count))
    fill(call, everybody)
    before = state(sandbox)
    roster = write(Path(), everybody, "delete")
    planned = typed("plan", roster, "-m", "retire.yaml", "-o", "run", "--json")
    assert planned.exit == Exit.REJECTS, planned.err
    kinds = {row: kind for row, (_, _, kind) in enumerate(everybody, start=2)}
    going = sum(KINDS[kind].result != "" for kind in kinds.values())
    assert planned.summary["delete"] == going
    with Ledger.open(Path("run")) as ledger:
        for row, kind in kinds.items():
            told = " ".join(one.message for one in ledger.problems(row))
            assert KINDS[kind].reason in told, (kind, told)
    assert state(sandbox) == before
    refused = typed("apply", "run", "--yes")
    assert refused.exit == Exit.SAFETY_CHECK
    assert f"--delete {going}" in refused.err
    assert typed("apply", "run", "--yes", "--delete", str(going + 1)).exit == Exit.SAFETY_CHECK
    assert state(sandbox) == before
    for user, _, kind in everybody:
        KINDS[kind].after(call, user)
    between = state(sandbox)
    applied = typed("apply", "run", "--yes", "--delete", str(going), "--json")
    with Ledger.open(Path("run")) as ledger:
        ends = {one.row: str(one.result or "") for one in ledger.planned()}
        records = {
            image.primary_id: image.before for image in images(ledger) if image.act is Act.DELETE
        }
    assert {row: ends.get(row, "") for row in kinds} == {
        row: KINDS[kind].result for row, kind in kinds.items()
    }, applied.err
    gone = {user for user, _, kind in everybody if KINDS[kind].result == "deleted"}
    kept_users = {user: one for user, one in between.items() if user not in gone}
    assert state(sandbox) == kept_users
    assert records.keys() == gone
    for user, kept in records.items():
        assert kept is not None
        shown = json.loads(kept.to_json())
        assert shown["contact_info"]["email"][0]["email_address"] == f"{user.lower()}@example.org"
        assert len(shown["user_note"]) == len(before[user]["user_note"])


def test_retire_lists_or_ends_without_deleting(sandbox: Sandbox) -> None:
    """`list` writes the file for Alma's jobs and sends nothing; `expire` ends and undo restores."""
    call, everybody = caller(sandbox.host), list(people(len(KINDS)))
    fill(call, everybody)
    before = state(sandbox)
    roster = write(Path(), everybody, "list")
    Path("facts.json").unlink()
    typed("plan", roster, "-m", "retire.yaml", "-o", "listed")
    may_go = [user for user, _, kind in everybody if KINDS[kind].result]
    assert read_csv(Path("listed/set.csv")) == [["USERNAME"], *([user] for user in may_go)]
    listed = Path("listed/set.csv").read_bytes()
    typed("apply", "listed", "--yes")
    assert state(sandbox) == before
    write(Path(), everybody, "delete")
    Path("facts.json").unlink()
    assert "doctor --probe" in typed("plan", roster, "-m", "retire.yaml").err
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
    assert Path("again/set.csv").read_bytes() == listed
    typed("undo", "ended", "-o", "undone")
    typed("apply", "undone", "--yes", "--allow", "removals")
    assert state(sandbox) == before
