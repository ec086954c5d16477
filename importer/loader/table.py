"""Rows of text → Roster: headings, columns, which rows are people, what is wrong with cells."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, zip_longest
from operator import itemgetter
from typing import NamedTuple

import numpy as np
import pandas as pd

from importer.errors import Cause, RosterError
from importer.loader.cleaning import Clean, clean, clean_column, writable
from importer.model.problem import CellFinding, Code, Place, Problem
from importer.model.roster import (
    DECISION,
    MARKED_ADVICE,
    NO_HEADINGS,
    REJECTS_FORMATS,
    ROW,
    UNEVEN,
    UNEVEN_ADVICE,
    WHY,
    DecisionCell,
    Layout,
    Roster,
    RowCell,
    Source,
    letter,
    read_row,
)
from importer.model.text import counted, unescape
from importer.model.vocabulary import known_headings

ROWS, COLUMNS = 1_048_576, 16_384
"""Rows and columns that a sheet can have."""

CELLS = 3_200_000
"""Cells, empty ones between included, of a sheet that can be read at all."""

FOOTERS = 10
"""Totals and signatures at the end; more such rows than this are people without IDs."""

WHOLE_ROW = -1
"""The column of a finding about a whole row."""

SEARCHED = 20
"""Rows from the top that are searched for headings."""

_LETTER = re.compile(r"[^\W\d_]")
_VALUE = re.compile(r"\d")
_OF_A_PERSON = re.compile(r"\d{3}|@")
_LINE = re.compile("[-=_:+]+")
_LOOKS_LIKE_ID = re.compile(r"[A-Za-z]{0,3}[- ]?\d{5,}\w?|\S+@\S+", re.ASCII)


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


class Located(NamedTuple):
    """A finding about a cell: its row as Excel shows it, and its column in the file, from 0."""

    row: int
    column: int
    finding: CellFinding


@dataclass(slots=True)
class Sheet:
    """The cells of a sheet, or of a CSV file.

    `rows`: the texts of every row from row 1 and column A on; a row without text may have no cells.
    """

    rows: list[Sequence[str]] = field(default_factory=list)
    findings: list[Located] = field(default_factory=list)
    formula_columns: set[int] = field(default_factory=set)
    merged: list[MergedRange] = field(default_factory=list)
    hidden_rows: set[int] = field(default_factory=set)
    hidden_columns: set[int] = field(default_factory=set)

    def add(self, cells: Iterable[tuple[str, CellFinding | None]]) -> None:
        """Add the next row: the text of each cell, and what is wrong with it."""
        row, texts = len(self.rows) + 1, list[str]()
        for column, (text, finding) in enumerate(cells):
            texts.append(text)
            if finding is not None:
                self.findings.append(Located(row, column, finding))
        self.rows.append(texts)


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of a roster.

    `positions`: their positions in the file, from 0; `places`: their letters and headings.
    `added`: the positions of the columns that a rejects file adds, by heading; none for any other
    file.
    """

    positions: tuple[int, ...]
    places: tuple[Place, ...]
    added: Mapping[str, int] = field(default_factory=dict)

    @property
    def end(self) -> int:
        """The position behind the last column."""
        return max((*self.positions, *self.added.values()), default=-1) + 1


# --- headings ---


def fold(heading: str) -> str:
    """Return a heading as headings are compared: without case, outer and repeated blanks."""
    return clean(heading)[0].casefold()


def matches(row: Sequence[str], expected: frozenset[str]) -> int:
    """Return how many of the expected headings are in the row."""
    return len({fold(cell) for cell in row} & {fold(heading) for heading in expected})


def find_headings(
    rows: Sequence[Sequence[str]], layout: Layout, merged: Sequence[MergedRange] = ()
) -> Headings | None:
    """Return the headings of a sheet with these rows from row 1 on; None if it has no text there.

    Raises RosterError if the mapping names a row that is blank, or if headings take two rows and
    the mapping does not name both.
    """
    if is_rejects(rows):
        layout = replace(layout, header=(1,))  # whatever `header` says of its roster
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


def added_columns(headings: Sequence[str]) -> dict[str, int]:
    """Return the positions of the headings that our rejects files add; {} for any other file."""
    for known in reversed(REJECTS_FORMATS):
        for at in range(len(headings)):
            if tuple(headings[at : at + len(known)]) == known:
                return {heading: at + place for place, heading in enumerate(known)}
    return {}


def is_rejects(rows: Sequence[Sequence[str]]) -> bool:
    """Return whether the first row has the headings that our rejects files add."""
    return bool(rows) and bool(added_columns([clean(cell)[0] for cell in rows[0]]))


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
    return known_headings(row)


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


# --- columns and rows ---


def find_columns(headings: Headings, sheet: Sheet, width: int, *, escaped: bool) -> Columns:
    """Return the columns with a heading, and those without one that have text in a row.

    `width`: columns of the file that are looked at. `escaped`: in our own CSV files, some texts
    have a mark in front.
    """
    texts = dict(enumerate(headings.texts))
    named = {column for column, text in texts.items() if text}
    unnamed = set(range(width)) - named
    filled = {
        column
        for row in (sheet.rows[headings.rows[-1] :] if unnamed else ())
        for column, text in enumerate(row)
        if column in unnamed and text.strip()
    }
    added = added_columns(headings.texts)
    positions = tuple(sorted((named | filled).difference(added.values())))
    plain = unescape if escaped and added else str
    places = tuple(Place(letter(at), plain(texts.get(at, ""))) for at in positions)
    return Columns(positions, places, added)


def build(
    source: Source,
    columns: Columns,
    sheet: Sheet,
    *,
    clean: Clean,
    visible_only: bool,
    all_people: bool,
    notices: Iterable[Problem],
) -> Roster:
    """Return the roster of a sheet: its rows below the headings, short ones padded.

    `all_people`: no row is a total, a signature, an example or the headings once more.
    """
    first = source.header[-1] + 1
    last = len(sheet.rows)
    while last >= first and not any(sheet.rows[last - 1]):
        last -= 1
    rows = sheet.rows[first - 1 : last]
    frame, located, lines = _cleaned(columns, rows, first, clean)
    marks = {n: read_row(text) for n, text in _added_column(rows, columns, ROW, first).items()}
    located += sheet.findings
    located += [*_still_marked(marks, columns, located)]
    too_long = {at.row for at in located if at.finding.code is Code.ROW_TOO_LONG}
    # a row whose only text is beyond the headings is not blank
    text = frame.index.isin(too_long)
    for at in frame:
        if not text.all():
            text |= frame[at].to_numpy().astype(bool)
    filled = frame.index[text]
    end = int(filled[-1]) if len(filled) else first - 1
    numbers = _fed_back_numbers({row: cell for row, cell in marks.items() if row <= end})

    out = sheet.hidden_rows.intersection(filled) if visible_only else set()
    numbered = {row for row, cell in marks.items() if cell.number}
    shown = _only(frame, filled.difference([*out]))
    not_people = (
        {}
        if all_people
        else _not_people(shown, columns, sheet, source.header, clean, numbered, too_long)
    )
    kept = filled.difference([*out, *not_people])
    there = set(kept)
    problems = [
        Problem.of(Code.ROW_LEFT_OUT, source.origin(numbers.get(row, row)), message)
        for row, message in not_people.items()
    ]
    problems += _problems(source, columns, numbers, located, there)
    blank = frame.loc[:end].index.difference(filled)
    whys = _added_column(rows, columns, WHY, first)
    decisions = {
        numbers[row]: DecisionCell(text.strip(), whys[row])
        for row, text in _added_column(rows, columns, DECISION, first).items()
        if text.strip() and row in there
    }
    frame = _only(frame, kept)
    second = 0 if all_people else _second(frame)
    if numbers:
        frame.index = frame.index.map(numbers)
    return Roster(
        source,
        columns.places,
        frame,
        tuple(numbers.get(row, row) for row in blank.tolist()),
        tuple(numbers.get(row, row) for row in sorted(out.union(not_people))),
        tuple(problems),
        (*notices, *_notices(source, columns, len(sheet.rows) - end, second)),
        decisions,
        rejects=bool(columns.added),
        parts=frozenset(cell.part for cell in marks.values() if cell.number),
        lines={
            at: {numbers.get(row, row): text for row, text in texts.items() if row in there}
            for at, texts in lines.items()
        },
    )


def _only(frame: pd.DataFrame, rows: pd.Index[int]) -> pd.DataFrame:
    """Return these rows of a frame; it itself, uncopied, if they are all."""
    return frame.loc[rows] if len(rows) < len(frame) else frame


def _added_column(
    rows: Sequence[Sequence[str]], columns: Columns, heading: str, first: int
) -> dict[int, str]:
    """Return by row a column that a rejects file adds; nothing for any other file."""
    at = columns.added.get(heading)
    return {} if at is None else dict(enumerate(_column(rows, at), first))


def _column(rows: Sequence[Sequence[str]], column: int) -> list[str]:
    try:
        return list(map(itemgetter(column), rows))
    except IndexError:  # a row is short
        return [row[column] if column < len(row) else "" for row in rows]


def _columns(rows: Sequence[Sequence[str]], positions: Iterable[int]) -> Iterator[list[str]]:
    """Yield some columns; those of even rows are cut out of one list, which is quicker."""
    first, *others = {*map(len, rows)} or {0}
    width = 0 if others else first
    cells = [*chain.from_iterable(rows)] if width else []
    for at in positions:
        yield cells[at::width] if at < width else _column(rows, at)


def _cleaned(
    columns: Columns, rows: Sequence[Sequence[str]], first: int, clean: Clean
) -> tuple[pd.DataFrame, list[Located], dict[int, dict[int, str]]]:
    """Return the roster's own columns of text, cleaned, what was found, and cells of several lines.

    These are by position and row.
    """
    texts: dict[int, list[str]] = {}
    located: list[Located] = []
    lines: dict[int, dict[int, str]] = {}
    every = zip(columns.positions, _columns(rows, columns.positions), strict=True)
    for at, (position, came) in enumerate(every):
        texts[at], findings, several = clean_column(came, clean)
        if findings:
            located += [
                Located(row, position, finding)
                for row, text in enumerate(came, start=first)
                for finding in findings.get(text, ())
            ]
        if several:
            lines[at] = {row: several[t] for row, t in enumerate(came, first) if t in several}
    index = pd.RangeIndex(first, first + len(rows))
    frame = pd.DataFrame(texts, index, range(len(texts)), dtype=object, copy=False)
    return frame, located, lines


def _still_marked(
    marks: Mapping[int, RowCell], columns: Columns, located: Sequence[Located]
) -> Iterator[Located]:
    """Find rows of a rejects file that nobody has corrected yet, as the words in them say."""
    positions = {
        letter(at - min(columns.added.values(), default=0)): at for at in columns.positions
    }
    known = {(at.row, at.column, at.finding.code) for at in located}
    for row, cell in marks.items():
        for mark in cell.marks:
            column = positions.get(mark.column, WHOLE_ROW)
            if mark.code in UNEVEN:
                message = f"was {mark}, so its values may be under wrong headings"
                yield Located(row, WHOLE_ROW, CellFinding(mark.code, message, UNEVEN_ADVICE))
            elif (row, column, mark.code) not in known:
                message = f"still has the words “{mark}” behind the row's number"
                yield Located(row, column, CellFinding(mark.code, message, MARKED_ADVICE))


def _fed_back_numbers(marks: Mapping[int, RowCell]) -> dict[int, int]:
    """Return a number for each row of a rejects file: the first roster's where it still has one.

    Rows that were added or copied by hand get numbers after the largest.
    """
    largest = max((cell.number for cell in marks.values()), default=0)
    rows: dict[int, int] = {}
    for row, cell in marks.items():
        number = cell.number
        if not number or number in rows:
            largest += 1
            number = largest
        rows[number] = row
    return {row: number for number, row in rows.items()}


def _not_people(
    shown: pd.DataFrame,
    columns: Columns,
    sheet: Sheet,
    header: tuple[int, ...],
    clean: Clean,
    numbered: Collection[int],
    too_long: Collection[int],
) -> dict[int, str]:
    """Return which of the rows with text are no people, and why; `numbered` ones are rejects."""
    heads = [sheet.rows[number - 1] for number in header if number]
    repeated = sorted({*_repeated_headings(shown, columns, heads, clean)})
    below = shown.index.intersection([header[-1] + 1, *(row + 1 for row in repeated)])
    drawn = [
        row
        for row in below.difference([*numbered]).tolist()
        if _is_line((*shown.loc[row], *sheet.rows[row - 1][columns.end :]))
    ]
    left = _only(shown, shown.index.difference([*repeated, *drawn]))
    return (
        dict.fromkeys(repeated, "repeats the headings")
        | dict.fromkeys(drawn, "is a line of dashes below the headings")
        | _footers(left, {*numbered, *too_long})
    )


def _repeated_headings(
    frame: pd.DataFrame, columns: Columns, heads: Iterable[Sequence[str]], clean: Clean
) -> Iterator[int]:
    """Find rows that are a heading row once more, as in joined exports and at page breaks."""
    for head in heads:
        cells = dict(enumerate(head))
        names = [clean(cells.get(at, ""))[0].casefold() for at in columns.positions]
        rows = np.arange(len(frame) if any(names) else 0)
        for column, name in enumerate(names):
            texts = frame[column].to_numpy()[rows].tolist()
            rows = rows[[text == name for text in map(str.casefold, texts)]]
        yield from frame.index[rows].tolist()


def _second(frame: pd.DataFrame) -> int:
    """Return the first row that looks like the headings of a second table; 0 if none does."""
    left = np.arange(len(frame))
    for column in frame:
        texts = frame[column].to_numpy()[left].tolist()
        left = left[[match is None for match in map(_OF_A_PERSON.search, texts)]]
    for row in frame.index[left].tolist():
        filled = [*filter(None, frame.loc[row])]
        if all(map(_is_word, filled)) and _usual(filled) >= max(2, len(filled) / 2):
            return int(row)
    return 0


def _is_line(texts: Iterable[str]) -> bool:
    """Return whether the cells are dashes only, as database programs draw below headings."""
    filled = [*filter(None, map(str.strip, texts))]
    return max(map(len, filled), default=0) > 1 and all(map(_LINE.fullmatch, filled))


def _footers(frame: pd.DataFrame, people: Collection[int]) -> dict[int, str]:
    """Of the rows with text, those that are not people, and why.

    These are the template's example row at the top, and up to ten totals or signatures at the end,
    which fill one or two cells, less than half of the row, none of them with an ID.
    A file of one row is a person, and so is a row with the same cells filled as the first person or
    as the last row that is surely one.
    """

    def cells(row: int) -> list[str]:
        return [text for text in frame.loc[[row]].to_numpy()[0] if text]

    def shape(row: int) -> list[bool]:
        return [*map(bool, frame.loc[[row]].to_numpy()[0])]

    out: dict[int, str] = {}
    filled: list[int] = frame.index.tolist()
    if filled and "".join(cells(filled[0])[:1]).casefold().startswith("example:"):
        out[filled.pop(0)] = "is the example row of the template"
    footers: list[int] = []
    for row in filled[:0:-1]:
        texts = cells(row)
        if len(texts) > 2 or len(texts) * 2 >= frame.shape[1]:
            break
        if row in people or any(map(_LOOKS_LIKE_ID.fullmatch, texts)):
            break
        if shape(row) == shape(filled[0]):
            break
        footers.append(row)
        if len(footers) > FOOTERS:
            return out
    last = filled[-1 - len(footers)] if footers else 0
    alike = (at for at, row in enumerate(footers) if shape(row) == shape(last))
    reason = "is at the end and has no ID: a total or a signature"
    return out | dict.fromkeys(reversed(footers[: next(alike, None)]), reason)


def _problems(
    source: Source,
    columns: Columns,
    numbers: Mapping[int, int],
    located: Iterable[Located],
    there: Collection[int],
) -> Iterator[Problem]:
    """Return the findings about cells and rows of the roster as problems, in reading order."""
    places = dict(zip(columns.positions, columns.places, strict=True))
    for row, column, finding in sorted(located, key=itemgetter(0, 1)):
        if row in there and (column == WHOLE_ROW or column in places):
            origin = source.origin(numbers.get(row, row))
            place = () if column == WHOLE_ROW else (places[column],)
            yield finding.problem(origin, *place, value=writable(finding.value))


def _notices(source: Source, columns: Columns, empty: int, second: int) -> Iterator[Problem]:
    if second:
        yield source.notice(
            f"row {second} looks like the headings of a second table, and the rows below it were "
            "read as those above it",
            advice="Move the second table into a file of its own.",
        )
    if empty:
        yield source.notice(f"skipped {counted(empty, 'empty row')} at the end")
    message = "has values under a blank heading, so no rule can use it"
    for place in columns.places:
        if not place.heading:
            yield source.notice(message, place, code=Code.COLUMN_WITHOUT_HEADING)
