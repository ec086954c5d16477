"""Excel workbooks (.xlsx, .xlsm), read through openpyxl.

openpyxl's read-only mode reports neither hidden rows nor merged cells nor formulas without a
result, and its full mode takes twice the time and 0.7 GB for 100,000 rows. Both are built on its
`WorkSheetParser`, so that is what reads the rows here.

Plain sheets are read by python-calamine several times as fast. A sheet is plain if it is written as
spreadsheet programs write it, and has no formula, error, hidden row or column, merged cell, or text
with markup. A regular expression decides that. For numbers with a format, it also finds the style,
which python-calamine does not report. Whatever is in doubt is not plain. A test compares both.
"""

from __future__ import annotations

import io
import posixpath
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime
from functools import cached_property
from typing import Any
from xml.etree.ElementTree import Element, iterparse
from xml.parsers import expat

from openpyxl.reader.excel import ExcelReader
from openpyxl.utils.cell import column_index_from_string, coordinate_to_tuple
from openpyxl.utils.datetime import from_ISO8601
from openpyxl.utils.escape import unescape
from openpyxl.worksheet import _reader
from openpyxl.xml.constants import SHARED_STRINGS
from python_calamine import CalamineWorkbook

from importer.loader.cleaning import formula_error
from importer.loader.detect import (
    DAMAGED,
    SAVE_AS,
    TOO_LARGE,
    NotReadableError,
    library_errors,
    packed,
)
from importer.loader.number_formats import DIGITS, PLAIN, NumberFormat, Shown, read_styles, show
from importer.loader.table import CELLS, COLUMNS, ROWS, Located, MergedRange, Sheet
from importer.model.roster import FORMULA_ERRORS

TAGS = 7_000_000
"""Tags of XML in a sheet: 1.7 million cells, 1.1 million with formulas; openpyxl reads them in
some 8 seconds."""

STRING_TAGS = 4_000_000
"""Tags of XML in the texts that cells share."""

OTHER_TAGS = 500_000
"""Tags of XML in the parts that describe the workbook."""

GAP = 8 * 1024 * 1024
"""Bytes of XML without the end of a row: so much of a sheet is in memory as objects."""

MERGED = 100_000
"""Merged ranges of a sheet."""

_STRICT = b"http://purl.oclc.org/ooxml/spreadsheetml/main"
_SAVED_AS_STRICT = f"is a Strict Open XML Spreadsheet, which cannot be read. {SAVE_AS}"
_STRINGS = "xl/sharedStrings.xml"
_KNOWN_PARTS = (
    *("[Content_Types].xml", "_rels/.rels", "xl/workbook.xml", "xl/_rels/workbook.xml.rels"),
    *("xl/styles.xml", _STRINGS),
)
_REFERENCE = re.compile(rb'(?:Target|PartName)="([^"<>]*+)"')
_LARGE_PARTS = ("xl/worksheets/", "xl/sharedstrings")
_TRUE = {"1", "true"}
_NAMESPACE = _reader.ROW_TAG.removesuffix("row")
_TEXT, _RUN, _SHARED = _NAMESPACE + "t", _NAMESPACE + "r", _NAMESPACE + "si"
_MERGE_CELL = _NAMESPACE + "mergeCell"


class XlsxWorkbook:
    """An Excel workbook. Implements `Workbook`."""

    def __init__(self, content: bytes, parts: Mapping[str, bytes]) -> None:
        """Open the workbook of these bytes; `parts` are its members.

        Raises NotReadableError.
        """
        if parts.keys() != (usual := usual_names(parts)).keys():
            content, parts = packed(usual), usual
        if _STRICT in parts.get("xl/workbook.xml", b""):
            raise NotReadableError(_SAVED_AS_STRICT)
        self._content, self._parts = content, parts
        for name, part in parts.items():
            if name.endswith((".xml", ".rels")) and not name.lower().startswith(_LARGE_PARTS):
                _check_tags(part, OTHER_TAGS)
        with library_errors():
            reader = ExcelReader(
                io.BytesIO(self._content), read_only=True, data_only=True, keep_links=False
            )
            reader.read_manifest()
            reader.read_workbook()
            strings = reader.package.find(SHARED_STRINGS)  # type: ignore[no-untyped-call]
            self._strings_name = strings.PartName[1:] if strings else ""
            self.starts_1904 = reader.wb.epoch.year == 1904
            self._members: dict[str, str] = {}
            self.sheets: list[tuple[str, bool]] = []
            for sheet, relation in reader.parser.find_sheets():
                if relation.Type.endswith("/worksheet") and relation.target in parts:
                    self._members[sheet.name] = relation.target
                    self.sheets.append((sheet.name, sheet.state == "visible"))
            self._formats = read_styles(parts.get("xl/styles.xml", b""))

    def read(self, name: str, until: int = 0) -> Sheet:
        """Return a sheet, up to row `until` if that is not 0."""
        if not until:
            with suppress(NotReadableError):
                return self.read_plain(name)
        return self.read_fully(name, until)

    def read_plain(self, name: str) -> Sheet:
        """Return a sheet as python-calamine reads it. Raises NotReadableError."""
        part, sheet = self._parts[self._members[name]], Sheet()
        # python-calamine has to find the same sheets and texts
        usual = _STRINGS if _STRINGS in self._parts else ""
        same = usual == self._strings_name and len(self._members) == len(self.sheets)
        last = _last_plain_row(part, self._parts.get(_STRINGS, b""))
        if not last or not same or self.starts_1904:
            raise NotPlainError
        styles = {b"%d" % at: style for at, style in enumerate(self._formats) if style != PLAIN}
        styled = filter(lambda cell: cell[3] in styles, _NUMBER.finditer(part) if styles else ())
        cell = next(styled, None)
        with library_errors():
            book = CalamineWorkbook.from_filelike(io.BytesIO(self._content))
            cells = book.get_sheet_by_name(name)
            left = [""] * (cells.start[1] if cells.start else 0)  # python-calamine omits them
            for number, row in enumerate(map(left.__add__, cells.iter_rows()), start=1):
                while cell is not None and int(cell[2]) == number:
                    column = column_index_from_string(cell[1].decode()) - 1
                    row[column], finding = _show(row[column], styles[cell[3]])
                    if finding is not None:
                        sheet.findings.append(Located(number, column, finding))
                    cell = next(styled, None)
                sheet.rows.append([t if type(t) is str else _show(t, PLAIN)[0] for t in row])
        if cell is not None:
            raise NotPlainError
        sheet.rows.extend(() for _ in range(last - len(sheet.rows)))
        return sheet

    def read_fully(self, name: str, until: int = 0) -> Sheet:
        """Return a sheet as openpyxl reads it, up to row `until` if that is not 0."""
        part = self._parts[self._members[name]]
        _check_tags(part, TAGS)
        with library_errors():
            return _SheetParser(_Metered(part), self._strings, self._show).read(until)

    def _show(self, number: float, style: int) -> Shown:
        chosen = self._formats[style] if style < len(self._formats) else PLAIN
        return show(number, chosen, starts_1904=self.starts_1904)

    @cached_property
    def _strings(self) -> list[str]:
        """The texts that cells share."""
        part = self._parts.get(self._strings_name) or b"<none/>"
        _check_tags(part, STRING_TAGS)
        events = iterparse(io.BytesIO(part))  # noqa: S314  no document type
        return [_string(element) for _, element in events if element.tag == _SHARED]


def _string(element: Element) -> str:
    """Return the text of an element, its runs joined and its phonetic hints left out."""
    runs = [element.findtext(_TEXT), *(run.findtext(_TEXT) for run in element.iterfind(_RUN))]
    text = "".join(filter(None, runs))
    element.clear()
    return unescape(text)


def usual_names(parts: Mapping[str, bytes]) -> Mapping[str, bytes]:
    """Return the parts under the names by which others refer to them, if only case differs.

    Names with backslashes, as some programs of Windows write them, get slashes.
    """
    known = {name.lower(): name for name in _KNOWN_PARTS}
    for name, part in parts.items():
        if name.lower().endswith((".rels", "content_types].xml")):
            folder = name.replace("\\", "/").lower().rpartition("_rels/")[0]
            for target in _REFERENCE.findall(part):
                path = target.decode("utf-8", "replace").replace("\\", "/")
                path = path[1:] if path.startswith("/") else posixpath.normpath(folder + path)
                known.setdefault(path.lower(), path)
    slashed = {name: name.replace("\\", "/") for name in parts}
    return {known.get(new.lower(), new): parts[name] for name, new in slashed.items()}


def _check_tags(part: bytes, most: int) -> None:
    """Raise NotReadableError if a part has more tags than can be read in reasonable time."""
    if part.count(b"<") > most:
        raise NotReadableError(TOO_LARGE)


class _Metered(io.BytesIO):
    """The XML of a sheet; reading stops if no row ends for a long time."""

    since_row = 0

    def read(self, size: int | None = -1, /) -> bytes:
        """Return the next bytes. Raises NotReadableError."""
        piece = super().read(size)
        self.since_row += len(piece)
        if self.since_row > GAP:
            raise NotReadableError(TOO_LARGE)
        return piece


class _SheetParser(_reader.WorkSheetParser):
    """openpyxl's parser of rows, which also keeps hidden columns and merged cells.

    Dates stay numbers, because openpyxl reads day 60 and days out of range otherwise than Excel.
    """

    def __init__(
        self, source: _Metered, strings: Sequence[str], show_number: Callable[[float, int], Shown]
    ) -> None:
        super().__init__(source, strings, data_only=True)
        self._metered, self._show, self._sheet = source, show_number, Sheet()
        self._texts: list[str] = []  # of the row that is being read

    def read(self, until: int) -> Sheet:
        """Return the sheet, up to row `until` if that is not 0."""
        sheet = self._sheet
        for _, element in iterparse(self._metered):  # noqa: S314  no document type
            tag = element.tag
            if tag == _reader.ROW_TAG:
                self._texts = []
                number, _cells = self.parse_row(element)  # type: ignore[arg-type]
                self._add_row(number)
                self._metered.since_row = 0
                element.clear()
                if until and number >= until:
                    break
            elif tag == _reader.COL_TAG and element.get("hidden") in _TRUE:
                first, last = int(element.get("min", "")), int(element.get("max", ""))
                sheet.hidden_columns.update(range(first - 1, min(last, COLUMNS)))
            elif tag == _MERGE_CELL:
                sheet.merged.append(_merged(element.get("ref", "")))
                if len(sheet.merged) > MERGED:
                    raise NotReadableError(TOO_LARGE)
        sheet.hidden_rows = {
            int(row)
            for row, attributes in self.row_dimensions.items()
            if attributes.get("hidden") in _TRUE
        }
        return sheet

    def _add_row(self, number: int) -> None:
        """Add a row to the sheet. Raises NotReadableError if it has text there, or cannot be."""
        rows = self._sheet.rows
        if not 0 < number <= ROWS:
            raise NotReadableError(DAMAGED)
        rows.extend(() for _ in range(number - len(rows)))
        if rows[number - 1] and self._texts:
            raise NotReadableError(DAMAGED)
        rows[number - 1] = rows[number - 1] or self._texts

    def parse_cell(self, element: Element) -> dict[str, Any]:
        """Add what a person sees of a cell to the row, and what is wrong with it to the sheet."""
        row, column = self.row_counter, self.col_counter + 1
        if place := element.get("r"):
            row, column = coordinate_to_tuple(place)
        if row != self.row_counter and not "".join(element.itertext()):
            return {}  # an empty cell, as some programs leave it where they took rows out
        self.col_counter = column
        if row != self.row_counter or not 0 < column <= COLUMNS:
            raise NotReadableError(DAMAGED)
        text, finding = self._text(element, column)
        if finding is not None:
            self._sheet.findings.append(Located(row, column - 1, finding))
        if text:
            texts = self._texts
            texts.extend([""] * (column - len(texts)))
            if texts[column - 1]:
                raise NotReadableError(DAMAGED)
            texts[column - 1] = text
        return {}

    def _text(self, element: Element, column: int) -> Shown:
        kind = element.get("t", "n")
        value = element.findtext(_reader.VALUE_TAG)
        inline = element.find(_reader.INLINE_STRING) if not value or kind == "inlineStr" else None
        if inline is not None:
            if kind != "inlineStr":
                raise NotReadableError(DAMAGED)  # a text of a type that has none
            return _string(inline), None
        has_formula = len(element) > bool(value) and element.find(_reader.FORMULA_TAG) is not None
        if has_formula:
            self._sheet.formula_columns.add(column - 1)
        if not value or kind == "inlineStr":
            # Excel saves the empty text, which a formula may return, as an empty result
            missing = value is None or kind == "n"
            return "", formula_error("") if has_formula and missing else None
        if kind == "n":
            number = float(value) if {".", "e", "E"}.intersection(value) else int(value)
            return self._show(number, int(element.get("s", 0)))
        match kind:
            case "s" if "-" in value:
                raise NotReadableError(DAMAGED)  # Python would count from the end
            case "s":
                text = self.shared_strings[int(value)]
            case "b":
                text = str(bool(int(value))).upper()
            case "d":
                moment = from_ISO8601(value)  # type: ignore[no-untyped-call]
                text = str(moment).removesuffix(" 00:00:00")
            case _:
                text = unescape(value)
        # `clean` finds the errors that it knows, in files of every kind
        failed = kind == "e" and text not in FORMULA_ERRORS
        return text, formula_error(text) if failed else None


def _merged(reference: str) -> MergedRange:
    first, _, last = reference.partition(":")
    top, left = coordinate_to_tuple(first)
    bottom, right = coordinate_to_tuple(last or first)
    return MergedRange(top, min(bottom, ROWS), left - 1, min(right, COLUMNS) - 1)


# --- plain sheets, read by python-calamine ---

FILLED = 2_000_000
"""Cells of a plain sheet, which are read in some 8 seconds."""

_START = b"<sheetData>"
_XMLNS = b' xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
_INLINE = rb'<is><t(?: xml:space="preserve")?>[^<]*</t></is>'
_VALUES = rb"|".join((
    rb' t="s"(?:/>|>(?:<v>\d{1,9}</v>)?</c>)',
    rb' t="b"(?:/>|>(?:<v>[01]</v>)?</c>)',
    rb'(?: t="(?:n|str)")?(?:/>|>(?:<v>[^<]*</v>)?</c>)',
    rb' t="inlineStr">' + _INLINE + rb"</c>",
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


class NotPlainError(NotReadableError):
    """The sheet turned out not to be plain while it was read."""


def _last_plain_row(part: bytes, strings: bytes) -> int:
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
        and _XMLNS in around
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


def _show(value: object, chosen: NumberFormat) -> Shown:
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
