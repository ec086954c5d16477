"""One list of a user: a new one, or Alma's merged with the entries of a row.

An address, email or phone replaces Alma's entry of the same type in our segment (the preferred
one, if there are several), an identifier replaces the only one of its type, and everything else
stays: in the entry, and in the list.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from importer.model.fields import TYPE_FIELD, OnUpdate
from importer.model.user import Part, Segment
from importer.planner.entries import (
    CORE,
    ONLY_ADDED,
    current,
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
    from collections.abc import Iterable

    from importer.model.user import AccountType
    from importer.planner.drafts import DraftEntry, DraftUser
    from importer.planner.entries import Edit


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


SET_ELSEWHERE = frozenset({"segment_type", "preferred", "preferred_sms", "start_date"})
"""Set by other rules; Alma changes start dates by itself (contract 3.1)."""


_LOADS = 3
"""At most N further loads are looked ahead: one may free an ID for another type, or make an entry
that the next one finds in place of another."""


@dataclass(slots=True, eq=False)
class _Place:
    """An entry of the list: Alma's, None if it is added, and as it is to be.

    `taken`: an entry of the row belongs here. `gone`: the entry is removed.
    """

    old: Part | None
    new: Part
    taken: bool = False
    gone: bool = False


def new_list(parent: str, draft: DraftUser) -> tuple[Part, ...]:
    """Return a list of a new user: the row's entries, each once, and one of them preferred."""
    account = draft.layout.account_type
    parts, placed = _each_once(draft.entries(parent), account)
    return set_preferred(parent, parts, account, placed)


def _each_once(
    items: Iterable[DraftEntry], account: AccountType
) -> tuple[list[Part], list[tuple[DraftEntry, int]]]:
    """Return the new entries that a row needs, and each of the row's entries with its place there.

    One that says no more than an earlier one has the same place, such as an address for one type
    after the same address for two.
    """
    parts: list[Part] = []
    placed: list[tuple[DraftEntry, int]] = []
    for item in items:
        place = next((at for at, part in enumerate(parts) if matches(item, part)), len(parts))
        if place == len(parts):
            parts.append(new_entry(item, account))
        placed.append((item, place))
    return parts, placed


class ListMerge:
    """One list of a known user, merged with the row's entries.

    `adopts`: the user becomes External, and entries of Alma that the row has too move to the row's
    segment. Exactly one address, email and phone is preferred afterwards.
    """

    def __init__(
        self, parent: str, live: tuple[Part, ...], account: AccountType, *, adopts: bool = False
    ) -> None:
        """Begin with Alma's list."""
        self.parent, self.live, self.account, self._adopts = parent, live, account, adopts
        self.items: list[DraftEntry] = []
        self._places = [_Place(part, part) for part in live]
        self._placed: list[tuple[DraftEntry, _Place]] = []

    def update(self, draft: DraftUser, primary_id: str | None, *, run_values: bool) -> None:
        """Merge the row of a known user, whose ID after the update is `primary_id`.

        Entries with `on_update: never` are not written, run variables only with `run_values`. The
        result is one in which the next load of the same row changes nothing.
        """
        self._update_once(draft, primary_id, run_values=run_values)
        for _ in range(_LOADS if self.parts != self.live else 0):
            before, left = self.parts, self._left
            following = ListMerge(self.parent, before, self.account)
            following._update_once(draft, primary_id, run_values=run_values)
            if following.parts == before:
                break
            for place, then in zip(left, following._places, strict=False):
                place.new, place.gone = then.new, then.gone
            self._places += following._places[len(left) :]

    def _update_once(self, draft: DraftUser, primary_id: str | None, *, run_values: bool) -> None:
        not_written: set[str] = set()
        waiting: set[str] = set()
        for item in draft.entries(self.parent):
            if self.parent == "user_identifier" and self._is_had(item, primary_id):
                continue
            known = item.for_known_users()
            written = known if run_values or known is None else known.steady
            if written is None:
                not_written.update(item.types)
                waiting.update(item.types if known is not None else ())
            else:
                self.items.append(written)
        owned = draft.sets_whole_list(self.parent)
        self._write(owned=owned)
        if owned:
            self._remove_others(not_written)
        self._remove_named(draft, waiting)
        if self.items or any(place.gone for place in self._places):
            self._prefer()

    def _write(self, *, owned: bool) -> None:
        """Find Alma's entries with the row's values, and write the row's others.

        Each finds the same entry as at the last load, and an entry of the row that says no more
        than an earlier one shares its place.
        """
        _, each = _each_once(self.items, self.account)
        first = {place: item for item, place in reversed(each)}
        left = [first[place] for place in sorted(first)]
        for item in [item for item in left if not self._pair(item)]:
            self._place(item, owned=owned)
        self._placed += [
            (item, place)
            for item, at in each
            for placed, place in self._placed
            if placed is first[at] and placed is not item
        ]

    @property
    def edits(self) -> list[Edit]:
        """Alma's entries in their order and the result of each, then the added ones."""
        return [(place.old, None if place.gone else place.new) for place in self._places]

    @property
    def parts(self) -> tuple[Part, ...]:
        """The list as it is to be."""
        return tuple(place.new for place in self._left)

    @property
    def _left(self) -> list[_Place]:
        return [place for place in self._places if not place.gone]

    def _is_had(self, item: DraftEntry, primary_id: str | None) -> bool:
        """Return whether the user has the ID as primary ID, or under another type.

        Such an ID only finds the user: Alma takes no value twice (contract 3.2).
        """
        value = item.values["value"]
        had = [part for part in self.live if same_id(value, current(part, "value"))]
        under_type = any(matches(item, part) for part in had)
        return same_id(value, primary_id) or (bool(had) and not under_type)

    def _of_alma(self, item: DraftEntry) -> list[tuple[_Place, Part]]:
        """Return the places of Alma's entries in the segment of the row's entry."""
        asked = our_segment(self.parent, self.account, item.segment)
        return [
            (place, place.old)
            for place in self._places
            if place.old is not None and (self._adopts or segment(place.old, self.account) == asked)
        ]

    def _pair(self, item: DraftEntry) -> bool:
        """Find Alma's entry that already has the row's values, one of our segment first.

        Of these, one without other types: a row may have an address both for one and for two types.
        """
        ours = [place for place, _ in self._of_alma(item)]
        place = min(
            (
                place
                for place in self._places
                if place.old is not None and not place.taken and matches(item, place.old)
            ),
            key=lambda place: (place not in ours, not self._has_only(item, place)),
            default=None,
        )
        if place is None:
            return False
        place.taken = True
        if item.entry.on_update is not OnUpdate.ADD:
            self._placed.append((item, place))
            if place in ours and (self.parent not in ONLY_ADDED or self.parent == "user_block"):
                self._revise(place, item)
            for other in self._family(item):
                other.gone = True
        return True

    def _place(self, item: DraftEntry, *, owned: bool) -> None:
        """Put an entry that Alma does not have in the place of another, or at the end.

        An earlier entry of the row may have the same values.
        """
        place = next((place for place in self._places if matches(item, place.new)), None)
        if place is None:
            place = self._overwritten(item, owned=owned)
        if place is None:
            place = _Place(None, new_entry(item, self.account))
            self._places.append(place)
        self._placed.append((item, place))

    def _overwritten(self, item: DraftEntry, *, owned: bool) -> _Place | None:
        """Write an entry in the place of another and return that place; None if it takes none."""
        if item.entry.on_update is OnUpdate.ADD or self.parent in ONLY_ADDED:
            family = self._family(item)
            for other in family:
                other.gone = other is not family[0]
            if not family:
                return None
            place = family[0]
            place.new = new_entry(item, self.account)
        else:
            replaced = self._replaced(item, owned=owned)
            if replaced is None or not self._release(replaced, item):
                return None
            place = replaced
            self._revise(place, item)
        place.taken = True
        return place

    def _has_only(self, item: DraftEntry, place: _Place) -> bool:
        return set(types(self.parent, place.new)).issubset(item.types)

    def _family(self, item: DraftEntry) -> list[_Place]:
        """Return the places of Alma's entries that an entry replaces by its `replaces`."""
        return [
            place
            for place, part in self._of_alma(item)
            if not place.taken and set(item.entry.replaces) & set(types(self.parent, part))
        ]

    def _replaced(self, item: DraftEntry, *, owned: bool) -> _Place | None:
        """Return the place of the entry that a row's entry replaces, if there is one.

        It is one without other types, if possible; of these one with most of the row's types.
        """
        own = set(item.types)
        ours = self._of_alma(item)
        if self.parent == "user_identifier":  # a lost card stays one: the new card is another
            ours = [(place, part) for place, part in ours if current(part, "status") != "INACTIVE"]
        shared = {id(place): own.intersection(types(self.parent, place.new)) for place, _ in ours}
        free = [place for place, _ in ours if not place.taken and shared[id(place)]]
        if owned:
            free = [place for place in free if self._has_only(item, place)]
        if self.parent == "user_identifier" and item.entry.on_update is not OnUpdate.REPLACE_ALL:
            every = [part for _, part in ours if own.intersection(types(self.parent, part))]
            return free[0] if len(every) == 1 and free else None
        return min(
            free,
            key=lambda place: (
                not self._has_only(item, place),
                -len(shared[id(place)]),
                not getattr(place.old, "preferred", False),
            ),
            default=None,
        )

    def _release(self, place: _Place, item: DraftEntry) -> bool:
        """Adjust the types of an entry that is to be replaced; return whether it may be replaced.

        An entry with other types too only loses those of the row, so that its other uses stay,
        unless another entry has those types and the same values.
        """
        if self._has_only(item, place):
            return True
        name, old = TYPE_FIELD[self.parent], place.new
        own, rest = (
            old.model_copy(
                update={
                    name: tuple(c for c in getattr(old, name) if (c.value in item.types) is ours)
                }
            )
            for ours in (True, False)
        )
        served = any(equal(self.parent, rest, other.new) for other in self._places)
        place.new = own if served else rest
        return served

    def _revise(self, place: _Place, item: DraftEntry) -> None:
        """Update an entry with the row's values; what the mapping does not name stays.

        If the core changes, it is another address or number, so mapped fields that are blank in
        the row become blank; otherwise a blank leaves Alma's value.
        """
        new = place.new
        moved = not all(
            same_text(name, value, current(new, name))
            for name in CORE[self.parent]
            if (value := item.values.get(name))
        )
        for name, value in item.values.items():
            if name in SET_ELSEWHERE or name == TYPE_FIELD[self.parent]:
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
        place.new = new

    def _remove_others(self, not_written: set[str]) -> None:
        """Remove the other entries of our segment, except of types that this update skips."""
        asked = {item.segment for item in self.items} or {""}
        ours = {our_segment(self.parent, self.account, one) for one in asked}
        for place in self._places:
            if place.old is not None and not place.taken:
                kept = not not_written.isdisjoint(types(self.parent, place.old))
                place.gone |= segment(place.old, self.account) in ours and not kept

    def _remove_named(self, draft: DraftUser, waiting: set[str]) -> None:
        """Remove our entries that the mapping's `remove` names, and that the row does not have.

        Those of a type that this update is still to write (`waiting`) stay until it does.
        """
        ours = our_segment(self.parent, self.account)
        for removal in draft.layout.removals:
            for place in self._places if removal.parent == self.parent else ():
                if place.old is not None and not place.taken:
                    free = waiting.isdisjoint(types(self.parent, place.old))
                    if free and segment(place.old, self.account) == ours:
                        place.gone |= goes(removal, place.old)

    def _prefer(self) -> None:
        """Set the flags of the entries that are left."""
        left = self._left
        wanted = [
            (item, left.index(place))
            for item in self.items
            for placed, place in self._placed
            if placed is item and not place.gone
        ]
        flagged = set_preferred(self.parent, (place.new for place in left), self.account, wanted)
        for place, part in zip(left, flagged, strict=True):
            place.new = part
