"""Users as JSON: reading a body, showing a record as Alma shows it (contract 1.1)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeAlias

from importer.sandbox import shape, values
from importer.sandbox.record import Record, Value, codes, entries, flag, full_name, text
from importer.sandbox.refusal import Said
from importer.sandbox.shape import Empty, Field, Kind, Part

Json: TypeAlias = "str | bool | int | float | Mapping[str, Json] | Sequence[Json] | None"
Describe: TypeAlias = "Callable[[str, str], str]"


def parse(body: bytes) -> Json:
    """Any JSON document; whatever is none is refused as Alma refuses it."""
    try:
        return json.loads(body.decode("utf-8"))  # type: ignore[no-any-return]
    except (ValueError, RecursionError) as error:
        raise Said.UNREADABLE.refuse() from error


def read_user(document: Json) -> Record:
    """A user from a JSON body. Unknown keys are read over; wrong types are refused."""
    if not isinstance(document, dict):
        raise Said.UNREADABLE.refuse()
    record = _read(document, shape.USER_FIELDS, ())
    contact = document.get("contact_info")
    if contact is not None and not isinstance(contact, dict):
        raise Said.UNREADABLE.refuse()
    for part in shape.USER_PARTS:
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
        raise Said.UNREADABLE.refuse()
    rows: list[Record] = []
    for row in document:
        if not isinstance(row, dict):
            raise Said.UNREADABLE.refuse()
        rows.append(_read(row, part.fields, part.parts))
    return rows


def _read_value(document: Json, field: Field) -> Value:
    value: Value = ""
    match field.kind:
        case _ if document is None:
            pass
        case Kind.TEXT:
            value = values.as_text(_string(document), field.length)
        case Kind.CODE:
            value = _code(document, field)
        case Kind.CODES:
            if not isinstance(document, list):
                raise Said.UNREADABLE.refuse()
            value = [code for entry in document if (code := _code(entry, field))]
        case Kind.DATE:
            value = values.as_date(_string(document))
        case Kind.TIME:
            value = values.as_time(_string(document))
        case Kind.BOOL:
            value = document if isinstance(document, bool) else values.as_flag(_string(document))
    return value


def _string(document: Json) -> str:
    if not isinstance(document, str):
        raise Said.UNREADABLE.refuse()
    return document


def _code(document: Json, field: Field) -> str:
    if not isinstance(document, dict):
        raise Said.UNREADABLE.refuse()
    value = document.get("value")
    return "" if value is None else values.as_text(_string(value), field.length)


def show_user(record: Record, describe: Describe, *, brief: bool = False) -> dict[str, Json]:
    """A whole user as a single GET shows it; `describe` gives the words for a table's code."""
    shown = _show(record, shape.USER_FIELDS, (), describe)
    shown["full_name"] = full_name(record)
    shown["password"] = ""
    contact: dict[str, Json] = {}
    for part in shape.USER_PARTS:
        if brief and part.name not in shape.BRIEF_PARTS:
            continue
        rows = [_show(row, part.fields, part.parts, describe) for row in entries(record, part.name)]
        (contact if part.contact else shown)[part.name] = rows
    shown["contact_info"] = contact
    shown |= {"requests": None, "loans": None, "fees": None, "researcher": None, "link": None}
    if not brief:
        shown["proxy_for_user"] = []
    return shown


def show_item(record: Record, describe: Describe, link: str) -> dict[str, Json]:
    """A user as a list without `expand=full` shows it."""
    coded = (field for field in shape.USER_FIELDS if field.name in {"gender", "status"})
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
