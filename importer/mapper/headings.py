"""Which column of the roster each heading of the mapping means."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from importer.mapper.template import ANGLED, Cell, heading_key
from importer.mapper.todo import TO_CHOOSE
from importer.mapper.wording import nearest
from importer.model.problem import Place

if TYPE_CHECKING:
    from importer.mapper.grammar import MappingFile

EXACT = "exact"
SPELLING = "spelling in `headings`"


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the roster: its position from 0, its place, and how its heading was matched."""

    position: int
    place: Place
    how: str = EXACT


class HeadingError(ValueError):
    """A heading without one column of its own; its text is the reason, for a finding."""


class Headings:
    """The roster's headings, and the spellings that the mapping gives them."""

    def __init__(self, file: MappingFile, places: tuple[Place, ...]) -> None:
        """Index the places by their headings."""
        self.places = places
        self._spellings = {
            heading_key(name): tuple(heading_key(other) for other in others)
            for name, others in file.headings.items()
        }
        self._found: dict[str, list[int]] = {}
        for position, place in enumerate(places):
            if place.heading.strip():
                self._found.setdefault(heading_key(place.heading), []).append(position)

    def column(self, heading: str) -> Column:
        """The one column of a heading. Raises HeadingError where there is none, or two."""
        if heading == TO_CHOOSE:
            msg = f"the column is still to be chosen; write its heading instead of `{TO_CHOOSE}`"
            raise HeadingError(msg)
        key = heading_key(heading)
        other = [at for name in self._spellings.get(key, ()) for at in self._found.get(name, ())]
        exact = self._found.get(key, [])
        found = list(dict.fromkeys((*exact, *other)))
        if not found:
            names = [place.heading for place in self.places if place.heading.strip()]
            angled = f" ({ANGLED})" if _angled(heading, names) else ""
            msg = f"the roster has no column `{heading}`{nearest(heading, names, 3)}{angled}"
            raise HeadingError(msg)
        if len(found) > 1:
            columns = " and ".join(str(self.places[at]) for at in found)
            msg = f"the roster has `{heading}` twice, in {columns}; rename one of the columns"
            raise HeadingError(msg)
        return Column(found[0], self.places[found[0]], EXACT if exact else SPELLING)

    def has(self, heading: str) -> bool:
        """Is there a column of exactly this heading?"""
        return heading_key(heading) in self._found

    def repeated(self, cell: Cell) -> tuple[str, ...]:
        """The headings that `<Email *>` stands for, in the roster's order."""
        start = heading_key(cell.heading.removesuffix("*"))
        return tuple(
            place.heading
            for place in self.places
            if (key := heading_key(place.heading)) == start or key.startswith(f"{start} ")
        )

    def unused(self, used: set[int], known: tuple[str, ...]) -> Iterator[Place]:
        """The columns that no rule uses and that are not known to be of no use."""
        passed_over = {heading_key(name) for name in known}
        for position, place in enumerate(self.places):
            key = heading_key(place.heading)
            if position not in used and key and key not in passed_over:
                yield place


def _angled(heading: str, names: list[str]) -> bool:
    """Is this, by its beginning, what is left of a heading that holds an angle bracket?"""
    key = heading_key(heading)
    return any(key == heading_key(re.split("[<>]", name)[0]) for name in names)
