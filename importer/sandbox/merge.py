"""What Alma stores of a record: defaults, segments, sticky fields (contract 3.1)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from importer.sandbox.answers import refuse
from importer.sandbox.record import (
    EXTERNAL,
    INTERNAL,
    OUTPUT_ONLY,
    SEGMENTED,
    STICKY,
    Record,
    entries,
    flag,
    text,
    timestamp,
)
from importer.sandbox.rules import PREFERRED_MARKS
from importer.sandbox.store import Stored
from importer.sandbox.switches import Switches

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
) -> tuple[Record, Record]:
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
        kept = name == "user_group" and switches.external_group == "kept"
        if name not in override and (kept or name in old.edited or not body.get(field)):
            _take(record, before, field)
    if switches.unsent_segments == "keep":
        for name in SEGMENTED:
            _keep_unsent(record, before, name)
        keep_one_preferred(record)
    return record, {name: old.edited[name] for name in old.edited.keys() - override}


def loaded(
    before: Record | None, body: Record, edited: Record, switches: Switches, when: Stamp
) -> Record:
    """Return the record after a SIS load: Internal entries stay, loaded ones become External.

    The caller sets record_type, account_type and external_id from the profile.
    """
    outer = {name: value for name, value in body.items() if name not in {"user_role", "password"}}
    for name in SEGMENTED:
        outer[name] = [{**entry, "segment_type": "External"} for entry in entries(body, name)]
    record = with_defaults(outer, when)
    if before is None:
        return record
    for name, field in STICKY.items():
        if name in edited or (not body.get(field) and switches.sis_empty_sticky == "keep"):
            _take(record, before, field)
    for name in SEGMENTED:
        kept = [row for row in entries(before, name) if text(row, "segment_type") == "Internal"]
        record[name] = kept + entries(record, name)
    record["user_role"] = entries(before, "user_role")
    _keep_output(record, before, when)
    keep_one_preferred(record)
    return record


def sticky_changes(before: Record, after: Record) -> Record:
    """Return the sticky fields, by their `override` names, that differ, with the values before."""
    return {
        name: before.get(field, "")
        for name, field in STICKY.items()
        if (before.get(field) or None) != (after.get(field) or None)
    }


def refuse_change_of_kind(before: Record, body: Record) -> None:
    """Refuse to make an External user Internal or to change its external_id (401859, 401858)."""
    if text(before, "account_type") != EXTERNAL:
        return
    if text(body, "account_type") == INTERNAL:
        refuse("unsupported_action")
    if text(before, "external_id") != text(body, "external_id"):
        refuse("external_id_fixed")


def with_defaults(body: Record, when: Stamp) -> Record:
    """Return the body with Alma's defaults, without output-only fields and the password."""
    left_out = {*OUTPUT_ONLY, "password"}
    record: Record = {
        "status": "ACTIVE",
        "preferred_language": "en",
        "cataloger_level": "00",
        **{name: value for name, value in body.items() if name not in left_out},
    }
    external = text(record, "account_type") == EXTERNAL
    if external or text(record, "force_password_change") != "TRUE":
        record.pop("force_password_change", None)
    made: Record = {"created_by": when.by, "created_date": timestamp(when.now)}
    defaults: dict[str, Record] = {
        "user_identifier": {"status": "ACTIVE"},
        "user_block": {"block_type": "GENERAL", "block_status": "ACTIVE", **made},
        "user_note": made,
    }
    for name in SEGMENTED:
        record[name] = [
            {
                **defaults.get(name, {}),
                **entry,
                "segment_type": _segment(entry, external=external),
            }
            for entry in entries(record, name)
        ]
    # An empty status becomes ACTIVE, an illegal one INACTIVE.
    record["user_role"] = [
        {**role, "status": "ACTIVE" if text(role, "status") in {"", "ACTIVE"} else "INACTIVE"}
        for role in entries(record, "user_role")
    ]
    keep_one_preferred(record)
    return record


def _segment(entry: Record, *, external: bool) -> str:
    return "External" if external and text(entry, "segment_type") != "Internal" else "Internal"


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
    record.pop(field, None)
    if field in before:
        record[field] = before[field]


def _keep_output(record: Record, before: Record, when: Stamp) -> None:
    for field in OUTPUT_ONLY:
        _take(record, before, field)
    if text(record, "status") != text(before, "status"):
        record["status_date"] = when.now.date().isoformat()
