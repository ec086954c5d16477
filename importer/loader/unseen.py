"""What people do not see of a sheet."""

from __future__ import annotations

from typing import TypedDict


class Unseen(TypedDict):
    """Hidden rows, as the spreadsheet program counts, and columns, from 0: first and last of each.

    `filtered` where it is a filter that hides rows.
    """

    rows: list[tuple[int, int]]
    columns: list[tuple[int, int]]
    filtered: bool


def nothing() -> Unseen:
    """Of a sheet that hides nothing."""
    return Unseen(rows=[], columns=[], filtered=False)
