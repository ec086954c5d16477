"""The two CSV files: every problem, and the rows that come back."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

from importer.model.roster import ADDED
from importer.model.text import escape
from importer.report.returned import returned
from importer.report.sentences import what
from importer.report.visible import visible

if TYPE_CHECKING:
    from pathlib import Path

    from importer.ledger.ledger import Ledger

PROBLEMS = ("row", "column", "field", "code", "severity", "message")
"""The headings of problems.csv; scripts rely on them."""


def write_problems(ledger: Ledger, path: Path) -> None:
    """One line per problem, by row; 0 is the whole roster. Plain UTF-8 for scripts."""
    with path.open("w", encoding="utf-8", newline="") as file:
        lines = csv.writer(file, lineterminator="\n")
        lines.writerow(PROBLEMS)
        for problem in ledger.problems():
            columns = "; ".join(f"{place.letter} {place.heading}" for place in problem.places)
            message = f"{what(problem, show_values=True)} {problem.advice}".strip()
            texts = (columns, problem.field, problem.code, problem.severity, message)
            lines.writerow((problem.origin.row, *map(escape, map(visible, texts))))


def write_rejects(ledger: Ledger, path: Path) -> None:
    """The rows that come back, as they came, and why. Marked as UTF-8, so that Excel reads it."""
    headings = tuple(use.heading for use in ledger.columns())
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        lines = csv.writer(file, lineterminator="\r\n")
        lines.writerow(map(escape, (*headings, *ADDED)))
        for row in returned(ledger):
            cells = (row.cells + ("",) * len(headings))[: len(headings)]
            lines.writerow(map(escape, (*cells, *row.added)))
