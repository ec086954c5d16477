"""Plain Excel workbooks, read by python-calamine ten times as fast as by openpyxl.

A workbook is plain if python-calamine shows every cell as openpyxl and our number formats do: it
has no formula, error, hidden row or column, merged cell or number format that adds zeros, and its
sheets are written as spreadsheet programs write them. A search for a few byte strings decides that.
Whatever is in doubt is not plain, and `xlsx` reads it. A test compares both readers.
"""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Mapping
from datetime import date, datetime
from xml.parsers import expat

from python_calamine import CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

from importer.loader.number_formats import DIGITS, read_styles, show
from importer.loader.workbook import CELLS, COLUMNS, ROWS, Sheet, library_errors

_IN_SHEETS = (
    *(
        b"<f",
        b't="e"',
        b't="d"',
        b"<mergeCell",
        b"<!",
        b"_x",
        b"='",
        b" =",
        b"= ",
        b"<row>",
        b"<c>",
    ),
    *(b"<row/>", b"<c/>", b"zeroHeight"),
)
"""What a sheet that is not plain contains: formulas, errors, ISO dates, unusual XML."""

_IN_STRINGS = (b"_x", b"<rPh", b"<!")
_HIDDEN = re.compile(rb'hidden=(?!"(?:0|false)")')
_ROW = re.compile(rb'<row r="(\d{1,7})"')
_COLUMN = re.compile(rb'<c r="([A-Z]{1,3})[1-9]')
_TYPE = re.compile(rb' t="([^"]*)"')
_TYPES = {b"s", b"n", b"b", b"str", b"inlineStr"}
_STYLE = re.compile(rb' s="(\d{1,6})"')

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
                texts = [_text(value) for value in row]
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
    sheets = [part for name, part in parts.items() if name.startswith("xl/worksheets/sheet")]
    if not sheets or b"date1904" in workbook or any(mark in strings for mark in _IN_STRINGS):
        return None
    last_rows = frozenset(_last_row(part) for part in sheets)
    if 0 in last_rows or not _formats_are_plain(parts.get("xl/styles.xml", b""), sheets):
        return None
    if not all(map(_is_well_formed, (part for part in (workbook, strings, *sheets) if part))):
        return None
    return PlainWorkbook(content, last_rows)


def _is_well_formed(part: bytes) -> bool:
    """Return whether the part is XML to its end; python-calamine skips what it cannot read."""
    try:
        expat.ParserCreate().Parse(part, True)  # noqa: FBT003
    except (expat.ExpatError, ValueError, LookupError):
        return False
    return True


def _last_row(part: bytes) -> int:
    """Return the number of the last row of a sheet; 0 if the sheet is not plain or has no row."""
    if any(mark in part for mark in _IN_SHEETS) or _HIDDEN.search(part):
        return 0
    rows = [int(number) for number in _ROW.findall(part)]
    columns = _COLUMN.findall(part)
    if len(rows) != part.count(b"<row ") or len(columns) != part.count(b"<c "):
        return 0
    if not rows or rows != sorted(set(rows)) or rows[-1] > ROWS:
        return 0
    kinds = Counter(_TYPE.findall(part))
    if kinds.keys() - _TYPES or kinds[b"inlineStr"] != part.count(b"<is>"):
        return 0
    width = max(map(_position, set(columns)), default=0)
    return rows[-1] if width <= COLUMNS and width * rows[-1] <= CELLS else 0


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
    """Return a cell as text. Raises NotPlainError if openpyxl may read it otherwise."""
    match value:
        case str():
            return value
        case bool():
            return str(value).upper()
        case int() | float() if abs(value) < 10**DIGITS:
            return show(value)[0]
        case datetime() if value.year >= _EARLIEST and not value.microsecond:
            return str(value).removesuffix(" 00:00:00")
        case date() if not isinstance(value, datetime) and value.year >= _EARLIEST:
            return str(value)
        case _:
            raise NotPlainError
