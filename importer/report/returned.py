"""The rows that come back to be corrected or decided, with the reasons."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from importer.model.problem import Problem
from importer.model.roster import UNEVEN, UNEVEN_ADVICE, row_text
from importer.report.sentences import sentence
from importer.report.visible import visible
from importer.report.wording import result_of

if TYPE_CHECKING:
    from importer.ledger.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Returned:
    """One row as it came, what became of it, and its problems, those that hold it first."""

    row: int
    result: str
    cells: tuple[str, ...]
    problems: tuple[Problem, ...]

    @property
    def added(self) -> tuple[str, str, str, str]:
        """The texts under `model.roster.ADDED`: row, result, why, what to do."""
        holding = [problem for problem in self.problems if problem.severity.holds]
        why = dict.fromkeys(sentence(problem, show_values=True) for problem in holding)
        to_do = dict.fromkeys(problem.advice for problem in holding)
        codes = {problem.code for problem in holding}
        if not codes.isdisjoint(UNEVEN):
            to_do |= {UNEVEN_ADVICE: None}
        row = row_text(self.row, codes)
        return row, self.result, visible(" ".join(why)), visible(" ".join(to_do))


def returned(ledger: Ledger) -> Iterator[Returned]:
    """The rows that come back, in order. Roster and problems are read side by side, once."""
    groups = groupby(ledger.problems(), key=lambda problem: problem.origin.row)
    row, problems = next(groups, (None, iter(())))
    for life in ledger.returning():
        while row is not None and row < life.row:
            row, problems = next(groups, (None, iter(())))
        found = tuple(problems) if row == life.row else ()
        ordered = tuple(sorted(found, key=lambda problem: not problem.severity.holds))
        yield Returned(life.row, result_of(life), life.cells, ordered)
