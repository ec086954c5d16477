"""What a sheet hides: said with its count, and its rows left out where only visible ones count."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from importer.errors import RosterError
from importer.loader.saying import counted
from importer.model.catalogue import Code
from importer.model.problem import Problem
from importer.model.text import spans

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from importer.loader.content import Content
    from importer.model.problem import Place
    from importer.model.roster import Source

_NAMED = 10  # spans of rows that a notice names


def hidden_rows(content: Content, source: Source) -> list[int]:
    """The hidden rows below the headings that hold text."""
    below = [row for row in content.hidden_rows if row > source.header[-1]]
    if not below:
        return []
    rows: list[int] = np.intersect1d(np.array(below, dtype=np.int64), content.rows).tolist()
    return rows


def refuse_untold(content: Content, source: Source) -> None:
    """Raises RosterError where the file does not say what it hides, and only the rest is wanted."""
    if not content.hidden_told:
        msg = (
            f"{source.path.name} does not say which of its rows are hidden. Save it as an Excel "
            "workbook (.xlsx) and load that, or leave --visible-only out."
        )
        raise RosterError(msg)


def notices(
    content: Content, source: Source, columns: Sequence[Place], *, visible_only: bool
) -> Iterator[Problem]:
    """A notice for rows, and one for these columns, that people do not see."""
    rows = hidden_rows(content, source)
    if rows:
        by = "by a filter" if content.filtered else "by hand"
        count = counted(len(rows), "row")
        message, advice = f"{count} hidden {by}, and included: {spans(rows, _NAMED)}", ""
        if visible_only:
            message = f"{count} hidden {by}, and skipped: {spans(rows, _NAMED)}"
            advice = "If they are meant as well, leave --visible-only out."
        yield Problem.of(Code.HIDDEN_ROWS, source.origin(), message, advice=advice)
    if columns:
        named = ", ".join(map(str, columns))
        yield Problem.of(
            Code.HIDDEN_ROWS,
            source.origin(),
            f"hidden columns are included: {named}",
            advice="Nothing to do, if the mapping is meant to use them.",
        )
    if not content.hidden_told:
        message = "the file does not say which rows and columns are hidden; all are included"
        yield Problem.of(Code.READ_WITH_NOTICE, source.origin(), message)
