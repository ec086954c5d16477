"""CSV files → Roster."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from importer.errors import RosterError
from importer.loader import csvrows, csvtext, heading, table
from importer.loader.cells import JOIN
from importer.loader.numbering import Numbering
from importer.loader.saying import counted
from importer.loader.table import Rows, Spot
from importer.model.catalogue import Code
from importer.model.problem import Problem
from importer.model.roster import Source
from importer.model.text import unescape

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from importer.loader.csvtext import Text
    from importer.loader.table import Shape
    from importer.model.roster import Layout, Roster

ROWS = 1_000_000
"""Rows that a CSV file may have."""

SAMPLE = 1_000
"""So many rows show how many cells a row of the file usually has."""


def read_csv(path: Path, layout: Layout, sha256: str) -> Roster:
    """The CSV file as a roster. Raises RosterError."""
    text = csvtext.find(path, layout)
    records = list(islice(text.records(), ROWS + heading.SEARCHED))
    searched = max(layout.header, default=heading.SEARCHED)
    top = [
        heading.TopRow(number, record) for number, record in enumerate(records[:searched], start=1)
    ]
    headings = heading.find(top, layout)
    if headings is None:
        msg = f"{path.name} holds no text. Look whether the export was complete."
        raise RosterError(msg)
    source = Source(
        path,
        sha256,
        "csv",
        encoding=text.encoding.removesuffix("-sig"),
        delimiter=text.delimiter,
        header=headings.rows,
    )
    # Columns behind the last heading are there if the heading row reaches them; where only other
    # rows do, those rows are too long.
    width = max(len(row.cells) for row in top if row.number in headings.rows)
    complete = all(headings.texts) and width == len(headings.texts)
    below = records[headings.rows[-1] :]
    _refuse_long(path, len(below))
    filled = [] if complete else _filled(below, headings, width)
    shape = table.shape(source, headings, filled)
    notices = shape.notices()
    if above := headings.notice(top, layout):
        notices.append(Problem.of(Code.READ_WITH_NOTICE, source.origin(), above))
    if text.encoding == "cp1252" and layout.encoding == "auto":
        notices.append(_encoding_notice(records, source))
    usual = max(width, csvrows.usual_width(below[:SAMPLE]))
    lengths = [bool(record) for record in below]
    rows = _rows(text, shape, below, usual)
    numbering = (
        None if shape.row_column is None else Numbering.over(rows.block[shape.row_column].tolist())
    )
    made = table.make(shape, rows, numbering)
    notices += _empty_notice(source, sum(lengths[len(lengths) - made.empty :]))
    return made.roster(shape, notices)


def _filled(records: Sequence[list[str]], headings: heading.Headings, width: int) -> list[int]:
    """The columns without a heading that hold text: beside or between those that have one."""
    texts = headings.texts + ("",) * (width - len(headings.texts))
    empty = {column for column, heading_text in enumerate(texts) if not heading_text}
    filled = []
    for record in records:
        here = [column for column in empty if column < len(record) and record[column].strip()]
        filled += here
        empty.difference_update(here)
        if not empty:
            break
    return filled


def _encoding_notice(records: Sequence[list[str]], source: Source) -> Problem:
    rows = [
        number for number, record in enumerate(records, start=1) if not "".join(record).isascii()
    ]
    shown = ", ".join(str(number) for number in rows[:5]) + (", …" if len(rows) > 5 else "")
    message = (
        "the file is not UTF-8 and was read as Windows-1252; on this depend letters in "
        f"{counted(len(rows), 'row')} ({shown}): look at the names there"
    )
    return Problem.of(Code.READ_WITH_NOTICE, source.origin(), message)


def _refuse_long(path: Path, rows: int) -> None:
    if rows > ROWS:
        msg = (
            f"{path.name} has more than {ROWS:,} rows. Split the file, and load the parts "
            "one after another."
        )
        raise RosterError(msg)


def _empty_notice(source: Source, empty: int) -> list[Problem]:
    """A notice about empty rows at the end; an empty line there is how text files end."""
    if not empty:
        return []
    message = f"passed over {counted(empty, 'empty row')} at the end"
    return [Problem.of(Code.READ_WITH_NOTICE, source.origin(), message)]


def _rows(text: Text, shape: Shape, records: list[list[str]], usual: int) -> Rows:
    """The records below the headings as columns. `records` are brought to one width in place."""
    spots: list[Spot] = []
    width = shape.kept[-1] + 1 if shape.kept else 0
    if any(length != width for length in set(map(len, records))):
        csvrows.even_out(records, width, usual, spots)
    block = np.empty((width, len(records)), dtype=object)
    if records and width:
        block.T[:] = records
    block = block[list(shape.kept)]
    if shape.row_column is not None:
        for column in block:
            column[:] = [unescape(text) for text in column.tolist()]

    def look(position: int, texts: Sequence[str], joined: str, spots: list[Spot]) -> Sequence[str]:
        """The column without the marks that keep digits as text; swallowed rows are reported."""
        if "\n" in joined or "\r" in joined:
            spots += csvrows.swallowed(texts, position, text.delimiter, width)
        marked = joined[:1] == "'" or joined[:2] == '="' or f"{JOIN}'" in joined
        if shape.row_column is None and (marked or f'{JOIN}="' in joined):
            return csvrows.unwrapped(texts, position, spots)
        return texts

    first = shape.source.header[-1] + 1
    return Rows(range(first, first + len(records)), block, spots, look)
