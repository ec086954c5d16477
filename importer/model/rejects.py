"""The columns that a rejects file adds behind the roster's own, by which it is known again."""

from __future__ import annotations

import re
from collections.abc import Collection

from importer.model.catalogue import Code

ROW, RESULT, WHY, WHAT_TO_DO = "Row", "Result", "Why", "What to do"

ADDED = (ROW, RESULT, WHY, WHAT_TO_DO)
"""In this order, as the last headings. `Row` holds the row number in the first roster."""

UNEVEN: dict[Code, str] = {Code.ROW_TOO_LONG: "too long", Code.ROW_TOO_SHORT: "too short"}
"""What stands behind the number of a row whose cells may be under wrong headings.

A rejects file gives each row one cell for each heading, so that it can no longer be seen that
something is wrong. A person takes these words away when the cells are where they belong.
"""

UNEVEN_ADVICE = "Put each value under its heading, then delete the words behind the row's number."

NOT_KEPT = "(not kept)"
"""Stands for a password, which no file of a run holds; it must be typed again or cleared."""

_ROW = re.compile(rf"([0-9]{{1,9}})\s*({'|'.join(UNEVEN.values())})?", re.IGNORECASE)


def row_text(row: int, codes: Collection[Code]) -> str:
    """What stands under `Row` for a row with these problems."""
    words = next((words for code, words in UNEVEN.items() if code in codes), "")
    return f"{row} {words}".rstrip()


def read_row(text: str) -> tuple[int, Code | None]:
    """The number that stands under `Row`, 0 if there is none, and what is still said of the row."""
    found = _ROW.fullmatch(text.strip())
    if found is None:
        return 0, None
    words = (found[2] or "").lower()
    return int(found[1]), next((code for code, said in UNEVEN.items() if said == words), None)
