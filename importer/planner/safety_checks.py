"""Safety checks: find plans that change more of Alma's users than a usual load.

They look at matched users only; creating users is what a load is for.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from importer.model.plan import ChangeKind, SafetyCheck, Unchanged, Update
from importer.model.run import FailedCheck
from importer.model.text import is_absent
from importer.planner.borrowing import ROLE
from importer.planner.entries import current, same_id

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from importer.model.plan import Change, SafetyLimit, SafetyLimits, Step

_SENTENCES = {
    SafetyCheck.MANY_CHANGES: "would change",
    SafetyCheck.REMOVALS: "would lose a list entry",
    SafetyCheck.RENAMES: "would get another last name",
    SafetyCheck.FOREIGN_GROUP: "would leave a user group that the mapping does not give",
    SafetyCheck.ABSENT: "would change because they are missing from the roster",
}


def safety_checks(
    steps: Iterable[Step], limits: SafetyLimits, groups: Collection[str]
) -> tuple[FailedCheck, ...]:
    """Return the safety checks that a plan fails; the steps are read once.

    `groups` are the codes of the user groups that the mapping gives; a user of another one who
    keeps that group is as the mapping wants it. A user who does not change counts for no check.
    """
    matched = 0
    counts: Counter[SafetyCheck] = Counter()
    given = frozenset(group.casefold() for group in ("", *groups))
    for step in steps:
        matched += isinstance(step, Update | Unchanged)
        if isinstance(step, Update):
            counts.update(_fires(step, given))
    failed = []
    for check, what in _SENTENCES.items():
        limit: SafetyLimit = getattr(limits, check.replace("-", "_"))
        concerned = counts[check]
        if concerned > limit.count and concerned * 100 > limit.percent * matched:
            sentence = f"{concerned} of {matched} known users {what}"
            failed.append(
                FailedCheck(check=check, concerned=concerned, matched=matched, sentence=sentence)
            )
    return tuple(failed)


def _fires(step: Update, given: Collection[str]) -> Iterator[SafetyCheck]:
    """Yield the checks that an update counts for.

    A renewal, which only moves dates to later ones, is what a load is for. A cleared field is no
    removed entry, nor is an identifier that becomes the primary ID.
    """
    if is_absent(step.row):
        yield SafetyCheck.ABSENT
    elif not all(_renews(change) for change in step.changes):
        yield SafetyCheck.MANY_CHANGES
    removed = (c for c in step.changes if c.kind is ChangeKind.REMOVE and c.path.endswith("]"))
    lost = any(not same_id(change.old, step.after.primary_id) for change in removed)
    if lost and not step.returns:
        yield SafetyCheck.REMOVALS
    if any(c.path == "last_name" and c.kind is not ChangeKind.ADD for c in step.changes):
        yield SafetyCheck.RENAMES
    before, after = (current(user, "user_group") for user in (step.before, step.after))
    if before != after and before.casefold() not in given:
        yield SafetyCheck.FOREIGN_GROUP


_DATES = frozenset({"expiry_date", "purge_date", ROLE, f"{ROLE}.expiry_date"})


def _renews(change: Change) -> bool:
    """Return whether a change moves a date of the membership to a later one, or sets it."""
    return change.path in _DATES and change.new > change.old
