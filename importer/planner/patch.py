"""What a write changes in a record: found, carried over to a record that others changed, undone.

A list of a record is a keyed set: an entry is known by its types, its segment and its value.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import NamedTuple, TypeAlias

from importer.model.fields import LISTS, OVERRIDE_NAMES, ROLE, STICKY, text
from importer.model.plan import Change, ChangeKind, Image, Unchanged, Update
from importer.model.user import AccountType, RecordPart, User
from importer.planner.borrowing import merge_roles, role_changes, roles_kept
from importer.planner.entries import (
    CORE,
    FLAGS,
    ONLY_ADDED,
    PREFERRED,
    Fits,
    comparable,
    compared_fields,
    current,
    entries,
    equal,
    flagged,
    main_field,
    main_value,
    normal,
    pairing,
    path,
    same,
    same_entries,
    same_id,
    types,
    with_entries,
    with_fields,
)

Entries: TypeAlias = "tuple[tuple[RecordPart, ...], tuple[RecordPart, ...]]"
"""The entries of a list before and after a write."""


def changed_fields(before: User, after: User) -> list[str]:
    """Return the fields in which two records differ outside their lists."""
    names = compared_fields(User)
    return [name for name in names if current(before, name) != current(after, name)]


def changed_lists(before: User, after: User) -> dict[str, Entries]:
    """Return the lists in which two records differ; what Alma writes by itself does not count."""
    lists = {name: (entries(before, name), entries(after, name)) for name in LISTS}
    return {name: pair for name, pair in lists.items() if not same_entries(*pair)}


def carried_over(before: User, after: User, live: User) -> tuple[User, tuple[str, ...]]:
    """Return a record with what a write changes, and the paths that somebody else changed, too.

    What the write changes must be in `live` as it was before, or already as it is after; everything
    else may differ. A scalar field can conflict, each entry of a list, and the flags of a list;
    what conflicts stays as it is. With `before` and `after` exchanged, a write is undone.
    """
    wanted = [
        name
        for name in changed_fields(before, after)
        if current(live, name) != current(after, name)
    ]
    unchanged = [name for name in wanted if current(live, name) == current(before, name)]
    conflicts = [name for name in wanted if name not in unchanged]
    lists: dict[str, tuple[RecordPart, ...]] = {}
    for parent, (old, new) in changed_lists(before, after).items():
        parts, paths = _list_carried_over(parent, old, new, entries(live, parent))
        conflicts += paths
        if not same_entries(entries(live, parent), parts):
            lists[parent] = parts
    with_roles = merge_roles(before, after, live)
    if with_roles is None:
        conflicts.append(ROLE)
    record = with_fields(with_roles or live, after, unchanged)
    return with_entries(record, lists), tuple(dict.fromkeys(conflicts))


# one list


class Edit(NamedTuple):
    """An entry before and after a write; None before if it is added, after if it is removed."""

    old: RecordPart | None
    new: RecordPart | None

    @property
    def part(self) -> RecordPart:
        """The entry before, or the one that is added."""
        part = self.old or self.new
        assert part is not None  # noqa: S101  an edit has one of them
        return part

    @property
    def changes(self) -> bool:
        """Whether the entry does not stay as it is."""
        return self.old is None or self.new is None or not same(self.old, self.new)


def changed_names(old: RecordPart, new: RecordPart) -> list[str]:
    """Return the compared fields in which two entries differ."""
    was, will = comparable(old), comparable(new)
    return [name for name in {**was, **will} if was.get(name) != will.get(name)]


def _key(parent: str, part: RecordPart) -> tuple[frozenset[str], str, str]:
    """Return the types of an entry, its segment, and its value; "" where it has none."""
    name = main_field(parent)
    value = normal(name, current(part, name)) if CORE[parent] else ""
    return frozenset(types(parent, part)), getattr(part, "segment_type", None) or "", value


def _alike(parent: str, depth: int) -> Fits:
    """Return the rule that two entries have the first parts of their keys in common."""
    return lambda one, other: _key(parent, one)[:depth] == _key(parent, other)[:depth]


def list_edits(
    parent: str, before: Sequence[RecordPart], after: Sequence[RecordPart]
) -> list[Edit]:
    """Return the entries of two lists in pairs: those that are there before, then added ones.

    So an entry of which only the mark changed is not one that was removed.
    """
    alike = (_alike(parent, depth) for depth in (3, 2, 1))
    return [
        Edit(None if at is None else before[at], None if then is None else after[then])
        for at, then in pairing(before, after, same, *alike)
    ]


def _list_carried_over(
    parent: str,
    before: Sequence[RecordPart],
    after: tuple[RecordPart, ...],
    live: tuple[RecordPart, ...],
) -> tuple[tuple[RecordPart, ...], list[str]]:
    """Return a list as it is now with the edits of a write, and the paths of conflicts."""
    if same_entries(live, before):
        return after, []
    edits = list_edits(parent, before, after)
    made = [Edit(part, part) for part in live]
    theirs: dict[int, RecordPart] = {}
    gone: list[Edit] = []
    for at, number in pairing(live, before, same):
        if number is None and at is not None:
            theirs[at] = live[at]
        elif at is None and number is not None:
            gone.append(edits[number])
        elif at is not None and number is not None and edits[number].changes:
            made[at] = Edit(live[at], edits[number].new)
    conflicts: list[str] = []
    open_: list[Edit] = []
    for edit in (*gone, *(edit for edit in edits if edit.old is None)):
        if counterpart := _counterpart(parent, edit, theirs):
            at, part = counterpart
            made[at] = Edit(theirs.pop(at), part)
        else:
            open_ += [edit] if edit.changes else []
    for edit in open_:
        if not _is_free(parent, edit, theirs.values()):
            conflicts.append(path(parent, edit.part))
        elif edit.old is None:
            made.append(edit)
    made, disputed = _with_flags(parent, made, after)
    parts = tuple(edit.new for edit in made if edit.new is not None)
    return parts, [*conflicts, *disputed]


def _with_flags(
    parent: str, made: list[Edit], after: Iterable[RecordPart]
) -> tuple[list[Edit], list[str]]:
    """Return the edits of a list with each flag once, and the paths of flags that conflict."""
    conflicts = []
    for flag in FLAGS.get(parent, ()):
        marks = [bool(getattr(edit.new, flag, False)) for edit in made]
        wanted = sum(bool(getattr(part, flag)) for part in after)
        if sum(marks) > max(wanted, 1):
            conflicts.append(f"{parent}.{flag}")
            marks = [bool(getattr(edit.old, flag, False)) for edit in made]
        elif flag == PREFERRED and wanted and not any(marks):  # the one that it prefers is gone
            stay = [at for at, edit in enumerate(made) if edit.new]
            held = [at for at in stay if getattr(made[at].old, flag, False)]
            marks = [at in (held or stay)[:1] for at in range(len(made))]
        made = [
            Edit(edit.old, edit.new and flagged(edit.new, flag, on=on))
            for edit, on in zip(made, marks, strict=True)
        ]
    return made, conflicts


def _counterpart(
    parent: str, edit: Edit, theirs: Mapping[int, RecordPart]
) -> tuple[int, RecordPart] | None:
    """Return the place of the entry of `theirs` that an edit is about now, and what it becomes.

    Somebody made the same edit, added an equal entry, or changed other fields of the entry. One
    with another core, such as another street, is another entry.
    """
    old, new = edit
    if new is None or not edit.changes:
        return None
    for at, part in theirs.items():
        settled = old is None and parent != "library_notice" and equal(parent, new, part)
        if settled or same(part, new):
            return at, part
    if old is None:
        return None
    was, will, takes_place = comparable(old), comparable(new), _alike(parent, 2)
    ours = changed_names(old, new)
    rivals = [(at, part) for at, part in theirs.items() if takes_place(part, old)]
    for at, part in sorted(rivals, key=lambda rival: _key(parent, rival[1]) != _key(parent, old)):
        held = comparable(part)
        if all(
            held.get(name) in {was.get(name), will.get(name)} for name in (*ours, *CORE[parent])
        ):
            return at, part.model_copy(update={name: getattr(new, name, None) for name in ours})
    return None


def _is_free(parent: str, edit: Edit, theirs: Iterable[RecordPart]) -> bool:
    """Return whether an edit whose entry is not there can be made, or need not be any more.

    Who wrote something of its type and segment since may have meant the same entry.
    """
    if edit.old is not None and edit.new is not None:
        return False
    takes_place, is_added = _alike(parent, 2), edit.old is None and parent in ONLY_ADDED
    return is_added or not any(takes_place(part, edit.part) for part in theirs)


# in words


def differences(before: User, after: User) -> tuple[Change, ...]:
    """Return how a record differs from another, value by value, removals first."""
    lists = {name: list_edits(name, *pair) for name, pair in changed_lists(before, after).items()}
    return changes(before, after, lists)


def changes(before: User, after: User, lists: Mapping[str, Iterable[Edit]]) -> tuple[Change, ...]:
    """Return how a record differs from another whose `lists` have these edits, removals first."""
    every = [
        *(
            _change(name, current(before, name), current(after, name))
            for name in changed_fields(before, after)
        ),
        *role_changes(before, after),
        *(
            change
            for parent, edits in lists.items()
            for edit in edits
            for change in _entry_changes(parent, edit)
        ),
    ]
    return tuple(sorted(every, key=lambda change: change.kind is not ChangeKind.REMOVE))


def _change(where: str, old: str, new: str) -> Change:
    kind = ChangeKind.REPLACE if old and new else ChangeKind.ADD if new else ChangeKind.REMOVE
    return Change(kind, where, old, new)


def _entry_changes(parent: str, edit: Edit) -> Iterator[Change]:
    """Yield how an entry differs: field by field, or as a whole if it was added or removed."""
    old, new = edit
    if old is None or new is None:
        was, will = (main_value(parent, part) if part is not None else "" for part in (old, new))
        yield _change(path(parent, edit.part), was, will)
        return
    olds, news, where = comparable(old), comparable(new), path(parent, old)
    for name in dict.fromkeys((*compared_fields(type(new)), *olds, *news)):
        if olds.get(name) != news.get(name):
            blank = "false" if isinstance(getattr(new, name, None), bool) else ""
            place = where if name == main_field(parent) else f"{where}.{name}"
            texts = olds.get(name, blank), news.get(name, blank)
            yield Change(ChangeKind.REPLACE if texts[0] else ChangeKind.ADD, place, *texts)


# what Alma kept

_NOT_ANSWERED = frozenset({"pin_number", "force_password_change"})
"""Alma may answer these otherwise than they were sent (contract 1.2)."""
_COMPARED_FLAGS = ("preferred", "preferred_sms", "user_viewable", "popup_note", "value")


def same_as_sent(sent: User, reply: User, before: User | None) -> tuple[str, ...]:
    """Return the paths that Alma keeps otherwise than they were sent; none if all is as sent.

    With `before`, Alma's record from before an update, only what `sent` changes in it counts;
    without it, the user was created and all of `sent` counts. Left out is what Alma decides by
    itself: see `compared_fields`, and the PIN, which it need not answer. Codes are compared
    without case.
    """
    was = before or User()
    ours, theirs = comparable(sent, fold_codes=True), comparable(reply, fold_codes=True)
    differing = [
        name
        for name in changed_fields(was, sent)
        if name not in _NOT_ANSWERED and ours.get(name) != theirs.get(name)
    ]
    if roles_kept(sent, reply, before):
        differing.append(ROLE)
    for parent, (old, new) in changed_lists(was, sent).items():
        differing += _not_as_sent(parent, old, new, entries(reply, parent))
    return tuple(dict.fromkeys(differing))


def _not_as_sent(
    parent: str,
    before: Sequence[RecordPart],
    sent: Sequence[RecordPart],
    reply: Sequence[RecordPart],
) -> Iterator[str]:
    """Yield the paths of entries that Alma did not store, and of those that it did not remove."""
    others = []
    is_stored = partial(_is_stored, (*CORE[parent], *_COMPARED_FLAGS))
    for at, stored in pairing(sent, reply, is_stored):
        if at is None and stored is not None:
            others.append(_shape(reply[stored]))
        elif at is not None and stored is None:
            yield path(parent, sent[at])
    for at, kept in pairing(before, sent, lambda one, other: _shape(one) == _shape(other)):
        if at is not None and kept is None and _shape(before[at]) in others:
            yield path(parent, before[at])


def _shape(part: RecordPart) -> Mapping[str, str]:
    """Return an entry's fields without its segment, which Alma sets by its own rules."""
    held = comparable(part, fold_codes=True)
    return {name: shown for name, shown in held.items() if name != "segment_type"}


def _is_stored(exact: Iterable[str], sent: RecordPart, reply: RecordPart) -> bool:
    """Return whether one of Alma's entries has all values of one that was sent.

    In the `exact` fields it has no more than that: Alma fills in others, such as a status.
    """
    ours, theirs = _shape(sent), _shape(reply)
    return ours.items() <= theirs.items() and all(
        ours.get(name) == theirs.get(name) for name in exact
    )


# undo: what a write changed is put back where Alma still has it as written, and nothing else


def made_external(before: User, live: User) -> bool:
    """Return whether a user was Internal and is External, which the API cannot reverse."""
    kinds = current(before, "account_type"), current(live, "account_type")
    return kinds == (AccountType.INTERNAL, AccountType.EXTERNAL)


def undo_update(row: int, written: Image, live: User) -> tuple[Update | Unchanged, tuple[str, ...]]:
    """Return the step that puts back each field and entry that Alma still has as written.

    Also the paths that someone changed since, which stay as they are. A user who was made External
    stays External.
    """
    before = written.was
    if made_external(before, live):
        before = with_fields(before, live, ("account_type", "external_id"))
    after, theirs = carried_over(_as_kept(written), before, live)
    primary_id, ids = current(live, "primary_id"), entries(after, "user_identifier")
    others = ids
    if not same_id(primary_id, after.primary_id):  # Alma takes no value twice (contract 3.2)
        others = tuple(
            entry for entry in ids if not same_id(current(entry, "value"), after.primary_id)
        )
        after = with_entries(after, {"user_identifier": others})
    if not (changed := differences(live, after)):
        return Unchanged(row, primary_id), theirs
    override = _override(written, live, after, changed)
    takes_back = len(others) == len(ids)  # nothing goes but what the update added
    return Update(row, primary_id, live, after, changed, override, takes_back=takes_back), theirs


def as_created(sent: User, reply: User | None, live: User) -> bool:
    """Return whether a user is still as it was created: nobody changed or added anything.

    A change of the roles shows, too, that someone worked on the user.
    """
    stored = reply or sent
    kept = with_entries(stored, {p: _echo(p, sent, stored) for p in LISTS})
    return comparable(kept) == comparable(live) and all(
        same_entries(entries(kept, name), entries(live, name)) for name in (*LISTS, "user_role")
    )


def _as_kept(written: Image) -> User:
    """Return the record before the update with what the update changed, as Alma shows it."""
    before, sent, reply = written.was, written.sent, written.after
    lists = {parent: _echo(parent, sent, reply) for parent in changed_lists(before, sent)}
    kept = with_entries(with_fields(before, reply, changed_fields(before, sent)), lists)
    return merge_roles(before, sent, kept) or kept


def _echo(parent: str, sent: User, reply: User) -> tuple[RecordPart, ...]:
    """Return our entries of a list as they are in Alma's reply, with what it filled in.

    Other entries of the reply are left out: they are not ours.
    """
    stored, ours = entries(reply, parent), entries(sent, parent)
    shape = partial(comparable, fold_codes=True)
    pairs = pairing(
        ours,
        stored,
        lambda one, other: shape(one) == shape(other),
        lambda one, other: shape(one).items() <= shape(other).items(),
    )
    return tuple(ours[at] if kept is None else stored[kept] for at, kept in pairs if at is not None)


def _override(
    written: Image, live: User, after: User, changes: Iterable[Change]
) -> tuple[str, ...]:
    """Return the sticky fields to override.

    Those that the update overrode, and those that become blank, which Alma refuses otherwise
    (contract 3.1). That is allowed: Alma still has what we wrote.
    """
    if current(live, "account_type") != AccountType.EXTERNAL:
        return ()
    changed = dict.fromkeys(change.path.partition("[")[0] for change in changes)
    return tuple(
        known
        for name in changed
        if (known := OVERRIDE_NAMES.get(name, name)) in written.override
        or (name in STICKY and not text(getattr(after, name)))
    )
