"""A large load, over a real socket.

`make test` loads more than 200 rows of each result; `make faults` loads 5,000 rows and undoes that.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Size:
    """How many rows of a roster have each result; those that need review come in pairs."""

    rejected: int
    review: int
    updated: int
    created: int
    unchanged: int

    @property
    def rows(self) -> int:
        """All rows."""
        return self.rejected + self.review + self.updated + self.created + self.unchanged


SMALL = Size(rejected=202, review=202, updated=201, created=201, unchanged=201)
LARGE = Size(rejected=400, review=300, updated=1_000, created=500, unchanged=2_800)


@pytest.fixture(
    params=[SMALL, pytest.param(LARGE, marks=pytest.mark.faults)], ids=lambda size: size.rows
)
def size(request: pytest.FixtureRequest) -> Size:
    """The small load, and the large one."""
    assert isinstance(request.param, Size)
    return request.param


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


def _roster(known: list[Row], size: Size) -> list[Row]:
    """Known people of whom some changed, new ones, pairs that may be one person, and rejects."""
    rows = list(known)
    for number in range(size.updated):
        rows[number] = (*rows[number][:2], f"{rows[number][2]}-Qu", *rows[number][3:])
    start = len(rows)
    rows += [_person(number) for number in range(start, start + size.created)]
    start = len(rows)
    for number in range(start, start + size.review, 2):
        one = _person(number)
        rows += [one, (f"8{one[0]}", *one[1:5], "", "")]
    start = len(rows)
    for number in range(start, start + size.rejected):
        one = _person(number)
        rows.append((*one[:4], "1 May", *one[5:]) if number % 2 else (*one[:2], "", *one[3:]))
    return rows


@pytest.fixture
def sandbox(monkeypatch: pytest.MonkeyPatch, folder: Path, size: Size) -> Iterator[Sandbox]:
    """A practice Alma with users, that may be called 2,000 times a second."""
    assert folder.is_dir()
    known = size.updated + size.unchanged
    with reached(monkeypatch, Options(rate=0, seed_users=3 * known)) as host:
        fast = Settings.model_construct(**{**Settings.read().model_dump(), "alma_rate": 2000.0})
        monkeypatch.setattr(Settings, "read", classmethod(lambda _: fast))
        yield Sandbox(host)


def _summary(folder: Path) -> dict[str, object]:
    loaded: dict[str, object] = json.loads((folder / "summary.json").read_text("utf-8"))
    return loaded


def _has(summary: dict[str, object], **counts: int) -> None:
    assert {name: summary[name] for name in counts} == counts


def test_a_large_load_is_counted_alike_everywhere(sandbox: Sandbox, size: Size) -> None:
    """The counts on the screen, in summary.json and in Alma are the same at every step."""
    before: Users = dict(state(sandbox))
    roster = write(*_roster(_known(before), size))
    Path("codes.json").write_text(json.dumps({"tables": {}}), "utf-8")
    assert len(roster.read_text("utf-8").splitlines()) == 1 + size.rows

    checked = typed("check", roster, "-m", "small.yaml", "-o", "check")
    assert checked.exit == Exit.REJECTS
    ready = size.updated + size.created + size.unchanged
    fates = {"rows": size.rows, "ready": ready, "rejected": size.rejected, "review": size.review}
    _has(_summary(Path("check")), **fates)
    assert f"{ready:,} of {size.rows:,} rows are ready" in checked.err

    planned = typed("plan", roster, "-m", "small.yaml", "-o", "run")
    acts = {"create": size.created, "update": size.updated, "unchanged": size.unchanged}
    _has(_summary(Path("run")), **fates, **acts)
    assert f"{size.created:,} to create, {size.updated:,} to update" in planned.err

    applied = typed("apply", "run", "--allow", "many-changes", "--allow", "renames")
    assert applied.exit == Exit.REJECTS
    done = {
        "created": size.created,
        "updated": size.updated,
        "refused": 0,
        "held": 0,
        "not_sent": 0,
    }
    _has(_summary(Path("run")), **fates, **acts, **done)
    assert f"{size.created:,} created, {size.updated:,} updated" in applied.err
    after = state(sandbox)
    assert len(after) == len(before) + size.created
    assert sum(before[each] != after[each] for each in before) == size.updated

    again = typed("report", "run", "--json")
    assert again.exit == Exit.REJECTS
    _has(again.summary, **fates, **acts, **done)
    for row, result in ((2, "updated"), (2 + size.updated + size.unchanged, "created")):
        assert typed("show", "run", str(row), "--json").summary["result"] == result
    assert "Traceback" not in typed("runs").err

    if size == SMALL:
        return
    undo = typed("undo", "run", "--delete-created", "-o", "undo")
    back = {"update": size.updated, "delete": size.created}
    _has(_summary(Path("undo")), **back)
    assert f"{size.updated:,} to update, {size.created:,} to delete" in undo.err
    allowed = ("--allow", "many-changes", "--allow", "renames")
    undone = typed("apply", "undo", *allowed, "--delete", str(size.created))
    _has(_summary(Path("undo")), **back, updated=size.updated, deleted=size.created)
    assert f"{size.updated:,} updated, {size.created:,} deleted" in undone.err
    assert state(sandbox) == before
