"""A roster as it came: its text, its columns and rows, and how it was read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from importer.advice import Advice
from importer.model.problem import Code, Origin, Place, Problem, Severity
from importer.model.text import RowId, one_line, row_cell

if TYPE_CHECKING:
    import pandas as pd  # loading it takes longer than the help of a command


def letter(position: int) -> str:
    """Return the letter of a column as Excel shows it, from its position: 0 is A, 26 is AA."""
    text = ""
    while position >= 0:
        text = chr(ord("A") + position % 26) + text
        position = position // 26 - 1
    return text


NO_HEADINGS = (0,)
"""The heading rows of a roster without headings, whose columns are called A, B and so on."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How to read a roster, from the mapping and the command line.

    `sheet`: its name, or "" to find it. `encoding`: of a CSV file, or "auto". `header`: the numbers
    of the heading rows as Excel shows them, NO_HEADINGS, or () to find them. `expected`: the
    headings that the mapping uses in all their spellings, by which the heading row and the sheet
    are found; `more`: how many of them are other spellings. `visible_only`: leave out hidden rows.
    """

    sheet: str = ""
    encoding: str = "auto"
    header: tuple[int, ...] = ()
    expected: frozenset[str] = frozenset()
    more: int = 0
    visible_only: bool = False

    @property
    def used(self) -> int:
        """How many headings the mapping uses."""
        return len(self.expected) - self.more


@dataclass(frozen=True, slots=True)
class Source:
    """The file of a roster, and how it was read.

    `kind`: csv, xlsx, xlsm, xls or ods. `sheet`: "" for CSV. `encoding`, `delimiter`: CSV only.
    `header`: the numbers of the heading rows as Excel shows them, or NO_HEADINGS. `position`: of
    the roster in its run, from 0.
    """

    path: Path
    sha256: str
    kind: str
    sheet: str = ""
    encoding: str = ""
    delimiter: str = ""
    header: tuple[int, ...] = (1,)
    position: int = 0

    def origin(self, row: int = 0) -> Origin:
        """Return the place of a row of the run; without one, that of the whole roster."""
        return Origin(self.path.name, self.sheet, row or RowId(self.position, 0).packed)

    def notice(
        self,
        message: str,
        *places: Place,
        code: Code = Code.READ_WITH_NOTICE,
        advice: str | Advice = "",
    ) -> Problem:
        """Return a problem of the roster as a whole."""
        return Problem.of(code, self.origin(), message, *places, advice=advice)


class DecisionCell(NamedTuple):
    """What a person wrote in the Decision cell of a row, and the row's Why cell."""

    text: str
    why: str


@dataclass(frozen=True, slots=True)
class Roster:
    """A roster, read once and held in memory.

    `places`: the columns by position, letter and heading as it came. `frame`: text, one column per
    place, labeled 0 to n-1; the index is the row number that Excel shows; blank cells are "" and
    nothing is ever NaN. `blank`: rows without any text. `left_out`: totals, signatures, examples
    and, if only visible rows are wanted, hidden rows. Neither is in the frame. `problems` are about
    cells and rows as they came; a row with a rejecting problem is still in the frame. `notices` are
    about the roster as a whole (row 0). `rejects`: it is a rejects file, which has only some of the
    rows; `decisions`, by row, are in it. `parts`: the positions that its rows' numbers give their
    roster in the run that rejected them. `lines`: by position and row, the cells with line breaks,
    which the frame has in one line.
    """

    source: Source
    places: tuple[Place, ...]
    frame: pd.DataFrame
    blank: tuple[int, ...] = ()
    left_out: tuple[int, ...] = ()
    problems: tuple[Problem, ...] = ()
    notices: tuple[Problem, ...] = ()
    decisions: Mapping[int, DecisionCell] = field(default_factory=dict)
    rejects: bool = False
    parts: frozenset[int] = frozenset()
    lines: Mapping[int, Mapping[int, str]] = field(default_factory=dict)

    def with_lines(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return rows with the line breaks of the roster, where their texts are still the same."""
        whole = frame
        for position, texts in self.lines.items():
            column = frame[position]
            rows = [
                r for r in column.index.intersection([*texts]) if one_line(texts[r]) == column[r]
            ]
            if rows:
                whole = whole.copy() if whole is frame else whole
                whole.loc[rows, position] = [texts[row] for row in rows]
        return whole

    @property
    def misplaced(self) -> frozenset[int]:
        """The rows that are rejected because their cells may be under the wrong headings."""
        return frozenset(
            problem.origin.row
            for problem in self.problems
            if problem.code in MISPLACED and problem.severity is Severity.REJECT
        )

    def at_position(self, position: int) -> Roster:
        """Return the roster with its rows numbered as those of this roster of a run."""
        first = RowId(position, 0).packed

        def moved(problems: tuple[Problem, ...]) -> tuple[Problem, ...]:
            pairs = ((problem, problem.origin) for problem in problems)
            return tuple(
                replace(problem, origin=replace(at, row=at.row + first)) for problem, at in pairs
            )

        return replace(
            self,
            source=replace(self.source, position=position),
            frame=self.frame.set_axis(self.frame.index + first),
            blank=tuple(row + first for row in self.blank),
            left_out=tuple(row + first for row in self.left_out),
            problems=moved(self.problems),
            notices=moved(self.notices),
            decisions={row + first: cell for row, cell in self.decisions.items()},
            lines={
                position: {row + first: text for row, text in texts.items()}
                for position, texts in self.lines.items()
            },
        )


ROW, RESULT, DECISION = "Row in the original file", "Result", "Decision"
WHY, WHAT_TO_DO = "Why", "What to do"

REJECTS_FORMATS = (
    (ROW, RESULT, DECISION, WHY, WHAT_TO_DO),
)  # fmt: skip
"""The headings that rejects files have in front of the roster's, in order, by format.

All are read, as offices keep such files; the last one is written. A new column is a new line here,
with all of its headings, and a text in `importer.report.rejects.returned`.
"""

ADDED = REJECTS_FORMATS[-1]

UNEVEN = frozenset({Code.ROW_TOO_LONG, Code.ROW_TOO_SHORT})
"""Problems of a row whose cells may be under the wrong headings."""

MISPLACED = UNEVEN | {Code.CELL_TOO_LONG}  # the same, and of a cell that may contain whole rows

MARKS: dict[Code, str] = {
    Code.ROW_TOO_LONG: "too long",
    Code.ROW_TOO_SHORT: "too short",
    Code.ID_LOST_DIGITS: "lost digits",
    Code.FORMULA_ERROR: "formula",
    Code.CELL_TOO_LONG: "too much text",
}
"""Words after the number of a row with a problem that its text no longer shows.

A rejects file gives each row one cell per heading, and each cell its text only: no number, no
formula. A person deletes these words when the cells are right.
"""

FORMULA_ERRORS = frozenset({
    "#N/A", "#VALUE!", "#REF!", "#DIV/0!", "#NAME?", "#NUM!", "#NULL!", "#SPILL!", "#CALC!",
    "#GETTING_DATA",
})  # fmt: skip
"""What Excel shows, and saves as text, for a formula that failed: the text still shows it."""

NULLS = frozenset({"null", "(null)", "[null]", "<null>", "\\n"})
"""What database programs write for a blank cell, without case."""

UNEVEN_ADVICE = "Put each value under its heading, then delete the words behind the row's number."

MARKED_ADVICE = "When the value is right, delete the words behind the row's number."

NOT_KEPT = "(not kept)"
"""The cell of a password or PIN, which no file of a run contains; type it again or clear it."""


class Mark(NamedTuple):
    """Words after a row's number: the problem, and the cell's column in the rejects file, or ""."""

    code: Code
    column: str = ""

    def __str__(self) -> str:
        """Return `lost digits in F`."""
        return f"{MARKS[self.code]} in {self.column}" if self.column else MARKS[self.code]


_MARK = rf"({'|'.join(MARKS.values())})(?:\s+in\s+([A-Z]{{1,3}}))?"
_ROW = re.compile(
    rf"(?:(?:roster )?([0-9]{{1,3}}):)?([0-4]?[0-9]{{1,6}})\s*((?:{_MARK}(?:\s*,\s*(?=\S)|$))*)",
    re.IGNORECASE,
)
_CODES = {words: code for code, words in MARKS.items()}


def row_text(row: int, marks: Iterable[Mark]) -> str:
    """Return the `Row` cell of a row: `17 lost digits in F`; see `row_cell`."""
    return f"{row_cell(row)} {', '.join(map(str, marks))}".rstrip()


class RowCell(NamedTuple):
    """A `Row` cell: the number in its roster (0 if none), the roster's position, its marks."""

    number: int = 0
    part: int = 0
    marks: tuple[Mark, ...] = ()


def read_row(text: str) -> RowCell:
    """Return what a `Row` cell contains, with the marks that are still there."""
    matched = _ROW.fullmatch(text.strip())
    if matched is None:
        return RowCell()
    marks = re.findall(_MARK, matched[3], re.IGNORECASE)
    return RowCell(
        int(matched[2]),
        max(int(matched[1] or 1), 1) - 1,
        tuple(Mark(_CODES[said.lower()], at.upper()) for said, at in marks),
    )


REJECTS_SHEETS = ("Problems", "How to send it back")
"""Sheets behind the rows of a rejects workbook; the loader skips them."""

TEMPLATE_SHEETS = ("How to fill it in",)
"""Sheets behind a blank roster's; the loader leaves them out."""
