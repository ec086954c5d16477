"""The rows to correct or review, as rejects.csv and rejects.xlsx; and problems.csv."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC
from itertools import zip_longest
from pathlib import Path

import xlsxwriter
from xlsxwriter.exceptions import FileCreateError
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from importer.ledger.ledger import Ledger
from importer.model.catalogue import Severity
from importer.model.decisions import DECISIONS, choices
from importer.model.problem import Place, Problem
from importer.model.roster import (
    ADDED,
    DECISION,
    REJECTS_SHEETS,
    UNEVEN,
    UNEVEN_ADVICE,
    WHY,
    letter,
    row_text,
)
from importer.model.run import RunFacts
from importer.model.text import ROSTER_ROWS, escape, row_label
from importer.report.masking import printable
from importer.report.problem_groups import ProblemGroup, group_problems, with_problems
from importer.report.wording import (
    DISMISSED,
    SEVERITIES,
    again,
    command,
    end_of,
    result_of,
    row_numbers,
    what,
)

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


@dataclass(frozen=True, slots=True)
class Returned:
    """One row as it came, its result, and its problems, those that hold it back first."""

    row: int
    result: str
    cells: tuple[str, ...]
    problems: tuple[Problem, ...]

    @property
    def added(self) -> tuple[str, str, str, str, str]:
        """Return the texts of the columns ADDED: row, result, no decision, why, what to do."""
        holding = [problem for problem in self.problems if problem.severity.holds]
        why = dict.fromkeys(f"{_places(one.places)}{_what(one)}" for one in holding)
        to_do = dict.fromkeys(_plain(problem.advice) for problem in holding)
        codes = {problem.code for problem in holding}
        if not codes.isdisjoint(UNEVEN):
            to_do |= {UNEVEN_ADVICE: None}
        row = row_text(self.row % ROSTER_ROWS, codes)
        return row, self.result, "", " ".join(why), " ".join(to_do)


def returned(ledger: Ledger, roster: int) -> Iterator[Returned]:
    """Yield a roster's rows to correct and to review, in order.

    Those that a person decided not to load are not among them.
    """
    for row, problems in with_problems(ledger, ledger.returning(roster)):
        if end_of(row, problems) != DISMISSED:
            ordered = tuple(sorted(problems, key=lambda problem: not problem.severity.holds))
            yield Returned(row.row, result_of(row), row.cells, ordered)


def _places(columns: Iterable[Place]) -> str:
    """Return columns by their headings, as letters differ here: `"EMPL ID" and "Barcode": `."""
    names = (f'"{place.heading}"' if place.heading else "a column" for place in columns)
    return f"{text}: " if (text := " and ".join(names)) else ""


def _what(problem: Problem) -> str:
    return printable(what(problem, show_values=True, begin=not problem.places))


def _plain(advice: str) -> str:
    """Return advice without the marks of code, which a spreadsheet shows as they are."""
    return printable(advice.replace("`", ""))


PROBLEM_COLUMNS = ("row", "column", "field", "code", "severity", "message")
"""The headings of problems.csv; scripts rely on them."""


def write_problems(ledger: Ledger, path: Path) -> None:
    """Write one line per problem, by row; 0 is the whole roster. Plain UTF-8 for scripts."""
    with path.open("w", encoding="utf-8", newline="") as file:
        lines = csv.writer(file, lineterminator="\n")
        several = len(ledger.facts.rosters) > 1
        lines.writerow((*PROBLEM_COLUMNS, *(("roster",) if several else ())))
        for problem in ledger.problems():
            columns = "; ".join(f"{place.letter} {place.heading}" for place in problem.places)
            message = f"{what(problem, show_values=True)} {problem.advice}".strip()
            texts = [columns, problem.field, problem.code, problem.severity, message]
            row = row_label(problem.origin.row % ROSTER_ROWS)
            if several:
                texts.append(problem.origin.roster)
            lines.writerow((row, *map(escape, map(printable, texts))))


def write_rejects(ledger: Ledger, roster: int, path: Path) -> None:
    """Write a roster's rejects as CSV: rows as they came, and why. Marked as UTF-8 for Excel."""
    headings = tuple(use.heading for use in ledger.columns(roster))
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        lines = csv.writer(file, lineterminator="\r\n")
        lines.writerow(map(escape, (*ADDED, *headings)))
        for row in returned(ledger, roster):
            cells = (row.cells + ("",) * len(headings))[: len(headings)]
            lines.writerow(map(escape, (*row.added, *cells)))


MOST_COMMENTS = 10_000
"""Comments on a sheet, and rows with lists: Excel opens more slowly, and 65,530 not at all."""

LONGEST_COMMENT = 1_000
"""Characters of a comment."""


GROUPS, HOW_TO = REJECTS_SHEETS
LISTS = "Lists"

DECIDES = ADDED.index(DECISION)


def _steps(facts: RunFacts, roster: int, run: str) -> list[str]:
    verb = "check" if facts.command == "check" else "plan"
    typed = printable(again(verb, facts, {roster: "THIS-FILE"}))
    resolve = command("resolve", run, "--from", "THIS-FILE")
    decide = (
        [f"If only decisions were made and no cell was corrected, this is enough: {resolve}"]
        if facts.command != "check"
        else []
    )
    return [
        "Red cells: correct them. Why and What to do are beside each row, and on the cell when you "
        "point at it. Where codes are needed, the cell has a list of them.",
        "Amber cells: the row needs review. Choose a Decision from the list in that column: "
        f"{'; '.join(f'“{text}”' for text in DECISIONS.values())}. “New card” gives the user in "
        "Alma this row's primary ID. If the list has several users, look each of them up in Alma.",
        "Pale yellow cells: a warning; the row is loaded anyway.",
        "The first column is the number of the row in the original file. Do not change the "
        "headings; the first five columns stay, and are not loaded.",
        "Delete rows that should not be loaded.",
        f"Save the file and run the same command with it in place of the roster: {typed}",
        *decide,
        "Every cell is formatted as text, so that IDs keep their zeros. Leave it so.",
        "This file contains personal data. Do not send it by unprotected email; delete it when "
        "done.",
    ]


def write_workbook(ledger: Ledger, roster: int, path: Path) -> None:
    """Write a roster's rejects as a workbook, row by row, in little memory.

    Text stays text: no cell becomes a formula, a number or a link. The same ledger gives the same
    bytes. Raises OSError.
    """
    options = {
        "constant_memory": True,
        "tmpdir": str(path.parent),  # private while unfinished
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
    }
    try:
        with xlsxwriter.Workbook(str(path), options) as book:
            _fill(book, ledger, roster)
    except FileCreateError as error:
        # the library wraps the error of the system, such as a full disk
        raise OSError(str(error)) from error


def _fill(book: xlsxwriter.Workbook, ledger: Ledger, roster: int) -> None:
    facts = ledger.facts
    book.use_zip64()
    book.set_properties(
        {
            "title": "Rows to correct",
            "created": facts.started.astimezone(UTC).replace(tzinfo=None),
        }
    )
    formats = formats_of(book)
    name = sheet_name(facts.rosters[roster][0].sheet)
    taken = {name.casefold()}
    first = Sheet(book.add_worksheet(name), formats.text)
    groups = book.add_worksheet(free_name(GROUPS, taken))
    how_to = book.add_worksheet(free_name(HOW_TO, taken))
    lists = Lists(book.add_worksheet(free_name(LISTS, taken)))
    comments = _write_rows(first, ledger, roster, formats, lists)
    lists.write()
    own = (one for one in ledger.problems() if one.origin.row // ROSTER_ROWS == roster)
    _write_groups(groups, group_problems(own), formats)
    notes = _steps(facts, roster, str(ledger.folder))
    if first.cut:
        notes.append(
            f"{first.cut:,} cells are longer than Excel allows and end in …; rejects.csv has "
            "them whole."
        )
    if comments > MOST_COMMENTS:
        notes.append(
            f"Comments are on the first {MOST_COMMENTS:,} marked cells; the column Why covers all."
        )
    _write_notes(how_to, notes, formats)


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


def _write_rows(sheet: Sheet, ledger: Ledger, roster: int, formats: Formats, lists: Lists) -> int:
    """Write the first sheet; return the number of marked cells."""
    columns = ledger.columns(roster)
    positions = {use.letter: at for at, use in enumerate(columns, start=len(ADDED))}
    for position, heading in enumerate((*ADDED, *(use.heading for use in columns))):
        own = position >= len(ADDED)
        sheet.write(0, position, heading, formats.heading if own else formats.added)
    line = comments = 0
    for line, row in enumerate(
        returned(ledger, roster), start=1
    ):  # a roster has fewer than Excel's rows
        marks = _marks(row, positions)
        cells = (row.cells + ("",) * len(columns))[: len(columns)]
        for position, text in enumerate(row.added):
            sheet.write(line, position, text, formats.wrapped)
        if (words := choices(row.problems)) and line <= MOST_COMMENTS:
            sheet.write(line, DECIDES, "", formats.marked[Severity.REVIEW])
            rule = lists.rule(words, DECISION, strict=True)
            sheet.sheet.data_validation(line, DECIDES, line, DECIDES, rule)
        for position, text in enumerate(cells, start=len(ADDED)):
            mark = marks.get(position)
            if mark is None:
                sheet.write(line, position, text)
                continue
            severity, comment = mark
            sheet.write(line, position, text, formats.marked[severity])
            use = columns[position - len(ADDED)]
            if use.choices and line <= MOST_COMMENTS:
                rule = lists.rule(use.choices, printable(use.heading)[:32], strict=False)
                sheet.sheet.data_validation(line, position, line, position, rule)
            comments += 1
            if comments <= MOST_COMMENTS:
                size = {"x_scale": 2.2, "y_scale": 1 + len(comment) / 120}
                sheet.sheet.write_comment(line, position, comment, size)
    sheet.sheet.freeze_panes(1, ADDED.index(WHY) + 1)
    sheet.sheet.autofilter(0, 0, line, len(columns) + len(ADDED) - 1)
    sheet.widths |= {0: 13, DECIDES: 27}
    sheet.fit({})
    return comments


def _marks(row: Returned, positions: dict[str, int]) -> dict[int, tuple[Severity, str]]:
    """Return by position the severity of a cell, and a comment with the reason and the advice."""
    marks: dict[int, tuple[Severity, str]] = {}
    order = tuple(COLORS)
    for problem in row.problems:
        if problem.severity not in COLORS:
            continue
        text = f"{what(problem, show_values=True, begin=True)} {_plain(problem.advice)}".strip()
        for place in problem.places:
            if place.letter not in positions:
                continue
            position = positions[place.letter]
            worst, before = marks.get(position, (problem.severity, ""))
            severity = min(worst, problem.severity, key=order.index)
            told = f"{before}\n{text}" if before else text
            marks[position] = severity, _printable_lines(told)[:LONGEST_COMMENT]
    return marks


def _printable_lines(text: str) -> str:
    """Return text of several lines, each printable."""
    return "\n".join(printable(line) for line in text.split("\n"))


def _write_groups(worksheet: Worksheet, found: tuple[ProblemGroup, ...], formats: Formats) -> None:
    sheet = Sheet(worksheet, formats.text)
    headings = (
        "Severity", "Number of rows", "Rows", "Column", "Problem", "Example",
        "What to do",
    )  # fmt: skip
    for position, heading in enumerate(headings):
        sheet.write(0, position, heading, formats.heading)
    for line, group in enumerate(found[:LAST_ROW], start=1):
        texts = (
            SEVERITIES[group.severity],
            f"{group.count:,}" if group.count else "",
            row_numbers(group.rows, most=200),
            _places(group.first.places).removesuffix(": "),
            group.title,
            _what(group.first),
            _plain(group.to_do),
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
