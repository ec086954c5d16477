"""Plain Excel workbooks, read by python-calamine ten times as fast as by openpyxl.

A workbook is plain if python-calamine shows every cell as openpyxl and our number formats do: it
has no formula, error, hidden row or column, merged cell or number format that adds zeros, and its
sheets are written as spreadsheet programs write them. A search for a few byte strings decides that.
Whatever is in doubt is not plain, and `xlsx` reads it. A test compares both readers.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from datetime import date, datetime
from xml.parsers import expat

from python_calamine import CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

from importer.loader.detect import DamagedError
from importer.loader.number_formats import DIGITS, read_styles, show
from importer.loader.workbook import CELLS, COLUMNS, ROWS, Sheet, library_errors

# In a sheet: formulas, merged cells, comments, escapes, hidden rows, other encodings, prefixes
_NOT_PLAIN = (b"<f", b"<mergeCell", b"<!", b"_x", b"zeroHeight", b"\0", b":c", b":row")
_NAMESPACE = b' xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
_HIDDEN = re.compile(rb'hidden=(?!"(?:0|false)")')
_ROW = re.compile(rb'<row r="([1-9]\d{0,6})"')
_CELL_ROW = re.compile(rb'<c r="[A-Z]{1,3}([1-9]\d{0,6})"')
_CELL = re.compile(rb"<c(?![a-zA-Z])[^>]*>")
# A cell's tag without its digits; errors and ISO dates are not plain
_PLAIN_CELL = re.compile(rb'<c r="([A-Z]{1,3})"(?: s="")?(?: t="(?:s|n|b|str|inlineStr)")?/?>')
_STYLE = re.compile(rb' s="(\d{1,6})"')
_IN_STRINGS = (b"_x", b"<rPh", b"<!", b"\0")

_BUILT_IN = frozenset((*range(5), *range(9, 12), *range(14, 18), 22, 49))
_CODES = frozenset(("general", "@", "0", "0.00", "#,##0", "#,##0.00", "0%", "0.00%"))
_DATES = re.compile(r"(?:\[\$-[0-9a-f]+\])?[ymd](?:[ymdhs]|\\?[-/., :])*(?:;@)?")
_EARLIEST = 1901  # before, python-calamine and Excel differ about February 29, 1900


class NotPlainError(Exception):
    """The workbook turned out not to be plain while it was read."""


class PlainWorkbook:
    """A plain workbook. Implements `Workbook`."""

    starts_1904 = False

    def __init__(self, content: bytes, last_rows: frozenset[int]) -> None:
        """Open the workbook. `last_rows`: the last row of each sheet. Raises DamagedError."""
        self._last_rows = last_rows
        with library_errors():
            self._book = CalamineWorkbook.from_filelike(io.BytesIO(content))
        self.sheets = [
            (about.name, about.visible is SheetVisibleEnum.Visible)
            for about in self._book.sheets_metadata
            if about.typ is SheetTypeEnum.WorkSheet
        ]

    def read(self, name: str) -> Sheet:
        """Return a sheet. Raises NotPlainError, DamagedError."""
        sheet = Sheet()
        with library_errors(NotPlainError):
            cells = self._book.get_sheet_by_name(name)
            if cells.start is None:
                raise NotPlainError
            left = [""] * cells.start[1]  # python-calamine leaves out empty columns on the left
            for number, row in enumerate(cells.iter_rows(), start=1):
                texts = [one if type(one) is str else _text(one) for one in row]
                if any(texts):
                    sheet.rows[number] = left + texts
        sheet.last_row = max(sheet.rows, default=0)
        if sheet.last_row not in self._last_rows:
            raise NotPlainError
        return sheet


def open_plain(content: bytes, parts: Mapping[str, bytes]) -> PlainWorkbook | None:
    """Return the workbook of these bytes if it is plain. `parts` are its members, unpacked."""
    workbook = parts.get("xl/workbook.xml", b"")
    strings = parts.get("xl/sharedStrings.xml", b"")
    sheets = [part for part in parts.values() if b"sheetData" in part]
    if not sheets or b"date1904" in workbook or any(mark in strings for mark in _IN_STRINGS):
        return None
    last_rows = frozenset(_last_row(part) for part in sheets)
    if 0 in last_rows or not _formats_are_plain(parts.get("xl/styles.xml", b""), sheets):
        return None
    xml = [part for name, part in parts.items() if name.endswith((".xml", ".rels")) and part]
    if not all(map(_is_well_formed, xml)):
        return None
    try:
        return PlainWorkbook(content, last_rows)
    except DamagedError:
        return None


def _is_well_formed(part: bytes) -> bool:
    """Return whether the part is XML to its end; python-calamine skips what it cannot read."""
    try:
        expat.ParserCreate().Parse(part, True)  # noqa: FBT003
    except (expat.ExpatError, ValueError, LookupError):
        return False
    return True


def _last_row(part: bytes) -> int:
    """Return the number of the last row of a sheet; 0 if the sheet is not plain or has no row.

    python-calamine keeps all cells up to the last row and column in memory, empty ones too, and
    ends the program if there is not enough. So every cell must be in the row that it names.
    """
    if _NAMESPACE not in part or any(mark in part for mark in _NOT_PLAIN) or _HIDDEN.search(part):
        return 0
    rows = _ROW.findall(part)
    cell_rows = _CELL_ROW.findall(part)
    tags = _CELL.findall(part.translate(None, b"0123456789"))
    plain = [_PLAIN_CELL.fullmatch(tag) for tag in set(tags)]
    numbers = [int(row) for row in rows]
    written_as_usual = (
        len(rows) == part.count(b"<row")
        and numbers == sorted(set(numbers))
        and set(cell_rows) <= set(rows)
        and len(tags) == len(cell_rows)
        and all(plain)
        and part.count(b"<is>") == part.count(b't="inlineStr"')
    )
    if not written_as_usual or not numbers:
        return 0
    width = max((_position(tag[1]) for tag in plain if tag), default=0)
    fits = width <= COLUMNS and numbers[-1] <= ROWS and width * numbers[-1] <= CELLS
    return numbers[-1] if fits else 0


def _position(letters: bytes) -> int:
    """Return the number of a column, A being 1."""
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number


def _formats_are_plain(styles: bytes, sheets: list[bytes]) -> bool:
    """Return whether both readers understand the number formats of the sheets alike."""
    with library_errors():
        formats = read_styles(styles)
    for style in {int(style) for part in sheets for style in _STYLE.findall(part)}:
        if style >= len(formats):
            return False
        number, code = formats[style]
        code = code.lower()
        known = code in _CODES or _DATES.fullmatch(code) if code else number in _BUILT_IN
        if not known:
            return False
    return True


def _text(value: object) -> str:
    """Return a cell that is not text as text. Raises NotPlainError if openpyxl may differ."""
    match value:
        case float() if abs(value) < 10**DIGITS:
            return show(value)[0]
        case bool():
            return str(value).upper()
        case int() if abs(value) < 10**DIGITS:
            return str(value)
        case datetime() if value.year >= _EARLIEST and not value.microsecond:
            return str(value).removesuffix(" 00:00:00")
        case date() if not isinstance(value, datetime) and value.year >= _EARLIEST:
            return str(value)
        case _:
            raise NotPlainError
