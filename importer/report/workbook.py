"""Sheets written cell by cell as text, and the template of a roster that an office fills in.

Every column is text, so that IDs keep their zeros; only dates are dates, shown in the order that
the mapping declares. A spreadsheet program checks codes, dates and the number of characters, and
`check` everything else. Choices come from a hidden sheet. No cell outside the first sheet is equal
to a heading: the loader finds the sheet of a roster by its headings.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import zip_longest
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO

import xlsxwriter
from xlsxwriter.exceptions import FileCreateError
from xlsxwriter.format import Format
from xlsxwriter.utility import xl_rowcol_to_cell_fast
from xlsxwriter.worksheet import CellStringTuple, Worksheet

from importer.errors import MappingError
from importer.files import new_file
from importer.mapper.mapping import MappingDocument
from importer.mapper.placeholders import TO_CHOOSE
from importer.model.fields import CodeTables
from importer.model.roster import NO_HEADINGS, TEMPLATE_SHEETS, letter
from importer.report.masking import printable
from importer.report.needed_columns import NeededColumn, needed_columns

LAST_ROW = 1_048_575
"""Counted from 0, by Excel's file format."""

NARROWEST, WIDEST = 9, 40
"""Widths of columns, in characters."""

LISTS = "Lists"
"""The name of the hidden sheet with the lists."""

_NOT_IN_SHEET_NAMES = re.compile(r"[\[\]:*?/\\]")


def sheet_name(name: str, otherwise: str) -> str:
    """Return a name that Excel accepts for a sheet: the roster's, if it had one."""
    cleaned = _NOT_IN_SHEET_NAMES.sub(" ", printable(name))[:31].strip().strip("'")
    return otherwise if not cleaned or cleaned.casefold() == "history" else cleaned


def free_name(name: str, taken: str) -> str:
    """Return the name, or another where the first sheet has it already."""
    return name if name.casefold() != taken.casefold() else f"{name} (2)"


_ESCAPED = re.compile("[&<>\x00-\x1f\ufffe\uffff]|_x")


class _TextSheet(Worksheet):  # type: ignore[misc]
    """A sheet whose texts are only texts, also one that looks like the markup of rich text."""

    def _write_cell(self, row: int, column: int, cell: CellStringTuple) -> None:
        if isinstance(cell, CellStringTuple):  # as the library does, in half of the time
            text = cell.string
            if _ESCAPED.search(text):
                text = self._escape_data(self._escape_control_characters(text))
            space = ' xml:space="preserve"' if text != text.strip() else ""
            at = xl_rowcol_to_cell_fast(row, column)
            style = cell.format._get_xf_index() if cell.format else 0
            self.fh.write(
                f'<c r="{at}" s="{style}" t="inlineStr"><is><t{space}>{text}</t></is></c>'
            )
        else:
            super()._write_cell(row, column, cell)


@contextmanager
def text_workbook(file: IO[bytes], folder: Path | None = None) -> Iterator[xlsxwriter.Workbook]:
    """Yield a workbook in which each text that is written stays text, and save it to the file.

    No text becomes a formula, a number, a link or markup. It is written row by row, in little
    memory, with temporary files in the folder. Raises OSError.
    """
    options = {
        "constant_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
    }
    try:
        with TemporaryDirectory(dir=folder) as private:  # the library leaves files behind
            book = xlsxwriter.Workbook(file, {**options, "tmpdir": private})
            book.worksheet_class = _TextSheet
            with book:
                yield book
    except FileCreateError as error:
        # the library wraps the error of the system, such as a full disk
        raise OSError(str(error)) from error


@dataclass(slots=True)
class WrittenSheet:
    """A sheet written row by row, every cell as text, with its widths."""

    sheet: Worksheet
    text: Format
    widths: dict[int, int] = field(default_factory=dict)

    def write(self, row: int, column: int, text: str, style: Format | None = None) -> None:
        """Write text into a cell, whatever it looks like, up to Excel's 32,767 characters."""
        if text or style is not None:
            self.sheet.write_string(row, column, text, style or self.text)
        longest = max(map(len, text.split("\n"))) if "\n" in text else len(text)
        self.widths[column] = max(self.widths.get(column, NARROWEST), longest + 3)

    def write_row(self, row: int, texts: Iterable[str], style: Format, first: int = 0) -> None:
        """Write texts into cells side by side."""
        for column, text in enumerate(texts, start=first):
            self.write(row, column, text, style)

    def fit(self, widest: dict[int, int] | None = None) -> None:
        """Set the width and text format of each column.

        In print all columns are on one page, and the headings on each page.
        """
        for column, width in self.widths.items():
            limit = (widest or {}).get(column, WIDEST)
            self.sheet.set_column(column, column, min(width, limit), self.text)
        self.sheet.set_landscape()
        self.sheet.fit_to_pages(1, 0)
        self.sheet.repeat_rows(0)


@dataclass(slots=True)
class Lists:
    """The hidden sheet with the lists that cells offer, one column for each."""

    sheet: Worksheet
    columns: dict[tuple[str, ...], int] = field(default_factory=dict)

    def rule(self, words: tuple[str, ...], title: str, *, strict: bool) -> dict[str, object]:
        """Return the rule for a cell that offers these words; others are possible if not strict."""
        at = letter(self.columns.setdefault(words, len(self.columns)))
        name = self.sheet.get_name().replace("'", "''")
        return {
            "validate": "list",
            "source": f"='{name}'!${at}$1:${at}${len(words)}",
            "error_type": "stop" if strict else "warning",
            "error_title": title,
            "error_message": "Choose a value from the list.",
        }

    def write(self) -> None:
        """Write all lists and hide the sheet."""
        for line, texts in enumerate(zip_longest(*self.columns, fillvalue="")):
            for column, text in enumerate(texts):
                if text:
                    self.sheet.write_string(line, column, text)
        self.sheet.very_hidden()


EXAMPLE = "Example: "
"""Starts the example row, which the loader skips."""
VERSION = "Template version"
"""The document property that names the mapping and its version."""
(NOTES,) = TEMPLATE_SHEETS

_MADE = datetime(2000, 1, 1)  # noqa: DTZ001  the same bytes each time; the version says more
_FIRST, _LAST = date(1900, 1, 1), date(2199, 12, 31)
_LONGEST_MESSAGE = 255
_STEPS = (
    "Enter one row per person on the first sheet, below the example. The example is not loaded.",
    "Bold headings on blue are required: a row with a blank there is not loaded.",
    "Do not change the headings, and do not format IDs as numbers: only text keeps their zeros.",
    "Point at a heading to read what to type below it.",
    "A filled-in file contains personal data. Do not send it by unprotected email.",
)


def version_of(mapping: MappingDocument) -> str:
    """Return the text in a template that identifies its mapping."""
    return f"{mapping.name} {mapping.sha256[:12]}"


def write_blank(
    mapping: MappingDocument, codes: CodeTables, path: Path
) -> tuple[NeededColumn, ...]:
    """Write a new workbook to be filled in, and return its columns.

    The same mapping and codes give the same bytes. Raises MappingError if a column is still to be
    chosen, UsageError if the file exists already or cannot be written.
    """
    columns, layout = _columns(mapping, codes), mapping.file.roster
    name = sheet_name(layout.sheet or "", "Roster")
    with new_file(path, private=False, option="-o") as file, text_workbook(file) as book:
        book.set_properties({"title": mapping.title, "created": _MADE})
        book.set_custom_property(VERSION, version_of(mapping))
        text = book.add_format({"num_format": "@", "valign": "top"})
        roster = WrittenSheet(book.add_worksheet(name), text)
        notes = WrittenSheet(book.add_worksheet(free_name(NOTES, name)), text)
        lists = Lists(book.add_worksheet(free_name(LISTS, name)))
        _write_roster(book, roster, columns, layout.header[-1] - 1 if layout.header else 0, lists)
        lists.write()
        _write_notes(book, notes, mapping.title, columns)
        roster.sheet.activate()
    return columns


def _columns(mapping: MappingDocument, codes: CodeTables) -> tuple[NeededColumn, ...]:
    needed = needed_columns(mapping, codes)
    wrong = ""
    if TO_CHOOSE in mapping.headings:
        wrong = "some columns are still `<?>`; write their headings first"
    elif not needed:
        wrong = "no rule takes a column, so there is nothing to fill in"
    elif mapping.file.roster.header == NO_HEADINGS:
        wrong = "its rosters have no headings, so there is no template"
    if wrong:
        msg = f"{mapping.path.name}: {wrong}"
        raise MappingError((msg,))
    return needed


def _write_roster(
    book: xlsxwriter.Workbook,
    sheet: WrittenSheet,
    columns: tuple[NeededColumn, ...],
    line: int,
    lists: Lists,
) -> None:
    """Write the headings on a line, counted from 0, the example, and what may be typed below."""
    heading = {"num_format": "@", "text_wrap": True, "valign": "top", "bottom": 1}
    needed = book.add_format({**heading, "bold": True, "bg_color": "#CFE3F7", "bottom": 5})
    other = book.add_format({**heading, "bg_color": "#EEF1F5"})
    looks = {"italic": True, "font_color": "#5A6470", "num_format": "@"}
    for position, column in enumerate(columns):
        required = column.required
        sheet.write(line, position, column.heading, needed if required else other)
        size = {"x_scale": 2, "y_scale": 1.4}
        sheet.sheet.write_comment(line, position, column.comment, size)
    for position, column in enumerate(columns):
        if position and isinstance(column.example, date):
            dated = {**looks, "num_format": column.date_format, "align": "left"}
            day = book.add_format(dated)
            sheet.sheet.write_datetime(line + 1, position, column.example, day)
        else:
            text = f"{'' if position else EXAMPLE}{column.example}"
            sheet.write(line + 1, position, text, book.add_format(looks))
        rule = _validation(column, lists)
        sheet.sheet.data_validation(line + 2, position, LAST_ROW, position, rule)
    sheet.sheet.freeze_panes(line + 1, 0)
    sheet.fit()
    for position, column in enumerate(columns):
        if column.date_format:
            day = book.add_format({"num_format": column.date_format, "valign": "top"})
            width = max(sheet.widths[position], len(column.date_format) + 3)
            sheet.sheet.set_column(position, position, min(width, WIDEST), day)


def _validation(column: NeededColumn, lists: Lists) -> dict[str, object]:
    """What the spreadsheet program accepts from a cell below the example on."""
    title = "Not allowed here"
    rule: dict[str, object] = {"validate": "any", "error_title": title}
    if column.choices:
        rule = lists.rule(tuple(row.code for row in column.choices), title, strict=True)
    elif column.date_format:
        rule |= {"validate": "date", "criteria": "between", "minimum": _FIRST, "maximum": _LAST}
        rule["error_message"] = "Type a date that can be right."
    elif column.longest:
        form = column.id_rule
        criteria = "==" if form and not form.pad else "<="
        rule |= {"validate": "length", "criteria": criteria, "value": column.longest}
        most = "" if criteria == "==" else "at most "
        rule["error_message"] = f"Type {most}{column.longest} characters, leading zeros included."
    return rule | {
        "ignore_blank": True,
        "input_title": printable(column.heading)[:32],
        "input_message": column.comment[:_LONGEST_MESSAGE],
    }


def _write_notes(
    book: xlsxwriter.Workbook, sheet: WrittenSheet, title: str, columns: tuple[NeededColumn, ...]
) -> None:
    bold = book.add_format({"num_format": "@", "bold": True, "valign": "top"})
    wrapped = book.add_format({"num_format": "@", "text_wrap": True, "valign": "top"})
    lines: list[tuple[tuple[str, ...], Format]] = [
        ((printable(title),), bold),
        *(((step,), wrapped) for step in (*_STEPS, "")),
        (("Column", "Required", "What to type"), bold),
    ]
    codes: list[tuple[tuple[str, ...], Format]] = []
    for position, column in enumerate(columns):
        # not equal to the heading: see above
        name = f"{letter(position)} · {printable(column.heading)}"
        required = "required" if column.required else "optional"
        lines.append(((name, required, column.note), wrapped))
        if described := [row for row in column.choices if row.description]:
            codes += [(("",), wrapped), ((f"Codes of {name}",), bold)]
            codes += [((f"{row.code} = {row.description}",), wrapped) for row in described]
    for line, (texts, style) in enumerate((*lines, *codes)):
        sheet.write_row(line, texts, style)
    sheet.widths = {0: 64, 1: 16, 2: 90}
    sheet.fit(sheet.widths)
