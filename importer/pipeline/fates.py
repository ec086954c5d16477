"""The fate of each row before anything is sent. It is decided here and nowhere else."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from importer.ledger.resolutions import Answer, Resolution
from importer.model.catalogue import Code, Severity
from importer.model.plan import Fate
from importer.model.problem import Problem
from importer.pipeline.resolutions import dismissed


@dataclass(frozen=True, slots=True)
class Decided:
    """Each row's fate, in row order, and all problems with the severities that result."""

    fates: Mapping[int, Fate]
    problems: tuple[Problem, ...]

    @property
    def ready(self) -> frozenset[int]:
        """The rows that are ready."""
        return self.rows(Fate.READY)

    def rows(self, *fates: Fate) -> frozenset[int]:
        """The rows with one of these fates."""
        return frozenset(row for row, fate in self.fates.items() if fate in fates)


def decide_fates(
    rows: Mapping[int, Fate],
    problems: Iterable[Problem],
    resolutions: Mapping[int, Resolution] | None = None,
) -> Decided:
    """Decide the fate of each row.

    `rows`: all rows of the roster, in order; blank and skipped ones stay so, ready ones may change.
    `resolutions`: by row, an earlier answer to the question whether it is the same person as
    another row. Problems stay in their order; a problem of the whole roster (row 0) is kept once.

    1. A row that the `duplicates` rule does not keep is skipped; its other problems are warnings.
    2. A row with a rejecting problem is rejected.
    3. A row with a problem that needs review is for review, unless the questions that hold it were
       answered before; a row that a person dismissed is rejected.
    """
    found: defaultdict[int, list[Problem]] = defaultdict(list)
    for problem in problems:
        found[problem.origin.row].append(problem)
    found[0] = list(dict.fromkeys(found[0]))
    fates = dict(rows)
    for row, fate in rows.items():
        if fate is not Fate.READY or row not in found:
            continue
        own = found[row]
        if any(problem.code is Code.SKIPPED_DUPLICATE for problem in own):
            fates[row], found[row] = Fate.SKIPPED, [_as_warning(problem) for problem in own]
            continue
        if resolutions and row in resolutions and _worst(own) is Fate.REVIEW:
            found[row] = own = _resolved(own, resolutions[row])
        fates[row] = _worst(own)
    return Decided(fates, tuple(problem for own in found.values() for problem in own))


def _worst(problems: Iterable[Problem]) -> Fate:
    """Return the fate of a row by the gravest of its problems."""
    severities = {problem.severity for problem in problems}
    if Severity.REJECT in severities:
        return Fate.REJECTED
    return Fate.REVIEW if Severity.REVIEW in severities else Fate.READY


def _as_warning(problem: Problem, told: str = "") -> Problem:
    """Return the problem as a warning that holds nothing back, with what was decided about it."""
    if not problem.severity.holds:
        return problem
    message = f"{problem.message}; {told}" if told else problem.message
    return replace(problem, severity=Severity.WARNING, message=message)


def _resolved(problems: list[Problem], decision: Resolution) -> list[Problem]:
    """Return the problems with the question about the same person answered."""
    dismiss = decision.answer is Answer.REJECT
    told = "" if dismiss else decision.sentence
    answered = [
        _as_warning(problem, told)
        if problem.code is Code.DUPLICATE_PERSON and problem.severity is Severity.REVIEW
        else problem
        for problem in problems
    ]
    return [*answered, dismissed(problems[0].origin, decision)] if dismiss else answered
