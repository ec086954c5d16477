"""The columns of a roster that a mapping needs, and what each contains."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from importer.mapper.mapping import MappedField, MappingDocument
from importer.mapper.placeholders import Cell, heading_key
from importer.model.candidates import IdRule
from importer.model.fields import Shape


class ColumnKind(StrEnum):
    """What a column contains."""

    ID = "ID"
    DATE = "date"
    CHOICE = "choice"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class NeededColumn:
    """A column that the mapping uses.

    `required`: a row that is blank here is not loaded. `choices` are the words that the mapping's
    lookup knows, none if any are allowed; `table` is Alma's code table if the column contains
    codes itself. `dates` is the order or pattern that the mapping declares for it, "" for none.
    """

    heading: str
    fields: tuple[str, ...]
    kind: ColumnKind
    required: bool = False
    choices: tuple[str, ...] = ()
    table: str = ""
    dates: str = ""
    id_rule: IdRule | None = None


_IDENTIFIERS = frozenset({"primary_id", "user_identifier.value", "proxy_for_user.primary_id"})


def needed_columns(mapping: MappingDocument) -> tuple[NeededColumn, ...]:
    """Return the columns for this mapping, each once in any form."""
    forms: dict[str, list[str]] = {}
    for name in mapping.headings:
        forms.setdefault(heading_key(name), []).append(name)
    return tuple(_needed(mapping, names[0], names) for names in forms.values())


def _needed(mapping: MappingDocument, heading: str, forms: list[str]) -> NeededColumn:
    """The column of a heading, which the mapping writes in these forms."""
    feeding = [mapped for mapped in mapping.fields if set(forms) & set(mapped.cells)]
    tests = [
        test
        for _, key, test in mapping.file.roster.only.tests
        if isinstance(key, Cell) and heading_key(key.heading) == heading_key(heading)
    ]
    choices = _lookup_words(mapping, forms, feeding)
    if choices is None:
        choices = next((test.words for test in tests if test.words), ())
    tables = mapping.tables
    selected = not all(test.accepted({""}, date.min, tables) for test in tests)
    coded = [r for r in feeding if r.field.shape is Shape.CODE and r.takes_cells(tables)]
    coded = [r for r in coded if not any(rule.picks for _, rule in r.nested_and_lone_values)]
    table = coded[0].field.facts.table if coded and not choices else ""
    dates = [mapped for mapped in feeding if mapped.field.shape is Shape.DATE]
    lone = [mapped for mapped in feeding if mapped.required == "true" and len(mapped.cells) == 1]
    needed = not all(mapped.rule.chooses or mapped.rule.default is not None for mapped in lone)
    id_rule = mapping.file.id_rule(heading)
    if id_rule is not None or any(mapped.field.path in _IDENTIFIERS for mapped in feeding):
        kind = ColumnKind.ID
    elif dates:
        kind = ColumnKind.DATE
    else:
        kind = ColumnKind.CHOICE if choices or table else ColumnKind.TEXT
    return NeededColumn(
        heading,
        tuple(dict.fromkeys(mapped.field.path for mapped in feeding)),
        kind,
        selected or needed,
        choices,
        table,
        mapping.file.dates(dates[0].rule.dates).order if kind is ColumnKind.DATE else "",
        id_rule,
    )


def _lookup_words(
    mapping: MappingDocument, forms: list[str], feeding: list[MappedField]
) -> tuple[str, ...] | None:
    """The words of the lookup that the column goes through, none if it takes all others too."""
    for rule in (rule for mapped in feeding for _, rule in mapped.nested_and_lone_values):
        lone = [template.pieces for template in rule.templates]
        as_it_is = rule.clean is None and rule.read is None
        if rule.lookup is not None and as_it_is and any((Cell(name),) in lone for name in forms):
            table = mapping.tables[rule.lookup]
            return tuple(table.written.values()) if table.otherwise is None else ()
    return None
