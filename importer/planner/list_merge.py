"""One list of a known user, merged with the entries of a row.

An address, email or phone replaces Alma's entry of the same type in our segment (the preferred
one, if there are several), an identifier replaces the only one of its type, and everything else
stays: in the entry, and in the list.
"""

from __future__ import annotations

from itertools import zip_longest
from typing import TYPE_CHECKING

from importer.model.fields import TYPE_FIELD, OnUpdate
from importer.model.user import Part, Segment
from importer.planner.entries import (
    CORE,
    ONLY_ADDED,
    current,
    entry_changes,
    equal,
    goes,
    matches,
    new_entry,
    our_segment,
    same_id,
    same_text,
    segment,
    set_preferred,
    types,
    with_value,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from importer.model.candidates import Removal
    from importer.model.plan import Change
    from importer.model.user import AccountType
    from importer.planner.drafts import DraftEntry, DraftUser


def resolve_value(policy: OnUpdate, name: str, old: str, new: str, *, clears: bool = False) -> str:
    """Return the text that a known user's field gets: `old` if nothing changes.

    A blank `new` leaves Alma's value, unless the policy is `erase` or the field belongs to
    something that is replaced as a whole (`clears`).
    """
    if not new:
        replaces = policy in {OnUpdate.REPLACE, OnUpdate.REPLACE_ALL}
        return "" if policy is OnUpdate.ERASE or (clears and replaces) else old
    match policy:
        case OnUpdate.NEVER:
            return old
        case OnUpdate.KEEP if old:
            return old
        case OnUpdate.LATER if new <= old:
            return old
        case _:
            return old if same_text(name, old, new) else new


_SET_ELSEWHERE = frozenset({"segment_type", "preferred", "preferred_sms", "start_date"})
"""Set by other rules; Alma changes start dates by itself (contract 3.1)."""


class ListMerge:
    """One list of a known user, merged with the row's entries.

    `items` are the entries that the row writes: none with `on_update: never`, and run variables
    only with `run_values`. `primary_id` is the user's after the update. `adopts`: the user becomes
    External, and entries of Alma that the row has too move to the row's segment. `parts` has Alma's
    entries in their places, the removed ones too, then the added ones. Exactly one address, email
    and phone is preferred afterwards.
    """

    def __init__(
        self,
        draft: DraftUser,
        parent: str,
        live: tuple[Part, ...],
        account: AccountType,
        *,
        primary_id: str | None,
        adopts: bool,
        run_values: bool,
    ) -> None:
        """Merge Alma's list with the row's entries."""
        self.parent, self.live, self.account, self._adopts = parent, live, account, adopts
        self.parts: list[Part] = list(live)
        self._gone: set[int] = set()
        self.items: list[DraftEntry] = []
        self._taken: set[int] = set()
        self._placed: list[tuple[DraftEntry, int]] = []
        self._owned = draft.sets_whole_list(parent)
        not_written: set[str] = set()
        waiting: set[str] = set()
        for item in draft.entries(parent):
            if parent == "user_identifier" and self._is_had(item, primary_id):
                continue
            known = item.for_known_users()
            written = known if run_values or known is None else known.steady
            if written is None:
                not_written.update(item.types)
                waiting.update(item.types if known is not None else ())
            else:
                self.items.append(written)
        for item in [item for item in self.items if not self._pair(item)]:
            self._place(item)
        if self._owned:
            self._remove_others(not_written)
        removals = [one for one in draft.layout.removals if one.parent == parent]
        self._gone |= {place for one in removals for place in self._matching(one, waiting)}
        if self.items or self._gone:
            self._prefer()

    def _is_had(self, item: DraftEntry, primary_id: str | None) -> bool:
        """Return whether the user has the ID as primary ID, or under another type.

        Such an ID only finds the user: Alma takes no value twice (contract 3.2).
        """
        value = item.values["value"]
        had = [part for part in self.live if same_id(value, current(part, "value"))]
        under_type = any(matches(item, part) for part in had)
        return same_id(value, primary_id) or (bool(had) and not under_type)

    def changes(self) -> list[Change]:
        """Return how the list changes, in the order of its entries."""
        return [
            change
            for place, (old, new) in enumerate(zip_longest(self.live, self.parts))
            for change in entry_changes(self.parent, old, None if place in self._gone else new)
        ]

    def left(self) -> list[int]:
        """Return the places of the entries that are not removed."""
        return [place for place in range(len(self.parts)) if place not in self._gone]

    def _ours(self, place: int, item: DraftEntry) -> bool:
        """Return whether Alma's entry at a place is in the segment of the row's entry."""
        return self._adopts or segment(self.live[place], self.account) == our_segment(
            self.parent, self.account, item.segment
        )

    def _pair(self, item: DraftEntry) -> bool:
        """Find Alma's entry that already has the row's values, one of our segment first.

        Of these, one without other types: a row may have an address both for one and for two types.
        """
        fits = [
            place
            for place, part in enumerate(self.live)
            if place not in self._taken and matches(item, part)
        ]
        if not fits:
            return False
        place = min(
            fits,
            key=lambda place: (
                not self._ours(place, item),
                not set(self._types(place)).issubset(item.types),
            ),
        )
        self._taken.add(place)
        if item.entry.on_update is not OnUpdate.ADD:
            self._placed.append((item, place))
            revised = self.parent not in ONLY_ADDED or self.parent == "user_block"
            if self._ours(place, item) and revised:
                self._revise(place, item)
            self._gone |= set(self._family(item))
        return True

    def _place(self, item: DraftEntry) -> None:
        """Put an entry that Alma does not have in the place of another, or at the end."""
        place = next((n for n, part in enumerate(self.parts) if matches(item, part)), None)
        if place is not None:  # an earlier entry of the row has the same values
            self._placed.append((item, place))
            return
        if item.entry.on_update is not OnUpdate.ADD and self.parent not in ONLY_ADDED:
            place = self._replaced(item)
        elif family := self._family(item):
            place, *others = family
            self._gone |= set(others)
            self.parts[place] = new_entry(item, self.account)
            self._taken.add(place)
            self._placed.append((item, place))
            return
        if place is None or not self._release(place, item):
            place = len(self.parts)
            self.parts.append(new_entry(item, self.account))
        else:
            self._taken.add(place)
            self._revise(place, item)
        self._placed.append((item, place))

    def _family(self, item: DraftEntry) -> list[int]:
        """Return the places of Alma's entries that an entry replaces by its `replaces`."""
        return [
            place
            for place in range(len(self.live))
            if place not in self._taken
            and self._ours(place, item)
            and set(item.entry.replaces) & set(types(self.parent, self.live[place]))
        ]

    def _matching(self, removal: Removal, waiting: set[str]) -> Iterator[int]:
        """Yield the places of our entries that a removal names, and that the row does not have.

        Those of a type that this update is still to write (`waiting`) stay until it does.
        """
        for place, part in enumerate(self.live):
            ours = segment(part, self.account) == our_segment(self.parent, self.account)
            free = place not in self._taken and waiting.isdisjoint(types(self.parent, part))
            if ours and free and goes(removal, part):
                yield place

    def _types(self, place: int) -> tuple[str, ...]:
        return types(self.parent, self.parts[place])

    def _replaced(self, item: DraftEntry) -> int | None:
        """Return the place of the entry that a row's entry replaces, if there is one.

        It is one without other types, if possible; of these one with most of the row's types.
        """
        own = set(item.types)
        ours = [place for place in range(len(self.live)) if self._ours(place, item)]
        free = [n for n in ours if n not in self._taken and own.intersection(self._types(n))]
        if self._owned:
            free = [place for place in free if own.issuperset(self._types(place))]
        if self.parent == "user_identifier" and item.entry.on_update is not OnUpdate.REPLACE_ALL:
            every = [n for n in ours if own.intersection(types(self.parent, self.live[n]))]
            return free[0] if len(every) == 1 and free else None
        return min(
            free,
            key=lambda place: (
                not own.issuperset(self._types(place)),
                -len(own.intersection(self._types(place))),
                not getattr(self.live[place], "preferred", False),
            ),
            default=None,
        )

    def _release(self, place: int, item: DraftEntry) -> bool:
        """Adjust the types of an entry that is to be replaced; return whether it may be replaced.

        An entry with other types too only loses those of the row, so that its other uses stay,
        unless another entry has those types and the same values.
        """
        if set(self._types(place)).issubset(item.types):
            return True
        name, old = TYPE_FIELD[self.parent], self.parts[place]
        own, rest = (
            old.model_copy(
                update={
                    name: tuple(c for c in getattr(old, name) if (c.value in item.types) is ours)
                }
            )
            for ours in (True, False)
        )
        served = any(equal(self.parent, rest, part) for part in self.parts)
        self.parts[place] = own if served else rest
        return served

    def _revise(self, place: int, item: DraftEntry) -> None:
        """Update an entry with the row's values; what the mapping does not name stays.

        If the core changes, it is another address or number, so mapped fields that are blank in
        the row become blank; otherwise a blank leaves Alma's value.
        """
        new = self.parts[place]
        moved = not all(
            same_text(name, value, current(new, name))
            for name in CORE[self.parent]
            if (value := item.values.get(name))
        )
        for name, value in item.values.items():
            if name in _SET_ELSEWHERE or name == TYPE_FIELD[self.parent]:
                continue
            target, was = item.targets[name], current(new, name)
            will = resolve_value(target.on_update, name, was, value, clears=moved)
            if will != was:
                new = with_value(new, target.field, will)
        if not set(item.types).issubset(types(self.parent, new)):
            name = TYPE_FIELD[self.parent]
            new = with_value(new, item.targets[name].field, item.values[name])
        if moved and (start := item.values.get("start_date")):
            new = with_value(new, item.targets["start_date"].field, start)
        if self._adopts and isinstance(new, Segment):
            ours = our_segment(self.parent, self.account, item.segment)
            new = new.model_copy(update={"segment_type": ours})
        self.parts[place] = new

    def _remove_others(self, not_written: set[str]) -> None:
        """Remove the other entries of our segment, except of types that this update skips."""
        ours = {our_segment(self.parent, self.account, item.segment) for item in self.items} or {
            our_segment(self.parent, self.account)
        }
        for place, part in enumerate(self.live):
            if (
                place not in self._taken
                and segment(part, self.account) in ours
                and not not_written.intersection(types(self.parent, part))
            ):
                self._gone.add(place)

    def _prefer(self) -> None:
        """Set the flags of the entries that are left."""
        left = self.left()
        wanted = [
            (item, left.index(place))
            for item in self.items
            for placed, place in self._placed
            if placed is item and place in left
        ]
        parts = (self.parts[place] for place in left)
        flagged = set_preferred(self.parent, parts, self.account, wanted)
        for place, part in zip(left, flagged, strict=True):
            self.parts[place] = part
