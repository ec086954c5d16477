"""The columns of a roster by their headings, and what is said of those that it lacks."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from importer.mapper.dates import YEARS, is_any_date
from importer.mapper.mapping import MappingDocument
from importer.mapper.placeholders import ANGLED, TO_CHOOSE, heading_key, nearest
from importer.mapper.schema import MappingFile
from importer.mapper.yaml_source import PlacedFinding
from importer.model.candidates import IdRule
from importer.model.fields import ALWAYS_REQUIRED
from importer.model.problem import Place
from importer.model.roster import ADDED
from importer.model.text import command_line
from importer.model.vocabulary import field_of, meaning_of


@dataclass(frozen=True, slots=True)
class Use:
    """A column of the roster that the mapping uses.

    `position` counts from 0. `how`: how its heading was matched. `labels`: what it feeds.
    `id_rule`: its rule under `ids:`. `separators`: between which texts rules look for parts of its
    cells, none if they are whole IDs. `dashed`: whether a dash means blank, but for these `words`.
    """

    position: int
    place: Place
    how: str = "exact"
    labels: tuple[str, ...] = ()
    id_rule: IdRule | None = None
    separators: frozenset[str] = frozenset()
    dashed: bool = False
    words: frozenset[str] = frozenset()


class RosterHeadings:
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
        usual_headings = usual >= 2 and not self._is_person
        self.recognized = usual_headings or any(map(self.exact, expected))
        """Whether the row has headings. Else it may be a person's, and no message may quote it."""
        self._quotable = named if self.recognized else []
        self._expected = set(map(heading_key, expected))

    def column(self, heading: str) -> Use | str:
        """Return the one column of a heading, or what is wrong if there is none, or two."""
        if heading == TO_CHOOSE:
            return f"replace `{TO_CHOOSE}` with the heading of the column"
        key = heading_key(heading)
        other = [at for name in self._spellings.get(key, ()) for at in self._found.get(name, ())]
        exact = self._found.get(key, [])
        positions = list(dict.fromkeys((*exact, *other)))
        if not positions:
            # what is left, by its beginning, of a heading with an angle bracket
            cut = {heading_key(re.split("[<>]", name)[0]) for name in self._quotable}
            angled = f" ({ANGLED})" if key in cut else ""
            return f"column `{heading}` is missing{self._instead(heading)}{angled}"
        if len(positions) > 1:
            columns = " and ".join(str(self.places[at]) for at in positions)
            return (
                f"the roster has `{heading}` twice, in columns {columns}; rename one of the columns"
            )
        how = "exact" if exact else "spelling in `headings`"
        return Use(positions[0], self.places[positions[0]], how)

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
        lines = textwrap.wrap(", ".join(named), 88, break_on_hyphens=False)
        listed = "\n  ".join(lines).replace(glue, " ")
        return f"{file}: its columns are\n  {listed or 'without headings'}"


EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


def digits_of(text: str) -> int:
    """Return how many digits 0 to 9 a text has."""
    return sum(char in "0123456789" for char in text)


def looks_like_a_person(headings: Iterable[str]) -> bool:
    """Return whether headings are rather a person: an email, or mostly numbers and dates."""
    texts = [heading for heading in headings if heading.strip()]
    values = sum(
        digits_of(text) >= 5 or is_any_date(text) or (text.isdecimal() and int(text) not in YEARS)
        for text in texts
    )
    known = sum(bool(meaning_of(text)) for text in texts)
    return values > known or any(map(EMAIL.fullmatch, texts))


# --- what is missing ---

_FEW = 4
"""At most N missing headings are listed one by one; more may mean that it is another file."""


_RENAME = "write the roster's heading in place of a missing one"

_LEAVE_OUT = (
    f"{_RENAME}, or delete the lines that use it",
    "list a column that only some rosters have in `optional` under `roster:`",
)


_NEEDED = frozenset(("record", field) for field in ALWAYS_REQUIRED)
"""What no mapping can do without, so that its column cannot be left out."""


class RosterFinding(str):
    """What is said of a roster, whose columns it lists, and not of a line of the mapping."""


def findings(
    mapping: MappingDocument,
    headings: RosterHeadings,
    faults: Mapping[str, PlacedFinding],
    file: str,
) -> Iterator[str]:
    """Yield the faults of headings, the cause first; in one line if most headings are missing."""
    if mapping.from_alma and all(map(headings.lacks, mapping.headings)):
        yield (
            f"{mapping.path.name}: the rows of this mapping come from Alma, not from {file}. Leave "
            f"the file out: `{command_line('plan', '-m', str(mapping.path))}`"
        )
        return
    names = {heading_key(heading): heading for heading in mapping.headings}
    missing = {key: name for key, name in names.items() if key in faults and headings.lacks(name)}
    several = len(missing) > max(_FEW, len(names) / 2)
    summary = RosterFinding(headings.summary(file))
    if headings.recognized and missing:
        needed = any(faults[key].at[:2] in _NEEDED for key in missing)
        advised = (_RENAME,) if needed else _LEAVE_OUT
        lines = (f"\n{mapping.path.name}: {advice}" for advice in advised)
        summary = RosterFinding("".join((summary, *lines)))
    if several and not headings.recognized:
        yield summary
    if several:
        listed = ", ".join(f"`{name}`" for name in missing.values())
        yield f"{mapping.path.name}: the roster has no columns {listed}"
    yield from (fault for key, fault in faults.items() if not (several and key in missing))
    if not several or headings.recognized:
        yield summary
