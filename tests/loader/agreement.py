"""Comparison of the two readers of Excel workbooks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from importer.loader.detect import NotReadableError, unpack
from importer.loader.table import Sheet
from importer.loader.xlsx import XlsxWorkbook


def readers_agree(path: Path) -> bool:
    """Read a workbook through both readers, and compare them. Return whether a sheet is plain."""
    content = path.read_bytes()
    if not content.startswith(b"PK"):
        return False
    try:
        book = XlsxWorkbook(content, unpack(content))
    except NotReadableError:
        return False
    return any(_agrees(book, name) for name, _ in book.sheets)


def _agrees(book: XlsxWorkbook, name: str) -> bool:
    try:
        plain, full = book.read_plain(name), book.read_fully(name)
    except NotReadableError:
        return False
    assert _comparable(plain) == _comparable(full)
    return True


def _comparable(sheet: Sheet) -> Sheet:
    """The sheet without outer blanks and without blank cells at the end of its rows."""
    rows: list[Sequence[str]] = []
    for row in sheet.rows:
        cells = [cell.strip() for cell in row]
        while cells and not cells[-1]:
            cells.pop()
        rows.append(cells)
    return replace(sheet, rows=rows)
