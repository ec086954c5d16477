"""Plain sheets of Excel workbooks, read by python-calamine several times as fast as by `xlsx`.

A sheet is plain if it is written as spreadsheet programs write it, and has no formula, error,
hidden row or column, merged cell, or text with markup. A regular expression decides that. For
numbers with a format, it also finds the style, which python-calamine does not report. Whatever is
in doubt is not plain, and `xlsx` reads it. A test compares both.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from datetime import date, datetime
from xml.parsers import expat

from openpyxl.utils.cell import column_index_from_string
from python_calamine import CalamineWorkbook

from importer.loader.detect import library_errors
from importer.loader.number_formats import DIGITS, PLAIN, Format, show
from importer.loader.table import CELLS, COLUMNS, ROWS, Located, Sheet
from importer.model.problem import CellFinding

FILLED = 2_000_000
"""Cells of a plain sheet, which are read in some 8 seconds."""

_START = b"<sheetData>"
_NAMESPACE = b' xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
_TEXT = rb'<is><t(?: xml:space="preserve")?>[^<]*</t></is>'
_VALUES = rb"|".join((
    rb' t="s"(?:/>|>(?:<v>\d{1,9}</v>)?</c>)',
    rb' t="b"(?:/>|>(?:<v>[01]</v>)?</c>)',
    rb'(?: t="(?:n|str)")?(?:/>|>(?:<v>[^<]*</v>)?</c>)',
    rb' t="inlineStr">' + _TEXT + rb"</c>",
))  # fmt: skip
_CELL = rb'<c r="[A-Z]{1,3}+\1"(?: s="\d{1,5}+")?(?:' + _VALUES + rb")"
_ROW = re.compile(
    rb'<row r="([1-9]\d{0,6})"(?: (?!hidden="(?!0|false))[\w:]+="[^"<>]*+")*+'
    rb"(?:/>|>(?:" + _CELL + rb")*+</row>)"
)
_COLUMN = re.compile(rb'<c r="([A-Z]+)')
_NUMBER = re.compile(rb'<c r="([A-Z]+)(\d+)" s="(\d+)"(?: t="n")?><v>')
# Around the rows: hidden columns and rows, merged cells, comments, more rows
_NOT_PLAIN = re.compile(rb'hidden="(?!0|false)|zeroHeight|<(?:mergeCell|sheetData|!)')
_IN_STRINGS = (b"_x", b"<rPh", b"<!", b"\0")  # escapes, phonetic hints, comments, UTF-16
_EARLIEST = 1901  # before, python-calamine and Excel differ about February 29, 1900


class NotPlainError(Exception):
    """The sheet turned out not to be plain while it was read."""


def last_plain_row(part: bytes, strings: bytes) -> int:
    """Return the number of the last row of a sheet; 0 if its XML or the shared texts are not plain.

    python-calamine keeps all cells up to the last row and column in memory, empty ones too, and
    ends the program if there is not enough. So every cell must be in the row that it names.
    """
    start = part.find(_START)
    at = start + len(_START)
    columns: set[bytes] = set()
    last = filled = 0
    while row := _ROW.match(part, at):
        letters = _COLUMN.findall(part, *row.span())
        if int(row[1]) <= last or len(set(letters)) < len(letters):
            return 0
        last, at, filled = int(row[1]), row.end(), filled + len(letters)
        columns.update(letters)
    width = max((column_index_from_string(at.decode()) for at in columns), default=0)
    fits = filled <= FILLED and width <= COLUMNS and last <= ROWS and width * last <= CELLS
    around = part[:start] + part[at:]
    plain = (
        part.startswith(b"</sheetData>", at)
        and _NAMESPACE in around
        and not _NOT_PLAIN.search(around)
        and b"_x" not in part
        and not any(mark in strings for mark in _IN_STRINGS)
    )
    return last if fits and plain and all(map(_is_well_formed, (part, strings))) else 0


def _is_well_formed(part: bytes) -> bool:
    """Return whether the part is XML to its end; python-calamine skips what it cannot read."""
    try:
        expat.ParserCreate().Parse(part or b"<none/>", True)  # noqa: FBT003
    except (expat.ExpatError, ValueError, LookupError):
        return False
    return True


def read_plain(
    content: bytes, name: str, part: bytes, last: int, formats: Sequence[Format]
) -> Sheet:
    """Return a plain sheet of the workbook with these bytes; `part` is the XML up to row `last`.

    Raises NotPlainError, and NotReadableError if it is damaged.
    """
    sheet = Sheet()
    styles = {b"%d" % style: one for style, one in enumerate(formats) if one != PLAIN}
    styled = filter(lambda cell: cell[3] in styles, _NUMBER.finditer(part) if styles else ())
    cell = next(styled, None)
    with library_errors(NotPlainError):
        values = CalamineWorkbook.from_filelike(io.BytesIO(content)).get_sheet_by_name(name)
        left = [""] * (values.start[1] if values.start else 0)  # python-calamine omits them
        for number, row in enumerate(values.iter_rows(), start=1):
            texts = left + row
            while cell is not None and int(cell[2]) == number:
                column = column_index_from_string(cell[1].decode()) - 1
                texts[column], finding = _show(texts[column], styles[cell[3]])
                if finding is not None:
                    sheet.findings.append(Located(number, column, finding))
                cell = next(styled, None)
            sheet.rows.append([t if type(t) is str else _show(t, PLAIN)[0] for t in texts])
    if cell is not None:
        raise NotPlainError
    sheet.rows.extend(() for _ in range(last - len(sheet.rows)))
    return sheet


def _show(value: object, chosen: Format) -> tuple[str, CellFinding | None]:
    """Return a cell that is not text as text. Raises NotPlainError if `xlsx` may differ."""
    match value:
        case bool():
            return str(value).upper(), None
        case int() | float() if abs(value) < 10**DIGITS:
            return show(value, chosen)
        case date() if chosen.is_date and not chosen.is_month and value.year >= _EARLIEST:
            if not (isinstance(value, datetime) and value.microsecond):
                return str(value).removesuffix(" 00:00:00"), None
            raise NotPlainError
        case _:
            raise NotPlainError
