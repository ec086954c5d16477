"""The codes that a rule can give, with the places at which a person would change them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import assert_never

from importer.mapper import keys
from importer.mapper.clean import CleanStep, cleaned
from importer.mapper.key_path import KeyPath
from importer.mapper.keys import Rule
from importer.mapper.lookups import OTHERWISE, LookupKey, Tables
from importer.mapper.placeholders import DOLLAR, Template, heading_key

Codes = Iterable[tuple[str | None, KeyPath]]
"""Codes with their places; None is the text of a cell."""
Named = dict[str, Rule | Codes]
"""The rules that a `<$value>` stands for, by its name; in place of one its codes if known."""


def value_path(name: str) -> KeyPath:
    """Return where a value is, by its name with its `$`, or that of a part of it."""
    return ("values", name.removeprefix(DOLLAR).partition(".")[0])


def codes_of(rule: Rule, path: KeyPath, tables: Tables, named: Named) -> Codes:
    """Return the codes that a rule at this path can give."""
    codes: Codes = ()
    for key in keys.keys_of(rule):
        match key:
            case keys.From(templates):
                codes = _of_templates(templates, path, tables, named)
            case keys.Cases(cases):
                each = enumerate(cases)
                given = (codes_of(r, (*path, "cases", at), tables, named) for at, r in each)
                codes = chain.from_iterable(given)
            case keys.Clean(clean):
                codes = _cleaned(codes, clean)
            case keys.LookUp(lookup):
                codes = looked_up(codes, lookup, (*path, "lookup"), tables)
            case keys.Default(default):
                filled = (code for code in codes if code[0] != "")
                codes = chain(filled, codes_of(default, (*path, "default"), tables, named))
            case keys.When() | keys.AgreesWith():
                pass  # they choose rows, and change no text
            case keys.ReadName() | keys.ReadDates() | keys.Later() | keys.Earlier():
                pass  # of names and dates, which are no codes
            case _:
                assert_never(key)
    return codes


def _cleaned(codes: Codes, steps: tuple[CleanStep, ...]) -> Codes:
    return ((text and cleaned(steps, text), where) for text, where in codes)


def _of_templates(
    templates: tuple[Template, ...], at: KeyPath, tables: Tables, named: Named
) -> Iterator[tuple[str | None, KeyPath]]:
    """The constants, the cells, and what the named values give."""
    for template in templates:
        if (value := named.get(name := template.lone_value)) is not None:
            if isinstance(value, Rule):  # taken once; one that takes itself gives no more
                named[name] = ()
                codes = codes_of(value, value_path(name), tables, named)
                named[name] = value = tuple(dict.fromkeys(codes))
            yield from value
        elif template.cells or template.constant:
            yield template.constant, at


def looked_up(
    codes: Codes, lookup: LookupKey, at: KeyPath, tables: Tables
) -> Iterator[tuple[str | None, KeyPath]]:
    """Yield the codes of a lookup, each at its key, or where its file is named; those it passes."""
    table = tables.get(lookup)
    if table is None:
        yield from codes
        return
    if table.passes:
        yield from (code for code in codes if heading_key(code[0] or "") not in table.codes)
    words = {table.written[key]: code for key, code in table.codes.items()}
    if table.otherwise is not None and not table.passes:
        words[OTHERWISE] = table.otherwise
    for word, code in words.items():
        yield code, ("lookups", lookup, word) if isinstance(lookup, str) else (*at, word)
