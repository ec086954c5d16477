"""Safety checks: find plans that change more of Alma's users than a usual load.

They look at matched users only; creating users is what a load is for. Each is one line of `CHECKS`.
With each step the ledger has the checks that it concerns; what fails is counted from there.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

from importer.model.fields import IDS, ROLE, STICKY, text
from importer.model.plan import (
    Change,
    ChangeKind,
    SafetyCheck,
    SafetyLimit,
    SafetyLimits,
    Update,
)
from importer.model.text import is_absent


@dataclass(frozen=True, slots=True)
class Counted:
    """An update, the user groups that the mapping gives, and whether it clears a hidden PIN.

    `groups`: of `folded_groups`; a user of another one who keeps that group is as the mapping wants
    it.
    """

    step: Update
    groups: Collection[str]
    loses_pin: bool


@dataclass(frozen=True, slots=True)
class Check:
    """One safety check; without one of its parts there is none.

    `sentence`: what would become of the users whom it
    counts. `holds_undo`: whether an undo stops, too; not where that is what an undo is for: it
    changes every user of the run back to their old groups. `concerns`: which updates it counts.
    """

    name: SafetyCheck
    sentence: str
    holds_undo: bool
    concerns: Callable[[Counted], bool]

    def fails(self, limits: SafetyLimits, concerned: int, matched: int) -> str:
        """Return a sentence with the figures if the check fails, else "".

        `concerned`: how many users it counts, of those who are `matched`.
        """
        limit: SafetyLimit = getattr(limits, self.name.replace("-", "_"))
        if concerned <= limit.count or concerned * 100 <= limit.percent * matched:
            return ""
        most = max(limit.count, int(limit.percent * matched / 100))
        of = f"{concerned:,} of {matched:,} users who are in Alma already"
        return f"{of} {self.sentence}; the limit is {most:,}"


_DATES = frozenset({"expiry_date", "purge_date", ROLE, f"{ROLE}.expiry_date"})
"""What a renewal moves to a later date."""


def _changes_more_than_dates(update: Counted) -> bool:
    """A renewal, which only moves dates to later ones, is what a load is for."""
    changes = update.step.changes
    renews = all(change.path in _DATES and change.new > change.old for change in changes)
    return not is_absent(update.step.row) and not renews


def _removes(update: Counted) -> bool:
    """A cleared field is no removed entry, nor is an identifier that becomes the primary ID."""
    now = update.step.after.id_key
    return not update.step.takes_back and any(
        change.kind is ChangeKind.REMOVE
        and change.path.endswith("]")
        and not (change.path.startswith(IDS) and change.old.casefold() == now)
        for change in update.step.changes
    )


def _changes_last_name(update: Counted) -> bool:
    """Who had no last name gets no other update."""
    changes = update.step.changes
    return any(it.path == "last_name" and it.kind is not ChangeKind.ADD for it in changes)


def _leaves_foreign_group(update: Counted) -> bool:
    before, after = (text(user.user_group) for user in (update.step.before, update.step.after))
    return before != after and before.casefold() not in update.groups


def _replaces_at_first(update: Counted) -> bool:
    """Staff may have chosen what it replaces, and where no load is remembered nobody knows."""
    first = update.step.first_load and not is_absent(update.step.row)
    return first and any(map(_is_chosen, update.step.changes))


def _is_chosen(change: Change) -> bool:
    """Return whether a change replaces an ID, a preferred mark or a protected field."""
    path = change.path.partition("[")[0]
    chosen = path in {"primary_id", IDS, *STICKY} or change.path.endswith(".preferred")
    return chosen and change.kind is not ChangeKind.ADD


CHECKS = (
    Check(
        SafetyCheck.MANY_CHANGES,
        "would change",
        holds_undo=False,
        concerns=_changes_more_than_dates,
    ),
    Check(
        SafetyCheck.REMOVALS,
        "would lose a list entry",
        holds_undo=True,
        concerns=_removes,
    ),
    Check(
        SafetyCheck.RENAMES,
        "would get another last name",
        holds_undo=True,
        concerns=_changes_last_name,
    ),
    Check(
        SafetyCheck.FOREIGN_GROUP,
        "would leave a user group that the mapping does not give",
        holds_undo=False,
        concerns=_leaves_foreign_group,
    ),
    Check(
        SafetyCheck.FIRST_CONTACT,
        "never loaded before would get another ID, preferred mark or protected field",
        holds_undo=True,
        concerns=_replaces_at_first,
    ),
    Check(
        SafetyCheck.PINS,
        "would lose their PINs, which this Alma does not show",
        holds_undo=True,
        concerns=lambda update: update.loses_pin,
    ),
    Check(
        SafetyCheck.ABSENT,
        "would change because they are missing from the roster",
        holds_undo=False,
        concerns=lambda update: is_absent(update.step.row),
    ),
)
"""All safety checks, in the order in which they are listed."""

if (
    not [check.name for check in CHECKS]
    == [*SafetyCheck]
    == [name.replace("_", "-") for name in SafetyLimits.model_fields]
):
    msg = "each SafetyCheck has a line of CHECKS, in order, and a field of SafetyLimits"
    raise TypeError(msg)


def concerned(update: Counted) -> tuple[SafetyCheck, ...]:
    """Return the safety checks that an update counts for."""
    return tuple(check.name for check in CHECKS if check.concerns(update))


def folded_groups(groups: Iterable[str]) -> tuple[str, ...]:
    """Return the codes of user groups without case, and blank for a user without update."""
    return tuple(sorted({group.casefold() for group in ("", *groups)}))
