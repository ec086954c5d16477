"""The fields that a mapping may set, derived from the record itself.

A field's path is Alma's own, without positions: `user_group`, `contact_info.email.email_address`.
"""

from __future__ import annotations

import types
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Union, get_args, get_origin

from pydantic.fields import FieldInfo

from importer.model.user import Coded, ContactInfo, Facts, Part, Reach, User


class Shape(StrEnum):
    """What kind of value a field takes. In candidates each is text: see `model.candidates`."""

    TEXT = "text"
    CODE = "code"
    DATE = "date"
    FLAG = "true or false"


@dataclass(frozen=True, slots=True)
class Field:
    """One field of the record: its path, the list whose entries hold it (or ""), its facts."""

    path: str
    parent: str
    name: str
    shape: Shape
    facts: Facts


def _bare(annotation: object) -> object:
    """The annotation without `| None`."""
    if get_origin(annotation) in {Union, types.UnionType}:
        return next(part for part in get_args(annotation) if part is not type(None))
    return annotation


def _entry_type(annotation: object) -> type[Part] | None:
    """The entries' class where a field is a list of parts, else nothing."""
    bare = _bare(annotation)
    if get_origin(bare) is tuple:
        entry = get_args(bare)[0]
        if isinstance(entry, type) and issubclass(entry, Part) and entry is not Coded:
            return entry
    return None


def _shape(annotation: object) -> Shape:
    bare = _bare(annotation)
    if bare is bool:
        return Shape.FLAG
    if bare is date:
        return Shape.DATE
    if bare is Coded or get_origin(bare) is tuple:
        return Shape.CODE
    return Shape.TEXT


def _facts(info: FieldInfo) -> Facts | None:
    return next((item for item in info.metadata if isinstance(item, Facts)), None)


def _fields(part: type[Part], parent: str) -> Iterator[Field]:
    for name, info in part.model_fields.items():
        facts = _facts(info)
        if facts is None or _entry_type(info.annotation) or facts.reach is Reach.OUTPUT:
            continue
        path = f"{parent}.{name}" if parent else name
        yield Field(path, parent, name, _shape(info.annotation), facts)


def _lists() -> Iterator[tuple[str, type[Part]]]:
    for owner, prefix in ((ContactInfo, "contact_info."), (User, "")):
        for name, info in owner.model_fields.items():
            entry = _entry_type(info.annotation)
            if entry is not None and any(_fields(entry, name)):
                yield prefix + name, entry


LISTS: dict[str, type[Part]] = dict(_lists())
"""The lists whose entries a mapping may set, by path: `contact_info.address`, `user_note`, …"""

FIELDS: dict[str, Field] = {
    field.path: field
    for field in (
        *_fields(User, ""),
        *(field for parent, entry in LISTS.items() for field in _fields(entry, parent)),
    )
}
"""Every field that a mapping may set, by path, in the record's order."""

ALWAYS_REQUIRED = ("primary_id", "first_name", "last_name", "user_group")
"""Every record needs these, whatever the mapping says (contract 4.1, the library's own rule)."""

TYPE_FIELD: dict[str, str] = {
    "contact_info.address": "address_type",
    "contact_info.email": "email_type",
    "contact_info.phone": "phone_type",
    "user_identifier": "id_type",
    "user_note": "note_type",
    "user_block": "block_type",
    "user_statistic": "statistic_category",
    "rs_library": "code",
    "library_notice": "code",
}
"""The field that distinguishes the entries of a list."""


def text(value: object) -> str:
    """Return a value of the record as candidates write it: ISO dates, `true` or `false`, codes.

    Several codes are joined by `+`; "" is blank, in whatever way the record has it blank.
    """
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case date():
            return value.isoformat()
        case Coded():
            return value.value or ""
        case tuple():
            return "+".join(text(part) for part in value)
        case _:
            return str(value)


def fields_of(user: User) -> Iterator[tuple[str, str]]:
    """Yield path and text of every field of a record that is not blank and no unset flag.

    The path of an entry's field names its type: `contact_info.email[work].email_address`.
    """
    yield from _texts_of(user, "")
    for parent in LISTS:
        holder, _, name = parent.rpartition(".")
        owner = getattr(user, holder) if holder else user
        for part in (getattr(owner, name) if owner is not None else None) or ():
            kind = text(getattr(part, TYPE_FIELD[parent]))
            fields = tuple(_texts_of(part, f"{parent}[{kind}].", TYPE_FIELD[parent]))
            yield from fields or ((parent, kind),)


def _texts_of(part: Part, prefix: str, but: str = "") -> Iterator[tuple[str, str]]:
    for name in type(part).model_fields:
        value = getattr(part, name)
        parts = value if isinstance(value, tuple) else (value,)
        deeper = any(isinstance(one, Part) and not isinstance(one, Coded) for one in parts)
        if name == but or deeper or isinstance(value, ContactInfo) or value is False:
            continue
        if shown := text(value):
            yield prefix + name, shown
