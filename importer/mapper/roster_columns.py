"""The columns of a roster, found by the headings that the mapping writes."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from importer.mapper.dates import is_any_date
from importer.mapper.placeholders import ANGLED, TO_CHOOSE, heading_key, nearest
from importer.mapper.schema import MappingFile
from importer.model.problem import Place
from importer.model.roster import ADDED
from importer.model.vocabulary import IDENTITIES, field_of, meaning_of, named_by

EXACT = "exact"
SPELLING = "spelling in `headings`"


@dataclass(frozen=True, slots=True)
class Use:
    """A column of the roster that the mapping uses.

    `position` counts from 0. `how`: how its heading was matched. `labels`: what it feeds.
    """

    position: int
    place: Place
    how: str = EXACT
    labels: tuple[str, ...] = ()


_LINE = 88
"""Characters of a line of the list of columns."""

_USUAL_HEADINGS = 2  # usual headings that show that a row has headings


class Headings:
    """The roster's headings, and the spellings that the mapping gives them."""

    def __init__(
        self, file: MappingFile, places: tuple[Place, ...], expected: frozenset[str]
    ) -> None:
        """Index the places by their headings. `expected`: all that the mapping uses."""
        self.places = places
        self._spellings = {
            heading_key(name): tuple(heading_key(other) for other in others)
            for name, others in file.headings.items()
        }
        self._found: dict[str, list[int]] = {}
        for position, place in enumerate(places):
            if place.heading.strip():
                self._found.setdefault(heading_key(place.heading), []).append(position)
        named = [place.heading for place in places if place.heading.strip()]
        usual = sum(bool(field_of(heading)) for heading in named)
        self._is_person = looks_like_a_person(named)
        usual_headings = usual >= _USUAL_HEADINGS and not self._is_person
        self.recognized = usual_headings or any(map(self.exact, expected))
        """Whether the row has headings. Else it may be a person's, and no message may quote it."""
        self._quotable = named if self.recognized else []
        self._expected = set(map(heading_key, expected))
        self._unused = frozenset(map(heading_key, file.roster.unused))

    def column(self, heading: str) -> Use | str:
        """Return the one column of a heading, or what is wrong if there is none, or two."""
        if heading == TO_CHOOSE:
            return f"replace `{TO_CHOOSE}` with the heading of the column"
        key = heading_key(heading)
        other = [at for name in self._spellings.get(key, ()) for at in self._found.get(name, ())]
        exact = self._found.get(key, [])
        found = list(dict.fromkeys((*exact, *other)))
        if not found:
            # what is left, by its beginning, of a heading with an angle bracket
            cut = {heading_key(re.split("[<>]", name)[0]) for name in self._quotable}
            angled = f" ({ANGLED})" if key in cut else ""
            return f"column `{heading}` is missing{self._instead(heading)}{angled}"
        if len(found) > 1:
            columns = " and ".join(str(self.places[at]) for at in found)
            return (
                f"the roster has `{heading}` twice, in columns {columns}; rename one of the columns"
            )
        return Use(found[0], self.places[found[0]], EXACT if exact else SPELLING)

    def _instead(self, heading: str) -> str:
        """Return which unused columns may be the missing one: by their meaning, then spelling."""
        free = [name for name in self._quotable if heading_key(name) not in self._expected]
        meaning = meaning_of(heading)
        same = [name for name in free if meaning and meaning_of(name) == meaning]
        if not same:
            return nearest(heading, free, 3)
        columns = " or ".join(str(place) for name in same for place in self.exact(name))
        return f". Did it become column {columns}?"

    def lacks(self, heading: str) -> bool:
        """Return whether no column has this heading, in any of its spellings."""
        keys = {(key := heading_key(heading)), *self._spellings.get(key, ())}
        return heading != TO_CHOOSE and keys.isdisjoint(self._found)

    def exact(self, heading: str) -> tuple[Place, ...]:
        """Return the columns of exactly this heading."""
        return tuple(self.places[at] for at in self._found.get(heading_key(heading), ()))

    def repeated(self, heading: str, other: Iterable[str]) -> tuple[str, ...]:
        """Return the headings that `<Email *>` stands for, in the roster's order.

        Not those of `other` rules, those that are unused, and those with more words that a rule
        names: `<Email note>` is no email.
        """
        start = heading_key(heading.removesuffix("*"))
        out = self._unused.union(map(heading_key, other))

        def is_one(key: str) -> bool:
            more = any(map(str.isalpha, key.removeprefix(start)))
            return key not in out and not (more and key in self._expected)

        return tuple(
            place.heading
            for place in self.places
            if (key := heading_key(place.heading)) == start or key.startswith(f"{start} ")
            if is_one(key)
        )

    def unused(self, used: Collection[int], known: tuple[str, ...]) -> Iterator[Place]:
        """Yield the columns that no rule uses and that are not known to be unused."""
        expected = {"", *map(heading_key, (*known, *ADDED))}
        for position, place in enumerate(self.places):
            if position not in used and heading_key(place.heading) not in expected:
                yield place

    def summary(self, file: str) -> str:
        """Return a sentence about the roster's headings, without quoting a person's row."""
        if not self.recognized and self._is_person:
            return (
                f"{file}: the first row looks like a person, not like headings. If the file has no "
                "headings, set `header: none` under `roster:` in the mapping, and write its "
                "columns as `<A>`, `<B>` and so on"
            )
        if not self.recognized:
            return (
                f"{file}: no row with headings was found. Check that this is the right "
                "file and sheet. If the headings are below row 20, set `header` to their row under "
                "`roster:` in the mapping; if there are none, set `header: none`, and name each "
                "column by its letter, such as `<A>`"
            )
        glue = "\N{NO-BREAK SPACE}"
        named = [str(at).replace(" ", glue) for at in self.places if at.heading.strip()]
        lines = textwrap.wrap(", ".join(named), _LINE, break_on_hyphens=False)
        listed = "\n  ".join(lines).replace(glue, " ")
        return f"{file}: its columns are\n  {listed or 'without headings'}"


EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


def digits_of(text: str) -> int:
    """Return how many digits 0 to 9 a text has."""
    return sum(char in "0123456789" for char in text)


def looks_like_a_person(headings: Iterable[str]) -> bool:
    """Return whether the headings of a roster are rather the values of its first person.

    One is an email address, or more are dates and numbers than are known as headings.
    """
    texts = [heading for heading in headings if heading.strip()]
    values = sum(digits_of(text) >= 5 or is_any_date(text) for text in texts)
    known = sum(bool(field_of(text) or named_by(text, IDENTITIES)) for text in texts)
    return values > known or any(map(EMAIL.fullmatch, texts))
