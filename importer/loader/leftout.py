"""Rows that are no people: the example of a template, totals and signatures at the end."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from importer.loader.content import Texts

FOOTERS = 10
"""Totals and signatures at the end are a few rows; more of them are people without identifiers."""

EXAMPLE = "is the example row of the template"
FOOTER = "stands at the end and holds no identifier: a total or a signature"

_EXAMPLE = "example:"
_LOOKS_LIKE_ID = re.compile(r"[A-Za-z]{0,3}[- ]?\d{5,}\w?|\S+@\S+", re.ASCII)


def is_example(columns: Texts, position: int) -> bool:
    """Does the first text of the row say that it is one?"""
    return next(_filled(columns, position), "").casefold().startswith(_EXAMPLE)


def footers(columns: Texts, positions: Sequence[int], people: Collection[int]) -> list[int]:
    """The last of these rows, as far as they look like totals.

    `people` are no totals, whatever they hold. One more than there can be is enough.
    """
    found: list[int] = []
    for position in reversed(positions):
        filled = list(_filled(columns, position))
        if position in people or not is_footer(filled, len(columns)):
            break
        found.append(position)
        if len(found) > FOOTERS:
            break
    return found


def is_footer(filled: Sequence[str], width: int) -> bool:
    """At most two cells of many, and none like an identifier or an address."""
    return (
        len(filled) <= 2
        and len(filled) * 2 < width
        and not any(_LOOKS_LIKE_ID.fullmatch(text) for text in filled)
    )


def _filled(columns: Texts, position: int) -> Iterator[str]:
    return (column[position] for column in columns if column[position])
