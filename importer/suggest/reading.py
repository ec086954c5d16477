"""How a roster is read: heading rows and encodings are tried, and judged by the columns they give.

What is certain needs no question. A tie is one for a person, with cells of each way to read it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from importer.errors import RosterError
from importer.loader.read import read
from importer.mapper.roster_columns import looks_like_a_person
from importer.model.roster import NO_HEADINGS, Layout, Roster
from importer.suggest.column_guesses import guesses
from importer.suggest.columns import Beside

_ROWS = 5
"""Rows from the top that may have the headings beside the one that the loader takes."""
_CELLS = 3


@dataclass(frozen=True, slots=True)
class Reading:
    """A roster as it is read, and how.

    `tied`: three cells of each row that may have the headings as well, its own row included, by
    its number; empty if the row is certain.
    """

    roster: Roster
    layout: Layout
    tied: Mapping[int, str]


def best_reading(path: Path, layout: Layout, beside: Beside) -> Reading:
    """Return the roster with the heading row whose columns are known best. Raises RosterError.

    A row that the layout names is taken as it is.
    """
    first = read(path, layout)
    if layout.header:
        return Reading(first, layout, {})
    if looks_like_a_person(place.heading for place in first.places):
        headless = replace(layout, header=NO_HEADINGS)
        return Reading(read(path, headless), headless, {})
    chosen, merit = first.source.header[-1], _merit(first, beside)
    found = {chosen: (first, merit)}
    certain = merit > 2 and 2 * merit >= sum(bool(place.heading.strip()) for place in first.places)
    for row in () if certain else range(1, _ROWS + 1):
        other = _read(path, replace(layout, header=(row,))) if row != chosen else None
        if other and not looks_like_a_person(place.heading for place in other.places):
            found[row] = other, _merit(other, beside)
    best = max(found, key=lambda row: (found[row][1], row == chosen))
    merit = found[best][1]
    tied = {row: _cells(one) for row, (one, its) in found.items() if its == merit}
    named = layout if best == chosen else replace(layout, header=(best,))
    return Reading(found[best][0], named, tied if len(tied) > 1 else {})


def _read(path: Path, layout: Layout) -> Roster | None:
    try:
        return read(path, layout)
    except RosterError:
        return None


def _merit(roster: Roster, beside: Beside) -> int:
    """How many columns have a field that the heading names and the values do not contradict."""
    return sum(guess.sure and bool(guess.field) for guess in guesses(roster, beside))


def _cells(roster: Roster) -> str:
    texts = [place.heading for place in roster.places if place.heading.strip()]
    return ", ".join(texts[:_CELLS])
