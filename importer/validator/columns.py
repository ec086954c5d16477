"""What the checks within rows see: the columns of the candidates, with their distinct values."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from importlib.resources import files
from itertools import repeat

from importer.model.candidates import Candidates, FieldColumn
from importer.model.fields import SECRETS, CodeTables
from importer.model.problem import CellFinding, Code, Problem

_FILE = tomllib.loads(files("importer.validator").joinpath("words.toml").read_text("utf-8"))
STATES: dict[str, str] = _FILE.pop("states")
WORDS: dict[str, list[str]] = _FILE
"""Words that the checks know, such as placeholders and common passwords."""

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

    @cached_property
    def counts(self) -> Counter[str]:
        """In how many rows each value that is not blank is."""
        return Counter(filter(None, self.texts))

    @cached_property
    def _whole(self) -> str:
        return "\n".join(self.distinct)  # they are in one line

    def having(self, *patterns: re.Pattern[str]) -> set[str]:
        """Return the distinct values with one of the patterns; first all are searched as one."""
        there = (pattern for pattern in patterns if pattern.search(self._whole))
        return {text for pattern in there for text in filter(pattern.search, self.distinct)}

    def among(self, words: frozenset[str]) -> set[str]:
        """Return the distinct values that are one of some words, which are without case."""
        return {text for text in self.distinct if text.casefold() in words}

    def with_word(self, test: Callable[[str], bool]) -> set[str]:
        """Return the distinct values with a word that passes a test, which each word takes once."""
        words = {*filter(test, {*self._whole.split()})}
        return {text for text in self.distinct if words and not words.isdisjoint(text.split())}

    def judge(self, judge: Judge, texts: Iterable[str] | None = None) -> Iterator[Problem]:
        """Ask the judge once per distinct value, or only about `texts`; yield a problem per row."""
        asked = self.distinct if texts is None else texts
        return self.flag({text: bad for text in asked if (bad := judge(text))})

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


@dataclass(frozen=True)
class Table:
    """The candidates with what they are checked against, and the day that is today.

    `creates`: whether the mapping creates users.
    """

    candidates: Candidates
    codes: CodeTables
    today: date
    creates: bool

    @cached_property
    def columns(self) -> list[Column]:
        """The columns that are mapped, in the mapping's order."""
        targets = self.candidates.layout.targets.values()
        mapped = (target for target in targets if target.label in self.candidates.frame)
        return [Column(self.candidates, target) for target in mapped]

    def of(self, *paths: str) -> Iterator[Column]:
        """The columns of some fields: one outside lists, in a list one per entry."""
        for path in paths:
            yield from (column for column in self.columns if column.target.field.path == path)

    def judge(self, judge: Judge, *paths: str) -> Iterator[Problem]:
        """Yield a problem per row with a bad value of some fields."""
        for column in self.of(*paths):
            yield from column.judge(judge)

    def countries(self, column: Column) -> list[str]:
        """The country of the same address in each row; "" where it is not known."""
        label = f"{column.target.label.rpartition('.')[0]}.country"
        return self.candidates.texts(label)


def odd(sentence: str) -> CellFinding:
    """Return the finding of a value that a careful reader would ask about."""
    return CellFinding(Code.ODD_VALUE, f"{{value}} {sentence}")


TYPOGRAPHIC = frozenset("‘’“”‚„‹›«»′″‐‑‒–—―−")
"""Quotation marks and dashes of word processors; no ID or email address has them."""
A_TYPOGRAPHIC_MARK = "a typographic dash or quotation mark"

NO_LETTER = r"[\W_]+"
"""A text that has neither letters nor digits, such as a line of dashes."""
