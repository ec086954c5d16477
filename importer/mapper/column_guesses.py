"""Guess what a roster's columns contain, by their headings and their values.

An ID is never guessed by its values alone: only a heading that names one counts. A heading does
not count if the values contradict it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING

from importer.mapper.dates import Evidence, Order, Style, Unread
from importer.mapper.heading_vocabulary import (
    BARCODE,
    CARD,
    FULL_NAME,
    GIVEN,
    IDENTITY,
    OWNING_SYSTEM,
    about_somebody_else,
    field_of,
)
from importer.mapper.placeholders import heading_key

if TYPE_CHECKING:
    from importer.model.problem import Place
    from importer.model.roster import Roster

ROWS = 20_000
"""At most N rows are read."""
_ALIKE = 0.9
"""The share of a column's values that must be of a kind for the column to be of it."""

LAST_FIRST = "last, first"
"""Not a field: a column of whole names, with the last name and a comma in front."""
DATES = ("birth_date", "expiry_date", "purge_date")
"""Date fields."""
_SEVERAL = frozenset({"email", "phone", ""})

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_PHONE = re.compile(r"[+(]?[0-9][0-9 ().-]{6,}[0-9]")
_CODE = re.compile(r"[A-Z0-9_-]{1,12}")
_DIGITS = re.compile(r"[0-9]+")
_KINDS_OF_CODES = {
    "country": re.compile(r"[A-Z]{3}"),
    "gender": re.compile(r"[A-Z_]{4,}"),
    "preferred_language": re.compile(r"[a-z]{2,3}"),
}
_GROUPS = 40
_US_DIGITS = frozenset({7, 10, 11})
_BARCODE_DIGITS = 14


@dataclass(frozen=True, slots=True)
class Guess:
    """A column: its place, the field that it seems to feed ("" if none), and its values.

    `field` is a field's last name, or one of the vocabulary's words for what is not a field.
    `sure`: the heading names it, and the values do not contradict. `counts`: how often each value
    occurs.
    """

    place: Place
    field: str
    counts: Mapping[str, int]
    sure: bool = False

    @property
    def values(self) -> int:
        """The number of cells that are not blank."""
        return sum(self.counts.values())

    @property
    def lengths(self) -> Counter[int] | None:
        """How often its numbers have each length; None if most values are not numbers."""
        found: Counter[int] = Counter()
        for text, count in self.counts.items():
            if _DIGITS.fullmatch(text):
                found[len(text)] += count
        return found if found.total() > self.values / 2 else None

    @property
    def identifies(self) -> bool:
        """Whether it could be an ID: all different, with a digit, and not a date or an email."""
        different = len(self.counts) == self.values > 0
        return different and all(_identifier_like(text) for text in self.counts)

    @property
    def coded(self) -> bool:
        """Whether its values look like codes already."""
        kind = _KINDS_OF_CODES.get(self.field, _CODE)
        return all(map(kind.fullmatch, self.counts))

    @property
    def few(self) -> bool:
        """Whether its values are few enough to be listed."""
        return 0 < len(self.counts) <= _GROUPS

    @property
    def shouted(self) -> bool:
        """Whether its words are in capitals throughout, as old systems write names."""
        long = {text: count for text, count in self.counts.items() if len(text) > 1}
        return bool(long) and _share(long, str.isupper) >= _ALIKE

    @property
    def american(self) -> bool:
        """Whether most of its numbers have as many digits as US phone numbers."""
        return _share(self.counts, lambda text: _digits(text) in _US_DIGITS) > 1 / 2


def _digits(text: str) -> int:
    return sum(char in "0123456789" for char in text)


def _share(counts: Mapping[str, int], fits: Callable[[str], bool]) -> float:
    """The share of the cells that fit; 1 if there are none."""
    whole = sum(counts.values())
    return sum(count for text, count in counts.items() if fits(text)) / whole if whole else 1.0


def _identifier_like(text: str) -> bool:
    dated = Style("mdy").read(text)
    return (
        len(text) >= 4
        and any(char.isdigit() for char in text)
        and " " not in text
        and "@" not in text
        and dated in {Unread.UNKNOWN, Unread.SERIAL, Unread.NO_SUCH_DAY}
        and not re.search(r"[/()]", text)
    )


def guesses(roster: Roster) -> tuple[Guess, ...]:
    """Return a guess for each column with a heading, from the first rows of the roster."""
    counts: list[Counter[str]] = [Counter() for _ in roster.places]
    for position, counter in enumerate(counts):
        counter.update(text for text in roster.frame[position].head(ROWS).tolist() if text)
    found = [
        _guess(place, counter)
        for place, counter in zip(roster.places, counts, strict=True)
        if place.heading.strip() and not set("<>") & set(place.heading)
    ]
    return tuple(_each_once(_named(found)))


def _guess(place: Place, counter: Counter[str]) -> Guess:
    field = IDENTITY.get(heading_key(place.heading), "")
    if field:
        return Guess(place, field, counter, sure=True)
    if heading_key(place.heading) in CARD and _share(counter, _is_library_barcode) > 1 / 2:
        return Guess(place, BARCODE, counter)
    field = field_of(place.heading)
    if field and _share(counter, _PLAUSIBLE.get(field, bool)) > 1 / 2:
        return Guess(place, field, counter, sure=True)
    if about_somebody_else(place.heading):
        return Guess(place, "", counter)
    return Guess(place, _by_values(counter), counter)


def _is_library_barcode(text: str) -> bool:
    return len(text) == _BARCODE_DIGITS and _DIGITS.fullmatch(text) is not None


def _is_date(text: str) -> bool:
    read = [Style(order).read(text) for order in ("mdy", "dmy", "ymd")]
    dated = {Unread.TWO_WAYS, Unread.SHORT_YEAR, Unread.SERIAL}
    return any(isinstance(day, date) or day in dated for day in read)


def _has_letters(text: str) -> bool:
    return any(char.isalpha() for char in text)


_PLAUSIBLE: Mapping[str, Callable[[str], bool]] = {
    "email": lambda text: _EMAIL.fullmatch(text) is not None,
    "phone": lambda text: _digits(text) >= 7,
    "postal_code": lambda text: _digits(text) >= 3 and len(text) <= 10,
    "state_province": lambda text: _has_letters(text) and len(text) <= 30,
    "city": _has_letters,
    "first_name": _has_letters,
    "last_name": _has_letters,
    GIVEN: _has_letters,
    FULL_NAME: _has_letters,
    "line1": lambda text: "@" not in text,
    "user_title": lambda text: len(text) <= 10,
    "gender": lambda text: len(text) <= 20,
    "pin_number": lambda text: text.isdecimal() and len(text) <= 10,
    OWNING_SYSTEM: lambda text: len(text) <= 30,
    **dict.fromkeys(DATES, _is_date),
}
"""Whether a value can be what the heading names, by field."""


def _named(found: list[Guess]) -> list[Guess]:
    """Decide about columns of names by the others: a `Name` beside `Surname` is a first name."""
    fields = {guess.field for guess in found}
    whole = {"first_name", "last_name"} <= fields
    named = []
    for guess in found:
        field = guess.field
        if field == GIVEN:
            field = "first_name" if "last_name" in fields and not whole else FULL_NAME
        if field == FULL_NAME:
            commas = _share(guess.counts, lambda text: text.count(",") == 1)
            parted = not whole and guess.counts and commas >= _ALIKE
            parted = parted and not {"first_name", "last_name"} & fields
            field = LAST_FIRST if parted else ""
        named.append(replace(guess, field=field))
    return named


def _each_once(found: list[Guess]) -> Iterator[Guess]:
    """Keep the first column of each field; only emails and phones may have several."""
    taken: set[str] = set()
    for guess in found:
        twice = guess.field in taken and guess.field not in _SEVERAL
        taken.add(guess.field)
        yield replace(guess, field="") if twice else guess


def _by_values(counter: Counter[str]) -> str:
    """Recognize email addresses and phone numbers by their form, whatever the heading."""
    for field, kind in (("email", _EMAIL), ("phone", _PHONE)):
        long = all(_digits(text) in _US_DIGITS for text in counter)
        apart = all(not _DIGITS.fullmatch(text) for text in counter)  # else it may identify
        if (
            counter
            and _share(counter, lambda text, kind=kind: kind.fullmatch(text) is not None) >= _ALIKE  # type: ignore[misc]
            and (field == "email" or (long and apart))
        ):
            return field
    return ""


def date_order(found: tuple[Guess, ...]) -> Order | None:
    """Return the order of the roster's dates, if some of them fit one order only."""
    evidence = Evidence()
    for guess in found:
        if guess.field in DATES:
            evidence.add(set(guess.counts), Style())
    return evidence.order
