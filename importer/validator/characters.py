"""Characters that people did not mean to type."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from itertools import filterfalse

from importer.model.catalogue import Code
from importer.model.problem import Problem
from importer.validator.columns import Finding, Table

TYPOGRAPHIC = frozenset("‘’“”‚„‹›«»′″‐‑‒–—―−")
"""What a word processor makes of quotation marks and dashes; no identifier or address has it."""

_SYMBOLS = frozenset({"So", "Co"})  # pictures, emoji among them, and characters of one font only


def symbols_in_names(table: Table) -> Iterator[Problem]:
    """Names with an emoji or another picture in them. Letters of every script are welcome."""
    for column in table.columns:
        if column.target.field.path.endswith("_name"):
            yield from column.judged(_with_symbol, filterfalse(str.isascii, column.values))


def _with_symbol(text: str) -> Finding | None:
    if any(unicodedata.category(char) in _SYMBOLS for char in text):
        return Finding(Code.SYMBOL_IN_NAME, "{value} holds a picture, such as an emoji")
    return None
