"""Values and list entries of a record: as text, when two are equal, how they differ.

Two entries are equal if they have the same type and the same core: the email address, the lines of
the postal address, the note's text. Everything else (a description, an end date, a flag) only
describes the entry.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from functools import cache, lru_cache
from typing import TypeAlias, TypeVar

from importer.model.fields import JOINED, LISTS, TYPE_FIELD, Field, Shape, text
from importer.model.user import Coded, ContactInfo, Facts, Reach, RecordPart, User

P = TypeVar("P", bound=RecordPart)

CONTACT = "contact_info."

CORE: dict[str, tuple[str, ...]] = {
    "contact_info.address": (
        *("line1", "line2", "line3", "line4", "line5"),
        *("city", "state_province", "postal_code", "country"),
    ),
    "contact_info.email": ("email_address",),
    "contact_info.phone": ("phone_number",),
    "user_identifier": ("value",),
    "user_note": ("note_text",),
    "user_block": ("block_description",),
    "user_statistic": ("statistic_note",),
    "proxy_for_user": ("primary_id",),
    "rs_library": (),
    "library_notice": (),
}
"""By list: the core of an entry, beside its type; a difference shows the first of them."""

ONLY_ADDED = frozenset({"user_note", "user_block", "user_statistic"})
"""Lists whose entries an update never replaces; of a block it changes status and note."""

FLAGS: dict[str, tuple[str, ...]] = {
    "contact_info.address": ("preferred",),
    "contact_info.email": ("preferred",),
    "contact_info.phone": ("preferred", "preferred_sms"),
}
"""By list: the flags that at most one entry has. Exactly one must have `preferred`."""

PREFERRED = "preferred"

# values


def current(part: RecordPart, name: str) -> str:
    """Return a field of a part of the record as text."""
    return text(getattr(part, name))


@lru_cache(maxsize=4096)
def coded(value: str) -> Coded:
    """Return a code as the record has it; a roster has few, so each is made once."""
    return Coded(value=value)


def to_field(field: Field, value: str) -> object:
    """Return a candidate's text as the value that the record has.

    `force_password_change` is the text TRUE or nothing (contract 1.1). Raises ValueError if a date
    is not ISO; the mapper lets none through.
    """
    if field.name == "force_password_change":
        return "TRUE" if value.casefold() == "true" else ""
    match field.shape:
        case Shape.TEXT:
            return value
        case Shape.CODE if field.several:
            return tuple(map(coded, field.codes(value)))
        case Shape.CODE:
            return coded(value)
        case Shape.DATE:
            return date.fromisoformat(value)
        case Shape.FLAG:
            return value == "true"


def with_value(part: P, field: Field, value: str) -> P:
    """Return the part with a field's text; a blank date is absent, as in Alma (contract 1.1)."""
    if value or field.shape is not Shape.DATE:
        return part.model_copy(update={field.name: to_field(field, value)})
    without = part.model_copy(update={field.name: None})
    without.model_fields_set.discard(field.name)
    return without


def with_fields(user: User, source: User, names: Iterable[str]) -> User:
    """Return the user with these fields, outside its lists, as `source` has them, or has not."""
    update = {name: getattr(source, name) for name in names}
    made = user.model_copy(update=update)
    made.model_fields_set.difference_update(update.keys() - source.model_fields_set)
    return made


_SAME: dict[str, Callable[[str], str]] = {
    "email_address": str.casefold,
    "phone_number": lambda number: re.sub("[^0-9]", "", number) or number.casefold(),
    "primary_id": str.casefold,
    "value": str.casefold,  # of an identifier (contract 3.2)
    "note_text": lambda note: " ".join(note.split()),
    "user_title": str.casefold,  # Alma answers Mr where it was sent MR (contract 1.1)
    "force_password_change": str.casefold,
}


def normal(name: str, text: str) -> str:
    """Return a text of a field so that two are equal if they mean the same to Alma."""
    return _SAME.get(name, str)(text)


def same_text(name: str, one: str, other: str) -> bool:
    """Return whether two texts of a field mean the same to Alma."""
    return normal(name, one) == normal(name, other)


_NOT_COMPARED = frozenset({"start_date", "user_role", "password", "contact_info"})


@cache
def compared_fields(kind: type[RecordPart]) -> tuple[str, ...]:
    """Return the names of a part's fields that are compared, without its lists of parts."""
    return tuple(
        name
        for name, info in kind.model_fields.items()
        if name not in _NOT_COMPARED
        and not (kind is User and name in LISTS)
        and not any(isinstance(f, Facts) and f.reach is Reach.OUTPUT for f in info.metadata)
    )


def comparable(part: RecordPart, *, fold_codes: bool = False) -> Mapping[str, str]:
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
    return held | {name: repr(value) for name, value in (part.model_extra or {}).items() if value}


def same_id(one: str | None, other: str | None) -> bool:
    """Return whether two IDs are the same to Alma: it compares them without case (contract 3.2)."""
    return (one or "").casefold() == (other or "").casefold()


# entries


def entries(user: User, parent: str) -> tuple[RecordPart, ...]:
    """Return the entries of one list of a user; none if the list is absent."""
    owner: RecordPart | None = user.contact_info if parent.startswith(CONTACT) else user
    parts: tuple[RecordPart, ...] | None = getattr(owner, parent.removeprefix(CONTACT), None)
    return parts or ()


def with_entries(user: User, lists: Mapping[str, tuple[RecordPart, ...]]) -> User:
    """Return the user with these lists, by path, and everything else unchanged."""
    update: dict[str, object] = {}
    contact: dict[str, object] = {}
    for parent, parts in lists.items():
        holder = contact if parent.startswith(CONTACT) else update
        holder[parent.removeprefix(CONTACT)] = parts
    if contact:
        update["contact_info"] = (user.contact_info or ContactInfo()).model_copy(update=contact)
    return user.model_copy(update=update) if update else user


def types(parent: str, part: RecordPart) -> tuple[str, ...]:
    """Return the codes of an entry's types; an address may have several."""
    held = getattr(part, TYPE_FIELD[parent])
    return tuple(filter(None, map(text, held if isinstance(held, tuple) else (held,))))


def main_field(parent: str) -> str:
    """Return the field by which people know an entry."""
    return next(iter(CORE[parent]), "value")


def main_value(parent: str, part: RecordPart) -> str:
    """Return the text by which people know an entry; its types if that is blank."""
    shown = text(getattr(part, main_field(parent), None))
    return shown or JOINED.join(types(parent, part))


def path(parent: str, part: RecordPart) -> str:
    """Return an entry's path in a list of changes, such as `contact_info.email[work]`."""
    return f"{parent}[{'+'.join(types(parent, part))}]"


def equal(parent: str, one: RecordPart, other: RecordPart) -> bool:
    """Return whether two entries of a record have the same types and core."""
    return set(types(parent, one)) == set(types(parent, other)) and all(
        same_text(name, current(one, name), current(other, name)) for name in CORE[parent]
    )


def same(one: RecordPart, other: RecordPart) -> bool:
    """Return whether two entries of a record are the same in every compared field."""
    return comparable(one) == comparable(other)


Fits: TypeAlias = "Callable[[RecordPart, RecordPart], bool]"


def pairing(
    ones: Sequence[RecordPart], others: Sequence[RecordPart], *fits: Fits
) -> list[tuple[int | None, int | None]]:
    """Return the places of the entries of two lists in pairs, each once; None where one is alone.

    In the order of the first list, then what is left of the other. Of the rules, the first pairs
    as many as it can, and each other what is still alone.
    """
    alone = dict(enumerate(others))
    pairs: dict[int, int] = {}
    for rule in fits:
        for at, part in enumerate(ones):
            fitting = (place for place, other in alone.items() if rule(part, other))
            if at not in pairs and (place := next(fitting, None)) is not None:
                pairs[at] = place
                del alone[place]
    return [*((at, pairs.get(at)) for at in range(len(ones))), *((None, place) for place in alone)]


def same_entries(ones: Sequence[RecordPart], others: Sequence[RecordPart]) -> bool:
    """Return whether two lists have the same entries, in any order."""
    return all(None not in pair for pair in pairing(ones, others, same))


def flagged(part: RecordPart, flag: str, *, on: bool) -> RecordPart:
    """Return the entry with a flag set or not; a flag that is not set may be absent."""
    return part if bool(getattr(part, flag)) == on else part.model_copy(update={flag: on})
