"""A compiled mapping: its rules with columns by position, ready to be evaluated."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

from importer.mapper.conditions import ALWAYS, Condition
from importer.mapper.dates import Style
from importer.mapper.periods import TermEnd
from importer.mapper.placeholders import Variable
from importer.mapper.transforms import Transform
from importer.model.candidates import FieldColumn, ListEntry, RecordLayout
from importer.model.problem import Place, Problem


@dataclass(frozen=True, slots=True)
class RunVariables:
    """What a run knows: `<@today>`, `<@file>`, `<@sheet>` (blank for CSV)."""

    today: date
    file: str
    sheet: str = ""


@dataclass(frozen=True, slots=True)
class Filling:
    """A template for one roster: plain text, columns by position, and variables."""

    parts: tuple[str | int | Variable, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """One step of `clean`, or the lookup.

    `selects`: it may leave the text out on purpose, so that nothing is missing. `located`: its
    result depends on the country of the address.
    """

    change: Transform
    selects: bool = False
    located: bool = False


@dataclass(frozen=True, slots=True)
class Moment:
    """How a rule's text becomes a date."""

    style: Style
    plus: str | None = None
    terms: tuple[TermEnd, ...] = ()


@dataclass(frozen=True, slots=True)
class CompiledRule:
    """A rule, ready for one roster. `key` is unique: the label, with `.default` for each default.

    `fillings` are tried in turn until one is not blank. `moment` is None unless it is a date.
    """

    key: str
    fillings: tuple[Filling, ...]
    steps: tuple[Step, ...] = ()
    condition: Condition = ALWAYS
    moment: Moment | None = None
    default: CompiledRule | None = None


@dataclass(frozen=True, slots=True)
class CompiledField:
    """A column of the candidates, its rule, and whether it may be blank.

    `as_in_cells`: the text is the cell's own, so that invisible characters in a code are removed.
    """

    column: FieldColumn
    rule: CompiledRule
    required: Literal["true", "warn", "false"] = "false"
    as_in_cells: bool = False


@dataclass(frozen=True, slots=True)
class CompiledEntry:
    """An entry's fields.

    A row has the entry if one of the `deciding` labels has content (any row, if there are none).
    Without a `needed` label it is not an entry.
    """

    entry: ListEntry
    fields: tuple[CompiledField, ...]
    deciding: tuple[str, ...]
    needed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class IdColumn:
    """A column with an `ids:` rule, and what is done to its cells. `label` is one that it feeds."""

    position: int
    place: Place
    label: str
    steps: tuple[Transform, ...]


@dataclass(frozen=True, slots=True)
class Use:
    """A column of the roster that the mapping uses: the labels it feeds, and how it was matched."""

    place: Place
    labels: tuple[str, ...]
    how: str


@dataclass(frozen=True, slots=True)
class CompiledMapping:
    """A mapping ready for one roster. `scalars` are in the order in which they need one another."""

    layout: RecordLayout
    run: RunVariables
    scalars: tuple[CompiledField, ...]
    entries: tuple[CompiledEntry, ...]
    ids: tuple[IdColumn, ...]
    only: Condition
    uses: tuple[Use, ...]
    notices: tuple[Problem, ...]
