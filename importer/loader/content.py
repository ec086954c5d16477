"""What a sheet holds, whichever reader read it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from importer.loader.cells import is_error
from importer.loader.formats import NoNumberError
from importer.loader.heading import Span
from importer.loader.limits import COLUMNS, ROWS
from importer.loader.parsing import SheetError
from importer.model.catalogue import Code

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from importer.loader.formats import Shown, Styles

    Ints = npt.NDArray[np.int64]
    Texts = npt.NDArray[np.object_]

_REFERENCE = re.compile(r"([A-Z]{1,3})([1-9]\d{0,6})", re.ASCII)
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")


@dataclass(frozen=True, slots=True)
class Oddity:
    """A cell that is not simply what it shows."""

    row: int  # as the spreadsheet program counts
    column: int  # from 0
    code: Code
    text: str


@dataclass(slots=True)
class Content:
    """The cells of a sheet that hold text, side by side: row, column and text of each.

    Rows are as the spreadsheet program counts, columns from 0, in the order of the file.
    """

    rows: Ints = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    columns: Ints = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    texts: Texts = field(default_factory=lambda: np.empty(0, dtype=object))
    oddities: list[Oddity] = field(default_factory=list)
    formulas: set[int] = field(default_factory=set)  # columns
    merged: list[Span] = field(default_factory=list)
    hidden_rows: list[int] = field(default_factory=list)
    hidden_columns: list[tuple[int, int]] = field(default_factory=list)  # first and last
    filtered: bool = False
    hidden_told: bool = True  # does the file say what it hides?
    last_row: int = 0  # with or without text


def joined(parts: Sequence[Content]) -> Content:
    """The parts of a sheet as one: what stands around its rows, then these in their order."""
    around = parts[0]
    return Content(
        rows=np.concatenate([part.rows for part in parts]),
        columns=np.concatenate([part.columns for part in parts]),
        texts=np.concatenate([part.texts for part in parts]),
        oddities=[oddity for part in parts for oddity in part.oddities],
        formulas={column for part in parts for column in part.formulas},
        merged=around.merged,
        hidden_rows=[row for part in parts for row in part.hidden_rows],
        hidden_columns=around.hidden_columns,
        filtered=around.filtered,
        last_row=parts[-1].last_row,
    )


def texts(values: Sequence[str]) -> Texts:
    """Texts side by side, as `Content` holds them."""
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


class Cell(NamedTuple):
    """A cell as the file holds it; `text` is blank where nothing is stored."""

    row: int
    column: int
    kind: str  # n, s, str, inlineStr, b, e, d
    style: int
    text: str
    formula: bool


def shown(cell: Cell, strings: list[str], styles: Styles) -> tuple[str, Code | None]:
    """What a person sees of the cell, and what there is to say about it.

    Raises SheetError where the cell points to what the workbook does not have.
    """
    text: str = cell.text
    code: Code | None = None
    match cell.kind:
        case "s":
            text = strings[_position(text, len(strings))] if text.strip() else ""
        case "str" | "inlineStr":
            text = unescaped(text)
        case "b":
            text = {"1": "TRUE", "0": "FALSE"}.get(text.strip(), text)
        case "e":
            # the errors that are known by their text are found in every kind of file alike
            code = None if is_error(text) else Code.FORMULA_ERROR
        case "d":
            text = iso_date(text)
        case _ if text.strip():
            seen = number(text, cell.style, styles)
            text, code = seen.text, seen.code
        case _:
            text = ""
            code = Code.FORMULA_ERROR if cell.formula else None
    return text, code


def style_number(text: str) -> int:
    """The style that a cell names; one that there is not can be any that is too large."""
    return int(text[:9]) if text.isdecimal() else 0


def _position(text: str, length: int) -> int:
    position = int(text) if text.strip().isdecimal() else length
    if position >= length:
        raise SheetError
    return position


def number(raw: str, style: int, styles: Styles) -> Shown:
    """A number as a person sees it. Raises SheetError where it is none."""
    try:
        return styles.show(raw, style)
    except NoNumberError:
        raise SheetError from None


def iso_date(text: str) -> str:
    """A date that is stored in ISO form, without a midnight that nobody typed."""
    return re.sub(r"T00:00:00(\.0+)?Z?$", "", text).replace("T", " ")


def unescaped(text: str) -> str:
    """The text with `_x000D_` and the like read as the characters that they stand for."""
    if "_x" not in text:
        return text
    return _ESCAPED.sub(lambda match: chr(int(match[1], 16)), text)


def reference(text: str) -> tuple[int, int]:
    """`C7` as row 7, column 2. Raises SheetError where it is no cell of a sheet."""
    match = _REFERENCE.fullmatch(text)
    if match is None:
        raise SheetError
    column = 0
    for char in match[1]:
        column = column * 26 + ord(char) - 64
    row = int(match[2])
    if row > ROWS or column > COLUMNS:
        raise SheetError
    return row, column - 1


def span(text: str) -> Span:
    """`B1:C2` as merged cells."""
    first, _, last = text.partition(":")
    (top, left), (bottom, right) = reference(first), reference(last or first)
    return Span(top, bottom, left, right)
