"""Workbook → Roster: which sheet, which headings, and everything below them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

import numpy as np

from importer.errors import RosterError
from importer.loader import heading, hiding, table
from importer.loader.cells import FORMULA_ERROR
from importer.loader.limits import ODDITIES
from importer.loader.numbering import Numbering
from importer.loader.parsing import TooLargeError
from importer.loader.saying import counted
from importer.loader.table import Rows, Spot
from importer.model.catalogue import Code
from importer.model.problem import Problem
from importer.model.roster import Layout, Roster, Source, letter
from importer.model.sheets import REJECTS, TEMPLATE

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from importer.loader.content import Content
    from importer.loader.heading import Headings
    from importer.loader.table import Shape

WIDEST = 1_000
"""Columns with text beyond which a sheet is no roster."""

LARGEST = 20_000_000
"""Cells, empty ones included, that a roster may span."""

_MESSAGES = {
    Code.ZEROS_RESTORED: "{value} is stored without the zeros that its number format shows",
    Code.ID_LOST_DIGITS: "{value} is a number of more than 15 digits, and a workbook keeps only 15",
}


class Book(Protocol):
    """A workbook of whichever format."""

    @property
    def starts_1904(self) -> bool:
        """Are its days counted from 1904?"""

    @property
    def sheets(self) -> Sequence[tuple[str, bool]]:
        """The sheets that can hold rows, in order: the name, and whether people see it."""

    def read(self, name: str, until: int = 0) -> Content:
        """What the sheet holds, up to row `until` where that is not 0. Raises SheetError."""


@dataclass(frozen=True, slots=True)
class _Chosen:
    """The sheet that is the roster, the visible ones beside it, and what else is to say."""

    name: str
    others: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()


def read_book(book: Book, path: Path, layout: Layout, sha256: str, kind: str) -> Roster:
    """The workbook's roster. Raises RosterError, and SheetError where the file is damaged."""
    chosen = _choose(book, path, layout)
    content = book.read(chosen.name)
    top = _top(content, layout)
    headings = heading.find(top, layout, content.merged)
    if headings is None:
        msg = f'The sheet "{chosen.name}" of {path.name} is empty. Name another in the mapping.'
        raise RosterError(msg)
    source = Source(path, sha256, kind, sheet=chosen.name, header=headings.rows)
    notices = [*chosen.notices]
    if above := headings.notice(top, layout):
        notices.append(above)
    if book.starts_1904:
        notices.append("the workbook counts its days from 1904; its dates were read so")
    shape, rows, last = _below(content, headings, source)
    if others := _strange(chosen.others, shape):
        notices.insert(0, f'the sheet "{chosen.name}" was read; not read: {_quoted(others)}')
    if layout.visible_only:
        hiding.refuse_untold(content, source)
        rows = replace(rows, hidden=frozenset(hiding.hidden_rows(content, source)))
    numbering = (
        None if shape.row_column is None else Numbering.over(rows.block[shape.row_column].tolist())
    )
    made = table.make(shape, rows, numbering)
    empty = made.empty + max(content.last_row, last) - last
    if empty:
        rows_told = counted(empty, "empty row")
        notices.append(f"passed over {rows_told} at the end, formatted but without text")
    formulas = [letter(column) for column in shape.kept if column in content.formulas]
    if formulas:
        notices.append(f"columns {', '.join(formulas)} hold formulas; their last results were read")
    problems = [Problem.of(Code.READ_WITH_NOTICE, source.origin(), text) for text in notices]
    hidden = [
        place
        for place, column in zip(shape.places, shape.kept, strict=False)
        if any(first <= column <= end for first, end in content.hidden_columns)
    ]
    problems += hiding.notices(content, source, hidden, visible_only=layout.visible_only)
    return made.roster(shape, (*problems, *shape.notices()))


def _choose(book: Book, path: Path, layout: Layout) -> _Chosen:
    """The sheet that the mapping names, else the only visible one that can be meant."""
    visible = [name for name, seen in book.sheets if seen]
    hidden = [name for name, seen in book.sheets if not seen]
    if layout.sheet:
        wanted = heading.fold(layout.sheet)
        named = next((name for name, _ in book.sheets if heading.fold(name) == wanted), "")
        if not named:
            raise RosterError(_which(path, visible, f'There is no sheet "{layout.sheet}"'))
        if named in hidden:
            return _Chosen(named, notices=(f'the sheet "{named}" is hidden; the mapping names it',))
        return _Chosen(named)
    if not visible:
        msg = f"{path.name} has no visible sheet. Unhide the one with the roster, and save it."
        raise RosterError(msg)
    if len(visible) == 1 and not hidden:
        return _Chosen(visible[0])
    heads = {name: _top(book.read(name, heading.SEARCHED), layout) for name, _ in book.sheets}
    found = {
        name: max((heading.matches(row.cells, layout.expected) for row in top), default=0)
        for name, top in heads.items()
    }
    enough = max(1, len(layout.expected) // 2)
    fitting = [name for name in visible if found[name] >= enough]
    filled = [name for name in visible if heads[name]]
    if len(fitting) != 1:
        fitting = fitting or filled
    if len(fitting) != 1:
        what = "More than one sheet may be the roster" if fitting else "No visible sheet holds text"
        raise RosterError(_which(path, visible, what))
    others = tuple(name for name in filled if name != fitting[0])
    alike = [name for name in hidden if found[name] >= enough]
    notice = f"hidden sheets have the headings as well and were not read: {_quoted(alike)}"
    return _Chosen(fitting[0], others, (notice,) if alike else ())


def _strange(others: Sequence[str], shape: Shape) -> list[str]:
    """The sheets beside the roster, without those that we put there."""
    own = TEMPLATE if shape.row_column is None else REJECTS
    return [name for name in others if name.removesuffix(" (2)") not in own]


def _which(path: Path, visible: Sequence[str], what: str) -> str:
    return (
        f"{what} in {path.name}. Its visible sheets are: {_quoted(visible)}. "
        "Say which one in the mapping, under `roster:`, with `sheet:`."
    )


def _quoted(names: Sequence[str]) -> str:
    shown = ", ".join(f'"{name}"' for name in names[:20])
    return shown + (", …" if len(names) > 20 else "")


def _top(content: Content, layout: Layout) -> list[heading.TopRow]:
    """The first rows that hold text."""
    searched = max(layout.header, default=heading.SEARCHED)
    cells: dict[int, dict[int, str]] = {}
    near = int(np.searchsorted(content.rows, searched, side="right"))
    for row, column, text in zip(
        content.rows[:near].tolist(),
        content.columns[:near].tolist(),
        content.texts[:near],
        strict=True,
    ):
        if text.strip():
            cells.setdefault(row, {})[column] = text
    return [
        heading.TopRow(row, [by_column.get(column, "") for column in range(max(by_column) + 1)])
        for row, by_column in cells.items()
    ]


def _below(content: Content, headings: Headings, source: Source) -> tuple[Shape, Rows, int]:
    """The rows from the headings to the last text, and the number of the last one."""
    top = headings.rows[-1]
    below = slice(int(np.searchsorted(content.rows, top, side="right")), None)
    rows, columns = content.rows[below], content.columns[below]
    filled = np.flatnonzero(np.bincount(columns))
    shape = table.shape(source, headings, filled.tolist())
    last = int(rows[-1]) if len(rows) else top
    if len(shape.kept) > WIDEST or len(shape.kept) * (last - top) > LARGEST:
        msg = (
            f'The sheet "{source.sheet}" holds text in {len(shape.kept):,} columns and down to row '
            f"{last:,}, which no roster does. Copy the rows of people into a new workbook."
        )
        raise RosterError(msg)
    positions = np.full(max(shape.kept, default=0) + 1, -1)
    positions[list(shape.kept)] = range(len(shape.kept))
    block = np.full((len(shape.kept), last - top), "", dtype=object)
    block[positions[columns], rows - top - 1] = content.texts[below]
    spots = [
        Spot(
            oddity.row - top - 1,
            int(positions[oddity.column]),
            oddity.code,
            _message(oddity.code, oddity.text),
            oddity.text,
        )
        for oddity in content.oddities
        if top < oddity.row <= last and oddity.column < len(positions)
        # the columns that a rejects file adds are nobody's cells
        if 0 <= positions[oddity.column] < len(shape.places)
    ]
    return shape, Rows(range(top + 1, last + 1), block, spots, _look), last


def _look(_: int, texts: Sequence[str], __: str, spots: list[Spot]) -> Sequence[str]:
    """The column as it is, unless too much was said about those before it."""
    if len(spots) > ODDITIES:
        raise TooLargeError
    return texts


def _message(code: Code, text: str) -> str:
    if code is Code.FORMULA_ERROR:
        return FORMULA_ERROR if text else "holds a formula without a value"
    return _MESSAGES[code]
