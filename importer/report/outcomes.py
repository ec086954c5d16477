"""What became of each row that was to be sent."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from importer.model.plan import Result
from importer.model.problem import Problem
from importer.report.masking import shown
from importer.report.sentences import sentence
from importer.report.wording import ACTS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from importer.model.run import RowLife

MOST_ROWS = 200
"""Longer lists are cut, and the page says how much is left."""

_ORDER = (
    Result.REFUSED, Result.HELD, Result.UNKNOWN, Result.NOT_SENT, Result.CREATED, Result.UPDATED,
    Result.DELETED, Result.WAS_SO, Result.WAS_GONE,
)  # fmt: skip
"""What asks for attention comes first."""

_DONE = frozenset(_ORDER[_ORDER.index(Result.CREATED) :])


@dataclass(frozen=True, slots=True)
class Line:
    """A row, its patron's identifier, what was planned, and why it did not come to that."""

    row: int
    patron: str
    planned: str
    why: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """The rows that came to one result, and how many of them are left out."""

    result: Result
    total: int
    lines: tuple[Line, ...]

    @property
    def more(self) -> int:
        """How many rows are not listed."""
        return self.total - len(self.lines)

    @property
    def comes_back(self) -> bool:
        """Whether its rows are in the rejects files."""
        return self.result in {Result.REFUSED, Result.HELD}

    @property
    def done(self) -> bool:
        """Is it what was planned?"""
        return self.result in _DONE


@dataclass(slots=True)
class Outcomes:
    """Gathers rows as they come; `told` gives them by result."""

    show_values: bool
    found: dict[Result, list[RowLife]] = field(default_factory=dict)
    counts: dict[Result, int] = field(default_factory=dict)

    def add(self, life: RowLife) -> None:
        """Take in one row."""
        if life.result is None:
            return
        self.counts[life.result] = self.counts.get(life.result, 0) + 1
        listed = self.found.setdefault(life.result, [])
        if len(listed) < MOST_ROWS:
            listed.append(life)

    def told(self, problems: Iterable[Problem]) -> tuple[Outcome, ...]:
        """The outcomes; `problems` of the listed rows say why."""
        reasons: dict[int, list[str]] = {
            life.row: [] for listed in self.found.values() for life in listed
        }
        for problem in problems:
            if problem.severity.holds and problem.origin.row in reasons:
                told = sentence(problem, show_values=self.show_values)
                reasons[problem.origin.row].append(told)
        return tuple(
            Outcome(
                result,
                self.counts[result],
                tuple(self._line(life, reasons[life.row]) for life in self.found[result]),
            )
            for result in _ORDER
            if result in self.found
        )

    def _line(self, life: RowLife, reasons: list[str]) -> Line:
        patron = shown("primary_id", life.primary_id, show_values=self.show_values)
        return Line(life.row, patron, ACTS[life.act] if life.act else "", " ".join(reasons))
