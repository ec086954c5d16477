"""What Alma stores when a record comes in: defaults, segments, sticky fields (contract 3.1)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from importer.sandbox import shape
from importer.sandbox.record import EXTERNAL, INTERNAL, Record, codes, entries, flag, text
from importer.sandbox.refusal import Said
from importer.sandbox.store import Stored
from importer.sandbox.switches import Switches
from importer.sandbox.values import stamp

# The name in `override`, and the field. Kept for External users if staff edited them, or if empty.
STICKY = {
    "user_group": "user_group",
    "job_category": "job_category",
    "pin_number": "pin_number",
    "preferred_language": "preferred_language",
    "campus_code": "campus_code",
    "rs_libraries": "rs_library",
    "user_title": "user_title",
    "library_notices": "library_notice",
    "pref_first_name": "pref_first_name",
    "pref_middle_name": "pref_middle_name",
    "pref_last_name": "pref_last_name",
    "cataloger_level": "cataloger_level",
}
_MARKS = {
    "address": ("preferred",),
    "email": ("preferred",),
    "phone": ("preferred", "preferred_sms"),
}
_PATRON_ROLE = "200"


@dataclass(frozen=True, slots=True)
class Stamp:
    """When a change happens and who Alma says made it."""

    now: datetime
    by: str = "exl_api"


def created(body: Record, scope: str, when: Stamp) -> Record:
    """A new user: without roles in the body it becomes a patron of the institution."""
    record = settle(body, when)
    if not entries(record, "user_role"):
        role: Record = {"status": "ACTIVE", "scope": scope, "role_type": _PATRON_ROLE}
        record["user_role"] = [role]
    return record | {"status_date": when.now.date().isoformat()}


def updated(
    old: Stored, body: Record, override: frozenset[str], switches: Switches, when: Stamp
) -> tuple[Record, frozenset[str]]:
    """The record after PUT (swap all, but for what Alma keeps), and what stays marked as edited."""
    before = old.record
    refuse_change_of_kind(before, body)
    record = settle(body, when)
    if not entries(record, "user_role"):
        record["user_role"] = entries(before, "user_role")
    _keep_output(record, before, when)
    if text(before, "account_type") == INTERNAL:
        return record, old.edited
    for name, field in STICKY.items():
        if name in override:
            continue
        kept = name == "user_group" and switches["external-group"] == "kept"
        if kept or name in old.edited or not body.get(field):
            _take(record, before, field)
    if switches["unsent-segments"] == "keep":
        for part in shape.SEGMENTED:
            _keep_unsent(record, before, part.name)
        settle_preferred(record)
    return record, old.edited - override


def refuse_change_of_kind(before: Record, body: Record) -> None:
    """External stays External, with the external_id it has (401859, 401858)."""
    if text(before, "account_type") != EXTERNAL:
        return
    if text(body, "account_type") == INTERNAL:
        raise Said.UNSUPPORTED_ACTION.refuse()
    if text(before, "external_id") != text(body, "external_id"):
        raise Said.EXTERNAL_ID_FIXED.refuse()


def settle(body: Record, when: Stamp) -> Record:
    """The body with Alma's defaults, without what it only shows and without the password."""
    record = {
        name: value
        for name, value in body.items()
        if name not in shape.OUTPUT_ONLY and name != "password"
    }
    external = text(record, "account_type") == EXTERNAL
    for name, value in (
        ("status", "ACTIVE"),
        ("preferred_language", "en"),
        ("cataloger_level", "00"),
    ):
        record.setdefault(name, value)
    if external or text(record, "force_password_change") != "TRUE":
        record.pop("force_password_change", None)
    for part in shape.SEGMENTED:
        record[part.name] = [
            {**entry, "segment_type": _segment(entry, external=external)}
            for entry in entries(record, part.name)
        ]
    _settle_entries(record, when)
    settle_preferred(record)
    return record


def _segment(entry: Record, *, external: bool) -> str:
    return "External" if external and text(entry, "segment_type") != "Internal" else "Internal"


def _settle_entries(record: Record, when: Stamp) -> None:
    for entry in entries(record, "user_identifier"):
        entry.setdefault("status", "ACTIVE")
    for entry in entries(record, "user_block"):
        entry.setdefault("block_type", "GENERAL")
        entry.setdefault("block_status", "ACTIVE")
    for name in ("user_block", "user_note"):
        for entry in entries(record, name):
            entry.setdefault("created_by", when.by)
            entry.setdefault("created_date", stamp(when.now))
    record["user_role"] = [
        {**role, "status": _role_status(text(role, "status"))}
        for role in entries(record, "user_role")
    ]


def _role_status(given: str) -> str:
    """Empty means active, illegal means inactive."""
    return "ACTIVE" if given in {"", "ACTIVE"} else "INACTIVE"


def settle_preferred(record: Record) -> None:
    """At most one preferred entry a list: an Internal one wins, then the first."""
    for name, marks in _MARKS.items():
        rows = entries(record, name)
        for mark in marks:
            marked = [row for row in rows if flag(row, mark)]
            marked.sort(key=lambda row: text(row, "segment_type") != "Internal")
            for row in marked[1:]:
                row.pop(mark)


def _keep_unsent(record: Record, before: Record, name: str) -> None:
    sent = entries(record, name)
    classes = {text(entry, "segment_type") for entry in sent}
    if sent:
        unsent = [row for row in entries(before, name) if text(row, "segment_type") not in classes]
        record[name] = sent + unsent


def _take(record: Record, before: Record, field: str) -> None:
    if field in before:
        record[field] = before[field]
    else:
        record.pop(field, None)


def _keep_output(record: Record, before: Record, when: Stamp) -> None:
    for field in shape.OUTPUT_ONLY:
        _take(record, before, field)
    if text(record, "status") != text(before, "status"):
        record["status_date"] = when.now.date().isoformat()


def loaded(
    before: Record | None, body: Record, edited: frozenset[str], switches: Switches, when: Stamp
) -> Record:
    """The record after a SIS load: Internal entries stay, loaded ones become External.

    The body's kind (record_type, account_type, external_id) is the profile's, set by the caller.
    """
    outer = {name: value for name, value in body.items() if name not in {"user_role", "password"}}
    for part in shape.SEGMENTED:
        outer[part.name] = [
            {**entry, "segment_type": "External"} for entry in entries(body, part.name)
        ]
    record = settle(outer, when)
    if before is None:
        return record
    for name, field in STICKY.items():
        empty = not body.get(field)
        if name in edited or (empty and switches["sis-empty-sticky"] == "keep"):
            _take(record, before, field)
    for part in shape.SEGMENTED:
        mine = [
            row for row in entries(before, part.name) if text(row, "segment_type") == "Internal"
        ]
        record[part.name] = mine + entries(record, part.name)
    record["user_role"] = entries(before, "user_role")
    _keep_output(record, before, when)
    settle_preferred(record)
    return record


def sticky_changes(before: Record, after: Record) -> frozenset[str]:
    """The sticky fields, by their `override` names, that differ between two records."""
    return frozenset(
        name for name, field in STICKY.items() if _plain(before, field) != _plain(after, field)
    )


def _plain(record: Record, field: str) -> list[str]:
    value = record.get(field)
    if isinstance(value, list):
        return [
            f"{text(entry, 'code')}={flag(entry, 'value')}" for entry in entries(record, field)
        ] + codes(record, field)
    return [text(record, field)]
