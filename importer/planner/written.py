"""What a row writes: its value of a field, its entry of a list, and which entry of Alma that is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from importer.model.candidates import RecordLayout
from importer.model.fields import LISTS, OnUpdate
from importer.model.text import full_match
from importer.model.user import AccountType, RecordPart, Segment, User, UserNote
from importer.planner.drafts import DraftEntry
from importer.planner.entries import (
    CONTACT,
    CORE,
    PREFERRED,
    current,
    main_field,
    same_text,
    to_field,
    types,
)

Lines: TypeAlias = "Mapping[str, RecordPart | None]"
"""Alma's entry that belongs to a line of the mapping, by a label of the line; None if none does.

Only of lines whose values Alma does not have: they replace that entry, or are added.
"""

SET_APART = frozenset({"record_type", "primary_id", "account_type", "external_id", "password"})
"""Fields that no update changes like the others: see `merge`."""

SET_ELSEWHERE = frozenset({"segment_type", "preferred", "preferred_sms", "start_date"})
"""Set by other rules; Alma changes start dates by itself (contract 3.1)."""


def resolve_value(policy: OnUpdate, name: str, old: str, new: str) -> str:
    """Return the text that a known user's field gets: `old` if nothing changes."""
    match policy:
        case OnUpdate.ERASE if not new:
            return ""
        case OnUpdate.NEVER:
            return old
        case OnUpdate.KEEP if old:
            return old
        case OnUpdate.LATER if new <= old:
            return old
        case _:
            return new if new and not same_text(name, old, new) else old


def has_core(item: DraftEntry, part: RecordPart) -> bool:
    """Return whether an entry of the record has the core of the row's entry."""
    return all(
        same_text(name, value, current(part, name))
        for name in CORE[item.parent]
        if (value := item.values.get(name))
    )


def matches(item: DraftEntry, part: RecordPart) -> bool:
    """Return whether an entry of the record has everything that the row's entry has."""
    return {*item.types} <= {*types(item.parent, part)} and has_core(item, part)


def is_removed(layout: RecordLayout, parent: str, account: AccountType, part: RecordPart) -> bool:
    """Return whether `remove` takes an entry that no row has. Raises MappingError if too slow."""
    return segment(part, account) == our_segment(parent, account, "") and any(
        (not removal.type or removal.type in types(parent, part))
        and (not removal.pattern or full_match(removal.pattern, current(part, main_field(parent))))
        for removal in layout.removals
        if removal.parent == parent
    )


def account_of(user: User, ours: AccountType) -> AccountType:
    """Return the account type of a user; the row's if Alma does not show one."""
    kinds = {kind.value: kind for kind in AccountType}
    return kinds.get(current(user, "account_type"), ours)


def segment(part: RecordPart, account: AccountType) -> str:
    """Return an entry's segment, Internal or External; "" in lists without segments.

    Everything in an Internal user is Internal; what is not Internal in an External user counts
    as External (contract 3.1).
    """
    if not isinstance(part, Segment):
        return ""
    if account is AccountType.INTERNAL or part.segment_type == "Internal":
        return "Internal"
    return "External"


def our_segment(parent: str, account: AccountType, asked: str) -> str:
    """Return the segment of a new entry: the one that is asked for, else the account type's."""
    if not issubclass(LISTS[parent], Segment):
        return ""
    return (account is AccountType.EXTERNAL and asked) or account.segment


def new_entry(item: DraftEntry, account: AccountType) -> RecordPart:
    """Return a new entry of the record, without blank fields.

    A note always has the flags for "patron sees it" and "pops up" (contract 1.3); an address, email
    or phone has `preferred`.
    """
    kind, fields = LISTS[item.parent], dict[str, object]()
    if kind is UserNote:
        fields |= {"user_viewable": False, "popup_note": False}
    elif item.parent.startswith(CONTACT):
        fields[PREFERRED] = False
    fields |= {
        name: to_field(item.targets[name].field, text) for name, text in item.values.items() if text
    }
    if issubclass(kind, Segment):
        fields["segment_type"] = our_segment(item.parent, account, item.segment)
    return kind.model_validate(fields)
