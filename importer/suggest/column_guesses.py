"""Guess what a roster's columns contain, by their headings and their values.

An ID is never guessed by its values alone: only a heading that names one counts. A heading does
not count if the values contradict it. What offices call their columns is in `model/vocabulary.py`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from importer.mapper.dates import Dates, Order, Unread, is_any_date, shown_order
from importer.mapper.roster_columns import EMAIL, digits_of
from importer.model.problem import Place
from importer.model.roster import Roster
from importer.model.vocabulary import (
    BARCODE,
    CARDS,
    IDENTITIES,
    KNOWN,
    field_of,
    is_left_out,
    named_by,
    say_secret,
    words_of,
)

ROWS = 20_000
"""At most N rows are read."""
_MOST = 0.9
"""The share of a column's values that must be of a kind for the column to be of it."""

EMPL_ID, PRIMARY_ID = "empl id", "primary id"
LAST_FIRST, FIRST_LAST = "last, first", "first last"
FULL_NAME, GIVEN, SECOND_LAST = "full name", "name or given name", "second last name"
FIRST_MIDDLE = "first and middle"
OWNING_SYSTEM = "owning system"
"""What a column can be without being a field. `LAST_FIRST`: whole names, with a comma."""

DATES = ("birth_date", "expiry_date", "purge_date")
"""Date fields."""
_SEVERAL = frozenset({"email", "phone", ""})


# --- values ---

_PHONE = re.compile(r"[+(]?[0-9][0-9 ().-]{6,}[0-9]")
_CODE = re.compile(r"[A-Z0-9_-]{1,12}")
_DIGITS = re.compile(r"[0-9]+")
_KINDS_OF_CODES = {
    "country": re.compile(r"[A-Z]{3}"),
    "gender": re.compile(r"[A-Z_]{4,}"),
    "preferred_language": re.compile(r"[a-z]{2,3}"),
}
_GROUPS = 40
_LETTERED = re.compile(r"([A-Za-z]{1,3})([0-9]{4,})")
_US_DIGITS = frozenset({7, 10, 11})
_BARCODE = re.compile(r"[0-9]{14}")


def is_us_state(text: str) -> bool:
    """Return whether this is the abbreviation of a state of the US."""
    return text.upper() in KNOWN.us_states


def _has_letters(text: str) -> bool:
    return any(char.isalpha() for char in text)


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
    "email": EMAIL.fullmatch,
    "phone": lambda text: digits_of(text) >= 7,
    "postal_code": lambda text: digits_of(text) >= 3 and len(text) <= 10,
    "state_province": lambda text: _has_letters(text) and len(text) <= 30,
    "line1": lambda text: "@" not in text,
    "user_title": lambda text: len(text) <= 10,
    "gender": lambda text: len(text) <= 20,
    "pin_number": lambda text: text.isdecimal() and len(text) <= 10,
    OWNING_SYSTEM: lambda text: len(text) <= 30,
    **dict.fromkeys(("city", "first_name", "last_name", GIVEN, FULL_NAME), _has_letters),
    **dict.fromkeys(DATES, is_any_date),
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

    def share(self, fits: Callable[[str], object]) -> float:
        """Return the share of its filled cells that fit; 1 if there are none."""
        return _share(self.counts, fits)

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
        """Whether it could be an ID: all different, and not a date, an email or a known field.

        It has digits, or its heading has a word of IDs.
        """
        words = set(words_of(self.place.heading))
        different = len(self.counts) == sum(self.counts.values()) > 0
        numbered = self.counts.keys() == {*map(str, range(1, len(self.counts) + 1))}
        if self.field or not different or numbered or words & KNOWN.somebody_else:
            return False
        if is_left_out(self.place.heading):
            return False
        if words & KNOWN.id_words and not words & KNOWN.no_ids:
            return not any(map(EMAIL.fullmatch, self.counts))
        return not words & KNOWN.no_ids and all(map(_is_like_an_id, self.counts))

    @property
    def shape(self) -> str:
        """The pattern of its values if most are letters and digits of one form, else ""."""
        forms: Counter[str] = Counter()
        for text, count in self.counts.items():
            if match := _LETTERED.fullmatch(text):
                forms[f"{match[1]}[0-9]{{{len(match[2])}}}"] += count
        form, count = forms.most_common(1)[0] if forms else ("", 0)
        return form if count >= _MOST * sum(self.counts.values()) else ""

    @property
    def few(self) -> bool:
        """Whether it contains values, few enough for a lookup."""
        return 0 < len(self.counts) <= _GROUPS

    @property
    def worded(self) -> bool:
        """Whether it contains words, which do not have the form of codes."""
        kind = _KINDS_OF_CODES.get(self.field, _CODE)
        return not all(map(kind.fullmatch, self.counts))

    @property
    def shouted(self) -> bool:
        """Whether its words are in capitals throughout, as old systems write names."""
        long = {text: count for text, count in self.counts.items() if len(text) > 1}
        return bool(long) and _share(long, str.isupper) >= _MOST

    @property
    def american(self) -> bool:
        """Whether most of its numbers have as many digits as US phone numbers."""
        return _share(self.counts, lambda text: digits_of(text) in _US_DIGITS) > 1 / 2


def guesses(roster: Roster) -> tuple[Guess, ...]:
    """Return a guess for each column with a heading, from the first rows of the roster."""
    named = {w for place in roster.places for w in words_of(place.heading)}
    others = frozenset({"contact"} if named & KNOWN.relationship else ())
    frame = roster.frame.head(ROWS)
    if say_secret(place.heading for place in roster.places):  # one may be under any heading there
        frame = frame.drop(index=frame.index.intersection([*roster.misplaced]))
    found = [
        _guess(place, Counter(filter(None, frame[position].tolist())), others)
        for position, place in enumerate(roster.places)
        if place.heading.strip() and not set("<>") & set(place.heading)
    ]
    return tuple(_each_once(_named(found)))


def _guess(place: Place, counts: Counter[str], others: frozenset[str]) -> Guess:
    heading = place.heading
    if field := named_by(heading, IDENTITIES):
        return Guess(place, field, counts, sure=True)
    if named_by(heading, CARDS) and _share(counts, _BARCODE.fullmatch) > 1 / 2:
        return Guess(place, BARCODE, counts)
    field = field_of(heading, others)
    if field and _share(counts, _PLAUSIBLE.get(field, bool)) > 1 / 2:
        return Guess(place, field, counts, sure=True)
    if (KNOWN.somebody_else | others) & set(words_of(heading)) or is_left_out(heading):
        return Guess(place, "", counts)
    return Guess(place, _by_values(counts), counts)


def _by_values(counts: Counter[str]) -> str:
    """Recognize email addresses and phone numbers by their form, whatever the heading."""
    if counts and _share(counts, EMAIL.fullmatch) >= _MOST:
        return "email"
    long = all(digits_of(text) in _US_DIGITS and not _DIGITS.fullmatch(text) for text in counts)
    return "phone" if counts and long and _share(counts, _PHONE.fullmatch) >= _MOST else ""


def _named(found: list[Guess]) -> Iterator[Guess]:
    """Decide about columns of names by the others.

    A `Name` beside a surname is a first name, and one beside a first name is a last name.
    """
    parts = {"first_name", FIRST_MIDDLE, "last_name"} & {guess.field for guess in found}
    for guess in found:
        field = guess.field
        if field == GIVEN and len(parts) == 1:
            field = "first_name" if parts == {"last_name"} else "last_name"
        elif field in {GIVEN, FULL_NAME}:
            field = "" if parts else _whole_name(guess.counts)
        yield replace(guess, field=field, sure=guess.sure and field != FIRST_LAST)


def _whole_name(counts: Mapping[str, int]) -> str:
    """Return which form most whole names have, "" if most are not of two words or more."""
    if counts and _share(counts, lambda text: text.count(",") == 1) > 1 / 2:
        return LAST_FIRST
    many = _share(counts, lambda text: "," not in text and " " in text)
    return FIRST_LAST if counts and many > 1 / 2 else ""


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
