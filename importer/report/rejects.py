"""The rows to correct or review, as rejects.csv and rejects.xlsx; and problems.csv."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path

import xlsxwriter

from importer.advice import ResolveFrom
from importer.model.answers import choices
from importer.model.problem import Code, Place, Problem, Severity
from importer.model.question import DECISIONS
from importer.model.roster import (
    ADDED,
    DECISION,
    FORMULA_ERRORS,
    MARKED_ADVICE,
    MARKS,
    REJECTS_SHEETS,
    UNEVEN,
    UNEVEN_ADVICE,
    WHY,
    Mark,
    letter,
    row_text,
)
from importer.model.run import RowHistory, RunFacts
from importer.model.text import RowId, escape, row_label, word_list
from importer.report import wording
from importer.report.commands import as_command
from importer.report.masking import printable
from importer.report.view import RunView
from importer.report.workbook import (
    LAST_ROW,
    LISTS,
    Lists,
    WrittenSheet,
    free_name,
    sheet_name,
    text_workbook,
)

WIDEST_REASON = 60
"""The width of columns with reasons, in characters."""

COLORS = {
    Severity.REJECT: "#F8C9C4",
    Severity.REVIEW: "#FFE3A3",
    Severity.WARNING: "#FFF7D1",
}
"""Colors of cells by severity; repaired values are not marked."""


@dataclass(frozen=True, slots=True)
class Returned:
    """A row, the texts of the columns ADDED, as many cells as there are columns, its problems.

    The texts are by heading, in order. The problems that hold the row back come first.
    """

    of: RowHistory
    added: Mapping[str, str]
    cells: tuple[str, ...]
    problems: tuple[Problem, ...]


def returned(run: RunView, roster: int) -> Iterator[Returned]:
    """Yield a roster's rows to correct and those that need review, in order.

    Those that a person decided not to load are not among them.
    """
    columns = run.ledger.columns(roster)
    letters = {use.letter: letter(at) for at, use in enumerate(columns, start=len(ADDED))}
    blank = ("",) * len(columns)
    for row in run.ledger.returning(roster):
        problems = run.by_row.get(row.row, ())
        if wording.end_of(row, problems) == wording.DISMISSED:
            continue
        holding = [problem for problem in problems if problem.severity.holds]
        marks = dict.fromkeys(_not_in_text(holding, letters))
        why = dict.fromkeys(
            wording.placed(_places(problem.places), _what(problem)) for problem in holding
        )
        to_do = dict.fromkeys(_plain(problem.to_do) for problem in holding)
        to_do |= {UNEVEN_ADVICE if mark.code in UNEVEN else MARKED_ADVICE: None for mark in marks}
        number = row_text(row.row, marks)
        result = wording.ENDS[row.result] if row.result else row.fate.value
        yield Returned(
            row,
            dict(zip(ADDED, (number, result, "", " ".join(why), " ".join(to_do)), strict=True)),
            (row.cells + blank)[: len(blank)],
            tuple(sorted(problems, key=lambda problem: not problem.severity.holds)),
        )


def _not_in_text(problems: Iterable[Problem], letters: Mapping[str, str]) -> Iterator[Mark]:
    """Yield a mark for each problem that the first file shows and the text of its cells does not.

    `letters`: the columns of the rejects file by those of the roster. A rule that judges a value
    (its problem has a field) judges it again, unless only rows of several people show that an ID
    was rounded.
    """
    for problem in problems:
        judged = problem.field and not (
            problem.code is Code.ID_LOST_DIGITS and problem.value.isdigit()
        )
        if problem.code in MARKS and not judged and problem.value not in FORMULA_ERRORS:
            yield Mark(
                problem.code, letters.get(problem.places[0].letter, "") if problem.places else ""
            )


def _places(columns: Iterable[Place]) -> str:
    """Return columns by their headings, as letters differ here: `“EMPL ID” and “Barcode”`."""
    names = [f"“{place.heading}”" if place.heading else "a column" for place in columns]
    return word_list(names) if names else ""


def _what(problem: Problem) -> str:
    return printable(wording.what(problem, show_values=True, begin=not problem.places))


def _plain(advice: str) -> str:
    return printable(wording.plain(advice))


PROBLEM_COLUMNS = ("row", "column", "field", "code", "severity", "message")
"""The headings of problems.csv; scripts rely on them."""


def write_problems(run: RunView, path: Path) -> None:
    """Write one line per problem, by row; 0 is the whole roster. Plain UTF-8 for scripts."""
    with path.open("w", encoding="utf-8", newline="") as file:
        lines = csv.writer(file, lineterminator="\n")
        several = len(run.facts.rosters) > 1
        lines.writerow((*PROBLEM_COLUMNS, *(("roster",) if several else ())))
        for problem in run.problems:
            columns = "; ".join(f"{place.letter} {place.heading}" for place in problem.places)
            message = f"{wording.what(problem, show_values=True)} {wording.plain(problem.to_do)}"
            texts = [columns, problem.field, problem.code, problem.severity, message.strip()]
            row = row_label(RowId.of(problem.origin.row).number)
            if several:
                texts.append(problem.origin.roster)
            lines.writerow((row, *map(escape, map(printable, texts))))


def write_rejects(run: RunView, roster: int, rows: Iterable[Returned], path: Path) -> None:
    """Write a roster's rejects as CSV: rows as they came, and why."""
    headings = (use.heading for use in run.ledger.columns(roster))
    path.write_bytes(
        as_csv((*ADDED, *headings), ((*row.added.values(), *row.cells) for row in rows))
    )


def as_csv(headings: Iterable[str], rows: Iterable[Iterable[str]]) -> bytes:
    """Return a table as CSV for spreadsheet programs, marked as UTF-8; no text is a formula."""
    text = io.StringIO(newline="")
    lines = csv.writer(text, lineterminator="\r\n")
    lines.writerows(map(escape, cells) for cells in (headings, *rows))
    return text.getvalue().encode("utf-8-sig")


MOST_COMMENTS, MOST_LISTS = 1_000, 10_000
"""Comments, and rows with a list of decisions: Excel opens more slowly, and 65,530 not at all."""

LONGEST_COMMENT = 1_000
"""Characters of a comment."""


GROUPS, HOW_TO = REJECTS_SHEETS

DECIDES = ADDED.index(DECISION)


def _steps(facts: RunFacts, roster: int, run: str) -> Iterator[str]:
    verb = "check" if facts.command == "check" else "plan"
    typed = printable(as_command(wording.again(verb, facts, {roster: "THIS-FILE"})))
    several = ", after the number of its roster (roster 2:14)" if roster else ""
    yield (
        "Red cells: correct them. Why and What to do are beside each row, and on the cell when you "
        "point at it. Cells of codes have a list of them."
    )
    yield (
        "Amber cells: the row needs review. Choose a Decision from the list in that column: "
        f"{'; '.join(f'“{text}”' for text in DECISIONS.values())}. “New card” gives the user in "
        "Alma this row's primary ID. If the list has several users, look each of them up in Alma."
    )
    yield "Pale yellow cells: a warning; the row is loaded anyway."
    yield (
        f"The first column is the number of the row in the original file{several}. Words behind a "
        "number, such as “lost digits in F”, are about what the cells do not show: correct the "
        "row, then delete the words. Do not change the headings; the columns before those of "
        "the roster stay, and are not loaded."
    )
    yield "Delete rows that should not be loaded. If no row is left, there is nothing more to do."
    yield f"Save the file and run the same command with it in place of the roster: {typed}"
    if facts.command != "check":
        resolve = as_command(ResolveFrom(run, "THIS-FILE"))
        yield f"If only decisions were made and no cell was corrected, this is enough: {resolve}"
    yield "Every cell is formatted as text, so that IDs keep their zeros. Leave it so."
    yield (
        "This file contains personal data. Do not send it by unprotected email; delete it when "
        "done."
    )


def write_workbook(run: RunView, roster: int, rows: Sequence[Returned], path: Path) -> None:
    """Write a roster's rejects as a workbook, row by row, in little memory.

    Text stays text: no cell becomes a formula, a number or a link. The same ledger gives the same
    bytes. Raises OSError.
    """
    with path.open("wb") as file, text_workbook(file, path.parent) as book:
        _Rejects(book, run, roster).write(rows)


class _Rejects:
    """The sheets and formats of a workbook of rejects; all cells are text."""

    def __init__(self, book: xlsxwriter.Workbook, run: RunView, roster: int) -> None:
        """Add the sheets in their order."""
        self.run, self.roster = run, roster
        book.use_zip64()
        started = run.facts.started.astimezone(UTC).replace(tzinfo=None)
        book.set_properties({"title": "Rows to correct", "created": started})
        text = {"num_format": "@", "valign": "top"}
        heading = {**text, "bold": True, "bottom": 1, "text_wrap": True}
        plain = book.add_format(text)
        self.wrapped = book.add_format({**text, "text_wrap": True})
        self.heading = book.add_format({**heading, "bg_color": "#E7ECF2"})
        self.added = book.add_format({**heading, "bg_color": "#D5DDE7"})
        self.marked = {
            severity: book.add_format({**text, "bg_color": color})
            for severity, color in COLORS.items()
        }
        name = sheet_name(run.facts.rosters[roster][0].sheet, "Rejected rows")
        self.rows, self.groups, self.how_to = (
            WrittenSheet(book.add_worksheet(title), plain)
            for title in (name, free_name(GROUPS, name), free_name(HOW_TO, name))
        )
        self.lists = Lists(book.add_worksheet(free_name(LISTS, name)))
        self.comments = 0

    def write(self, rows: Iterable[Returned]) -> None:
        """Write all sheets."""
        self._write_rows(rows)
        self.lists.write()
        self._write_groups()
        self._write_notes()

    def _write_rows(self, rows: Iterable[Returned]) -> None:
        columns = self.run.ledger.columns(self.roster)
        width = len(ADDED) + len(columns)
        sheet = self.rows.sheet
        self.rows.write_row(0, ADDED, self.added)
        self.rows.write_row(0, (use.heading for use in columns), self.heading, len(ADDED))
        line = 0
        for line, row in enumerate(rows, start=1):
            self.rows.write_row(line, row.added.values(), self.wrapped)
            if (words := choices(row.problems)) and line <= MOST_LISTS:
                self.rows.write(line, DECIDES, "", self.marked[Severity.REVIEW])
                rule = self.lists.rule(words, DECISION, strict=True)
                sheet.data_validation(line, DECIDES, line, DECIDES, rule)
            marks = _marks(row.problems)
            for position, (use, text) in enumerate(
                zip(columns, row.cells, strict=True), start=len(ADDED)
            ):
                if use.letter in marks:
                    self._write_marked(line, position, text, *marks[use.letter])
                else:
                    self.rows.write(line, position, text)
        for position, use in enumerate(columns, start=len(ADDED)):
            if use.choices:
                rule = self.lists.rule(use.choices, printable(use.heading)[:32], strict=False)
                sheet.data_validation(1, position, line, position, rule)
        sheet.freeze_panes(1, ADDED.index(WHY) + 1)
        sheet.autofilter(0, 0, line, width - 1)
        self.rows.widths |= {0: 13, DECIDES: 27}
        self.rows.fit()

    def _write_marked(
        self, line: int, position: int, text: str, severity: Severity, why: str
    ) -> None:
        """Write a cell with its color, and a comment with the reason."""
        self.rows.write(line, position, text, self.marked[severity])
        self.comments += 1
        if self.comments <= MOST_COMMENTS:
            size = {"x_scale": 2.2, "y_scale": 1 + len(why) / 120}
            self.rows.sheet.write_comment(line, position, why, size)

    def _write_groups(self) -> None:
        groups = self.run.groups
        own = [group for group in groups if RowId.of(group.first.origin.row).roster == self.roster]
        headings = (
            "Severity", "Number of rows", "Rows", "Column", "Problem", "Example", "What to do",
        )  # fmt: skip
        self.groups.write_row(0, headings, self.heading)
        for line, group in enumerate(own[:LAST_ROW], start=1):
            texts = (
                wording.SEVERITIES[group.severity],
                f"{group.count:,}" if group.count else "",
                wording.row_numbers(group.rows, most=200),
                _places(group.first.places),
                group.title,
                _what(group.first),
                _plain(group.to_do),
            )
            self.groups.write_row(line, texts, self.wrapped)
        self.groups.sheet.freeze_panes(1, 0)
        self.groups.sheet.autofilter(0, 0, len(own), len(headings) - 1)
        self.groups.fit(dict.fromkeys((5, 6), WIDEST_REASON))

    def _write_notes(self) -> None:
        notes = [*_steps(self.run.facts, self.roster, str(self.run.ledger.folder))]
        if self.comments > MOST_COMMENTS:
            notes.append(
                f"Comments are on the first {MOST_COMMENTS:,} marked cells; the column Why covers "
                "all."
            )
        self.how_to.write(0, 0, HOW_TO, self.heading)
        for line, note in enumerate(notes, start=1):
            self.how_to.write(line, 0, f"{line}. {note}", self.wrapped)
        self.how_to.fit({0: 90})


def _marks(problems: Iterable[Problem]) -> dict[str, tuple[Severity, str]]:
    """Return by column the severity of a cell, and a comment with the reasons and the advice."""
    marks: dict[str, tuple[Severity, str]] = {}
    order = tuple(COLORS)
    for problem in problems:
        if problem.severity not in COLORS:
            continue
        said = wording.what(problem, show_values=True, begin=True)
        text = f"{said} {_plain(problem.to_do)}".strip()
        for place in problem.places:
            worst, before = marks.get(place.letter, (problem.severity, ""))
            severity = min(worst, problem.severity, key=order.index)
            lines = map(printable, f"{before}\n{text}".strip().split("\n"))
            marks[place.letter] = severity, "\n".join(lines)[:LONGEST_COMMENT]
    return marks
