"""Merge a row into Alma's record: what the mapping names changes, everything else stays.

Alma's PUT replaces the whole record (contract 3.1), so the record that is sent is Alma's own with
the mapped fields changed. Fields that the mapping does not name are not looked at.

In lists, an address, email or phone replaces Alma's entry of the same type in our segment (the
preferred one, if there are several), an identifier replaces the only one of its type, and
everything else stays: in the entry, and in the list.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from importer.model.fields import TYPE_FIELD, OnUpdate
from importer.model.plan import Change, ChangeKind
from importer.model.user import AccountType
from importer.planner.drafts import DraftEntry
from importer.planner.entries import (
    CORE,
    FLAGS,
    ONLY_ADDED,
    choose_preferred,
    entries,
    equal,
    main_value,
    matches,
    new_entry,
    our_segment,
    path,
    preferred_wishes,
    segment,
    types,
    with_entries,
)
from importer.planner.values import cleared, current, resolve_value, same_text, to_field

if TYPE_CHECKING:
    from importer.model.user import Part, User
    from importer.planner.drafts import DraftUser

NEVER_CHANGED = frozenset({"record_type", "primary_id", "account_type", "external_id", "password"})
"""Fields that no update changes."""

OVERRIDE_NAMES = {"rs_library": "rs_libraries", "library_notice": "library_notices"}
"""Alma's names of sticky fields in `override`, if they differ from the field's name."""


@dataclass(frozen=True, slots=True)
class Merged:
    """The record as it will be, its changes, and the sticky fields to override.

    Without changes, `after` is Alma's record itself.
    """

    after: User
    changes: tuple[Change, ...] = ()
    override: tuple[str, ...] = ()


def merge(draft: DraftUser, live: User) -> Merged:
    """Return Alma's record with the row's values; removals come first in the changes.

    Entries' fields with a run variable are written only if something else changes.
    """
    merged = _merged(draft, live, volatile=False)
    targets = draft.layout.targets.values()
    if merged.changes and any(target.run_dependent and target.field.parent for target in targets):
        merged = _merged(draft, live, volatile=True)
    return merged


def _merged(draft: DraftUser, live: User, *, volatile: bool) -> Merged:
    after, changes, override = _scalars(draft, live)
    account = _account(draft, live)
    lists: dict[str, tuple[Part, ...]] = {}
    for parent in {entry.parent: None for entry in draft.layout.entries}:
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


def _account(draft: DraftUser, live: User) -> AccountType:
    """Return the account type in Alma; the mapping's if Alma has none."""
    said = current(live, "account_type")
    known = {kind.value: kind for kind in AccountType}
    return known.get(said, draft.layout.account_type)


def _scalars(draft: DraftUser, live: User) -> tuple[User, list[Change], list[str]]:
    after = live
    changes: list[Change] = []
    override: list[str] = []
    for target in draft.layout.scalars:
        name = target.field.name
        if name in NEVER_CHANGED or target.label not in draft.values:
            continue
        was = current(live, name)
        will = resolve_value(target.on_update, name, was, draft.values[target.label])
        if will == was:
            continue
        if will:
            after = after.model_copy(update={name: to_field(target.field, will)})
            kind = ChangeKind.REPLACE if was else ChangeKind.ADD
        else:
            after = cleared(after, target.field)
            kind = ChangeKind.REMOVE
        changes.append(Change(kind, name, was, will))
        if target.override and target.field.facts.sticky:
            override.append(name)
    return after, changes, override


def _wanted(draft: DraftUser, parent: str, *, volatile: bool) -> WantedList:
    """Return what the row wants of a known user's list; run variables only if `volatile`.

    Entries and fields with `on_update: never` are for new users only. Entries that this update
    skips are no reason to remove what they once wrote.
    """
    there = [
        (item, (item if volatile else item.steady) if item.for_known_users else None)
        for item in map(DraftEntry.without_create_only, draft.entries(parent))
    ]
    return WantedList(
        parent,
        tuple(wanted for _, wanted in there if wanted is not None),
        draft.sets_whole_list(parent),
        frozenset(item.type for item, wanted in there if wanted is None),
    )


# one list

_NOT_COMPARED = frozenset({"segment_type", "preferred", "preferred_sms", "start_date"})
"""Set by other rules; Alma changes start dates by itself (contract 3.1)."""


@dataclass(frozen=True, slots=True)
class WantedList:
    """What a row wants of one list.

    `items` are its entries. `owned`: the row sets the whole list of our segment, so other entries
    are removed, except those of the types in `spared`.
    """

    parent: str
    items: tuple[DraftEntry, ...]
    owned: bool = False
    spared: frozenset[str] = frozenset()


@dataclass(slots=True)
class _Work:
    """A list being merged: Alma's entries in their places, then the added ones."""

    wanted: WantedList
    account: AccountType
    live: tuple[Part, ...]
    parts: list[Part] = field(default_factory=list)
    taken: set[int] = field(default_factory=set)
    gone: set[int] = field(default_factory=set)
    landed: list[tuple[DraftEntry, int]] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)

    def ours(self, place: int, item: DraftEntry) -> bool:
        """Return whether Alma's entry at a place is in the segment of the row's entry."""
        return segment(self.live[place], self.account) == our_segment(
            item.parent, self.account, item.segment
        )

    def free(self, item: DraftEntry) -> list[int]:
        """Return the places of Alma's entries of our segment and this type that are not taken."""
        return [
            place
            for place in range(len(self.live))
            if place not in self.taken
            and item.type in types(item.parent, self.parts[place])
            and self.ours(place, item)
        ]


def merge_list(
    wanted: WantedList, live: tuple[Part, ...], account: AccountType
) -> tuple[tuple[Part, ...], tuple[Change, ...]]:
    """Return the list as it will be, and its changes; `live` itself if there are none.

    The entries keep Alma's order, new ones follow. Exactly one address, email and phone is
    preferred afterwards, by the rule of `choose_preferred`.
    """
    work = _Work(wanted, account, live, list(live))
    unpaired = [item for item in wanted.items if not _paired(work, item)]
    for item in unpaired:
        _place(work, item)
    if wanted.owned:
        _remove_others(work)
    parts = _elected(work)
    if not work.changes:
        return live, ()
    return tuple(part for place, part in enumerate(parts) if place not in work.gone), tuple(
        work.changes
    )


def _remove(work: _Work, place: int) -> None:
    part = work.live[place]
    parent = work.wanted.parent
    work.gone.add(place)
    work.taken.add(place)
    work.changes.append(Change(ChangeKind.REMOVE, path(parent, part), main_value(parent, part), ""))


def _remove_others(work: _Work) -> None:
    """Remove the other entries of our segment; the other segment is not touched."""
    parent = work.wanted.parent
    ours = {our_segment(parent, work.account, item.segment) for item in work.wanted.items} or {
        our_segment(parent, work.account)
    }
    for place, part in enumerate(work.live):
        if (
            place not in work.taken
            and segment(part, work.account) in ours
            and not work.wanted.spared.intersection(types(parent, part))
        ):
            _remove(work, place)


def _paired(work: _Work, item: DraftEntry) -> bool:
    """Find Alma's entry that already has the row's values, one of our segment first."""
    fits = [
        place
        for place, part in enumerate(work.live)
        if place not in work.taken and matches(item, part)
    ]
    if not fits:
        return False
    fits.sort(key=lambda place: not work.ours(place, item))
    place = fits[0]
    work.taken.add(place)
    replaces = item.entry.on_update is not OnUpdate.ADD
    if replaces:
        work.landed.append((item, place))
    if replaces and work.ours(place, item) and item.parent not in ONLY_ADDED:
        _revise(work, place, item)
    return True


def _place(work: _Work, item: DraftEntry) -> None:
    """Put an entry that Alma does not have in the place of another, or at the end."""
    parent, policy = item.parent, item.entry.on_update
    place = next((place for place, part in enumerate(work.parts) if matches(item, part)), None)
    if place is not None:  # an earlier entry of the row says the same
        work.landed.append((item, place))
        return
    if policy is not OnUpdate.ADD and parent not in ONLY_ADDED:
        place = _replaced(work, item)
    if place is not None and not _given_up(work, place, item):
        place = None
    if place is None:
        part = new_entry(item, work.account)
        work.landed.append((item, len(work.parts)))
        work.parts.append(part)
        work.changes.append(
            Change(ChangeKind.ADD, path(parent, part), "", main_value(parent, part))
        )
    else:
        work.taken.add(place)
        work.landed.append((item, place))
        _revise(work, place, item)


def _replaced(work: _Work, item: DraftEntry) -> int | None:
    """Return the place of the entry that a row's entry replaces, if there is one."""
    free = work.free(item)
    if work.wanted.owned:
        free = [place for place in free if len(types(item.parent, work.parts[place])) == 1]
    if item.parent == "user_identifier" and item.entry.on_update is not OnUpdate.REPLACE_ALL:
        every = [
            place
            for place, part in enumerate(work.live)
            if item.type in types(item.parent, part) and work.ours(place, item)
        ]
        return free[0] if len(every) == 1 and free else None
    free.sort(
        key=lambda place: (
            len(types(item.parent, work.parts[place])) > 1,
            not getattr(work.live[place], "preferred", False),
        )
    )
    return free[0] if free else None


def _given_up(work: _Work, place: int, item: DraftEntry) -> bool:
    """Adjust the types of an entry that is to be replaced; return whether it may be replaced.

    An entry with other types too only loses this one, so that its other uses stay, unless another
    entry has those types and the same values.
    """
    parent = item.parent
    name = TYPE_FIELD[parent]
    old = work.parts[place]
    held = types(parent, old)
    if len(held) == 1:
        return True
    codes = getattr(old, name)
    rest = old.model_copy(update={name: tuple(code for code in codes if code.value != item.type)})
    served = any(equal(parent, rest, other) for other in work.parts)
    own = old.model_copy(update={name: tuple(code for code in codes if code.value == item.type)})
    new = own if served else rest
    work.parts[place] = new
    work.changes.append(
        Change(
            ChangeKind.REPLACE,
            f"{path(parent, old)}.{name}",
            "+".join(held),
            "+".join(types(parent, new)),
        )
    )
    return served


def _revise(work: _Work, place: int, item: DraftEntry) -> None:
    """Update an entry with the row's values; what the mapping does not name stays.

    If the core changes, it is another address or number, so mapped fields that are blank in the
    row become blank; otherwise a blank leaves Alma's value.
    """
    parent, old = item.parent, work.parts[place]
    core = CORE[parent]
    moved = any(
        not same_text(name, value, current(old, name))
        for name in core
        if (value := item.values.get(name))
    )
    new = old
    for name, value in item.values.items():
        if name in _NOT_COMPARED or name == TYPE_FIELD[parent]:
            continue
        target = item.targets[name]
        policy = target.on_update
        was = current(old, name)
        will = resolve_value(policy, name, was, value, clears=moved)
        if will == was:
            continue
        new = (
            new.model_copy(update={name: to_field(target.field, will)})
            if will
            else cleared(new, target.field)
        )
        main = name == (core[0] if core else "value")
        kind = ChangeKind.REPLACE if was else ChangeKind.ADD
        where = path(parent, old) if main else f"{path(parent, old)}.{name}"
        work.changes.append(Change(kind, where, was, will))
    if moved and item.values.get("start_date"):
        start = to_field(item.targets["start_date"].field, item.values["start_date"])
        new = new.model_copy(update={"start_date": start})
    work.parts[place] = new


def _elected(work: _Work) -> Sequence[Part]:
    """Return the parts with their flags set, and add the changes of Alma's entries."""
    parent = work.wanted.parent
    if not work.wanted.items and not work.gone:
        return work.parts
    there = [place for place in range(len(work.parts)) if place not in work.gone]
    seats = {place: seat for seat, place in enumerate(there)}
    landed = [
        (item, seats[place])
        for item in work.wanted.items
        for placed, place in work.landed
        if placed is item and place in seats
    ]
    for flag in FLAGS.get(parent, ()):
        rivals = [work.parts[place] for place in there]
        elected = choose_preferred(rivals, flag, work.account, *preferred_wishes(landed, flag))
        for place, part in zip(there, elected, strict=True):
            work.parts[place] = part
            if place < len(work.live) and getattr(part, flag) != getattr(work.live[place], flag):
                value = bool(getattr(part, flag))
                work.changes.append(
                    Change(
                        ChangeKind.REPLACE,
                        f"{path(parent, part)}.{flag}",
                        "false" if value else "true",
                        "true" if value else "false",
                    )
                )
    return work.parts
