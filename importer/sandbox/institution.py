"""The institution: its users, code tables and switches, and every change to them.

Primary identifiers and additional ones (barcodes, ...) share one space (contract 3.2). What a
record may contain (4.1): `check` looks at a body as it came, `check_whole` at the record to be
stored, which on PUT also contains what Alma keeps; both raise `RefusalError` for the first problem.
What is stored (3.1), with defaults, segments and sticky fields: `created`, `updated`, `loaded`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from importer.sandbox.configuration import PracticeCodes
from importer.sandbox.formats import refusal, refuse
from importer.sandbox.users import (
    EXTERNAL,
    INTERNAL,
    OUTPUT_ONLY,
    SEGMENTED,
    STICKY,
    USER,
    Claim,
    PracticePart,
    Record,
    Stored,
    Switches,
    UserStore,
    all_entries,
    codes,
    entries,
    flag,
    text,
    timestamp,
)

ALL_UNIQUE = "all_unique"
DELETED = "DELETED"
_FIRST_GENERATED = 1_000_001


@dataclass(slots=True)
class Practice:
    """What all routes work on. `now` gives the time in UTC."""

    store: UserStore
    switches: Switches
    now: Callable[[], datetime]
    tables: PracticeCodes

    def find(self, value: str, kind: str = ALL_UNIQUE) -> Stored:
        """Return the user with this ID, of a type, `all_unique` or "" (primary), or refuse."""
        for key in dict.fromkeys((value.casefold(), value)):
            holder = self.store.find(key)
            if holder is None:
                continue
            claim, number = holder
            hidden = not claim.active and self.switches["inactive-identifiers"] == "hide"
            if kind not in {ALL_UNIQUE, claim.type} or hidden:
                continue
            if not claim.type or key == self._key(value):
                return self.store.get(number)
        by_kind = {ALL_UNIQUE: "not_found", "linking_id": "not_found_by_link"}
        name = by_kind.get(kind, "not_found_by_type")
        raise refusal(name, value=value, kind=kind)

    def create(self, body: Record, source: Record) -> Stored:
        """Create a user (POST). `source` has the fulfillment network's fields, if any."""
        if not text(body, "primary_id") and self.switches["generate-primary-id"] == "on":
            number = _FIRST_GENERATED + self.store.count()
            while self.store.find(str(number)):
                number += 1
            body = {**body, "primary_id": str(number)}
        check(body, self.tables, self.switches)
        check_whole(body, self.tables, self.switches)
        record = created(body, self.tables, self.switches, Stamp(self.now())) | source
        return self.save(Stored(None, record))

    def update(self, old: Stored, body: Record, override: frozenset[str]) -> Stored:
        """Replace a user's record (PUT), except for what Alma keeps."""
        check(body, self.tables, self.switches)
        renamed = text(body, "primary_id") != text(old.record, "primary_id")
        if renamed and self.switches["rename-by-put"] == "refuse":
            refuse("not_updated")
        record, edited = updated(old, body, override, self.switches, Stamp(self.now()))
        check_whole(record, self.tables, self.switches)
        return self.save(replace(old, record=record, edited=edited))

    def edit(self, old: Stored, body: Record) -> Stored:
        """Change a user as staff do in Alma; changed sticky fields become edited."""
        internal = replace(old, record={**old.record, "account_type": INTERNAL})
        when = Stamp(self.now(), "staff")
        record, _ = updated(internal, body, frozenset(), self.switches, when)
        edited = sticky_changes(old.record, record) | old.edited
        return self.save(replace(old, record=record, edited=edited))

    def save(self, user: Stored) -> Stored:
        """Store a user, unless an ID is there twice (4018994) or is another user's (401851)."""
        claims = self.claims(user.record)
        seen: dict[str, str] = {}
        for claim in claims:
            kind = claim.type or "primary_id"
            same = seen.get(claim.key, "")
            if seen and claim.value.casefold() == claims[0].key:
                same = "primary_id"
            if same:
                refuse("same_identifier", kind=same, other=kind, value=claim.value)
            seen[claim.key] = kind
            for key in dict.fromkeys((claim.key, claim.value.casefold())):
                holder = self.store.find(key)
                if holder is None or holder[1] == user.number:
                    continue
                if text(self.store.get(holder[1]).record, "status") == DELETED:
                    self.store.remove(holder[1])
                elif key == claim.key or not holder[0].type:
                    refuse("taken", value=claim.value, kind=claim.type or "Primary id")
        return self.store.save(replace(user, modified=timestamp(self.now())), claims)

    def claims(self, record: Record) -> list[Claim]:
        """Return a user's identifiers, the primary one first."""
        primary = text(record, "primary_id")
        claims = [Claim(primary.casefold(), "", primary)]
        for identifier in entries(record, "user_identifier"):
            value = text(identifier, "value")
            active = text(identifier, "status").upper() != "INACTIVE"
            claims.append(Claim(self._key(value), text(identifier, "id_type"), value, active))
        return claims

    def delete(self, user: Stored, asked: str, kind: str) -> None:
        """Delete a user, unless there are loans or fees (401850); requests are canceled."""
        if user.activity.loans or user.activity.owed:
            refuse("undeletable", value=asked, kind=kind)
        if self.switches["delete-policy"] == "keep":
            self.save(replace(user, record={**user.record, "status": DELETED}))
            return
        self.store.remove(user.number or 0)

    def _key(self, value: str) -> str:
        return value if self.switches["identifier-case"] == "sensitive" else value.casefold()


# --- what is refused ---

# Each list and its mark that at most one entry may have.
PREFERRED_MARKS = tuple(
    (name, mark)
    for name, part in USER.parts.items()
    for mark, field in part.fields.items()
    if field.single
)
_ROLE_PARAMETERS = {"214": "ServiceUnit"}  # seen in a real refusal, contract 3.1
_COMMON = frozenset(
    {
        "password", "password1", "12345678", "123456789", "1234567890", "qwertyui", "qwertyuiop",
        "iloveyou", "sunshine", "princess", "football", "baseball", "welcome1", "trustno1",
        "superman", "letmein1", "abcd1234", "11111111", "00000000", "changeme", "passw0rd",
    }
)  # fmt: skip


def check(body: Record, tables: PracticeCodes, switches: Switches) -> None:
    """Refuse a body that breaks a rule, in the order of its fields."""
    _check_kind(body, tables, switches)
    _check_fields("user", USER, body, body, tables, switches)
    for name, part, entry in all_entries(body):
        _check_fields(name, part, entry, body, tables, switches)
        if name == "user_role":
            _check_role(entry)
    if text(body, "record_type") == "CONTACT" and (given := entries(body, "user_identifier")):
        kind = text(given[0], "id_type")
        refuse("unsupported_type", kind="identifier", code=kind, record_type="CONTACT")
    for name, mark in PREFERRED_MARKS:
        several = sum(flag(entry, mark) for entry in entries(body, name)) > 1
        if several and switches["several-preferred"] == "refuse":
            refuse("invalid_value", field=f"{name} {mark}", value="true (more than once)")
    password, name = text(body, "password"), text(body, "primary_id").casefold()
    weak = len(password) < 8 or password.casefold() in _COMMON or name in password.casefold()
    if password and weak and text(body, "account_type") == INTERNAL:
        refuse("weak_password")


def check_whole(record: Record, tables: PracticeCodes, switches: Switches) -> None:
    """Refuse a record without the fields that every user must have."""
    for name in ("primary_id", "last_name"):
        if not text(record, name):
            refuse("missing", field=name)
    group = text(record, "user_group")
    excused = text(record, "record_type") == "CONTACT" or switches["empty-user-group"] == "accept"
    fits = tables.allowed("UserGroups", group, text(record, "record_type"))
    if not fits or (not tables.has("UserGroups", group) and (group or not excused)):
        refuse("illegal_group")
    if switches["mandatory-email"] == "on" and not entries(record, "email"):
        refuse("missing", field="email")


def _check_kind(body: Record, tables: PracticeCodes, switches: Switches) -> None:
    record_type = text(body, "record_type") or "PUBLIC"
    account_type, group = text(body, "account_type"), text(body, "user_group")
    if not account_type:
        refuse("missing", field="account_type")
    if not tables.has("AddNewUserOptions", record_type):
        refuse("invalid_value", field="record_type", value=record_type)
    match account_type:
        case "INTEXTAUTH":
            refuse("unsupported_account")
        case "INTERNAL":
            if text(body, "external_id"):
                refuse("external_id_given")
        case "EXTERNAL":
            _check_external(body, tables, switches)
        case _:
            refuse("illegal_account")
    if group and not tables.has("UserGroups", group):
        refuse("illegal_group")


def _check_external(body: Record, tables: PracticeCodes, switches: Switches) -> None:
    """Check what only External users have; own tables do not list the profiles."""
    external_id = text(body, "external_id")
    if not external_id:
        refuse("external_id_missing")
    if switches["external-id-check"] == "on" and not tables.are_own and external_id != "SIS":
        refuse("invalid_value", field="external_id", value=external_id)


def _check_fields(
    name: str,
    part: PracticePart,
    entry: Record,
    user: Record,
    tables: PracticeCodes,
    switches: Switches,
) -> None:
    """Check that required fields are there, and codes against their tables (401664, 401864)."""
    record_type = text(user, "record_type")
    for key, field in part.fields.items():
        given = codes(entry, key)
        if field.required and not given:
            refuse("missing", field=f"{name} {key}")
        for code in given if field.table and name != "user_role" else ():
            known = tables.has(field.table, code)
            if field.type and not known:
                refuse("invalid_type", kind=field.type, code=code)
            if field.type and not tables.allowed(field.table, code, record_type):
                words = {"kind": field.type, "code": code, "record_type": record_type}
                refuse("unsupported_type", **words)
            if not known and switches["unlisted-codes"] == "refuse":
                refuse("invalid_value", field=name if key == "code" else key, value=code)


def _check_role(role: Record) -> None:
    number = text(role, "role_type")
    if not (number.isascii() and number.isdigit()):
        refuse("invalid_value", field="role_type", value=number)
    needed = _ROLE_PARAMETERS.get(number)
    given = {text(parameter, "type") for parameter in entries(role, "parameter")}
    if needed and needed not in given:
        field = f"user_role parameters [{needed}] for role number {number}"
        refuse("missing", field=field)


# --- what is stored ---


@dataclass(frozen=True, slots=True)
class Stamp:
    """When a change is made, and by whom."""

    now: datetime
    by: str = "exl_api"


def created(body: Record, tables: PracticeCodes, switches: Switches, when: Stamp) -> Record:
    """Return the record of a new user; without roles in the body it becomes a patron."""
    record = _with_defaults(body, switches, when)
    if not entries(record, "user_role"):
        role: Record = {"status": "ACTIVE", "role_type": "200", "scope": tables.institution[0]}
        record["user_role"] = [role]
    return record | {"status_date": when.now.date().isoformat()}


def updated(
    old: Stored, body: Record, override: frozenset[str], switches: Switches, when: Stamp
) -> tuple[Record, Record]:
    """Return the record after PUT, and the sticky fields that stay marked as edited.

    PUT replaces everything except what Alma keeps. It refuses to make an External user Internal or
    to change its external_id (401859, 401858).
    """
    before = old.record
    if text(before, "account_type") == EXTERNAL:
        if text(body, "account_type") == INTERNAL:
            refuse("unsupported_action")
        if text(before, "external_id") != text(body, "external_id"):
            refuse("external_id_fixed")
    record = _with_defaults(body, switches, when)
    if not entries(record, "user_role") or switches["put-roles"] == "ignore":
        record["user_role"] = entries(before, "user_role")
    if switches["unsent-lists"] == "keep":
        record |= {name: entries(before, name) for name in SEGMENTED if name not in body}
    _keep_output(record, before, when)
    if text(before, "account_type") == INTERNAL:
        return record, old.edited
    edited = _keep_sticky(record, old, body, switches, override, sis=False)
    if switches["unsent-segments"] == "keep":
        for name in SEGMENTED:
            if sent := entries(record, name):
                classes = {text(entry, "segment_type") for entry in sent}
                kept = (e for e in entries(before, name) if text(e, "segment_type") not in classes)
                record[name] = [*sent, *kept]
        _keep_one_preferred(record, switches)
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
    record = _with_defaults(outer, switches, when)
    if old is None:
        return record, {}
    edited = _keep_sticky(record, old, body, switches, frozenset(), sis=True)
    _take(record, old.record, "proxy_for_user")  # no part of a load
    for name in SEGMENTED:
        kept = [row for row in entries(old.record, name) if text(row, "segment_type") == "Internal"]
        record[name] = kept + entries(record, name)
    record["user_role"] = entries(old.record, "user_role")
    _keep_output(record, old.record, when)
    _keep_one_preferred(record, switches)
    return record, edited


def _keep_sticky(
    record: Record,
    old: Stored,
    body: Record,
    switches: Switches,
    override: frozenset[str],
    *,
    sis: bool,
) -> Record:
    """Put the sticky fields that Alma keeps back into `record`; return those still edited.

    `sis`: in a SIS load. A value that the field had before the edit may be taken, and ends it.
    """
    undo_edits = switches["original-value"] in ({"both", "sis"} if sis else {"both"})
    keep_names = sis and switches["sis-edited-names"] == "keep"
    keep_blank = switches["sis-empty-sticky" if sis else "sticky-blank"] == "keep"
    keep_group = not sis and switches["external-group"] == "kept"
    edited = {name: value for name, value in old.edited.items() if name not in override}
    for name, field in STICKY.items():
        given = body.get(field)
        restorable = undo_edits and not (keep_names and name.startswith("pref_"))
        if restorable and given and given == edited.get(name):
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


def _with_defaults(body: Record, switches: Switches, when: Stamp) -> Record:
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
            {**defaults.get(name, {}), **entry, "segment_type": _segment(entry, usual, fixed=fixed)}
            for entry in entries(record, name)
        ]
    # An empty status becomes ACTIVE, an illegal one INACTIVE.
    record["user_role"] = [
        {**role, "status": "ACTIVE" if text(role, "status") in {"", "ACTIVE"} else "INACTIVE"}
        for role in entries(record, "user_role")
    ]
    _keep_one_preferred(record, switches)
    return record


def _segment(entry: Record, usual: str, *, fixed: bool) -> str:
    """Return the class of an entry: as given, or the usual one of the account type."""
    given = text(entry, "segment_type")
    return given if given in {"Internal", "External"} and not fixed else usual


def _keep_one_preferred(record: Record, switches: Switches) -> None:
    """Leave at most one preferred entry in each list: an Internal one wins, then the first."""
    for name, mark in PREFERRED_MARKS:
        marked = [row for row in entries(record, name) if flag(row, mark)]
        if switches["several-preferred"] == "last":
            marked.reverse()
        marked.sort(key=lambda row: text(row, "segment_type") != "Internal")
        for row in marked[1:]:
            row.pop(mark)


def _take(record: Record, before: Record, field: str) -> None:
    record.pop(field, None)
    if field in before:
        record[field] = before[field]


def _keep_output(record: Record, before: Record, when: Stamp) -> None:
    for field in OUTPUT_ONLY:
        _take(record, before, field)
    if text(record, "status") != text(before, "status"):
        record["status_date"] = when.now.date().isoformat()
