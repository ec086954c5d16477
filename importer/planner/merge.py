"""The record to send: a new user's, or Alma's record with the fields that the mapping names.

Alma's PUT replaces the whole record (contract 3.1), so an update sends Alma's own record with the
mapped fields changed. Fields that the mapping does not name are not looked at.

In lists, an address, email or phone replaces Alma's entry of the same type in our segment (the
preferred one, if there are several), an identifier replaces the only one of its type, and
everything else stays: in the entry, and in the list.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import zip_longest
from typing import TYPE_CHECKING

from importer.model.fields import TYPE_FIELD, OnUpdate
from importer.model.plan import Change, ChangeKind
from importer.model.user import AccountType, Coded, Part, Segment, User, UserIdentifier
from importer.planner.borrowing import role_changes, with_patron_role
from importer.planner.entries import (
    CORE,
    ONLY_ADDED,
    current,
    entries,
    entry_changes,
    equal,
    matches,
    new_entry,
    our_segment,
    same_id,
    same_text,
    scalar_changes,
    segment,
    set_preferred,
    to_field,
    types,
    with_entries,
    with_value,
    without,
)
from importer.planner.sticky import OVERRIDE_NAMES, StickyFields

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from importer.model.plan import KeepOldId, Remembered
    from importer.planner.drafts import DraftEntry, DraftUser

SET_APART = frozenset({"record_type", "primary_id", "account_type", "external_id", "password"})
"""Fields that no update changes like the others: see `_identified`."""


def new_user(draft: DraftUser) -> User:
    """Return the body to post: the row's values and the account type's own fields, no blanks.

    Addresses, emails and phones each get exactly one preferred entry. There is no password in it:
    a plan must not store one.
    """
    layout = draft.layout
    held: dict[str, object] = {"record_type": Coded(value=layout.record_type)}
    for target in layout.scalars:
        value = draft.values.get(target.label, "")
        if value and target.field.name not in SET_APART - {"primary_id"}:
            held[target.field.name] = to_field(target.field, value)
    held["account_type"] = Coded(value=layout.account_type.value)
    if layout.account_type is AccountType.EXTERNAL:
        held["external_id"] = draft.values.get("external_id", "")
    lists = {parent: _new_entries(draft, parent) for parent in _parents(draft)}
    return with_entries(
        User.model_validate(held), {parent: parts for parent, parts in lists.items() if parts}
    )


def _parents(draft: DraftUser) -> dict[str, None]:
    return dict.fromkeys(entry.parent for entry in draft.layout.entries)


def _new_entries(draft: DraftUser, parent: str) -> tuple[Part, ...]:
    """Return the row's entries of one list, each once, with one preferred."""
    account = draft.layout.account_type
    parts: list[Part] = []
    placed: list[tuple[DraftEntry, int]] = []
    for item in draft.entries(parent):
        same = next((place for place, part in enumerate(parts) if matches(item, part)), None)
        placed.append((item, len(parts) if same is None else same))
        if same is None:
            parts.append(new_entry(item, account))
    return set_preferred(parent, parts, account, placed)


@dataclass(frozen=True, slots=True)
class Merged:
    """The record as it will be, its changes, and the sticky fields to override.

    Without changes, `after` is Alma's record itself. `sticky`: what to remember of the sticky
    fields that are not sent.
    """

    after: User
    changes: tuple[Change, ...] = ()
    override: tuple[str, ...] = ()
    sticky: Mapping[str, Remembered] = field(default_factory=dict)


def merge(
    draft: DraftUser,
    live: User,
    remembered: Mapping[str, Remembered] | None = None,
    *,
    rename: bool = False,
    convert: bool = False,
    keep_old_id: KeepOldId | None = None,
) -> Merged:
    """Return Alma's record with the row's values; removals come first in the changes.

    Entries' fields with a run variable are written only if something else changes. `remembered`:
    the user's sticky fields at the last load; one that was edited in Alma since stays. `rename`:
    the user gets the row's primary ID, and keeps the old one as `keep_old_id` asks for. `convert`:
    an Internal user becomes External if the mapping is.
    """
    identified = _identified(draft, live, rename=rename, convert=convert)
    sticky = StickyFields(live, remembered or {})
    merged = _merged(draft, live, identified, keep_old_id, sticky, run_values=False)
    targets = draft.layout.targets.values()
    if merged.changes and any(target.run_dependent and target.field.parent for target in targets):
        merged = _merged(draft, live, identified, keep_old_id, sticky, run_values=True)
    return merged


def _identified(draft: DraftUser, live: User, *, rename: bool, convert: bool) -> User:
    """Return Alma's record with the row's primary ID and the mapping's account type, if asked.

    Alma makes no External user Internal (contract 1.2), and compares primary IDs without case.
    """
    update: dict[str, object] = {}
    if rename and draft.primary_id and not same_id(draft.primary_id, live.primary_id):
        update["primary_id"] = draft.primary_id
    external = AccountType.EXTERNAL
    ours, theirs = draft.layout.account_type, current(live, "account_type")
    if convert and ours is external and theirs != external:
        update["account_type"] = Coded(value=external.value)
        update["external_id"] = draft.values.get("external_id", "")
    return live.model_copy(update=update) if update else live


def _other_ids(before: User, after: User, keep: KeepOldId | None) -> Iterator[Part]:
    """Yield the identifiers of a user whose primary ID changes.

    The new one may have been one of them, and Alma takes no value twice (contract 3.2). The old
    one is kept in the Internal segment, where no SIS load removes it.
    """
    others = entries(after, "user_identifier")
    for part in others:
        if not same_id(current(part, "value"), after.primary_id):
            yield part
    old = current(before, "primary_id")
    if keep is not None and not any(same_id(current(part, "value"), old) for part in others):
        yield UserIdentifier(
            segment_type=AccountType.INTERNAL.segment,
            id_type=Coded(value=keep.type),
            value=old,
            status=keep.status,
        )


def _merged(
    draft: DraftUser,
    live: User,
    after: User,
    keep_old_id: KeepOldId | None,
    sticky: StickyFields,
    *,
    run_values: bool,
) -> Merged:
    kinds = {kind.value: kind for kind in AccountType}
    account = kinds.get(current(after, "account_type"), draft.layout.account_type)
    converts = current(after, "account_type") != current(live, "account_type")
    override: list[str] = []
    for target in draft.layout.scalars:
        name = target.field.name
        if name in SET_APART or target.label not in draft.values:
            continue
        was = current(live, name)
        will = resolve_value(target.on_update, name, was, draft.values[target.label])
        is_sticky = target.field.facts.sticky
        given = is_sticky and not target.override and draft.values[target.label] != ""
        if given and sticky.stays(name, was, will):
            continue
        if will != was:
            after = with_value(after, target.field, will)
            if is_sticky and (target.override or not will):
                override.append(name)
    expiry, scope = (draft.values.get(f"patron_role.{name}", "") for name in ("expiry", "scope"))
    after = with_patron_role(after, expiry, scope, draft.institution)
    changes = [*scalar_changes(live, after), *role_changes(live, after)]
    lists: dict[str, tuple[Part, ...]] = {}
    for parent in _parents(draft):
        merging = _ListMerge(
            draft,
            parent,
            entries(live, parent),
            account,
            primary_id=after.primary_id,
            adopts=converts,
            run_values=run_values,
        )
        wanted = tuple(merging.parts[place] for place in merging.left())
        overrides = any(item.override for item in merging.items)
        given = parent in OVERRIDE_NAMES and bool(merging.items) and not overrides
        if given and sticky.list_stays(parent, merging.live, wanted):
            continue
        if differences := merging.changes():
            lists[parent] = wanted
            changes += differences
            if parent in OVERRIDE_NAMES and (overrides or not wanted):
                override.append(OVERRIDE_NAMES[parent])
    after = with_entries(after, lists)
    if not same_id(after.primary_id, live.primary_id):
        parent, ids = "user_identifier", tuple(_other_ids(live, after, keep_old_id))
        gone, new = without(entries(after, parent), ids), without(ids, entries(after, parent))
        pairs = (*((part, None) for part in gone), *((None, part) for part in new))
        changes += [change for pair in pairs for change in entry_changes(parent, *pair)]
        after = with_entries(after, {parent: ids}) if gone or new else after
    if not changes:
        return Merged(live, sticky=sticky.kept)
    changes.sort(key=lambda change: change.kind is not ChangeKind.REMOVE)
    protected = account is AccountType.EXTERNAL
    return Merged(after, tuple(changes), tuple(override) if protected else (), sticky.kept)


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


class _ListMerge:
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
        self.parent, self.live, self.account, self._adopts = parent, live, account, adopts
        self.parts: list[Part] = list(live)
        self._gone: set[int] = set()
        self.items: list[DraftEntry] = []
        self._taken: set[int] = set()
        self._placed: list[tuple[DraftEntry, int]] = []
        self._owned = draft.sets_whole_list(parent)
        not_written: set[str] = set()
        for item in draft.entries(parent):
            if parent == "user_identifier" and self._is_had(item, primary_id):
                continue
            known = item.for_known_users()
            written = known if run_values or known is None else known.steady
            if written is None:
                not_written.add(item.type)
            else:
                self.items.append(written)
        for item in [item for item in self.items if not self._pair(item)]:
            self._place(item)
        if self._owned:
            self._remove_others(not_written)
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
        """Find Alma's entry that already has the row's values, one of our segment first."""
        fits = [
            place
            for place, part in enumerate(self.live)
            if place not in self._taken and matches(item, part)
        ]
        if not fits:
            return False
        place = min(fits, key=lambda place: not self._ours(place, item))
        self._taken.add(place)
        if item.entry.on_update is not OnUpdate.ADD:
            self._placed.append((item, place))
            if self._ours(place, item) and self.parent not in ONLY_ADDED:
                self._revise(place, item)
        return True

    def _place(self, item: DraftEntry) -> None:
        """Put an entry that Alma does not have in the place of another, or at the end."""
        place = next((n for n, part in enumerate(self.parts) if matches(item, part)), None)
        if place is not None:  # an earlier entry of the row has the same values
            self._placed.append((item, place))
            return
        if item.entry.on_update is not OnUpdate.ADD and self.parent not in ONLY_ADDED:
            place = self._replaced(item)
        if place is None or not self._release(place, item):
            place = len(self.parts)
            self.parts.append(new_entry(item, self.account))
        else:
            self._taken.add(place)
            self._revise(place, item)
        self._placed.append((item, place))

    def _types(self, place: int) -> tuple[str, ...]:
        return types(self.parent, self.parts[place])

    def _replaced(self, item: DraftEntry) -> int | None:
        """Return the place of the entry that a row's entry replaces, if there is one."""
        ours = [place for place in range(len(self.live)) if self._ours(place, item)]
        free = [n for n in ours if n not in self._taken and item.type in self._types(n)]
        if self._owned:
            free = [place for place in free if len(self._types(place)) == 1]
        if self.parent == "user_identifier" and item.entry.on_update is not OnUpdate.REPLACE_ALL:
            every = [place for place in ours if item.type in types(self.parent, self.live[place])]
            return free[0] if len(every) == 1 and free else None
        return min(
            free,
            key=lambda place: (
                len(self._types(place)) > 1,
                not getattr(self.live[place], "preferred", False),
            ),
            default=None,
        )

    def _release(self, place: int, item: DraftEntry) -> bool:
        """Adjust the types of an entry that is to be replaced; return whether it may be replaced.

        An entry with other types too only loses this one, so that its other uses stay, unless
        another entry has those types and the same values.
        """
        if len(self._types(place)) == 1:
            return True
        name, old = TYPE_FIELD[self.parent], self.parts[place]
        own, rest = (
            old.model_copy(
                update={
                    name: tuple(c for c in getattr(old, name) if (c.value == item.type) is ours)
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
