"""The fate of each row before anything is sent."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from importer.ledger.journal import RESOLVED_ADVICE
from importer.model.decisions import NAME
from importer.model.plan import Fate
from importer.model.problem import Code, Origin, Problem, Severity
from importer.model.text import RowId, is_whole_roster


@dataclass(frozen=True, slots=True)
class Answered:
    """An earlier answer to the question whether a row is the same person as another one.

    `sentence` says who answered what; `loads`: whether the row is loaded.
    """

    sentence: str
    loads: bool = True


@dataclass(frozen=True, slots=True)
class Decided:
    """Each row's fate, in row order, and all problems with the severities that result.

    `missing`: by row, the problems that hold it only if Alma has no such user.
    """

    fates: Mapping[int, Fate]
    problems: tuple[Problem, ...]
    missing: Mapping[int, tuple[Problem, ...]]

    def rows(self, *fates: Fate) -> frozenset[int]:
        """The rows with one of these fates."""
        return frozenset(row for row, fate in self.fates.items() if fate in fates)


def decide_fates(
    rows: Mapping[int, Fate],
    problems: Iterable[Problem],
    *,
    answers: Mapping[int, Answered],
    only_new: Sequence[Collection[str]],
) -> Decided:
    """Decide the fate of each row.

    `rows`: all rows of the run, in order; blank and skipped ones stay so, ready ones may change.
    `answers`: by row, an earlier answer to the question whether it is the same person as another
    row. `only_new`: by roster, the fields that only a new user needs, before users are looked up;
    none if they are not looked up.
    Problems stay in their order; a problem of a whole roster is kept once.

    1. A row that the `duplicates` rule does not keep is skipped; its other problems are warnings.
    2. A row with a rejecting problem is rejected, unless it lacks only what a new user needs. So it
       waits, before users are looked up, with a question about its name.
    3. A row with a problem that needs review is for review, unless the questions that hold it were
       answered before; a row that a person dismissed is rejected.
    """
    found: defaultdict[int, list[Problem]] = defaultdict(list)
    for problem in problems:
        found[problem.origin.row].append(problem)
    for row in filter(is_whole_roster, found):
        found[row] = list(dict.fromkeys(found[row]))
    fates, missing = dict(rows), {}
    for row, fate in rows.items():
        if fate is not Fate.READY or row not in found:
            continue
        own, answer = found[row], answers.get(row)
        if any(problem.code is Code.SKIPPED_DUPLICATE for problem in own):
            fates[row], found[row] = Fate.SKIPPED, [as_warning(problem, None) for problem in own]
            continue
        lacking = []
        if only_new:
            needed = only_new[RowId.of(row).roster]
            lacking = [problem for problem in own if _depends_on_user(problem, needed)]
        decided = _answered([problem for problem in own if problem not in lacking], answer)
        if lacking and worst(decided) is Fate.READY:
            missing[row] = tuple(lacking)
        else:
            decided = _answered(own, answer)
        fates[row], found[row] = worst(decided), decided
    return Decided(fates, tuple(problem for own in found.values() for problem in own), missing)


_MISSING = frozenset({Code.MISSING_VALUE, Code.MISSING_EMPL_ID})


def _depends_on_user(problem: Problem, needed: Collection[str]) -> bool:
    """Return whether a problem holds its row only if Alma has no such user, or another name."""
    missing = problem.field in needed and problem.code in _MISSING
    return problem.severity.holds and (missing or problem.code in {Code.PURGE_PAST, *NAME})


def worst(problems: Iterable[Problem]) -> Fate:
    """Return the fate of a row by the gravest of its problems."""
    severities = {problem.severity for problem in problems}
    if Severity.REJECT in severities:
        return Fate.REJECTED
    return Fate.REVIEW if Severity.REVIEW in severities else Fate.READY


def as_warning(problem: Problem, answer: str | None) -> Problem:
    """Return the problem as a warning that holds nothing back.

    `answer` is what a person decided about it, "" if another problem says that; None if nobody did.
    """
    if not problem.severity.holds:
        return problem
    message = f"{problem.message}; {answer}" if answer else problem.message
    advice = problem.advice if answer is None else RESOLVED_ADVICE
    return replace(problem, severity=Severity.WARNING, message=message, advice=advice)


def _answered(problems: list[Problem], answer: Answered | None) -> list[Problem]:
    """Return the problems with the question about the same person answered, if it was."""
    if answer is None or worst(problems) is not Fate.REVIEW:
        return problems
    answered = [
        as_warning(problem, answer.sentence if answer.loads else "")
        if problem.code is Code.DUPLICATE_PERSON and problem.severity is Severity.REVIEW
        else problem
        for problem in problems
    ]
    origin = problems[0].origin
    return answered if answer.loads else [*answered, dismissed(origin, answer.sentence)]


def dismissed(origin: Origin, sentence: str) -> Problem:
    """Return the problem that rejects a row which a person decided not to send."""
    return Problem.of(
        Code.RESOLVED,
        origin,
        sentence,
        advice="No action needed. To send it after all, run `importer resolve` again.",
        severity=Severity.REJECT,
    )
