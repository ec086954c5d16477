"""What a library expects of its records, computed without the importer's own rules.

A record here is what Alma shows, without blanks, descriptions and the stamps of Alma's clock.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

Record = dict[str, Any]

_STAMPS = {
    *("modified", "edited", "status_date", "created_date", "created_by", "requests", "loans"),
    *("fees", "researcher", "link", "password"),
}


@dataclass(frozen=True)
class Row:
    """A row of a roster."""

    id: str
    first: str
    last: str
    preferred: str = ""
    group: str = ""
    born: str = ""
    expires: str = ""
    street: str = ""
    email: str = ""
    campus_email: str = ""
    phone: str = ""
    card: str = ""
    job: str = ""
    pin: str = ""


HEAD = tuple(Row.__dataclass_fields__)

INTERNAL, EXTERNAL = "Internal", "External"
SEGMENT = {"community": INTERNAL, "students": EXTERNAL, "staff": EXTERNAL}


def compact(value: Any) -> Any:
    """What Alma shows, without what says nothing."""
    if isinstance(value, list):
        return sorted((compact(one) for one in value), key=repr)
    if not isinstance(value, dict):
        return value
    if "value" in value and not value.keys() - {"value", "desc"}:
        return value["value"]
    flat = {**value, **value.get("contact_info", {})}
    flat.pop("contact_info", None)
    shown = {name: compact(one) for name, one in flat.items() if name not in _STAMPS}
    return {name: shown[name] for name in sorted(shown) if shown[name] not in ("", None, [], False)}


def created(roster: str, row: Row, *, card: bool = True) -> Record:
    """The record of a new user; without `card` the row's card is somebody else's."""
    segment = SEGMENT[roster]
    record: Record = {
        "primary_id": row.id,
        "record_type": "PUBLIC",
        "account_type": segment.upper(),
        "status": "ACTIVE",
        "cataloger_level": "00",
        "preferred_language": "en",
        "user_note": [
            {"note_type": "LIBRARY", "note_text": f"In {roster}", "segment_type": segment}
        ],
        "user_role": [{"status": "ACTIVE", "scope": "01SANDBOX_INST", "role_type": "200"}],
    }
    if segment == EXTERNAL:
        record["external_id"] = "SIS"
    record = updated(record, roster, None, row if card else replace(row, card=""))
    for name in ("address", "phone"):
        record[name][0]["preferred"] = True
    emails = record["email"]
    first = next((one for one in emails if one["email_type"] == ["school"]), emails[0])
    first["preferred"] = True
    return _sorted(record)


def updated(
    record: Record, roster: str, old: Row | None, new: Row, *, edited: Iterable[str] = ()
) -> Record:
    """The record after a load of a changed row: what differs from the last row is written.

    `edited`: names of cells whose field Alma itself keeps, because staff edited it.
    """
    before, record = record, {k: list(v) if isinstance(v, list) else v for k, v in record.items()}
    segment = SEGMENT[roster]

    def news(name: str) -> str:
        text = getattr(new, name)
        same = old is not None and getattr(old, name) == text
        return "" if same or name in edited else str(text)

    plain = {
        "first": "first_name",
        "last": "last_name",
        "preferred": "pref_first_name",
        "group": "user_group",
        "job": "job_description",
    }
    for cell, field in plain.items():
        if news(cell):
            record[field] = news(cell)
    if new.pin and "user_group" not in before:  # a new user
        record["pin_number"] = new.pin
    record["full_name"] = f"{record['first_name']} {record['last_name']}"
    if news("born"):
        record["birth_date"] = f"{new.born}Z"
    if news("expires"):
        day = date.fromisoformat(new.expires)
        purged = day.replace(year=day.year + 2)
        record["expiry_date"] = max(record.get("expiry_date", ""), f"{day}Z")
        record["purge_date"] = max(record.get("purge_date", ""), f"{purged}Z")
        (role,) = record["user_role"]
        if ends := role.get("expiry_date"):  # without one it never ends
            record["user_role"] = [{**role, "expiry_date": max(ends, f"{day}Z")}]
    if news("street"):
        address = {"line1": new.street, "city": "Northfield", "country": "USA"}
        _entry(record, "address", "address_type", "home", segment, address)
    for cell, kind in (("campus_email", "school"), ("email", "personal")):
        if news(cell):
            email = {"email_address": getattr(new, cell)}
            _entry(record, "email", "email_type", kind, segment, email)
    if news("phone"):
        phone = {"phone_number": new.phone}
        _entry(record, "phone", "phone_type", "mobile", segment, phone)
    if news("card"):
        cards = record.get("user_identifier", [])
        was = [one for one in cards if one["id_type"] == "BARCODE" and one["status"] == "ACTIVE"]
        kept = [one for one in cards if one not in was]
        card = {"id_type": "BARCODE", "status": "ACTIVE", "segment_type": INTERNAL}
        record["user_identifier"] = [*kept, {**card, "value": new.card}]
    return _sorted(record)


def renamed(record: Record, new: str, *, keeps: bool) -> Record:
    """The record of a user who gets another primary ID, and perhaps keeps the old one."""
    old = {"id_type": "BARCODE", "status": "INACTIVE", "value": record["primary_id"]}
    cards = [*record.get("user_identifier", ()), {**old, "segment_type": INTERNAL}]
    more = {"user_identifier": cards} if keeps else {}
    return _sorted({**record, "primary_id": new, **more})


def left(record: Record, today: date) -> Record:
    """The record of somebody who is missing from the rosters."""
    note = {"note_type": "LIBRARY", "note_text": "Left"}
    note["segment_type"] = record["account_type"].capitalize()
    ends = min(record["expiry_date"], f"{today}Z")
    notes = [*record["user_note"], note]
    return _sorted({**record, "status": "INACTIVE", "expiry_date": ends, "user_note": notes})


def _entry(
    record: Record, name: str, type_field: str, kind: str, segment: str, values: Record
) -> None:
    """Write an entry of a list: that of the same type in the roster's segment, or a new one."""
    entries = record.setdefault(name, [])
    for place, one in enumerate(entries):
        if one[type_field] == [kind] and one["segment_type"] == segment:
            entries[place] = {**one, **values}
            return
    entries.append({type_field: [kind], "segment_type": segment, **values})


def _sorted(record: Record) -> Record:
    shown: Record = compact(record)
    return shown


_CODES = {
    *("record_type", "account_type", "status", "user_group", "cataloger_level"),
    *("preferred_language", "country", "id_type", "note_type", "scope", "role_type"),
}


def body(record: Record) -> Record:
    """A record as a request has it."""

    def full(name: str, value: Any) -> Any:
        if isinstance(value, dict):
            plain = {"status"} if "id_type" in value else set()
            return {key: one if key in plain else full(key, one) for key, one in value.items()}
        if isinstance(value, list):
            return [full(name, one) for one in value]
        coded = name in _CODES or name.endswith(("address_type", "email_type", "phone_type"))
        return {"value": value} if coded else value

    contacts = ("address", "email", "phone")
    made = {name: full(name, one) for name, one in record.items()}
    made["contact_info"] = {name: made.pop(name) for name in contacts if name in made}
    return made
