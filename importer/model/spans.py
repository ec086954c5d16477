"""Row numbers as people write them."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def spans(rows: Sequence[int], most: int) -> str:
    """`22, 31–35 and 7 more`: rows in order; at most so many stretches of them are spelled out.

    There is at least one row, and none stands twice.
    """
    ends = [at for at, (one, other) in enumerate(pairwise(rows)) if other != one + 1]
    told = []
    for before, end in pairwise((-1, *ends[:most], len(rows) - 1)):
        first, last = rows[before + 1], rows[end]
        told.append(str(first) if first == last else f"{first}–{last}")
    if len(ends) < most:
        return ", ".join(told)
    return f"{', '.join(told[:most])} and {len(rows) - 1 - ends[most - 1]:,} more"
