"""Problems grouped by their cause: what one and the same change would correct."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby

from importer.ledger.ledger import Ledger
from importer.model.problem import Code, Problem, Repairs, Severity
from importer.model.run import RowHistory
from importer.model.text import RowId
from importer.report.wording import sentence

_ORDER = tuple(Severity)

_DANGERS = (
    Code.MANY_OTHER_PEOPLE,
    Code.ANOTHER_PERSON,
    Code.CARD_DIFFERS,
    Code.MANAGED_ELSEWHERE,
    Code.MATCHES_TWO_USERS,
    Code.TWO_USERS_ONE_PERSON,
    Code.IDENTIFIER_OF_ANOTHER_PERSON,
    Code.IDENTIFIER_TAKEN,
    Code.ANOTHER_BIRTH_DATE,
    Code.ANOTHER_NAME,
    Code.REPLACES_EDIT,
)
"""Problems that may be about somebody else's record, or undo an edit; the worst first."""


def is_danger(code: Code) -> bool:
    """Return whether a problem may be about somebody else's record, or undo an edit."""
    return code in _DANGERS


@dataclass(slots=True)
class ProblemGroup:
    """Problems of one roster with equal code, severity, places, field and advice, and their rows.

    Findings about the whole roster are grouped by code, severity and advice, and `all` has
    every one of them. `alike`: all have the same message and value.
    """

    first: Problem
    found: set[int] = field(default_factory=set)
    all: list[Problem] = field(default_factory=list)
    alike: bool = True

    def add(self, problem: Problem) -> None:
        """Add a problem."""
        self.found.add(problem.origin.row)
        self.alike &= (problem.message, problem.value) == (self.first.message, self.first.value)
        if self.whole:
            self.all.append(problem)

    @property
    def whole(self) -> bool:
        """Whether it is about the whole roster."""
        return self.first.origin.whole

    @property
    def rows(self) -> tuple[int, ...]:
        """The rows, in order; one alone may be a whole roster."""
        return tuple(sorted(self.found))

    @property
    def code(self) -> Code:
        """The code of all."""
        return self.first.code

    @property
    def severity(self) -> Severity:
        """The severity of all; nothing is left to correct where a person decided."""
        return Severity.WARNING if self.code is Code.RESOLVED else self.first.severity

    @property
    def danger(self) -> bool:
        """Whether it may be about somebody else's record, or undo what a colleague edited."""
        return is_danger(self.code)

    @property
    def unused(self) -> bool:
        """Whether it only lists columns that no rule uses."""
        return self.code is Code.UNUSED_COLUMN

    @property
    def title(self) -> str:
        """The title in the catalog."""
        return self.first.title

    @property
    def count(self) -> int:
        """The number of rows; 0 where it is about the whole roster."""
        return 0 if self.whole else len(self.found)

    @property
    def one_change(self) -> bool:
        """Whether a single change of the mapping may correct all."""
        repairs = self.first.repairs
        return self.count > 1 and (
            repairs is Repairs.COLUMN or (repairs is Repairs.VALUE and self.alike)
        )

    @property
    def to_do(self) -> str:
        """The advice, and whether following it once may be enough."""
        if self.one_change:
            return f"One change may correct all {self.count:,} rows: {self.first.advice}"
        return self.first.advice

    def sentences(self, *, show_values: bool) -> list[str]:
        """Return the sentence of the first or, about the whole roster, of each."""
        return [sentence(one, show_values=show_values) for one in self.all or (self.first,)]


def group_problems(problems: Iterable[Problem]) -> tuple[ProblemGroup, ...]:
    """Return the groups: dangers, the whole roster, the worst severity, then those of most rows.

    Columns that no rule uses come last.
    """
    groups: dict[tuple[object, ...], ProblemGroup] = {}
    for problem in problems:
        origin = problem.origin
        # people who are compared have one question, whatever columns they share
        together = origin.whole or len(problem.places) > 1
        about = (origin.whole,) if together else (problem.places, problem.field)
        roster = RowId.of(origin.row).roster
        key = (problem.code, problem.severity, roster, *about, problem.advice)
        groups.setdefault(key, ProblemGroup(problem)).add(problem)
    return tuple(
        sorted(
            groups.values(),
            key=lambda one: (
                one.unused,
                _DANGERS.index(one.code) if one.danger else len(_DANGERS),
                not one.whole,
                _ORDER.index(one.severity),
                -one.count,
                min(one.found),
            ),
        )
    )


def with_problems(
    ledger: Ledger, rows: Iterable[RowHistory]
) -> Iterator[tuple[RowHistory, tuple[Problem, ...]]]:
    """Yield rows, which are in order, each with its problems; the problems are read once."""
    groups = groupby(ledger.problems(), key=lambda problem: problem.origin.row)
    row, problems = next(groups, (None, iter(())))
    for one in rows:
        while row is not None and row < one.row:
            row, problems = next(groups, (None, iter(())))
        yield one, tuple(problems) if row == one.row else ()
