"""What a roster's columns seem to be, by their headings and their values.

An identifier is never guessed: only headings that say exactly what they are count.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from importer.mapper.dates import Evidence, Order, Style, Unread
from importer.mapper.template import heading_key

if TYPE_CHECKING:
    from importer.model.problem import Place
    from importer.model.roster import Roster

ROWS = 20_000
"""So many rows are looked at."""
_ALIKE = 0.9
"""This part of a column's values must be of a kind for the column to be."""

EMPL_ID, BARCODE = "empl id", "barcode"
_IDENTITY = {
    "empl id": EMPL_ID,
    "emplid": EMPL_ID,
    "barcode": BARCODE,
    "card barcode": BARCODE,
    "library barcode": BARCODE,
}
"""Headings that say exactly which identifier they are."""

_FIELDS: Mapping[str, tuple[str, ...]] = {
    "first_name": ("first name", "first", "given name", "forename", "firstname"),
    "middle_name": ("middle name", "middle", "middle initial", "mi"),
    "last_name": ("last name", "last", "surname", "family name", "lastname"),
    "pref_first_name": ("preferred first name", "preferred name", "nickname"),
    "user_group": (
        "user group",
        "patron type",
        "patron group",
        "group",
        "role",
        "affiliation",
        "borrower type",
    ),
    "campus_code": ("campus", "campus code"),
    "birth_date": ("birth date", "date of birth", "dob", "birthdate", "birthday"),
    "expiry_date": ("expires", "expiration date", "expiry date", "expiration", "expiry"),
    "purge_date": ("purge date", "purge"),
    "line1": ("street", "address", "address 1", "address line 1", "street address"),
    "line2": ("apt", "address 2", "address line 2", "unit", "apartment"),
    "city": ("city", "town"),
    "state_province": ("state", "province", "state province"),
    "postal_code": ("zip", "zip code", "postal code", "zipcode", "postcode"),
    "email": (
        "email",
        "e mail",
        "email address",
        "alternate email",
        "campus email",
        "personal email",
        "work email",
        "school email",
    ),
    "phone": ("phone", "phone number", "mobile", "cell phone", "home phone", "telephone", "cell"),
}
_BY_HEADING = {name: field for field, names in _FIELDS.items() for name in names}

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_PHONE = re.compile(r"[+(]?[0-9][0-9 ().-]{6,}[0-9]")
_CODE = re.compile(r"[A-Z0-9_-]{1,12}")
_DIGITS = re.compile(r"[0-9]+")
_GROUPS = 40


@dataclass(frozen=True, slots=True)
class Guess:
    """A column: its place, the field that it seems to be for ("" if none), and its values.

    `sure`: the heading says so exactly. `counts`: how often each value stands there.
    """

    place: Place
    field: str
    sure: bool
    counts: Mapping[str, int]

    @property
    def values(self) -> int:
        """How many cells are not blank."""
        return sum(self.counts.values())

    @property
    def lengths(self) -> Counter[int] | None:
        """How often its numbers have which length, None if they are not numbers for the most."""
        found: Counter[int] = Counter()
        for text, count in self.counts.items():
            if _DIGITS.fullmatch(text):
                found[len(text)] += count
        return found if found.total() > self.values / 2 else None

    @property
    def identifies(self) -> bool:
        """Could it be an identifier: all different, with a digit, and not a date or an e-mail?"""
        different = len(self.counts) == self.values > 0
        return different and all(_identifier_like(text) for text in self.counts)

    @property
    def coded(self) -> bool:
        """Do its values look like codes already?"""
        return all(map(_CODE.fullmatch, self.counts))

    @property
    def few(self) -> bool:
        """Are its values few enough to be listed?"""
        return 0 < len(self.counts) <= _GROUPS


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
    """A guess for each column with a heading, from the first rows of the roster."""
    counts: list[Counter[str]] = [Counter() for _ in roster.places]
    rows = 0
    for chunk in roster.chunks():
        for position, counter in enumerate(counts):
            counter.update(text for text in chunk.frame[position].tolist() if text)
        rows += len(chunk.frame)
        if rows >= ROWS:
            break
    return tuple(_guesses(roster.places, counts))


def _guesses(places: tuple[Place, ...], counts: list[Counter[str]]) -> Iterator[Guess]:
    taken: set[str] = set()
    for place, counter in zip(places, counts, strict=True):
        key = heading_key(re.sub(r"[_.#*:-]+", " ", place.heading))
        field = _IDENTITY.get(heading_key(place.heading), "") or _BY_HEADING.get(key, "")
        sure = bool(field)
        if not field:
            field = _by_values(counter)
        if field in taken and field not in {"email", "phone"}:
            field = ""
        taken.add(field)
        if place.heading.strip() and not set("<>") & set(place.heading):
            yield Guess(place, field, sure, counter)


def _by_values(counter: Counter[str]) -> str:
    """E-mail addresses and telephone numbers are known by their looks, whatever their heading."""
    for field, kind in (("email", _EMAIL), ("phone", _PHONE)):
        alike = sum(count for text, count in counter.items() if kind.fullmatch(text))
        long = all(len(re.sub("[^0-9]", "", text)) in {7, 10, 11} for text in counter)
        if counter and alike >= _ALIKE * sum(counter.values()) and (field == "email" or long):
            return field
    return ""


def date_order(found: tuple[Guess, ...]) -> Order | None:
    """The order of the roster's dates, if some of them fit one order only."""
    evidence = Evidence()
    for guess in found:
        if guess.field in {"birth_date", "expiry_date", "purge_date"}:
            evidence.add(set(guess.counts), Style())
    return evidence.order
