"""A field's value: as the record holds it, as text, and the form in which values are compared."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from functools import cache
from typing import TypeVar

from importer.model.fields import LISTS, Field, OnUpdate, Shape, text
from importer.model.user import Coded, Facts, Part, Reach, User

P = TypeVar("P", bound=Part)

SEVERAL_TYPES = frozenset({"address_type", "email_type", "phone_type"})
"""Fields with several codes in the record; a mapping gives one."""


def current(part: Part, name: str) -> str:
    """Return a field of a part of the record as text."""
    return text(getattr(part, name))


def to_field(field: Field, value: str) -> object:
    """Return a candidate's text as the value that the record has.

    `force_password_change` is the text TRUE or nothing (contract 1.1). Raises ValueError where a
    date is not ISO; the mapper lets none through.
    """
    if field.name == "force_password_change":
        return "TRUE" if value.casefold() == "true" else ""
    match field.shape:
        case Shape.TEXT:
            return value
        case Shape.CODE:
            return (Coded(value=value),) if field.name in SEVERAL_TYPES else Coded(value=value)
        case Shape.DATE:
            return date.fromisoformat(value)
        case Shape.FLAG:
            return value == "true"


def _digits(value: str) -> str:
    return "".join(mark for mark in value if mark in "0123456789") or value.casefold()


def _folded(value: str) -> str:
    return " ".join(value.split())


_SAME: dict[str, Callable[[str], str]] = {
    "email_address": str.casefold,
    "phone_number": _digits,
    "value": str.casefold,  # of an identifier (contract 3.2)
    "note_text": _folded,
    "user_title": str.casefold,  # Alma answers Mr where it was sent MR (contract 1.1)
    "force_password_change": str.casefold,
}


def same_text(name: str, one: str, other: str) -> bool:
    """Return whether two texts of a field mean the same to Alma."""
    if one == other:
        return True
    normal = _SAME.get(name)
    return normal is not None and normal(one) == normal(other)


def cleared(part: P, field: Field) -> P:
    """Return the part with a blank field as Alma shows it: no date is absent (contract 1.1)."""
    if field.shape is not Shape.DATE:
        return part.model_copy(update={field.name: to_field(field, "")})
    without = part.model_copy(update={field.name: None})
    without.model_fields_set.discard(field.name)
    return without


_REPLACES = frozenset({OnUpdate.REPLACE, OnUpdate.REPLACE_ALL})


def resolve_value(policy: OnUpdate, name: str, old: str, new: str, *, clears: bool = False) -> str:
    """Return the text that a known user's field gets: `old` if nothing changes.

    A blank `new` leaves Alma's value, unless the policy is `erase` or the field belongs to
    something that is replaced as a whole (`clears`).
    """
    if not new:
        return "" if policy is OnUpdate.ERASE or (clears and policy in _REPLACES) else old
    match policy:
        case OnUpdate.NEVER:
            return old
        case OnUpdate.KEEP if old:
            return old
        case OnUpdate.LATER if new <= old:
            return old
        case _:
            return old if same_text(name, old, new) else new


# comparing

_NOT_OURS = frozenset({"start_date", "user_role", "proxy_for_user", "password", "contact_info"})


@cache
def compared_fields(kind: type[Part]) -> tuple[str, ...]:
    """Return the names of a part's fields that are compared, without its lists of parts."""
    return tuple(
        name
        for name, info in kind.model_fields.items()
        if name not in _NOT_OURS
        and not (kind is User and name in LISTS)
        and not any(
            isinstance(facts, Facts) and facts.reach is Reach.OUTPUT for facts in info.metadata
        )
    )


def comparable(part: Part, *, fold_codes: bool = False) -> Mapping[str, str]:
    """Return the fields of a part that are not blank, as text; a flag not set is blank.

    `fold_codes`: codes are written without case, as Alma may answer them (contract 1.1).
    """
    held = {}
    for name in compared_fields(type(part)):
        value = getattr(part, name)
        shown = text(value)
        if fold_codes and isinstance(value, Coded | tuple):
            shown = shown.casefold()
        if shown and value is not False:
            held[name] = shown
    for name, value in (part.model_extra or {}).items():
        if value:
            held[name] = repr(value)
    return held
