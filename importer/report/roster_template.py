"""The roster template of a mapping: a workbook that an office fills in.

Every column is text, so that IDs keep their zeros; only dates are dates, shown in the order that
the mapping declares. Choices come from a hidden sheet. No cell outside the first sheet is equal to
a heading: the loader finds the sheet of a roster by its headings.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path

import xlsxwriter
from xlsxwriter.exceptions import FileCreateError
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from importer.model.roster import TEMPLATE_SHEETS, letter
from importer.report.masking import printable
from importer.report.rejects import LAST_ROW, WIDEST, Sheet, free_name, sheet_name


class Kind(StrEnum):
    """The kind of value in a column."""

    TEXT = "text"
    ID = "identifier"
    DATE = "date"


@dataclass(frozen=True, slots=True)
class BlankColumn:
    """A column to fill in.

    `choices`: the values allowed, each with its description; none where any value is.
    `date_format`: as the spreadsheet program writes it. `longest`: in characters, 0 for no limit.
    """

    heading: str
    note: str
    required: bool
    kind: Kind
    example: str | date
    choices: tuple[tuple[str, str], ...] = ()
    date_format: str = ""
    longest: int = 0


@dataclass(frozen=True, slots=True)
class Blank:
    """A roster template. `heading_row` counts from 1; `version` identifies the mapping."""

    title: str
    sheet: str
    heading_row: int
    columns: tuple[BlankColumn, ...]
    version: str


EXAMPLE = "Example: "
"""Starts the example row, which the loader skips."""
VERSION = "Template version"
"""The document property with the version."""
(NOTES,), LISTS = TEMPLATE_SHEETS, "Lists"

_MADE = datetime(2000, 1, 1)  # noqa: DTZ001  the same bytes each time; the version says more
_FIRST_DAY, _LAST_DAY = date(1900, 1, 1), date(2199, 12, 31)
_LONGEST_MESSAGE = 255


def write_template(blank: Blank, path: Path) -> None:
    """Write the workbook; the same template gives the same bytes. Raises OSError."""
    try:
        with xlsxwriter.Workbook(str(path), {"strings_to_urls": False}) as book:
            book.set_properties({"title": blank.title, "created": _MADE})
            book.set_custom_property(VERSION, blank.version)
            _fill(book, blank)
    except FileCreateError as error:
        raise OSError(str(error)) from error


def _fill(book: xlsxwriter.Workbook, blank: Blank) -> None:
    name = sheet_name(blank.sheet) if blank.sheet else "Roster"
    taken = {name.casefold()}
    text = book.add_format({"num_format": "@", "valign": "top"})
    roster = Sheet(book.add_worksheet(name), text)
    notes = Sheet(book.add_worksheet(free_name(NOTES, taken)), text)
    lists = book.add_worksheet(free_name(LISTS, taken))
    lists.very_hidden()
    sources = _write_lists(lists, blank)
    _write_roster(book, roster, blank, sources)
    _write_notes(book, notes, blank)
    roster.sheet.activate()


def _write_lists(sheet: Worksheet, blank: Blank) -> dict[int, str]:
    """Write each list as two columns, choices and descriptions; return their Excel ranges."""
    found: dict[int, str] = {}
    for position, column in enumerate(blank.columns):
        if not column.choices:
            continue
        at = 2 * len(found)
        sheet.write_string(0, at, _named(position, column))
        for line, (word, description) in enumerate(column.choices, start=1):
            sheet.write_string(line, at, word)
            sheet.write_string(line, at + 1, description)
        name = sheet.get_name().replace("'", "''")
        last = len(column.choices) + 1
        found[position] = f"='{name}'!${letter(at)}$2:${letter(at)}${last}"
    return found


def _write_roster(
    book: xlsxwriter.Workbook, sheet: Sheet, blank: Blank, sources: dict[int, str]
) -> None:
    line = blank.heading_row - 1
    heading = {"num_format": "@", "text_wrap": True, "valign": "top", "bottom": 1}
    needed = book.add_format({**heading, "bold": True, "bg_color": "#CFE3F7", "bottom": 5})
    other = book.add_format({**heading, "bg_color": "#EEF1F5"})
    grey: dict[str, object] = {"italic": True, "font_color": "#5A6470", "num_format": "@"}
    for position, column in enumerate(blank.columns):
        sheet.write(line, position, column.heading, needed if column.required else other)
        sheet.sheet.write_comment(
            line, position, printable(_comment(column)), {"x_scale": 2, "y_scale": 1.4}
        )
        _write_example(book, sheet, line + 1, position, column, grey)
        _validate(sheet.sheet, line + 2, position, column, sources.get(position, ""))
    sheet.sheet.freeze_panes(line + 1, 0)
    sheet.fit({})
    for position, column in enumerate(blank.columns):
        if column.kind is Kind.DATE:
            day = book.add_format({"num_format": column.date_format, "valign": "top"})
            width = max(sheet.widths[position], len(column.date_format) + 3)
            sheet.sheet.set_column(position, position, min(width, WIDEST), day)


def _write_example(
    book: xlsxwriter.Workbook,
    sheet: Sheet,
    line: int,
    position: int,
    column: BlankColumn,
    looks: dict[str, object],
) -> None:
    if position and isinstance(column.example, date):
        day = book.add_format({**looks, "num_format": column.date_format, "align": "left"})
        sheet.sheet.write_datetime(line, position, column.example, day)
    else:
        text = f"{'' if position else EXAMPLE}{column.example}"
        sheet.write(line, position, text, book.add_format(looks))


def _validate(
    sheet: Worksheet, first: int, position: int, column: BlankColumn, source: str
) -> None:
    """Set what the spreadsheet program accepts in the cells below the example."""
    rule: dict[str, object] = {
        "ignore_blank": True,
        "input_title": printable(column.heading)[:32],
        "input_message": printable(_comment(column))[:_LONGEST_MESSAGE],
        "error_title": "Not allowed here",
    }
    if source:
        rule |= {"validate": "list", "source": source}
        rule["error_message"] = "Choose a value from the list."
    elif column.kind is Kind.DATE:
        rule |= {"validate": "date", "criteria": "between"}
        rule |= {"minimum": _FIRST_DAY, "maximum": _LAST_DAY}
        rule["error_message"] = "Type a date."
    elif column.longest:
        rule |= {"validate": "length", "criteria": "<=", "value": column.longest}
        rule["error_message"] = f"At most {column.longest} characters."
    else:
        rule["validate"] = "any"
    sheet.data_validation(first, position, LAST_ROW, position, rule)


def _comment(column: BlankColumn) -> str:
    return f"Required. {column.note}" if column.required else f"Optional. {column.note}"


def _named(position: int, column: BlankColumn) -> str:
    """Return a column's name in a form that is not equal to its heading."""
    return f"{letter(position)} · {printable(column.heading)}"


def _write_notes(book: xlsxwriter.Workbook, sheet: Sheet, blank: Blank) -> None:
    bold = book.add_format({"num_format": "@", "bold": True, "valign": "top"})
    wrapped = book.add_format({"num_format": "@", "text_wrap": True, "valign": "top"})
    lines: list[tuple[tuple[str, ...], Format]] = [
        ((printable(blank.title),), bold),
        *(((step,), wrapped) for step in _STEPS),
        (("",), wrapped),
        (("Column", "Required", "What to type"), bold),
    ]
    for position, column in enumerate(blank.columns):
        needed = "required" if column.required else "optional"
        lines.append(((_named(position, column), needed, column.note), wrapped))
    for position, column in enumerate(blank.columns):
        described = [f"{word} = {about}" for word, about in column.choices if about]
        if described:
            lines.append((("",), wrapped))
            lines.append(((f"Codes of {_named(position, column)}",), bold))
            lines.extend(((text,), wrapped) for text in described)
    for line, (texts, style) in enumerate(lines):
        for position, text in enumerate(texts):
            sheet.write(line, position, text, style)
    sheet.widths = {0: 64, 1: 16, 2: 90}
    sheet.fit({0: 64, 1: 16, 2: 90})


_STEPS = (
    "Enter one row per person on the first sheet, below the example. The example is not loaded.",
    "Bold headings on blue are required: a row with a blank there is not loaded.",
    "Do not change the headings, and do not format IDs as numbers: only text keeps their zeros.",
    "Point at a heading to read what to type below it.",
    "A filled-in file contains personal data. Do not send it by unprotected email.",
)
