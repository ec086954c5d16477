"""GET /users: which users, in which order (contract 2.2). `q` searches words, not values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date

from importer.sandbox.record import Record, entries, text
from importer.sandbox.refusal import Said
from importer.sandbox.store import Store, Stored

# The fields of a record that each search field looks into.
_ENTRY_FIELDS = {
    "email": ("email", "email_address"),
    "phone_number": ("phone", "phone_number"),
    "identifiers": ("user_identifier", "value"),
    "block_type": ("user_block", "block_type"),
    "id_type": ("user_identifier", "id_type"),
    "note_text": ("user_note", "note_text"),
    "note_type": ("user_note", "note_type"),
    "statistic_category": ("user_statistic", "statistic_category"),
}
_PLAIN_FIELDS = (
    "primary_id",
    "first_name",
    "last_name",
    "middle_name",
    "job_category",
    "birth_date",
    "user_group",
    "campus_code",
)
COLUMNS = (*_PLAIN_FIELDS, *_ENTRY_FIELDS)
_GENERAL = tuple(name for name in COLUMNS if name not in {"email", "birth_date", "identifiers"})
_ORDERS = {
    "": "last_name, first_name, primary_id",
    "last_name": "last_name, primary_id",
    "first_name": "first_name, primary_id",
    "primary_id": "primary_id",
}
_DEFAULT_LIMIT = 10
_LARGEST_LIMIT = 100


def words(record: Record) -> tuple[str, ...]:
    """What the search may find a user by, in the order of COLUMNS."""
    plain = (text(record, name) for name in _PLAIN_FIELDS)
    listed = (
        " ".join(text(entry, key) for entry in entries(record, name))
        for name, key in _ENTRY_FIELDS.values()
    )
    return (*plain, *listed)


def find(store: Store, query: Mapping[str, str]) -> tuple[list[Stored], int]:
    """One page of users and how many there are in all; refused if the parameters are wrong."""
    limit = _number(query, "limit", _DEFAULT_LIMIT)
    offset = _number(query, "offset", 0)
    order = _ORDERS.get(query.get("order_by", ""))
    if limit > _LARGEST_LIMIT or order is None or ("q" in query and "modify_date_from" in query):
        raise Said.GENERAL.refuse()
    conditions, values = ["1"], []
    if "q" in query:
        expression = _expression(query["q"])
        conditions.append("number IN (SELECT rowid FROM words WHERE words MATCH ?)")
        values.append(expression)
    if since := query.get("modify_date_from"):
        conditions.append("modified >= ?")
        values.append(_day(since))
    for name, field in (
        ("source_institution_code", "source_institution_code"),
        ("source_user_id", "source_link_id"),
    ):
        if wanted := query.get(name):
            conditions.append(f"json_extract(record, '$.{field}') = ?")
            values.append(wanted)
    where = " AND ".join(conditions)
    found = store.page(where, tuple(values), order, limit, offset) if limit else []
    return found, store.count(where, tuple(values))


def _expression(question: str) -> str:
    """An FTS5 expression for `field~words`, parts joined by AND."""
    parts: list[str] = []
    for part in re.split(r" AND ", question):
        field, tilde, sought = part.partition("~")
        tokens = re.findall(r"\w+", sought.replace("_", " "))
        columns = _columns(field.strip())
        if not tilde or not tokens:
            raise Said.GENERAL.refuse()
        parts.append(f"{{{' '.join(columns)}}} : (" + " AND ".join(f'"{t}"' for t in tokens) + ")")
    return " AND ".join(parts)


def _columns(field: str) -> tuple[str, ...]:
    if field in COLUMNS:
        return (field,)
    if field == "general_info":
        return _GENERAL
    if field == "ALL":
        return COLUMNS
    raise Said.GENERAL.refuse()


def _number(query: Mapping[str, str], name: str, default: int) -> int:
    given = query.get(name, str(default))
    if not (given.isascii() and given.isdigit() and len(given) < 10):
        raise Said.GENERAL.refuse()
    return int(given)


def _day(given: str) -> str:
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", given, re.ASCII):
        raise Said.GENERAL.refuse()
    try:
        return date.fromisoformat(given).isoformat()
    except ValueError as error:
        raise Said.GENERAL.refuse() from error
