"""Rows of text → Roster: the columns, which rows are people, and what is wrong with cells."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from importer.loader.cleaning import CellFinding, Clean, clean, clean_column, writable
from importer.loader.headings import Headings
from importer.model.catalogue import Code
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
from importer.model.text import counted, unescape

FOOTERS = 10
"""Totals and signatures at the end; more such rows than this are people without IDs."""

_EXAMPLE = "is the example row of the template"
_FOOTER = "is at the end and has no ID: a total or a signature"
_LOOKS_LIKE_ID = re.compile(r"[A-Za-z]{0,3}[- ]?\d{5,}\w?|\S+@\S+", re.ASCII)
_WHOLE_ROW = -1


class Located(NamedTuple):
    """A finding about a cell: its row below the headings and its column in the file, both from 0.

    The column is -1 for a finding about the whole row.
    """

    row: int
    column: int
    finding: CellFinding


def about_row(row: int, code: Code, message: str, value: str = "", advice: str = "") -> Located:
    """Return a finding about a whole row."""
    return Located(row, _WHOLE_ROW, CellFinding(code, message, value, advice=advice))


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of a roster.

    `positions`: their positions in the file, from 0; `places`: their letters and headings. A
    rejects file has more positions than places, because the columns that it adds come last;
    `row_column` is the position of the one with the row number of the first roster. It is None for
    every other file.
    """

    positions: tuple[int, ...]
    places: tuple[Place, ...]
    row_column: int | None = None


def find_columns(
    headings: Headings, rows: Iterable[Sequence[str]], width: int, *, escaped: bool = False
) -> Columns:
    """Return the columns with a heading, and those without one that have text in a row.

    `width`: columns of the file that are looked at. `escaped`: in our own CSV files, some texts
    have a mark in front.
    """
    named = {column for column, text in enumerate(headings.texts) if text}
    unnamed = set(range(width)) - named
    filled = {
        column
        for row in (rows if unnamed else ())
        for column in unnamed
        if column < len(row) and row[column].strip()
    }
    positions = tuple(sorted(named | filled))
    texts = dict(enumerate(headings.texts))
    places = tuple(Place(letter(column), texts.get(column, "")) for column in positions)
    if tuple(place.heading for place in places[-len(ADDED) :]) != ADDED:
        return Columns(positions, places)
    own = len(places) - len(ADDED)
    ours = places[:own]
    if escaped:
        ours = tuple(Place(place.letter, unescape(place.heading)) for place in ours)
    return Columns(positions, ours, positions[own + ADDED.index(ROW)])


def build(
    source: Source,
    columns: Columns,
    rows: Sequence[Sequence[str]],
    findings: Iterable[Located] = (),
    *,
    clean: Clean = clean,
    hidden: Collection[int] = (),
    empty_below: int = 0,
    notices: Iterable[Problem] = (),
) -> Roster:
    """Return the roster of these rows, which begin below the headings; short ones are padded.

    `hidden`: positions of rows that are left out because nobody sees them. `empty_below`: rows of
    the file behind the last of `rows`.
    """
    texts, located = _cleaned(columns, rows, clean)
    located += findings
    marks = [] if columns.row_column is None else _column(rows, columns.row_column)
    located += _still_uneven(marks)
    too_long = {found.row for found in located if found.finding.code is Code.ROW_TOO_LONG}
    # a row whose only text is beyond the headings is not blank
    blank = [row for row in _blank(texts, len(rows)) if row not in too_long]
    end = len(rows)
    while blank and blank[-1] == end - 1:
        end = blank.pop()
    first = source.header[-1] + 1
    numbers = _fed_back_numbers(marks[:end]) if marks else list(range(first, first + end))

    out = {row for row in hidden if row < end}.difference(blank)
    filled = _without(range(end), out.union(blank))
    people = too_long.union(row for row, text in enumerate(marks) if read_row(text)[0])
    footers = _footers(texts, filled, people)
    kept = _without(filled, footers)
    problems = [
        Problem.of(Code.ROW_LEFT_OUT, source.origin(numbers[row]), message)
        for row, message in footers.items()
    ]
    problems += _problems(source, columns, numbers, located, kept)
    empty = sum(map(bool, rows[end:])) + empty_below  # an empty line is how text files end
    return Roster(
        source,
        columns.places,
        _frame(texts, numbers, kept),
        tuple(numbers[row] for row in blank),
        tuple(numbers[row] for row in sorted(out.union(footers))),
        tuple(problems),
        (*notices, *_empty_notice(source, empty), *_heading_notices(source, columns)),
    )


def _column(rows: Sequence[Sequence[str]], column: int) -> list[str]:
    return [row[column] if column < len(row) else "" for row in rows]


def _cleaned(
    columns: Columns, rows: Sequence[Sequence[str]], clean: Clean
) -> tuple[list[list[str]], list[Located]]:
    """Return the roster's own columns of text, cleaned, and what was found."""
    texts: list[list[str]] = []
    located: list[Located] = []
    for position in columns.positions[: len(columns.places)]:
        came = _column(rows, position)
        cleaned, findings = clean_column(came, clean)
        if findings:
            located += [
                Located(row, position, finding)
                for row, text in enumerate(came)
                for finding in findings.get(text, ())
            ]
        texts.append(cleaned)
    return texts, located


def _still_uneven(marks: Sequence[str]) -> Iterator[Located]:
    """Find rows of a rejects file whose cells nobody has put under their headings yet."""
    for row, text in enumerate(marks):
        _, code = read_row(text)
        if code is not None:
            message = f"was {UNEVEN[code]}, so its values may be under wrong headings"
            yield about_row(row, code, message, advice=UNEVEN_ADVICE)


def _fed_back_numbers(marks: Sequence[str]) -> list[int]:
    """Return a number for each row of a rejects file: the first roster's where it still has one.

    Rows that were added or copied by hand get numbers after the largest.
    """
    largest = max((read_row(text)[0] for text in marks), default=0)
    numbers: dict[int, None] = {}
    for text in marks:
        number, _ = read_row(text)
        if number <= 1 or number in numbers:
            largest += 1
            number = largest
        numbers[number] = None
    return list(numbers)


def _blank(texts: Sequence[Sequence[str]], count: int) -> list[int]:
    if not texts:
        return list(range(count))
    return [row for row, cells in enumerate(zip(*texts, strict=True)) if not any(cells)]


def _without(rows: Sequence[int], out: Collection[int]) -> Sequence[int]:
    return [row for row in rows if row not in out] if out else rows


def _footers(
    texts: Sequence[Sequence[str]], filled: Sequence[int], people: Collection[int]
) -> dict[int, str]:
    """Of the rows with text, those that are not people, and why.

    These are the template's example row at the top, and up to ten totals or signatures at the end.
    A file of one row is a person.
    """
    out: dict[int, str] = {}
    first = "".join(_cells(texts, 0)[:1]) if filled and filled[0] == 0 else ""
    if first.casefold().startswith("example:"):
        out[0] = _EXAMPLE
    found: list[int] = []
    for row in reversed(filled[1:]):
        if row in people or not is_footer(_cells(texts, row), len(texts)):
            break
        found.append(row)
        if len(found) > FOOTERS:
            return out
    out.update((row, _FOOTER) for row in reversed(found))
    return out


def is_footer(cells: Sequence[str], width: int) -> bool:
    """Return whether a row with these filled cells of `width` may be a total or a signature."""
    return (
        len(cells) <= 2
        and len(cells) * 2 < width
        and not any(_LOOKS_LIKE_ID.fullmatch(text) for text in cells)
    )


def _cells(texts: Sequence[Sequence[str]], row: int) -> list[str]:
    return [column[row] for column in texts if column[row]]


def _problems(
    source: Source,
    columns: Columns,
    numbers: Sequence[int],
    located: Iterable[Located],
    kept: Sequence[int],
) -> Iterator[Problem]:
    """Return the findings about cells and rows of the roster as problems, in reading order."""
    there = kept if isinstance(kept, range) else set(kept)
    places = dict(zip(columns.positions, columns.places, strict=False))
    places_of = {_WHOLE_ROW: ()} | {column: (place,) for column, place in places.items()}
    for row, column, finding in sorted(located, key=lambda found: (found.row, found.column)):
        if row in there and column in places_of:
            yield Problem.of(
                finding.code,
                source.origin(numbers[row]),
                finding.message,
                *places_of[column],
                value=writable(finding.value),
                severity=finding.severity,
                advice=finding.advice,
            )


def _empty_notice(source: Source, empty: int) -> Iterator[Problem]:
    if empty:
        message = f"skipped {counted(empty, 'empty row')} at the end"
        yield Problem.of(Code.READ_WITH_NOTICE, source.origin(), message)


def _heading_notices(source: Source, columns: Columns) -> Iterator[Problem]:
    message = "has values under a blank heading, so no rule can use it"
    for place in columns.places:
        if not place.heading:
            yield Problem.of(Code.COLUMN_WITHOUT_HEADING, source.origin(), message, place)


def _frame(texts: Sequence[list[str]], numbers: Sequence[int], kept: Sequence[int]) -> pd.DataFrame:
    whole = isinstance(kept, range)  # no row but those at the end is left out
    index = np.array([numbers[row] for row in kept], dtype=np.int64)
    columns = {
        at: column[: len(kept)] if whole else [column[row] for row in kept]
        for at, column in enumerate(texts)
    }
    return pd.DataFrame(columns, index=index, columns=range(len(texts)), dtype=object)
