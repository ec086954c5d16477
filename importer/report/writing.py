"""How an apply went: how often it was run, by whom, how long, and how much it wrote."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from importer.report.facts import moment
from importer.report.wording import duration, number

if TYPE_CHECKING:
    from datetime import datetime

    from importer.ledger.journal import JournalEntry


def told_writing(entries: Iterable[JournalEntry]) -> str:
    """The applies of a run in a few sentences, blank where there was none.

    The time counts from each start to the last entry before the next one, so that the hours
    between two sittings are not in it.
    """
    operators: dict[str, None] = {}
    sittings: list[tuple[datetime, datetime]] = []
    writes = 0
    for entry in entries:
        if entry.event == "apply":
            operators[entry.operator] = None
            sittings.append((entry.time, entry.time))
        elif sittings:
            sittings[-1] = sittings[-1][0], entry.time
            writes += entry.event == "intent"
    if not sittings:
        return ""
    seconds = round(sum((end - start).total_seconds() for start, end in sittings))
    times = "" if len(sittings) == 1 else f" in {number(len(sittings))} sittings"
    return (
        f"Applied by {' and '.join(operators)}{times}, from {moment(sittings[0][0])} to "
        f"{moment(sittings[-1][1])}. {number(writes)} write{'' if writes == 1 else 's'} "
        f"{'was' if writes == 1 else 'were'} sent to Alma, in {duration(seconds)} of work."
    )
