"""Lengths of Alma's fields (contract 1.2 and 1.3), in characters."""

from __future__ import annotations

from collections.abc import Iterator

from importer.model.catalogue import Code
from importer.model.problem import Problem
from importer.validator.columns import Finding, Table


def too_long(table: Table) -> Iterator[Problem]:
    """Values with more characters than Alma's field takes."""
    for column in table.columns:
        limit = column.target.field.facts.length
        if limit and max(map(len, column.values), default=0) > limit:
            found = {
                text: Finding(
                    Code.TOO_LONG, f"has {len(text):,} characters, and Alma takes {limit:,}"
                )
                for text in column.distinct
                if len(text) > limit
            }
            yield from column.flagged(found)
