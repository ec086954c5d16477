"""The sheets of a workbook: every cell text, columns wide enough, cells marked by severity."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from importer.model.catalogue import Severity
from importer.report.masking import printable

LONGEST_CELL = 32_767
"""Characters in a cell, by Excel's file format."""

LAST_ROW = 1_048_575
"""Counted from 0, by Excel's file format."""

NARROWEST, WIDEST, WIDEST_REASON = 9, 40, 60
"""Widths of columns, in characters."""

COLORS = {
    Severity.REJECT: "#F8C9C4",
    Severity.REVIEW: "#FFE3A3",
    Severity.WARNING: "#FFF7D1",
}
"""Colors of cells by severity; repaired values are not marked."""

_NOT_IN_SHEET_NAMES = re.compile(r"[\[\]:*?/\\]")


def sheet_name(name: str) -> str:
    """Return a name that Excel accepts for a sheet: the roster's, if it had one."""
    cleaned = _NOT_IN_SHEET_NAMES.sub(" ", printable(name))[:31].strip().strip("'")
    return "Rejected rows" if not cleaned or cleaned.casefold() == "history" else cleaned


def free_name(name: str, taken: set[str]) -> str:
    """Return the name, or another where a sheet has it already, and add it to `taken`."""
    free = name if name.casefold() not in taken else f"{name} (2)"
    taken.add(free.casefold())
    return free


@dataclass(slots=True)
class Sheet:
    """A sheet written row by row, every cell as text, with its widths."""

    sheet: Worksheet
    text: Format
    cut: int = 0
    widths: dict[int, int] = field(default_factory=dict)

    def write(self, row: int, column: int, text: str, style: Format | None = None) -> None:
        """Write text into a cell, whatever it looks like."""
        if len(text) > LONGEST_CELL:
            self.cut += 1
            text = text[: LONGEST_CELL - 1] + "…"
        if text or style is not None:
            self.sheet.write_string(row, column, text, style or self.text)
        longest = max(map(len, text.split("\n"))) if "\n" in text else len(text)
        self.widths[column] = max(self.widths.get(column, NARROWEST), longest + 3)

    def fit(self, widest: dict[int, int]) -> None:
        """Set the width and text format of each column.

        In print all columns are on one page, and the headings on each page.
        """
        for column, width in self.widths.items():
            limit = widest.get(column, WIDEST)
            self.sheet.set_column(column, column, min(width, limit), self.text)
        self.sheet.set_landscape()
        self.sheet.fit_to_pages(1, 0)
        self.sheet.repeat_rows(0)


@dataclass(frozen=True, slots=True)
class Formats:
    """The formats of cells; all are text."""

    text: Format
    wrapped: Format
    heading: Format
    added: Format
    marked: dict[Severity, Format]


def formats_of(book: xlsxwriter.Workbook) -> Formats:
    """Return the formats of a workbook."""
    text = {"num_format": "@", "valign": "top"}
    heading = {**text, "bold": True, "bottom": 1, "text_wrap": True}
    return Formats(
        book.add_format(text),
        book.add_format({**text, "text_wrap": True}),
        book.add_format({**heading, "bg_color": "#E7ECF2"}),
        book.add_format({**heading, "bg_color": "#D5DDE7"}),
        {severity: book.add_format({**text, "bg_color": c}) for severity, c in COLORS.items()},
    )
