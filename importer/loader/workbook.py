"""Workbook → Roster: which sheet, which headings, and the rows below them."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Protocol

from importer.errors import RosterError
from importer.loader import headings, table
from importer.loader.cleaning import CellFinding
from importer.loader.detect import DamagedError, LockedError, TooLargeError
from importer.loader.headings import Headings, MergedRange, TopRow
from importer.loader.table import Columns, Located
from importer.model.catalogue import Code
from importer.model.problem import Place, Problem
from importer.model.roster import REJECTS_SHEETS, TEMPLATE_SHEETS, Layout, Roster, Source, letter
from importer.model.text import counted, spans

ROWS, COLUMNS = 1_048_576, 16_384
"""Rows and columns that a sheet can have."""

CELLS = 3_200_000
"""Cells, empty ones between included, of a sheet that can be read at all."""

WIDEST = 1_000
"""Columns with text of a roster."""

_SPANS = 10  # stretches of hidden rows that a notice names


@dataclass(slots=True)
class Sheet:
    """The cells of a sheet.

    `rows`: by row number as Excel shows it, in order, the texts from column A on; a row without
    text may be missing. `findings`: row number, column from 0, and what is wrong with the cell.
    `last_row`: the last row of the file, with or without text.
    """

    rows: dict[int, list[str]] = field(default_factory=dict)
    findings: list[tuple[int, int, CellFinding]] = field(default_factory=list)
    formula_columns: set[int] = field(default_factory=set)
    merged: list[MergedRange] = field(default_factory=list)
    hidden_rows: set[int] = field(default_factory=set)
    hidden_columns: set[int] = field(default_factory=set)
    filtered: bool = False
    last_row: int = 0


_NUMBER_MESSAGES = {
    Code.ZEROS_RESTORED: "{value} is stored without the zeros that its number format shows",
    Code.ID_LOST_DIGITS: "{value} is a number of more than 15 digits, and Excel keeps only 15",
}


def number_finding(code: Code | None, text: str) -> CellFinding | None:
    """Return the finding about a number of which `number_formats.show` returned this code."""
    return None if code is None else CellFinding(code, _NUMBER_MESSAGES[code], text)


@contextmanager
def library_errors(*known: type[Exception]) -> Iterator[None]:
    """Turn whatever a library raises on a damaged workbook into DamagedError.

    Errors of ours pass, and those in `known`. Warnings are for programmers and are not shown.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except Exception as error:
        if isinstance(error, (DamagedError, LockedError, TooLargeError, *known)):
            raise
        raise DamagedError from error


class Workbook(Protocol):
    """An open workbook of any format."""

    @property
    def starts_1904(self) -> bool:
        """Whether its dates are counted from 1904."""

    @property
    def sheets(self) -> Sequence[tuple[str, bool]]:
        """The worksheets in order: the name, and whether people see it."""

    def read(self, name: str, until: int = 0) -> Sheet:
        """Return a sheet, up to row `until` if that is not 0.

        Raises DamagedError, and TooLargeError if it has more cells than can be read.
        """


@dataclass(frozen=True, slots=True)
class _Chosen:
    """The sheet that is the roster, the visible ones beside it, and a notice, or ""."""

    name: str
    others: tuple[str, ...] = ()
    notice: str = ""


def read_workbook(workbook: Workbook, path: Path, layout: Layout, sha256: str, kind: str) -> Roster:
    """Return the workbook's roster. Raises RosterError, DamagedError, TooLargeError."""
    chosen = _choose_sheet(workbook, path, layout)
    sheet = workbook.read(chosen.name)
    top = _top(sheet, layout)
    found = headings.find(top, layout, sheet.merged)
    if found is None:
        msg = f'The sheet "{chosen.name}" of {path.name} is empty. Name another in the mapping.'
        raise RosterError(msg)
    source = Source(path, sha256, kind, sheet=chosen.name, header=found.rows)
    rows, columns = _below(sheet, found, source)
    first = found.rows[-1] + 1
    hidden = {row for row in sheet.hidden_rows if row >= first and any(sheet.rows.get(row, ()))}
    last = first + len(rows) - 1
    return table.build(
        source,
        columns,
        rows,
        [
            Located(row - first, column, finding)
            for row, column, finding in sheet.findings
            if first <= row <= last
        ],
        hidden={row - first for row in hidden} if layout.visible_only else (),
        empty_below=max(sheet.last_row - last, 0),
        notices=(
            *(
                Problem.of(Code.READ_WITH_NOTICE, source.origin(), text)
                for text in _notices(workbook, sheet, chosen, columns, found.notice(top, layout))
            ),
            *_hidden_notices(sheet, source, columns, sorted(hidden), layout),
        ),
    )


def _notices(
    workbook: Workbook, sheet: Sheet, chosen: _Chosen, columns: Columns, above: str
) -> Iterator[str]:
    """Return what the librarian should know about how the sheet was read."""
    own = TEMPLATE_SHEETS if columns.row_column is None else REJECTS_SHEETS
    others = [name for name in chosen.others if name.removesuffix(" (2)") not in own]
    if others:
        yield f'the sheet "{chosen.name}" was read; not read: {_quoted(others)}'
    if chosen.notice:
        yield chosen.notice
    if above:
        yield above
    if workbook.starts_1904:
        yield "the workbook counts dates from 1904; they were read accordingly"
    formulas = [letter(c) for c in columns.positions if c in sheet.formula_columns]
    if formulas:
        yield f"columns {', '.join(formulas)} have formulas; their last results were read"


def _hidden_notices(
    sheet: Sheet, source: Source, columns: Columns, rows: Sequence[int], layout: Layout
) -> Iterator[Problem]:
    """Return a notice for rows, and one for columns, that people do not see."""
    if rows:
        by = "by a filter" if sheet.filtered else "by hand"
        count = counted(len(rows), "row")
        message, advice = f"{count} hidden {by}, and included: {spans(rows, _SPANS)}", ""
        if layout.visible_only:
            message = f"{count} hidden {by}, and skipped: {spans(rows, _SPANS)}"
            advice = "To load them too, leave --visible-only out."
        yield Problem.of(Code.HIDDEN_ROWS, source.origin(), message, advice=advice)
    hidden: list[Place] = [
        place
        for place, column in zip(columns.places, columns.positions, strict=False)
        if column in sheet.hidden_columns
    ]
    if hidden:
        yield Problem.of(
            Code.HIDDEN_ROWS,
            source.origin(),
            f"hidden columns are included: {', '.join(map(str, hidden))}",
            advice="Nothing to do, if the mapping is meant to use them.",
        )


def _choose_sheet(workbook: Workbook, path: Path, layout: Layout) -> _Chosen:
    """Return the sheet that the mapping names, else the only visible one that can be meant."""
    visible = [name for name, seen in workbook.sheets if seen]
    hidden = [name for name, seen in workbook.sheets if not seen]
    if layout.sheet:
        wanted = headings.fold(layout.sheet)
        named = next((n for n, _ in workbook.sheets if headings.fold(n) == wanted), "")
        if not named:
            named = _rejects_sheet(workbook, visible)
        if not named:
            raise RosterError(_ambiguous(path, visible, f'There is no sheet "{layout.sheet}"'))
        if named in hidden:
            return _Chosen(named, notice=f'the sheet "{named}" is hidden; the mapping names it')
        return _Chosen(named)
    if not visible:
        msg = f"{path.name} has no visible sheet. Unhide the one with the roster, and save it."
        raise RosterError(msg)
    if len(visible) == 1 and not hidden:
        return _Chosen(visible[0])
    tops = {n: _top(workbook.read(n, headings.SEARCHED), layout) for n, _ in workbook.sheets}
    found = {
        name: max((headings.matches(row.cells, layout.expected) for row in top), default=0)
        for name, top in tops.items()
    }
    enough = max(1, len(layout.expected) // 2)
    fitting = [name for name in visible if found[name] >= enough]
    filled = [name for name in visible if tops[name]]
    if len(fitting) != 1:
        fitting = fitting or filled
    if len(fitting) != 1:
        what = "More than one sheet may be the roster" if fitting else "No visible sheet has text"
        raise RosterError(_ambiguous(path, visible, what))
    others = tuple(name for name in filled if name != fitting[0])
    alike = [name for name in hidden if found[name] >= enough]
    notice = f"hidden sheets have the headings as well and were not read: {_quoted(alike)}"
    return _Chosen(fitting[0], others, notice if alike else "")


def _rejects_sheet(workbook: Workbook, visible: Sequence[str]) -> str:
    """Return the first sheet if it has the rows of a rejects workbook, else ""."""
    first = visible[0] if visible else ""
    return first if first and headings.is_rejects(_top(workbook.read(first, 1), Layout())) else ""


def _ambiguous(path: Path, visible: Sequence[str], what: str) -> str:
    return (
        f"{what} in {path.name}. Its visible sheets are: {_quoted(visible)}. "
        "Name one in the mapping: `sheet:` under `roster:`."
    )


def _quoted(names: Sequence[str]) -> str:
    shown = ", ".join(f'"{name}"' for name in names[:20])
    return shown + (", …" if len(names) > 20 else "")


def _top(sheet: Sheet, layout: Layout) -> list[TopRow]:
    """Return the first rows that have text."""
    searched = max(layout.header, default=headings.SEARCHED)
    return [
        TopRow(number, cells)
        for number, cells in islice(sheet.rows.items(), searched)
        if number <= searched and any(map(str.strip, cells))
    ]


def _below(sheet: Sheet, found: Headings, source: Source) -> tuple[list[list[str]], Columns]:
    """Return the rows from the headings to the last text, gaps included, and their columns."""
    first = found.rows[-1] + 1
    filled = {row: cells for row, cells in sheet.rows.items() if row >= first and any(cells)}
    last = max(filled, default=first - 1)
    width = max(map(len, filled.values()), default=0)
    columns = table.find_columns(found, filled.values(), width)
    if len(columns.positions) > WIDEST or len(columns.positions) * (last - first) > CELLS:
        msg = (
            f'The sheet "{source.sheet}" has text in {len(columns.positions):,} columns and down '
            f"to row {last:,}, which no roster has. Copy the rows of people into a new workbook."
        )
        raise RosterError(msg)
    gap: list[str] = []
    return [filled.get(row, gap) for row in range(first, last + 1)], columns
