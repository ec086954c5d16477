"""What a rule writes by itself, whatever the roster says: its constants, and its lookups' codes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from importer.mapper import clean, record
from importer.mapper.lookup import OTHERWISE
from importer.mapper.todo import TO_CHOOSE
from importer.model.fields import Shape

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from importer.mapper.document import Tables
    from importer.mapper.grammar import Rule
    from importer.mapper.record import FieldRule

    Steps = tuple[str | int, ...]


def given_codes(rule: FieldRule, tables: Tables) -> Mapping[str, Steps]:
    """The codes that a rule can give without taking them from a cell, and where they stand.

    The rule, its alternatives and the defaults behind it count, whether their `when` holds or
    not. A code that stands in several places has the first of them. Only fields that hold codes
    give any.
    """
    found: dict[str, Steps] = {}
    if rule.field.shape is Shape.CODE:
        for steps, step in record.steps(rule):
            told = _constants(step, steps) if step.lookup is None else _coded(step, steps, tables)
            for code, where in told:
                found.setdefault(code, where)
    return {code: where for code, where in found.items() if code not in _NO_CODES}


_NO_CODES = frozenset({"", TO_CHOOSE})


def takes_cells(rule: FieldRule) -> bool:
    """Can a cell's text become the value without a lookup? Then the roster says which codes."""
    return any(
        step.lookup is None and any(template.cells for template in step.templates)
        for step in record.chain(rule.rule)
    )


def _constants(step: Rule, steps: Steps) -> Iterator[tuple[str, Steps]]:
    for template in step.templates:
        text = template.constant or ""
        for part in step.clean:
            text = clean.converter(part)(text)[0] if text else ""
        yield text, steps


def _coded(step: Rule, steps: Steps, tables: Tables) -> Iterator[tuple[str, Steps]]:
    """The lookup's codes: each where its key stands, or, from a file, where the file is named."""
    table = tables.get(step.lookup) if step.lookup is not None else None
    if table is None:
        return
    keys = {table.written[key]: code for key, code in table.codes.items()}
    if table.otherwise is not None:
        keys[OTHERWISE] = table.otherwise
    name = step.lookup
    for key, code in keys.items():
        yield code, ("lookups", name, key) if isinstance(name, str) else (*steps, "lookup")
