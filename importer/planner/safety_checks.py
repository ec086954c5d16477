"""Safety checks: find plans that change more of Alma's users than a usual load.

They look at matched users only; creating users is what a load is for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from importer.model.plan import ChangeKind, SafetyCheck, Unchanged, Update
from importer.model.run import FailedCheck
from importer.planner.values import current

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from importer.model.plan import SafetyLimit, SafetyLimits, Step


def safety_checks(
    steps: Iterable[Step], limits: SafetyLimits, groups: Collection[str]
) -> tuple[FailedCheck, ...]:
    """Return the safety checks that a plan fails; the steps are read once.

    `groups` are the codes of the user groups that the mapping gives; a user of another one who
    keeps that group is as the mapping wants it. A user who does not change counts for no check.
    """
    changed = matched = 0
    removals = renames = foreign = 0
    given = frozenset(group.casefold() for group in ("", *groups))
    for step in steps:
        match step:
            case Update():
                changed += 1
                removals += _removes(step)
                renames += any(
                    change.path == "last_name" and change.kind is not ChangeKind.ADD
                    for change in step.changes
                )
                before, after = (current(u, "user_group") for u in (step.before, step.after))
                foreign += before != after and before.casefold() not in given
            case Unchanged():
                matched += 1
            case _:
                pass
    matched += changed
    found = (
        _finding(SafetyCheck.MANY_CHANGES, limits.many_changes, changed, matched, "would change"),
        _finding(
            SafetyCheck.REMOVALS, limits.removals, removals, matched, "would lose a list entry"
        ),
        _finding(
            SafetyCheck.RENAMES, limits.renames, renames, matched, "would get another last name"
        ),
        _finding(
            SafetyCheck.FOREIGN_GROUP,
            limits.foreign_group,
            foreign,
            matched,
            "would leave a user group that the mapping does not give",
        ),
    )
    return tuple(finding for finding in found if finding is not None)


def _removes(step: Update) -> bool:
    """Return whether an entry of one of Alma's lists is removed; a cleared field is no entry."""
    return any(
        change.kind is ChangeKind.REMOVE and change.path.endswith("]") for change in step.changes
    )


def _finding(
    check: SafetyCheck, limit: SafetyLimit, concerned: int, matched: int, what: str
) -> FailedCheck | None:
    if concerned <= limit.count or concerned * 100 <= limit.percent * matched:
        return None
    sentence = f"{concerned} of {matched} known users {what}"
    return FailedCheck(check=check, concerned=concerned, matched=matched, sentence=sentence)
