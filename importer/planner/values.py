"""A field's value as the record holds it, and as text: one way there, one way back."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, TypeVar

from importer.model.fields import Field, Shape, text
from importer.model.policy import OnUpdate
from importer.model.user import Coded, Part

if TYPE_CHECKING:
    from collections.abc import Callable

P = TypeVar("P", bound=Part)

SEVERAL_TYPES = frozenset({"address_type", "email_type", "phone_type"})
"""Fields that hold several codes; a mapping gives one."""


def current(part: Part, name: str) -> str:
    """What a part of the record holds in one field, as text."""
    return text(getattr(part, name))


def typed(field: Field, value: str) -> object:
    """The text of a candidate as the record holds it.

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


def alike(name: str, one: str, other: str) -> bool:
    """Whether two texts of a field mean the same to Alma."""
    if one == other:
        return True
    normal = _SAME.get(name)
    return normal is not None and normal(one) == normal(other)


def blanked(part: P, field: Field) -> P:
    """The part with a field blank as Alma shows it: an unset date is absent (contract 1.1)."""
    if field.shape is not Shape.DATE:
        return part.model_copy(update={field.name: typed(field, "")})
    without = part.model_copy(update={field.name: None})
    without.model_fields_set.discard(field.name)
    return without


_REPLACES = frozenset({OnUpdate.REPLACE, OnUpdate.REPLACE_ALL})


def settled(policy: OnUpdate, name: str, old: str, new: str, *, clears: bool = False) -> str:
    """The text that a known user's field ends up with: `old`, where nothing is to be done.

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
            return old if alike(name, old, new) else new
