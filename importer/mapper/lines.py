"""What a compiled mapping is made of: lines, the groups of an entry, and repaired columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from importer.mapper.chain import Chain, Step
from importer.model.candidates import FieldColumn, ListEntry
from importer.model.problem import Place

Required = Literal["true", "warn", "false"]


@dataclass(frozen=True, slots=True)
class Line:
    """A target, its chain, and whether it may be blank.

    `from_cells`: its text stands in the roster as it is, so blanks inside a code are a slip.
    """

    target: FieldColumn
    chain: Chain
    required: Required = "false"
    from_cells: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """An entry's lines.

    `telling` are the labels of which one at least must have content for a row to have the entry;
    none: every row has it. `needed` are the labels without which it is no entry.
    """

    entry: ListEntry
    lines: tuple[Line, ...]
    telling: tuple[str, ...]
    needed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class IdColumn:
    """A column with an `ids:` rule: its position and what is done to its cells."""

    position: int
    place: Place
    label: str
    steps: tuple[Step, ...]
