"""Workbooks of Excel 97 to 2003 (.xls), read through xlrd."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator

import xlrd
from xlrd.compdoc import CompDoc

from importer.loader.cleaning import formula_error
from importer.loader.detect import DAMAGED, LOCKED, TOO_LARGE, NotReadableError, library_errors
from importer.loader.number_formats import PLAIN, NumberFormat, Shown, read_format, show
from importer.loader.table import MergedRange, Sheet
from importer.model.roster import FORMULA_ERRORS

STORED = 2_000_000
"""Cells, blank ones included, and different texts of a file; xlrd reads them in some 10 seconds."""

OTHERS = 200_000
"""Records of a file beside those of rows and cells."""

_NEVER_CALCULATED = (
    "has formulas without results. Open it in Excel, save it, which calculates them, and load that."
)

# Records of [MS-XLS]: shared texts, encryption, and cells, with the bytes of each if a record has
# several
_TEXTS, _LOCKED, _FORMULA, _CALCULATED = 0xFC, 0x2F, 0x06, 0x1C1
_NAME, _UNKNOWN = 0x18, 0xFFF0  # of a range or a formula; what xlrd skips
_EMPTY = 3  # the kind of a formula's result: an empty text
_CELLS = dict.fromkeys((0x06, 0xFD, 0x201, 0x203, 0x204, 0x205, 0x207, 0x208, 0x27E), 0)
_CELLS |= {0xBE: 2, 0xBD: 6}


class XlsWorkbook:
    """An .xls file. Implements `Workbook`."""

    def __init__(self, content: bytes) -> None:
        """Open the workbook of these bytes. Raises NotReadableError."""
        with library_errors():
            self._book = xlrd.open_workbook(
                file_contents=_measured(content),
                formatting_info=True,
                ragged_rows=True,
                logfile=io.StringIO(),
            )
            self.sheets = [(sheet.name, sheet.visibility == 0) for sheet in self._book.sheets()]
            self.starts_1904 = self._book.datemode == 1

    def read(self, name: str, until: int = 0) -> Sheet:
        """Return a sheet, up to row `until` if that is not 0."""
        sheet = Sheet()
        with library_errors():
            cells = self._book.sheet_by_name(name)
            for row in range(min(cells.nrows, until or cells.nrows)):
                sheet.add(map(self._text, cells.row(row)))
            sheet.hidden_rows = {row + 1 for row, info in cells.rowinfo_map.items() if info.hidden}
            sheet.hidden_columns = {c for c, info in cells.colinfo_map.items() if info.hidden}
            sheet.merged = [
                MergedRange(top + 1, bottom, left, right - 1)
                for top, bottom, left, right in cells.merged_cells
            ]
        return sheet

    def _text(self, cell: xlrd.sheet.Cell) -> Shown:
        """Return what a person sees of a cell, and what is wrong with it."""
        match cell.ctype, cell.value:
            case xlrd.XL_CELL_NUMBER | xlrd.XL_CELL_DATE, float(number):
                chosen = self._format(cell.xf_index)
                return show(number, chosen, starts_1904=self.starts_1904)
            case xlrd.XL_CELL_BOOLEAN, value:
                return ("TRUE" if value else "FALSE"), None
            case xlrd.XL_CELL_ERROR, value:
                text = xlrd.error_text_from_code.get(int(value), "#N/A")
                return text, None if text in FORMULA_ERRORS else formula_error(text)
            case _, value:
                return str(value), None

    def _format(self, style: int | None) -> NumberFormat:
        if style is None or style >= len(self._book.xf_list):
            return PLAIN
        number = self._book.xf_list[style].format_key
        known = self._book.format_map.get(number)
        return read_format(number, known.format_str if known else "")


def _measured(content: bytes) -> bytes:
    """Walk over the records of the file, and return them for xlrd.

    Names are left out: xlrd does not know all of their formulas, and nothing here needs one.

    Raises NotReadableError if the file is locked, if xlrd would take too long, or if nobody
    calculated the formulas: each has an empty text, and there is no mark of Excel that it did.
    """
    container = CompDoc(content, logfile=io.StringIO())
    named = map(container.locate_named_stream, ("Workbook", "Book"))
    whole, begin, length = next((place for place in named if place[0]), (None, 0, 0))
    if whole is None:
        raise NotReadableError(DAMAGED)
    stream = bytearray(whole[begin : begin + length])
    cells = others = 0
    has_formulas = calculated = False
    for kind, at, size in _records(stream):
        if kind in _CELLS:
            cells += size // (_CELLS[kind] or size or 1)
        else:
            others += 1
        if kind == _LOCKED:
            raise NotReadableError(LOCKED)
        calculated |= kind == _CALCULATED
        if kind == _TEXTS and size >= 8:
            cells += min(struct.unpack_from("<I", stream, at + 4)[0], length // 3)
        elif kind == _NAME:
            struct.pack_into("<H", stream, at - 4, _UNKNOWN)
        elif kind == _FORMULA and size >= 14:
            has_formulas = True
            calculated |= stream[at + 6] != _EMPTY or stream[at + 12 : at + 14] != b"\xff\xff"
    if cells > STORED or others > OTHERS:
        raise NotReadableError(TOO_LARGE)
    if has_formulas and not calculated:
        raise NotReadableError(_NEVER_CALCULATED)
    return bytes(stream)


def _records(stream: bytes | bytearray) -> Iterator[tuple[int, int, int]]:
    """Return of each record the kind, the place of its data, and their size."""
    at = 0
    while at + 4 <= len(stream):
        kind, size = struct.unpack_from("<HH", stream, at)
        yield kind, at + 4, size
        at += 4 + size
