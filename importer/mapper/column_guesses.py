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
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from importlib.resources import files

from pydantic import BaseModel

from importer.mapper.dates import ORDER_WORDS, Dates, Order, Unread, shown_order
from importer.model.problem import Place
from importer.model.roster import Roster

ROWS = 20_000
"""At most N rows are read."""
_MOST = 0.9
"""The share of a column's values that must be of a kind for the column to be of it."""

EMPL_ID, BARCODE, PRIMARY_ID = "empl id", "barcode", "primary id"
LAST_FIRST, FIRST_LAST = "last, first", "first last"
FULL_NAME, GIVEN, SECOND_LAST = "full name", "name or given name", "second last name"
FIRST_MIDDLE = "first and middle"
OWNING_SYSTEM = "owning system"
"""What a column can be without being a field. `LAST_FIRST`: whole names, with a comma."""

DATES = ("birth_date", "expiry_date", "purge_date")
"""Date fields."""
_SEVERAL = frozenset({"email", "phone", ""})


# --- headings ---


class _Vocabulary(BaseModel):
    card: frozenset[str]
    passing: frozenset[str]
    small: frozenset[str]
    closing: frozenset[str]
    somebody_else: frozenset[str]
    relationship: frozenset[str]
    never: frozenset[str]
    id_words: frozenset[str]
    no_ids: frozenset[str]
    us_states: frozenset[str]
    identity: dict[str, tuple[str, ...]]
    fields: dict[str, tuple[str, ...]]
    types: dict[str, dict[str, frozenset[str]]]


_KNOWN = _Vocabulary.model_validate(
    tomllib.loads((files(__package__) / "heading_vocabulary.toml").read_text("utf-8"))
)


def _joins(words: Sequence[str]) -> tuple[str, str]:
    """Return words without blanks, and then also without the small ones."""
    return "".join(words), "".join(word for word in words if word not in _KNOWN.small)


def _joined(texts: Mapping[str, Iterable[str]]) -> dict[str, str]:
    """Return the key of each text, by the text without blanks and small words."""
    return {
        join: key
        for key, several in texts.items()
        for text in several
        for join in _joins(text.split())
    }


_IDENTITY = _joined(_KNOWN.identity)
_BY_NAME = _joined(_KNOWN.fields)
_CARDS = _joined({BARCODE: _KNOWN.card})
_NOTHING = "nothing"
_USUAL = {"email": "personal", "phone": "mobile"}
_BRACKETS = re.compile(r"[\[(][^\])]*[\])]")
_WORD = re.compile(r"[^\W\d_]+|\d+")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")


def _words(heading: str) -> tuple[str, ...]:
    """A heading's words and numbers, without case, accents, punctuation and bracketed remarks."""
    bare = _BRACKETS.sub(" ", heading)
    apart = _CAMEL.sub(" ", bare if _WORD.search(bare) else heading)
    folded = unicodedata.normalize("NFKD", apart).casefold()
    plain = "".join(char for char in folded if not unicodedata.combining(char))
    return tuple(_WORD.findall(plain))


def _named_by(heading: str, known: Mapping[str, str]) -> str:
    """Return what is known by a heading, with or without the words around it, else ""."""
    words = _words(heading)
    for start in range(len(words)):
        end = len(words)
        while end > start:
            for join in _joins(words[start:end]):
                if found := known.get(join):
                    return found
            if words[end - 1] not in _KNOWN.closing:
                break
            end -= 1
        if words[start] not in _KNOWN.passing:
            break
    return ""


def field_of(heading: str, others: frozenset[str] = frozenset()) -> str:
    """Return the field that a heading names, "" if it names none that is known here.

    `others`: further words that make a column about another person.
    """
    words = set(_words(heading))
    if words & (_KNOWN.somebody_else | _KNOWN.never | others):
        return ""
    field = _named_by(heading, _BY_NAME) or _named_by(heading.rstrip("0123456789 _"), _BY_NAME)
    about_a_contact = words & {"contact", "contacto"} and field not in _USUAL
    return "" if about_a_contact or field == _NOTHING else field


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
_LETTERED = re.compile(r"([A-Za-z]{1,3})([0-9]{4,})")
_US_DIGITS = frozenset({7, 10, 11})
_BARCODE = re.compile(r"[0-9]{14}")


def is_us_state(text: str) -> bool:
    """Return whether this is the abbreviation of a state of the US."""
    return text.upper() in _KNOWN.us_states


def _digits(text: str) -> int:
    return sum(char in "0123456789" for char in text)


def _has_letters(text: str) -> bool:
    return any(char.isalpha() for char in text)


def _is_date(text: str) -> bool:
    read = [Dates(order=order).read(text) for order in ORDER_WORDS]
    dated = {Unread.TWO_WAYS, Unread.SHORT_YEAR, Unread.MOMENT, Unread.SERIAL}
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
        words = set(_words(self.place.heading))
        different = len(self.counts) == sum(self.counts.values()) > 0
        numbered = self.counts.keys() == {*map(str, range(1, len(self.counts) + 1))}
        if self.field or not different or numbered or words & (_KNOWN.never | _KNOWN.somebody_else):
            return False
        if words & _KNOWN.id_words and not words & _KNOWN.no_ids:
            return not any(map(_EMAIL.fullmatch, self.counts))
        return not words & _KNOWN.no_ids and all(map(_is_like_an_id, self.counts))

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
        return _share(self.counts, lambda text: _digits(text) in _US_DIGITS) > 1 / 2


def looks_like_a_person(headings: Iterable[str]) -> bool:
    """Return whether the headings of a roster are rather the values of its first person.

    One is an email address, or more are dates and numbers than are known as headings.
    """
    texts = [heading for heading in headings if heading.strip()]
    values = sum(_digits(text) >= 5 or _is_date(text) for text in texts)
    known = sum(bool(field_of(text) or _named_by(text, _IDENTITY)) for text in texts)
    return values > known or any(map(_EMAIL.fullmatch, texts))


def guesses(roster: Roster) -> tuple[Guess, ...]:
    """Return a guess for each column with a heading, from the first rows of the roster."""
    named = {w for place in roster.places for w in _words(place.heading)}
    others = frozenset({"contact"} if named & _KNOWN.relationship else ())
    found = [
        _guess(place, Counter(filter(None, roster.frame[position].head(ROWS).tolist())), others)
        for position, place in enumerate(roster.places)
        if place.heading.strip() and not set("<>") & set(place.heading)
    ]
    return tuple(_each_once(_named(found)))


def _guess(place: Place, counts: Counter[str], others: frozenset[str]) -> Guess:
    heading = place.heading
    if field := _named_by(heading, _IDENTITY):
        return Guess(place, field, counts, sure=True)
    if _named_by(heading, _CARDS) and _share(counts, _BARCODE.fullmatch) > 1 / 2:
        return Guess(place, BARCODE, counts)
    field = field_of(heading, others)
    if field and _share(counts, _PLAUSIBLE.get(field, bool)) > 1 / 2:
        return Guess(place, field, counts, sure=True)
    if (_KNOWN.somebody_else | _KNOWN.never | others) & set(_words(heading)):
        return Guess(place, "", counts)
    return Guess(place, _by_values(counts), counts)


def _by_values(counts: Counter[str]) -> str:
    """Recognize email addresses and phone numbers by their form, whatever the heading."""
    if counts and _share(counts, _EMAIL.fullmatch) >= _MOST:
        return "email"
    long = all(_digits(text) in _US_DIGITS and not _DIGITS.fullmatch(text) for text in counts)
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
