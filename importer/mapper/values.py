"""The texts that a rule gives to the rows of a roster, and what is known about each of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from importer.mapper.transforms import Transform
from importer.model.problem import CellFinding

Rows = NDArray[np.bool_]
"""For each row of the roster, whether it is one of those that are meant."""

Texts = NDArray[np.object_]
"""For each row of the roster, a text."""


def texts_of(column: Iterable[str]) -> Texts:
    """Return the texts of a column."""
    return np.array([*column], dtype=object)


def changed(texts: Texts, change: Callable[[str], str]) -> Texts:
    """Return the changed texts. Each distinct one is changed once."""
    column: list[str] = texts.tolist()
    words = {text: change(text) for text in dict.fromkeys(column)}
    return texts_of(map(words.__getitem__, column))


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
        texts = np.where(applies, texts, "")
        return cls(texts, texts, content & applies, applies)

    @property
    def filled(self) -> Rows:
        """By row, whether its text is not blank."""
        return self.texts.astype(bool)

    def step(self, change: Transform, other: Texts | None = None) -> None:
        """Change the texts that are not blank, each (with what `other` has in its row) once."""
        keys: list[str | tuple[str, str]] = self.texts.tolist()
        if other is not None:
            keys = [*zip(self.texts.tolist(), other.tolist(), strict=True)]
        changes: dict[str | tuple[str, str], str] = {}
        findings: dict[str | tuple[str, str], CellFinding] = {}
        for key in dict.fromkeys(keys):
            text, beside = (key, "") if isinstance(key, str) else key
            word, finding = change(text, beside) if text else ("", None)
            if word != text:
                changes[key] = word
            if finding is not None:
                findings[key] = finding
        for row, key in enumerate(keys if findings else ()):
            if key in findings:
                self.found.append((row, findings[key], self.source[row]))
        if changes:
            self.texts = texts_of(map(changes.get, keys, self.texts.tolist()))

    def over(self, other: Values, rows: Rows) -> Values:
        """Return these values in these rows, and the other ones in all others."""
        return Values(
            np.where(rows, self.texts, other.texts),
            np.where(rows, self.source, other.source),
            self.content | other.content,
            self.applies | other.applies,
            [*self.found, *other.found],
        )

    def unexplained(self, rows: Rows) -> list[int]:
        """Return which of the rows are blank without a finding about it."""
        reported = {row for row, _, _ in self.found}
        blank: list[int] = np.flatnonzero(rows & ~self.filled).tolist()
        return [row for row in blank if row not in reported]
