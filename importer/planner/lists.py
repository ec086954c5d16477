"""Merging one list of a known user's record with the entries that a row has.

An address, e-mail or phone replaces Alma's entry of the same type in the segment that is ours (the
preferred one, if there are several), an identifier replaces the only one of its type, and what
the mapping does not name stays: in the entry, and in the list.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from importer.model.fields import TYPE_FIELD
from importer.model.plan import Change, ChangeKind
from importer.model.policy import OnUpdate
from importer.planner.entries import (
    CORE,
    ONLY_ADDED,
    build,
    equal,
    main_value,
    owner,
    path,
    says,
    segment,
    types,
)
from importer.planner.preferred import FLAGS, elect, wishes
from importer.planner.values import alike, blanked, current, settled, typed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from importer.model.policy import AccountType
    from importer.model.user import Part
    from importer.planner.drafts import Item

_NOT_COMPARED = frozenset({"segment_type", "preferred", "preferred_sms", "start_date"})
"""Set by other rules; Alma moves start dates by itself (contract 3.1)."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a row wants of one list.

    `items` are its entries. `owned`: the row speaks for the whole list of our segment, so that
    other entries go, but for the types in `spared`.
    """

    parent: str
    items: tuple[Item, ...]
    owned: bool = False
    spared: frozenset[str] = frozenset()


@dataclass(slots=True)
class _Work:
    """A list being merged: Alma's entries in their places, then the added ones."""

    wanted: Wanted
    account: AccountType
    live: tuple[Part, ...]
    parts: list[Part] = field(default_factory=list)
    taken: set[int] = field(default_factory=set)
    gone: set[int] = field(default_factory=set)
    landed: list[tuple[Item, int]] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)

    def ours(self, place: int, item: Item) -> bool:
        """Whether Alma's entry at a place is in the segment that the row's entry goes to."""
        return segment(self.live[place], self.account) == owner(
            item.parent, self.account, item.segment
        )

    def free(self, item: Item) -> list[int]:
        """Places of Alma's entries of our segment and the row's type that no row's entry took."""
        return [
            place
            for place in range(len(self.live))
            if place not in self.taken
            and item.type in types(item.parent, self.parts[place])
            and self.ours(place, item)
        ]


def merge_list(
    wanted: Wanted, live: tuple[Part, ...], account: AccountType
) -> tuple[tuple[Part, ...], tuple[Change, ...]]:
    """The list as it will be, and how it differs; `live` itself where it does not.

    The entries keep Alma's order, new ones follow. Exactly one address, e-mail and phone is
    preferred afterwards, by the rule of `preferred.elect`.
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
    """Whatever else our segment holds; Alma's own segment is not in the roster's reach."""
    parent = work.wanted.parent
    ours = {owner(parent, work.account, item.segment) for item in work.wanted.items} or {
        owner(parent, work.account)
    }
    for place, part in enumerate(work.live):
        if (
            place not in work.taken
            and segment(part, work.account) in ours
            and not work.wanted.spared.intersection(types(parent, part))
        ):
            _remove(work, place)


def _paired(work: _Work, item: Item) -> bool:
    """Find the entry that says already what the row says, ours first; it is not repeated."""
    fits = [
        place
        for place, part in enumerate(work.live)
        if place not in work.taken and says(item, part)
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


def _place(work: _Work, item: Item) -> None:
    """Give a place to an entry that Alma does not have: another's, or a new one."""
    parent, policy = item.parent, item.entry.on_update
    place = next((place for place, part in enumerate(work.parts) if says(item, part)), None)
    if place is not None:  # an earlier entry of the row says the same
        work.landed.append((item, place))
        return
    if policy is not OnUpdate.ADD and parent not in ONLY_ADDED:
        place = _replaced(work, item)
    if place is not None and not _given_up(work, place, item):
        place = None
    if place is None:
        part = build(item, work.account)
        work.landed.append((item, len(work.parts)))
        work.parts.append(part)
        work.changes.append(
            Change(ChangeKind.ADD, path(parent, part), "", main_value(parent, part))
        )
    else:
        work.taken.add(place)
        work.landed.append((item, place))
        _revise(work, place, item)


def _replaced(work: _Work, item: Item) -> int | None:
    """The place of the entry that a row's entry replaces, if there is one."""
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


def _given_up(work: _Work, place: int, item: Item) -> bool:
    """Settle the types of an entry that is to be replaced; whether it is the row's to replace.

    One that has other types too only loses this one, so that its other uses stay as they are;
    unless another entry serves those already.
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


def _revise(work: _Work, place: int, item: Item) -> None:
    """Bring an entry to what the row says of it; what the mapping does not name survives.

    Where the core changes it is another address or number, so the named fields that the row
    leaves blank are blank in it; else a blank leaves Alma's value.
    """
    parent, old = item.parent, work.parts[place]
    core = CORE[parent]
    moved = any(
        not alike(name, value, current(old, name))
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
        will = settled(policy, name, was, value, clears=moved)
        if will == was:
            continue
        new = (
            new.model_copy(update={name: typed(target.field, will)})
            if will
            else blanked(new, target.field)
        )
        main = name == (core[0] if core else "value")
        kind = ChangeKind.REPLACE if was else ChangeKind.ADD
        where = path(parent, old) if main else f"{path(parent, old)}.{name}"
        work.changes.append(Change(kind, where, was, will))
    if moved and item.values.get("start_date"):
        start = typed(item.targets["start_date"].field, item.values["start_date"])
        new = new.model_copy(update={"start_date": start})
    work.parts[place] = new


def _elected(work: _Work) -> Sequence[Part]:
    """The parts with their flags settled, and the changes that this makes to Alma's entries."""
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
        elected = elect(rivals, flag, work.account, *wishes(landed, flag))
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
