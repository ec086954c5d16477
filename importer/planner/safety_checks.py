"""What the safety checks count of an update, and whether an update clears a PIN."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace

from importer.alma.facts import KnownFacts
from importer.model.plan import Planned, Unchanged, Update
from importer.model.problem import Code, Origin, Problem
from importer.model.safety_checks import Counted, concerned
from importer.model.user import AccountType
from importer.planner.entries import current

_MANY_PERCENT, _MANY = 5, 5
"""More rows than both of these whose IDs find other people: the column itself may be wrong."""


def many_other_people(planned: Iterable[Planned], origin: Origin) -> Iterator[Problem]:
    """Report a roster of which very many rows find other people, or people born on another day."""
    matched = others = 0
    for row in planned:
        codes = {problem.code for problem in (*row.held_by, *row.warnings)}
        strange = bool(codes & {Code.ANOTHER_PERSON, Code.ANOTHER_BIRTH_DATE})
        matched += strange or isinstance(row.step, Update | Unchanged)
        others += strange
    if others > _MANY and others * 100 > _MANY_PERCENT * matched:
        message = f"{others:,} of {matched:,} known IDs find another person, or another birth date"
        yield Problem.of(Code.MANY_OTHER_PEOPLE, origin, message)


def checked(
    planned: Planned, origin: Origin, groups: Collection[str], known: KnownFacts, *, sis: bool
) -> Planned:
    """Return an update with the safety checks that count it; any other step as it is.

    With a warning where it clears a PIN that Alma is known to hide. `groups`: those that the
    mapping gives, of `folded_groups`. `known` and `sis`: of `loses_pin`.
    """
    step, warnings = planned.step, planned.warnings
    if not isinstance(step, Update):
        return planned
    loses = bool(loses_pin(step, known, sis=sis))
    step = replace(step, checks=concerned(Counted(step, groups, loses)))
    if loses:
        message = "the update clears the PIN, if the user has one"
        cleared = Problem.of(Code.PIN_CLEARED, origin, message, field="pin_number")
        warnings = (*warnings, cleared)
    return replace(planned, step=step, warnings=warnings)


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
