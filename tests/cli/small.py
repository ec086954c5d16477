"""A small mapping, rosters for it, and the sandbox's back door."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from importer.errors import Exit
from tests.cli.conftest import Sandbox
from tests.command_line import typed
from tests.practice import call, state_of
from tests.sheets import read_rows, write_csv

MAPPING = """version: 1
name: small
account_type: INTERNAL
record_type: PUBLIC
roster: {dates: ymd}
match: {by: [primary_id], possible_match: review}
safety_checks:
  removals: {percent: 100, count: 100}
  foreign_group: {percent: 100, count: 100}
  renames: {percent: 100, count: 100}
record:
  primary_id: <Id>
  first_name: <First>
  last_name: <Last>
  user_group: <Group>
  birth_date: <Born>
  contact_info:
    email:
      - email_address: <Email>
        email_type: personal
  user_note:
    - note_type: LIBRARY
      note_text: <Note>
      user_viewable: false
      popup_note: false
"""

TABLES = {"tables": {"UserGroups": {"COMM": "Community", "FRIEND": "Friend"}}}
HEAD = ("Id", "First", "Last", "Group", "Born", "Email", "Note")
ANA = ("2001", "Ana", "Nunez", "COMM", "1990-01-02", "ana@example.org", "")
BO = ("2002", "Bo", "Doe", "FRIEND", "1980-03-04", "bo@example.org", "")
ANAS_CHANGE = ("2001", "Ana", "Novak", "FRIEND", "1990-01-02", "new@example.org", "came back")


def write(*rows: tuple[str, ...], name: str = "people.csv", folder: str = "") -> Path:
    """A roster of these rows, and the mapping and the code tables beside it."""
    Path(folder, "codes.json").write_text(json.dumps(TABLES), "utf-8")
    Path(folder, "small.yaml").write_text(MAPPING, "utf-8")
    return write_csv(Path(folder, name), (HEAD, *rows))


def change(name: str | Path, *edits: tuple[str, str], more: str = "", to: str = "") -> None:
    """Change texts of a file, each of which it has, and add more; `to` is another file."""
    text = Path(name).read_text("utf-8")
    for old, new in edits:
        assert old in text, old
        text = text.replace(old, new)
    Path(to or name).write_text(text + more, "utf-8")


def load(roster: Path, run: str, mapping: str = "small.yaml") -> dict[str, Any]:
    """Plan and apply a roster; the summary."""
    planned = typed("plan", roster, "-m", mapping, "-o", run)
    assert planned.exit in {Exit.DONE, Exit.REJECTS}, planned.err
    applied = typed("apply", run, "--json", "--allow", "many-changes")
    return applied.summary


def ask(sandbox: Sandbox, method: str, path: str, body: object = None) -> Any:
    """Call the sandbox's back door."""
    text = call(sandbox.host, method, f"/_sandbox/{path}", body)
    return json.loads(text) if text else None


def delete(sandbox: Sandbox, primary_id: str) -> None:
    """Delete a user as staff do in Alma."""
    call(sandbox.host, "DELETE", f"/almaws/v1/users/{primary_id}")


def edit(sandbox: Sandbox, primary_id: str, change: Callable[[dict[str, Any]], object]) -> None:
    """Change a user as staff do in Alma."""
    path = f"/almaws/v1/users/{primary_id}"
    user = json.loads(call(sandbox.host, "GET", path))
    change(user)
    call(sandbox.host, "PUT", path, user)


def link(sandbox: Sandbox, user: dict[str, Any]) -> None:
    """Create a copy of another institution's user, as a network does."""
    query = f"source_institution_code=01OTHER&source_user_id={user['primary_id']}"
    call(sandbox.host, "POST", f"/almaws/v1/users?{query}", user)


def state(sandbox: Sandbox) -> dict[str, dict[str, Any]]:
    """Every user by primary identifier, without what Alma writes by itself."""
    return state_of(sandbox.host)


def codes(run: str) -> list[tuple[str, str]]:
    """Row and code of every problem of a run.

    Without the notices of plans without a user cache, and of new patrons without an end date.
    """
    found = [(line["row"], line["code"]) for line in read_rows(Path(run, "problems.csv"))]
    return [one for one in found if one[1] not in {"names-not-compared", "no-end-date"}]
