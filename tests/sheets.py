"""Rosters and rejects in files: written and read as text, and corrected as an office does."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import openpyxl

from importer.model.roster import read_row


def write_csv(path: Path, rows: Iterable[Sequence[str]]) -> Path:
    """Write rows, the headings first."""
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    return path


def write_rows(path: Path, rows: Sequence[Mapping[str, str]]) -> Path:
    """Write rows by heading; what a row lacks is blank."""
    headings = list(dict.fromkeys(heading for row in rows for heading in row))
    return write_csv(path, (headings, *([row.get(one, "") for one in headings] for row in rows)))


def read_csv(path: Path) -> list[list[str]]:
    """Read rows, the headings first."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file))


def read_rows(path: Path) -> list[dict[str, str]]:
    """Read rows by heading."""
    headings, *rows = read_csv(path)
    return [dict(zip(headings, row, strict=True)) for row in rows]


def correct(
    rejects: Path, corrections: Mapping[int, Mapping[str, str]], saved: Path | None = None
) -> None:
    """Type cells of a rejects workbook, by the row of the roster; a row without cells goes."""
    book = openpyxl.load_workbook(rejects)
    sheet = book.worksheets[0]
    headings = [str(cell.value or "") for cell in sheet[1]]
    numbers = [read_row(str(cell.value)).number for cell in sheet["A"]]
    for row, cells in sorted(corrections.items(), reverse=True):
        at = numbers.index(row) + 1
        for heading, text in cells.items():
            sheet.cell(at, headings.index(heading) + 1).value = text
        if not cells:
            sheet.delete_rows(at)
    book.save(saved or rejects)
