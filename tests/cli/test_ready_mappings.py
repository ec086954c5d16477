"""The ready mappings against people whom Alma already knows, over the sandbox."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from tests.cli.conftest import Sandbox, Type

MAPPINGS = Path(__file__).parents[2] / "mappings"
NAMES = ("Abara", "Bennett", "Castellanos", "Dupont", "Eriksen", "Farouk", "Grozny", "Hashimoto",
         "Ibarra", "Jankowski", "Kowal", "Lindqvist", "Mbeki", "Novak", "Okafor")  # fmt: skip

COMMUNITY = {
    "Barcode": "200011234500{at:02}",
    "First Name": "Person",
    "Middle": "Lee",
    "Last Name": "{name}",
    "Patron Type": "Community",
    "Email": "{name}@example.org",
    "Alternate Email": "{name}@alt.example.org",
    "Phone": "701-555-01{at:02}",
    "Street": "{at} Main St",
    "Apt": "Apt {at}",
    "City": "Fargo",
    "State": "ND",
    "ZIP": "58102",
    "DOB": "1990-05-06",
    "Expires": "2026-12-31",
    "Comments": "none",
}
STUDENTS = {
    "EMPL ID": "00123{at:02}",
    "First Name": "Person",
    "Middle Name": "Lee",
    "Last Name": "{name}",
    "Preferred First Name": "Per",
    "Role": "Staff",
    "Email": "{name}@example.org",
    "Campus Email": "{name}@campus.example.org",
    "Phone": "701-555-01{at:02}",
    "Address": "{at} Main St",
    "City": "Fargo",
    "State": "ND",
    "ZIP": "58102",
    "Birth Date": "1990-05-06",
    "Card Barcode": "200011234500{at:02}",
    "Campus": "Main",
    "Expiration Date": "2026-12-31",
}
CASES = {
    "community.yaml": (COMMUNITY, ("Barcode", "First Name", "Last Name", "Patron Type")),
    "students-and-staff.yaml": (STUDENTS, ("EMPL ID", "First Name", "Last Name", "Role")),
}


def row(shape: dict[str, str], at: int, blank: str = "") -> dict[str, str]:
    """The row of one person, with one column left blank."""
    name = NAMES[at]
    return {
        heading: "" if heading == blank else text.format(at=at + 10, name=name)
        for heading, text in shape.items()
    }


def write(path: Path, rows: list[dict[str, str]]) -> None:
    """A roster of these rows."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)


def record(sandbox: Sandbox, user: str, body: dict[str, object] | None = None) -> dict[str, object]:
    """A user's record in Alma, after the `body` was put there if one is given."""
    request = Request(
        f"{sandbox.host}/almaws/v1/users/{user}",
        data=json.dumps(body).encode() if body else None,
        method="PUT" if body else "GET",
        headers={
            "Authorization": "apikey sandbox",
            "Accept": "application/json",
            "Content-Type": "application/json",
        },
    )
    with urlopen(request) as answer:
        loaded: dict[str, object] = json.loads(answer.read())
        return loaded


def chosen_otherwise(user: dict[str, object]) -> dict[str, object]:
    """The record of somebody who is a member for longer and made choices of their own."""
    contact = json.loads(json.dumps(user["contact_info"]))
    for phone in contact["phone"]:
        phone["preferred_sms"] = False
    return user | {
        "expiry_date": "2035-08-31Z",
        "purge_date": "2037-08-31Z",
        "preferred_language": {"value": "es"},
        "contact_info": contact,
    }


@pytest.mark.parametrize("name", CASES)
def test_a_blank_cell_changes_nothing_for_a_known_patron(
    name: str, folder: Path, typed: Type, sandbox: Sandbox
) -> None:
    """Nobody's membership is shortened, no choice is undone, and no note is added.

    Each known patron has a longer membership and another language than the mapping would give,
    and in the second roster a blank in another one of the optional columns.
    """
    shape, needed = CASES[name]
    optional = [heading for heading in shape if heading not in needed]
    key = next(iter(shape))
    mapping = MAPPINGS / name
    write(folder / "first.csv", [row(shape, at) for at in range(len(optional))])
    typed("plan", "first.csv", "-m", mapping, "-o", "first")
    assert typed("apply", "first", "--json").summary["created"] == len(optional)
    users = [row(shape, at)[key] for at in range(len(optional))]
    before = [record(sandbox, u, chosen_otherwise(record(sandbox, u))) for u in users]

    write(folder / "second.csv", [row(shape, at, blank) for at, blank in enumerate(optional)])
    planned = typed("plan", "second.csv", "-m", mapping, "-o", "second", "--json")
    assert (planned.summary["create"], planned.summary["update"]) == (0, 0), planned.err
    assert [record(sandbox, user) for user in users] == before
