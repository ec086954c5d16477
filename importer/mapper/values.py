"""The texts that a rule gives to the rows of a roster, and what its keys see meanwhile."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import reduce
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from importer.mapper.placeholders import Cell, Template, Variable
from importer.mapper.transforms import Transform, each_line
from importer.model.problem import VALUE, CellFinding
from importer.model.text import one_line

if TYPE_CHECKING:
    from importer.mapper.compile import CompiledField
    from importer.mapper.conditions import Condition
    from importer.mapper.evaluate import Evaluation
    from importer.mapper.steps.step import Rule

Rows = NDArray[np.bool_]
"""For each row of the roster, whether it is one of those that are meant."""

Texts = NDArray[np.object_]
"""For each row of the roster, a text."""

UNREAD = "\n"  # which no text of one line is
"""In place of a date that could not be read, where dates are compared."""

ONE_PART = (
    "has one part only, so a part is missing",
    "Complete the cell, or give the field a `default:` in the mapping.",
)
"""The message and the advice if a cell that is divided has too few parts."""

CLEANED = (
    f"`clean` in the mapping leaves nothing of {VALUE}",
    "Correct the cell, or the steps of the field's `clean` in the mapping.",
)
"""The message and the advice if the steps of `clean` leave nothing of a cell."""

UNMET = "Correct the cell, or give the rule in the mapping a case for it or a `default`."
"""The advice if a field is needed in a row to which its rule does not apply."""

NO_SYSTEM = (
    "Fill in the cell, or give `owning_system` in the mapping a `default`: Alma refuses an "
    "External patron without one."
)
"""The advice if the cell that `owning_system` comes from is blank."""


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
    blank, which is no order to erase. `found`: row, finding, and the text to show.
    """

    texts: Texts
    source: Texts
    content: Rows
    applies: Rows
    dashed: Rows
    found: list[tuple[int, CellFinding, str]] = field(default_factory=list)

    @classmethod
    def of(cls, texts: Texts, content: Rows, applies: Rows) -> Values:
        """Return the values of rows to which a rule applies."""
        if not applies.all():
            texts = np.where(applies, texts, "")
        nothing = np.zeros_like(applies)
        return cls(texts, texts, content & applies, applies, nothing)

    def only(self, rows: Rows) -> Values:
        """Return the values of some of the rows; the rule does not apply to the others."""
        return Values.of(self.texts, self.content, rows)

    @property
    def filled(self) -> Rows:
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
            np.where(rows, self.dashed, other.dashed),
            [*self.found, *other.found],
        )

    def unexplained(self, rows: Rows) -> list[int]:
        """Return which of the rows are blank without a finding that holds them back."""
        blank: list[int] = np.flatnonzero(rows & ~self.filled & ~self.failed).tolist()
        return blank

    @property
    def marked(self) -> Texts:
        """The texts, UNREAD in rows that a finding holds back."""
        return np.where(self.failed, UNREAD, self.texts)

    @property
    def failed(self) -> Rows:
        """By row, whether a finding holds it back."""
        failed = np.zeros(len(self.texts), dtype=bool)
        failed[[row for row, finding, _ in self.found if finding.holds]] = True
        return failed


# --- what the keys of a rule see while it is evaluated ---


@dataclass(frozen=True, slots=True)
class RuleWork:
    """A rule that is evaluated for some rows; `located`: the countries of its entry, if any."""

    evaluation: Evaluation
    one: CompiledField
    rule: Rule
    rows: Rows
    located: Texts | None

    def meeting(self, condition: Condition, rows: Rows) -> Rows:
        """Return which of the rows meet a condition."""
        return self.evaluation.meeting(condition, rows, unread=False)

    def fill(self, template: Template, *, lines: bool) -> tuple[Texts, Rows]:
        """The texts of a template, and whether the roster or the record contributes anything.

        A text is blank if everything that it takes from roster and record is blank. Run variables
        are never blank; they count only if nothing else is filled in. `lines`: with line breaks.
        """
        parts = template.parts
        columns = [self.evaluation.column(part, lines=lines) for part in parts]
        if template.lone_cell:
            return columns[0], columns[0].astype(bool)
        whole = reduce(operator.add, columns)
        if len(columns) > 1 or template.variables:
            whole = tidied(whole, each_line if lines else one_line)
        given = [
            column.astype(bool)
            for part, column in zip(parts, columns, strict=True)
            if isinstance(part, Cell) or (isinstance(part, Variable) and not part.of_run)
        ]
        content = reduce(operator.or_, given, np.zeros(len(whole), dtype=bool))
        return (np.where(content, whole, "") if given else whole), content

    def evaluate(self, rule: Rule, rows: Rows) -> Values:
        """Evaluate a rule inside this one."""
        return self.evaluation.evaluate(self.one, rule, rows, self.located)
