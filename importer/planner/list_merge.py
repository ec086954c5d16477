"""One list of a user, merged with a row's entries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import TypeAlias

from importer.model.fields import IDS, TYPE_FIELD, OnUpdate
from importer.model.user import AccountType, RecordPart, Segment
from importer.planner.drafts import DraftEntry, DraftUser
from importer.planner.entries import (
    CORE,
    FLAGS,
    ONLY_ADDED,
    PREFERRED,
    current,
    equal,
    flagged,
    same_id,
    same_text,
    types,
    with_value,
)
from importer.planner.patch import Edit
from importer.planner.written import (
    SET_ELSEWHERE,
    Lines,
    has_core,
    is_removed,
    matches,
    new_entry,
    our_segment,
    segment,
)

Parts: TypeAlias = tuple[RecordPart, ...]
"""A list as it is by then: Alma's entries in their places, then those that are added."""


@dataclass(frozen=True, slots=True)
class Holder:
    """What the lists of a known user depend on, beside the row.

    `account` and `primary_id` are those after the update. `adopts`: the user becomes External, and
    entries of Alma that the row has too move to the row's segment. `lines`: where a line is in it,
    the entry that it replaces is known, or that it is added; else the types decide.
    """

    account: AccountType
    primary_id: str | None
    adopts: bool
    lines: Lines


@dataclass(frozen=True, slots=True)
class ListMerge:
    """One list of a user, and what a row writes in it: all of its entries for a new user.

    First each entry that Alma does not have is written. Then each finds its entry again, in the
    list as it is then, and by that the rest is decided: what else goes, and which entry is
    preferred. None of it changes which entries are found, so the next load has nothing to do.

    `live`: Alma's entries. `items`: the row's that are written. `not_written`: types of entries
    that only new users get.
    """

    draft: DraftUser
    parent: str
    live: Parts
    holder: Holder
    items: tuple[DraftEntry, ...]
    not_written: frozenset[str] = frozenset()

    @staticmethod
    def of(draft: DraftUser, parent: str, live: Parts, holder: Holder | None) -> ListMerge:
        """Return the merge of a list; `holder` is None for a new user."""
        items = draft.entries(parent)
        if holder is None:
            new = Holder(draft.layout.account_type, None, adopts=False, lines={})
            return ListMerge(draft, parent, live, new, items)
        if parent == IDS:  # Alma takes no value twice (contract 3.2)
            items = tuple(it for it in items if not same_id(it.values["value"], holder.primary_id))
        written = [(item, item.for_known_users()) for item in items]
        not_written = (kind for item, kept in written if kept is None for kind in item.types)
        items = tuple(kept for _, kept in written if kept is not None)
        return ListMerge(draft, parent, live, holder, items, frozenset(not_written))

    def edits(self) -> list[Edit]:
        """Return each entry of the list before and after the load."""
        matched = self._matched(self.live)
        parts = self._written(matched)
        if not self.holder.adopts and parts == self.live:
            return self._edits(parts, matched)
        settled = replace(self, holder=replace(self.holder, adopts=False))
        return settled._edits(parts, settled._matched(parts))

    def _matched(self, parts: Parts) -> list[int | None]:
        """Return the place of each entry of the row, None for one that the list lacks.

        One that says no more than an earlier one shares its place. Else it is one that no earlier
        one found, if possible; of these one of our segment, and of these one without other types: a
        row may have an address both for one and for two types.
        """
        matched = list[int | None]()
        compared = [*map(lasting, self.items)]
        for number, entry in enumerate(compared):
            fitting = (
                (at in matched, not self._is_ours(part, entry), not _has_only(part, entry), at)
                for at, part in enumerate(parts)
                if matches(entry, part)
            )
            shared = (matched[at] for at in range(number) if covers(compared[at], entry))
            matched.append(next(shared, min(fitting, default=(None,))[-1]))
        return matched

    def _written(self, matched: Sequence[int | None]) -> Parts:
        """Return the list with all entries of the row; `matched`: the places of those it has."""
        parts, taken = self.live, frozenset[int]()
        lacking = list[DraftEntry]()
        for item, at in zip(self.items, matched, strict=True):
            if at is None:
                lacking.append(item)
                continue
            if is_kept_up(item):
                if at not in taken:
                    parts = self._revised(parts, at, item)
                lacking += [] if matches(item, parts[at]) else [item]
            taken |= {at}
        # an ID that is written may free the value of another, which Alma has under another type
        while ready := [item for item in lacking if not self._is_had(item, parts, taken)]:
            lacking.remove(ready[0])
            parts, at = self._placed(ready[0], parts, taken)
            taken |= {at}
        return parts

    def _edits(self, parts: Parts, matched: Sequence[int | None]) -> list[Edit]:
        """Return the edits of the list, in which the row's entries have these places."""
        pairs = zip(self.items, matched, strict=True)
        placed, taken = [(item, at) for item, at in pairs if at is not None], frozenset[int]()
        for item, at in placed:
            if is_kept_up(item) and at not in taken:
                parts = self._revised(parts, at, lasting(item))
            taken |= {at}
        gone = {at for at, part in enumerate(parts) if at not in taken and self._goes(part)}
        if self.items or gone:
            added = range(len(self.live), len(parts))
            wanted = [(item, at) for item, at in placed if is_kept_up(item) or at in added]
            stay = [at for at in range(len(parts)) if at not in gone]
            parts = self._preferred(parts, stay, wanted)
        return [
            Edit(old, None if at in gone else new)
            for at, (old, new) in enumerate(zip_longest(self.live, parts))
            if old is not None or at not in gone
        ]

    def _is_had(self, item: DraftEntry, parts: Parts, taken: frozenset[int]) -> bool:
        """Return whether the user keeps the ID under another type, so that it only finds the user.

        Alma takes no value twice (contract 3.2).
        """
        return self.parent == IDS and any(
            same_id(item.values["value"], current(part, "value"))
            and (at in taken or not self._goes(part))
            for at, part in enumerate(parts[: len(self.live)])
        )

    def _placed(self, item: DraftEntry, parts: Parts, taken: frozenset[int]) -> tuple[Parts, int]:
        """Write an entry in the place of another, or at the end; return the list and the place.

        An entry that was written since may have the same values.
        """
        for at, part in enumerate(parts):
            if matches(item, part):
                return parts, at
        free = [
            at
            for at, part in enumerate(parts[: len(self.live)])
            if at not in taken and self._is_ours(part, item)
        ]
        if not is_kept_up(item) or self.parent in ONLY_ADDED:
            for at in free:
                if _replaces(item, parts[at]):
                    return _with(parts, at, new_entry(item, self.holder.account)), at
        elif (old := self._replaced(item, parts, free)) is not None:
            parts, is_free = _released(item, parts, old)
            if is_free:
                return self._revised(parts, old, item), old
        return (*parts, new_entry(item, self.holder.account)), len(parts)

    def _is_ours(self, part: RecordPart, item: DraftEntry) -> bool:
        ours = our_segment(item.parent, self.holder.account, item.segment)
        return self.holder.adopts or segment(part, self.holder.account) == ours

    def _replaced(self, item: DraftEntry, parts: Parts, free: list[int]) -> int | None:
        """Return the place, of the `free` ones, of the entry that a row's replaces, if any.

        It is the one that belongs to its line, where loads of the user are remembered. Else it is
        one of its types without others, if possible; of these one with most of the row's types. An
        entry without a type, such as a proxy, replaces none.
        """
        if not item.types:
            return None
        parent, live = self.parent, self.live
        of_line = [part for label, part in self.holder.lines.items() if label in item.entry.labels]
        if of_line and parent != IDS:
            return next((at for at in free if live[at] is of_line[0]), None)
        others = {id(part) for part in self.holder.lines.values()} - {id(part) for part in of_line}
        shared = {at: {*item.types}.intersection(types(parent, parts[at])) for at in free}
        free = [at for at in free if shared[at] and id(live[at]) not in others]
        if self.draft.sets_whole_list(parent):
            free = [at for at in free if _has_only(parts[at], item)]
        if parent == IDS:  # a lost card stays one: the new card is another
            free = [at for at in free if current(live[at], "status") != "INACTIVE"]
            several = item.entry.on_update is OnUpdate.REPLACE_ALL
            if not several and not self._has_one_id(item, parts):
                return None

        def rank(at: int) -> tuple[bool, int, bool]:
            is_preferred = getattr(live[at], PREFERRED, False)
            return not _has_only(parts[at], item), -len(shared[at]), not is_preferred

        return min(free, key=rank, default=None)

    def _has_one_id(self, item: DraftEntry, parts: Parts) -> bool:
        """Return whether Alma has one active ID of an entry's types: of two none is replaced."""
        active = (
            part
            for at, part in enumerate(self.live)
            if self._is_ours(parts[at], item)
            and current(part, "status") != "INACTIVE"
            and not {*item.types}.isdisjoint(types(self.parent, part))
        )
        return len([*active]) == 1

    def _revised(self, parts: Parts, at: int, entry: DraftEntry) -> Parts:
        """Return the list with the row's values in an entry; what the mapping does not name stays.

        If the core changes, it is another address or number, so mapped fields that are blank in
        the row become blank; otherwise a blank leaves Alma's value. Notes and statistics stay.
        """
        parent, part = self.parent, parts[at]
        if not self._is_ours(part, entry) or (parent in ONLY_ADDED and parent != "user_block"):
            return parts
        moved = not has_core(lasting(entry), part)
        kind = TYPE_FIELD[parent]
        for name, value in entry.values.items():
            if name in SET_ELSEWHERE or name == kind or not (value or moved):
                continue
            if not same_text(name, value, current(part, name)):
                part = with_value(part, entry.targets[name].field, value)
        if not {*entry.types} <= {*types(parent, part)}:
            part = with_value(part, entry.targets[kind].field, entry.values[kind])
        if moved and (start := entry.values.get("start_date")):
            part = with_value(part, entry.targets["start_date"].field, start)
        if self.holder.adopts and isinstance(part, Segment):
            ours = our_segment(parent, self.holder.account, entry.segment)
            part = part.model_copy(update={"segment_type": ours})
        return _with(parts, at, part)

    def _goes(self, part: RecordPart) -> bool:
        """Return whether an entry that the row does not have is removed.

        That is each in our segment if the row sets the whole list, one that `remove` names, and
        one that an entry of the row replaces.
        """
        kinds, owner = types(self.parent, part), segment(part, self.holder.account)
        if self.draft.sets_whole_list(self.parent) and self.not_written.isdisjoint(kinds):
            asked = {item.segment for item in self.items} or {""}
            if owner in {our_segment(self.parent, self.holder.account, name) for name in asked}:
                return True
        return any(
            _replaces(item, part) and self._is_ours(part, item) for item in self.items
        ) or is_removed(self.draft.layout, self.parent, self.holder.account, part)

    def _preferred(
        self, parts: Parts, stay: Sequence[int], wanted: Sequence[tuple[DraftEntry, int]]
    ) -> Parts:
        """Return the list with each flag at one entry of those that stay; `wanted` are the row's.

        The flag goes to the entry that the row marks; else it stays where Alma has it, of several
        places an Internal one, because a librarian chose it (contract 3.1); else, `preferred` only,
        it goes to the row's first entry without it refused, or to the first that is there. An
        External entry never takes it from an Internal one, which only the library sets.
        """
        owners = {at: segment(parts[at], self.holder.account) for at in stay}
        for flag in FLAGS.get(self.parent, ()):
            held = [at for at in stay if getattr(parts[at], flag)]
            internal = [at for at in held if owners[at] == "Internal"]
            marked = [
                at
                for item, at in wanted
                if item.values.get(flag) == "true" and not (internal and owners[at] == "External")
            ]
            free = [at for item, at in wanted if item.values.get(flag) != "false"]
            first = (*free, *stay[:1]) if flag == PREFERRED else ()
            chosen = next(iter((*marked, *internal, *held, *first)), None)
            for at in stay:
                parts = _with(parts, at, flagged(parts[at], flag, on=at == chosen))
        return parts


def _with(parts: Parts, at: int, part: RecordPart) -> Parts:
    return parts if parts[at] is part else (*parts[:at], part, *parts[at + 1 :])


def _has_only(part: RecordPart, item: DraftEntry) -> bool:
    return {*types(item.parent, part)} <= {*item.types}


def _replaces(item: DraftEntry, part: RecordPart) -> bool:
    """Return whether the row's entry takes the place of this one by its `replaces`."""
    return not {*item.entry.replaces}.isdisjoint(types(item.parent, part))


def _released(item: DraftEntry, parts: Parts, at: int) -> tuple[Parts, bool]:
    """Adjust the types of an entry that is to be replaced; return also whether it may be replaced.

    An entry with other types too only loses those of the row, so that its other uses stay,
    unless another entry has those types and the same values.
    """
    name, old = TYPE_FIELD[item.parent], parts[at]
    if _has_only(old, item) or len(types(item.parent, old)) == 1:
        return parts, True
    alike, rest = (
        old.model_copy(
            update={name: tuple(c for c in getattr(old, name) if (c.value in item.types) is ours)}
        )
        for ours in (True, False)
    )
    served = any(equal(item.parent, rest, other) for other in parts if other is not old)
    return _with(parts, at, alike if served else rest), served


def is_kept_up(item: DraftEntry) -> bool:
    """Return whether an update changes Alma's entry by the row's, not only adds one."""
    return item.entry.on_update is not OnUpdate.ADD


def lasting(item: DraftEntry) -> DraftEntry:
    """Return an entry as every load compares it."""
    return item.compared or item


def covers(item: DraftEntry, other: DraftEntry) -> bool:
    """Return whether an entry of the row says all that another one says."""
    return {*other.types} <= {*item.types} and all(
        same_text(name, value, item.values.get(name, ""))
        for name in CORE[other.parent]
        if (value := other.values.get(name))
    )
