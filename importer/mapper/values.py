"""The texts that a rule gives to the rows of a roster, and what is known about them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from importer.mapper.repairs import Transform
from importer.model.problem import CellFinding
from importer.model.text import one_line

Mask = NDArray[np.bool_]
"""For each row of the roster, whether it is one of those that are meant."""

Texts = NDArray[np.object_]
"""For each row of the roster, a text."""

UNREAD = "\n"  # which no text of one line is
"""In place of a date that could not be read, where dates are compared."""


def texts_of(column: Iterable[str]) -> Texts:
    """Return the texts of a column."""
    return np.fromiter(column, object)


def changed(texts: Texts, change: Callable[[str], str]) -> Texts:
    """Return the changed texts. Each distinct one is changed once."""
    column: list[str] = texts.tolist()
    words = {text: change(text) for text in dict.fromkeys(column)}
    return texts_of(map(words.__getitem__, column))


def tidied(texts: Texts, change: Callable[[str], str]) -> Texts:
    """Return the changed texts where one may have line breaks, outer or doubled blanks."""
    whole = f"|{'|'.join(texts.tolist())}|"
    untidy = not whole.isprintable() or any(blanks in whole for blanks in ("  ", "| ", " |"))
    return changed(texts, change) if untidy else texts


@dataclass(slots=True)
class Values:
    """What a rule gives to some rows: a text for each, and what is known about it.

    Other rows are blank. `source`: the texts as they came. `content`: whether the roster
    contributes anything. `applies`: whether a `when` holds. `dashed`: whether a dash makes it
    blank, which is no order to erase. `findings`: row, finding, and the text to show.
    """

    texts: Texts
    source: Texts
    content: Mask
    applies: Mask
    dashed: Mask
    findings: list[tuple[int, CellFinding, str]] = field(default_factory=list)

    @classmethod
    def of(cls, texts: Texts, content: Mask, applies: Mask) -> Values:
        """Return the values of rows to which a rule applies."""
        if not applies.all():
            texts = np.where(applies, texts, "")
        nothing = np.zeros_like(applies)
        return cls(texts, texts, content & applies, applies, nothing)

    def only(self, rows: Mask) -> Values:
        """Return the values of some of the rows; the rule does not apply to the others."""
        return Values.of(self.texts, self.content, rows)

    @property
    def filled(self) -> Mask:
        """By row, whether its text is not blank."""
        return self.texts.astype(bool)

    def fold(self) -> None:
        """Put each text into one line."""
        self.texts = tidied(self.texts, one_line)

    def has(self, sign: re.Pattern[str]) -> bool:
        """Return whether a pattern is found in any of the texts, which are searched as one."""
        return sign.search("\0".join(self.texts.tolist())) is not None

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
                self.findings.append((row, findings[key], self.source[row]))
        if changes:
            self.texts = texts_of(map(changes.get, keys, self.texts.tolist()))

    def over(self, other: Values, rows: Mask) -> Values:
        """Return these values in these rows, and the other ones in all others."""
        return Values(
            np.where(rows, self.texts, other.texts),
            np.where(rows, self.source, other.source),
            self.content | other.content,
            self.applies | other.applies,
            np.where(rows, self.dashed, other.dashed),
            [*self.findings, *other.findings],
        )

    def unexplained(self, rows: Mask) -> list[int]:
        """Return which of the rows are blank without a finding that holds them back."""
        blank: list[int] = np.flatnonzero(rows & ~self.filled & ~self.failed).tolist()
        return blank

    @property
    def marked(self) -> Texts:
        """The texts, UNREAD in rows that a finding holds back."""
        return np.where(self.failed, UNREAD, self.texts)

    @property
    def failed(self) -> Mask:
        """By row, whether a finding holds it back."""
        failed = np.zeros(len(self.texts), dtype=bool)
        failed[[row for row, finding, _ in self.findings if finding.holds]] = True
        return failed
