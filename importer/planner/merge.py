"""Merging a row into the record that Alma has: what the mapping names changes, all else stays.

Alma's PUT replaces the whole record (contract 3.1), so the record that is sent is Alma's own with
the mapped fields changed in it. Nothing here looks at fields that the mapping does not name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from importer.model.plan import Change, ChangeKind
from importer.model.policy import AccountType
from importer.planner.drafts import Item
from importer.planner.entries import entries, with_entries
from importer.planner.lists import Wanted, merge_list
from importer.planner.values import blanked, current, settled, typed

if TYPE_CHECKING:
    from importer.model.user import Part, User
    from importer.planner.drafts import Draft

NEVER_CHANGED = frozenset({"record_type", "primary_id", "account_type", "external_id", "password"})
"""Fields that no update changes; a password is added when it is sent (`create.add_password`)."""

OVERRIDE_NAMES = {"rs_library": "rs_libraries", "library_notice": "library_notices"}
"""What Alma's `override` calls a sticky field, where it differs from the field's name."""


@dataclass(frozen=True, slots=True)
class Merged:
    """The record as it will be, how it differs from Alma's, and which sticky fields to override.

    Without changes `after` is Alma's record itself.
    """

    after: User
    changes: tuple[Change, ...] = ()
    override: tuple[str, ...] = ()


def merge(draft: Draft, live: User) -> Merged:
    """Alma's record with what the row says of it; removals come first in the changes.

    What holds a run variable in an entry is written only where something else changes.
    """
    merged = _merged(draft, live, volatile=False)
    targets = draft.scheme.targets.values()
    if merged.changes and any(target.run_dependent and target.field.parent for target in targets):
        merged = _merged(draft, live, volatile=True)
    return merged


def _merged(draft: Draft, live: User, *, volatile: bool) -> Merged:
    after, changes, override = _scalars(draft, live)
    account = _account(draft, live)
    lists: dict[str, tuple[Part, ...]] = {}
    for parent in {entry.parent: None for entry in draft.scheme.entries}:
        wanted = _wanted(draft, parent, volatile=volatile)
        parts, differences = merge_list(wanted, entries(live, parent), account)
        if differences:
            lists[parent] = parts
            changes.extend(differences)
            if parent in OVERRIDE_NAMES and any(item.override for item in wanted.items):
                override.append(OVERRIDE_NAMES[parent])
    if not changes:
        return Merged(live)
    changes.sort(key=lambda change: change.kind is not ChangeKind.REMOVE)
    protected = account is AccountType.EXTERNAL
    return Merged(with_entries(after, lists), tuple(changes), tuple(override) if protected else ())


def _account(draft: Draft, live: User) -> AccountType:
    """The account type that Alma says; the mapping's where Alma says none."""
    said = current(live, "account_type")
    known = {kind.value: kind for kind in AccountType}
    return known.get(said, draft.scheme.account_type)


def _scalars(draft: Draft, live: User) -> tuple[User, list[Change], list[str]]:
    after = live
    changes: list[Change] = []
    override: list[str] = []
    for target in draft.scheme.scalars:
        name = target.field.name
        if name in NEVER_CHANGED or target.label not in draft.values:
            continue
        was = current(live, name)
        will = settled(target.on_update, name, was, draft.values[target.label])
        if will == was:
            continue
        if will:
            after = after.model_copy(update={name: typed(target.field, will)})
            kind = ChangeKind.REPLACE if was else ChangeKind.ADD
        else:
            after = blanked(after, target.field)
            kind = ChangeKind.REMOVE
        changes.append(Change(kind, name, was, will))
        if target.override and target.field.facts.sticky:
            override.append(name)
    return after, changes, override


def _wanted(draft: Draft, parent: str, *, volatile: bool) -> Wanted:
    """What the row wants of a known user's list; what holds a run variable only if asked for.

    Entries and fields with `on_update: never` are for new users only. Entries that this update
    skips are no reason to remove what they once wrote.
    """
    there = [
        (item, (item if volatile else item.steady) if item.for_known_users else None)
        for item in map(Item.without_create_only, draft.items(parent))
    ]
    return Wanted(
        parent,
        tuple(wanted for _, wanted in there if wanted is not None),
        draft.owns(parent),
        frozenset(item.type for item, wanted in there if wanted is None),
    )
