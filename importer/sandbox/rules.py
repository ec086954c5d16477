"""What Alma refuses in a record, and with which code (contract 4.1).

`check` looks at a body as it came; `check_whole` at the record to be stored, which on PUT also
contains what Alma keeps. Both return nothing and raise `RefusalError` for the first problem.
That identifiers are unique is a matter of all users: `Institution.save`.
"""

from __future__ import annotations

from importer.sandbox.answers import refuse
from importer.sandbox.configuration import CodeTables, Switches
from importer.sandbox.record import (
    INTERNAL,
    USER,
    Part,
    Record,
    all_entries,
    codes,
    entries,
    flag,
    text,
)

# Each list and its mark that at most one entry may have.
PREFERRED_MARKS = tuple(
    (name, mark)
    for name, part in USER.parts.items()
    for mark, field in part.fields.items()
    if field.single
)
_ROLE_PARAMETERS = {"214": "ServiceUnit"}  # seen in a real refusal, contract 3.1
_KNOWN_PROFILES = frozenset({"SIS"})
_COMMON = frozenset(
    {
        "password", "password1", "12345678", "123456789", "1234567890", "qwertyui", "qwertyuiop",
        "iloveyou", "sunshine", "princess", "football", "baseball", "welcome1", "trustno1",
        "superman", "letmein1", "abcd1234", "11111111", "00000000", "changeme", "passw0rd",
    }
)  # fmt: skip


def check(body: Record, tables: CodeTables, switches: Switches) -> None:
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
    if switches["force-false"] == "refuse" and len(text(body, "force_password_change")) > 4:
        refuse("unreadable")
    for name, mark in PREFERRED_MARKS:
        several = sum(flag(entry, mark) for entry in entries(body, name)) > 1
        if several and switches["several-preferred"] == "refuse":
            refuse("invalid_value", field=f"{name} {mark}", value="true (more than once)")
    _check_password(body)


def check_whole(record: Record, tables: CodeTables, switches: Switches) -> None:
    """Refuse a record without the fields that every user must have."""
    for name in ("primary_id", "last_name"):
        if not text(record, name):
            refuse("missing", field=name)
    group = text(record, "user_group")
    excused = text(record, "record_type") == "CONTACT" or switches["empty-user-group"] == "accept"
    if not tables.has("UserGroups", group) and (group or not excused):
        refuse("illegal_group")
    if switches["mandatory-email"] == "on" and not entries(record, "email"):
        refuse("missing", field="email")


def _check_password(record: Record) -> None:
    """Refuse a weak password for an Internal user (500038)."""
    password = text(record, "password")
    if text(record, "account_type") != INTERNAL or not password:
        return
    name = text(record, "primary_id").casefold()
    if len(password) < 8 or password.casefold() in _COMMON or name in password.casefold():
        refuse("weak_password")


def _check_kind(body: Record, tables: CodeTables, switches: Switches) -> None:
    record_type = text(body, "record_type")
    if not record_type and switches["record-type"] == "optional":
        record_type = "PUBLIC"
    account_type = text(body, "account_type")
    for name, value in (("record_type", record_type), ("account_type", account_type)):
        if not value:
            refuse("missing", field=name)
    group = text(body, "user_group")
    if not tables.has("AddNewUserOptions", record_type):
        refuse("invalid_value", field="record_type", value=record_type)
    match account_type:
        case "INTEXTAUTH":
            refuse("unsupported_account")
        case "INTERNAL":
            if text(body, "external_id"):
                refuse("external_id_given")
        case "EXTERNAL":
            _check_external(body, switches)
        case _:
            refuse("illegal_account")
    if group and not tables.has("UserGroups", group):
        refuse("illegal_group")


def _check_external(body: Record, switches: Switches) -> None:
    """Check what only External users have, and what they do not have."""
    external_id = text(body, "external_id")
    if not external_id:
        refuse("external_id_missing")
    if switches["external-password"] == "refuse" and text(body, "password"):
        refuse("missing", field="internal account for password")
    if switches["external-id-check"] == "on" and external_id not in _KNOWN_PROFILES:
        refuse("invalid_value", field="external_id", value=external_id)


def _check_fields(
    name: str, part: Part, entry: Record, user: Record, tables: CodeTables, switches: Switches
) -> None:
    """Check that required fields are there, and codes against their tables (401664, 401864)."""
    record_type = text(user, "record_type")
    for key, field in part.fields.items():
        found = codes(entry, key)
        if field.required and not found:
            refuse("missing", field=f"{name} {key}")
        for code in found if field.table and name != "user_role" else ():
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
