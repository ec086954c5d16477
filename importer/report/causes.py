"""Problems, gathered by their cause: what one and the same change would repair."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from importer.model.catalogue import Code, Mends, Severity
from importer.model.problem import Place, Problem
from importer.report.sentences import sentence
from importer.report.wording import number

_ORDER = tuple(Severity)


@dataclass(frozen=True, slots=True)
class Cause:
    """Problems of equal code, severity, places, field and advice: the first, and all their rows.

    `rows` are in order and without repetition; the one row 0 stands for the whole roster. `alike`:
    every one of them says the same, value and all.
    """

    first: Problem
    rows: tuple[int, ...]
    alike: bool

    @property
    def code(self) -> Code:
        """The code of them all."""
        return self.first.code

    @property
    def severity(self) -> Severity:
        """How bad they are, all of them. Where a person decided nothing is left to correct."""
        return Severity.WARNING if self.code is Code.RESOLVED else self.first.severity

    @property
    def title(self) -> str:
        """The catalogue's few words for it."""
        return self.first.title

    @property
    def places(self) -> tuple[Place, ...]:
        """The columns concerned."""
        return self.first.places

    @property
    def advice(self) -> str:
        """What to do about it."""
        return self.first.advice

    @property
    def count(self) -> int:
        """How many rows it concerns; none if it is about the roster as a whole."""
        return len(self.rows) - (self.rows[:1] == (0,))

    @property
    def one_change(self) -> bool:
        """May a single change of the mapping repair them all?"""
        mends = self.first.mends
        return self.count > 1 and (mends is Mends.COLUMN or (mends is Mends.VALUE and self.alike))

    @property
    def to_do(self) -> str:
        """The advice, and whether following it once may be enough."""
        if self.one_change:
            return f"One change may repair all {number(self.count)} rows: {self.advice}"
        return self.advice

    def sentence(self, *, show_values: bool = False) -> str:
        """What the first of them says."""
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


def causes(problems: Iterable[Problem]) -> tuple[Cause, ...]:
    """The causes of these problems: the worst first, then those of the most rows."""
    groups: dict[tuple[Code, Severity, tuple[Place, ...], str, str], _Group] = {}
    for problem in problems:
        key = (problem.code, problem.severity, problem.places, problem.field, problem.advice)
        group = groups.get(key)
        if group is None:
            group = groups[key] = _Group(problem)
        group.add(problem)
    found = (
        Cause(group.first, tuple(sorted(group.rows)), group.alike) for group in groups.values()
    )
    return tuple(
        sorted(found, key=lambda cause: (_ORDER.index(cause.severity), -cause.count, cause.rows[0]))
    )
