"""Conditions of `when` and `only`: the rows whose cells are among some words."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from importer.mapper.placeholders import heading_key


@dataclass(frozen=True, slots=True)
class Condition:
    """Cells that must be among some words; a row must meet the condition of every column.

    `columns`: positions, and the words as `heading_key` writes them. Without any, all rows meet it.
    """

    columns: tuple[tuple[int, frozenset[str]], ...] = ()

    def holds(self, cells: pd.DataFrame) -> pd.Series[bool]:
        """Return by row whether it meets the condition."""
        met = pd.Series(data=True, index=cells.index)
        for position, words in self.columns:
            texts = cells[position]
            wanted = [text for text in texts.unique() if heading_key(text) in words]
            met &= texts.isin(wanted)
        return met


ALWAYS = Condition()
"""Every row meets it."""
