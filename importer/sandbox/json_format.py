"""Users as JSON: reading a body, showing a record as Alma shows it (contract 1.1).

Single values follow the rules of Alma's XML schema: lengths, dates, characters.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import TypeAlias

from importer.sandbox.record import (
    BRIEF_PARTS,
    USER_FIELDS,
    USER_PARTS,
    Empty,
    Field,
    Kind,
    Part,
    Record,
    Value,
    codes,
    entries,
    flag,
    full_name,
    text,
    timestamp,
)
from importer.sandbox.refusals import Refusal

Json: TypeAlias = "str | bool | int | float | Mapping[str, Json] | Sequence[Json] | None"
Describe: TypeAlias = "Callable[[str, str], str]"

# Characters that XML 1.0 does not allow; Alma cannot store them.
ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_DATE = re.compile(r"(\d{4}-\d{2}-\d{2})(Z|[+-]\d{2}:\d{2})?", re.ASCII)
_TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})?", re.ASCII)
_FLAGS = {"true": True, "1": True, "false": False, "0": False}


def parse(body: bytes) -> Json:
    """Return any JSON document; refuse what is not JSON as Alma does."""
    try:
        return json.loads(body.decode("utf-8"))  # type: ignore[no-any-return]
    except (ValueError, RecursionError) as error:
        raise Refusal.UNREADABLE.error() from error


def read_user(document: Json) -> Record:
    """Return the user in a JSON body. Unknown keys are ignored, wrong types are refused."""
    if not isinstance(document, dict):
        raise Refusal.UNREADABLE.error()
    record = _read(document, USER_FIELDS, ())
    contact = document.get("contact_info")
    if contact is not None and not isinstance(contact, dict):
        raise Refusal.UNREADABLE.error()
    for part in USER_PARTS:
        holder = (contact or {}) if part.contact else document
        record[part.name] = _read_part(holder.get(part.name), part)
    return record


def _read(document: Mapping[str, Json], fields: Iterable[Field], parts: tuple[Part, ...]) -> Record:
    record: Record = {}
    for field in fields:
        value = _read_value(document.get(field.name), field)
        if value:
            record[field.name] = value
    for part in parts:
        record[part.name] = _read_part(document.get(part.name), part)
    return record


def _read_part(document: Json, part: Part) -> list[Record]:
    if document is None:
        return []
    if not isinstance(document, list):
        raise Refusal.UNREADABLE.error()
    rows: list[Record] = []
    for row in document:
        if not isinstance(row, dict):
            raise Refusal.UNREADABLE.error()
        rows.append(_read(row, part.fields, part.parts))
    return rows


def _read_value(document: Json, field: Field) -> Value:
    value: Value = ""
    match field.kind:
        case _ if document is None:
            pass
        case Kind.TEXT:
            value = _as_text(document, field.length)
        case Kind.CODE:
            value = _as_code(document, field)
        case Kind.CODES if isinstance(document, list):
            value = [code for entry in document if (code := _as_code(entry, field))]
        case Kind.DATE:
            value = _as_date(_as_text(document))
        case Kind.TIME:
            value = _as_time(_as_text(document))
        case Kind.BOOL if isinstance(document, bool):
            value = document
        case Kind.BOOL if isinstance(document, str) and document.strip() in _FLAGS:
            value = _FLAGS[document.strip()]
        case _:
            raise Refusal.UNREADABLE.error()
    return value


def _as_text(document: Json, length: int | None = None) -> str:
    """Return text as it is; refuse it if it is too long or if XML cannot hold it."""
    if not isinstance(document, str) or ILLEGAL.search(document):
        raise Refusal.UNREADABLE.error()
    if length is not None and len(document) > length:
        raise Refusal.UNREADABLE.error()
    return document


def _as_code(document: Json, field: Field) -> str:
    if not isinstance(document, dict):
        raise Refusal.UNREADABLE.error()
    value = document.get("value")
    return "" if value is None else _as_text(value, field.length)


def _as_date(value: str) -> str:
    """Return an xs:date as YYYY-MM-DD, without its zone."""
    match = _DATE.fullmatch(value.strip())
    try:
        return date.fromisoformat(match[1] if match else "").isoformat()
    except ValueError as error:
        raise Refusal.UNREADABLE.error() from error


def _as_time(value: str) -> str:
    """Return an xs:dateTime as Alma prints it: UTC, milliseconds, Z."""
    try:
        moment = datetime.fromisoformat(value.strip() if _TIME.fullmatch(value.strip()) else "")
        return timestamp(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    except (ValueError, OverflowError) as error:
        raise Refusal.UNREADABLE.error() from error


def show_user(record: Record, describe: Describe, *, brief: bool = False) -> dict[str, Json]:
    """Return a whole user as a single GET shows it.

    `describe` gives the description of a table's code. `brief` leaves most lists out.
    """
    shown = _show(record, USER_FIELDS, (), describe)
    shown["full_name"] = full_name(record)
    shown["password"] = ""
    contact: dict[str, Json] = {}
    for part in USER_PARTS:
        if brief and part.name not in BRIEF_PARTS:
            continue
        rows = [_show(row, part.fields, part.parts, describe) for row in entries(record, part.name)]
        (contact if part.contact else shown)[part.name] = rows
    shown["contact_info"] = contact
    shown |= {"requests": None, "loans": None, "fees": None, "researcher": None, "link": None}
    if not brief:
        shown["proxy_for_user"] = []
    return shown


def show_item(record: Record, describe: Describe, link: str) -> dict[str, Json]:
    """Return a user as a list without `expand=full` shows it."""
    coded = (field for field in USER_FIELDS if field.name in {"gender", "status"})
    return {
        **{name: text(record, name) for name in ("primary_id", "first_name", "last_name")},
        **{field.name: _show_value(record, field, describe) for field in coded},
        "password": "",
        "requests": None,
        "loans": None,
        "fees": None,
        "link": link,
    }


def _show(
    record: Record, fields: Iterable[Field], parts: tuple[Part, ...], describe: Describe
) -> dict[str, Json]:
    shown: dict[str, Json] = {
        field.name: _show_value(record, field, describe)
        for field in fields
        if field.empty is not Empty.ABSENT or record.get(field.name)
    }
    for part in parts:
        shown[part.name] = [
            _show(row, part.fields, part.parts, describe) for row in entries(record, part.name)
        ]
    return shown


def _show_value(record: Record, field: Field, describe: Describe) -> Json:
    match field.kind:
        case Kind.TEXT | Kind.TIME:
            value = text(record, field.name)
            return None if not value and field.empty is Empty.NULL else value
        case Kind.CODE:
            return _show_code(text(record, field.name), field, describe)
        case Kind.CODES:
            return [_show_code(code, field, describe) for code in codes(record, field.name)]
        case Kind.DATE:
            return f"{text(record, field.name)}Z"
        case Kind.BOOL:
            return flag(record, field.name)


def _show_code(code: str, field: Field, describe: Describe) -> Json:
    if code:
        return {"value": code, "desc": describe(field.table, code)}
    match field.empty:
        case Empty.NULL:
            return {"value": None, "desc": None}
        case Empty.NULL_VALUE:
            return {"value": None, "desc": ""}
        case Empty.BLANK | Empty.ABSENT:
            return {"value": "", "desc": ""}
