"""With what the probe found, a load does what its plan shows, whatever else Alma does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from importer.alma.facts import MEASURABLE
from importer.errors import Exit
from importer.sandbox.configuration import SWITCHES
from tests.command_line import typed
from tests.practice import reached, state_of
from tests.sandbox.alma import Alma, barcode, coded, email, student
from tests.sheets import write_csv

_USUAL = {name: switch.values[0] for name, switch in SWITCHES.items()}
_LIMITS = """safety_checks:
  many_changes: {percent: 100, count: 100}
  removals: {percent: 100, count: 100}
  renames: {percent: 100, count: 100}
  foreign_group: {percent: 100, count: 100}
  first_contact: {percent: 100, count: 100}
"""
_HOME = f"""version: 1
name: home
account_type: INTERNAL
record_type: PUBLIC
roster: {{dates: ymd}}
match: {{by: [primary_id, BARCODE], possible_match: ignore, id_change: rename}}
{_LIMITS}patron_role: {{expiry: <Expires>}}
record:
  primary_id: <Id>
  first_name: <First>
  last_name: <Last>
  user_group: <Group>
  expiry_date: <Expires>
  user_identifier: [{{id_type: BARCODE, value: <Card>}}]
  contact_info:
    email: [{{email_address: <Email>, email_type: personal}}]
"""
_SIS = f"""version: 1
name: sis
account_type: EXTERNAL
record_type: PUBLIC
owning_system: SIS
roster: {{dates: ymd}}
match: {{by: [primary_id], possible_match: ignore}}
{_LIMITS}record:
  primary_id: <Id>
  first_name: <First>
  last_name: <Last>
  user_group: <Group>
  campus_code: <Campus>
  contact_info:
    email: [{{email_address: <Email>, email_type: personal, preferred: true}}]
"""
_HOME_ROWS = [
    ("Id", "First", "Last", "Group", "Expires", "Card", "Email"),
    ("2001", "Ana", "Nunez", "FRIEND", "2030-01-31", "C2001", "ana@example.org"),
    ("2002", "Bo", "Doe", "COMM", "2030-01-31", "C2002", "bo@example.org"),
    ("2005", "Cy", "Roe", "COMM", "2030-01-31", "C2003", "cy@example.org"),  # was 2003
    ("2009", "Nina", "New", "COMM", "2030-01-31", "C2009", "nina@example.org"),
]
_SIS_ROWS = [
    ("Id", "First", "Last", "Group", "Campus", "Email"),
    ("3001", "Ed", "Fox", "GRAD", "MAIN", "ed@example.org"),
    ("3002", "Gil", "Hay", "UGRD", "MAIN", "gil@example.org"),
    ("3003", "Ida", "Jay", "UGRD", "MAIN", "ida@example.org"),
]

_ROLE = {"status": "ACTIVE", "scope": "01SANDBOX_INST", "role_type": "200"}

Users = dict[str, dict[str, Any]]


def _people(alma: Alma) -> None:
    """Three users of each kind, with what staff added and what no mapping has."""
    note = {"note_type": coded("OTHER"), "note_text": "VIP", "popup_note": False}
    role = {name: coded(code) for name, code in _ROLE.items()} | {"expiry_date": "2026-06-30Z"}
    mine = {
        "user_note": [{**note, "user_viewable": False}],
        "user_role": [role],
        "pin_number": "4321",
    }
    for number, name, last in ((1, "Ana", "Nunez"), (2, "Bo", "Doe"), (3, "Cy", "Roe")):
        old = barcode(f"OLD{number}", status="INACTIVE", id_type=coded("OTHER_ID_1"))
        ids = [barcode(f"C200{number}"), old]
        known = [email(f"{name.lower()}@example.org"), email(f"{name}2@example.org")]
        alma.create(
            primary_id=f"200{number}",
            first_name=name,
            last_name=last,
            user_identifier=ids,
            contact_info={"email": known},
            **mine,
        )
    for number, name, last in ((1, "Ed", "Fox"), (2, "Gil", "Hay"), (3, "Ida", "Jay")):
        known = [
            email(f"{name.lower()}@example.org", "External"),
            email(f"{name.lower()}@desk.example.org", "Internal", preferred=True),
        ]
        body = student(
            primary_id=f"300{number}",
            first_name=name,
            last_name=last,
            pref_first_name=f"{name}ie",
            campus_code=coded("DOWNTOWN"),
            contact_info={"email": known},
            **mine,
        )
        alma.create(**body)
    alma.admin("PATCH", "/users/3002", {"user_title": coded("MS")})


def _write() -> tuple[str, ...]:
    """Write the rosters and mappings; the words of the command that name them."""
    for name, mapping, rows in (("home", _HOME, _HOME_ROWS), ("sis", _SIS, _SIS_ROWS)):
        Path(f"{name}.yaml").write_text(mapping, "utf-8")
        write_csv(Path(f"{name}.csv"), rows)
    return ("home.csv", "sis.csv", "-m", "home.yaml", "-m", "sis.yaml")


@contextmanager
def _alma(monkeypatch: pytest.MonkeyPatch) -> Iterator[Alma]:
    with reached(monkeypatch) as host, httpx.Client() as client:
        yield Alma(client, host)


def _load(alma: Alma, switches: dict[str, str], run: str) -> tuple[Users, str, int]:
    """Make the people, set the switches and the facts, load; the users, the plan's text, exit."""
    alma.set(switches=_USUAL)
    for user in [*state_of(alma.url)]:
        alma.call("DELETE", f"/users/{user}")
    _people(alma)
    alma.set(switches=switches)
    known = {name: value for name, value in switches.items() if name in MEASURABLE}
    facts = {"institution": "01SANDBOX_INST", "environment": "sandbox", "measured": "2026-11-28"}
    Path("facts.json").write_text(json.dumps({**facts, "facts": known}), "utf-8")
    for memory in Path("runs").glob("*.sqlite*"):
        memory.unlink()
    planned = typed("plan", *_write(), "-o", run)
    assert planned.exit in {Exit.DONE, Exit.REJECTS}, planned.err
    applied = typed("apply", run)
    return state_of(alma.url), planned.err, applied.exit


_TOLD = {
    ("get-pin", "hide"): "PIN",
    ("rename-by-put", "refuse"): "primary ID",
    ("put-roles", "ignore"): "patron role",
}
"""What Alma does not do of this load, by switch, and the word with which the plan says it."""


def _differing(one: Users, other: Users) -> set[str]:
    return {
        f"{user} {name}"
        for user in one.keys() | other.keys()
        for name in one.get(user, {}).keys() | other.get(user, {}).keys()
        if one.get(user, {}).get(name) != other.get(user, {}).get(name)
    }


def _check(alma: Alma, switch: tuple[str, str], usual: Users) -> None:
    """A load under a switch leaves the users of the usual load, or its plan says what stays."""
    name, value = switch
    users, said, code = _load(alma, {name: value}, f"{name}-{value}")
    different = _differing(users, usual)
    match switch:
        case ("get-pin", "hide"):
            assert code == Exit.SAFETY_CHECK
            assert {user["pin_number"] for user in users.values() if "pin_number" in user} == {
                "4321"
            }
        case ("rename-by-put", "refuse"):
            assert {one.partition(" ")[0] for one in different} == {"2003", "2005"}
        case ("put-roles", "ignore"):
            assert {one.partition(" ")[2] for one in different} == {"user_role"}
        case _:
            assert different == set(), switch
    if switch in _TOLD:
        assert _TOLD[switch] in said
    else:
        assert not any(f"{word}s" in said for word in _TOLD.values()), said


_WRITTEN = [
    *(("external-group", "kept"), ("unsent-segments", "keep"), ("sticky-blank", "clear")),
    *(("get-pin", "hide"), ("rename-by-put", "refuse"), ("put-roles", "ignore")),
]
"""The switches that change what an update leaves, most of all."""


def test_a_load_does_what_the_facts_say(monkeypatch: pytest.MonkeyPatch) -> None:
    """With each fact that a write depends on, states are those of a usual load, or it is said."""
    with _alma(monkeypatch) as alma:
        usual, _, code = _load(alma, {}, "usual")
        assert code == Exit.DONE
        assert usual["2001"]["user_role"][0]["expiry_date"] == "2030-01-31Z"
        assert {"2005", "2009"} <= usual.keys()
        for switch in _WRITTEN:
            _check(alma, switch, usual)


@pytest.mark.hunt
def test_a_load_does_what_any_fact_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """As above, with every other value of every switch, one load each."""
    with _alma(monkeypatch) as alma:
        usual, _, _ = _load(alma, {}, "usual")
        for name, switch in SWITCHES.items():
            for value in switch.values[1:]:
                if (name, value) not in {*_WRITTEN, ("environment", "production")}:
                    _check(alma, (name, value), usual)
