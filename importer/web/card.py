"""The card of a patron as Alma would show it, made from one row of a roster."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

from importer.errors import MappingError, RosterError
from importer.mapper.compile import (
    CompiledColumn,
    CompiledMapping,
    RunVariables,
    compile_mapping,
)
from importer.mapper.evaluate import evaluate
from importer.mapper.explain import explain
from importer.mapper.key_path import KeyPath
from importer.mapper.mapping import MappingDocument
from importer.mapper.placeholders import TO_CHOOSE, heading_key
from importer.mapper.secret_cells import misplaced, secret_columns
from importer.model.candidates import ENDS
from importer.model.fields import ALWAYS_REQUIRED, FIELDS, SECRETS, TYPE_FIELD, CodeTables, Shape
from importer.model.problem import Problem, Severity
from importer.model.roster import Roster
from importer.model.text import is_whole_roster
from importer.pipeline.check import validate
from importer.pipeline.inputs import RosterRequest, read_inputs
from importer.report.wording import field_name, what
from importer.web.columns import key_of
from importer.web.drafts import Draft
from importer.web.site import as_shown

WHOLE = 2_000
"""The first rows of a roster, which are mapped for the card and checked."""


@dataclass(frozen=True, slots=True)
class CardLine:
    """A value: its name, text and a note; `key` of the field to which a column can be dragged.

    `source`: the columns or the kind of rule; `plain`: they give it as they are. `rule`: what the
    mapping does, in a sentence. `wrong`: why there is no value, "" if it is right.
    """

    name: str
    key: str
    text: str = ""
    note: str = ""
    source: str = ""
    plain: bool = False
    rule: str = ""
    wrong: str = ""
    lacks: bool = False


def lacking(document: MappingDocument) -> tuple[str, ...]:
    """Return the fields that a new patron needs or should have, and that nothing gives."""
    given = {
        rule.field.path for rule in document.scalars
        if TO_CHOOSE not in (*rule.headings, rule.rule.constant)
    }  # fmt: skip
    return tuple(path for path in (*ALWAYS_REQUIRED, *ENDS) if path not in given)


@dataclass(frozen=True, slots=True)
class PatronCard:
    """The card of one of the people, `at` of `of` from 1, and how many of them lack a date."""

    row: int
    at: int
    of: int
    name: str
    parts: Sequence[tuple[str, Sequence[CardLine]]] = ()
    blank: Sequence[tuple[str, int]] = ()  # by path


def card(
    roster: Roster, document: MappingDocument, codes: CodeTables, today: date, at: int
) -> PatronCard | None:
    """Return the card of one of the people, from 1; None if the mapping cannot be used so far."""
    document = _usable(document, roster)
    run = RunVariables(today, roster.source.path.name, roster.source.sheet)
    try:
        compiled = compile_mapping(document, roster.places, run)
    except MappingError:
        return None
    secret = secret_columns(roster.places, document, ())
    frame = roster.frame.drop(index=[*misplaced(roster, secret)])
    if not (of := len(frame)):
        return None
    at = min(max(1, at), of)
    row = int(frame.index[at - 1])
    part = frame.loc[sorted({*frame.index[:WHOLE], row})]
    mapped = evaluate(compiled, replace(roster, frame=part), codes)
    if row not in mapped.frame.index:
        return PatronCard(row, at, of, f"Row {row} is left out by the mapping")
    values = {str(label): str(text) for label, text in mapped.frame.loc[row].items()}
    wrong: dict[str, Problem] = {}
    for problem in mapped.problems:
        if problem.origin.row == row and problem.severity.holds:
            wrong.setdefault(problem.field, problem)
    last, *first = (values.get(name, "") for name in ("last_name", "first_name", "middle_name"))
    name = ", ".join(filter(None, (last, " ".join(filter(None, first)))))
    blank = ((path, int((mapped.frame[path] == "").sum())) for path in ENDS if path in mapped.frame)
    parts = _parts(document, compiled, values, wrong, codes)
    return PatronCard(row, at, of, name or f"Row {row}", parts, [pair for pair in blank if pair[1]])


def _parts(
    document: MappingDocument,
    compiled: CompiledMapping,
    values: dict[str, str],
    wrong: dict[str, Problem],
    codes: CodeTables,
) -> list[tuple[str, list[CardLine]]]:
    """Return the lines of a card by part, without empty parts."""
    lacks, told = lacking(document), explain(document)
    scalars = {column.label: column for column in compiled.scalars}
    user = [
        CardLine(field_name(path), key_of(("record", path)), "none", source="no rule", lacks=True)
        if path in lacks
        else _line(scalars[path], values, told.get(path, ""), wrong.get(path), codes)
        for path in dict.fromkeys((*FIELDS, *scalars))
        if path in scalars or path in lacks
    ]
    entries: dict[bool, list[CardLine]] = {True: [], False: []}  # by whether they are contacts
    for entry in compiled.entries:
        if any(values[label] for label in entry.labels):
            lines = entries[entry.parent.startswith("contact_info.")]
            lines += _entry(entry.columns, entry.parent, values, wrong, codes)
    parts = [("User information", user), ("Contact", entries[True])]
    parts.append(("Identifiers and notes", entries[False]))
    return [(title, lines) for title, lines in parts if lines]


def marks(
    roster: Roster, draft: Draft, mapping: Path, codes: CodeTables, today: date
) -> dict[str, tuple[int, str]]:
    """Return by a column's letter how many of its first cells a check marks, and the first."""
    part = replace(roster, frame=roster.frame.head(WHOLE))
    asked = RosterRequest(draft.roster, mapping, draft.facts.sheet)
    try:
        checked = validate((read_inputs(asked, codes, today, reader=lambda *_: part),))
    except (MappingError, RosterError):
        return {}
    rows: dict[str, dict[int, str]] = {}
    for problem in checked.problems:
        quiet = problem.severity is Severity.REPAIRED or problem.field in SECRETS
        if quiet or is_whole_roster(problem.origin.row):
            continue
        for place in problem.places[:1]:
            told = what(problem, show_values=True)
            rows.setdefault(place.letter, {}).setdefault(problem.origin.row, told)
    return {letter: (len(told), next(iter(told.values()))) for letter, told in rows.items()}


def _usable(document: MappingDocument, roster: Roster) -> MappingDocument:
    """Return the mapping without what a person still has to choose, and without missing columns."""
    file: Any = document.file
    for rule in (
        *document.scalars,
        *(field for entry in document.entries for field in entry.fields),
    ):
        if TO_CHOOSE in (*rule.headings, rule.rule.constant):
            file = _without(file, rule.at)
    there = {heading_key(place.heading) for place in roster.places}
    missing = [name for name in document.headings if heading_key(name) not in there]
    part = file.roster.model_copy(update={"optional": (*file.roster.optional, *missing)})
    return replace(document, file=file.model_copy(update={"roster": part}))


def _without(part: Any, steps: KeyPath) -> Any:
    """Return a part of the mapping without the value at these steps."""
    key, rest = steps[0], steps[1:]
    if isinstance(part, tuple):
        return tuple(_without(rule, rest) if at == key else rule for at, rule in enumerate(part))
    value = _without(getattr(part, str(key)), rest) if rest else None
    return part.model_copy(update={str(key): value})


def _line(
    column: CompiledColumn,
    values: dict[str, str],
    rule: str,
    wrong: Problem | None,
    codes: CodeTables,
) -> CardLine:
    label, field = column.label, column.field
    text, note = as_shown(field, values[label], codes)
    if label in SECRETS and text:
        text = "set, but not shown"
    return CardLine(
        field_name(label), key_of(column.mapped.at), text, note, *_source([column]), rule,
        what(wrong, show_values=field.path not in SECRETS) if wrong else "",
    )  # fmt: skip


def _entry(
    fields: Iterable[CompiledColumn],
    parent: str,
    values: dict[str, str],
    wrong: dict[str, Problem],
    codes: CodeTables,
) -> Iterator[CardLine]:
    """Yield the line of an entry: an address is one, and so is a note with all about it."""
    lines = [
        (column, column.field, values[column.label], wrong.get(column.label)) for column in fields
    ]
    lines = [each for each in lines if each[2] or each[3]]
    named = {field.name: text for _, field, text, _ in lines}
    aside = {TYPE_FIELD.get(parent), "segment_type"}
    main = [each for each in lines if not (each[1].name in aside or each[1].shape is Shape.FLAG)]
    if main:
        texts = (as_shown(field, text, codes)[0] for _, field, text, _ in main)
        faults = (what(fault, show_values=True) for *_, fault in main if fault)
        yield CardLine(
            field_name(f"{parent}[{named.get(TYPE_FIELD.get(parent, ''), '')}]"),
            key_of(main[0][0].mapped.at), ", ".join(filter(None, texts)),
            "preferred" if named.get("preferred") == "true" else "",
            *_source(column for column, *_ in main), "", " ".join(faults),
        )  # fmt: skip


def _source(fields: Iterable[CompiledColumn]) -> tuple[str, bool]:
    """Return the columns behind values, or the kind of rule, and whether they are as they are."""
    fields = [*fields]
    places = [*dict.fromkeys(place for column in fields for place in column.places)]
    plain = all(
        column.mapped.rule.lone_cells and not column.mapped.rule.changes
        for column in fields if column.places
    )  # fmt: skip
    if len(places) == 1:
        return f"{places[0].letter} {places[0].heading}", plain
    if places:
        return " ".join(place.letter for place in places), plain
    same = all(column.mapped.rule.constant is not None for column in fields)
    return "the same for all" if same else "a rule", False
