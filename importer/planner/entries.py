"""Values and list entries of a record: as text, when two are equal, how they differ.

Two entries are equal if they have the same type and the same core: the email address, the lines of
the postal address, the note's text. Everything else (a description, an end date, a flag) only
describes the entry.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date
from functools import cache, lru_cache
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from importer.model.fields import JOINED, LISTS, TYPE_FIELD, Field, Shape, text
from importer.model.patterns import full_matches
from importer.model.plan import Change, ChangeKind
from importer.model.user import (
    AccountType,
    Coded,
    ContactInfo,
    Facts,
    Part,
    Reach,
    Segment,
    User,
    UserNote,
)

if TYPE_CHECKING:
    from importer.model.candidates import Removal
    from importer.planner.drafts import DraftEntry

P = TypeVar("P", bound=Part)

Edit: TypeAlias = "tuple[Part | None, Part | None]"
"""An entry of a list before and after: None before if it was added, and after if it was removed."""

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

# values


def current(part: Part, name: str) -> str:
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
        case Shape.CODE:
            return tuple(map(coded, field.codes(value))) if field.several else coded(value)
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
def compared_fields(kind: type[Part]) -> tuple[str, ...]:
    """Return the names of a part's fields that are compared, without its lists of parts."""
    return tuple(
        name
        for name, info in kind.model_fields.items()
        if name not in _NOT_COMPARED
        and not (kind is User and name in LISTS)
        and not any(isinstance(f, Facts) and f.reach is Reach.OUTPUT for f in info.metadata)
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
    return held | {name: repr(value) for name, value in (part.model_extra or {}).items() if value}


def same_id(one: str | None, other: str | None) -> bool:
    """Return whether two IDs are the same to Alma: it compares them without case (contract 3.2)."""
    return (one or "").casefold() == (other or "").casefold()


# entries


def entries(user: User, parent: str) -> tuple[Part, ...]:
    """Return the entries of one list of a user; none if the list is absent."""
    owner: Part | None = user.contact_info if parent.startswith(CONTACT) else user
    found: tuple[Part, ...] | None = getattr(owner, parent.removeprefix(CONTACT), None)
    return found or ()


def with_entries(user: User, lists: Mapping[str, tuple[Part, ...]]) -> User:
    """Return the user with these lists, by path, and everything else unchanged."""
    update: dict[str, object] = {}
    contact: dict[str, object] = {}
    for parent, parts in lists.items():
        holder = contact if parent.startswith(CONTACT) else update
        holder[parent.removeprefix(CONTACT)] = parts
    if contact:
        update["contact_info"] = (user.contact_info or ContactInfo()).model_copy(update=contact)
    return user.model_copy(update=update) if update else user


def types(parent: str, part: Part) -> tuple[str, ...]:
    """Return the codes of an entry's types; an address may have several."""
    held = getattr(part, TYPE_FIELD[parent])
    return tuple(filter(None, map(text, held if isinstance(held, tuple) else (held,))))


def main_field(parent: str) -> str:
    """Return the field by which people know an entry."""
    return next(iter(CORE[parent]), "value")


def main_value(parent: str, part: Part) -> str:
    """Return the text by which people know an entry; its types if that is blank."""
    shown = text(getattr(part, main_field(parent), None))
    return shown or JOINED.join(types(parent, part))


def path(parent: str, part: Part) -> str:
    """Return an entry's path in a list of changes, such as `contact_info.email[work]`."""
    return f"{parent}[{'+'.join(types(parent, part))}]"


def equal(parent: str, one: Part, other: Part) -> bool:
    """Return whether two entries of a record have the same types and core."""
    return set(types(parent, one)) == set(types(parent, other)) and all(
        same_text(name, current(one, name), current(other, name)) for name in CORE[parent]
    )


def matches(item: DraftEntry, part: Part) -> bool:
    """Return whether an entry of the record has everything that the row's entry has."""
    return set(item.types) <= set(types(item.parent, part)) and all(
        same_text(name, value, current(part, name))
        for name in CORE[item.parent]
        if (value := item.values.get(name))
    )


def goes(removal: Removal, part: Part) -> bool:
    """Return whether a removal names an entry. Raises MappingError if its pattern is too slow."""
    if removal.type and removal.type not in types(removal.parent, part):
        return False
    shown = current(part, main_field(removal.parent))
    return not removal.pattern or bool(full_matches(removal.pattern, [shown]))


def find(parts: Iterable[Part], sought: Part) -> int | None:
    """Return the place of an entry that is the same in every compared field."""
    shape = comparable(sought)
    return next((place for place, part in enumerate(parts) if comparable(part) == shape), None)


def paired(
    ones: Iterable[Part],
    others: Iterable[Part],
    fits: Callable[[Part, Part], bool] = lambda one, other: comparable(one) == comparable(other),
    prefers: Callable[[Part, Part], bool] = lambda _one, _other: True,
) -> list[Edit]:
    """Return the entries of two lists in pairs, each once: the first list's, then what is left.

    An entry goes with the first that fits it, of those that it prefers if there are any. Without
    `fits`, two entries fit if they are the same in every compared field.
    """
    left = list(others)
    pairs: list[Edit] = []
    for one in ones:
        fitting = [place for place, other in enumerate(left) if fits(one, other)]
        place = min(fitting, key=lambda place: not prefers(one, left[place]), default=None)
        pairs.append((one, None if place is None else left.pop(place)))
    return [*pairs, *((None, other) for other in left)]


def without(parts: Iterable[Part], others: Iterable[Part]) -> list[Part]:
    """Return the parts without an equal among the others; each equal counts once."""
    return [part for part, equal in paired(parts, others) if part is not None and equal is None]


def same_entries(ones: Iterable[Part], others: Iterable[Part]) -> bool:
    """Return whether two lists have the same entries, in any order."""
    return all(one is not None and other is not None for one, other in paired(ones, others))


def segment(part: Part, account: AccountType) -> str:
    """Return an entry's segment, Internal or External; "" in lists without segments.

    Everything in an Internal user is Internal; what is not Internal in an External user counts
    as External (contract 3.1).
    """
    if not isinstance(part, Segment):
        return ""
    if account is AccountType.INTERNAL or part.segment_type == "Internal":
        return "Internal"
    return "External"


def our_segment(parent: str, account: AccountType, asked: str = "") -> str:
    """Return the segment of a new entry: the one that is asked for, else the account type's."""
    if not issubclass(LISTS[parent], Segment):
        return ""
    return (account is AccountType.EXTERNAL and asked) or account.segment


def new_entry(item: DraftEntry, account: AccountType) -> Part:
    """Return a new entry of the record, without blank fields.

    A note always has the flags for "patron sees it" and "pops up" (contract 1.3); an address, email
    or phone has `preferred`.
    """
    kind = LISTS[item.parent]
    held = {
        name: to_field(item.targets[name].field, value)
        for name, value in item.values.items()
        if value
    }
    if issubclass(kind, Segment):
        held["segment_type"] = our_segment(item.parent, account, item.segment)
    if kind is UserNote:
        held = {"user_viewable": False, "popup_note": False} | held
    elif item.parent.startswith(CONTACT):
        held = {"preferred": False} | held
    return kind.model_validate(held)


def set_preferred(
    parent: str,
    parts: Iterable[Part],
    account: AccountType,
    wanted: Sequence[tuple[DraftEntry, int]],
) -> tuple[Part, ...]:
    """Return the parts with each flag of their list set in one of them.

    `wanted` are the row's entries with their places. The flag goes to the entry that the row marks;
    else it stays where Alma has it, of several places an Internal one, because a librarian chose it
    (contract 3.1); else, `preferred` only, it goes to the row's first entry without it refused, or
    to the first that is there. An External entry never takes it from an Internal one, which only
    the library sets.
    """
    flagged = list(parts)
    for flag in FLAGS.get(parent, ()):
        held = [place for place, part in enumerate(flagged) if getattr(part, flag)]
        internal = [place for place in held if segment(flagged[place], account) == "Internal"]
        marked = [
            place
            for item, place in wanted
            if item.values.get(flag) == "true"
            and not (internal and segment(flagged[place], account) == "External")
        ]
        free = [place for item, place in wanted if item.values.get(flag) != "false"]
        first = (*free, 0) if flag == "preferred" else ()
        chosen = next(iter((*marked, *internal, *held, *first)), None)
        for place, part in enumerate(flagged):
            if bool(getattr(part, flag)) != (place == chosen):
                flagged[place] = part.model_copy(update={flag: place == chosen})
    return tuple(flagged)


# changes


def change(where: str, old: str, new: str) -> Change:
    """Return a change; its kind follows from which text is blank."""
    kind = ChangeKind.REPLACE if old and new else ChangeKind.ADD if new else ChangeKind.REMOVE
    return Change(kind, where, old, new)


def changed_fields(old: User, new: User) -> list[str]:
    """Return the fields in which two records differ outside their lists."""
    return [name for name in compared_fields(User) if current(old, name) != current(new, name)]


def changed_lists(old: User, new: User) -> list[str]:
    """Return the lists in which two records differ, whatever the order of their entries."""
    return [name for name in LISTS if not same_entries(entries(old, name), entries(new, name))]


def scalar_changes(old: User, new: User) -> list[Change]:
    """Return the differences between two records outside their lists."""
    names = changed_fields(old, new)
    return [change(name, current(old, name), current(new, name)) for name in names]


def entry_changes(parent: str, old: Part | None, new: Part | None) -> Iterator[Change]:
    """Yield how an entry differs: field by field, or as a whole if it was added or removed."""
    if old is not None and new is not None:
        was, will, where = comparable(old), comparable(new), path(parent, old)
        for name in dict.fromkeys((*compared_fields(type(new)), *was, *will)):
            if was.get(name) != will.get(name):
                blank = "false" if isinstance(getattr(new, name, None), bool) else ""
                place = where if name == main_field(parent) else f"{where}.{name}"
                texts = was.get(name, blank), will.get(name, blank)
                kind = ChangeKind.REPLACE if texts[0] else ChangeKind.ADD
                yield Change(kind, place, *texts)
    elif old is not None:
        yield change(path(parent, old), main_value(parent, old), "")
    elif new is not None:
        yield change(path(parent, new), "", main_value(parent, new))


def list_changes(parent: str, edits: Iterable[Edit]) -> list[Change]:
    """Return how a list differs."""
    return [change for edit in edits for change in entry_changes(parent, *edit)]
