"""Where the headings stand, and which columns they make."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from importer.errors import RosterError
from importer.loader.cells import clean
from importer.loader.saying import counted
from importer.model.roster import Layout, letter

if TYPE_CHECKING:
    from collections.abc import Sequence

SEARCHED = 20
"""The headings stand within so many rows from the top."""

_TEXT = re.compile(r"[^\W\d_]")
_VALUE = re.compile(r"[\d@]")


@dataclass(frozen=True, slots=True)
class Span:
    """Merged cells: rows as the spreadsheet program counts, columns from 0, ends included."""

    first_row: int
    last_row: int
    first_column: int
    last_column: int


@dataclass(frozen=True, slots=True)
class TopRow:
    """One of the first rows: its number and its cells, from the first column on."""

    number: int
    cells: Sequence[str]


@dataclass(frozen=True, slots=True)
class Headings:
    """The heading rows, and the text over each column from the first on."""

    rows: tuple[int, ...]
    texts: tuple[str, ...]

    def notice(self, top: Sequence[TopRow], layout: Layout) -> str:
        """That the headings stand below something, where nobody said so; else blank."""
        above = [row for row in top if row.number < self.rows[0] and any(map(str.strip, row.cells))]
        if layout.header or not above:
            return ""
        rows = counted(len(above), "row")
        return f"the headings were found in row {self.rows[0]}; not read: {rows} with text above"


def fold(heading: str) -> str:
    """A heading as headings are compared: without case, surrounding or doubled blanks."""
    return clean(heading)[0].casefold()


def matches(row: Sequence[str], expected: frozenset[str]) -> int:
    """How many of the expected headings stand in the row."""
    return len({fold(cell) for cell in row} & {fold(heading) for heading in expected})


def find(top: Sequence[TopRow], layout: Layout, merged: Sequence[Span] = ()) -> Headings | None:
    """The headings of a sheet whose first rows are `top`; None where there is no text at all.

    Raises RosterError where the mapping names a row that is not there, or where headings stand
    in two rows and the mapping does not say so.
    """
    rows = layout.header or _best(top, layout.expected)
    if not rows:
        return None
    by_number = {row.number: [clean(cell)[0] for cell in row.cells] for row in top}
    if not any(any(by_number.get(number, ())) for number in rows):
        shown = " and ".join(str(number) for number in rows)
        msg = (
            f"The mapping says that the headings stand in row {shown}, and there is no text there. "
            "Correct `header` in the mapping, or leave it out."
        )
        raise RosterError(msg)
    if not layout.header:
        _refuse_two_rows(rows[0], by_number, layout.expected, merged)
    if len(rows) > 1:
        _spread(by_number, rows, merged)
    width = max(len(by_number.get(number, ())) for number in rows)
    texts = [
        " ".join(dict.fromkeys(_cell(by_number, number, column) for number in rows)).strip()
        for column in range(width)
    ]
    while texts and not texts[-1]:
        texts.pop()
    return Headings(rows, tuple(texts))


def _best(top: Sequence[TopRow], expected: frozenset[str]) -> tuple[int, ...]:
    """The row with most of the expected headings, else the first with most words in it."""
    candidates = [row for row in top[:SEARCHED] if any(cell.strip() for cell in row.cells)]
    if not candidates:
        return ()
    best = max(candidates, key=lambda row: matches(row.cells, expected))
    if not matches(best.cells, expected):
        best = max(candidates, key=lambda row: sum(map(_is_word, row.cells)))
        if not any(map(_is_word, best.cells)):
            best = candidates[0]
    return (best.number,)


def _is_word(cell: str) -> bool:
    """Has it letters, and neither digits nor an @, as headings have and values have not?"""
    return _TEXT.search(cell) is not None and _VALUE.search(cell) is None


def _cell(by_number: dict[int, list[str]], number: int, column: int) -> str:
    cells = by_number.get(number, [])
    return cells[column] if column < len(cells) else ""


def _spread(by_number: dict[int, list[str]], rows: tuple[int, ...], merged: Sequence[Span]) -> None:
    """Write the text of merged heading cells over their whole range."""
    for span in merged:
        text = _cell(by_number, span.first_row, span.first_column)
        for number in range(span.first_row, span.last_row + 1):
            if number not in rows:
                continue
            cells = by_number.setdefault(number, [])
            cells.extend([""] * (span.last_column + 1 - len(cells)))
            cells[span.first_column : span.last_column + 1] = [text] * (
                span.last_column + 1 - span.first_column
            )


def _refuse_two_rows(
    number: int, by_number: dict[int, list[str]], expected: frozenset[str], merged: Sequence[Span]
) -> None:
    """Headings in two rows are known by merged cells; guessing at them would shift columns."""
    here = by_number[number]
    if expected and matches(here, expected) == len(expected):
        return
    for span in merged:
        across = span.first_row == span.last_row == number and span.last_column > span.first_column
        down = span.last_row > span.first_row and span.first_row <= number <= span.last_row
        if not (across or down) or sum(map(bool, here)) < 2:
            continue
        pair = (span.first_row, span.last_row) if down else (number, number + 1)
        text = _cell(by_number, span.first_row, span.first_column)
        where = f"{letter(span.first_column)} to {letter(span.last_column)}"
        msg = (
            f'The headings seem to stand in two rows: "{text}" in row {span.first_row} is merged '
            f"over columns {where} and rows {pair[0]} to {pair[1]}. "
            f"Say `header: [{pair[0]}, {pair[1]}]` in the mapping, or name the one heading row."
        )
        raise RosterError(msg)
