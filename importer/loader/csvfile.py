"""CSV files, read record by record and given in chunks."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from importer.errors import RosterError
from importer.loader import csvrows, csvtext, heading, table
from importer.loader.cells import JOIN
from importer.loader.collector import paused
from importer.loader.numbering import Numbering
from importer.loader.saying import counted
from importer.loader.sniff import changed, digest
from importer.loader.table import Rows, Shape, Spot
from importer.model.catalogue import Code
from importer.model.escaping import unescape
from importer.model.problem import Problem
from importer.model.roster import Source

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from pathlib import Path

    from importer.loader.csvtext import Text
    from importer.model.problem import Place
    from importer.model.roster import Chunk, Layout

CHUNK = 50_000
"""Rows of a chunk."""

SAMPLE = 1_000
"""So many rows show how many cells a row of the file usually has."""


def read_csv(path: Path, layout: Layout, sha256: str) -> CsvRoster:
    """The CSV file as a roster. Raises RosterError."""
    text = csvtext.find(path, layout)
    searched = max(layout.header, default=heading.SEARCHED)
    top = [
        heading.TopRow(number, record)
        for number, record in enumerate(islice(text.records(), searched), start=1)
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
    filled = [] if complete else _filled(text, headings, width)
    shape = table.shape(source, headings, filled)
    notices = shape.notices()
    if above := headings.notice(top, layout):
        notices.append(Problem.of(Code.READ_WITH_NOTICE, source.origin(), above))
    if text.encoding == "cp1252" and layout.encoding == "auto":
        notices.append(_encoding_notice(text, source))
    sample = islice(text.records(), headings.rows[-1], headings.rows[-1] + SAMPLE)
    return CsvRoster(source, text, shape, max(width, csvrows.usual_width(sample)), notices)


def _filled(text: Text, headings: heading.Headings, width: int) -> list[int]:
    """The columns without a heading that hold text: beside or between those that have one."""
    texts = headings.texts + ("",) * (width - len(headings.texts))
    empty = {column for column, heading_text in enumerate(texts) if not heading_text}
    filled = []
    for record in islice(text.records(), headings.rows[-1], None):
        here = [column for column in empty if column < len(record) and record[column].strip()]
        filled += here
        empty.difference_update(here)
        if not empty:
            break
    return filled


def _encoding_notice(text: Text, source: Source) -> Problem:
    rows = [
        number
        for number, record in enumerate(text.records(), start=1)
        if not "".join(record).isascii()
    ]
    shown = ", ".join(str(number) for number in rows[:5]) + (", …" if len(rows) > 5 else "")
    message = (
        "the file is not UTF-8 and was read as Windows-1252; on this depend letters in "
        f"{counted(len(rows), 'row')} ({shown}): look at the names there"
    )
    return Problem.of(Code.READ_WITH_NOTICE, source.origin(), message)


@dataclass(slots=True)
class CsvRoster:
    """A CSV file as a roster: read anew each time, a chunk at a time (model: `Roster`)."""

    source: Source
    text: Text
    shape: Shape
    usual: int  # cells of a row, with those behind the headings by which all rows are padded
    known: list[Problem]
    late: list[Problem] = field(default_factory=list)

    @property
    def places(self) -> tuple[Place, ...]:
        """The columns, by position."""
        return self.shape.places

    @property
    def notices(self) -> tuple[Problem, ...]:
        """About the file as a whole; empty rows at the end are known after the last chunk."""
        return (*self.known, *self.late)

    def chunks(self) -> Iterator[Chunk]:
        """The rows, in order. Raises RosterError where the file cannot be read to its end."""
        self.late.clear()
        numbering = self._numbering()
        number = self.source.header[-1]
        records = islice(self.text.records(), number, None)
        held: list[list[str]] = []
        first, last, footers = True, False, 0
        while not last:
            with paused():
                batch, last = csvrows.take(records, CHUNK)
                batch[:0] = held
                kept = self.shape.kept[: len(self.places)]
                cut = len(batch) if last else csvrows.end_of_people(batch, kept, first=first)
                held = batch[cut:]
                del batch[cut:]
                numbers = range(number + 1, number + len(batch) + 1)
                rows = self._rows(batch, numbers, first=first, last=last, footers_above=footers)
                made = table.make(self.shape, rows, numbering)
                footers = made.footers if batch else footers
            if last:
                self._finish(batch[len(batch) - made.empty :])
            number += len(batch)
            first = first and not batch
            if batch or last:
                yield made.chunk

    def chunks_with(self, rows: Collection[int]) -> Iterator[Chunk]:
        """The rows with these numbers; the others are not even looked at. Raises RosterError."""
        if self.shape.row_column is not None:  # the numbers are not those of the records
            yield from self.chunks()
            return
        wanted = (one for one in enumerate(self.text.records(), start=1) if one[0] in rows)
        while found := list(islice(wanted, CHUNK)):
            with paused():
                batch = [record for _, record in found]
                numbers = [number for number, _ in found]
                taken = self._rows(batch, numbers, first=False, last=False)
                made = table.make(self.shape, taken)
            yield made.chunk
        self._refuse_changed()

    def _numbering(self) -> Numbering | None:
        if self.shape.row_column is None:
            return None
        column = self.shape.kept[self.shape.row_column]
        records = islice(self.text.records(), self.source.header[-1], None)
        return Numbering.over([record[column] for record in records if column < len(record)])

    def _finish(self, tail: list[list[str]]) -> None:
        """Say what is known only at the end: empty rows there, and whether the file is the same."""
        empty = sum(map(bool, tail))  # an empty line after the last row is how text files end
        if empty:
            message = f"passed over {counted(empty, 'empty row')} at the end"
            self.late.append(Problem.of(Code.READ_WITH_NOTICE, self.source.origin(), message))
        self._refuse_changed()

    def _refuse_changed(self) -> None:
        if digest(self.source.path) != self.source.sha256:
            raise changed(self.source.path)

    def _rows(
        self,
        batch: list[list[str]],
        numbers: Sequence[int],
        *,
        first: bool,
        last: bool,
        footers_above: int = 0,
    ) -> Rows:
        spots: list[Spot] = []
        width = self.shape.kept[-1] + 1 if self.shape.kept else 0
        if any(length != width for length in set(map(len, batch))):
            csvrows.even_out(batch, width, self.usual, spots)
        block = np.empty((width, len(batch)), dtype=object)
        if batch and width:
            block.T[:] = batch
        block = block[list(self.shape.kept)]
        if self.shape.row_column is not None:
            for column in block:
                column[:] = [unescape(text) for text in column.tolist()]
        return Rows(numbers, block, spots, self._look, first, last, footers_above)

    def _look(
        self, position: int, texts: Sequence[str], joined: str, spots: list[Spot]
    ) -> Sequence[str]:
        """The column without the marks that keep digits as text; swallowed rows are said."""
        if "\n" in joined or "\r" in joined:
            width = self.shape.kept[-1] + 1
            spots += csvrows.swallowed(texts, position, self.text.delimiter, width)
        marked = joined[:1] == "'" or joined[:2] == '="' or f"{JOIN}'" in joined
        if self.shape.row_column is None and (marked or f'{JOIN}="' in joined):
            return csvrows.unwrapped(texts, position, spots)
        return texts
