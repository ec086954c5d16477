"""The roster as it came: text by column and row, and where each cell stands."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from importer.model.problem import Origin, Place, Problem

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd


def letter(position: int) -> str:
    """The spreadsheet program's letter of a column, counted from 0: A, B, … Z, AA."""
    text = ""
    while position >= 0:
        text = chr(ord("A") + position % 26) + text
        position = position // 26 - 1
    return text


@dataclass(frozen=True, slots=True)
class Layout:
    """What is said about reading the roster: by the mapping, and by who asks for the run.

    `header` is "auto" or the heading rows as the spreadsheet program counts them; `expected`
    are the headings that the mapping uses, by which the heading row and the sheet are found.
    `visible_only`: rows that the sheet hides are left out. CSV files hide nothing.
    """

    sheet: str = ""
    encoding: str = "auto"
    header: tuple[int, ...] = ()
    expected: frozenset[str] = frozenset()
    visible_only: bool = False


@dataclass(frozen=True, slots=True)
class Source:
    """Which file the roster is and how it was read; every choice is said to the user."""

    path: Path
    sha256: str
    kind: str  # csv, xlsx, xlsm, xls, ods
    sheet: str = ""  # blank for CSV
    encoding: str = ""  # CSV only
    delimiter: str = ""  # CSV only
    header: tuple[int, ...] = (1,)  # heading rows, as the spreadsheet program counts

    def origin(self, row: int = 0) -> Origin:
        """The place of a row; 0 is the whole roster."""
        return Origin(self.path.name, self.sheet, row)


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some rows of the roster, in order.

    `frame`: one column of text per heading, labelled by position from 0; the index is the row
    number of the spreadsheet program; blank cells are "" and nothing is ever NaN.
    `blank` are rows without any text; `left_out` totals, signatures, examples and, where only
    visible rows are wanted, hidden ones. Neither is in the frame. `problems` are about cells as
    they came; a row with a rejecting one is still in the frame.
    """

    frame: pd.DataFrame
    blank: tuple[int, ...] = ()
    left_out: tuple[int, ...] = ()
    problems: tuple[Problem, ...] = ()


class Roster(Protocol):
    """A roster that can be read from the first row to the last, as often as needed."""

    @property
    def source(self) -> Source:
        """Which file, and how it was read."""

    @property
    def places(self) -> tuple[Place, ...]:
        """The columns, by position: letter and heading as it came."""

    @property
    def notices(self) -> tuple[Problem, ...]:
        """What is worth knowing about the roster as a whole (row 0)."""

    def chunks(self) -> Iterator[Chunk]:
        """Every row that is not a heading, once, in order. Some notices only exist after it."""

    def chunks_with(self, rows: Collection[int]) -> Iterator[Chunk]:
        """These rows of the frames that `chunks` gives, possibly among others, in order."""


@dataclass(frozen=True, slots=True)
class LoadedRoster:
    """A roster held in memory."""

    source: Source
    places: tuple[Place, ...]
    whole: Chunk
    notices: tuple[Problem, ...] = field(default=())

    def chunks(self) -> Iterator[Chunk]:
        """The one chunk that there is."""
        yield self.whole

    def chunks_with(self, rows: Collection[int]) -> Iterator[Chunk]:  # noqa: ARG002  has all
        """The one chunk that there is."""
        yield self.whole
