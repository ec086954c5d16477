"""The codes that a rule can give, with the places at which a person would change them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain

from importer.mapper.clean import cleaned
from importer.mapper.lookups import OTHERWISE, LookupKey, Tables
from importer.mapper.placeholders import DOLLAR, Steps, Template, heading_key
from importer.mapper.rule import Rule

Codes = Iterable[tuple[str | None, Steps]]
"""Codes with their places; None is the text of a cell."""
Named = dict[str, Rule | Codes]
"""The rules that a `<$value>` stands for, by its name; in place of one its codes if known."""


def value_steps(name: str) -> Steps:
    """Return the steps that lead to a value, by its name with its `$`, or that of a part of it."""
    return ("values", name.removeprefix(DOLLAR).partition(".")[0])


def codes_of(rule: Rule, steps: Steps, tables: Tables, named: Named) -> Codes:
    """Return the codes that a rule at `steps` can give."""
    codes: Codes = _of_templates(rule.templates, steps, tables, named)
    for at, case in enumerate(rule.cases):
        codes = chain(codes, codes_of(case, (*steps, "cases", at), tables, named))
    if (clean := rule.clean) is not None:
        codes = ((text and cleaned(clean, text), where) for text, where in codes)
    if rule.lookup is not None:
        codes = looked_up(codes, rule.lookup, (*steps, "lookup"), tables)
    if rule.default is not None:
        filled = (code for code in codes if code[0] != "")
        codes = chain(filled, codes_of(rule.default, (*steps, "default"), tables, named))
    return codes


def _of_templates(
    templates: tuple[Template, ...], steps: Steps, tables: Tables, named: Named
) -> Iterator[tuple[str | None, Steps]]:
    """The constants, the cells, and what the named values give."""
    for template in templates:
        if (value := named.get(name := template.lone_value)) is not None:
            if isinstance(value, Rule):  # taken once; one that takes itself gives no more
                named[name] = ()
                codes = codes_of(value, value_steps(name), tables, named)
                named[name] = value = tuple(dict.fromkeys(codes))
            yield from value
        elif template.cells or template.constant:
            yield template.constant, steps


def looked_up(
    codes: Codes, lookup: LookupKey, steps: Steps, tables: Tables
) -> Iterator[tuple[str | None, Steps]]:
    """Yield the codes of a lookup, each at its key, or where its file is named; those it passes."""
    table = tables.get(lookup)
    if table is None:
        yield from codes
        return
    if table.passes:
        yield from (code for code in codes if heading_key(code[0] or "") not in table.codes)
    keys = {table.written[key]: code for key, code in table.codes.items()}
    if table.otherwise is not None and not table.passes:
        keys[OTHERWISE] = table.otherwise
    for key, code in keys.items():
        yield code, ("lookups", lookup, key) if isinstance(lookup, str) else (*steps, key)
