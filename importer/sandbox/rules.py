"""What Alma refuses in a record, and with which code (contract 4.1).

`check` looks at a body as it came; `check_whole` at the record to be stored, which on PUT also
contains what Alma keeps. Both return nothing and raise `RefusalError` for the first problem.
"""

from __future__ import annotations

from importer.sandbox.codes import CodeTables
from importer.sandbox.record import (
    ADDRESS,
    BLOCK,
    EMAIL,
    EXTERNAL,
    IDENTIFIER,
    INTERNAL,
    NOTE,
    PHONE,
    ROLE,
    STATISTIC,
    USER_FIELDS,
    Kind,
    Record,
    codes,
    entries,
    flag,
    text,
)
from importer.sandbox.refusals import Refusal
from importer.sandbox.switches import Switches

_TYPED = (
    (ADDRESS, "address_type", "address", "UserAddressTypes"),
    (EMAIL, "email_type", "email", "UserEmailTypes"),
    (PHONE, "phone_type", "phone", "UserPhoneTypes"),
)
_REQUIRED = (
    (ADDRESS, ("line1",)),
    (EMAIL, ("email_address",)),
    (PHONE, ("phone_number",)),
    (IDENTIFIER, ("id_type", "value")),
    (NOTE, ("note_type", "note_text")),
    (BLOCK, ("block_description",)),
    (STATISTIC, ("statistic_category",)),
    (ROLE, ("role_type",)),
)
_SINGLE_TYPED = (
    (IDENTIFIER, "id_type", "identifier", "UserIdentifierTypes"),
    (NOTE, "note_type", "note", "NoteTypes"),
    (BLOCK, "block_type", "block", "UserBlockTypes"),
    (BLOCK, "block_description", "block description", "UserBlockDescription"),
    (STATISTIC, "statistic_category", "statistic", "UserStatCategories"),
)
# Each list and its mark that at most one entry may have.
PREFERRED_MARKS = (
    ("address", "preferred"),
    ("email", "preferred"),
    ("phone", "preferred"),
    ("phone", "preferred_sms"),
)
_CHECKED_ELSEWHERE = frozenset({"record_type", "account_type", "user_group"})
_ROLE_PARAMETERS = {"214": "ServiceUnit"}  # seen in a real refusal, contract 3.1
_KNOWN_PROFILES = frozenset({"SIS"})


def check(body: Record, tables: CodeTables, switches: Switches) -> None:
    """Refuse a body that breaks a rule, in the order of its fields."""
    _check_kind(body, tables, switches)
    _check_codes(body, tables, switches)
    _check_lists(body, tables)
    _check_roles(body)
    _check_preferred(body, switches)


def check_whole(record: Record, tables: CodeTables, switches: Switches) -> None:
    """Refuse a record without the fields that every user must have."""
    for name in ("primary_id", "last_name"):
        if not text(record, name):
            raise Refusal.MISSING.error(field=name)
    group = text(record, "user_group")
    excused = text(record, "record_type") == "CONTACT" or switches.empty_user_group == "accept"
    if not tables.has("UserGroups", group) and (group or not excused):
        raise Refusal.ILLEGAL_GROUP.error()
    if switches.mandatory_email == "on" and not entries(record, "email"):
        raise Refusal.MISSING.error(field="email")


def _check_kind(body: Record, tables: CodeTables, switches: Switches) -> None:
    for name in ("record_type", "account_type"):
        if not text(body, name):
            raise Refusal.MISSING.error(field=name)
    record_type, account_type = text(body, "record_type"), text(body, "account_type")
    if not tables.has("AddNewUserOptions", record_type):
        raise Refusal.INVALID_VALUE.error(field="record_type", value=record_type)
    if account_type == "INTEXTAUTH":
        raise Refusal.UNSUPPORTED_ACCOUNT.error()
    external_id = text(body, "external_id")
    match account_type:
        case "INTERNAL" if external_id:
            raise Refusal.EXTERNAL_ID_GIVEN.error()
        case "EXTERNAL" if not external_id:
            raise Refusal.EXTERNAL_ID_MISSING.error()
        case "INTERNAL" | "EXTERNAL":
            pass
        case _:
            raise Refusal.ILLEGAL_ACCOUNT.error()
    if account_type == EXTERNAL:
        if switches.external_password == "refuse" and text(body, "password"):  # noqa: S105
            raise Refusal.MISSING.error(field="internal account for password")
        if switches.external_id_check == "on" and external_id not in _KNOWN_PROFILES:
            raise Refusal.INVALID_VALUE.error(field="external_id", value=external_id)


def _check_codes(body: Record, tables: CodeTables, switches: Switches) -> None:
    group = text(body, "user_group")
    if group and not tables.has("UserGroups", group):
        raise Refusal.ILLEGAL_GROUP.error()
    if switches.unlisted_codes == "accept":
        return
    for field in USER_FIELDS:
        code = text(body, field.name)
        if field.kind is not Kind.CODE or not code or field.name in _CHECKED_ELSEWHERE:
            continue
        if not tables.has(field.table, code):
            raise Refusal.INVALID_VALUE.error(field=field.name, value=code)
    for name, key, table in (
        ("address", "country", "CountryCodes"),
        ("rs_library", "code", "Libraries"),
        ("library_notice", "code", "LibraryNoticesOptInDisplay"),
        ("user_statistic", "category_type", "UserStatisticalTypes"),
    ):
        for entry in entries(body, name):
            code = text(entry, key)
            if code and not tables.has(table, code):
                raise Refusal.INVALID_VALUE.error(field=key if key != "code" else name, value=code)


def _check_lists(body: Record, tables: CodeTables) -> None:
    record_type = text(body, "record_type")
    for part, names in _REQUIRED:
        for entry in entries(body, part.name):
            for name in names:
                if not text(entry, name):
                    raise Refusal.MISSING.error(field=f"{part.name} {name}")
    for part, key, kind, table in _TYPED:
        for entry in entries(body, part.name):
            if not codes(entry, key):
                raise Refusal.MISSING.error(field=f"{part.name} {key}")
            for code in codes(entry, key):
                _check_type(tables, table, kind, code, record_type)
    for part, key, kind, table in _SINGLE_TYPED:
        for entry in entries(body, part.name):
            if code := text(entry, key):
                _check_type(tables, table, kind, code, record_type)
    if record_type == "CONTACT" and (identifiers := entries(body, "user_identifier")):
        kind = text(identifiers[0], "id_type")
        raise Refusal.UNSUPPORTED_TYPE.error(kind="identifier", code=kind, record_type=record_type)


def _check_type(tables: CodeTables, table: str, kind: str, code: str, record_type: str) -> None:
    if not tables.has(table, code):
        raise Refusal.INVALID_TYPE.error(kind=kind, code=code)
    if not tables.allowed(table, code, record_type):
        raise Refusal.UNSUPPORTED_TYPE.error(kind=kind, code=code, record_type=record_type)


def _check_roles(body: Record) -> None:
    for role in entries(body, "user_role"):
        number = text(role, "role_type")
        if not (number.isascii() and number.isdigit()):
            raise Refusal.INVALID_VALUE.error(field="role_type", value=number)
        needed = _ROLE_PARAMETERS.get(number)
        given = {text(parameter, "type") for parameter in entries(role, "parameter")}
        if needed and needed not in given:
            raise Refusal.MISSING.error(
                field=f"user_role parameters [{needed}] for role number {number}"
            )


def _check_preferred(body: Record, switches: Switches) -> None:
    if switches.several_preferred == "first":
        return
    for name, mark in PREFERRED_MARKS:
        if sum(flag(entry, mark) for entry in entries(body, name)) > 1:
            raise Refusal.INVALID_VALUE.error(field=f"{name} {mark}", value="true (more than once)")


def check_password(record: Record) -> None:
    """Refuse a weak password for an Internal user (500038)."""
    password = text(record, "password")
    if text(record, "account_type") != INTERNAL or not password:
        return
    name = text(record, "primary_id").casefold()
    if len(password) < 8 or password.casefold() in _COMMON or name in password.casefold():
        raise Refusal.WEAK_PASSWORD.error()


_COMMON = frozenset(
    {
        "password", "password1", "12345678", "123456789", "1234567890", "qwertyui", "qwertyuiop",
        "iloveyou", "sunshine", "princess", "football", "baseball", "welcome1", "trustno1",
        "superman", "letmein1", "abcd1234", "11111111", "00000000", "changeme", "passw0rd",
    }
)  # fmt: skip
