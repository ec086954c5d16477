"""Try a mapping: its own codes against Alma's tables, and its rules on a roster."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from importer.mapper.checks import MappingFinding, in_order
from importer.mapper.explain import mapped_codes
from importer.mapper.mapping import Mapping
from importer.model.candidates import Candidates
from importer.model.catalogue import Code
from importer.model.fields import CodeTables
from importer.model.problem import Place, Problem
from importer.pipeline.inputs import read_inputs
from importer.validator.code_checks import wrong_in_mapping


@dataclass(frozen=True, slots=True)
class ColumnMatch:
    """A column of the roster, the labels that it fills (none: unused), and how it was matched."""

    place: Place
    labels: tuple[str, ...]
    how: str


@dataclass(frozen=True, slots=True)
class SampleRecord:
    """A row's number and its fields by label, in the record's order, without blank ones."""

    row: int
    fields: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Preview:
    """The result. `unused` are the columns that neither a rule nor `unused:` names."""

    columns: tuple[ColumnMatch, ...]
    unused: tuple[Problem, ...]
    sample: SampleRecord | None


def wrong_codes(mapping: Mapping, codes: CodeTables) -> tuple[str, ...]:
    """Return the codes that a mapping itself writes and Alma does not take, by line."""
    found = [
        MappingFinding(steps, wrong)
        for rule in mapping.rules
        for code, steps in mapped_codes(rule, mapping.tables).items()
        if (wrong := wrong_in_mapping(code, rule.field, codes))
    ]
    return in_order(mapping.source, found)


def preview(mapping: Path, roster: Path, codes: CodeTables, today: date) -> Preview:
    """Map every row of a roster.

    The sample is the first of the rows with most fields that are not rejected. Raises
    MappingError if mapping and roster do not fit, RosterError.
    """
    inputs = read_inputs(roster, mapping, codes, today)
    used = {use.place: use for use in inputs.compiled.uses}
    columns = tuple(
        ColumnMatch(place, used[place].labels, used[place].how)
        if place in used
        else ColumnMatch(place, (), "")
        for place in inputs.roster.places
    )
    unused = tuple(
        notice for notice in inputs.compiled.notices if notice.code is Code.UNUSED_COLUMN
    )
    candidates = inputs.candidates
    return Preview(columns, unused, _sample(candidates) if len(candidates.frame) else None)


_LOOKED_AT = 200


def _sample(candidates: Candidates) -> SampleRecord:
    head = candidates.frame.head(_LOOKED_AT)
    held = {problem.origin.row for problem in candidates.problems if problem.severity.holds}
    filled = (head != "").sum(axis=1)
    ready = [row for row in head.index.tolist() if row not in held] or head.index.tolist()
    row = max(ready, key=lambda number: int(filled[number]))
    texts = zip(head.columns.tolist(), head.loc[row].tolist(), strict=True)
    return SampleRecord(row, tuple((label, text) for label, text in texts if text))
