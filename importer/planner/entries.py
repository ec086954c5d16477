"""The entries of a record's lists: when two are equal, how one is made, which one is preferred.

Two entries are equal if they have the same type and the same core: the email address, the lines of
the postal address, the note's text. Everything else (a description, an end date, a flag) only
describes the entry.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from importer.model.fields import LISTS, TYPE_FIELD
from importer.model.user import AccountType, Coded, ContactInfo, Part, Segment, User, UserNote
from importer.planner.values import current, same_text, to_field

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from importer.planner.drafts import DraftEntry

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
    "user_block": ("block_description", "block_note"),
    "user_statistic": ("statistic_note",),
    "rs_library": (),
    "library_notice": (),
}
"""By list: the core of an entry, beside its type; a difference shows the first of them."""

ONLY_ADDED = frozenset({"user_note", "user_block", "user_statistic"})
"""Lists whose entries an update never replaces."""


def entries(user: User, parent: str) -> tuple[Part, ...]:
    """Return the entries of one list of a user; none if the list is absent."""
    owner: Part | None = user
    if parent.startswith(CONTACT):
        owner = user.contact_info
    found: tuple[Part, ...] | None = (
        getattr(owner, parent.removeprefix(CONTACT)) if owner is not None else None
    )
    return found or ()


def with_entries(user: User, lists: dict[str, tuple[Part, ...]]) -> User:
    """Return the user with these lists, by path, and everything else unchanged."""
    contact = {
        parent.removeprefix(CONTACT): parts
        for parent, parts in lists.items()
        if parent.startswith(CONTACT)
    }
    update: dict[str, object] = {
        parent: parts for parent, parts in lists.items() if not parent.startswith(CONTACT)
    }
    if contact:
        update["contact_info"] = (user.contact_info or ContactInfo()).model_copy(update=contact)
    return user.model_copy(update=update) if update else user


def types(parent: str, part: Part) -> tuple[str, ...]:
    """Return the codes of an entry's types; an address may have several."""
    held = getattr(part, TYPE_FIELD[parent])
    coded: Iterable[Coded] = held if isinstance(held, tuple) else () if held is None else (held,)
    return tuple(code.value for code in coded if code.value)


def main_value(parent: str, part: Part) -> str:
    """Return the text by which people know an entry."""
    if parent == "library_notice":
        return current(part, "value")
    core = CORE[parent]
    shown = current(part, core[0]) if core else ""
    return shown or "+".join(types(parent, part))


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
    if item.type and item.type not in types(item.parent, part):
        return False
    return all(
        same_text(name, value, current(part, name))
        for name in CORE[item.parent]
        if (value := item.values.get(name))
    )


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


# the preferred entry

FLAGS: dict[str, tuple[str, ...]] = {
    "contact_info.address": ("preferred",),
    "contact_info.email": ("preferred",),
    "contact_info.phone": ("preferred", "preferred_sms"),
}
"""By list: the flags that at most one entry has. Exactly one must have `preferred`."""


def preferred_wishes(
    items: Sequence[tuple[DraftEntry, int]], flag: str
) -> tuple[int | None, int | None]:
    """Return the place of the entry with the flag set, and of the first without it refused.

    `items` are the row's entries in their order, with their places.
    """
    wished = next((place for item, place in items if item.sets(flag)), None)
    return wished, next((place for item, place in items if item.values.get(flag) != "false"), None)


def choose_preferred(
    parts: Sequence[Part], flag: str, account: AccountType, wished: int | None, first: int | None
) -> tuple[Part, ...]:
    """Return the parts with the flag set in one of them.

    It is the entry that the row marks (`wished`); else the one that Alma prefers now, and of
    several an Internal one before an External one, because a librarian chose it (contract 3.1);
    else, for `preferred`, the row's first entry (`first`) or the first that is there. An entry of
    the other segment therefore loses its flag only where the mapping itself sets the flag.
    """
    held = [place for place, part in enumerate(parts) if getattr(part, flag)]
    held.sort(key=lambda place: segment(parts[place], account) != "Internal")
    if wished is not None:
        chosen: int | None = wished
    elif held:
        chosen = held[0]
    elif flag == "preferred" and parts:
        chosen = first or 0
    else:
        chosen = None
    return tuple(_flagged(part, flag, value=place == chosen) for place, part in enumerate(parts))


def _flagged(part: Part, flag: str, *, value: bool) -> Part:
    """Return the part with its flag; unchanged if it has no flag and should have none."""
    if bool(getattr(part, flag)) == value:
        return part
    return part.model_copy(update={flag: value})
