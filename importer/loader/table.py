"""Columns of text → Chunk: which rows are people, which are not, and what is wrong with cells."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from importer.loader.cells import clean_column, whole
from importer.model.catalogue import Code, Severity
from importer.model.escaping import unescape
from importer.model.problem import Place, Problem
from importer.model.rejects import ADDED, ROW, UNEVEN, UNEVEN_ADVICE, read_row
from importer.model.roster import Chunk, Source, letter

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from importer.loader.heading import Headings

FOOTERS = 10
"""Totals and signatures at the end are a few rows; more of them are people without identifiers."""

_EXAMPLE = "example:"
_LOOKS_LIKE_ID = re.compile(r"[A-Za-z]{0,3}[- ]?\d{5,}\w?|\S+@\S+", re.ASCII)

Columns = list["Sequence[str]"]


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
    """Rows below the headings: their numbers, and the kept columns, all of the same length."""

    numbers: Sequence[int]
    columns: Sequence[Sequence[str]]
    spots: Sequence[Spot] = ()
    first: bool = True
    last: bool = True


@dataclass(slots=True)
class Numbering:
    """The row numbers of a rejects file: those of the first roster, where the row still has one.

    Rows that were added by hand, or copied, get numbers after the largest, which is `taken`.
    """

    taken: int
    seen: set[int] = field(default_factory=set)

    @classmethod
    def over(cls, texts: Sequence[str]) -> Numbering:
        """For a file whose column `Row` holds these texts."""
        return cls(max((read_row(text)[0] for text in texts), default=0))

    def apply(self, texts: Sequence[str]) -> list[int]:
        """A number for each row, none twice."""
        numbers = []
        for text in texts:
            number, _ = read_row(text)
            if number <= 1 or number in self.seen:
                self.taken += 1
                number = self.taken
            self.seen.add(number)
            numbers.append(number)
        return numbers


def _still_uneven(texts: Sequence[str]) -> Iterator[Spot]:
    """The rows of a rejects file whose cells nobody has put under their headings yet."""
    for row, text in enumerate(texts):
        _, code = read_row(text)
        if code is not None:
            message = f"was {UNEVEN[code]}, so its values may be under wrong headings"
            yield Spot(row, -1, code, message, advice=UNEVEN_ADVICE)


def make(shape: Shape, rows: Rows, numbering: Numbering | None = None) -> tuple[Chunk, int]:
    """The chunk that these rows are, and how many empty rows at the very end are no rows at all."""
    columns, spots = _clean(rows.columns[: len(shape.places)], rows.spots)
    # a row whose only text stands behind the headings is not blank
    uneven = {spot.row for spot in spots if spot.column < 0}
    blank = [row for row in _blank(columns, len(rows.numbers)) if row not in uneven]
    end = len(rows.numbers)
    while rows.last and end and blank and blank[-1] == end - 1:
        end = blank.pop()
    numbers = rows.numbers[:end]
    if numbering is not None and shape.row_column is not None:
        marks = rows.columns[shape.row_column][:end]
        numbers = numbering.apply(marks)
        spots += _still_uneven(marks)
    left_out = _left_out(rows, columns, set(blank), end)
    absent = left_out.keys() | set(blank)
    kept = [position for position in range(end) if position not in absent] if absent else range(end)
    problems = [
        Problem.of(Code.ROW_LEFT_OUT, shape.source.origin(numbers[position]), message)
        for position, message in left_out.items()
    ]
    problems += [
        _problem(shape, numbers[spot.row], spot)
        for spot in sorted(spots, key=lambda spot: (spot.row, spot.column))
        if spot.row < end and spot.row not in absent
    ]
    chunk = Chunk(
        _frame(columns, numbers, kept),
        tuple(numbers[position] for position in blank),
        tuple(numbers[position] for position in left_out),
        tuple(problems),
    )
    return chunk, len(rows.numbers) - end


def _clean(columns: Sequence[Sequence[str]], spots: Sequence[Spot]) -> tuple[Columns, list[Spot]]:
    cleaned: Columns = []
    found = list(spots)
    for position, texts in enumerate(columns):
        column, findings = clean_column(texts)
        cleaned.append(column)
        if findings:
            found += [
                Spot(row, position, finding.code, finding.message, finding.value, finding.severity)
                for row, text in enumerate(texts)
                for finding in findings.get(text, ())
            ]
    return cleaned, found


def _blank(columns: Columns, length: int) -> list[int]:
    """The positions of the rows without any text, found by narrowing down column by column."""
    blank: Sequence[int] = range(length)
    for column in columns:
        blank = [position for position in blank if not column[position]]
        if not blank:
            break
    return list(blank)


def _left_out(rows: Rows, columns: Columns, blank: set[int], end: int) -> dict[int, str]:
    """The rows that are no people, by position, and why: an example, totals, signatures."""
    out: dict[int, str] = {}
    if rows.first and end and 0 not in blank:
        filled = next(_filled(columns, 0), "")
        if filled.casefold().startswith(_EXAMPLE):
            out[0] = "is the example row of the template"
    footers: list[int] = []
    position = end - 1
    top = 1 if rows.first else 0  # a file of one row is a person
    while rows.last and position >= top and len(footers) <= FOOTERS:
        if position not in blank:
            if not _is_footer(list(_filled(columns, position)), len(columns)):
                break
            footers.append(position)
        position -= 1
    if len(footers) <= FOOTERS:
        message = "stands at the end and holds no identifier: a total or a signature"
        out.update((position, message) for position in reversed(footers))
    return out


def _filled(columns: Columns, position: int) -> Iterator[str]:
    return (column[position] for column in columns if column[position])


def _is_footer(filled: list[str], width: int) -> bool:
    """At most two cells of many, and none like an identifier or an address."""
    return (
        len(filled) <= 2
        and len(filled) * 2 < width
        and not any(_LOOKS_LIKE_ID.fullmatch(text) for text in filled)
    )


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


def _frame(columns: Columns, numbers: Sequence[int], kept: Sequence[int]) -> pd.DataFrame:
    """One block of Python strings (dtype object): lists of distinct values come from it at once."""
    block = np.empty((len(columns), len(kept)), dtype=object)
    for position, column in enumerate(columns):
        if len(kept) == len(column):
            block[position] = column
        else:
            block[position] = [column[row] for row in kept]
    index = np.fromiter((numbers[row] for row in kept), dtype=np.int64, count=len(kept))
    return pd.DataFrame(block.T, index=index, columns=range(len(columns)), copy=False)
