"""Read a roster: a path becomes a `Roster`. In a workbook, find the sheet that is the roster."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from importer.advice import Choice, Do
from importer.errors import Cause, RosterError, WhichSheetError
from importer.loader import table
from importer.loader.cleaning import clean, clean_escaped
from importer.loader.csv_file import first_rows, read_csv
from importer.loader.detect import FileKind, NotReadableError, identify, read_bytes, unpack
from importer.loader.encodings import WESTERN, WhichEncodingError, find_encoding
from importer.loader.table import CELLS, Columns, Sheet
from importer.model.problem import Code, Problem
from importer.model.roster import REJECTS_SHEETS, TEMPLATE_SHEETS, Layout, Roster, Source, letter
from importer.model.text import counted, similar, spans

WIDEST = 1_000
"""Columns with text of a roster."""

_SPANS = 10  # stretches of hidden rows, or merged cells, that a notice names
_NOUNS = {
    FileKind.XLSX: "an Excel workbook",
    FileKind.XLSM: "an Excel workbook with macros",
    FileKind.XLS: "a workbook of an old Excel",
    FileKind.ODS: "an OpenDocument spreadsheet",
}


class Workbook(Protocol):
    """An open workbook of any format.

    `sheets`: the worksheets in order, the name, and whether people see it. `starts_1904`: its dates
    are counted from 1904.
    """

    sheets: list[tuple[str, bool]]
    starts_1904: bool

    def read(self, name: str, until: int = 0) -> Sheet:
        """Return a sheet, up to row `until` if that is not 0. Raises NotReadableError."""


def read(path: Path, layout: Layout) -> Roster:
    """Read the file as a roster.

    Raises RosterError, a sentence that says what the file is and what to do, if it is not a roster
    or cannot be read to its end.
    """
    with _refusals(path):
        content = read_bytes(path)
        kind = identify(content, path.suffix)
        source = Source(path, hashlib.sha256(content).hexdigest(), kind)
        if kind is FileKind.CSV:
            roster = read_csv(content, source, layout)
        else:
            roster = read_workbook(_open(content, kind), source, layout)
    about_the_file = map(roster.source.notice, _about_the_file(path, kind))
    return replace(roster, notices=(*about_the_file, *roster.notices))


@dataclass(frozen=True, slots=True)
class Preview:
    """The top of a file before it is certain how it is read.

    `sheets`: those of a workbook, with whether people see them; `sheet`: the one of the rows.
    `rows`: from row 1, as they came. `readings`: of a CSV file whose encoding is in doubt, what
    encodings make of some words: the name, what it is used for, the words. `lengths`: how many rows
    were found of each visible sheet, up to those that were asked for.
    """

    rows: tuple[tuple[str, ...], ...]
    sheets: tuple[tuple[str, bool], ...] = ()
    sheet: str = ""
    readings: tuple[tuple[str, str, tuple[str, ...]], ...] = ()
    lengths: Mapping[str, int] = field(default_factory=dict)


def preview(path: Path, layout: Layout, count: int) -> Preview:
    """Return the first rows of a file, of the sheet that `layout` names or of the widest one.

    Raises RosterError if it is no spreadsheet.
    """
    with _refusals(path):
        content = read_bytes(path)
        kind = identify(content, path.suffix)
        if kind is FileKind.CSV:
            return _preview_text(content, layout, count)
        workbook = _open(content, kind)
        visible = [name for name, seen in workbook.sheets if seen]
        tops = {
            name: tuple(tuple(row) for row in workbook.read(name, count).rows[:count])
            for name in _named(workbook, layout) or visible
        }
    sheet = max(tops, key=lambda name: max(map(_filled_cells, tops[name]), default=0), default="")
    lengths = {name: len(rows) for name, rows in tops.items()}
    return Preview(tops.get(sheet, ()), tuple(workbook.sheets), sheet, lengths=lengths)


def _preview_text(content: bytes, layout: Layout, count: int) -> Preview:
    """Return the first rows of a CSV file, in doubt by the likeliest encoding."""
    readings: tuple[tuple[str, str, tuple[str, ...]], ...] = ()
    try:
        encoding, _ = find_encoding(content, "auto")
    except WhichEncodingError as error:
        readings = error.readings
        encoding = readings[0][0] if readings else WESTERN
    encoding = encoding if layout.encoding == "auto" else layout.encoding
    return Preview(tuple(first_rows(content, encoding, layout, count)), readings=readings)


@contextmanager
def _refusals(path: Path) -> Iterator[None]:
    """Raise RosterError with the name of the file for what cannot be read in the block."""
    try:
        yield
    except NotReadableError as error:
        msg = f"{path.name} {error}"
        raise RosterError(msg, error.encodings, error.cause) from None


def _open(content: bytes, kind: FileKind) -> Workbook:
    """Open a workbook. Loading all of these libraries takes longer than reading most CSV files."""
    match kind:
        case FileKind.XLS:
            from importer.loader.xls import XlsWorkbook

            return XlsWorkbook(content)
        case FileKind.ODS:
            from importer.loader.ods import OdsWorkbook

            return OdsWorkbook(content, unpack(content))
        case FileKind.XLSX | FileKind.XLSM:
            from importer.loader.xlsx import XlsxWorkbook

            return XlsxWorkbook(content, unpack(content))
        case FileKind.CSV:
            raise ValueError(kind)


def _about_the_file(path: Path, kind: FileKind) -> Iterator[str]:
    """Yield what a person should know about this kind of file, and about a name that misleads."""
    if path.suffix.lower() != f".{kind}" and kind is not FileKind.CSV:
        what = f"the file is {_NOUNS[kind]} and was read as one"
        yield f"{what}, although its name does not end in .{kind}"
    if kind is FileKind.XLSM:
        yield "the workbook has macros; they were not run"


def read_workbook(workbook: Workbook, source: Source, layout: Layout) -> Roster:
    """Return the workbook's roster. Raises RosterError, NotReadableError."""
    source, about_sheets = _choose_sheet(workbook, source, layout)
    sheet = workbook.read(source.sheet)
    headings = table.find_headings(sheet.rows, layout, sheet.merged)
    if headings is None:
        msg = (
            f'The sheet "{source.sheet}" of {source.path.name} is empty. Name another in the '
            "mapping."
        )
        raise RosterError(msg, cause=Cause.EITHER)
    source = replace(source, header=headings.rows)
    # the texts of a rejects.csv that was saved as a workbook are escaped
    names = {name.removesuffix(" (2)") for name, _ in workbook.sheets}
    escaped = bool(table.added_columns(headings.texts)) and names.isdisjoint(REJECTS_SHEETS)
    columns = table.find_columns(headings, sheet, max(map(len, sheet.rows)), escaped=escaped)
    _check_size(sheet, columns, source)
    texts = [*about_sheets, *filter(None, [headings.notice])]
    if workbook.starts_1904:
        texts.append("the workbook counts dates from 1904; they were read accordingly")
    if formulas := [letter(c) for c in columns.positions if c in sheet.formula_columns]:
        at = ", ".join(formulas)
        single, several = f"column {at} has formulas; its", f"columns {at} have formulas; their"
        texts.append(f"{single if len(formulas) == 1 else several} last results were read")
    return table.build(
        source,
        columns,
        sheet,
        clean=clean_escaped if escaped else clean,
        visible_only=layout.visible_only,
        all_people=False,
        notices=(
            *map(source.notice, texts),
            *_merged_notice(sheet, source),
            *_hidden_notices(sheet, source, columns, layout),
        ),
    )


def _check_size(sheet: Sheet, columns: Columns, source: Source) -> None:
    last = max((row for row, cells in enumerate(sheet.rows, start=1) if any(cells)), default=0)
    across = len(columns.positions)
    if across > WIDEST or across * (last - source.header[-1]) > CELLS:
        msg = (
            f'The sheet "{source.sheet}" has text in {across:,} columns and down to row {last:,}, '
            "which no roster has. Copy the rows of people into a new workbook."
        )
        raise RosterError(msg)


def _merged_notice(sheet: Sheet, source: Source) -> Iterator[Problem]:
    """Return a notice of cells that are merged over several people: only the first has the text."""
    ranges = []
    for area in sheet.merged:
        cells = slice(area.first_column, area.last_column + 1)
        if source.header[-1] < area.first_row < min(area.last_row, len(sheet.rows)):
            here, below = sheet.rows[area.first_row - 1], sheet.rows[area.first_row]
            if any(here[cells]) and any(below):
                left, right = letter(area.first_column), letter(area.last_column)
                ranges.append(f"{left}{area.first_row}:{right}{area.last_row}")
    if ranges:
        shown = ", ".join(ranges[:_SPANS]) + (", …" if len(ranges) > _SPANS else "")
        yield source.notice(
            f"cells are merged over several rows, and only the first row has their text: {shown}",
            advice="Unmerge them, and enter the text in every row it belongs to.",
        )


def _hidden_notices(
    sheet: Sheet, source: Source, columns: Columns, layout: Layout
) -> Iterator[Problem]:
    """Return a notice for rows, and one for columns, that people do not see."""
    below = [row for row in sorted(sheet.hidden_rows) if source.header[-1] < row <= len(sheet.rows)]
    if rows := [row for row in below if any(sheet.rows[row - 1])]:
        what = "skipped" if layout.visible_only else "included"
        advice = (Choice(Do.READ_HIDDEN),) if layout.visible_only else ()
        count = counted(len(rows), "row")
        message = f"{count} hidden, and {what}: {spans(rows, _SPANS)}"
        yield source.notice(message, code=Code.HIDDEN_ROWS, advice=advice)
    pairs = zip(columns.places, columns.positions, strict=True)
    if hidden := [str(place) for place, column in pairs if column in sheet.hidden_columns]:
        yield source.notice(
            f"hidden columns are included: {', '.join(hidden)}",
            code=Code.HIDDEN_ROWS,
            advice="No action needed if the mapping should use them.",
        )


def _choose_sheet(workbook: Workbook, source: Source, layout: Layout) -> tuple[Source, list[str]]:
    """Return the source with the sheet that the mapping names, or that can be meant, and notices.

    Raises RosterError if no sheet, or more than one, can be meant.
    """
    visible = [name for name, seen in workbook.sheets if seen]
    hidden = [name for name, seen in workbook.sheets if not seen]
    if layout.sheet:
        named = _named(workbook, layout)
        if not named and visible and table.is_rejects(workbook.read(visible[0], 1).rows):
            named = visible
        if not named:
            near = similar(layout.sheet, visible, least=70)
            hint = f' (did you mean "{near[0]}"?)' if near else ""
            raise _ambiguous(source, visible, f'There is no sheet "{layout.sheet}"{hint}')
        notice = f'the sheet "{named[0]}" is hidden; the mapping names it'
        return replace(source, sheet=named[0]), [notice] if named[0] in hidden else []
    if not visible:
        what = f"{source.path.name} has no visible sheet"
        msg = f"{what}. Unhide the one with the roster, and save it."
        raise RosterError(msg)
    if len(workbook.sheets) == 1:
        return replace(source, sheet=visible[0]), []
    tops = {
        name: workbook.read(name, table.SEARCHED).rows[: table.SEARCHED]
        for name, _ in workbook.sheets
    }
    enough = max(1, layout.used // 2)
    alike = {
        name
        for name, top in tops.items()
        if any(table.matches(row, layout.expected) >= enough for row in top)
    }
    widths = {name: max(map(_filled_cells, tops[name]), default=0) for name in visible}
    filled = [name for name, width in widths.items() if width]
    wide = [name for name, width in widths.items() if width > 1]  # a roster has two columns
    rejects = [name for name in visible if table.is_rejects(tops[name])]
    fitting = rejects or [name for name in visible if name in alike] or wide or filled
    if len(fitting) != 1:
        what = "More than one sheet may be the roster" if fitting else "No visible sheet has text"
        raise _ambiguous(source, visible, what)
    notices = []
    chosen = fitting[0]
    own = REJECTS_SHEETS if table.is_rejects(tops[chosen]) else TEMPLATE_SHEETS
    if others := [name for name in filled if name.removesuffix(" (2)") not in {chosen, *own}]:
        notices.append(f'the sheet "{chosen}" was read; not read: {_quoted(others)}')
    if unseen := [name for name in hidden if name in alike]:
        what = "hidden sheets have the headings as well and were not read"
        notices.append(f"{what}: {_quoted(unseen)}")
    return replace(source, sheet=chosen), notices


def _named(workbook: Workbook, layout: Layout) -> list[str]:
    wanted = table.fold(layout.sheet)
    return [name for name, _ in workbook.sheets if table.fold(name) == wanted]


def _filled_cells(row: Sequence[str]) -> int:
    return sum(bool(text.strip()) for text in row)


def _ambiguous(source: Source, visible: Sequence[str], what: str) -> WhichSheetError:
    return WhichSheetError(
        f"{what} in {source.path.name}. Its visible sheets are: {_quoted(visible)}. "
        "Name one in the mapping: `sheet:` under `roster:`.",
        tuple(visible),
    )


def _quoted(names: Sequence[str]) -> str:
    shown = ", ".join(f'"{name}"' for name in names[:20])
    return shown + (", …" if len(names) > 20 else "")
