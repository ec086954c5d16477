"""The process of its own that reads .xls and .ods files: `python -m importer.loader.child FILE`.

The library that reads them can abort on hostile files, or ask for hundreds of gigabytes; here it
may, within limits. What it read goes to standard output as JSON, a list of sheets. The exit code
is 0, one of those below, or anything else for a file that it could not read. No pandas is loaded
here.
"""

from __future__ import annotations

import json
import struct
import sys
import zipfile
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from importer.loader import odshidden, xlshidden
from importer.loader.formats import PLAIN, show
from importer.loader.limits import CELLS
from importer.loader.parsing import DoctypeError, LockedError, TooLargeError
from importer.model.catalogue import Code

if TYPE_CHECKING:
    from python_calamine import CalamineSheet

    from importer.loader.unseen import Unseen

MEMORY = 1 << 30
"""Bytes that the process may ask for."""

SECONDS = 60
"""Processor time that it may use."""

TOO_LARGE, UNSAFE, LOCKED = 3, 4, 5
"""The exit codes for more cells than a roster may have, a document type, and a password."""


class ReadSheet(TypedDict):
    """A sheet as it goes through the pipe: rows from 1, columns from 0, and `lost` by row."""

    name: str
    visible: bool
    rows: list[int]
    columns: list[int]
    texts: list[str]
    lost: list[tuple[int, int, str]]  # row, column, text of numbers with more than 15 digits
    merged: list[tuple[int, int, int, int]]  # first row, last row, first column, last column
    unseen: Unseen | None  # None where the file does not say what it hides


def main(path: str) -> int:
    """Read the file and write its sheets; the exit code."""
    _limit()
    from python_calamine import CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

    try:
        hidden = _hidden(Path(path))
    except DoctypeError:
        return UNSAFE
    except LockedError:
        return LOCKED
    except TooLargeError:
        return TOO_LARGE
    workbook = CalamineWorkbook.from_path(path)
    sheets: list[ReadSheet] = []
    cells = 0
    if len(hidden) != len(workbook.sheets_metadata):
        hidden = [None] * len(workbook.sheets_metadata)
    for about, unseen in zip(workbook.sheets_metadata, hidden, strict=True):
        if about.typ is SheetTypeEnum.WorkSheet:
            visible = about.visible is SheetVisibleEnum.Visible
            sheets.append(_read(workbook.get_sheet_by_name(about.name), unseen, visible=visible))
            cells += len(sheets[-1]["texts"])
            if cells > CELLS:
                return TOO_LARGE
    json.dump(sheets, sys.stdout)
    return 0


def _limit() -> None:
    """Bound memory and time, where the system can."""
    try:
        import resource
    except ImportError:  # Windows
        return
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))


def _hidden(path: Path) -> list[Unseen | None]:
    """By sheet, what people do not see; nothing where an old workbook does not tell."""
    if zipfile.is_zipfile(path):
        return [*odshidden.read_unseen(path)]
    try:
        return [*xlshidden.read_unseen(path)]
    except (struct.error, IndexError, ValueError):
        return []


def _read(sheet: CalamineSheet, unseen: Unseen | None, *, visible: bool) -> ReadSheet:
    read = ReadSheet(
        name=sheet.name,
        visible=visible,
        rows=[],
        columns=[],
        texts=[],
        lost=[],
        merged=[],
        unseen=unseen,
    )
    if sheet.start is not None:
        # iter_rows begins with the first row of the sheet and the first column that has text
        left = sheet.start[1]
        for row, cells in enumerate(sheet.iter_rows(), start=1):
            for column, value in enumerate(cells, start=left):
                text, lost = _text(value)
                if text:
                    read["rows"].append(row)
                    read["columns"].append(column)
                    read["texts"].append(text)
                if lost:
                    read["lost"].append((row, column, text))
    read["merged"] = [
        (top + 1, bottom + 1, first, last)
        for (top, first), (bottom, last) in sheet.merged_cell_ranges or ()
    ]
    return read


def _text(value: float | str | date | time | timedelta) -> tuple[str, bool]:
    """A cell as text, and whether it lost digits."""
    match value:
        case str():
            return value, False
        case bool():
            return str(value).upper(), False
        case datetime():
            day = value.isoformat(" ", "seconds")
            return day.removesuffix(" 00:00:00"), False
        case int() | float():
            shown = show(repr(value), PLAIN)
            return shown.text, shown.code is Code.ID_LOST_DIGITS
        case time():
            return value.isoformat("seconds"), False
        case _:
            return str(value), False


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
