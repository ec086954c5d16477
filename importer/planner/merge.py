"""The record to send: a new user's, or Alma's record with the fields that the mapping names.

Alma's PUT replaces the whole record (contract 3.1), so an update sends Alma's own record with the
mapped fields changed. Fields that the mapping does not name are not looked at.

An address, email or phone replaces Alma's entry of the same type in our segment (the preferred
one, if there are several), an identifier replaces the only one of its type, and everything else
stays: in the entry, and in the list. A new user's list is merged with an empty one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from importer.model.candidates import ROLE_END, RecordLayout
from importer.model.fields import IDS, LISTS, OVERRIDE_NAMES, TYPE_FIELD, OnUpdate
from importer.model.plan import Change, KeepOldId
from importer.model.text import full_match
from importer.model.user import AccountType, Coded, Part, Segment, User, UserIdentifier, UserNote
from importer.planner.borrowing import with_patron_role
from importer.planner.drafts import DraftEntry, DraftUser
from importer.planner.entries import (
    CONTACT,
    CORE,
    FLAGS,
    ONLY_ADDED,
    PREFERRED,
    coded,
    current,
    entries,
    equal,
    flagged,
    main_field,
    same_id,
    same_text,
    to_field,
    types,
    with_entries,
    with_value,
)
from importer.planner.patch import (
    Edit,
    changed_fields,
    changed_lists,
    changed_names,
    changes,
    list_edits,
)

SET_ELSEWHERE = frozenset({"segment_type", "preferred", "preferred_sms", "start_date"})
"""Set by other rules; Alma changes start dates by itself (contract 3.1)."""


@dataclass(frozen=True, slots=True)
class Known:
    """What the lists of a known user depend on, beside the row.

    `account` and `primary_id` are those after the update. `adopts`: the user becomes External, and
    entries of Alma that the row has too move to the row's segment. `lines`: by a label of an entry
    of the row, the entry of Alma that it replaces, None if it is added; where neither is known, the
    types decide.
    """

    account: AccountType
    primary_id: str | None
    adopts: bool
    lines: Mapping[str, Part | None]


class ListMerge:
    """One list of a user, merged with the row's entries: with all of them for a new user.

    First each entry that Alma does not have is written. Then each finds its entry again, in the
    list as it is then, and by that the rest is decided: what else goes, and which entry is
    preferred. None of it changes which entries are found, so the next load has nothing to do.
    """

    def __init__(
        self, parent: str, draft: DraftUser, live: Sequence[Part], known: Known | None
    ) -> None:
        """Merge the row; `known` is None for a new user."""
        self.parent, self.live, self.draft = parent, live, draft
        self.account = draft.layout.account_type if known is None else known.account
        self.adopts = known is not None and known.adopts
        self.lines = {} if known is None else known.lines
        self.owned = draft.sets_whole_list(parent)
        self.parts = list(live)  # Alma's entries, then those that are added
        self.taken = set[int]()  # the places of those that the row has
        self.not_written = set[str]()  # types of entries that only new users get
        self.items = [
            item for entry in draft.entries(parent) if (item := self._written(entry, known))
        ]
        matched = self._matched()
        self._write(matched)
        if self.adopts or self.parts != [*live]:
            self.adopts = False
            matched = self._matched()
        self.edits = self._result(matched)

    def _written(self, item: DraftEntry, known: Known | None) -> DraftEntry | None:
        """Return what is written of an entry; None if nothing is."""
        if known is None:
            return item
        if self.parent == IDS and same_id(item.values["value"], known.primary_id):
            return None  # Alma takes no value twice (contract 3.2)
        written = item.for_known_users()
        if written is None:
            self.not_written.update(item.types)
        return written

    def _write(self, matched: Sequence[int | None]) -> None:
        missing = list[DraftEntry]()
        for item, place in zip(self.items, matched, strict=True):
            if place is None:
                missing.append(item)
                continue
            if is_kept_up(item):
                if place not in self.taken:
                    self._revise(place, item)
                missing += [] if matches(item, self.parts[place]) else [item]
            self.taken.add(place)
        # an ID that is written may free the value of another, which Alma has under another type
        while ready := [item for item in missing if not self._is_had(item)]:
            missing.remove(ready[0])
            self.taken.add(self._place(ready[0]))

    def _result(self, matched: Sequence[int | None]) -> list[Edit]:
        """Return the edits of the list, in which the row's entries have these places."""
        pairs = zip(self.items, matched, strict=True)
        there = [(item, place) for item, place in pairs if place is not None]
        self.taken.clear()
        for item, place in there:
            if is_kept_up(item) and place not in self.taken:
                self._revise(place, lasting(item))
            self.taken.add(place)
        gone = {at for at in range(len(self.parts)) if self._goes(at)}
        if self.items or gone:
            added = range(len(self.live), len(self.parts))
            wanted = [(item, at) for item, at in there if is_kept_up(item) or at in added]
            self._prefer([at for at in range(len(self.parts)) if at not in gone], wanted)
        olds = (*self.live, *(None for _ in self.parts[len(self.live) :]))
        news = (None if at in gone else part for at, part in enumerate(self.parts))
        edits = (Edit(old, new) for old, new in zip(olds, news, strict=True))
        return [edit for edit in edits if edit.old or edit.new]

    def _matched(self) -> list[int | None]:
        """Return the place of each entry of the row, None for one that the list lacks.

        One that says no more than an earlier one shares its place. Else it is one that no earlier
        one found, if possible; of these one of our segment, and of these one without other types: a
        row may have an address both for one and for two types.
        """
        matched = list[int | None]()
        compared = [*map(lasting, self.items)]
        for number, entry in enumerate(compared):
            fitting = (
                (at in matched, not self._is_ours(at, entry), not self._has_only(at, entry), at)
                for at, part in enumerate(self.parts)
                if matches(entry, part)
            )
            shared = (matched[at] for at in range(number) if covers(compared[at], entry))
            matched.append(next(shared, min(fitting, default=(None,))[-1]))
        return matched

    def _is_had(self, item: DraftEntry) -> bool:
        """Return whether the user keeps the ID under another type, so that it only finds the user.

        Alma takes no value twice (contract 3.2).
        """
        return self.parent == IDS and any(
            same_id(item.values["value"], current(part, "value")) and not self._goes(at)
            for at, part in enumerate(self.parts[: len(self.live)])
        )

    def _place(self, item: DraftEntry) -> int:
        """Write an entry in the place of another, or at the end; return its place.

        An entry that was written since may have the same values.
        """
        for at, part in enumerate(self.parts):
            if matches(item, part):
                return at
        if not is_kept_up(item) or self.parent in ONLY_ADDED:
            for at in self._free(item):
                if self._replaces(at, item):
                    self.parts[at] = new_entry(item, self.account)
                    return at
        elif (old := self._replaced(item)) is not None and self._release(old, item):
            self._revise(old, item)
            return old
        self.parts.append(new_entry(item, self.account))
        return len(self.parts) - 1

    def _free(self, item: DraftEntry) -> list[int]:
        """Return the places of Alma's entries that an entry of the row might replace."""
        every = range(len(self.live))
        return [at for at in every if at not in self.taken and self._is_ours(at, item)]

    def _is_ours(self, at: int, item: DraftEntry) -> bool:
        ours = our_segment(item.parent, self.account, item.segment)
        return self.adopts or segment(self.parts[at], self.account) == ours

    def _has_only(self, at: int, item: DraftEntry) -> bool:
        return {*types(self.parent, self.parts[at])} <= {*item.types}

    def _replaces(self, at: int, item: DraftEntry) -> bool:
        """Return whether the row's entry takes the place of this one by its `replaces`."""
        return not {*item.entry.replaces}.isdisjoint(types(self.parent, self.parts[at]))

    def _replaced(self, item: DraftEntry) -> int | None:
        """Return the place of the entry that a row's entry replaces, if there is one.

        It is the one that belongs to its line, where loads of the user are remembered. Else it is
        one of its types without others, if possible; of these one with most of the row's types. An
        entry without a type, such as a proxy, replaces none.
        """
        if not item.types:
            return None
        parent, parts, free = self.parent, self.parts, self._free(item)
        own = [part for label, part in self.lines.items() if label in item.entry.labels]
        if own and parent != IDS:
            return next((at for at in free if self.live[at] is own[0]), None)
        others = {id(part) for part in self.lines.values()} - {id(part) for part in own}
        shared = {at: {*item.types}.intersection(types(parent, parts[at])) for at in free}
        free = [at for at in free if shared[at] and id(self.live[at]) not in others]
        if self.owned:
            free = [at for at in free if self._has_only(at, item)]
        if parent == IDS:  # a lost card stays one: the new card is another
            free = [at for at in free if current(self.live[at], "status") != "INACTIVE"]
            if item.entry.on_update is not OnUpdate.REPLACE_ALL:
                every = [
                    part
                    for at, part in enumerate(self.live)
                    if self._is_ours(at, item)
                    and current(part, "status") != "INACTIVE"
                    and not {*item.types}.isdisjoint(types(parent, part))
                ]
                return free[0] if len(every) == 1 and free else None

        def rank(at: int) -> tuple[bool, int, bool]:
            is_preferred = getattr(self.live[at], PREFERRED, False)
            return not self._has_only(at, item), -len(shared[at]), not is_preferred

        return min(free, key=rank, default=None)

    def _release(self, at: int, item: DraftEntry) -> bool:
        """Adjust the types of an entry that is to be replaced; return whether it may be replaced.

        An entry with other types too only loses those of the row, so that its other uses stay,
        unless another entry has those types and the same values.
        """
        name, old = TYPE_FIELD[item.parent], self.parts[at]
        if self._has_only(at, item) or len(types(item.parent, old)) == 1:
            return True
        own, rest = (
            old.model_copy(
                update={
                    name: tuple(c for c in getattr(old, name) if (c.value in item.types) is ours)
                }
            )
            for ours in (True, False)
        )
        served = any(equal(item.parent, rest, other) for other in self.parts if other is not old)
        self.parts[at] = own if served else rest
        return served

    def _revise(self, at: int, entry: DraftEntry) -> None:
        """Update an entry with the row's values; what the mapping does not name stays.

        If the core changes, it is another address or number, so mapped fields that are blank in
        the row become blank; otherwise a blank leaves Alma's value. Notes and statistics stay.
        """
        parent, part = self.parent, self.parts[at]
        if not self._is_ours(at, entry) or (parent in ONLY_ADDED and parent != "user_block"):
            return
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
        if self.adopts and isinstance(part, Segment):
            ours = our_segment(parent, self.account, entry.segment)
            part = part.model_copy(update={"segment_type": ours})
        self.parts[at] = part

    def _goes(self, at: int) -> bool:
        """Return whether an entry that the row does not have is removed.

        That is each in our segment if the row sets the whole list, one that `remove` names, and
        one that an entry of the row replaces.
        """
        part = self.parts[at]
        if at in self.taken:
            return False
        kinds, owner = types(self.parent, part), segment(part, self.account)
        if self.owned and self.not_written.isdisjoint(kinds):
            asked = {item.segment for item in self.items} or {""}
            if owner in {our_segment(self.parent, self.account, name) for name in asked}:
                return True
        return any(
            self._replaces(at, item) and self._is_ours(at, item) for item in self.items
        ) or is_removed(self.draft.layout, self.parent, self.account, part)

    def _prefer(self, left: Sequence[int], wanted: Sequence[tuple[DraftEntry, int]]) -> None:
        """Give each flag to one entry of those that are left; `wanted` are the row's.

        The flag goes to the entry that the row marks; else it stays where Alma has it, of several
        places an Internal one, because a librarian chose it (contract 3.1); else, `preferred` only,
        it goes to the row's first entry without it refused, or to the first that is there. An
        External entry never takes it from an Internal one, which only the library sets.
        """
        owners = {at: segment(self.parts[at], self.account) for at in left}
        for flag in FLAGS.get(self.parent, ()):
            held = [at for at in left if getattr(self.parts[at], flag)]
            internal = [at for at in held if owners[at] == "Internal"]
            marked = [
                at
                for item, at in wanted
                if item.values.get(flag) == "true" and not (internal and owners[at] == "External")
            ]
            free = [at for item, at in wanted if item.values.get(flag) != "false"]
            first = (*free, *left[:1]) if flag == PREFERRED else ()
            chosen = next(iter((*marked, *internal, *held, *first)), None)
            for at in left:
                self.parts[at] = flagged(self.parts[at], flag, on=at == chosen)


def is_kept_up(item: DraftEntry) -> bool:
    """Return whether an update changes Alma's entry by the row's, not only adds one."""
    return item.entry.on_update is not OnUpdate.ADD


def lasting(item: DraftEntry) -> DraftEntry:
    """Return an entry as every load compares it."""
    return item.compared or item


def has_core(item: DraftEntry, part: Part) -> bool:
    """Return whether an entry of the record has the core of the row's entry."""
    return all(
        same_text(name, value, current(part, name))
        for name in CORE[item.parent]
        if (value := item.values.get(name))
    )


def covers(item: DraftEntry, other: DraftEntry) -> bool:
    """Return whether an entry of the row says all that another one says."""
    return {*other.types} <= {*item.types} and all(
        same_text(name, value, item.values.get(name, ""))
        for name in CORE[other.parent]
        if (value := other.values.get(name))
    )


def matches(item: DraftEntry, part: Part) -> bool:
    """Return whether an entry of the record has everything that the row's entry has."""
    return {*item.types} <= {*types(item.parent, part)} and has_core(item, part)


def is_removed(layout: RecordLayout, parent: str, account: AccountType, part: Part) -> bool:
    """Return whether `remove` takes an entry that no row has. Raises MappingError if too slow."""
    return segment(part, account) == our_segment(parent, account, "") and any(
        (not removal.type or removal.type in types(parent, part))
        and (not removal.pattern or full_match(removal.pattern, current(part, main_field(parent))))
        for removal in layout.removals
        if removal.parent == parent
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


def our_segment(parent: str, account: AccountType, asked: str) -> str:
    """Return the segment of a new entry: the one that is asked for, else the account type's."""
    if not issubclass(LISTS[parent], Segment):
        return ""
    return (account is AccountType.EXTERNAL and asked) or account.segment


def new_entry(item: DraftEntry, account: AccountType) -> Part:
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


def entries_after(edits: Iterable[Edit]) -> tuple[Part, ...]:
    """Return the entries of a list after its edits."""
    return tuple(edit.new for edit in edits if edit.new is not None)


SET_APART = frozenset({"record_type", "primary_id", "account_type", "external_id", "password"})
"""Fields that no update changes like the others: see `merge`."""


def new_user(draft: DraftUser) -> User:
    """Return the body to post: the row's values and the account type's own fields, no blanks.

    Addresses, emails and phones each get exactly one preferred entry. There is no password in it:
    a plan must not store one.
    """
    layout = draft.layout
    fields: dict[str, object] = {
        target.field.name: to_field(target.field, text)
        for target in layout.scalars
        if (text := draft.values.get(target.label))
        and target.field.name not in SET_APART - {"primary_id"}
    }
    fields["record_type"] = coded(layout.record_type)
    fields["account_type"] = coded(layout.account_type.value)
    if layout.account_type is AccountType.EXTERNAL:
        fields["external_id"] = draft.values.get("external_id", "")
    lists = {
        parent: entries_after(ListMerge(parent, draft, (), None).edits) for parent in layout.parents
    }
    user = User.model_validate(fields)
    return with_entries(user, {parent: parts for parent, parts in lists.items() if parts})


@dataclass(frozen=True, slots=True)
class Merged:
    """The record as it will be, its changes, and the protected fields to override.

    Without changes, `after` is Alma's record itself.
    """

    after: User
    changes: tuple[Change, ...] = ()
    override: tuple[str, ...] = ()


def merge(
    draft: DraftUser,
    live: User,
    *,
    rename: bool,
    convert: bool,
    keep_old_id: KeepOldId | None,
    overrides: Collection[str],
    institution: str,
    lines: Mapping[str, Part | None],
) -> Merged:
    """Return Alma's record with the row's values; removals come first in the changes.

    `rename`: the
    user gets the row's primary ID, and keeps the old one as `keep_old_id` asks for. `convert`: an
    Internal user becomes External if the mapping is. `overrides`: fields and lists that Alma is to
    take although it protects them, beside those of the mapping. `institution`: of a new Patron
    role, "" to add none. `lines`: as in `Known`.
    """
    update: dict[str, object] = {}
    if rename and draft.primary_id and not same_id(draft.primary_id, live.primary_id):
        update["primary_id"] = draft.primary_id
    external = AccountType.EXTERNAL
    ours, theirs = draft.layout.account_type, current(live, "account_type")
    converts = convert and ours is external and theirs != external  # never back (contract 1.2)
    if converts:
        update["account_type"] = Coded(value=external.value)
        update["external_id"] = draft.values.get("external_id", "")
    after = live.model_copy(update=update) if update else live
    kinds = {kind.value: kind for kind in AccountType}
    account = kinds.get(current(after, "account_type"), ours)
    override: list[str] = []
    for target in draft.layout.scalars:
        name = target.field.name
        if name in SET_APART or target.label not in draft.values:
            continue
        was, value = current(live, name), draft.values[target.label]
        will = resolve_value(target.on_update, name, was, value)
        if will != was:
            after = with_value(after, target.field, will)
            wanted = target.override or name in overrides
            if target.field.facts.sticky and (wanted or not will):
                override.append(name)
    expiry, scope = (draft.values.get(f"patron_role.{name}", "") for name in ("expiry", "scope"))
    after = with_patron_role(after, expiry, scope, institution)

    known = Known(account, after.primary_id, converts, lines)
    lists: dict[str, list[Edit]] = {}
    for parent in draft.layout.parents:
        merging = ListMerge(parent, draft, entries(live, parent), known)
        if any(edit.changes for edit in merging.edits):
            lists[parent] = merging.edits
            wanted = parent in overrides or any(item.override for item in merging.items)
            if parent in OVERRIDE_NAMES and (wanted or not entries_after(merging.edits)):
                override.append(OVERRIDE_NAMES[parent])
    if not same_id(after.primary_id, live.primary_id):
        ids = lists.get(IDS) or [Edit(part, part) for part in entries(live, IDS)]
        lists[IDS] = _other_ids(live, after, ids, keep_old_id)
    if not (differs := changes(live, after, lists)):
        return Merged(live)
    made = with_entries(after, {name: entries_after(edits) for name, edits in lists.items()})
    return Merged(made, differs, tuple(override) if account is external else ())


def unless_by_day(merged: Merged, draft: DraftUser, beside: Collection[str], live: User) -> Merged:
    """Return the record, or Alma's if it differs only in what depends on the day of the load.

    That is no reason for an update: the columns `beside`, and in lists what has a run variable.
    """
    after = merged.after
    by_day = bool(merged.changes) and (
        (live.user_role == after.user_role or ROLE_END in beside)
        and {*beside}.issuperset(changed_fields(live, after))
        and all(
            _list_changes_by_day(draft, parent, beside, list_edits(parent, *pair))
            for parent, pair in changed_lists(live, after).items()
        )
    )
    return Merged(live) if by_day else merged


def _list_changes_by_day(
    draft: DraftUser, parent: str, beside: Collection[str], edits: Iterable[Edit]
) -> bool:
    """Return whether entries of a list change only so.

    An entry that is all by day takes the place of those of its types, and may take their mark.
    """
    items = [item for item in draft.entries(parent) if item.for_known_users() is not None]
    passing = [(item, item.passing(beside)) for item in items]
    whole = {kind for item, names in passing if names >= item.targets.keys() for kind in item.types}
    marks = {
        flag
        for item, names in passing
        for flag in names.intersection(FLAGS.get(parent, ()))
        if item.values.get(flag) == "true"
    }

    def is_by_day(old: Part | None, new: Part | None) -> bool:
        if new is None:
            return old is not None and not whole.isdisjoint(types(parent, old))
        fitting = [
            (names, item.targets.keys() - names) for item, names in passing if matches(item, new)
        ]
        if fitting and not any(lasting for _, lasting in fitting):
            return True
        names = marks.union(*(names for names, lasting in fitting if lasting))
        return old is not None and names.issuperset(changed_names(old, new))

    return all(is_by_day(*edit) for edit in edits if edit.changes)


def _other_ids(
    before: User, after: User, ids: Iterable[Edit], keep: KeepOldId | None
) -> list[Edit]:
    """Return the identifiers of a user whose primary ID changes.

    The new one may have been one of them, and Alma takes no value twice (contract 3.2). The old
    one is kept in the Internal segment, where no SIS load removes it.
    """
    edits = [
        Edit(old, None if new and same_id(current(new, "value"), after.primary_id) else new)
        for old, new in ids
    ]
    value = current(before, "primary_id")
    has_old = any(same_id(current(part, "value"), value) for part in entries_after(edits))
    if keep is not None and not has_old:
        kept = UserIdentifier(
            segment_type=AccountType.INTERNAL.segment,
            id_type=Coded(value=keep.type),
            value=value,
            status=keep.status,
        )
        edits.append(Edit(None, kept))
    return [edit for edit in edits if edit.old or edit.new]


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
