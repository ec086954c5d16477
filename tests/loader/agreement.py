"""Comparison of the two readers of Excel workbooks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from importer.errors import RosterError
from importer.loader.detect import DamagedError
from importer.loader.package import open_package
from importer.loader.plain_xlsx import NotPlainError, open_plain
from importer.loader.workbook import Sheet
from importer.loader.xlsx import OpenpyxlWorkbook


def readers_agree(path: Path) -> bool:
    """Read a workbook through both readers, and compare them. Return whether it is plain."""
    content = path.read_bytes()
    if not content.startswith(b"PK"):
        return False
    try:
        parts = open_package(path, content)
        plain = open_plain(content, parts)
        if plain is None:
            return False
        full = OpenpyxlWorkbook(content, parts)
        read_by = [
            [_comparable(book.read(name)) for name, _ in plain.sheets] for book in (plain, full)
        ]
    except (RosterError, DamagedError, NotPlainError):
        return False
    assert full.sheets == plain.sheets
    assert read_by[0] == read_by[1]
    return True


def _comparable(sheet: Sheet) -> Sheet:
    """The sheet without outer blanks and without blank cells at the end of its rows."""
    rows = {row: [cell.strip() for cell in cells] for row, cells in sheet.rows.items()}
    for cells in rows.values():
        while cells and not cells[-1]:
            cells.pop()
    return replace(sheet, rows={row: cells for row, cells in rows.items() if cells})
