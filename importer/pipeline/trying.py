"""A mapping tried on a roster: what each column becomes, and one record, field by field."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from importer.model.catalogue import Code
from importer.pipeline.front import bring_together

if TYPE_CHECKING:
    from datetime import date
    from pathlib import Path

    from importer.model.candidates import Candidates
    from importer.model.codes import CodeTables
    from importer.model.problem import Place, Problem


@dataclass(frozen=True, slots=True)
class ColumnMatch:
    """A column of the roster, the labels that it feeds (none: unused), and how it was matched."""

    place: Place
    labels: tuple[str, ...]
    how: str


@dataclass(frozen=True, slots=True)
class SampleRecord:
    """A row's number and its fields by label, in the record's order, blank ones left out."""

    row: int
    fields: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of it. `unused` are the columns that neither a rule nor `unused:` names."""

    columns: tuple[ColumnMatch, ...]
    unused: tuple[Problem, ...]
    sample: SampleRecord | None


def try_out(mapping: Path, roster: Path, codes: CodeTables, today: date) -> Trial:
    """Bring a mapping and a roster together and map the first chunk.

    The sample is the first of the rows that say most and that no rule rejects. Raises
    MappingError where they do not fit, RosterError.
    """
    material = bring_together(roster, mapping, codes, today)
    used = {use.place: use for use in material.compiled.uses}
    columns = tuple(
        ColumnMatch(place, used[place].labels, used[place].how)
        if place in used
        else ColumnMatch(place, (), "")
        for place in material.roster.places
    )
    unused = tuple(
        notice for notice in material.compiled.notices if notice.code is Code.UNUSED_COLUMN
    )
    sample = next(
        (_sample(candidates) for _, candidates in material.chunks() if candidates.rows), None
    )
    return Trial(columns, unused, sample)


_LOOKED_AT = 200


def _sample(candidates: Candidates) -> SampleRecord:
    head = candidates.frame.head(_LOOKED_AT)
    held = {problem.origin.row for problem in candidates.problems if problem.severity.holds}
    filled = (head != "").sum(axis=1)
    ready = [row for row in head.index.tolist() if row not in held] or head.index.tolist()
    row = max(ready, key=lambda number: int(filled[number]))
    texts = zip(head.columns.tolist(), head.loc[row].tolist(), strict=True)
    return SampleRecord(row, tuple((label, text) for label, text in texts if text))
