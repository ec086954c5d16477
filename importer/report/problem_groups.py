"""Problems grouped by their cause: what one and the same change would correct."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from importer.model.catalogue import Code, Repairs, Severity
from importer.model.problem import Place, Problem
from importer.report.wording import number, sentence

_ORDER = tuple(Severity)


@dataclass(frozen=True, slots=True)
class ProblemGroup:
    """Problems of equal code, severity, places, field and advice: the first, and all their rows.

    `rows` are in order, without repetition; row 0 alone means the whole roster. `alike`: all have
    the same message and value.
    """

    first: Problem
    rows: tuple[int, ...]
    alike: bool

    @property
    def code(self) -> Code:
        """Return the code of all."""
        return self.first.code

    @property
    def severity(self) -> Severity:
        """Return the severity of all; nothing is left to correct where a person decided."""
        return Severity.WARNING if self.code is Code.RESOLVED else self.first.severity

    @property
    def title(self) -> str:
        """Return the title in the catalogue."""
        return self.first.title

    @property
    def places(self) -> tuple[Place, ...]:
        """Return the columns concerned."""
        return self.first.places

    @property
    def advice(self) -> str:
        """Return what to do."""
        return self.first.advice

    @property
    def count(self) -> int:
        """Return the number of rows; 0 where it is about the whole roster."""
        return len(self.rows) - (self.rows[:1] == (0,))

    @property
    def one_change(self) -> bool:
        """Return whether a single change of the mapping may correct all."""
        repairs = self.first.repairs
        return self.count > 1 and (
            repairs is Repairs.COLUMN or (repairs is Repairs.VALUE and self.alike)
        )

    @property
    def to_do(self) -> str:
        """Return the advice, and whether following it once may be enough."""
        if self.one_change:
            return f"One change may correct all {number(self.count)} rows: {self.advice}"
        return self.advice

    def sentence(self, *, show_values: bool = False) -> str:
        """Return the sentence of the first."""
        return sentence(self.first, show_values=show_values)


@dataclass(slots=True)
class _Group:
    first: Problem
    rows: set[int] = field(default_factory=set)
    alike: bool = True

    def add(self, problem: Problem) -> None:
        self.rows.add(problem.origin.row)
        told = problem.message, problem.value
        self.alike = self.alike and told == (self.first.message, self.first.value)


def group_problems(problems: Iterable[Problem]) -> tuple[ProblemGroup, ...]:
    """Return the groups, the worst severity first, then those of the most rows."""
    groups: dict[tuple[Code, Severity, tuple[Place, ...], str, str], _Group] = {}
    for problem in problems:
        key = (problem.code, problem.severity, problem.places, problem.field, problem.advice)
        group = groups.get(key)
        if group is None:
            group = groups[key] = _Group(problem)
        group.add(problem)
    found = (
        ProblemGroup(group.first, tuple(sorted(group.rows)), group.alike)
        for group in groups.values()
    )
    return tuple(
        sorted(found, key=lambda cause: (_ORDER.index(cause.severity), -cause.count, cause.rows[0]))
    )
