"""A load of 5,000 rows, from check to the applied undo, over a real socket."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from importer.errors import Exit
from importer.sandbox.server import Options, running
from importer.settings import Settings
from tests.cli.conftest import Sandbox, Type
from tests.cli.small import state, write

REJECTED, REVIEW, UPDATED, CREATED, UNCHANGED = 400, 300, 1_000, 500, 2_800
ROWS = REJECTED + REVIEW + UPDATED + CREATED + UNCHANGED

Row = tuple[str, ...]
Users = dict[str, Any]


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
    """Known people of whom 1,000 changed, new ones, pairs that may be one person, and rejects."""
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
    with running(Options(rate=None, seed_users=3 * (UPDATED + UNCHANGED))) as base_url:
        host = base_url.removesuffix("/almaws/v1")
        monkeypatch.setenv("ALMA_BASE_URL", host)
        monkeypatch.setenv("ALMA_API_KEY", "sandbox")
        fast = Settings.model_construct(**{**Settings.read().model_dump(), "alma_rate": 2000.0})
        monkeypatch.setattr(Settings, "read", classmethod(lambda _: fast))
        yield Sandbox(host)


def _summary(folder: Path) -> dict[str, object]:
    loaded: dict[str, object] = json.loads((folder / "summary.json").read_text("utf-8"))
    return loaded


def _has(summary: dict[str, object], **counts: int) -> None:
    assert {name: summary[name] for name in counts} == counts


def test_a_large_load_is_counted_alike_everywhere(
    folder: Path, typed: Type, sandbox: Sandbox
) -> None:
    """The counts on the screen, in summary.json and in Alma are the same at every step."""
    before: Users = dict(state(sandbox))
    roster = write(folder, *_roster(_known(before)))
    (folder / "codes.json").write_text(json.dumps({"tables": {}}), "utf-8")
    assert len(roster.read_text("utf-8").splitlines()) == 1 + ROWS

    checked = typed("check", roster, "-m", "small.yaml", "-o", "check")
    assert checked.exit == Exit.REJECTS
    ready = UPDATED + CREATED + UNCHANGED
    fates = {"rows": ROWS, "ready": ready, "rejected": REJECTED, "review": REVIEW}
    _has(_summary(folder / "check"), **fates)
    assert f"{ready:,} of {ROWS:,} rows are ready" in checked.err

    planned = typed("plan", roster, "-m", "small.yaml", "-o", "run")
    acts = {"create": CREATED, "update": UPDATED, "unchanged": UNCHANGED}
    _has(_summary(folder / "run"), **fates, **acts)
    assert f"{CREATED:,} to create, {UPDATED:,} to update" in planned.err

    applied = typed("apply", "run", "--allow", "many-changes", "--allow", "renames")
    assert applied.exit == Exit.REJECTS
    done = {"created": CREATED, "updated": UPDATED, "refused": 0, "held": 0, "not_sent": 0}
    _has(_summary(folder / "run"), **fates, **acts, **done)
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
    _has(_summary(folder / "undo"), **back)
    assert f"{UPDATED:,} to update, {CREATED:,} to delete" in undo.err
    undone = typed("apply", "undo", "--allow", "many-changes", "--allow", "renames")
    _has(_summary(folder / "undo"), **back, updated=UPDATED, deleted=CREATED)
    assert f"{UPDATED:,} updated, {CREATED:,} deleted" in undone.err
    assert state(sandbox) == before
