"""CSV files → Roster: encoding, delimiter, quotation marks, uneven rows."""

from __future__ import annotations

import codecs
import csv
import io
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from importer.errors import RosterError
from importer.loader import headings, table
from importer.loader.cleaning import LONGEST, CellFinding, Cleaned, clean
from importer.loader.headings import TopRow
from importer.loader.table import Columns, Located, about_row
from importer.model.catalogue import Code, Severity
from importer.model.problem import Problem
from importer.model.roster import Layout, Roster, Source
from importer.model.text import counted, unescape

ROWS = 1_000_000
"""Rows that a CSV file may have."""

CELLS = 25 * ROWS
"""Cells that a CSV file may have."""

Record = tuple[str, ...]
"""The cells of a row. Python's garbage collector skips tuples of text, but not lists of it."""

_DELIMITERS = ",;\t|"
_SAMPLE = 200  # lines that decide on the delimiter
_WIDTH_SAMPLE = 1_000  # rows that show how many cells a row usually has
_LARGEST = 16 * 1024 * 1024  # characters of a cell, and of a row, that are read at all
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_KEEP_BYTE = "importer-keep-byte"


def _keep_byte(error: UnicodeError) -> tuple[str, int]:
    """Decode the five bytes that Windows-1252 does not define as controls, which reject a row."""
    if isinstance(error, UnicodeDecodeError):
        return error.object[error.start : error.end].decode("latin-1"), error.end
    raise error


codecs.register_error(_KEEP_BYTE, _keep_byte)


def read_csv(path: Path, content: bytes, layout: Layout, sha256: str) -> Roster:
    """Return the roster of a CSV file with these bytes. Raises RosterError."""
    encoding = _encoding(path, content, layout.encoding)
    lines = _first_lines(content, encoding)
    named = _named_delimiter(lines)
    text = _Text(path, content, encoding, named or _delimiter(lines, layout), bool(named))
    records = _all_records(text)
    searched = max(layout.header, default=headings.SEARCHED)
    top = [TopRow(number, record) for number, record in enumerate(records[:searched], start=1)]
    found = headings.find(top, layout)
    if found is None:
        msg = f"{path.name} has no text. Check whether the export was complete."
        raise RosterError(msg)
    source = Source(
        path,
        sha256,
        "csv",
        encoding=encoding.removesuffix("-sig"),
        delimiter=text.delimiter,
        header=found.rows,
    )
    # A column beyond the last heading exists if the heading row reaches it. If only other rows do,
    # those rows are too long.
    width = max(len(row.cells) for row in top if row.number in found.rows)
    below = records[found.rows[-1] :]
    if len(below) > ROWS:
        raise _too_long(path)
    columns = table.find_columns(found, below, width, escaped=True)
    last = columns.positions[-1] + 1 if columns.positions else 0
    usual = max(width, _usual_width(below[:_WIDTH_SAMPLE]))
    notices = []
    if above := found.notice(top, layout):
        notices.append(above)
    if encoding == "cp1252" and layout.encoding == "auto":
        notices.append(_encoding_notice(records))
    return table.build(
        source,
        columns,
        below,
        _uneven(below, last, usual),
        clean=_cleaner(text.delimiter, last, columns),
        notices=[Problem.of(Code.READ_WITH_NOTICE, source.origin(), one) for one in notices],
    )


@dataclass(frozen=True, slots=True)
class _Text:
    """How the bytes of a CSV file become records.

    `has_sep_line`: the first line is `sep=…`, which no spreadsheet program shows.
    """

    path: Path
    content: bytes
    encoding: str
    delimiter: str
    has_sep_line: bool

    def records(self) -> Iterator[Record]:
        """Return every record, blank lines included.

        Raises RosterError if a quotation mark is out of place: what follows it would be read into
        wrong cells.
        """
        csv.field_size_limit(_LARGEST)
        number = line = 0
        try:
            lines = _LineReader(_decoded(self.content, self.encoding))
            if self.has_sep_line:
                next(lines, "")
            reader = csv.reader(lines, delimiter=self.delimiter, strict=True)
            for record in reader:
                lines.since_record = 0
                number += 1
                line = reader.line_num
                yield tuple(record)
        except csv.Error as error:
            raise self._misquoted(number + 1, line + 1 + self.has_sep_line, str(error)) from None
        except UnicodeError:
            msg = (
                f"{self.path.name} is not written in {self.encoding}: row {number + 1} or one soon "
                "after it has other bytes. Set the right `encoding` in the mapping, or `auto`."
            )
            raise RosterError(msg) from None

    def _misquoted(self, number: int, line: int, detail: str) -> RosterError:
        """Return the error for a record that begins in this line of the file."""
        if "end of data" in detail:
            what = "has a quotation mark that is never closed"
        elif "field larger" in detail:
            what = f"has more than {_LARGEST:,} characters, as if a quotation mark were not closed"
        else:
            what = "has text right behind a closing quotation mark"
        return RosterError(
            f"{self.path.name}: row {number}, which begins in line {line} of the file, {what}, so "
            "rows would run into one another. Correct it in a text editor, or export the roster "
            "again."
        )


class _LineReader:
    """Iterator over lines, which stops a record that never ends before it fills the memory."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = iter(lines)
        self.since_record = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self.since_record += len(line)
        if self.since_record > 2 * _LARGEST:
            msg = "field larger than field limit"
            raise csv.Error(msg)
        return line


def _decoded(content: bytes, encoding: str) -> io.TextIOWrapper:
    """Return the text of the file.

    Lone surrogates, as some databases write them, pass, so that `clean` can report them.
    """
    errors = _KEEP_BYTE if encoding == "cp1252" else "surrogatepass"
    return io.TextIOWrapper(io.BytesIO(content), encoding=encoding, errors=errors, newline="")


def _all_records(text: _Text) -> list[Record]:
    """Return every record. Raises RosterError if there are more than can be held in memory."""
    records: list[Record] = []
    cells = 0
    for record in text.records():
        records.append(record)
        cells += len(record)
        if len(records) > ROWS + headings.SEARCHED or cells > CELLS:
            raise _too_long(text.path)
    return records


def _too_long(path: Path) -> RosterError:
    return RosterError(
        f"{path.name} has more than {ROWS:,} rows or {CELLS:,} cells. Split the file, and load the "
        "parts one after another."
    )


def _encoding(path: Path, content: bytes, wanted: str) -> str:
    """Return the encoding by the file's byte-order mark, else the wanted one.

    With `auto`, UTF-8 if every byte fits it, else Windows-1252. Raises RosterError if the bytes are
    not text, or the mapping names an encoding that does not exist.
    """
    mark = next((name for bom, name in _BOMS if content.startswith(bom)), "")
    if wanted != "auto":
        try:
            known = codecs.lookup(wanted)
            known.decode(b"")
        except (LookupError, TypeError, ValueError):
            known = None
        if known is None or not getattr(known, "_is_text_encoding", True):
            msg = (
                f'The mapping names the encoding "{wanted}", which does not exist. Usual ones are '
                "utf-8, windows-1252 and utf-16; `auto` finds it out."
            )
            raise RosterError(msg) from None
        return mark or known.name
    if mark:
        return mark
    if content.count(0) * 100 > len(content):
        msg = (
            f"{path.name} is not text: it is full of bytes that no text has. "
            "Save it again from the spreadsheet program, as .xlsx or as CSV UTF-8."
        )
        raise RosterError(msg)
    try:
        content.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"


def _first_lines(content: bytes, encoding: str) -> list[str]:
    """Return the first lines, shortened; none if bytes are wrong, which `records` reports."""
    try:
        return [line[:LONGEST] for line in islice(_decoded(content, encoding), _SAMPLE)]
    except UnicodeError:
        return []


def _named_delimiter(lines: Sequence[str]) -> str:
    """Return the delimiter that a first line `sep=…` names, else ""."""
    first = lines[0].rstrip("\r\n").strip('"') if lines else ""
    return first[4] if first.lower().startswith("sep=") and len(first) == 5 else ""


def _delimiter(lines: Sequence[str], layout: Layout) -> str:
    """Return the delimiter that gives most of the expected headings and the most even rows."""

    def merit(delimiter: str) -> tuple[int, float, int]:
        try:
            records = [record for record in csv.reader(lines, delimiter=delimiter) if record]
        except csv.Error:
            return 0, 0, 0
        widths = [len(record) for record in records]
        usual = max(set(widths), key=widths.count, default=1)
        if usual == 1:
            return 0, 0, 1
        found = max(headings.matches(record, layout.expected) for record in records[:20])
        return found, widths.count(usual) / len(widths), usual

    return max(_DELIMITERS, key=merit)


def _encoding_notice(records: Sequence[Record]) -> str:
    rows = [n for n, record in enumerate(records, start=1) if not "".join(record).isascii()]
    shown = ", ".join(str(number) for number in rows[:5]) + (", …" if len(rows) > 5 else "")
    return (
        "the file is not UTF-8 and was read as Windows-1252; this matters for the letters in "
        f"{counted(len(rows), 'row')} ({shown}): check the names there"
    )


def _usual_width(records: Iterable[Record]) -> int:
    """Return how many cells most records with text have; 0 if no two have the same number."""
    counts = Counter(len(record) for record in records if any(cell.strip() for cell in record))
    often = [cells for cells, count in counts.items() if count > 1]
    return max(often, key=lambda cells: (counts[cells], -cells), default=0)


def _uneven(records: Sequence[Record], width: int, usual: int) -> Iterator[Located]:
    """Find records with text that have fewer cells than there are columns, or text beyond them.

    Spreadsheet programs pad all rows alike, up to the `usual` width. A longer record has a
    delimiter too many, and what follows it is in the wrong columns.
    """
    for row, record in enumerate(records):
        cells = len(record)
        if cells == width or not any(cell.strip() for cell in record):
            continue
        message = f"has {cells} cells, and there are {width} columns"
        extra = [cell for cell in record[width:] if cell.strip()]
        if cells < width:
            yield about_row(row, Code.ROW_TOO_SHORT, message)
        elif extra:
            message += "; beyond the last column: {value}"
            yield about_row(row, Code.ROW_TOO_LONG, message, " | ".join(extra))
        elif cells > usual:
            yield about_row(row, Code.ROW_TOO_LONG, message)


def _cleaner(delimiter: str, width: int, columns: Columns) -> Callable[[str], Cleaned]:
    """Return the function that cleans a cell of this file."""

    def clean_cell(text: str) -> Cleaned:
        found = _swallowed(text, delimiter, width)
        if columns.row_column is not None:  # our own file: `escape` put the marks there
            text = unescape(text)
        else:
            bare = _unwrapped(text)
            if bare != text:
                message = "the mark that keeps {value} as text was removed"
                found = (*found, CellFinding(Code.TEXT_MARK_REMOVED, message, bare))
                text = bare
        text, more = clean(text)
        return text, (*found, *more)

    return clean_cell


def _unwrapped(text: str) -> str:
    """Return the text without what keeps digits as text in Excel: ="00123" and '00123."""
    if text[:2] == '="' and text[-1] == '"' and len(text) > 3 and '"' not in text[2:-1]:
        return text[2:-1]
    if text[:1] == "'" and text[1:].isascii() and text[1:].isdigit():
        return text[1:]
    return text


def _swallowed(text: str, delimiter: str, width: int) -> tuple[CellFinding, ...]:
    """Find out whether an open quotation mark may have taken following rows into this cell."""
    lines = text.count("\n") + 1 if "\n" in text else text.count("\r") + 1
    if lines > 1 and text.count(delimiter) >= max(1, width - 1):
        message = "contains what looks like whole rows: a quotation mark may not be closed"
        return (CellFinding(Code.CELL_TOO_LONG, message),)
    if lines > 4:
        message = f"has {lines} lines: a quotation mark may not be closed"
        return (CellFinding(Code.CELL_TOO_LONG, message, severity=Severity.WARNING),)
    return ()
