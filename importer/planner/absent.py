"""People in Alma who are missing from a roster: who counts, what changes, and the way back.

Nobody outside the groups that the mapping names is touched, nothing is deleted, and who has expired
already has left before.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING

from importer.model.fields import LISTS
from importer.model.plan import Planned, Unchanged, Update
from importer.model.user import AccountType, User
from importer.planner.decide import update
from importer.planner.entries import compared_fields, current, entries, same_entries, with_entries
from importer.planner.merge import merge
from importer.planner.undo import Written, differences, undo_update

if TYPE_CHECKING:
    from importer.model.plan import Match
    from importer.planner.drafts import DraftUser
    from importer.planner.sticky import Memory

HISTORY = frozenset({"user_note"})
"""Lists whose new entries stay when a person is back: they say what happened."""


@dataclass(frozen=True, slots=True)
class Among:
    """The users whom a roster is expected to have; codes without case, no `owners` for any."""

    account_type: AccountType
    groups: frozenset[str]
    owners: frozenset[str] = frozenset()

    def has(self, user: User) -> bool:
        """Return whether the user is one of them."""
        owner = current(user, "external_id").casefold()
        return (
            current(user, "account_type") == self.account_type
            and current(user, "user_group").casefold() in self.groups
            and (not self.owners or owner in self.owners)
        )


def has_expired(user: User, today: date) -> bool:
    """Return whether the user has left before: the expiry date has passed."""
    return user.expiry_date is not None and user.expiry_date < today


def leave(draft: DraftUser, live: User, match: Match, memory: Memory) -> Planned:
    """Return the step that changes a user who is missing from the roster.

    An expiry date is only brought forward.
    """
    expires, wanted = current(live, "expiry_date"), draft.values.get("expiry_date", "")
    if expires and wanted > expires:
        draft = replace(draft, values={**draft.values, "expiry_date": ""})
    return update(draft, live, match, memory)


def left(before: User, sent: User, answered: User) -> Written:
    """Return what is remembered of a user who left: only what the change was about."""
    names = [name for name in compared_fields(User) if current(before, name) != current(sent, name)]
    parents = [
        parent
        for parent in LISTS
        if parent not in HISTORY
        and not same_entries(entries(before, parent), entries(sent, parent))
    ]
    return Written(*(_part(user, names, parents) for user in (before, sent, answered)))


def _part(user: User, names: list[str], parents: list[str]) -> User:
    fields = {name: getattr(user, name) for name in names}
    part = User.model_construct(_fields_set=set(names), **fields)
    return with_entries(part, {parent: entries(user, parent) for parent in parents})


def come_back(draft: DraftUser, live: User, written: Written, planned: Planned) -> Planned:
    """Return the step for a row whose person left before: that is taken back, then the row counts.

    What someone changed in Alma since then stays.
    """
    undone = undo_update(draft.row, written, live).step
    if not isinstance(undone, Update):
        return planned
    merged = merge(draft, undone.after)
    changes = differences(live, merged.after)
    override = tuple(dict.fromkeys((*undone.override, *merged.override)))
    primary_id = current(live, "primary_id")
    step = (
        Update(draft.row, primary_id, live, merged.after, changes, override)
        if changes
        else Unchanged(draft.row, primary_id)
    )
    return replace(planned, step=step)
