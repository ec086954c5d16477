"""OpenDocument spreadsheets (.ods), read through python-calamine.

A few bytes of such a file can repeat a cell over a whole sheet, so its XML is measured before
python-calamine opens it. That pass also finds what the sheets hide, which python-calamine does not
report.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from dataclasses import replace
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
from importer.loader.number_formats import Shown, show
from importer.loader.table import CELLS, COLUMNS, ROWS, MergedRange, Sheet

TAGS = 8_000_000
"""Tags of XML in a file, which are measured in some 10 seconds."""

REPEATED = 50_000_000
"""Characters that a file does not contain but asks for: blanks, and the texts of repeated cells."""

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
            self._tables = {about.name: table for about, table in zip(sheets, tables, strict=True)}
            self.sheets = [
                (about.name, about.visible is SheetVisibleEnum.Visible)
                for about in sheets
                if about.typ is SheetTypeEnum.WorkSheet
            ]

    def read(self, name: str, until: int = 0) -> Sheet:  # noqa: ARG002  all of it is in memory
        """Return a sheet."""
        sheet = replace(self._tables[name], rows=[], findings=[])
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


def _text(value: object) -> Shown:
    text = str(value)
    match value:
        case bool():
            text = text.upper()
        case int() | float():
            return show(value)
        case datetime():
            text = value.isoformat(" ", "seconds").removesuffix(" 00:00:00")
        case str() if elapsed := _ELAPSED.fullmatch(value):
            text = f"{elapsed[1]}:{elapsed[2]}:{elapsed[3]}"
        case time():
            text = value.isoformat("seconds")
        case _:
            pass
    return text, None


def _measure(part: bytes) -> list[Sheet]:
    """Return what each table hides, as a sheet without rows.

    Names are compared with their prefix, as python-calamine does. Raises NotReadableError if a
    table is larger than a sheet can be, or than can be read.
    """
    if part.count(b"<") > TAGS:
        raise NotReadableError(TOO_LARGE)
    measure = _Measure()
    measure.parser.Parse(part, True)  # noqa: FBT003
    return measure.tables


class _Measure:
    """The tables of a file as far as its XML is read, and how large they say that they are."""

    def __init__(self) -> None:
        self.tables: list[Sheet] = []
        self.depth = 0  # a cell may contain a table
        self.row = self.column = self.cell = 0  # repeated ones counted
        self.widest = 0  # the widest row up to its last value
        self.rows = self.times = 1  # how often the row, and the cell, is repeated
        self.asked = 0  # characters that repeats ask for
        self.parser = expat.ParserCreate()
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self.depth += name == "table:table"
        if name == "text:s":
            self._ask(self.times * _count(attributes.get("text:c")))
        if self.depth != 1:
            return
        hides = attributes.get("table:visibility") in _HIDING
        repeated = attributes.get("table:number-columns-repeated")
        match name:
            case "table:table":
                self.tables.append(Sheet())
                self.row = self.column = self.cell = self.widest = 0
            case "table:table-row":
                first, self.cell = self.row, 0
                self.row = _after(first, attributes.get("table:number-rows-repeated"), ROWS)
                self.rows = self.row - first
                if hides:
                    self.tables[-1].hidden_rows.update(range(first + 1, self.row + 1))
            case "table:table-column":
                first, self.column = self.column, _after(self.column, repeated, COLUMNS)
                if hides:
                    self.tables[-1].hidden_columns.update(range(first, self.column))
            case "table:table-cell" | "table:covered-table-cell":
                first, self.cell = self.cell, _after(self.cell, repeated, COLUMNS)
                self.times = self.rows * (self.cell - first)
                self.parser.CharacterDataHandler = self._text if self.times > 1 else None
                if attributes.get("office:value-type"):
                    self.widest = max(self.widest, self.cell)
                    if self.widest * self.row > CELLS:
                        raise NotReadableError(TOO_LARGE)
            case _:
                pass

    def _end(self, name: str) -> None:
        self.depth -= name == "table:table"

    def _text(self, text: str) -> None:
        self._ask(self.times * len(text))

    def _ask(self, characters: int) -> None:
        self.asked += characters
        if self.asked > REPEATED:
            raise NotReadableError(TOO_LARGE)


def _after(before: int, repeated: str | None, most: int) -> int:
    """Return the position after an element that may be repeated. Raises NotReadableError."""
    after = before + _count(repeated)
    if after > most:
        raise NotReadableError(DAMAGED)
    return after


def _count(repeated: str | None) -> int:
    """Return how often something is there, up to nine digits. Raises NotReadableError."""
    count = repeated or "1"
    if not count.isdecimal():
        raise NotReadableError(DAMAGED)
    return int(count[:9])
