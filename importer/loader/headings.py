"""Find the heading rows of a roster, and the heading of each column."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from importer.errors import RosterError
from importer.loader.cleaning import clean
from importer.model.roster import ADDED, Layout, letter
from importer.model.text import counted

SEARCHED = 20
"""Rows from the top that are searched for headings."""

_TEXT = re.compile(r"[^\W\d_]")
_VALUE = re.compile(r"[\d@]")


@dataclass(frozen=True, slots=True)
class MergedRange:
    """Merged cells: rows as Excel shows them, columns from 0, ends included."""

    first_row: int
    last_row: int
    first_column: int
    last_column: int


@dataclass(frozen=True, slots=True)
class TopRow:
    """One of the first rows: its number as Excel shows it, and its cells from column A on."""

    number: int
    cells: Sequence[str]


@dataclass(frozen=True, slots=True)
class Headings:
    """The heading rows, and the heading of each column from A on."""

    rows: tuple[int, ...]
    texts: tuple[str, ...]

    def notice(self, top: Sequence[TopRow], layout: Layout) -> str:
        """Return a sentence about text above the headings that the mapping does not mention."""
        above = [row for row in top if row.number < self.rows[0] and any(map(str.strip, row.cells))]
        if layout.header or not above:
            return ""
        rows = counted(len(above), "row")
        return f"the headings were found in row {self.rows[0]}; not read: {rows} with text above"


def fold(heading: str) -> str:
    """Return a heading as headings are compared: without case, outer and repeated blanks."""
    return clean(heading)[0].casefold()


def matches(row: Sequence[str], expected: frozenset[str]) -> int:
    """Return how many of the expected headings are in the row."""
    return len({fold(cell) for cell in row} & {fold(heading) for heading in expected})


def find(
    top: Sequence[TopRow], layout: Layout, merged: Sequence[MergedRange] = ()
) -> Headings | None:
    """Return the headings of a sheet whose first rows are `top`; None if there is no text at all.

    Raises RosterError if the mapping names a row that is blank, or if headings take two rows and
    the mapping does not name both.
    """
    if layout.header and is_rejects(top):
        layout = replace(layout, header=(1,))  # `header` describes the roster that it came from
    rows = layout.header or _best(top, layout.expected)
    if not rows:
        return None
    by_number = {row.number: [clean(cell)[0] for cell in row.cells] for row in top}
    if not any(any(by_number.get(number, ())) for number in rows):
        shown = " and ".join(str(number) for number in rows)
        msg = (
            f"The mapping's `header` says that the headings are in row {shown}, but that row is "
            "blank. Correct `header` in the mapping, or remove it."
        )
        raise RosterError(msg)
    if not layout.header:
        _refuse_two_rows(rows[0], by_number, layout.expected, merged)
    if len(rows) > 1:
        _fill_merged(by_number, rows, merged)
    width = max(len(by_number.get(number, ())) for number in rows)
    texts = [
        " ".join(dict.fromkeys(_cell(by_number, number, column) for number in rows)).strip()
        for column in range(width)
    ]
    while texts and not texts[-1]:
        texts.pop()
    return Headings(rows, tuple(texts))


def is_rejects(top: Sequence[TopRow]) -> bool:
    """Return whether the first row ends with the headings that our rejects files add."""
    if not top or top[0].number != 1:
        return False
    filled = [text for cell in top[0].cells if (text := clean(cell)[0])]
    return tuple(filled[-len(ADDED) :]) == ADDED


def _best(top: Sequence[TopRow], expected: frozenset[str]) -> tuple[int, ...]:
    """Return the row with most of the expected headings, else the first with most words in it."""
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
    """Return whether the cell has letters, and neither digits nor an @, as headings do."""
    return _TEXT.search(cell) is not None and _VALUE.search(cell) is None


def _cell(by_number: dict[int, list[str]], number: int, column: int) -> str:
    cells = by_number.get(number, [])
    return cells[column] if column < len(cells) else ""


def _fill_merged(
    by_number: dict[int, list[str]], rows: tuple[int, ...], merged: Sequence[MergedRange]
) -> None:
    """Write the text of merged heading cells into every cell of their range."""
    for area in merged:
        text = _cell(by_number, area.first_row, area.first_column)
        for number in range(area.first_row, area.last_row + 1):
            if number not in rows:
                continue
            cells = by_number.setdefault(number, [])
            cells.extend([""] * (area.last_column + 1 - len(cells)))
            cells[area.first_column : area.last_column + 1] = [text] * (
                area.last_column + 1 - area.first_column
            )


def _refuse_two_rows(
    number: int,
    by_number: dict[int, list[str]],
    expected: frozenset[str],
    merged: Sequence[MergedRange],
) -> None:
    """Raise RosterError if merged cells show a second heading row: guessing would shift columns."""
    here = by_number[number]
    if expected and matches(here, expected) == len(expected):
        return
    for area in merged:
        across = area.first_row == area.last_row == number and area.last_column > area.first_column
        down = area.last_row > area.first_row and area.first_row <= number <= area.last_row
        if not (across or down) or sum(map(bool, here)) < 2:
            continue
        pair = (area.first_row, area.last_row) if down else (number, number + 1)
        text = _cell(by_number, area.first_row, area.first_column)
        if not text:
            continue
        where = f"{letter(area.first_column)} to {letter(area.last_column)}"
        msg = (
            f'The headings seem to take two rows: "{text}" in row {area.first_row} is merged '
            f"over columns {where} and rows {pair[0]} to {pair[1]}. "
            f"Set `header: [{pair[0]}, {pair[1]}]` in the mapping, or `header:` to the number of "
            "the one heading row."
        )
        raise RosterError(msg)
