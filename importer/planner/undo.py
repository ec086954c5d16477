"""Undo one write: reverse what it changed, on the record as it is now.

Only what the write itself changed is put back, and only if Alma still has it as it was written.
What others changed since then stays.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from importer.model.fields import LISTS, text
from importer.model.plan import Change, ChangeKind, Unchanged, Update, Written
from importer.model.user import AccountType, User
from importer.planner.borrowing import merge_roles, role_changes
from importer.planner.entries import (
    changed_fields,
    changed_lists,
    comparable,
    compared_fields,
    current,
    entries,
    list_changes,
    paired,
    same_entries,
    same_id,
    scalar_changes,
    with_entries,
    with_fields,
    without,
)
from importer.planner.merge import OVERRIDE_NAMES, STICKY
from importer.planner.three_way import Conflict, list_edits, three_way

if TYPE_CHECKING:
    from collections.abc import Iterable

    from importer.model.user import Part

_ALL_LISTS = (*LISTS, "user_role")
"""Also the roles; a change in any of them shows that someone worked on the user."""


@dataclass(frozen=True, slots=True)
class Undone:
    """The step that puts back what it can, and the paths that someone changed since."""

    step: Update | Unchanged
    theirs: tuple[str, ...] = ()


def made_external(before: User, live: User) -> bool:
    """Return whether a user was Internal and is External, which the API cannot reverse."""
    kinds = current(before, "account_type"), current(live, "account_type")
    return kinds == (AccountType.INTERNAL, AccountType.EXTERNAL)


def undo_update(row: int, written: Written, live: User) -> Undone:
    """Return the step that puts back each field and entry that Alma still has as written.

    A user who was made External stays External.
    """
    put = _as_kept(written)
    target = written.before
    if made_external(target, live):
        target = with_fields(target, live, ("account_type", "external_id"))
    theirs: dict[str, None] = {}
    while isinstance(merged := three_way(put, target, live, skip=theirs), Conflict):
        theirs |= dict.fromkeys(merged.paths)
    primary_id = current(live, "primary_id")
    if not same_id(primary_id, merged.primary_id):  # Alma takes no value twice (contract 3.2)
        ids = entries(merged, "user_identifier")
        others = (one for one in ids if not same_id(current(one, "value"), merged.primary_id))
        merged = with_entries(merged, {"user_identifier": tuple(others)})
    changes = differences(live, merged)
    if not changes:
        return Undone(Unchanged(row, primary_id), tuple(theirs))
    override = _override(written, live, merged, changes)
    own = not any(_removed_of_others(parent, put, written.before, live, merged) for parent in LISTS)
    step = Update(row, primary_id, live, merged, changes, override, takes_back=own)
    return Undone(step, tuple(theirs))


def _removed_of_others(parent: str, put: User, before: User, live: User, after: User) -> list[Part]:
    """Return the entries of a list that would go although the update did not add them."""
    added = without(entries(put, parent), entries(before, parent))
    edits = list_edits(parent, entries(live, parent), entries(after, parent))
    return without((old for old, new in edits if old is not None and new is None), added)


def differences(old: User, new: User) -> tuple[Change, ...]:
    """Return how a record differs from another, removals first."""
    changes = [*scalar_changes(old, new), *role_changes(old, new)]
    for parent in LISTS:
        edits = list_edits(parent, entries(old, parent), entries(new, parent))
        changes += list_changes(parent, edits)
    changes.sort(key=lambda change: change.kind is not ChangeKind.REMOVE)
    return tuple(changes)


def as_created(sent: User, answered: User | None, live: User) -> bool:
    """Return whether a user is still as it was created: nobody changed or added anything."""
    stored = answered or sent
    kept = with_entries(stored, {p: _echo(p, sent, stored) for p in LISTS})
    return comparable(kept) == comparable(live) and all(
        same_entries(entries(kept, name), entries(live, name)) for name in _ALL_LISTS
    )


def created_again(before: User) -> User:
    """Return the body that creates a deleted user again, without roles and password.

    Alma gives roles to a new user by its own rules (contract 3.1); passwords are not stored.
    """
    wanted = {*compared_fields(User), *LISTS, "contact_info"}
    there = [name for name in before.model_fields_set & wanted if getattr(before, name) is not None]
    return with_fields(User(), before, there)


def _as_kept(written: Written) -> User:
    """Return the record before the update with what the update changed, as Alma shows it."""
    before, sent = written.before, written.sent
    answered = written.answered or sent
    lists = {parent: _echo(parent, sent, answered) for parent in changed_lists(before, sent)}
    kept = with_entries(with_fields(before, answered, changed_fields(before, sent)), lists)
    return merge_roles(before, sent, kept) or kept


def _echo(parent: str, sent: User, answered: User) -> tuple[Part, ...]:
    """Return our entries of a list as Alma answered them, with what it filled in.

    Other entries of the answer are left out: they are not ours.
    """
    pairs = paired(
        entries(answered, parent),
        entries(sent, parent),
        lambda there, own: _shape(own).items() <= _shape(there).items(),
        lambda there, own: _shape(own) == _shape(there),
    )
    return tuple(there or own for there, own in pairs if own is not None)


_shape = partial(comparable, fold_codes=True)


def _override(
    written: Written, live: User, after: User, changes: Iterable[Change]
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
