"""CSV files, read record by record and given in chunks."""

from __future__ import annotations

import codecs
import csv
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import TYPE_CHECKING

from importer.errors import RosterError
from importer.loader import heading, table
from importer.loader.cells import LONGEST
from importer.loader.collector import paused
from importer.loader.sniff import changed, digest
from importer.loader.table import Numbering, Rows, Shape, Spot
from importer.model.catalogue import Code, Severity
from importer.model.escaping import unescape
from importer.model.problem import Problem
from importer.model.roster import Source

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from importer.model.problem import Place
    from importer.model.roster import Chunk, Layout

CHUNK = 50_000
"""Rows of a chunk."""

DELIMITERS = ",;\t|"
_SAMPLE = 200  # records that decide on the delimiter
_LARGEST = 16 * 1024 * 1024  # characters of a cell beyond which the file is refused whole
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_KEEP_BYTE = "importer-keep-byte"


def _keep_byte(error: UnicodeError) -> tuple[str, int]:
    """The five bytes that Windows-1252 leaves open become controls, for which rows are rejected."""
    if isinstance(error, UnicodeDecodeError):
        return error.object[error.start : error.end].decode("latin-1"), error.end
    raise error


codecs.register_error(_KEEP_BYTE, _keep_byte)


@dataclass(frozen=True, slots=True)
class Text:
    """How the bytes of a CSV file become records."""

    path: Path
    encoding: str
    delimiter: str = ","
    marked: bool = False  # its first line is `sep=…`, which no spreadsheet program shows

    def records(self) -> Iterator[list[str]]:
        """Every record, blank lines among them.

        Raises RosterError where a quotation mark is out of place, since what follows it would
        be read into wrong cells.
        """
        csv.field_size_limit(_LARGEST)
        errors = _KEEP_BYTE if self.encoding == "cp1252" else "strict"
        number = 0
        try:
            with self.path.open(encoding=self.encoding, errors=errors, newline="") as file:
                if self.marked:
                    file.readline()
                for record in csv.reader(file, delimiter=self.delimiter, strict=True):
                    number += 1
                    yield record
        except csv.Error as error:
            raise self._misquoted(number + 1, str(error)) from None
        except UnicodeError:
            msg = (
                f"{self.path.name} is not written in {self.encoding}: row {number + 1} or one soon "
                "after it holds other bytes. Name the right encoding in the mapping, or `auto`."
            )
            raise RosterError(msg) from None

    def _misquoted(self, number: int, detail: str) -> RosterError:
        what = (
            "has a quotation mark that is never closed"
            if "end of data" in detail or "field larger" in detail
            else "has text right behind a closing quotation mark"
        )
        return RosterError(
            f"{self.path.name}: row {number} {what}, so rows would run into one another. "
            "Open the file in the spreadsheet program, correct that row, and save it anew."
        )


def read_csv(path: Path, layout: Layout, sha256: str) -> CsvRoster:
    """The CSV file as a roster. Raises RosterError."""
    text = _delimited(Text(path, _encoding(path, layout.encoding)), layout)
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
    if text.encoding == "cp1252" and layout.encoding == "auto":
        notices.append(_encoding_notice(text, source))
    return CsvRoster(source, text, shape, notices)


def _encoding(path: Path, wanted: str) -> str:
    """The encoding by its mark, else UTF-8 if every byte fits it, else Windows-1252."""
    if wanted != "auto":
        try:
            return codecs.lookup(wanted).name
        except LookupError:
            msg = (
                f'The mapping names the encoding "{wanted}", which is not known. Usual ones are '
                "utf-8, windows-1252 and utf-16; `auto` finds out by itself."
            )
            raise RosterError(msg) from None
    decoder = codecs.getincrementaldecoder("utf-8")()
    nulls = size = 0
    encoding = "utf-8"
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            if not size:
                marked = next((name for bom, name in _BOMS if block.startswith(bom)), "")
                if marked:
                    return marked
            size += len(block)
            nulls += block.count(0)
            try:
                decoder.decode(block)
            except UnicodeDecodeError:
                encoding = "cp1252"
                decoder.reset()
        try:
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            encoding = "cp1252"
    if nulls * 100 > size:
        msg = (
            f"{path.name} is no text: it is full of bytes that no text has. "
            "Save it anew from the spreadsheet program, as .xlsx or as CSV UTF-8."
        )
        raise RosterError(msg)
    return encoding


def _delimited(text: Text, layout: Layout) -> Text:
    """The delimiter that `sep=` names, else the one that gives headings and even rows."""
    errors = _KEEP_BYTE if text.encoding == "cp1252" else "strict"
    try:
        with text.path.open(encoding=text.encoding, errors=errors, newline="") as file:
            lines = [line[:LONGEST] for line in islice(file, _SAMPLE)]
    except UnicodeError:
        lines = []  # said by `records`, with its row
    first = lines[0].rstrip("\r\n") if lines else ""
    if first.strip('"').lower().startswith("sep=") and len(first.strip('"')) == 5:
        return replace(text, delimiter=first.strip('"')[4], marked=True)

    def merit(delimiter: str) -> tuple[int, float, int]:
        try:
            records = [record for record in csv.reader(lines, delimiter=delimiter) if record]
        except csv.Error:
            return 0, 0, 0
        widths = [len(record) for record in records]
        usual = max(set(widths), key=widths.count, default=1)
        if usual == 1:
            return 0, 0, 1
        found = max(heading.matches(record, layout.expected) for record in records[:20])
        return found, widths.count(usual) / len(widths), usual

    return replace(text, delimiter=max(DELIMITERS, key=merit))


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
        f"the file is not UTF-8 and was read as Windows-1252; {len(rows):,} rows hold letters "
        f"that depend on it (rows {shown}): look at the names in them"
    )
    return Problem.of(Code.READ_WITH_NOTICE, source.origin(), message)


@dataclass(slots=True)
class CsvRoster:
    """A CSV file as a roster: read anew each time, a chunk at a time (model: `Roster`)."""

    source: Source
    text: Text
    shape: Shape
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
        first, last = True, False
        while not last:
            with paused():
                batch = held + list(islice(records, CHUNK))
                last = len(batch) - len(held) < CHUNK
                cut = len(batch) if last else _end_of_people(batch)
                held = batch[cut:]
                del batch[cut:]
                rows = self._rows(batch, number, first=first, last=last)
                chunk, empty = table.make(self.shape, rows, numbering)
            if last:
                self._finish(batch[len(batch) - empty :])
            number += len(batch)
            first = first and not batch
            if batch or last:
                yield chunk

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
            message = f"{empty:,} empty rows at the end were left alone"
            self.late.append(Problem.of(Code.READ_WITH_NOTICE, self.source.origin(), message))
        if digest(self.source.path) != self.source.sha256:
            raise changed(self.source.path)

    def _rows(self, batch: list[list[str]], before: int, *, first: bool, last: bool) -> Rows:
        spots: list[Spot] = []
        width = max(self.shape.kept, default=-1) + 1
        if any(length != width for length in set(map(len, batch))):
            _even_out(batch, width, spots)
        columns: list[Sequence[str]] = list(zip(*batch, strict=True)) or [()] * width
        columns = [columns[column] for column in self.shape.kept]
        ours = self.shape.row_column is not None
        for position, texts in enumerate(columns):
            joined = "\n" + "\n".join(texts)
            if ours:
                columns[position] = [unescape(text) for text in texts]
            elif "\n'" in joined or '\n="' in joined:
                columns[position] = _unwrapped(texts, position, spots)
            if joined.count("\n") > len(texts) or "\r" in joined:
                spots += _swallowed(texts, position, self.text.delimiter, width)
        numbers = range(before + 1, before + len(batch) + 1)
        return Rows(numbers, columns, spots, first, last)


def _end_of_people(batch: list[list[str]]) -> int:
    """Where rows with next to nothing in them begin: they may belong to the file's end, and wait.

    More of them than totals and signatures are people; then only the empty rows behind them wait.
    """
    cut = empty = len(batch)
    short = 0
    while cut and (filled := sum(1 for cell in batch[cut - 1] if cell.strip())) <= 2:
        short += filled > 0
        if short > table.FOOTERS:
            return empty
        cut -= 1
        if not short:
            empty = cut
    return cut


def _even_out(batch: list[list[str]], width: int, spots: list[Spot]) -> None:
    """Bring every record to the width of the headings; say where text is missing or over."""
    for row, record in enumerate(batch):
        cells = len(record)
        if cells < width:
            if any(cell.strip() for cell in record):
                message = f"has {cells} cells, and there are {width} columns"
                spots.append(Spot(row, -1, Code.ROW_TOO_SHORT, message))
            batch[row] = record + [""] * (width - cells)
        elif cells > width:
            extra = [cell for cell in record[width:] if cell.strip()]
            if extra:
                message = f"has {cells} cells, and there are {width} columns; over are: {{value}}"
                spots.append(Spot(row, -1, Code.ROW_TOO_LONG, message, " | ".join(extra)))
            batch[row] = record[:width]


def _unwrapped(texts: Sequence[str], position: int, spots: list[Spot]) -> list[str]:
    """Take off what keeps digits as text in a spreadsheet program: ="00123" and '00123."""
    bare = []
    for row, text in enumerate(texts):
        inner = text
        if text[:2] == '="' and text[-1] == '"' and len(text) > 3 and '"' not in text[2:-1]:
            inner = text[2:-1]
        elif text[:1] == "'" and text[1:].isascii() and text[1:].isdigit():
            inner = text[1:]
        if inner != text:
            message = "the mark that keeps {value} as text was taken off"
            spots.append(Spot(row, position, Code.TEXT_MARK_REMOVED, message, inner))
        bare.append(inner)
    return bare


def _swallowed(texts: Sequence[str], position: int, delimiter: str, width: int) -> Iterator[Spot]:
    """Cells that look as if a quotation mark had swallowed the end of one row and the next."""
    for row, text in enumerate(texts):
        lines = text.count("\n") + 1 if "\n" in text else text.count("\r") + 1
        if lines > 1 and text.count(delimiter) >= max(1, width - 1):
            message = "holds what looks like whole rows: a quotation mark may not be closed"
            yield Spot(row, position, Code.CELL_TOO_LONG, message)
        elif lines > 4:
            message = f"holds {lines} lines: a quotation mark may not be closed"
            yield Spot(row, position, Code.CELL_TOO_LONG, message, severity=Severity.WARNING)
