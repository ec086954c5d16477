"""Columns of text → Roster: which rows are people, which are not, and what is wrong with cells."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from importer.loader import leftout
from importer.loader.cells import JOIN, clean_column, whole
from importer.model.catalogue import Code, Severity
from importer.model.problem import Place, Problem
from importer.model.roster import (
    ADDED,
    ROW,
    UNEVEN,
    UNEVEN_ADVICE,
    Roster,
    Source,
    letter,
    read_row,
)
from importer.model.text import unescape

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from importer.loader.content import Ints, Texts
    from importer.loader.heading import Headings
    from importer.loader.numbering import Numbering

Look = Callable[[int, "Sequence[str]", str, "list[Spot]"], "Sequence[str]"]


@dataclass(frozen=True, slots=True)
class Shape:
    """Which columns of the file make up the roster.

    `kept` are the columns that are there, counted from 0; `places` are theirs, without those that
    a rejects file adds at the end. `row_column` is where a rejects file holds the row number of
    the first roster, as a position in `kept`; None for every other file.
    """

    source: Source
    places: tuple[Place, ...]
    kept: tuple[int, ...]
    row_column: int | None = None

    def notices(self) -> list[Problem]:
        """A notice for each column that holds text under a blank heading."""
        message = "holds values under a blank heading, so no rule can use it"
        return [
            Problem.of(Code.COLUMN_WITHOUT_HEADING, self.source.origin(), message, place)
            for place in self.places
            if not place.heading
        ]


def shape(source: Source, headings: Headings, filled: Sequence[int]) -> Shape:
    """The columns of a roster; `filled` are those that hold text below the headings.

    A column without a heading is kept only if it holds text.
    """
    texts = dict(enumerate(headings.texts))
    kept = tuple(sorted({column for column, text in texts.items() if text} | set(filled)))
    places = tuple(Place(letter(column), texts.get(column, "")) for column in kept)
    if tuple(place.heading for place in places[-len(ADDED) :]) != ADDED:
        return Shape(source, places, kept)
    own = len(kept) - len(ADDED)
    ours = places[:own]
    if source.kind == "csv":
        ours = tuple(Place(place.letter, unescape(place.heading)) for place in ours)
    return Shape(source, ours, kept, own + ADDED.index(ROW))


@dataclass(frozen=True, slots=True)
class Spot:
    """Something about a cell, or about a whole row where `column` is -1; both are positions."""

    row: int
    column: int
    code: Code
    message: str
    value: str = ""
    severity: Severity | None = None
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows below the headings: their numbers, and the kept columns, a row of `block` each.

    `look` may say more about a column, given its position, its texts and these joined; it gives
    the texts without what this kind of file puts around them.
    """

    numbers: Sequence[int]
    block: Texts
    spots: Sequence[Spot] = ()
    look: Look | None = None
    hidden: Collection[int] = ()  # the numbers of rows with text that are not to be read


def _still_uneven(texts: Sequence[str]) -> Iterator[Spot]:
    """The rows of a rejects file whose cells nobody has put under their headings yet."""
    for row, text in enumerate(texts):
        _, code = read_row(text)
        if code is not None:
            message = f"was {UNEVEN[code]}, so its values may be under wrong headings"
            yield Spot(row, -1, code, message, advice=UNEVEN_ADVICE)


@dataclass(frozen=True, slots=True)
class Made:
    """The rows of a roster (see `Roster`), and how many empty rows at its end were dropped."""

    frame: pd.DataFrame
    blank: tuple[int, ...]
    left_out: tuple[int, ...]
    problems: tuple[Problem, ...]
    empty: int

    def roster(self, shape: Shape, notices: Sequence[Problem]) -> Roster:
        """Return the roster with these notices."""
        return Roster(
            shape.source,
            shape.places,
            self.frame,
            self.blank,
            self.left_out,
            self.problems,
            tuple(notices),
        )


def make(shape: Shape, rows: Rows, numbering: Numbering | None = None) -> Made:
    """Sort the rows into people, blank ones and left out ones; the block is cleaned in place."""
    block = rows.block[: len(shape.places)]
    spots = _clean(block, rows)
    marks: list[str] = [] if shape.row_column is None else rows.block[shape.row_column].tolist()
    spots += _still_uneven(marks)
    # a row whose only text stands behind the headings is neither blank nor a total
    too_long = {spot.row for spot in spots if spot.code is Code.ROW_TOO_LONG}
    # nor is a total what was rejected before
    people = too_long | {row for row, text in enumerate(marks) if read_row(text)[0]}
    blank = [row for row in _blank(block).tolist() if row not in too_long]
    end = len(rows.numbers)
    while end and blank and blank[-1] == end - 1:
        end = blank.pop()
    numbers = rows.numbers[:end]
    hidden = _hidden(numbers, rows.hidden).difference(blank)
    if numbering is not None:
        numbers = numbering.apply(marks[:end])
    kept = _without(range(end), hidden.union(blank))
    left_out = _left_out(block, kept, people)
    kept = _without(kept, left_out.keys())
    problems = [
        Problem.of(Code.ROW_LEFT_OUT, shape.source.origin(numbers[position]), message)
        for position, message in left_out.items()
    ]
    problems += _problems(shape, numbers, spots, kept)
    return Made(
        _frame(block, numbers, kept),
        tuple(numbers[position] for position in blank),
        tuple(numbers[position] for position in sorted((*left_out, *hidden))),
        tuple(problems),
        len(rows.numbers) - end,
    )


def _hidden(numbers: Sequence[int], hidden: Collection[int]) -> set[int]:
    return {at for at, number in enumerate(numbers) if number in hidden} if hidden else set()


def _without(positions: Sequence[int], out: Collection[int]) -> Sequence[int]:
    return [position for position in positions if position not in out] if out else positions


def _left_out(columns: Texts, filled: Sequence[int], people: Collection[int]) -> dict[int, str]:
    """Of the rows with text, those that are no people, by position, and why."""
    out: dict[int, str] = {}
    if filled and filled[0] == 0 and leftout.is_example(columns, 0):
        out[0] = leftout.EXAMPLE
    # a file of one row is a person
    found = leftout.footers(columns, filled[1:], people)
    if len(found) <= leftout.FOOTERS:
        out.update((position, leftout.FOOTER) for position in reversed(found))
    return out


def _clean(block: Texts, rows: Rows) -> list[Spot]:
    """Clean every cell of the block; everything that is to say about cells."""
    spots = list(rows.spots)
    for position, column in enumerate(block):
        texts = came = column.tolist()
        joined = JOIN.join(texts)
        if rows.look is not None:
            texts = rows.look(position, came, joined, spots)
            joined = joined if texts is came else JOIN.join(texts)
        cleaned, findings = clean_column(texts, joined)
        if findings:
            spots += [
                Spot(row, position, finding.code, finding.message, finding.value, finding.severity)
                for row, text in enumerate(texts)
                for finding in findings.get(text, ())
            ]
        if cleaned is not came:
            column[:] = cleaned
    return spots


def _blank(block: Texts) -> Ints:
    """The positions of the rows without any text, found by narrowing down column by column."""
    blank = np.arange(block.shape[1])
    for column in block:
        blank = blank[column[blank] == ""]
        if not len(blank):
            break
    return blank


def _problems(
    shape: Shape, numbers: Sequence[int], spots: Sequence[Spot], kept: Sequence[int]
) -> Iterator[Problem]:
    there = kept if isinstance(kept, range) else set(kept)
    for spot in sorted(spots, key=lambda spot: (spot.row, spot.column)):
        if spot.row in there:
            yield _problem(shape, numbers[spot.row], spot)


def _problem(shape: Shape, number: int, spot: Spot) -> Problem:
    places = (shape.places[spot.column],) if spot.column >= 0 else ()
    origin = shape.source.origin(number)
    return Problem.of(
        spot.code,
        origin,
        spot.message,
        *places,
        value=whole(spot.value),
        severity=spot.severity,
        advice=spot.advice,
    )


def _frame(block: Texts, numbers: Sequence[int], kept: Sequence[int]) -> pd.DataFrame:
    """One block of Python strings: lists of distinct values come from it at once."""
    index = np.fromiter(numbers, dtype=np.int64, count=len(numbers))
    if len(kept) < block.shape[1]:
        block, index = block[:, kept], index[kept]
    columns = range(len(block))
    return pd.DataFrame(block.T, index=index, columns=columns, dtype=object, copy=False)
