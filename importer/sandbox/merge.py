"""What Alma stores of a record: defaults, segments, sticky fields (contract 3.1)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from importer.sandbox.answers import refuse
from importer.sandbox.configuration import INSTITUTION, Switches
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

_PATRON_ROLE = "200"


@dataclass(frozen=True, slots=True)
class Stamp:
    """When a change is made, and by whom."""

    now: datetime
    by: str = "exl_api"


def created(body: Record, switches: Switches, when: Stamp) -> Record:
    """Return the record of a new user; without roles in the body it becomes a patron."""
    record = with_defaults(body, switches, when)
    if not entries(record, "user_role"):
        role: Record = {"status": "ACTIVE", "scope": INSTITUTION[0], "role_type": _PATRON_ROLE}
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
    record = with_defaults(body, switches, when)
    if not entries(record, "user_role") or switches["put-roles"] == "ignore":
        record["user_role"] = entries(before, "user_role")
    if switches["unsent-lists"] == "keep":
        record |= {name: entries(before, name) for name in SEGMENTED if name not in body}
    _keep_output(record, before, when)
    if text(before, "account_type") == INTERNAL:
        return record, old.edited
    edited = _keep_sticky(
        record,
        old,
        body,
        override,
        undo_edits=switches["original-value"] == "both",
        keep_blank=switches["sticky-blank"] == "keep",
        keep_group=switches["external-group"] == "kept",
    )
    if switches["unsent-segments"] == "keep":
        for name in SEGMENTED:
            _keep_unsent(record, before, name)
        keep_one_preferred(record, switches)
    return record, edited


def loaded(
    old: Stored | None, body: Record, switches: Switches, when: Stamp
) -> tuple[Record, Record]:
    """Return what `updated` returns, after a SIS load: Internal entries stay.

    Loaded entries become External. The caller sets record_type, account_type and external_id.
    """
    outer = {name: value for name, value in body.items() if name not in {"user_role", "password"}}
    for name in SEGMENTED:
        outer[name] = [{**entry, "segment_type": "External"} for entry in entries(body, name)]
    record = with_defaults(outer, switches, when)
    if old is None:
        return record, {}
    edited = _keep_sticky(
        record,
        old,
        body,
        undo_edits=switches["original-value"] != "off",
        keep_blank=switches["sis-empty-sticky"] == "keep",
    )
    for name in SEGMENTED:
        kept = [row for row in entries(old.record, name) if text(row, "segment_type") == "Internal"]
        record[name] = kept + entries(record, name)
    record["user_role"] = entries(old.record, "user_role")
    _keep_output(record, old.record, when)
    keep_one_preferred(record, switches)
    return record, edited


def _keep_sticky(
    record: Record,
    old: Stored,
    body: Record,
    override: frozenset[str] = frozenset(),
    *,
    undo_edits: bool,
    keep_blank: bool,
    keep_group: bool = False,
) -> Record:
    """Put the sticky fields that Alma keeps back into `record`; return those still edited.

    With `undo_edits`, a value that the field had before the edit is taken, and ends the edit.
    """
    edited = {name: value for name, value in old.edited.items() if name not in override}
    for name, field in STICKY.items():
        given = body.get(field)
        if undo_edits and given and given == edited.get(name):
            del edited[name]
        kept = name in edited or (keep_blank and not given) or (keep_group and name == "user_group")
        if kept and name not in override:
            _take(record, old.record, field)
    return edited


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


def with_defaults(body: Record, switches: Switches, when: Stamp) -> Record:
    """Return the body with Alma's defaults, without output-only fields and the password."""
    left_out = {*OUTPUT_ONLY, "password"}
    record: Record = {
        "record_type": "PUBLIC",
        "status": "ACTIVE",
        "preferred_language": "en",
        "cataloger_level": "00",
        **{name: value for name, value in body.items() if name not in left_out},
    }
    external = text(record, "account_type") == EXTERNAL
    forced = text(record, "force_password_change").upper() == "TRUE" and not external
    record |= {"force_password_change": "TRUE" if forced else ""}
    usual = "External" if external else "Internal"
    fixed = not external and switches["internal-segments"] == "internal"
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
                "segment_type": _segment(entry, usual, fixed=fixed),
            }
            for entry in entries(record, name)
        ]
    # An empty status becomes ACTIVE, an illegal one INACTIVE.
    record["user_role"] = [
        {**role, "status": "ACTIVE" if text(role, "status") in {"", "ACTIVE"} else "INACTIVE"}
        for role in entries(record, "user_role")
    ]
    keep_one_preferred(record, switches)
    return record


def _segment(entry: Record, usual: str, *, fixed: bool) -> str:
    """Return the class of an entry: as given, or the usual one of the account type."""
    given = text(entry, "segment_type")
    return given if given in {"Internal", "External"} and not fixed else usual


def keep_one_preferred(record: Record, switches: Switches) -> None:
    """Leave at most one preferred entry in each list: an Internal one wins, then the first."""
    for name, mark in PREFERRED_MARKS:
        marked = [row for row in entries(record, name) if flag(row, mark)]
        if switches["several-preferred"] == "last":
            marked.reverse()
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
