"""The faithful reader of a sheet: every element of its XML is looked at (ECMA-376 part 1, 18.3).

It streams and believes no `<dimension>`.
"""

from __future__ import annotations

import contextlib
from array import array
from typing import TYPE_CHECKING

import numpy as np

from importer.loader.content import (
    Cell,
    Content,
    Oddity,
    reference,
    shown,
    span,
    style_number,
    texts,
)
from importer.loader.limits import CELLS
from importer.loader.parsing import (
    Patience,
    SheetError,
    TooLargeError,
    feed,
    local,
    parser_for,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from importer.loader.formats import Styles

MERGES = 100_000
"""Merged ranges beyond which the sheet is no roster."""


class _Enough(Exception):  # noqa: N818  no error: the rows that were asked for are read
    """The last wanted row was passed."""


def read_sheet(
    blocks: Iterable[bytes],
    strings: list[str],
    styles: Styles,
    *,
    after: int = 0,
    until: int = 0,
    patience: Patience | None = None,
) -> Content:
    """What the sheet holds behind row `after`, up to row `until` where that is not 0.

    Raises SheetError where the XML is damaged or hostile, TooLargeError where it never ends.
    """
    reader = _Reader(strings, styles, after, until)
    parser = parser_for(reader.start, reader.end)
    parser.CharacterDataHandler = reader.data
    with contextlib.suppress(_Enough):
        feed(parser, blocks, patience)
    return reader.done()


class _Reader:
    def __init__(self, strings: list[str], styles: Styles, after: int, until: int) -> None:
        self.content = Content(last_row=after)
        self._rows = array("q")
        self._columns = array("q")
        self._texts: list[str] = []
        self._strings = strings
        self._styles = styles
        self._until = until
        self._row = after
        self._column = -1
        self._hidden = False
        self._in_cell = False
        self._cell: dict[str, str] = {}
        self._formula = False
        self._text: list[str] = []
        self._collecting = False
        self._phonetic = False

    def done(self) -> Content:
        self.content.rows = np.frombuffer(self._rows, dtype=np.int64)
        self.content.columns = np.frombuffer(self._columns, dtype=np.int64)
        self.content.texts = texts(self._texts)
        return self.content

    def start(self, name: str, attributes: dict[str, str]) -> None:
        name = local(name)
        if name == "c":
            self._cell = attributes
            self._formula = self._phonetic = False
            self._text = []
            self._in_cell = True
        elif name in {"v", "t"}:
            self._collecting = self._in_cell and not self._phonetic
        elif name == "f":
            self._formula = self._in_cell
        elif name == "rPh":
            self._phonetic = True
        elif name == "row":
            self._start_row(attributes)
        elif not self._in_cell:
            self._around(name, attributes)

    def end(self, name: str) -> None:
        name = local(name)
        if name in {"v", "t"}:
            self._collecting = False
        elif name == "rPh":
            self._phonetic = False
        elif name == "c" and self._in_cell:
            self._end_cell()

    def data(self, text: str) -> None:
        if self._collecting:
            self._text.append(text)

    def _start_row(self, attributes: dict[str, str]) -> None:
        given = attributes.get("r", "")
        row = reference(f"A{given}")[0] if given else self._row + 1
        if row <= self._row or given[:1].isalpha():
            raise SheetError  # rows out of order, twice or without a number: which is which?
        if self._until and row > self._until:
            raise _Enough
        self._row = row
        self._column = -1
        self.content.last_row = row
        if attributes.get("hidden") in {"1", "true"}:
            self.content.hidden_rows.append(row)

    def _end_cell(self) -> None:
        self._in_cell = False
        given = self._cell.get("r", "")
        row, column = reference(given) if given else (self._row, self._column + 1)
        if row != self._row or column <= self._column:
            raise SheetError
        self._column = column
        kind, raw = self._cell.get("t", "n"), "".join(self._text)
        if not raw and not self._formula and kind != "e":
            return  # a cell that is only formatted
        style = style_number(self._cell.get("s", "0"))
        cell = Cell(row, column, kind, style, raw, self._formula)
        text, code = shown(cell, self._strings, self._styles)
        if self._formula:
            self.content.formulas.add(column)
        if code is not None:
            self.content.oddities.append(Oddity(row, column, code, text))
        if text:
            self._rows.append(self._row)
            self._columns.append(column)
            self._texts.append(text)
            if len(self._texts) > CELLS:
                raise TooLargeError

    def _around(self, name: str, attributes: dict[str, str]) -> None:
        """What stands before and behind the rows."""
        if name == "mergeCell":
            if len(self.content.merged) >= MERGES:
                raise SheetError
            self.content.merged.append(span(attributes.get("ref", "")))
        elif name == "autoFilter":
            self.content.filtered = True
        elif name == "col" and attributes.get("hidden") in {"1", "true"}:
            first, last = attributes.get("min", ""), attributes.get("max", "")
            if first.isdecimal() and last.isdecimal():
                self.content.hidden_columns.append((int(first) - 1, int(last) - 1))
