"""The texts that a rule gives to the rows of a roster, and what is known about each of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import repeat

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from importer.mapper.transforms import Transform
from importer.model.problem import CellFinding, Place, Problem
from importer.model.roster import Source

Rows = NDArray[np.bool_]
"""For each row of the roster, whether it is one of those that are meant."""


@dataclass(frozen=True, slots=True)
class Texts:
    """A text for each row: the words that there are, and for each row which of them.

    So whatever is done to a text is done once, however many rows have it.
    """

    words: Sequence[str]
    numbers: NDArray[np.intp]

    @classmethod
    def of(cls, column: pd.Series[str] | list[str]) -> Texts:
        """Return the texts of a column."""
        numbers, words = pd.factorize(np.asarray(column, dtype=object))
        return cls(words.tolist(), numbers)

    @classmethod
    def same(cls, text: str, rows: Rows) -> Texts:
        """Return one text for every row."""
        return cls((text,), np.zeros(len(rows), dtype=np.intp))

    @property
    def column(self) -> NDArray[np.object_]:
        """The text of each row."""
        return np.array(self.words, dtype=object)[self.numbers]

    @property
    def filled(self) -> Rows:
        """By row, whether its text is not blank."""
        return self.where(bool)

    def at(self, row: int) -> str:
        """Return the text of one row."""
        return str(self.words[self.numbers[row]])

    def where(self, test: Callable[[str], bool]) -> Rows:
        """Return by row whether its text meets the test."""
        return np.fromiter(map(test, self.words), bool, len(self.words))[self.numbers]

    def map(self, change: Callable[[str], str]) -> Texts:
        """Return the changed texts."""
        return Texts([*map(change, self.words)], self.numbers)

    def take(self, rows: Rows) -> Texts:
        """Return the texts of some rows only."""
        return _of_used(self.words, self.numbers[rows])

    def only(self, rows: Rows) -> Texts:
        """Return the texts with those of all other rows blank."""
        return self if rows.all() else self.over(Texts.same("", rows), rows)

    def over(self, other: Texts, rows: Rows) -> Texts:
        """Return the texts in these rows, and those of another column in all others."""
        numbers = np.where(rows, self.numbers, other.numbers + len(self.words))
        return _of_used((*self.words, *other.words), numbers)

    def pairs(self, other: Texts) -> tuple[list[tuple[str, str]], NDArray[np.intp]]:
        """Return the pairs of texts that there are in a row, and for each row which of them."""
        numbers, pairs = pd.factorize(self.numbers * len(other.words) + other.numbers)
        split = (divmod(pair, len(other.words)) for pair in pairs.tolist())
        return [(self.words[one], other.words[two]) for one, two in split], numbers

    def joined(self, other: Texts) -> Texts:
        """Return the text of each row with that of the other column behind it."""
        pairs, numbers = self.pairs(other)
        return Texts([one + two for one, two in pairs], numbers)


def _of_used(words: Sequence[str], numbers: NDArray[np.intp]) -> Texts:
    """Return texts without the words that no row has."""
    used = np.bincount(numbers, minlength=len(words)) > 0
    kept = [word for word, is_used in zip(words, used.tolist(), strict=True) if is_used]
    return Texts(kept, (np.cumsum(used) - 1)[numbers])


@dataclass(slots=True)
class Values:
    """What a rule gives to some rows: a text for each, and what is known about it.

    Other rows are blank. `source`: the texts as they came. `content`: whether the roster
    contributes anything. `applies`: whether a `when` holds. `found`: row, finding, and the text to
    show.
    """

    texts: Texts
    source: Texts
    content: Rows
    applies: Rows
    found: list[tuple[int, CellFinding, str]] = field(default_factory=list)

    @classmethod
    def of(cls, texts: Texts, content: Rows, applies: Rows) -> Values:
        """Return the values of rows to which a rule applies."""
        texts = texts.only(applies)
        return cls(texts, texts, content & applies, applies)

    def step(self, change: Transform, other: Texts | None = None) -> None:
        """Change the texts that are not blank, each (with what `other` has in its row) once."""
        pairs: Iterable[tuple[str, str]] = zip(self.texts.words, repeat(""), strict=False)
        numbers = self.texts.numbers
        if other is not None:
            pairs, numbers = self.texts.pairs(other)
        words: list[str] = []
        found: dict[int, CellFinding] = {}
        for text, beside in pairs:
            word, finding = change(text, beside) if text else (text, None)
            if finding is not None:
                found[len(words)] = finding
            words.append(word)
        if found:
            rows = np.flatnonzero(np.isin(numbers, [*found])).tolist()
            self.found += [(row, found[numbers[row]], self.source.at(row)) for row in rows]
        self.texts = Texts(words, numbers)

    def over(self, other: Values, rows: Rows) -> Values:
        """Return these values in these rows, and the other ones in all others."""
        return Values(
            self.texts.over(other.texts, rows),
            self.source.over(other.source, rows),
            self.content | other.content,
            self.applies | other.applies,
            [*self.found, *other.found],
        )

    def unexplained(self, rows: Rows) -> list[int]:
        """Return which of the rows are blank without a finding about it."""
        reported = {row for row, _, _ in self.found}
        blank: list[int] = np.flatnonzero(rows & ~self.texts.filled).tolist()
        return [row for row in blank if row not in reported]

    def problems(
        self, source: Source, numbers: Sequence[int], label: str, places: tuple[Place, ...]
    ) -> Iterator[Problem]:
        """Yield what the steps found as problems of a field, without the text of a password.

        `numbers`: those of the rows in the roster.
        """
        for row, finding, text in self.found:
            yield Problem.of(
                finding.code,
                source.origin(numbers[row]),
                finding.message,
                *places,
                field=label,
                value="" if label == "password" else text,
                advice=finding.advice,
                severity=finding.severity,
                repairs=finding.repairs,
            )
