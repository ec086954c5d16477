"""What the cells of a column show: their forms, and the fields that they allow."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from functools import lru_cache
from itertools import islice
from typing import Literal

from importer.mapper.dates import ORDER_WORDS, YEARS, Dates, Unread, is_any_date
from importer.mapper.headings import EMAIL, digits_of
from importer.mapper.repairs import is_dash
from importer.model.fields import country_of
from importer.model.people import HOME_REGION, read_phone
from importer.model.text import folded
from importer.model.vocabulary import STATES, Part
from importer.validator.columns import STATES as US_STATES

MOST = 0.9
"""The share of a column's values that must be of a kind for the column to be of it."""

ENDS = ("expiry_date", "purge_date")
DATES = ("birth_date", *ENDS)
"""Date fields."""
LINES = ("line1", "line2", "line3", "line4", "line5")
PLACES = ("city", "state_province", "postal_code", "country")
ADDRESS = (*LINES, *PLACES)

_END = "[A-Z]{2} [0-9-]{5,10}$"
_STATE_AND_ZIP = {
    "state_province": "[, ]([A-Z]{2})( [0-9-]{5,10})?$",
    "postal_code": "[A-Z]{2} ([0-9-]{5,10})$",
}
AMERICAN_ADDRESS = {
    "line1": rf"^(.+)[,\n] *[^,\n]+,? {_END}",
    "city": rf"[,\n] *([^,\n]+?),? {_END}",
    **_STATE_AND_ZIP,
}
AMERICAN_CITY = {"city": "^([^,]+?),? [A-Z]{2}( [0-9-]{5,10})?$", **_STATE_AND_ZIP}
DUTCH_CITY = {
    "city": "^[0-9]{4} ?[A-Z]{2} +([^0-9].*)$",
    "postal_code": "^([0-9]{4} ?[A-Z]{2}) +[^0-9]",
}
CODE_AND_CITY = {"city": "^[0-9]{4,6} +([^0-9].*)$", "postal_code": "^([0-9]{4,6}) +[^0-9]"}
"""Cells with several parts of an address: a pattern for each part; the first finds them all."""


GROUPS = 40
"""Different words that a column of codes has at most."""
DIGITS = re.compile(r"[0-9]+")
LETTERED = re.compile(r"([A-Za-z]{1,3})([0-9]{4,})")
US_DIGITS = frozenset({7, 10, 11})
BARCODE_DIGITS = re.compile(r"[0-9]{14}")
PHONE = re.compile(r"[+(]?[0-9][0-9 ().-]{6,}[0-9]")
_IDEOGRAPHS = re.compile(r"[\u3400-\u9fff\uac00-\ud7af]{2,4}")
_YEAR = re.compile(r"\b20[0-9]{2}\b")


def is_us_state(text: str) -> bool:
    """Return whether this is the abbreviation of a state of the US."""
    return text.upper() in US_STATES


def _has_letters(text: str) -> bool:
    return any(char.isalpha() for char in text)


@lru_cache(maxsize=16_384)
def day_of(text: str) -> date | None:
    """Return a date in the first order in which it reads, None if it is no usual one."""
    days = (Dates(order=order).read(text) for order in ORDER_WORDS)
    return next((day for day in days if isinstance(day, date) and day.year in YEARS), None)


def is_like_an_id(text: str) -> bool:
    """Return whether this has digits, and is no date, phone number or email."""
    return (
        len(text) >= 3
        and any(char.isdigit() for char in text)
        and not re.search(r"[/() @]", text)
        and (day_of(text) is None or (text.isdecimal() and len(text) != 8))
    )


def is_last_first(text: str) -> bool:
    """Return whether this is a name with one comma, as in `Kim, Olivia`."""
    return text.count(",") == 1


def is_whole_name(text: str) -> bool:
    """Return whether this can be a first and a last name together, also in ideographs."""
    several = "," in text or " " in text or _IDEOGRAPHS.fullmatch(text)
    return bool(several) and len(text) < 80


def without_dashes(counts: Mapping[str, int]) -> dict[str, int]:
    """The cells without words for nothing; if none are left, a column shows nothing of itself."""
    return {text: count for text, count in counts.items() if not is_dash(text)}


SAMPLE = 400
"""Different cells of a column that are looked at; more of them say no more of its form."""


def share_of(counts: Mapping[str, int], fits: Callable[[str], object]) -> float:
    """The share of the cells that fit; 1 if there are none. Words for nothing do not count."""
    there = without_dashes(dict(islice(counts.items(), SAMPLE)))
    whole = sum(there.values())
    return sum(count for text, count in there.items() if fits(text)) / whole if whole else 1.0


PLAUSIBLE: Mapping[str, Callable[[str], object]] = {
    "email": EMAIL.fullmatch,
    "phone": lambda text: digits_of(text) >= 7,
    "postal_code": lambda text: digits_of(text) >= 2 and 3 <= len(text) <= 10,  # as `LS1 1AA`
    "state_province": lambda text: _has_letters(text) and len(text) <= 30,
    **dict.fromkeys(
        LINES, lambda text: not ("@" in text or LETTERED.fullmatch(text) or country_of(text))
    ),
    Part.HOUSE: lambda text: digits_of(text) and len(text) <= 8,
    "user_title": lambda text: len(text) <= 10,
    "gender": lambda text: len(text) <= 20,
    "pref_first_name": lambda text: " " not in text,
    "pin_number": lambda text: text.isdecimal() and len(text) <= 10,
    **dict.fromkeys(
        (Part.FULL_NAME, Part.LAST_FIRST), lambda text: _has_letters(text) and len(text) < 80
    ),
    **dict.fromkeys(("city", "first_name", "last_name", Part.GIVEN), _has_letters),
    "birth_date": is_any_date,
    **dict.fromkeys(
        ENDS, lambda text: is_any_date(text) or without_a_day([text]) or _YEAR.search(text)
    ),  # also a term such as `Spring 2027`
}
"""Whether a value can be what the heading names, by field."""


def is_like_a_street(text: str) -> bool:
    """Return whether a text has a number and words, as streets do."""
    return any(map(str.isdecimal, text)) and sum(map(str.isalpha, text)) > 3 and "@" not in text


def is_like_a_phone(text: str, region: str) -> bool:
    """Return whether a number can be called from here or a region, and is typed with signs."""
    typed = PHONE.fullmatch(text) and not DIGITS.fullmatch(text) and not day_of(text)
    return bool(typed) and any(read_phone(text, where).whole for where in (HOME_REGION, region))


def is_like_a_name(text: str) -> bool:
    """Return whether this can be one name of a person."""
    return text[:1].isalpha() and len(text) < 30 and not any(map(str.isdecimal, text))


_SHOWN: Mapping[str, tuple[Callable[[str], object], float]] = {
    "email": (EMAIL.fullmatch, 4.0),
    Part.LAST_FIRST: (is_last_first, 2.0),
    "country": (country_of, 1.0),
    "state_province": (is_us_state, 1.0),
    "line1": (is_like_a_street, 1.0),
}
"""What cells add to the score of a field where most of them have its form."""
_NAMES = {Part.FULL_NAME: 0.5, "first_name": 0.4, "last_name": 0.4}
"""What different words add to the scores of names, if they are no dates and have no digits."""


def shown_by(counts: Mapping[str, int], today: date, region: str) -> dict[str, float]:
    """Return what the cells of a column add to the scores of fields.

    `region`: where a phone number may be, by its two letters.
    """
    texts = without_dashes(counts)
    if not texts:
        return {}
    filled = sum(texts.values())
    shown = {field: weight for field, (fits, weight) in _SHOWN.items()
             if share_of(texts, fits) >= MOST}  # fmt: skip
    if share_of(texts, lambda text: is_like_a_phone(text, region)) >= MOST:
        shown["phone"] = 2.0
    days = [day for text in [*texts][:SAMPLE] if (day := day_of(text))]
    years = [day.year for day in days] or [today.year]
    lettered = share_of(texts, _has_letters) > 1 / 2
    if len(days) >= MOST * min(len(texts), SAMPLE):
        if min(days) > today:
            shown["expiry_date"] = 1.0
        if max(years) < today.year - 5 and max(years) - min(years) > 5:
            shown["birth_date"] = 1.0
    elif lettered and share_of(texts, PLAUSIBLE["expiry_date"]) > 1 / 2:
        shown["expiry_date"] = 1.0
    elif lettered and 1 < len(texts) <= min(GROUPS, max(2, filled / 2)):
        states = all(folded(text) in STATES for text in texts)
        shown |= {} if states else {"user_group": 0.5}
    elif share_of(texts, is_like_a_name) > MOST and len(texts) > max(filled / 2, 1):
        shown |= _NAMES if max(map(len, texts)) > 1 else {}
    if ways_of(texts, street=True):
        shown["line1"] = 2.0
    if ways_of(texts, street=False):
        shown[Part.CITY_LINE] = 2.0
    return shown


_DIVIDED = 0.8
"""The share of cells with several parts of an address from which a pattern divides them."""


def ways_of(counts: Mapping[str, int], *, street: bool) -> Mapping[str, str]:
    """Return a pattern for each part of an address in cells, empty if they differ."""
    ways = (AMERICAN_ADDRESS,) if street else (AMERICAN_CITY, DUTCH_CITY, CODE_AND_CITY)
    for way in ways:
        if counts and share_of(counts, re.compile(next(iter(way.values()))).search) >= _DIVIDED:
            return way
    return {}


def words_for_dates(counts: Mapping[str, int]) -> dict[str, int]:
    """Return the words that stand for dates in several cells, such as `permanent`, with counts."""
    return {
        text: count
        for text, count in counts.items()
        if count > 1
        and _has_letters(text)
        and not is_dash(text)
        and Dates(order="ymd").read(text) is Unread.UNKNOWN
    }


def without_a_day(texts: Iterable[str]) -> tuple[Literal["month", "year"], ...]:
    """Return whether texts are months (`Dec 2027`), years, both, or neither.

    `12/27` is a month where no text has a day; among others it is a slip.
    """
    dates, ends = Dates(order="ymd"), Dates(order="ymd", month="end")
    read = {text: dates.read(text) for text in texts}
    short = not any(map(is_any_date, read)) and any(isinstance(ends.read(t), date) for t in read)
    month: tuple[Literal["month"], ...] = (
        ("month",) if short or Unread.MONTH in read.values() else ()
    )
    return (*month, "year") if Unread.YEAR in read.values() else month
