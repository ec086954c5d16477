"""The columns that rules read from: the roster's cells, the run, and fields already got."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class RunVariables:
    """What a run knows: `<@today>`, `<@file>`, `<@sheet>` (blank for CSV)."""

    today: date
    file: str
    sheet: str = ""


COUNTRY = "country of the address"
"""Where the country of the address is kept among the fields already got."""


class Batch:
    """Some rows, by column; a column is made when a rule first asks for it."""

    def __init__(
        self, rows: Sequence[int], run: RunVariables, read_cells: Callable[[int], list[str]]
    ) -> None:
        """`read_cells` gives the roster's column at a position, one text per row."""
        self.rows = rows
        self.run = run
        self._read_cells = read_cells
        self._cells: dict[int, list[str]] = {}
        self._fields: dict[str, list[str]] = {}

    def __len__(self) -> int:
        """How many rows."""
        return len(self.rows)

    def cells(self, position: int) -> list[str]:
        """The roster's column at a position. Not to be changed."""
        if position not in self._cells:
            self._cells[position] = self._read_cells(position)
        return self._cells[position]

    def set_cells(self, position: int, texts: list[str]) -> None:
        """Put repaired identifiers in a column's stead."""
        self._cells[position] = texts

    def set_field(self, path: str, texts: list[str]) -> None:
        """A field of the record has been got."""
        self._fields[path] = texts

    def variable(self, name: str) -> list[str]:
        """The column of `<@name>`. Not to be changed."""
        match name:
            case "row":
                return [str(row) for row in self.rows]
            case "today":
                return [self.run.today.isoformat()] * len(self)
            case "file":
                return [self.run.file] * len(self)
            case "sheet":
                return [self.run.sheet] * len(self)
            case _:
                return self._fields[name]

    @property
    def countries(self) -> list[str]:
        """The country of each row's address, blank where it is not known."""
        return self._fields.get(COUNTRY) or [""] * len(self)

    def taken(self, at: Sequence[int]) -> Batch:
        """Only the rows at these positions."""

        def read_cells(position: int) -> list[str]:
            texts = self.cells(position)
            return [texts[n] for n in at]

        part = Batch([self.rows[n] for n in at], self.run, read_cells)
        for name, texts in self._fields.items():
            part.set_field(name, [texts[n] for n in at])
        return part
