"""A small mapping, rosters for it, and the sandbox's back door."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl

from importer.errors import Exit
from importer.model.question import DECISIONS, Answer
from importer.model.roster import ADDED, DECISION
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


Row = dict[str, str]

COMMUNITY: Row = {
    "Barcode": "200011234{:05}",
    "First Name": "Vera{}",
    "Middle": "M.",
    "Last Name": "Quill{}",
    "Phone": "605-555-01{:02}",
    "Patron Type": "Friend",
    "DOB": "03/{:02}/1970",
    "Expires": "08/31/2035",
    "Street": "{} Maple St",
    "Apt": "Apt {}",
    "City": "Millbrook",
    "State": "SD",
    "ZIP": "57013",
    "Email": "v{}@example.org",
    "Alternate Email": "v{}@mail.example.org",
}

STUDENTS: Row = {
    "EMPL ID": "00{:05}",
    "First Name": "Vera{}",
    "Middle Name": "M.",
    "Last Name": "Quill{}",
    "Preferred First Name": "Vee",
    "Role": "Graduate",
    "Campus": "MAIN",
    "Birth Date": "03/{:02}/1970",
    "Expiration Date": "05/31/2035",
    "Address": "{} Maple St",
    "City": "Millbrook",
    "State": "SD",
    "ZIP": "57013",
    "Campus Email": "v{}@campus.example.org",
    "Email": "v{}@example.org",
    "Phone": "605-555-01{:02}",
    "Card Barcode": "200019876{:05}",
}

ANAS_TWIN = ("2009", *ANA[1:])

PLAN = ("-m", "small.yaml", "-o")

BARCODED = "Id,First,Last,Code\n"

BY_BARCODE = """version: 1
account_type: INTERNAL
match: {by: [primary_id, BARCODE]}
record:
  primary_id: <Id>
  first_name: <First>
  last_name: <Last>
  user_group: COMM
  user_identifier:
    - id_type: BARCODE
      value: <Code>
"""


def decide(path: Path, decisions: dict[int, Answer]) -> None:
    """Choose from the lists of the Decision column; each decision is on its row's list."""
    book = openpyxl.load_workbook(path)
    sheet = book.worksheets[0]
    for line in sheet.iter_rows(min_row=2):
        cell = line[ADDED.index(DECISION)]
        answer = decisions.get(int(str(line[0].value)))
        if answer is None:
            continue
        text = DECISIONS[answer]
        (rule,) = (r for r in sheet.data_validations.dataValidation if cell.coordinate in r.cells)
        name, _, area = str(rule.formula1).rpartition("!")
        words = [one.value for (one,) in book[name.strip("'")][area.replace("$", "")]]
        assert text in words
        cell.value = text
    book.save(path)


LEAVERS = MAPPING.replace(
    "match: {by: [primary_id], possible_match: review}",
    """match:
  absent:
    among: {user_group: [COMM]}
    set:
      expiry_date: <@today>
      status: INACTIVE
      user_note:
        - note_type: LIBRARY
          note_text: Missing from the roster of <@today>
          user_viewable: false
          popup_note: false""",
)
