"""Rows that share a key, and how they are named in a message."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Hashes = NDArray[np.int64]

_NAMED = 5


def sharing(keys: Sequence[Hashes]) -> list[list[tuple[int, int]]]:
    """The places that share a key that is not 0, as (position, column), two or more of them.

    `keys` are columns of equal length. Places are in order, and so are groups, by their first.
    """
    import pandas as pd

    if not keys:
        return []
    every = np.concatenate(list(keys))
    twice = np.flatnonzero(pd.Series(every).duplicated(keep=False).to_numpy() & (every != 0))
    found: defaultdict[int, list[tuple[int, int]]] = defaultdict(list)
    count = len(keys[0])
    for place, key in zip(twice.tolist(), every[twice].tolist(), strict=True):
        found[key].append((place % count, place // count))
    return sorted(sorted(places) for places in found.values())


def linked(groups: Iterable[Sequence[int]]) -> list[list[int]]:
    """The positions that hang together through groups, each set in order."""
    parent: dict[int, int] = {}

    def root(position: int) -> int:
        parent.setdefault(position, position)
        while parent[position] != position:
            parent[position] = parent[parent[position]]
            position = parent[position]
        return position

    for first, *others in groups:
        for other in others:
            one, two = sorted((root(first), root(other)))
            parent[two] = one
    found: defaultdict[int, list[int]] = defaultdict(list)
    for position in sorted(parent):
        found[root(position)].append(position)
    return [members for _, members in sorted(found.items()) if len(members) > 1]


def others(rows: Iterable[int], count: int) -> str:
    """For a message: `row 5`, `rows 5 and 9`, `rows 5, 9, 12, 15, 20 and 3 more`."""
    named = [f"{row}" for row in islice(rows, _NAMED)]
    if count > _NAMED:
        named.append(f"{count - _NAMED:,} more")
    return f"{'row' if len(named) == 1 else 'rows'} {listed(named)}"


def listed(parts: Sequence[str]) -> str:
    """For a message: `a`, `a and b`, `a, b and c`. There is at least one part."""
    *front, last = parts
    return f"{', '.join(front)} and {last}" if front else last
