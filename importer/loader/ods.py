"""OpenDocument spreadsheets (.ods), read through python-calamine.

A few bytes of such a file can repeat a cell over a whole sheet, so its XML is measured before
python-calamine opens it. That pass also finds what the sheets hide, which python-calamine does not
report.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, time
from xml.parsers import expat

from python_calamine import CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

from importer.loader.detect import (
    DAMAGED,
    LOCKED,
    TOO_LARGE,
    NotReadableError,
    library_errors,
    packed,
)
from importer.loader.headings import MergedRange
from importer.loader.number_formats import show
from importer.loader.table import CELLS, COLUMNS, ROWS, Sheet
from importer.model.problem import CellFinding

TAGS = 8_000_000
"""Tags of XML in a file, which are measured in some 10 seconds."""

_BREAKS = re.compile(rb">\s++(?=</?table:)")
_ELAPSED = re.compile(r"PT([0-9]+)H([0-9]{2})M([0-9]{2})S")  # of a day and more
_HIDING = {"collapse", "filter"}


class OdsWorkbook:
    """An .ods file. Implements `Workbook`."""

    starts_1904 = False  # python-calamine converts dates by itself

    def __init__(self, content: bytes, parts: Mapping[str, bytes]) -> None:
        """Open the workbook of these bytes; `parts` are its members.

        Raises NotReadableError.
        """
        with library_errors():
            if b"encryption-data" in parts.get("META-INF/manifest.xml", b""):
                raise NotReadableError(LOCKED)
            body = parts["content.xml"]
            tables = _measure(body)
            if (joined := _BREAKS.sub(b">", body)) != body:  # which python-calamine cannot read
                content = packed({**parts, "content.xml": joined})
            self._book = CalamineWorkbook.from_filelike(io.BytesIO(content))
            sheets = self._book.sheets_metadata
            if len(tables) != len(sheets):
                raise NotReadableError(DAMAGED)
            self._tables = {about.name: one for about, one in zip(sheets, tables, strict=True)}
            self.sheets = [
                (about.name, about.visible is SheetVisibleEnum.Visible)
                for about in sheets
                if about.typ is SheetTypeEnum.WorkSheet
            ]

    def read(self, name: str, until: int = 0) -> Sheet:  # noqa: ARG002  all of it is in memory
        """Return a sheet."""
        sheet = replace(self._tables[name].hides, rows=[], findings=[])
        with library_errors():
            cells = self._book.get_sheet_by_name(name)
            left = [""] * (cells.start[1] if cells.start else 0)
            for row in cells.iter_rows():
                sheet.add(map(_text, (*left, *row)))
            sheet.merged = [
                MergedRange(top + 1, bottom + 1, first, last)
                for (top, first), (bottom, last) in cells.merged_cell_ranges or ()
            ]
        return sheet


def _text(value: object) -> tuple[str, CellFinding | None]:
    text = str(value)
    match value:
        case bool():
            text = text.upper()
        case int() | float():
            return show(value)
        case datetime():
            text = value.isoformat(" ", "seconds").removesuffix(" 00:00:00")
        case str() if found := _ELAPSED.fullmatch(value):
            text = f"{found[1]}:{found[2]}:{found[3]}"
        case time():
            text = value.isoformat("seconds")
        case _:
            pass
    return text, None


@dataclass(slots=True)
class _Table:
    """What a sheet hides, and how far it has been read: rows and columns, repeated ones counted."""

    hides: Sheet = field(default_factory=Sheet)
    row: int = 0
    cell: int = 0
    column: int = 0
    widest: int = 0  # columns up to the last value


def _measure(part: bytes) -> list[_Table]:
    """Return what each table hides.

    Names are compared with their prefix, as python-calamine does. Raises NotReadableError if a
    table is larger than a sheet can be, or than can be read.
    """
    if part.count(b"<") > TAGS:
        raise NotReadableError(TOO_LARGE)
    tables: list[_Table] = []
    depth = 0  # a cell may contain a table

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        if name == "table:table":
            depth += 1
            if depth == 1:
                tables.append(_Table())
        elif depth == 1 and (take := _TAKES.get(name)):
            take(tables[-1], attributes)

    def end(name: str) -> None:
        nonlocal depth
        depth -= name == "table:table"

    parser = expat.ParserCreate()
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.Parse(part, True)  # noqa: FBT003
    return tables


def _take_row(table: _Table, attributes: dict[str, str]) -> None:
    table.cell = 0
    first = table.row + 1
    table.row = _after(table.row, attributes.get("table:number-rows-repeated"), ROWS)
    visibility = attributes.get("table:visibility")
    if visibility in _HIDING:
        table.hides.hidden_rows.update(range(first, table.row + 1))
        table.hides.filtered |= visibility == "filter"


def _take_columns(table: _Table, attributes: dict[str, str]) -> None:
    first = table.column
    table.column = _after(first, attributes.get("table:number-columns-repeated"), COLUMNS)
    if attributes.get("table:visibility") in _HIDING:
        table.hides.hidden_columns.update(range(first, table.column))


def _take_cells(table: _Table, attributes: dict[str, str]) -> None:
    table.cell = _after(table.cell, attributes.get("table:number-columns-repeated"), COLUMNS)
    if attributes.get("office:value-type"):
        table.widest = max(table.widest, table.cell)
        if table.widest * table.row > CELLS:
            raise NotReadableError(TOO_LARGE)


_TAKES = {
    "table:table-row": _take_row,
    "table:table-column": _take_columns,
    "table:table-cell": _take_cells,
    "table:covered-table-cell": _take_cells,
}


def _after(before: int, repeated: str | None, most: int) -> int:
    """Return the position after an element that may be repeated. Raises NotReadableError."""
    count = repeated or "1"
    if not count.isdecimal() or before + int(count[:9]) > most:
        raise NotReadableError(DAMAGED)
    return before + int(count[:9])
