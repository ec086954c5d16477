"""CSV files → Roster: delimiter, quotation marks, uneven rows.

Rosters without a file, a DataFrame or rows, become a CSV file, which the run keeps and reads.
Nothing about it is guessed: the first row has the headings, and every other one is a row.
"""

from __future__ import annotations

import csv
import hashlib
import io
import numbers
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd

from importer.errors import RosterError
from importer.loader import table
from importer.loader.cleaning import LONGEST, Cleaned, clean, clean_escaped, writable
from importer.loader.detect import FileKind, NotReadableError, WrongEncodingError
from importer.loader.encodings import LATIN_9, WESTERN, decoded, find_encoding
from importer.loader.table import WHOLE_ROW, Headings, Located, Sheet
from importer.model.problem import CellFinding, Code, Problem, Severity
from importer.model.roster import Layout, Roster, Source, letter
from importer.model.text import row_list, spans

ROWS = 1_000_000
"""Rows that a CSV file may have."""

CELLS = 25 * ROWS
"""Cells that a CSV file may have."""

_TOO_WIDE = f"has more than {table.COLUMNS:,} columns, which no roster has. Export fewer columns."

Record = tuple[str, ...]
"""The cells of a row. Python's garbage collector skips tuples of text, but not lists of it."""

_reader = partial(csv.reader, skipinitialspace=True)
"""What reads all CSV: a blank between a delimiter and a quotation mark is part of neither."""

_NAMES = {WESTERN: "Windows-1252", LATIN_9: "ISO-8859-15"}
_DELIMITERS = ",;\t|"
_SAMPLE = 200  # lines that decide on the delimiter
_WIDTH_SAMPLE = 1_000  # rows that show how many cells a row usually has
_AT_ONCE = 16  # rows that Excel writes at once
_SPANS = 10  # stretches of rows that a notice names
_LARGEST = 16 * 1024 * 1024  # characters of a cell, and of a row, that are read at all
_DIVIDED = 2  # delimiters, or gaps, in each line of a file whose rows are not divided
_GAP = re.compile(" {2,}")
_TOO_LONG = (
    f"has more than {ROWS:,} rows or {CELLS:,} cells. Split the file, and load the parts one after "
    "another."
)


def read_csv(content: bytes, source: Source, layout: Layout) -> Roster:
    """Return the roster of a CSV file with these bytes. Raises RosterError, NotReadableError."""
    encoding, doubt = find_encoding(content, layout.encoding)
    form = _form(content, encoding, layout)
    delimiter, quote, _ = form
    sheet = Sheet([*_records(content, encoding, form)])
    while sheet.rows and not sheet.rows[-1]:  # an empty line is how text files end
        sheet.rows.pop()
    headings = table.find_headings(sheet.rows, layout)
    if headings is None:
        msg = "has no text. Check whether the export was complete."
        raise NotReadableError(msg)
    if len(sheet.rows) - headings.rows[-1] > ROWS:
        raise NotReadableError(_TOO_LONG)
    if msg := _undivided(sheet.rows, layout):
        raise NotReadableError(msg)
    # A column beyond the last heading exists if the heading row reaches it. If only other rows do,
    # those rows are too long.
    width = max(map(len, sheet.rows[headings.rows[0] - 1 : headings.rows[-1]]), default=0)
    columns = table.find_columns(headings, sheet, width, escaped=True)
    last = columns.end
    cut = _cut_by_excel(sheet.rows, last)
    sheet.findings += _uneven(sheet.rows, headings.rows[-1] + 1, last, width, cut)
    source = replace(
        source, encoding=encoding.removesuffix("-sig"), delimiter=delimiter, header=headings.rows
    )
    notices = [headings.notice, doubt]
    if quote == "'":
        notices.append("its cells are in single quotation marks, which were removed")
    if encoding in {WESTERN, LATIN_9} and layout.encoding == "auto":
        notices.append(_encoding_notice(sheet.rows, columns.positions, encoding))
    clean_text = clean_escaped if columns.added else clean

    def clean_cell(text: str) -> Cleaned:
        cleaned, findings = clean_text(text)
        return cleaned, (*_swallowed(text, delimiter, last), *findings)

    return table.build(
        source,
        columns,
        sheet,
        clean=clean_cell,
        visible_only=layout.visible_only,
        all_people=False,
        notices=[*map(source.notice, filter(None, notices)), *_cut_notice(source, cut)],
    )


def first_rows(content: bytes, encoding: str, layout: Layout, count: int) -> list[Record]:
    """Return the first rows of a CSV file as they came. Raises NotReadableError."""
    return [*islice(_records(content, encoding, _form(content, encoding, layout)), count)]


_Form = tuple[str, str, int]
"""How the text is written: delimiter, quotation mark, and lines above the first record."""


def _form(content: bytes, encoding: str, layout: Layout) -> _Form:
    try:
        lines = [line[:LONGEST] for line in islice(decoded(content, encoding), _SAMPLE)]
    except UnicodeError:  # which `_records` reports
        lines = []
    first = lines[0].rstrip("\r\n").strip('"') if lines else ""
    if first.lower().startswith("sep=") and len(first) == 5:  # it names the delimiter
        return first[4], _quote(lines[1:], first[4]), 1
    delimiter = _delimiter(lines, layout)
    return delimiter, _quote(lines, delimiter), 0


def _records(content: bytes, encoding: str, form: _Form) -> Iterator[Record]:
    """Return every record, blank lines included.

    Raises NotReadableError if there are more than can be held in memory, if a quotation mark is out
    of place, so that what follows it would be read into wrong cells, or if bytes are not text.
    """
    csv.field_size_limit(_LARGEST)
    number = line = cells = size = 0
    delimiter, quote, skip = form
    every = islice(decoded(content, encoding), skip, None)

    def lines() -> Iterator[str]:
        """Stop a record that never ends before it fills the memory."""
        nonlocal size
        for text in every:
            size += len(text)
            if size > 2 * _LARGEST:
                msg = "field larger than field limit"
                raise csv.Error(msg)
            yield text

    rows = lines() if len(content) > 2 * _LARGEST else every
    reader = _reader(rows, delimiter=delimiter, quotechar=quote, strict=True)
    try:
        for record in reader:
            number += 1
            cells += len(record)
            if len(record) > table.COLUMNS:
                raise NotReadableError(_TOO_WIDE)
            if number > ROWS + table.SEARCHED or cells > CELLS:
                raise NotReadableError(_TOO_LONG)
            line, size = reader.line_num, 0
            yield tuple(record)
    except csv.Error as error:
        if "end of data" in str(error):
            what = "has a quotation mark that is never closed"
        elif "field larger" in str(error):
            what = f"has more than {_LARGEST:,} characters, as if a quotation mark were not closed"
        else:
            what = "has text right behind a closing quotation mark"
        msg = (
            f"cannot be read: row {number + 1}, which begins in line {line + 1 + skip} of the "
            f"file, {what}, so rows would run into one another. Correct it in a text editor, or "
            "export the roster again."
        )
        raise NotReadableError(msg) from None
    except UnicodeError:
        msg = (
            f"is not written in {encoding}: row {number + 1} or one soon after it does not fit. "
            "Set the right `encoding` in the mapping, or `auto`."
        )
        raise WrongEncodingError(msg) from None


def _delimiter(lines: Sequence[str], layout: Layout) -> str:
    """Return the delimiter that gives most of the expected headings and the most even rows.

    Raises NotReadableError if it gives more columns than a sheet can have.
    """

    def merit(delimiter: str) -> tuple[int, float, int]:
        try:
            records = [record for record in _reader(lines, delimiter=delimiter) if record]
        except csv.Error:
            return 0, 0, 0
        widths = [len(record) for record in records]
        usual = max(set(widths), key=widths.count, default=1)
        if usual == 1:
            return 0, 0, 1
        if usual > table.COLUMNS:
            raise NotReadableError(_TOO_WIDE)
        known = max(table.matches(record, layout.expected) for record in records[:20])
        return known, widths.count(usual) / len(widths), usual

    return max(_DELIMITERS, key=merit)


def _quote(lines: Sequence[str], delimiter: str) -> str:
    """Return the quotation mark: a single one if it is around every cell of the first full row."""
    for line in lines:
        cells = [cell.strip() for cell in line.split(delimiter)]
        if len(cells) > 1 and all(cells):
            single = all(len(cell) > 2 and cell[0] == cell[-1] == "'" for cell in cells)
            return "'" if single else '"'
    return '"'


def _undivided(rows: Sequence[Sequence[str]], layout: Layout) -> str:
    """Return what is wrong with a file of one column whose cells are whole rows, else ""."""
    if any(len(row) > 1 for row in rows):
        return ""
    texts = [row[0] for row in rows if row]
    if len(texts) < 2 or table.matches(texts, layout.expected):
        return ""
    for delimiter in _DELIMITERS:
        counts = {text.count(delimiter) for text in texts}
        if min(counts) == max(counts) >= _DIVIDED:
            return (
                "has quotation marks around each whole line, so each row is one cell. Delete them "
                "in a text editor, or export the roster again."
            )
    if sum(len(_GAP.findall(text.strip())) >= _DIVIDED for text in texts) > len(texts) / 2:
        return (
            "has columns of a fixed width, with blanks between them. Import it into Excel (Data, "
            "From Text, Fixed width), and save it as an Excel workbook (.xlsx)."
        )
    return ""


def _encoding_notice(records: Sequence[Sequence[str]], ours: Sequence[int], encoding: str) -> str:
    """Return a sentence about the rows with letters beyond ASCII in the roster's own columns."""
    texts = ("".join(row[at] for at in ours if at < len(row)) for row in records)
    rows = [number for number, text in enumerate(texts, start=1) if not text.isascii()]
    read_as = f"the file is not UTF-8 and was read as {_NAMES[encoding]}; this matters for the"
    where = row_list(rows, len(rows)) if rows else ""
    return where and f"{read_as} letters in {where}: check the names there"


def _cut_by_excel(rows: Sequence[Sequence[str]], width: int) -> list[int]:
    """Return the rows of a file of Excel that lack their last cells because these are blank.

    Excel writes 16 rows at once, and no column behind the last one with text in any of them. So
    these have equally many cells. Fewer, at the end of the file, may have lost a cell elsewhere:
    they count only if 16 rows before them end there or earlier.
    """
    groups = [range(at, min(at + _AT_ONCE, len(rows))) for at in range(0, len(rows), _AT_ONCE)]
    lengths = [{len(rows[at]) for at in group} for group in groups]
    if any(len(widths) > 1 for widths in lengths):
        return []
    ends = [(group, max(widths)) for group, widths in zip(groups, lengths, strict=True)]
    first = min((end for group, end in ends if len(group) == _AT_ONCE), default=width)
    return [
        at + 1
        for group, end in ends
        if end < width and (len(group) == _AT_ONCE or first <= end)
        for at in group
    ]


def _cut_notice(source: Source, cut: Sequence[int]) -> Iterator[Problem]:
    if cut:
        yield source.notice(
            f"rows {spans(cut, _SPANS)} lack the last cells, as in files of Excel where these are "
            f"blank in {_AT_ONCE} rows; they were read as blank",
            advice="Compare some of these rows with the roster that they come from. If a cell "
            "before the last ones is missing, later values are under the wrong headings: put the "
            "cell in, blank or filled, and check the file again.",
        )


def _uneven(
    rows: Sequence[Sequence[str]], first: int, width: int, heading_cells: int, cut: Iterable[int]
) -> Iterator[Located]:
    """Find rows with text that have fewer cells than there are columns, or text beyond them.

    Spreadsheet programs pad all rows alike, so a blank cell beyond the columns counts only where
    most rows have fewer. A longer row has a delimiter too many, and what follows it is in the
    wrong columns. `cut`: rows whose last cells are blank.
    """
    whole = {*cut}
    lengths = Counter(map(len, filter(any, rows[first - 1 : first - 1 + _WIDTH_SAMPLE])))
    often = [cells for cells, count in lengths.items() if count > 1]
    usual = max(often, key=lambda cells: (lengths[cells], -cells), default=0)
    for number, record in enumerate(rows[first - 1 :], start=first):
        cells = len(record)
        if cells == width or number in whole or not any(cell.strip() for cell in record):
            continue
        code, value = Code.ROW_TOO_SHORT, ""
        message = f"has {cells} cells, and there are {width} columns"
        if cells > width:
            code, value = Code.ROW_TOO_LONG, " | ".join(filter(str.strip, record[width:]))
            if not value and cells <= max(usual, heading_cells):
                continue
            message += "; beyond the last column: {value}" if value else ""
        yield Located(number, WHOLE_ROW, CellFinding(code, message, value=value))


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


_EXACT = 10**15  # a larger number with decimals has lost digits


# --- rosters without a file ---


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of a roster without a file, as CSV in UTF-8."""

    content: bytes = field(repr=False)

    @classmethod
    def of(cls, rows: pd.DataFrame | Iterable[object]) -> Rows:
        """Return the rows of a DataFrame, or of dicts by heading. Raises RosterError."""
        if not isinstance(rows, pd.DataFrame):
            dicts = []
            for number, row in enumerate(rows, start=2):
                if not isinstance(row, Mapping):
                    msg = f"Row {number} is not a dict. Give each row as a dict by heading."
                    raise RosterError(msg)
                dicts.append({str(name): value for name, value in row.items()})
            rows = pd.DataFrame(dicts, dtype=object)
        headings = [*map(str, rows.columns)]
        if not headings:
            msg = "There are no columns. Name the columns of the DataFrame, or give dicts."
            raise RosterError(msg)
        if len(headings) > table.COLUMNS:
            msg = f"The roster {_TOO_WIDE}"
            raise RosterError(msg)
        every = enumerate(rows.itertuples(index=False, name=None), start=2)
        texts = (
            [_text(value, number, at, headings[at]) for at, value in enumerate(values)]
            for number, values in every
        )
        return cls.of_texts(headings, texts)

    @classmethod
    def of_texts(cls, headings: Sequence[str], rows: Iterable[Sequence[str]]) -> Rows:
        """Return the rows with these texts under these headings."""
        text = io.StringIO(newline="")
        file = csv.writer(text, lineterminator="\r\n")
        file.writerow(headings)
        file.writerows(rows)
        return cls(writable(text.getvalue()).encode())


def _text(value: object, row: int, at: int, heading: str) -> str:
    """Return the text of a cell as a spreadsheet shows it. Raises RosterError if it has none."""
    text, why = "", ""
    match value:
        case str():
            text = value
        case _ if pd.api.types.is_scalar(value) and pd.isna(value):  # type: ignore[call-overload]
            pass
        case bool() | np.bool_():
            text = str(value).upper()
        case datetime():
            text = value.isoformat(" ").removesuffix(" 00:00:00")
        case date():
            text = value.isoformat()
        case Decimal():
            text = f"{value:f}"
        case numbers.Integral():
            text = str(value)
        case numbers.Real() if abs(number := float(value)) < _EXACT:
            text = str(int(number)) if number.is_integer() else repr(number)
        case numbers.Real():
            why = "a number that has lost digits. Read this column as text"
        case _:
            why = f"a {type(value).__name__}. Make it a text"
    if why:
        msg = f"Row {row}, column {letter(at)} ({heading}) contains {why}."
        raise RosterError(msg)
    return text


def read_rows(path: Path, rows: Rows) -> Roster:
    """Return the roster of these rows. `path`: of the file in which a run keeps them.

    Row 1 has the headings, as that file shows.
    """
    csv.field_size_limit(max(csv.field_size_limit(), len(rows.content)))
    reader = csv.reader(io.StringIO(rows.content.decode(), newline=""))
    sheet = Sheet([tuple(record) for record in reader])
    headings = Headings((1,), tuple(clean(cell)[0] for cell in sheet.rows[0]))
    columns = table.find_columns(headings, sheet, len(headings.texts), escaped=True)
    digest = hashlib.sha256(rows.content).hexdigest()
    source = Source(path, digest, FileKind.CSV, encoding="utf-8", delimiter=",")
    return table.build(
        source,
        columns,
        sheet,
        clean=clean_escaped if columns.added else clean,
        visible_only=False,
        all_people=True,
        notices=(),
    )
