"""What Alma stores of a record: defaults, segments, sticky fields (contract 3.1)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from importer.sandbox.record import (
    EXTERNAL,
    INTERNAL,
    OUTPUT_ONLY,
    SEGMENTED,
    Record,
    codes,
    entries,
    flag,
    text,
    timestamp,
)
from importer.sandbox.refusals import Refusal
from importer.sandbox.rules import PREFERRED_MARKS
from importer.sandbox.store import Stored
from importer.sandbox.switches import Switches

# Name in `override` → field. Kept for External users if staff edited it, or if the body has none.
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
_PATRON_ROLE = "200"


@dataclass(frozen=True, slots=True)
class Stamp:
    """When a change is made, and by whom."""

    now: datetime
    by: str = "exl_api"


def created(body: Record, scope: str, when: Stamp) -> Record:
    """Return the record of a new user; without roles in the body it becomes a patron."""
    record = with_defaults(body, when)
    if not entries(record, "user_role"):
        role: Record = {"status": "ACTIVE", "scope": scope, "role_type": _PATRON_ROLE}
        record["user_role"] = [role]
    return record | {"status_date": when.now.date().isoformat()}


def updated(
    old: Stored, body: Record, override: frozenset[str], switches: Switches, when: Stamp
) -> tuple[Record, frozenset[str]]:
    """Return the record after PUT, and the sticky fields that stay marked as edited.

    PUT replaces everything except what Alma keeps.
    """
    before = old.record
    refuse_change_of_kind(before, body)
    record = with_defaults(body, when)
    if not entries(record, "user_role"):
        record["user_role"] = entries(before, "user_role")
    _keep_output(record, before, when)
    if text(before, "account_type") == INTERNAL:
        return record, old.edited
    for name, field in STICKY.items():
        if name in override:
            continue
        kept = name == "user_group" and switches.external_group == "kept"
        if kept or name in old.edited or not body.get(field):
            _take(record, before, field)
    if switches.unsent_segments == "keep":
        for part in SEGMENTED:
            _keep_unsent(record, before, part.name)
        keep_one_preferred(record)
    return record, old.edited - override


def refuse_change_of_kind(before: Record, body: Record) -> None:
    """Refuse to make an External user Internal or to change its external_id (401859, 401858)."""
    if text(before, "account_type") != EXTERNAL:
        return
    if text(body, "account_type") == INTERNAL:
        raise Refusal.UNSUPPORTED_ACTION.error()
    if text(before, "external_id") != text(body, "external_id"):
        raise Refusal.EXTERNAL_ID_FIXED.error()


def with_defaults(body: Record, when: Stamp) -> Record:
    """Return the body with Alma's defaults, without output-only fields and the password."""
    record = {
        name: value
        for name, value in body.items()
        if name not in OUTPUT_ONLY and name != "password"
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
    for part in SEGMENTED:
        record[part.name] = [
            {**entry, "segment_type": _segment(entry, external=external)}
            for entry in entries(record, part.name)
        ]
    _complete_entries(record, when)
    keep_one_preferred(record)
    return record


def _segment(entry: Record, *, external: bool) -> str:
    return "External" if external and text(entry, "segment_type") != "Internal" else "Internal"


def _complete_entries(record: Record, when: Stamp) -> None:
    for entry in entries(record, "user_identifier"):
        entry.setdefault("status", "ACTIVE")
    for entry in entries(record, "user_block"):
        entry.setdefault("block_type", "GENERAL")
        entry.setdefault("block_status", "ACTIVE")
    created = timestamp(when.now)
    for name in ("user_block", "user_note"):
        for entry in entries(record, name):
            entry.setdefault("created_by", when.by)
            entry.setdefault("created_date", created)
    record["user_role"] = [
        {**role, "status": _role_status(text(role, "status"))}
        for role in entries(record, "user_role")
    ]


def _role_status(given: str) -> str:
    """Return ACTIVE for an empty status, INACTIVE for an illegal one."""
    return "ACTIVE" if given in {"", "ACTIVE"} else "INACTIVE"


def keep_one_preferred(record: Record) -> None:
    """Leave at most one preferred entry in each list: an Internal one wins, then the first."""
    for name, mark in PREFERRED_MARKS:
        marked = [row for row in entries(record, name) if flag(row, mark)]
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
    for field in OUTPUT_ONLY:
        _take(record, before, field)
    if text(record, "status") != text(before, "status"):
        record["status_date"] = when.now.date().isoformat()


def loaded(
    before: Record | None, body: Record, edited: frozenset[str], switches: Switches, when: Stamp
) -> Record:
    """Return the record after a SIS load: Internal entries stay, loaded ones become External.

    The caller sets record_type, account_type and external_id from the profile.
    """
    outer = {name: value for name, value in body.items() if name not in {"user_role", "password"}}
    for part in SEGMENTED:
        outer[part.name] = [
            {**entry, "segment_type": "External"} for entry in entries(body, part.name)
        ]
    record = with_defaults(outer, when)
    if before is None:
        return record
    for name, field in STICKY.items():
        empty = not body.get(field)
        if name in edited or (empty and switches.sis_empty_sticky == "keep"):
            _take(record, before, field)
    for part in SEGMENTED:
        internal = [
            row for row in entries(before, part.name) if text(row, "segment_type") == "Internal"
        ]
        record[part.name] = internal + entries(record, part.name)
    record["user_role"] = entries(before, "user_role")
    _keep_output(record, before, when)
    keep_one_preferred(record)
    return record


def sticky_changes(before: Record, after: Record) -> frozenset[str]:
    """Return the sticky fields, by their `override` names, that differ between two records."""
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
