"""What Alma refuses in one record, with the code it refuses it with (contract 4.1).

`check` looks at a body as it came; `check_whole` at the record that would be stored, which on PUT
also holds what Alma keeps. Both return nothing and raise `RefusalError` at the first finding.
"""

from __future__ import annotations

from importer.sandbox import shape
from importer.sandbox.codes import CodeTables
from importer.sandbox.record import EXTERNAL, INTERNAL, Record, codes, entries, flag, text
from importer.sandbox.refusal import Said
from importer.sandbox.shape import Kind
from importer.sandbox.switches import Switches

_TYPED = (
    (shape.ADDRESS, "address_type", "address", "UserAddressTypes"),
    (shape.EMAIL, "email_type", "email", "UserEmailTypes"),
    (shape.PHONE, "phone_type", "phone", "UserPhoneTypes"),
)
_REQUIRED = (
    (shape.ADDRESS, ("line1",)),
    (shape.EMAIL, ("email_address",)),
    (shape.PHONE, ("phone_number",)),
    (shape.IDENTIFIER, ("id_type", "value")),
    (shape.NOTE, ("note_type", "note_text")),
    (shape.BLOCK, ("block_description",)),
    (shape.STATISTIC, ("statistic_category",)),
    (shape.ROLE, ("role_type",)),
)
_SINGLE_TYPED = (
    (shape.IDENTIFIER, "id_type", "identifier", "UserIdentifierTypes"),
    (shape.NOTE, "note_type", "note", "NoteTypes"),
    (shape.BLOCK, "block_type", "block", "UserBlockTypes"),
    (shape.BLOCK, "block_description", "block description", "UserBlockDescription"),
    (shape.STATISTIC, "statistic_category", "statistic", "UserStatCategories"),
)
_CHECKED_ELSEWHERE = frozenset({"record_type", "account_type", "user_group"})
_ROLE_PARAMETERS = {"214": "ServiceUnit"}  # seen in a real refusal, contract 3.1
_KNOWN_PROFILES = frozenset({"SIS"})


def check(body: Record, tables: CodeTables, switches: Switches) -> None:
    """Refuse what a body may not say, in the order in which a person would read it."""
    _check_kind(body, tables, switches)
    _check_codes(body, tables, switches)
    _check_lists(body, tables)
    _check_roles(body)
    _check_preferred(body, switches)


def check_whole(record: Record, tables: CodeTables, switches: Switches) -> None:
    """Refuse a record that would be stored without what every user must have."""
    for name in ("primary_id", "last_name"):
        if not text(record, name):
            raise Said.MISSING.refuse(field=name)
    group = text(record, "user_group")
    excused = text(record, "record_type") == "CONTACT" or switches["empty-user-group"] == "accept"
    if not tables.has("UserGroups", group) and (group or not excused):
        raise Said.ILLEGAL_GROUP.refuse()
    if switches["mandatory-email"] == "on" and not entries(record, "email"):
        raise Said.MISSING.refuse(field="email")


def _check_kind(body: Record, tables: CodeTables, switches: Switches) -> None:
    for name in ("record_type", "account_type"):
        if not text(body, name):
            raise Said.MISSING.refuse(field=name)
    record_type, account_type = text(body, "record_type"), text(body, "account_type")
    if not tables.has("AddNewUserOptions", record_type):
        raise Said.INVALID_VALUE.refuse(field="record_type", value=record_type)
    if account_type == "INTEXTAUTH":
        raise Said.UNSUPPORTED_ACCOUNT.refuse()
    external_id = text(body, "external_id")
    match account_type:
        case "INTERNAL" if external_id:
            raise Said.EXTERNAL_ID_GIVEN.refuse()
        case "EXTERNAL" if not external_id:
            raise Said.EXTERNAL_ID_MISSING.refuse()
        case "INTERNAL" | "EXTERNAL":
            pass
        case _:
            raise Said.ILLEGAL_ACCOUNT.refuse()
    if account_type == EXTERNAL:
        if switches["external-password"] == "refuse" and text(body, "password"):
            raise Said.MISSING.refuse(field="internal account for password")
        if switches["external-id-check"] == "on" and external_id not in _KNOWN_PROFILES:
            raise Said.INVALID_VALUE.refuse(field="external_id", value=external_id)


def _check_codes(body: Record, tables: CodeTables, switches: Switches) -> None:
    group = text(body, "user_group")
    if group and not tables.has("UserGroups", group):
        raise Said.ILLEGAL_GROUP.refuse()
    if switches["unlisted-codes"] == "accept":
        return
    for field in shape.USER_FIELDS:
        code = text(body, field.name)
        if field.kind is not Kind.CODE or not code or field.name in _CHECKED_ELSEWHERE:
            continue
        if not tables.has(field.table, code):
            raise Said.INVALID_VALUE.refuse(field=field.name, value=code)
    for name, key, table in (
        ("address", "country", "CountryCodes"),
        ("rs_library", "code", "Libraries"),
        ("library_notice", "code", "LibraryNoticesOptInDisplay"),
        ("user_statistic", "category_type", "UserStatisticalTypes"),
    ):
        for entry in entries(body, name):
            code = text(entry, key)
            if code and not tables.has(table, code):
                raise Said.INVALID_VALUE.refuse(field=key if key != "code" else name, value=code)


def _check_lists(body: Record, tables: CodeTables) -> None:
    record_type = text(body, "record_type")
    for part, names in _REQUIRED:
        for entry in entries(body, part.name):
            for name in names:
                if not text(entry, name):
                    raise Said.MISSING.refuse(field=f"{part.name} {name}")
    for part, key, kind, table in _TYPED:
        for entry in entries(body, part.name):
            if not codes(entry, key):
                raise Said.MISSING.refuse(field=f"{part.name} {key}")
            for code in codes(entry, key):
                _check_type(tables, table, kind, code, record_type)
    for part, key, kind, table in _SINGLE_TYPED:
        for entry in entries(body, part.name):
            if code := text(entry, key):
                _check_type(tables, table, kind, code, record_type)
    if record_type == "CONTACT" and (identifiers := entries(body, "user_identifier")):
        kind = text(identifiers[0], "id_type")
        raise Said.UNSUPPORTED_TYPE.refuse(kind="identifier", code=kind, record_type=record_type)


def _check_type(tables: CodeTables, table: str, kind: str, code: str, record_type: str) -> None:
    if not tables.has(table, code):
        raise Said.INVALID_TYPE.refuse(kind=kind, code=code)
    if not tables.allowed(table, code, record_type):
        raise Said.UNSUPPORTED_TYPE.refuse(kind=kind, code=code, record_type=record_type)


def _check_roles(body: Record) -> None:
    for role in entries(body, "user_role"):
        number = text(role, "role_type")
        if not (number.isascii() and number.isdigit()):
            raise Said.INVALID_VALUE.refuse(field="role_type", value=number)
        needed = _ROLE_PARAMETERS.get(number)
        given = {text(parameter, "type") for parameter in entries(role, "parameter")}
        if needed and needed not in given:
            raise Said.MISSING.refuse(
                field=f"user_role parameters [{needed}] for role number {number}"
            )


def _check_preferred(body: Record, switches: Switches) -> None:
    for name, mark in (
        ("address", "preferred"),
        ("email", "preferred"),
        ("phone", "preferred"),
        ("phone", "preferred_sms"),
    ):
        marked = [entry for entry in entries(body, name) if flag(entry, mark)]
        if len(marked) > 1 and switches["several-preferred"] == "refuse":
            raise Said.INVALID_VALUE.refuse(field=f"{name} {mark}", value="true (more than once)")


def check_password(record: Record) -> None:
    """Refuse a weak password for an Internal user (500038)."""
    password = text(record, "password")
    if text(record, "account_type") != INTERNAL or not password:
        return
    name = text(record, "primary_id").casefold()
    if len(password) < 8 or password.casefold() in _COMMON or name in password.casefold():
        raise Said.WEAK_PASSWORD.refuse()


_COMMON = frozenset(
    {
        "password", "password1", "12345678", "123456789", "1234567890", "qwertyui", "qwertyuiop",
        "iloveyou", "sunshine", "princess", "football", "baseball", "welcome1", "trustno1",
        "superman", "letmein1", "abcd1234", "11111111", "00000000", "changeme", "passw0rd",
    }
)  # fmt: skip
