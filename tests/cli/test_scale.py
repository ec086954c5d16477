"""A large load and its undo, over a real socket: more than 200 rows of each result."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from importer.errors import Exit
from importer.sandbox.server import Options
from importer.settings import Settings
from tests.cli.conftest import Sandbox
from tests.cli.small import state, write
from tests.command_line import typed
from tests.practice import reached

Row = tuple[str, ...]
Users = dict[str, Any]


REJECTED = REVIEW = 202
UPDATED = CREATED = UNCHANGED = 201
READY = UPDATED + CREATED + UNCHANGED
ROWS = READY + REJECTED + REVIEW
"""How many rows of a roster have each result; those that need review come in pairs."""


def _person(number: int) -> Row:
    """An invented person; no two are alike."""
    letters = "".join(chr(97 + int(digit)) for digit in f"{number:05}")
    born = f"{1950 + number % 50}-{1 + number // 50 % 12:02}-{1 + number // 600:02}"
    return (
        f"7{number:09}",
        f"V{letters[::-1]}",
        f"Qu{letters}x",
        "COMM",
        born,
        f"p{number}@example.org",
        "",
    )


def _known(users: Users) -> list[Row]:
    """The Internal users of Alma as a roster gives them."""
    rows: list[Row] = []
    for primary_id, user in sorted(users.items()):
        if primary_id.startswith("21111"):
            email = user["contact_info"]["email"][0]["email_address"]
            group, born = user["user_group"]["value"], user["birth_date"].rstrip("Z")
            rows.append((primary_id, user["first_name"], user["last_name"], group, born, email, ""))
    return rows


def _roster(known: list[Row]) -> list[Row]:
    """Known people of whom some changed, new ones, pairs that may be one person, and rejects."""
    rows = list(known)
    for number in range(UPDATED):
        rows[number] = (*rows[number][:2], f"{rows[number][2]}-Qu", *rows[number][3:])
    start = len(rows)
    rows += [_person(number) for number in range(start, start + CREATED)]
    start = len(rows)
    for number in range(start, start + REVIEW, 2):
        one = _person(number)
        rows += [one, (f"8{one[0]}", *one[1:5], "", "")]
    start = len(rows)
    for number in range(start, start + REJECTED):
        one = _person(number)
        rows.append((*one[:4], "1 May", *one[5:]) if number % 2 else (*one[:2], "", *one[3:]))
    return rows


@pytest.fixture
def sandbox(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Iterator[Sandbox]:
    """A practice Alma with users, that may be called 2,000 times a second."""
    assert folder.is_dir()
    known = UPDATED + UNCHANGED
    with reached(monkeypatch, Options(rate=0, seed_users=3 * known)) as host:
        fast = Settings.model_construct(**{**Settings.read().model_dump(), "alma_rate": 2000.0})
        monkeypatch.setattr(Settings, "read", classmethod(lambda _: fast))
        yield Sandbox(host)


def _summary(folder: Path) -> dict[str, object]:
    loaded: dict[str, object] = json.loads((folder / "summary.json").read_text("utf-8"))
    return loaded


def _has(summary: dict[str, object], **counts: int) -> None:
    assert {name: summary[name] for name in counts} == counts


def test_a_large_load_is_counted_alike_everywhere(sandbox: Sandbox) -> None:
    """The counts on the screen, in summary.json and in Alma are the same at every step."""
    before: Users = dict(state(sandbox))
    roster = write(*_roster(_known(before)))
    Path("codes.json").write_text(json.dumps({"tables": {}}), "utf-8")
    assert len(roster.read_text("utf-8").splitlines()) == 1 + ROWS

    checked = typed("check", roster, "-m", "small.yaml", "-o", "check")
    assert checked.exit == Exit.REJECTS
    fates = {"rows": ROWS, "ready": READY, "rejected": REJECTED, "review": REVIEW}
    _has(_summary(Path("check")), **fates)
    assert f"{READY:,} of {ROWS:,} rows are ready" in checked.err

    planned = typed("plan", roster, "-m", "small.yaml", "-o", "run")
    acts = {"create": CREATED, "update": UPDATED, "unchanged": UNCHANGED}
    _has(_summary(Path("run")), **fates, **acts)
    assert f"{CREATED:,} to create, {UPDATED:,} to update" in planned.err

    applied = typed("apply", "run", "--allow", "many-changes", "--allow", "renames")
    assert applied.exit == Exit.REJECTS
    done = {
        "created": CREATED,
        "updated": UPDATED,
        "refused": 0,
        "held": 0,
        "not_sent": 0,
    }
    _has(_summary(Path("run")), **fates, **acts, **done)
    assert f"{CREATED:,} created, {UPDATED:,} updated" in applied.err
    after = state(sandbox)
    assert len(after) == len(before) + CREATED
    assert sum(before[each] != after[each] for each in before) == UPDATED

    again = typed("report", "run", "--json")
    assert again.exit == Exit.REJECTS
    _has(again.summary, **fates, **acts, **done)
    for row, result in ((2, "updated"), (2 + UPDATED + UNCHANGED, "created")):
        assert typed("show", "run", str(row), "--json").summary["result"] == result
    assert "Traceback" not in typed("runs").err

    undo = typed("undo", "run", "--delete-created", "-o", "undo")
    back = {"update": UPDATED, "delete": CREATED}
    _has(_summary(Path("undo")), **back)
    assert f"{UPDATED:,} to update, {CREATED:,} to delete" in undo.err
    allowed = ("--allow", "many-changes", "--allow", "renames")
    undone = typed("apply", "undo", *allowed, "--delete", str(CREATED))
    _has(_summary(Path("undo")), **back, updated=UPDATED, deleted=CREATED)
    assert f"{UPDATED:,} updated, {CREATED:,} deleted" in undone.err
    assert state(sandbox) == before
