"""Corrections of a roster that are kept beside it; the roster itself is never written.

A CSV file with a line for each change: `row,column,heading,was,now,who,when,id`. `row` and `column`
are as the spreadsheet shows them; row 14 of the run's second roster is `roster 2:14`. A line
without a column leaves the whole row out.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Collection, Iterable
from dataclasses import astuple, dataclass, fields, replace
from pathlib import Path

from importer.errors import RosterError
from importer.files import read_text_bounded, write_atomically
from importer.loader.cleaning import clean, writable
from importer.model.problem import CellFinding
from importer.model.roster import UNEVEN, Roster
from importer.model.text import escape, read_row_label, row_cell, row_label, unescape

LARGEST = 50_000_000
"""Bytes of a file of corrections."""

LEAVE_OUT = "leave out"
"""The `now` of a line that leaves a row out."""


@dataclass(frozen=True, slots=True)
class Correction:
    """One change: the cell's text before and after, who made it, and when (ISO 8601).

    `id`: the primary ID that the row has then, "" for none.
    """

    row: int
    column: str
    heading: str
    was: str
    now: str
    who: str
    when: str
    id: str

    @property
    def leaves_out(self) -> bool:
        """Whether it leaves the whole row out."""
        return not self.column


HEADINGS = [field.name for field in fields(Correction)]

_ROW = re.compile(r"((roster )?[1-9][0-9]{0,2}:)?[0-9]{1,7}")


def read_corrections(path: Path) -> tuple[Correction, ...]:
    """Read a file of corrections, in order. Raises UnreadableFileError, RosterError."""
    reader = csv.reader(io.StringIO(read_text_bounded(path, LARGEST)), strict=True)
    try:
        first, *lines = [*reader] or [[]]
    except csv.Error as error:
        msg = f"{path.name} cannot be read as CSV: {error}."
        raise RosterError(msg) from None
    if first != HEADINGS:
        msg = f"{path.name} is not a file of corrections: its headings are not {HEADINGS}."
        raise RosterError(msg)
    for number, line in enumerate(lines, start=2):
        if len(line) != len(HEADINGS) or not _ROW.fullmatch(line[0]):
            msg = f"{path.name}, line {number}: this is not a correction ({', '.join(HEADINGS)})."
            raise RosterError(msg)
    return tuple(Correction(read_row_label(cells[0]), *map(unescape, cells[1:])) for cells in lines)


def write_corrections(path: Path, corrections: Iterable[Correction]) -> None:
    """Write a private file of corrections, whole or not at all. Raises OSError."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(HEADINGS)
    writer.writerows(
        (row_cell(correction.row), *map(escape, astuple(correction)[1:]))
        for correction in corrections
    )
    write_atomically(path, text.getvalue().encode())


def remembered(corrections: Iterable[Correction]) -> dict[tuple[str, str, str], str]:
    """Return what a wrong text was corrected to, by heading without capitals, text and primary ID.

    With the ID "" for everybody. Of each cell its first text and its last count, and the last ID
    of its row; of a text that became several ones, none is remembered.
    """
    ids: dict[int, str] = {}
    first: dict[tuple[int, str], Correction] = {}
    last: dict[tuple[int, str], Correction] = {}
    for correction in corrections:
        if not correction.leaves_out:
            cell, ids[correction.row] = (correction.row, correction.column), correction.id
            first.setdefault(cell, correction)
            last[cell] = correction
    texts: dict[tuple[str, str, str], set[str]] = {}
    for cell, correction in first.items():
        if correction.was and correction.was != last[cell].now:
            for person in {"", ids[correction.row]}:
                key = correction.heading.casefold(), correction.was, person
                texts.setdefault(key, set()).add(last[cell].now)
    return {key: now for key, (now, *others) in texts.items() if not others}


def correct(
    roster: Roster, corrections: Iterable[Correction], name: str, secret: Collection[int]
) -> Roster:
    """Return the roster with the corrections made, in order; `name` is that of their file.

    A corrected cell is judged as any other, and what was wrong with it before counts no longer.
    Nor does that a row is uneven once its last cell is corrected: up to there, values are under
    wrong headings, or lacking. With columns of passwords, `secret`, it does: nobody may see them.
    Raises RosterError where a row or a column is missing, or a cell was another one.
    """
    frame = roster.frame.copy()
    out: set[int] = set()
    # a line that leaves a row out has no column
    positions = {"": 0} | {place.letter: at for at, place in enumerate(roster.places)}
    cells: dict[tuple[int, str], tuple[CellFinding, ...]] = {}
    for correction in corrections:
        row, column = correction.row, correction.column
        position = positions.get(column)
        there = row in frame.index and position is not None
        if not there or not (correction.leaves_out or frame.at[row, position] == correction.was):
            msg = (
                f"{name} corrects row {row_label(row)}, column {column or 'any'}, and the roster "
                "has no such cell, or another text in it. The roster was changed, or this file was "
                "made for another: make the corrections again."
            )
            raise RosterError(msg)
        if correction.leaves_out:
            out.add(row)
        else:
            frame.at[row, position], cells[row, column] = clean(correction.now)
    corrected = frame.loc[sorted({row for row, _ in cells})]
    blank = {*corrected.index[(corrected == "").all(axis="columns")].tolist()} - out
    if out or blank:
        frame = frame.drop(index=[*out, *blank])
    last = () if secret else roster.places[-1:]
    problems = [
        problem
        for problem in roster.problems
        if not any(
            (problem.origin.row, place.letter) in cells
            for place in (last if problem.code in UNEVEN else problem.places)
        )
    ]
    problems += (
        finding.problem(
            roster.source.origin(row),
            roster.places[positions[letter]],
            value=writable(finding.value),
        )
        for (row, letter), findings in cells.items()
        for finding in findings
    )
    return replace(
        roster,
        frame=frame,
        blank=tuple(sorted({*roster.blank, *blank})),
        left_out=tuple(sorted({*roster.left_out, *out})),
        problems=tuple(sorted(problems, key=lambda problem: problem.origin.row)),
    )


def digest(path: Path) -> str:
    """Return the SHA-256 of a file of corrections. Raises UnreadableFileError."""
    return hashlib.sha256(read_text_bounded(path, LARGEST).encode()).hexdigest()
