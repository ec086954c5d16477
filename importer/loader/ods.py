"""What an OpenDocument spreadsheet hides, which the library that reads it does not tell.

It runs in the process of its own that reads such files, before that library does: what repeats
beyond what a roster holds is refused here at once.
"""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

from importer.loader.limits import CELLS, COLUMNS, ROWS
from importer.loader.parsing import LockedError, SheetError, TooLargeError, feed, local, parser_for
from importer.loader.unseen import Unseen, nothing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_BLOCK = 1 << 20


def read_unseen(path: Path) -> list[Unseen]:
    """By sheet, in order, what is hidden.

    Raises SheetError where the file is damaged, TooLargeError where it repeats without end,
    LockedError, DoctypeError.
    """
    with zipfile.ZipFile(path) as archive:
        if b"encryption-data" in archive.read("META-INF/manifest.xml"):
            raise LockedError
    reader = _Reader()
    feed(parser_for(reader.start, reader.end), _blocks(path))
    return reader.sheets


def _blocks(path: Path) -> Iterator[bytes]:
    with zipfile.ZipFile(path) as archive, archive.open("content.xml") as member:
        while block := member.read(_BLOCK):
            yield block


class _Reader:
    def __init__(self) -> None:
        self.sheets: list[Unseen] = []
        self._depth = 0  # a table may stand in a cell
        self._row = self._column = self._cell = 0
        self._times = self._texts = self._cells = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        name = local(name)
        if name == "table":
            self._depth += 1
            if self._depth == 1:
                self.sheets.append(nothing())
                self._row = self._column = 0
            return
        if self._depth != 1:
            return
        by_local = {local(key): text for key, text in attributes.items()}
        match name:
            case "table-row":
                self._cell = self._texts = 0
                self._times = _times(by_local, "number-rows-repeated")
                self._start_row(by_local.get("visibility", ""))
            case "table-column":
                self._start_columns(by_local)
            case "table-cell" | "covered-table-cell":
                times = _times(by_local, "number-columns-repeated")
                self._cell = _within(self._cell + times, COLUMNS)
                self._texts += times if "value-type" in by_local else 0
            case _:
                pass

    def end(self, name: str) -> None:
        name = local(name)
        if name == "table":
            self._depth -= 1
        elif name == "table-row" and self._depth == 1:
            self._cells += self._texts * self._times
            if self._cells > CELLS:
                raise TooLargeError

    def _start_row(self, visibility: str) -> None:
        first = self._row + 1
        self._row = _within(self._row + self._times, ROWS)
        if visibility in {"collapse", "filter"}:
            self.sheets[-1]["rows"].append((first, self._row))
            self.sheets[-1]["filtered"] |= visibility == "filter"

    def _start_columns(self, by_local: dict[str, str]) -> None:
        first = self._column
        self._column = _within(first + _times(by_local, "number-columns-repeated"), COLUMNS)
        if by_local.get("visibility") in {"collapse", "filter"}:
            self.sheets[-1]["columns"].append((first, self._column - 1))


def _times(by_local: dict[str, str], name: str) -> int:
    given = by_local.get(name, "1")
    if not given.isdecimal():
        raise SheetError
    return int(given[:9])


def _within(number: int, most: int) -> int:
    if number > most:
        raise SheetError
    return number
