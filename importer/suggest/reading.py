"""The heading row of a roster: rows are tried, and judged by what their columns seem to be.

What is certain needs no question; a person can name another row.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from importer.errors import RosterError
from importer.loader.read import read
from importer.mapper.headings import looks_like_a_person
from importer.model.roster import NO_HEADINGS, Layout, Roster
from importer.suggest.columns import Beside, guesses

_ROWS = 5
"""Rows from the top that may have the headings beside the one that the loader takes."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A roster as it is read, and how."""

    roster: Roster
    layout: Layout


def best_reading(path: Path, layout: Layout, beside: Beside) -> Reading:
    """Return the roster with the heading row that is named or known best. Raises RosterError."""
    first = read(path, layout)
    if layout.header:
        return Reading(first, layout)
    if looks_like_a_person(place.heading for place in first.places):
        headless = replace(layout, header=NO_HEADINGS)
        return Reading(read(path, headless), headless)
    chosen, merit = first.source.header[-1], _merit(first, beside)
    readings = {chosen: (first, merit)}
    certain = merit > 2 and 2 * merit >= sum(bool(place.heading.strip()) for place in first.places)
    for row in () if certain else sorted({*range(1, _ROWS + 1)} - {chosen}):
        with suppress(RosterError):
            other = read(path, replace(layout, header=(row,)))
            if not looks_like_a_person(place.heading for place in other.places):
                readings[row] = other, _merit(other, beside)
    best = max(readings, key=lambda row: (readings[row][1], row == chosen))
    named = layout if best == chosen else replace(layout, header=(best,))
    return Reading(readings[best][0], named)


def _merit(roster: Roster, beside: Beside) -> int:
    """How many columns have a field that the heading names and the values do not contradict."""
    return sum(guess.sure and bool(guess.field) for guess in guesses(roster, beside))
