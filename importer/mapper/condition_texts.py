"""How a condition reads a column or value: as the rules do that take it as it is."""

from __future__ import annotations

from collections.abc import Iterator

from importer.mapper.conditions import Subject
from importer.mapper.dates import Dates
from importer.mapper.field_rule import FieldRule
from importer.mapper.mapping import MappingDocument
from importer.mapper.placeholders import Cell, Template, heading_key
from importer.mapper.steps.clean import Clean
from importer.mapper.steps.dates import DatesStep
from importer.mapper.steps.lookup import Lookup
from importer.mapper.steps.rule import Rule
from importer.mapper.steps.source import DASHED, Default
from importer.mapper.transforms import is_dash
from importer.mapper.yaml_source import Steps
from importer.model.fields import Shape


def dates_of(mapping: MappingDocument, subject: Subject) -> Dates:
    """Return how a condition reads dates: as the rules do, if these agree; else as the roster's.

    A rule that cleans a text before reads another text.
    """
    found = []
    for rule, steps, part in _taking(mapping, subject):
        if rule.field.shape is Shape.DATE and not (part.get(Clean) or rule.rule.get(Clean)):
            own = part.get(DatesStep)
            inherited = None if Default.key in steps[2:] else rule.dates
            found.append(mapping.file.dates(own.value if own else inherited))
    ways = {way for way in found if way != Dates()}
    return ways.pop() if len(ways) == 1 else mapping.file.roster.dates


def is_nothing(mapping: MappingDocument, subject: Subject, text: str) -> bool:
    """Return whether a text is a dash, or a word for nothing, as every rule takes it."""
    rules = [*_taking(mapping, subject)] if is_dash(text) else []
    return bool(rules) and all(
        (rule.field.shape is Shape.DATE or rule.field.path in DASHED)
        and not _knows(mapping, rule.rule, text)
        and not _knows(mapping, part, text)
        for rule, _, part in rules
    )


def _knows(mapping: MappingDocument, rule: Rule, text: str) -> bool:
    """Return whether the rule's lookup has a text."""
    lookup = rule.get(Lookup)
    return lookup is not None and heading_key(text) in mapping.tables[lookup.value].codes


def _taking(mapping: MappingDocument, subject: Subject) -> Iterator[tuple[FieldRule, Steps, Rule]]:
    """Yield the parts of rules that take a column or value as it is."""

    def same(template: Template) -> bool:
        if not isinstance(subject, Cell):
            return template.lone_value == subject.name
        key = heading_key(subject.heading)
        return template.lone_cell and heading_key(template.cells[0].heading) == key

    dates = (rule for rule in mapping.values if rule.field.shape is Shape.DATE)
    for rule in (*dates, *mapping.rules):
        for steps, part in rule.giving_parts:
            if any(map(same, part.templates)):
                yield rule, steps, part
