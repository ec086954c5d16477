"""The candidates as a check sees them: column by column, each distinct value once."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property

from importer.model.candidates import Candidates, FieldColumn
from importer.model.catalogue import Code, Mends, Severity
from importer.model.codes import CodeTables
from importer.model.problem import Problem

_HEAD = 5_000
"""So many rows tell whether the values of a column differ."""

SECRET = frozenset({"password", "pin_number"})
"""Fields whose value stands in no problem."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong with a value, before it is known in which rows the value stands.

    `advice` and `severity` are the catalogue's where they are not given; `mends` is that of an
    advice that is given.
    """

    code: Code
    message: str
    advice: str = ""
    severity: Severity | None = None
    mends: Mends = Mends.ROW


Judge = Callable[[str], Finding | None]
"""Says what is wrong with one value that is not blank, or nothing."""


class Column:
    """One column of the candidates."""

    def __init__(self, candidates: Candidates, target: FieldColumn) -> None:
        """Nothing is read before it is asked for."""
        self._candidates = candidates
        self.target = target

    @cached_property
    def texts(self) -> list[str]:
        """Every row's value, in order."""
        return self._candidates.texts(self.target.label)

    @cached_property
    def distinct(self) -> tuple[str, ...]:
        """Each value that is not blank, once, in order of its first row."""
        return tuple(filter(None, dict.fromkeys(self.texts)))

    @cached_property
    def values(self) -> Sequence[str]:
        """Each value once or more, for a quick look.

        To find out that nearly all of them differ takes longer than to look at some twice.
        """
        head = self.texts[:_HEAD]
        return self.texts if 2 * len(set(head)) > len(head) else self.distinct

    def unlike(self, plain: re.Pattern[str]) -> tuple[str, ...]:
        """The distinct values that a pattern does not take, in order of their first rows."""
        unsettled = (text for text in self.values if text and not plain.fullmatch(text))
        return tuple(dict.fromkeys(unsettled))

    def judged(self, judge: Judge, values: Iterable[str] | None = None) -> Iterator[Problem]:
        """The problems of every row whose value the judge finds fault with.

        `values` are those that a quicker test has not settled; else all.
        """
        suspects = self.distinct if values is None else values
        found = {text: finding for text in suspects if (finding := judge(text))}
        return self.flagged(found)

    def flagged(self, found: Mapping[str, Finding]) -> Iterator[Problem]:
        """The problems of every row that has one of these values."""
        if not found:
            return
        findings = map(found.get, self.texts)
        for row, text, finding in zip(self._candidates.rows, self.texts, findings, strict=True):
            if finding is not None:
                yield self.problem(row, text, finding)

    def problem(self, row: int, text: str, finding: Finding, *beside: Column) -> Problem:
        """The problem of one row; `beside` are other columns that it concerns."""
        places = [place for column in (self, *beside) for place in column.target.places]
        return Problem.of(
            finding.code,
            self._candidates.origin(row),
            finding.message,
            *dict.fromkeys(places),
            field=self.target.label,
            value="" if self.target.field.path in SECRET else text,
            advice=finding.advice,
            severity=finding.severity,
            mends=finding.mends,
        )


class Table:
    """Some candidates beside what they are checked against."""

    def __init__(self, candidates: Candidates, codes: CodeTables, today: date) -> None:
        """`today` decides what is past and what is still to come."""
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
    def rows(self) -> Sequence[int]:
        """The row numbers, in order."""
        return self.candidates.rows

    def of(self, path: str) -> Iterator[Column]:
        """The columns of a field: one outside lists, in a list one for each entry."""
        return (column for column in self.columns if column.target.field.path == path)

    def labelled(self, label: str) -> Column | None:
        """The column with a label, if it is mapped."""
        return self._columns.get(label)
