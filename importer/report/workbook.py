"""rejects.xlsx: the rows that come back as they came, what is wrong marked in its cells."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING

import xlsxwriter
from xlsxwriter.exceptions import FileCreateError

from importer.model.catalogue import Severity
from importer.model.roster import ADDED, REJECTS_SHEETS
from importer.report.causes import causes
from importer.report.returned import Returned, returned
from importer.report.sentences import places, what
from importer.report.sheets import (
    COLOURS,
    LAST_ROW,
    WIDEST_REASON,
    Formats,
    Sheet,
    formats_of,
    free_name,
    sheet_name,
)
from importer.report.visible import visible
from importer.report.wording import SEVERITIES, again, number, row_numbers, rows

if TYPE_CHECKING:
    from pathlib import Path

    from xlsxwriter.worksheet import Worksheet

    from importer.ledger.ledger import Ledger
    from importer.model.run import RunFacts
    from importer.report.causes import Cause

MOST_COMMENTS = 10_000
"""Excel opens a sheet with more comments than this very slowly, and with 65,530 not at all."""

LONGEST_COMMENT = 1_000


PROBLEMS, HOW_TO = REJECTS_SHEETS


def _steps(facts: RunFacts) -> list[str]:
    verb = "check" if facts.command == "check" else "plan"
    typed = visible(again(verb, facts, "THIS-FILE"))
    return [
        "Correct the coloured cells on the first sheet. Point at a cell to read what is wrong with "
        "it; the columns Why and What to do say the same.",
        "Red must be corrected. Amber needs a decision. Pale yellow is worth a look, and does not "
        "hold the row back.",
        "Do not change the headings. The last four columns may stay: they are known and not "
        "loaded.",
        "Delete the rows that are not to be loaded at all.",
        f"Save the file, and run the same command with it in place of the roster: {typed}",
        "Every cell is formatted as text, so that identifiers keep their zeros. Keep it so.",
        "This file holds personal data. Do not send it by unprotected e-mail; delete it when done.",
    ]


def write_workbook(ledger: Ledger, path: Path) -> None:
    """The workbook, row by row: it takes little memory however many rows come back.

    Text stays text: nothing is taken for a formula, a number or a link. The same ledger gives the
    same bytes.
    """
    options = {
        "constant_memory": True,
        "tmpdir": str(path.parent),  # what is not finished is private as well
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
    }
    try:
        with xlsxwriter.Workbook(str(path), options) as book:
            _fill(book, ledger)
    except FileCreateError as error:
        # the library wraps what the system says, such as that the disk is full
        raise OSError(str(error)) from error


def _fill(book: xlsxwriter.Workbook, ledger: Ledger) -> None:
    facts = ledger.facts
    book.use_zip64()
    book.set_properties(
        {
            "title": "Rows to correct",
            "created": facts.started.astimezone(UTC).replace(tzinfo=None),
        }
    )
    formats = formats_of(book)
    name = sheet_name(facts.roster.sheet)
    taken = {name.casefold()}
    first = Sheet(book.add_worksheet(name), formats.text)
    comments, left = _write_rows(first, ledger, formats)
    found = causes(ledger.problems())
    _write_causes(book.add_worksheet(free_name(PROBLEMS, taken)), found, formats)
    notes = _steps(facts)
    if first.cut:
        notes.append(
            f"{number(first.cut)} cells are longer than Excel allows and end in …; the file "
            "rejects.csv holds them whole."
        )
    if comments > MOST_COMMENTS:
        notes.append(
            f"Comments are on the first {number(MOST_COMMENTS)} marked cells; the column Why "
            "speaks of all."
        )
    if left:
        notes.append(f"{rows(left)} did not fit into this sheet; rejects.csv holds them all.")
    _write_notes(book.add_worksheet(free_name(HOW_TO, taken)), notes, formats)


def _write_rows(sheet: Sheet, ledger: Ledger, formats: Formats) -> tuple[int, int]:
    """The first sheet. Gives the marked cells' number, and how many rows did not fit."""
    columns = ledger.columns()
    positions = {use.letter: position for position, use in enumerate(columns)}
    for position, heading in enumerate((*(use.heading for use in columns), *ADDED)):
        own = position < len(columns)
        sheet.write(0, position, heading, formats.heading if own else formats.added)
    line = comments = left = 0
    for row in returned(ledger):
        if line == LAST_ROW:
            left += 1
            continue
        line += 1
        marks = _marks(row, positions)
        cells = (row.cells + ("",) * len(columns))[: len(columns)]
        for position, text in enumerate(cells):
            mark = marks.get(position)
            if mark is None:
                sheet.write(line, position, text)
                continue
            severity, comment = mark
            sheet.write(line, position, text, formats.marked[severity])
            comments += 1
            if comments <= MOST_COMMENTS:
                size = {"x_scale": 2.2, "y_scale": 1 + len(comment) / 120}
                sheet.sheet.write_comment(line, position, comment, size)
        for position, text in enumerate(row.added, start=len(columns)):
            sheet.write(line, position, text, formats.wrapped)
    sheet.sheet.freeze_panes(1, 0)
    sheet.sheet.autofilter(0, 0, line, len(columns) + len(ADDED) - 1)
    sheet.fit({len(columns) + 2: WIDEST_REASON, len(columns) + 3: WIDEST_REASON})
    return comments, left


def _marks(row: Returned, positions: dict[str, int]) -> dict[int, tuple[Severity, str]]:
    """By position: how bad the cell is, and the comment that says why and what to do."""
    marks: dict[int, tuple[Severity, str]] = {}
    order = tuple(COLOURS)
    for problem in row.problems:
        if problem.severity not in COLOURS:
            continue
        text = f"{what(problem, show_values=True, begin=True)} {problem.advice}".strip()
        for place in problem.places:
            if place.letter not in positions:
                continue
            position = positions[place.letter]
            worst, before = marks.get(position, (problem.severity, ""))
            severity = min(worst, problem.severity, key=order.index)
            told = f"{before}\n{text}" if before else text
            marks[position] = severity, _visible_lines(told)[:LONGEST_COMMENT]
    return marks


def _visible_lines(text: str) -> str:
    """Text of several lines, each made safe to show."""
    return "\n".join(visible(line) for line in text.split("\n"))


def _write_causes(worksheet: Worksheet, found: tuple[Cause, ...], formats: Formats) -> None:
    sheet = Sheet(worksheet, formats.text)
    headings = (
        "How bad", "Rows concerned", "Which rows", "Column", "What is wrong", "For example",
        "What to do",
    )  # fmt: skip
    for position, heading in enumerate(headings):
        sheet.write(0, position, heading, formats.heading)
    for line, cause in enumerate(found[:LAST_ROW], start=1):
        texts = (
            SEVERITIES[cause.severity],
            number(cause.count) if cause.count else "",
            row_numbers(cause.rows, most=200),
            places(cause.places),
            cause.title,
            what(cause.first, show_values=True),
            cause.to_do,
        )
        for position, text in enumerate(texts):
            sheet.write(line, position, text, formats.wrapped)
    worksheet.freeze_panes(1, 0)
    worksheet.autofilter(0, 0, len(found), len(headings) - 1)
    sheet.fit(dict.fromkeys((5, 6), WIDEST_REASON))


def _write_notes(worksheet: Worksheet, notes: list[str], formats: Formats) -> None:
    sheet = Sheet(worksheet, formats.text)
    sheet.write(0, 0, HOW_TO, formats.heading)
    for line, note in enumerate(notes, start=1):
        sheet.write(line, 0, f"{line}. {note}", formats.wrapped)
    sheet.fit({0: 90})
