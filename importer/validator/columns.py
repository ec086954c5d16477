"""The candidates as the checks see them: column by column, each distinct value once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property

import pandas as pd

from importer.model.candidates import Candidates, FieldColumn
from importer.model.fields import CodeTables
from importer.model.problem import CellFinding, Problem

SECRET = frozenset({"password", "pin_number"})
"""Fields whose value appears in no problem."""

Judge = Callable[[str], CellFinding | None]
"""Returns what is wrong with one value that is not blank, or None."""


@dataclass(frozen=True)
class Column:
    """One column of the candidates."""

    candidates: Candidates
    target: FieldColumn

    @property
    def series(self) -> pd.Series[str]:
        """Every row's value, by row number."""
        return self.candidates.frame[self.target.label]

    @cached_property
    def texts(self) -> list[str]:
        """Every row's value, in order."""
        return self.candidates.texts(self.target.label)

    @cached_property
    def distinct(self) -> tuple[str, ...]:
        """Each value that is not blank once, in order of its first row."""
        return tuple(filter(None, dict.fromkeys(self.texts)))

    def judge(self, judge: Judge) -> Iterator[Problem]:
        """Ask the judge once per distinct value; yield a problem per row with a bad value."""
        return self.flag({text: bad for text in self.distinct if (bad := judge(text))})

    def flag(self, findings: Mapping[str, CellFinding]) -> Iterator[Problem]:
        """Yield a problem for every row that has one of these values."""
        if findings:
            for row, text in self.series[self.series.isin(findings)].items():
                yield self.problem(int(str(row)), text, findings[text])

    def problem(self, row: int, text: str, finding: CellFinding, *beside: Column) -> Problem:
        """Return the problem of one row; `beside` are other columns that it concerns."""
        places = [place for column in (self, *beside) for place in column.target.places]
        return Problem.of(
            finding.code,
            self.candidates.origin(row),
            finding.message,
            *dict.fromkeys(places),
            field=self.target.label,
            value="" if self.target.field.path in SECRET else text,
            advice=finding.advice,
            severity=finding.severity,
            repairs=finding.repairs,
        )


class Table:
    """The candidates with what they are checked against."""

    def __init__(self, candidates: Candidates, codes: CodeTables, today: date) -> None:
        """Take `today` as the day that separates past from future."""
        self.candidates = candidates
        self.codes = codes
        self.today = today
        self._columns = {
            label: Column(candidates, target)
            for label, target in candidates.layout.targets.items()
            if label in candidates.frame
        }

    @property
    def columns(self) -> Iterator[Column]:
        """Every column, in the mapping's order."""
        return iter(self._columns.values())

    @property
    def rows(self) -> list[int]:
        """The row numbers, in order."""
        return self.candidates.rows

    def of(self, path: str) -> Iterator[Column]:
        """The columns of a field: one outside lists, in a list one per entry."""
        return (column for column in self.columns if column.target.field.path == path)

    def labelled(self, label: str) -> Column | None:
        """The column with this label, if it is mapped."""
        return self._columns.get(label)
