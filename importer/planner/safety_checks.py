"""Safety checks: find plans that change more of Alma's users than a usual load.

They look at matched users only; creating users is what a load is for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import starmap

from importer.alma.facts import KnownFacts
from importer.model.plan import (
    Change,
    ChangeKind,
    Held,
    Planned,
    SafetyCheck,
    SafetyLimit,
    SafetyLimits,
    Step,
    Unchanged,
    Update,
)
from importer.model.problem import Code, Origin, Problem
from importer.model.run import CheckCounts, FailedCheck, ResolvedChecks, RunFacts
from importer.model.text import RowId, is_absent
from importer.model.user import AccountType
from importer.planner.borrowing import ROLE
from importer.planner.entries import STICKY, current, same_id
from importer.planner.merge import IDS

_MANY_PERCENT, _MANY = 5, 5
"""More rows than both of these whose IDs find other people: the column itself may be wrong."""


def many_other_people(planned: Iterable[Planned], origin: Origin) -> Iterator[Problem]:
    """Report a roster of which very many rows find other people, or people born on another day."""
    matched = others = 0
    for one in planned:
        held = one.step.problems if isinstance(one.step, Held) else ()
        codes = {problem.code for problem in (*held, *one.warnings)}
        strange = bool(codes & {Code.ANOTHER_PERSON, Code.ANOTHER_BIRTH_DATE})
        matched += strange or isinstance(one.step, Update | Unchanged)
        others += strange
    if others > _MANY and others * 100 > _MANY_PERCENT * matched:
        message = f"{others:,} of {matched:,} known IDs find another person, or another birth date"
        yield Problem.of(Code.MANY_OTHER_PEOPLE, origin, message)


_SENTENCES = {
    SafetyCheck.MANY_CHANGES: "would change",
    SafetyCheck.REMOVALS: "would lose a list entry",
    SafetyCheck.RENAMES: "would get another last name",
    SafetyCheck.FOREIGN_GROUP: "would leave a user group that the mapping does not give",
    SafetyCheck.FIRST_CONTACT: (
        "never loaded before would get another ID, preferred mark or protected field"
    ),
    SafetyCheck.PINS: "would lose their PINs, which this Alma does not show",
    SafetyCheck.ABSENT: "would change because they are missing from the roster",
}


LosesPin = Callable[[Update], bool | None]
"""`loses_pin` for one Alma and one way of writing."""


def count_step(step: Step, given: Collection[str], loses: LosesPin) -> CheckCounts:
    """Return what the safety checks count of a step; a user who does not change concerns none.

    `given`: the user groups that the mapping gives, of `folded_groups`; a user of another one who
    keeps that group is as the mapping wants it.
    """
    if not isinstance(step, Update):
        return CheckCounts(matched=isinstance(step, Unchanged))
    concerned = dict.fromkeys(_fires(step, given), 1)
    if loses(step):
        concerned[SafetyCheck.PINS] = 1
    return CheckCounts(matched=1, concerned=concerned)


def folded_groups(groups: Iterable[str]) -> frozenset[str]:
    """Return the codes of user groups without case, and blank for a user without one."""
    return frozenset(group.casefold() for group in ("", *groups))


def summed(
    counts: Iterable[CheckCounts], groups: Collection[str], gone: Iterable[CheckCounts] = ()
) -> CheckCounts:
    """Return the counts of a roster, whose mapping gives these groups, less those that are gone."""
    matched, concerned = 0, Counter[SafetyCheck]()
    for one in counts:
        matched += one.matched
        concerned.update(one.concerned)
    for one in gone:
        matched -= one.matched
        concerned.subtract(one.concerned)
    return CheckCounts(matched=matched, concerned=concerned, groups=tuple(sorted(groups)))


def count_steps(
    steps: Iterable[Step], groups: Sequence[Collection[str]], loses: LosesPin
) -> tuple[CheckCounts, ...]:
    """Return what the safety checks count of a plan, by roster; otherwise as `count_step`."""
    own: list[list[CheckCounts]] = [[] for _ in groups]
    given = [*map(folded_groups, groups)]
    for step in steps:
        at = RowId.of(step.row).roster
        own[at].append(count_step(step, given[at], loses))
    return tuple(starmap(summed, zip(own, groups, strict=True)))


def with_checks(
    facts: RunFacts,
    steps: Iterable[Step],
    groups: Sequence[Collection[str]],
    known: KnownFacts,
) -> RunFacts:
    """Return the facts of a plan with its safety checks; otherwise as `count_step`.

    `known`: what is known of this Alma.
    """
    counts = count_steps(steps, groups, partial(loses_pin, known=known, sis=bool(facts.sis)))
    failed = failed_checks(counts, _limits_of(facts))
    return facts.model_copy(update={"check_counts": counts, "failed_checks": failed})


def _limits_of(facts: RunFacts) -> list[SafetyLimits]:
    """Return the limits of a plan by roster, those of its mapping.

    An undo changes every user of the run back to their old groups, which is what it is for, so
    `many-changes`, `foreign-group` and `absent` do not apply to it.
    """
    own = [mapping.safety_limits for _, mapping in facts.rosters]
    if facts.command != "undo":
        return own
    off = SafetyLimit(percent=100, count=0)
    unlimited = dict.fromkeys(("many_changes", "foreign_group", "absent"), off)
    return [one.model_copy(update=unlimited) for one in own]


def with_resolved(
    facts: RunFacts,
    before: ResolvedChecks | None,
    row: int,
    step: Step | None,
    replaced: Step | None,
    known: KnownFacts,
) -> ResolvedChecks:
    """Return the safety checks of a plan with a row that was resolved, without a step if rejected.

    An answer may be about many rows, so they count as if the plan had known it. `before`: with the
    rows that were resolved before. `replaced`: the step that the plan has for the row, if any.
    `known`: what is known of this Alma.
    """
    loses = partial(loses_pin, known=known, sis=bool(facts.sis))
    before = before or ResolvedChecks(failed=())
    counts, gone = {**before.counts}, {**before.replaced}
    given = folded_groups(facts.check_counts[RowId.of(row).roster].groups)
    was_resolved = counts.pop(row, None) is not None
    if replaced is not None and not was_resolved:
        gone[row] = count_step(replaced, given, loses)
    if step is not None:
        counts[row] = count_step(step, given, loses)
    every = [
        summed((own, *_of_roster(at, counts)), own.groups, _of_roster(at, gone))
        for at, own in enumerate(facts.check_counts)
    ]
    failed = failed_checks(every, _limits_of(facts))
    return ResolvedChecks(counts=counts, replaced=gone, failed=failed)


def _of_roster(at: int, counts: Mapping[int, CheckCounts]) -> list[CheckCounts]:
    return [one for row, one in counts.items() if RowId.of(row).roster == at]


def failed_checks(
    counts: Sequence[CheckCounts], limits: Sequence[SafetyLimits]
) -> tuple[FailedCheck, ...]:
    """Return the safety checks that a plan fails, each roster by the limits of its mapping."""
    found = []
    for number, (own, limits_of) in enumerate(zip(counts, limits, strict=True), start=1):
        name = f"Roster {number}: " if len(limits) > 1 else ""
        for check, what in _SENTENCES.items():
            limit: SafetyLimit = getattr(limits_of, check.replace("-", "_"))
            concerned = own.concerned.get(check, 0)
            if concerned > limit.count and concerned * 100 > limit.percent * own.matched:
                most = max(limit.count, int(limit.percent * own.matched / 100))
                sentence = f"{name}{concerned:,} of {own.matched:,} known users {what}; "
                sentence += f"at most {most:,} are expected" if most else "the mapping allows none"
                found.append(
                    FailedCheck(
                        check=check, concerned=concerned, matched=own.matched, sentence=sentence
                    )
                )
    return tuple(found)


def _fires(step: Update, given: Collection[str]) -> Iterator[SafetyCheck]:
    """Yield the checks that an update counts for.

    A renewal, which only moves dates to later ones, is what a load is for. A cleared field is no
    removed entry, nor is an identifier that becomes the primary ID.
    """
    if is_absent(step.row):
        yield SafetyCheck.ABSENT
    elif not all(one.path in _DATES and one.new > one.old for one in step.changes):
        yield SafetyCheck.MANY_CHANGES
    gone = (change for change in step.changes if change.kind is ChangeKind.REMOVE)
    removed = (change for change in gone if change.path.endswith("]"))
    lost = any(
        not (change.path.startswith(IDS) and same_id(change.old, step.after.primary_id))
        for change in removed
    )
    if lost and not step.takes_back:
        yield SafetyCheck.REMOVALS
    if any(c.path == "last_name" and c.kind is not ChangeKind.ADD for c in step.changes):
        yield SafetyCheck.RENAMES
    before, after = (current(user, "user_group") for user in (step.before, step.after))
    if before != after and before.casefold() not in given:
        yield SafetyCheck.FOREIGN_GROUP
    if step.first_load and not is_absent(step.row) and any(map(_replaces, step.changes)):
        yield SafetyCheck.FIRST_CONTACT


def is_of(step: Update, kind: AccountType) -> bool:
    """Return whether the user of an update has this account type in Alma."""
    return current(step.before, "account_type") == kind.value


def loses_pin(step: Update, known: KnownFacts, *, sis: bool) -> bool | None:
    """Return whether an update clears a PIN that Alma has and does not show (contract 3.1).

    `sis`: Alma's SIS load makes it. None where that depends on what is not known.
    """
    if step.after.pin_number:
        return False
    return known.loses_pins(internal=is_of(step, AccountType.INTERNAL), sis=sis)


def _replaces(change: Change) -> bool:
    """Return whether a change replaces an ID, a preferred mark or a protected field.

    Staff may have chosen these, and where no load is remembered that is not known.
    """
    if change.kind is ChangeKind.ADD:
        return False
    path = change.path.partition("[")[0]
    return path in {"primary_id", IDS, *STICKY} or change.path.endswith(".preferred")


_DATES = frozenset({"expiry_date", "purge_date", ROLE, f"{ROLE}.expiry_date"})
"""What a renewal moves to a later date."""
