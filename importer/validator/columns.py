"""The candidates as the checks see them: column by column, each distinct value once."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from importlib.resources import files
from itertools import repeat

from importer.model.candidates import Candidates, FieldColumn
from importer.model.fields import SECRETS, CodeTables
from importer.model.problem import CellFinding, Problem

_FILE = tomllib.loads(files("importer.validator").joinpath("words.toml").read_text("utf-8"))
STATES: dict[str, str] = _FILE.pop("states")
WORDS: dict[str, list[str]] = _FILE
"""Words that the checks know: placeholders, common passwords, titles, suffixes and degrees."""

Judge = Callable[[str], CellFinding | None]
"""Returns what is wrong with one value that is not blank, or None."""


@dataclass(frozen=True)
class Column:
    """One column of the candidates."""

    candidates: Candidates
    target: FieldColumn

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

    def flag(
        self, findings: Mapping[str, CellFinding], rows: Iterable[bool] | None = None
    ) -> Iterator[Problem]:
        """Yield a problem for every row that has one of these values; `rows` may leave out some."""
        counting = repeat(object=True) if rows is None else rows
        if findings:
            for row, text, counts in zip(self.candidates.rows, self.texts, counting, strict=False):
                if counts and text in findings:
                    yield self.problem(row, text, findings[text])

    def problem(self, row: int, text: str, finding: CellFinding, *beside: Column) -> Problem:
        """Return the problem of one row; `beside` are other columns that it concerns."""
        places = [place for column in (self, *beside) for place in column.target.places]
        return finding.problem(
            self.candidates.origin(row),
            *dict.fromkeys(places),
            field=self.target.label,
            value="" if self.target.field.path in SECRETS else text,
        )


class Table:
    """The candidates with what they are checked against, and the day that is today.

    `creates`: whether the mapping creates users.
    """

    def __init__(
        self, candidates: Candidates, codes: CodeTables, today: date, *, creates: bool
    ) -> None:
        """Take the columns that are mapped, in the mapping's order."""
        self.candidates, self.codes, self.today = candidates, codes, today
        self.creates = creates
        self.columns = {
            label: Column(candidates, target)
            for label, target in candidates.layout.targets.items()
            if label in candidates.frame
        }

    def of(self, *paths: str) -> Iterator[Column]:
        """The columns of some fields: one outside lists, in a list one per entry."""
        for path in paths:
            for column in self.columns.values():
                if column.target.field.path == path:
                    yield column

    def countries(self, column: Column) -> list[str]:
        """The country of the same address in each row; "" where it is not known."""
        label = f"{column.target.label.rpartition('.')[0]}.country"
        return self.candidates.texts(label)
