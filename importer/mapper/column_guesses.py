"""Guess what a roster's columns contain, by their headings and their values.

An ID is never guessed by its values alone: only a heading that names one counts. A heading does
not count if the values contradict it. What offices call their columns is in
`heading_vocabulary.toml`.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from importlib.resources import files

from pydantic import BaseModel

from importer.mapper.dates import ORDER_WORDS, Dates, Order, Unread, shown_order
from importer.mapper.placeholders import heading_key
from importer.model.problem import Place
from importer.model.roster import Roster

ROWS = 20_000
"""At most N rows are read."""
_MOST = 0.9
"""The share of a column's values that must be of a kind for the column to be of it."""

EMPL_ID, BARCODE, PRIMARY_ID = "empl id", "barcode", "primary id"
LAST_FIRST = "last, first"
FULL_NAME, GIVEN, SECOND_LAST = "full name", "name or given name", "second last name"
OWNING_SYSTEM = "owning system"
"""What a column can be without being a field. `LAST_FIRST`: whole names, with a comma."""

DATES = ("birth_date", "expiry_date", "purge_date")
"""Date fields."""
_SEVERAL = frozenset({"email", "phone", ""})


# --- headings ---


class _Vocabulary(BaseModel):
    card: frozenset[str]
    passing: frozenset[str]
    somebody_else: frozenset[str]
    identity: dict[str, tuple[str, ...]]
    fields: dict[str, tuple[str, ...]]
    types: dict[str, dict[str, frozenset[str]]]


_KNOWN = _Vocabulary.model_validate(
    tomllib.loads((files(__package__) / "heading_vocabulary.toml").read_text("utf-8"))
)
_IDENTITY = {heading: known for known, several in _KNOWN.identity.items() for heading in several}
_BY_NAME = {heading: field for field, several in _KNOWN.fields.items() for heading in several}
_USUAL = {"email": "personal", "phone": "mobile"}


def _words(heading: str) -> tuple[str, ...]:
    """A heading's words, without case, accents and punctuation."""
    apart = unicodedata.normalize("NFKD", heading.casefold())
    plain = "".join(char for char in apart if not unicodedata.combining(char))
    return tuple(re.findall(r"[^\W_]+", plain))


def field_of(heading: str) -> str:
    """Return the field that a heading names, "" if it names none that is known here."""
    left = _words(heading)
    if _KNOWN.somebody_else & set(left):
        return ""
    contact = False
    while left:
        field = _BY_NAME.get(" ".join(left), "")
        if field:
            return "" if contact and field not in _USUAL else field
        if left[0] not in _KNOWN.passing:
            return ""
        contact = contact or left[0] in {"contact", "contacto"}
        left = left[1:]
    return ""


def type_of(kind: str, heading: str) -> str:
    """Return Alma's type of an email address or phone number, as the heading suggests."""
    found = set(_words(heading))
    hints = _KNOWN.types[kind].items()
    return next((name for name, hint in hints if found & hint), _USUAL[kind])


# --- values ---

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
_BARCODE = re.compile(r"[0-9]{14}")


def _digits(text: str) -> int:
    return sum(char in "0123456789" for char in text)


def _has_letters(text: str) -> bool:
    return any(char.isalpha() for char in text)


def _is_date(text: str) -> bool:
    read = [Dates(order=order).read(text) for order in ORDER_WORDS]
    dated = {Unread.TWO_WAYS, Unread.SHORT_YEAR, Unread.SERIAL}
    return any(isinstance(day, date) or day in dated for day in read)


def _is_like_an_id(text: str) -> bool:
    dated = Dates(order="mdy").read(text)
    return (
        len(text) >= 4
        and any(char.isdigit() for char in text)
        and not re.search(r"[/() @]", text)
        and dated in {Unread.UNKNOWN, Unread.SERIAL, Unread.NO_SUCH_DAY}
    )


def _share(counts: Mapping[str, int], fits: Callable[[str], object]) -> float:
    """The share of the cells that fit; 1 if there are none."""
    whole = sum(counts.values())
    return sum(count for text, count in counts.items() if fits(text)) / whole if whole else 1.0


_PLAUSIBLE: Mapping[str, Callable[[str], object]] = {
    "email": _EMAIL.fullmatch,
    "phone": lambda text: _digits(text) >= 7,
    "postal_code": lambda text: _digits(text) >= 3 and len(text) <= 10,
    "state_province": lambda text: _has_letters(text) and len(text) <= 30,
    "line1": lambda text: "@" not in text,
    "user_title": lambda text: len(text) <= 10,
    "gender": lambda text: len(text) <= 20,
    "pin_number": lambda text: text.isdecimal() and len(text) <= 10,
    OWNING_SYSTEM: lambda text: len(text) <= 30,
    **dict.fromkeys(("city", "first_name", "last_name", GIVEN, FULL_NAME), _has_letters),
    **dict.fromkeys(DATES, _is_date),
}
"""Whether a value can be what the heading names, by field."""


# --- columns ---


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
    def lengths(self) -> Counter[int]:
        """How often its numbers have each length; empty if most values are not numbers."""
        found: Counter[int] = Counter()
        for text, count in self.counts.items():
            if _DIGITS.fullmatch(text):
                found[len(text)] += count
        return found if found.total() > sum(self.counts.values()) / 2 else Counter()

    @property
    def identifies(self) -> bool:
        """Whether it could be an ID: all different, with a digit, and not a date or an email."""
        different = len(self.counts) == sum(self.counts.values()) > 0
        return different and all(map(_is_like_an_id, self.counts))

    @property
    def worded(self) -> bool:
        """Whether it contains words instead of codes, few enough for a lookup."""
        kind = _KINDS_OF_CODES.get(self.field, _CODE)
        return 0 < len(self.counts) <= _GROUPS and not all(map(kind.fullmatch, self.counts))

    @property
    def shouted(self) -> bool:
        """Whether its words are in capitals throughout, as old systems write names."""
        long = {text: count for text, count in self.counts.items() if len(text) > 1}
        return bool(long) and _share(long, str.isupper) >= _MOST

    @property
    def american(self) -> bool:
        """Whether most of its numbers have as many digits as US phone numbers."""
        return _share(self.counts, lambda text: _digits(text) in _US_DIGITS) > 1 / 2


def guesses(roster: Roster) -> tuple[Guess, ...]:
    """Return a guess for each column with a heading, from the first rows of the roster."""
    found = [
        _guess(place, Counter(filter(None, roster.frame[position].head(ROWS).tolist())))
        for position, place in enumerate(roster.places)
        if place.heading.strip() and not set("<>") & set(place.heading)
    ]
    return tuple(_each_once(_named(found)))


def _guess(place: Place, counts: Counter[str]) -> Guess:
    heading = heading_key(place.heading)
    if field := _IDENTITY.get(heading, ""):
        return Guess(place, field, counts, sure=True)
    if heading in _KNOWN.card and _share(counts, _BARCODE.fullmatch) > 1 / 2:
        return Guess(place, BARCODE, counts)
    field = field_of(place.heading)
    if field and _share(counts, _PLAUSIBLE.get(field, bool)) > 1 / 2:
        return Guess(place, field, counts, sure=True)
    if _KNOWN.somebody_else & set(_words(place.heading)):
        return Guess(place, "", counts)
    return Guess(place, _by_values(counts), counts)


def _by_values(counts: Counter[str]) -> str:
    """Recognize email addresses and phone numbers by their form, whatever the heading."""
    if counts and _share(counts, _EMAIL.fullmatch) >= _MOST:
        return "email"
    long = all(_digits(text) in _US_DIGITS and not _DIGITS.fullmatch(text) for text in counts)
    return "phone" if counts and long and _share(counts, _PHONE.fullmatch) >= _MOST else ""


def _named(found: list[Guess]) -> Iterator[Guess]:
    """Decide about columns of names by the others: a `Name` beside `Surname` is a first name."""
    parts = {"first_name", "last_name"} & {guess.field for guess in found}
    for guess in found:
        field = guess.field
        if field == GIVEN:
            field = "first_name" if parts == {"last_name"} else FULL_NAME
        if field == FULL_NAME:
            commas = _share(guess.counts, lambda text: text.count(",") == 1)
            field = LAST_FIRST if not parts and guess.counts and commas >= _MOST else ""
        yield replace(guess, field=field)


def _each_once(found: Iterator[Guess]) -> Iterator[Guess]:
    """Keep the first column of each field; only emails and phones may have several."""
    taken: set[str] = set()
    for guess in found:
        twice = guess.field in taken and guess.field not in _SEVERAL
        taken.add(guess.field)
        yield replace(guess, field="") if twice else guess


def date_order(found: tuple[Guess, ...]) -> Order | None:
    """Return the order of the roster's dates, if some of them fit one order only."""
    texts = (text for guess in found if guess.field in DATES for text in guess.counts)
    return shown_order(texts, Dates())
