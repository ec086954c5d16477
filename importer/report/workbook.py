"""Sheets written cell by cell as text, with widths, and the lists that cells offer."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import zip_longest

from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from importer.model.roster import letter
from importer.report.masking import printable

LONGEST_CELL = 32_767
"""Characters in a cell, by Excel's file format."""

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
