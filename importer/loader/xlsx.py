"""Excel workbooks (.xlsx, .xlsm), read through openpyxl.

openpyxl's read-only mode reports neither hidden rows nor merged cells nor formulas without a
result, and its full mode takes twice the time and 0.7 GB for 100,000 rows. Both are built on its
`WorkSheetParser`, so that is what reads the rows here. Workbooks that need none of this are read by
`plain_xlsx`.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Generator, Mapping
from datetime import date, datetime, time, timedelta
from typing import IO, Any
from xml.etree.ElementTree import Element

from defusedxml.ElementTree import iterparse
from openpyxl.reader.excel import ExcelReader
from openpyxl.utils.cell import coordinate_to_tuple
from openpyxl.worksheet import _reader

from importer.loader import plain_xlsx
from importer.loader.cleaning import CellFinding, formula_error, is_formula_error
from importer.loader.detect import DamagedError, TooLargeError
from importer.loader.headings import MergedRange
from importer.loader.number_formats import PLAIN, read_format, read_styles, show
from importer.loader.workbook import COLUMNS, ROWS, Sheet, library_errors, number_finding

TAGS = 8_000_000
"""Tags of XML in a sheet: 2 million cells, which openpyxl reads in some 10 seconds."""

STRING_TAGS = 4_000_000
"""Tags of XML in the texts that cells share."""

OTHER_TAGS = 500_000
"""Tags of XML in the parts that describe the workbook."""

GAP = 8 * 1024 * 1024
"""Bytes of XML without the end of a row: so much of a sheet is in memory as objects."""

MERGED = 100_000
"""Merged ranges of a sheet."""

_STRICT = b"http://purl.oclc.org/ooxml/spreadsheetml/main"
_NAMESPACES = {
    _STRICT: b"http://schemas.openxmlformats.org/spreadsheetml/2006/main",
    b"http://purl.oclc.org/ooxml/officeDocument/relationships": (
        b"http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    ),
}
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
_TRUE = {"1", "true"}
_MERGE_CELL = _reader.MERGE_TAG.removesuffix("s")


class XlsxWorkbook:
    """An Excel workbook. Implements `Workbook`."""

    def __init__(self, content: bytes, parts: Mapping[str, bytes]) -> None:
        """Open the workbook of these bytes, whose unpacked parts were checked already.

        Raises DamagedError, TooLargeError.
        """
        self._content = content
        self._parts = parts
        self._plain = plain_xlsx.open_plain(content, parts)
        self._full: OpenpyxlWorkbook | None = None

    @property
    def starts_1904(self) -> bool:
        """Whether its dates are counted from 1904."""
        return self._plain is None and self._opened().starts_1904

    @property
    def sheets(self) -> list[tuple[str, bool]]:
        """The worksheets in order: the name, and whether people see it."""
        return (self._plain or self._opened()).sheets

    def read(self, name: str, until: int = 0) -> Sheet:
        """Return a sheet, up to row `until` if that is not 0."""
        if self._plain is not None:
            try:
                return self._plain.read(name)
            except (DamagedError, plain_xlsx.NotPlainError):
                self._plain = None
        return self._opened().read(name, until)

    def _opened(self) -> OpenpyxlWorkbook:
        if self._full is None:
            self._full = OpenpyxlWorkbook(self._content, self._parts)
        return self._full


class OpenpyxlWorkbook:
    """A workbook as openpyxl reads it. Implements `Workbook`."""

    def __init__(self, content: bytes, parts: Mapping[str, bytes]) -> None:
        """Open the workbook. Raises DamagedError, TooLargeError."""
        if _STRICT in parts.get("xl/workbook.xml", b""):
            content, parts = _transitional(parts)
        _check_tags(parts)
        self._parts = parts
        with library_errors():
            reader = ExcelReader(
                io.BytesIO(content), read_only=True, data_only=True, keep_links=False
            )
            reader.read_manifest()
            reader.read_strings()
            reader.read_workbook()
            self._strings = reader.shared_strings
            self.starts_1904 = reader.wb.epoch.year == 1904
            self._members: dict[str, str] = {}
            self.sheets: list[tuple[str, bool]] = []
            for sheet, relation in reader.parser.find_sheets():
                if relation.Type.endswith("/worksheet") and relation.target in parts:
                    self._members[sheet.name] = relation.target
                    self.sheets.append((sheet.name, sheet.state == "visible"))
            styles = read_styles(parts.get("xl/styles.xml", b""))
        known = {style: read_format(*style) for style in set(styles)}
        self._formats = [known[style] for style in styles]

    def read(self, name: str, until: int = 0) -> Sheet:
        """Return a sheet, up to row `until` if that is not 0."""
        sheet = Sheet()
        with library_errors():
            source = _Metered(self._parts[self._members[name]])
            parser = _SheetParser(source, self._strings)
            for number, cells in parser.parse():
                if until and number > until:
                    break
                source.since_row = 0
                self._add_row(sheet, number, cells)
            sheet.last_row = max(sheet.rows, default=0)
            sheet.rows = {row: sheet.rows[row] for row in sorted(sheet.rows)}
            _add_surroundings(sheet, parser)
        return sheet

    def _add_row(self, sheet: Sheet, number: int, cells: list[dict[str, Any]]) -> None:
        """Add the texts of a row to the sheet, and what is wrong with its cells.

        Some programs write a row in several pieces. Raises DamagedError if a cell is there twice.
        """
        if not 0 < number <= ROWS:
            raise DamagedError
        texts = sheet.rows.setdefault(number, [])
        for cell in cells:
            column = cell["column"] - 1
            if not 0 <= column < COLUMNS or cell["row"] != number:
                raise DamagedError
            text, finding = self._text(cell)
            if cell["formula"]:
                sheet.formula_columns.add(column)
            if finding is not None:
                sheet.findings.append((number, column, finding))
            if text:
                texts.extend([""] * (column + 1 - len(texts)))
                if texts[column]:
                    raise DamagedError
                texts[column] = text

    def _text(self, cell: dict[str, Any]) -> tuple[str, CellFinding | None]:
        """Return what a person sees of a cell, and what is wrong with it."""
        value = cell["value"]
        match value:
            case None:
                failed = cell["formula"] and cell["data_type"] == "n"
                return "", formula_error("") if failed else None
            case str() if cell["data_type"] == "e":
                # `clean` finds the errors that it knows, in files of every kind
                return value, None if is_formula_error(value) else formula_error(value)
            case str():
                return unescape(value), None
            case bool():
                return str(value).upper(), None
            case datetime() | date() | time() | timedelta():
                return str(value).removesuffix(" 00:00:00"), None
            case _:
                style = cell["style_id"] or 0
                chosen = self._formats[style] if style < len(self._formats) else PLAIN
                text, code = show(value, chosen, starts_1904=self.starts_1904)
                return text, number_finding(code, text)


def unescape(text: str) -> str:
    """Return the text with `_x000D_` and the like as the characters that they mean."""
    if "_x" not in text:
        return text
    return _ESCAPED.sub(lambda match: chr(int(match[1], 16)), text)


def _transitional(parts: Mapping[str, bytes]) -> tuple[bytes, dict[str, bytes]]:
    """Return a workbook saved as Strict Open XML in the usual namespaces, which openpyxl knows."""
    changed = {}
    for name, part in parts.items():
        if name.endswith((".xml", ".rels")):
            for strict, usual in _NAMESPACES.items():
                part = part.replace(strict, usual)  # noqa: PLW2901
        changed[name] = part
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, part in changed.items():
            archive.writestr(name, part)
    return buffer.getvalue(), changed


def _check_tags(parts: Mapping[str, bytes]) -> None:
    """Raise TooLargeError if a part has more tags than openpyxl reads in reasonable time."""
    for name, part in parts.items():
        if name.startswith("xl/worksheets/"):
            most = TAGS
        elif "sharedstrings" in name.lower():
            most = STRING_TAGS
        elif name.endswith((".xml", ".rels")):
            most = OTHER_TAGS
        else:
            continue
        if part.count(b"<") > most:
            raise TooLargeError


class _SheetParser(_reader.WorkSheetParser):
    """openpyxl's parser of rows, which also keeps hidden columns, merged cells and filters.

    Dates stay numbers, because openpyxl reads day 60 and days out of range otherwise than Excel.
    """

    def __init__(self, source: IO[bytes], strings: list[str]) -> None:
        super().__init__(source, strings, data_only=True)
        self.hidden_columns: list[tuple[int, int]] = []
        self.merged: list[str] = []
        self.filtered = False

    def parse(self) -> Generator[tuple[int, list[dict[str, Any]]]]:
        """Return the rows: their number and their cells."""
        for _, element in iterparse(self.source):
            tag = element.tag
            if tag == _reader.ROW_TAG:
                yield self.parse_row(element)
                element.clear()
            elif tag == _reader.COL_TAG and element.get("hidden") in _TRUE:
                self.hidden_columns.append((int(element.get("min")), int(element.get("max"))))
            elif tag == _MERGE_CELL:
                self.merged.append(element.get("ref", ""))
            elif tag == _reader.FILTER_TAG:
                self.filtered = True

    def parse_cell(self, element: Element) -> dict[str, Any]:
        """Return the cell, and whether it has a formula."""
        cell: dict[str, Any] = super().parse_cell(element)
        cell["formula"] = element.find(_reader.FORMULA_TAG) is not None
        if cell["value"] is None and element.find(_reader.INLINE_STRING) is not None:
            raise DamagedError  # a text of a type that has none: openpyxl would drop it
        return cell


def _add_surroundings(sheet: Sheet, parser: _SheetParser) -> None:
    if len(parser.merged) > MERGED:
        raise TooLargeError
    for area in parser.merged:
        corners = area.partition(":")
        top, left = coordinate_to_tuple(corners[0])
        bottom, right = coordinate_to_tuple(corners[2] or corners[0])
        sheet.merged.append(MergedRange(top, min(bottom, ROWS), left - 1, min(right, COLUMNS) - 1))
    sheet.hidden_rows = {
        int(row)
        for row, attributes in parser.row_dimensions.items()
        if attributes.get("hidden") in _TRUE
    }
    for first, last in parser.hidden_columns:
        sheet.hidden_columns.update(range(first - 1, min(last, COLUMNS)))
    sheet.filtered = parser.filtered


class _Metered(io.BytesIO):
    """The XML of a sheet; reading stops if no row ends for a long time."""

    since_row = 0

    def read(self, size: int | None = -1, /) -> bytes:
        """Return the next bytes. Raises TooLargeError."""
        piece = super().read(size)
        self.since_row += len(piece)
        if self.since_row > GAP:
            raise TooLargeError
        return piece
