"""Undo one write: reverse what it changed, on the record as it is now.

Only what the write itself changed is put back, and only if Alma still has it as it was written.
What others changed since then stays.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial

from importer.model.fields import LISTS, text
from importer.model.plan import Change, Unchanged, Update, Written
from importer.model.user import AccountType, Part, User
from importer.planner.borrowing import merge_roles
from importer.planner.entries import (
    comparable,
    compared_fields,
    current,
    entries,
    pairing,
    same_entries,
    same_id,
    with_entries,
    with_fields,
)
from importer.planner.merge import OVERRIDE_NAMES, STICKY
from importer.planner.patch import Conflict, apply, diff, differences, invert, rebase


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
    before = written.before
    if made_external(before, live):
        before = with_fields(before, live, ("account_type", "external_id"))
    patch = rebase(invert(diff(before, _as_kept(written))), live)
    theirs, patch = (patch.paths, patch.rest) if isinstance(patch, Conflict) else ((), patch)
    after = apply(patch, live)
    primary_id, ids = current(live, "primary_id"), entries(after, "user_identifier")
    others = ids
    if not same_id(primary_id, after.primary_id):  # Alma takes no value twice (contract 3.2)
        others = tuple(one for one in ids if not same_id(current(one, "value"), after.primary_id))
        after = with_entries(after, {"user_identifier": others})
    if not (found := differences(live, after)):
        return Undone(Unchanged(row, primary_id), theirs)
    override = _override(written, live, after, found)
    own = len(others) == len(ids)  # nothing goes but what the update added
    return Undone(Update(row, primary_id, live, after, found, override, takes_back=own), theirs)


def as_created(sent: User, answered: User | None, live: User) -> bool:
    """Return whether a user is still as it was created: nobody changed or added anything.

    A change of the roles shows, too, that someone worked on the user.
    """
    stored = answered or sent
    kept = with_entries(stored, {p: _echo(p, sent, stored) for p in LISTS})
    return comparable(kept) == comparable(live) and all(
        same_entries(entries(kept, name), entries(live, name)) for name in (*LISTS, "user_role")
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
    patch = diff(before, sent)
    lists = {parent: _echo(parent, sent, answered) for parent in patch.lists}
    kept = with_entries(with_fields(before, answered, patch.fields), lists)
    return merge_roles(before, sent, kept) or kept


def _echo(parent: str, sent: User, answered: User) -> tuple[Part, ...]:
    """Return our entries of a list as Alma answered them, with what it filled in.

    Other entries of the answer are left out: they are not ours.
    """
    there, own = entries(answered, parent), entries(sent, parent)
    pairs = pairing(
        own,
        there,
        lambda one, other: _shape(one) == _shape(other),
        lambda one, other: _shape(one).items() <= _shape(other).items(),
    )
    return tuple(
        own[at] if found is None else there[found] for at, found in pairs if at is not None
    )


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
