"""Find the heading rows of a roster, and the heading of each column."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest

from importer.errors import Cause, RosterError
from importer.loader.cleaning import clean
from importer.model.roster import ADDED, NO_HEADINGS, Layout, letter
from importer.model.text import counted
from importer.model.vocabulary import is_known

SEARCHED = 20
"""Rows from the top that are searched for headings."""

_LETTER = re.compile(r"[^\W\d_]")
_VALUE = re.compile(r"\d")
OF_A_PERSON = re.compile(r"\d{3}|@")


@dataclass(frozen=True, slots=True)
class MergedRange:
    """Merged cells: rows as Excel shows them, columns from 0, ends included."""

    first_row: int
    last_row: int
    first_column: int
    last_column: int


@dataclass(frozen=True, slots=True)
class Headings:
    """The heading rows, the heading of each column from A on, and a notice, or ""."""

    rows: tuple[int, ...]
    texts: tuple[str, ...]
    notice: str = ""


def fold(heading: str) -> str:
    """Return a heading as headings are compared: without case, outer and repeated blanks."""
    return clean(heading)[0].casefold()


def matches(row: Sequence[str], expected: frozenset[str]) -> int:
    """Return how many of the expected headings are in the row."""
    return len({fold(cell) for cell in row} & {fold(heading) for heading in expected})


def find(
    rows: Sequence[Sequence[str]], layout: Layout, merged: Sequence[MergedRange] = ()
) -> Headings | None:
    """Return the headings of a sheet with these rows from row 1 on; None if it has no text there.

    Raises RosterError if the mapping names a row that is blank, or if headings take two rows and
    the mapping does not name both.
    """
    if layout.header and is_rejects(rows):
        layout = replace(layout, header=(1,))  # `header` describes the roster that it came from
    if layout.header == NO_HEADINGS:
        width = max((len(row) for row in rows if any(row)), default=0)
        return Headings(NO_HEADINGS, tuple(map(letter, range(width)))) if width else None
    searched = max(layout.header, default=SEARCHED)
    top = [[clean(cell)[0] for cell in row] for row in rows[:searched]]
    top += ([] for _ in range(searched - len(top)))
    filled = [number for number, cells in enumerate(top, start=1) if any(cells)]
    if not filled and not layout.header:
        return None
    chosen = layout.header or (_best(top, filled, layout.expected),)
    if not set(filled) & set(chosen):
        shown = " and ".join(map(str, chosen))
        msg = (
            f"The mapping's `header` says that the headings are in row {shown}, but that row is "
            "blank. Correct `header` in the mapping, or remove it."
        )
        raise RosterError(msg, cause=Cause.EITHER)
    notice = ""
    if not layout.header:
        known = matches(top[chosen[0] - 1], layout.expected)
        if not layout.expected or known < layout.used:
            for number in range(max(1, chosen[0] - 1), chosen[0] + 1):
                _refuse_two_rows(number, top, merged)
        if above := [number for number in filled if number < chosen[0]]:
            notice = (
                f"the headings were found in row {chosen[0]}; not read: "
                f"{counted(len(above), 'row')} with text above"
            )
    if len(chosen) > 1:
        _fill_merged(top, chosen, merged)
    lines = zip_longest(*(top[number - 1] for number in chosen), fillvalue="")
    texts = [" ".join(dict.fromkeys(filter(None, cells))) for cells in lines]
    while texts and not texts[-1]:
        texts.pop()
    return Headings(chosen, tuple(texts), notice)


def added_at(headings: Sequence[str]) -> int | None:
    """Return the position of the first heading that our rejects files add; None if not there."""
    width = len(ADDED)
    starts = (at for at, text in enumerate(headings) if text == ADDED[0])
    return next((at for at in starts if tuple(headings[at : at + width]) == ADDED), None)


def is_rejects(rows: Sequence[Sequence[str]]) -> bool:
    """Return whether the first row has the headings that our rejects files add."""
    return bool(rows) and added_at([clean(cell)[0] for cell in rows[0]]) is not None


def _best(top: Sequence[Sequence[str]], filled: Sequence[int], expected: frozenset[str]) -> int:
    """Return the row with most of the expected headings, else of those that offices use.

    If no row has two of them, it is the first row with most words in it.
    """
    best = max(filled, key=lambda number: matches(top[number - 1], expected))
    if matches(top[best - 1], expected):
        return best
    usual = {number: _usual(top[number - 1]) for number in filled}
    best = max(usual, key=usual.__getitem__)
    if usual[best] > 1:
        return best
    return max(filled, key=lambda number: sum(map(_is_word, top[number - 1])))


def _usual(row: Sequence[str]) -> int:
    """Return how many different headings that offices use are in a row; 0 if it is a person's."""
    if any("@" in cell for cell in row):
        return 0
    return sum(map(is_known, {*filter(None, row)}))


def is_second(row: Sequence[str]) -> bool:
    """Return whether a row of people is rather the heading row of another table."""
    if OF_A_PERSON.search("".join(row)):
        return False
    filled = [*filter(None, row)]
    return all(map(_is_word, filled)) and _usual(filled) >= max(2, len(filled) / 2)


def _is_word(cell: str) -> bool:
    """Return whether the cell has letters, at most two digits and no @, as headings do."""
    return _LETTER.search(cell) is not None and len(_VALUE.findall(cell)) <= 2 and "@" not in cell


def _fill_merged(
    top: list[list[str]], rows: tuple[int, ...], merged: Sequence[MergedRange]
) -> None:
    """Write the text of merged heading cells into every cell of their range."""
    for area in merged:
        text = _text(top, area)
        for number in set(range(area.first_row, area.last_row + 1)) & set(rows):
            cells = top[number - 1]
            width = area.last_column + 1
            cells.extend([""] * (width - len(cells)))
            cells[area.first_column : width] = [text] * (width - area.first_column)


def _text(top: Sequence[Sequence[str]], area: MergedRange) -> str:
    """Return the text of merged cells, which is in the first of them."""
    cells = top[area.first_row - 1] if area.first_row <= len(top) else []
    return cells[area.first_column] if area.first_column < len(cells) else ""


def _refuse_two_rows(
    number: int, top: Sequence[Sequence[str]], merged: Sequence[MergedRange]
) -> None:
    """Raise RosterError if merged cells show a second heading row: guessing would shift columns."""
    if sum(map(bool, top[number - 1])) < 2:
        return
    for area in merged:
        across = area.first_row == area.last_row == number and area.last_column > area.first_column
        down = area.last_row > area.first_row and area.first_row <= number <= area.last_row
        text = _text(top, area)
        if not text or not (across or down):
            continue
        pair = (area.first_row, area.last_row) if down else (number, number + 1)
        columns = f"columns {letter(area.first_column)} to {letter(area.last_column)}"
        over = f"rows {pair[0]} to {pair[1]}" if down else columns
        msg = (
            f'The headings seem to take two rows: "{text}" in row {area.first_row} is merged '
            f"over {over}. "
            f"Set `header: [{pair[0]}, {pair[1]}]` in the mapping, or `header:` to the number of "
            "the one heading row."
        )
        raise RosterError(msg, cause=Cause.EITHER)
