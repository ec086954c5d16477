"""What is known of a roster's column: its place, the field that it seems to feed, its values.

And what an office confirmed about its headings: the lines of its mappings that are no guesses.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

from importer.mapper.compile import EMAIL, digits_of
from importer.mapper.dates import ORDER_WORDS, YEARS, Dates, Unread, is_any_date, without_a_day
from importer.mapper.editing import is_marked
from importer.mapper.load import examine
from importer.mapper.mapping import FieldRule
from importer.mapper.placeholders import TO_CHOOSE, heading_key
from importer.mapper.steps.clean import Clean
from importer.mapper.steps.dates import DatesStep
from importer.mapper.steps.lookup import Lookup
from importer.mapper.steps.read import Read
from importer.mapper.steps.step import Step
from importer.mapper.transforms import is_dash
from importer.mapper.yaml_source import SIZE_LIMIT, cell
from importer.model.fields import NO_CODES, CodeTables
from importer.model.files import read_text_bounded
from importer.model.problem import Place
from importer.model.roster import NO_HEADINGS
from importer.model.text import folded
from importer.model.user import AccountType
from importer.model.vocabulary import (
    CARDS,
    ID_WORDS,
    NO_IDS,
    SOMEBODY_ELSE,
    US_STATES,
    is_left_out,
    named_by,
    words_of,
)

MOST = 0.9
"""The share of a column's values that must be of a kind for the column to be of it."""
_DIVIDED = 0.8
"""The share of cells with several parts of an address from which a pattern divides them."""
_TYPED_SMALL = 0.05
"""The share of names in small letters, as in forms, from which they are no exception."""
_IDS_DIFFER = 0.9
"""The share of values that differ, and are like IDs, in a column of IDs; some people are twice."""

EMPL_ID, PRIMARY_ID = "empl id", "primary id"
FULL_NAME, LAST_FIRST, GIVEN = "full name", "last first name", "name or given name"
SECOND_LAST, BEFORE_LAST = "second last name", "surname prefix"
FIRST_MIDDLE = "first and middle"
OWNING_SYSTEM = "owning system"
HOUSE = "house number"
CITY_LINE = "city line"
PASSWORD_AGAIN = "password again"  # noqa: S105  a column, no password
BIRTH_PARTS = ("birth year", "birth month", "birth day")
TYPES = {"email type": "email", "phone type": "phone", "address type": "address"}
"""What a column can be without being a field; the types are of emails, phones and addresses."""

ENDS = ("expiry_date", "purge_date")
DATES = ("birth_date", *ENDS)
"""Date fields."""
LINES = ("line1", "line2", "line3", "line4", "line5")
PLACES = ("city", "state_province", "postal_code", "country")
ADDRESS = (*LINES, *PLACES)

_END = "[A-Z]{2} [0-9-]{5,10}$"
AMERICAN_ADDRESS = {
    "line1": rf"^(.+)[,\n] *[^,\n]+,? {_END}",
    "city": rf"[,\n] *([^,\n]+?),? {_END}",
    "state_province": "([A-Z]{2}) [0-9-]{5,10}$",
    "postal_code": "[A-Z]{2} ([0-9-]{5,10})$",
}
AMERICAN_CITY = {
    "city": "^([^,]+?),? [A-Z]{2}( [0-9-]{5,10})?$",
    "state_province": "[, ]([A-Z]{2})( [0-9-]{5,10})?$",
    "postal_code": "[A-Z]{2} ([0-9-]{5,10})$",
}
CODE_AND_CITY = {"city": "^[0-9]{4,6} +([^0-9].*)$", "postal_code": "^([0-9]{4,6}) +[^0-9]"}
"""Cells with several parts of an address: a pattern for each part; the first finds them all."""


@dataclass(frozen=True, slots=True)
class Beside:
    """What is known beside the roster: the day, Alma's codes, and what the office confirmed.

    `confirmed`: the field of each heading, by its key, in the mappings that the office uses.
    """

    today: date
    codes: CodeTables = NO_CODES
    confirmed: Mapping[str, str] | None = None

    def field_of(self, heading: str) -> str:
        """Return the field that the office confirmed for a heading, "" if none."""
        return (self.confirmed or {}).get(heading_key(heading), "")

    def without(self, field: str) -> Beside:
        """Return what is known where no heading is confirmed for a field."""
        kept = {key: one for key, one in (self.confirmed or {}).items() if one != field}
        return replace(self, confirmed=kept)

    def groups(self) -> frozenset[str]:
        """Return Alma's user groups, by their codes and their names."""
        rows = self.codes.enabled("UserGroups")
        return frozenset(
            filter(None, (folded(t) for row in rows for t in (row.code, row.description)))
        )


# --- values ---

_CODE = re.compile(r"[A-Z0-9_-]{1,12}")
DIGITS = re.compile(r"[0-9]+")
_KINDS_OF_CODES = {
    "country": re.compile(r"[A-Z]{3}"),
    "gender": re.compile(r"[A-Z_]{4,}"),
    "preferred_language": re.compile(r"[a-z]{2,3}"),
}
GROUPS = 40
_LETTERED = re.compile(r"([A-Za-z]{1,3})([0-9]{4,})")
US_DIGITS = frozenset({7, 10, 11})
BARCODE_DIGITS = re.compile(r"[0-9]{14}")
_IDEOGRAPHS = re.compile(r"[\u3400-\u9fff\uac00-\ud7af]{2,4}")


def is_us_state(text: str) -> bool:
    """Return whether this is the abbreviation of a state of the US."""
    return text.upper() in US_STATES


def _has_letters(text: str) -> bool:
    return any(char.isalpha() for char in text)


def _day(text: str) -> date | None:
    """Return a date in the first order in which it reads, None if it is no usual one."""
    found = (Dates(order=order).read(text) for order in ORDER_WORDS)
    return next((day for day in found if isinstance(day, date) and day.year in YEARS), None)


def _is_like_an_id(text: str) -> bool:
    return (
        len(text) >= 4
        and any(char.isdigit() for char in text)
        and not re.search(r"[/() @]", text)
        and (_day(text) is None or (text.isdecimal() and len(text) != 8))
    )


def is_last_first(text: str) -> bool:
    """Return whether this is a name with one comma, as in `Kim, Olivia`."""
    return text.count(",") == 1


def is_whole_name(text: str) -> bool:
    """Return whether this can be a first and a last name together, also in ideographs."""
    several = "," in text or " " in text or _IDEOGRAPHS.fullmatch(text)
    return bool(several) and len(text) < 80


def share_of(counts: Mapping[str, int], fits: Callable[[str], object]) -> float:
    """The share of the cells that fit; 1 if there are none."""
    whole = sum(counts.values())
    return sum(count for text, count in counts.items() if fits(text)) / whole if whole else 1.0


PLAUSIBLE: Mapping[str, Callable[[str], object]] = {
    "email": EMAIL.fullmatch,
    "phone": lambda text: digits_of(text) >= 7,
    "postal_code": lambda text: digits_of(text) >= 3 and len(text) <= 10,
    "state_province": lambda text: _has_letters(text) and len(text) <= 30,
    **dict.fromkeys(LINES, lambda text: "@" not in text and not _LETTERED.fullmatch(text)),
    HOUSE: lambda text: digits_of(text) and len(text) <= 8,
    "user_title": lambda text: len(text) <= 10,
    "gender": lambda text: len(text) <= 20,
    "pref_first_name": lambda text: " " not in text,
    "pin_number": lambda text: text.isdecimal() and len(text) <= 10,
    OWNING_SYSTEM: lambda text: len(text) <= 30,
    **dict.fromkeys((FULL_NAME, LAST_FIRST), lambda text: _has_letters(text) and len(text) < 80),
    **dict.fromkeys(("city", "first_name", "last_name", GIVEN), _has_letters),
    "birth_date": is_any_date,
    **dict.fromkeys(ENDS, lambda text: is_any_date(text) or without_a_day([text])),
}
"""Whether a value can be what the heading names, by field."""


# --- columns ---


@dataclass(frozen=True, slots=True)
class Guess:
    """A column: its place, the field that it seems to feed ("" if none), and its values.

    `field` is a field's last name, or one of the vocabulary's words for what is not a field.
    `sure`: the heading names it, and the values do not contradict. `counts`: how often each value
    occurs. `number` and `block`: which of several emails, phones or addresses it is of. `vague`:
    the heading is used for many things. `confirmed`: by another mapping of the office.
    """

    place: Place
    field: str
    counts: Mapping[str, int]
    sure: bool = False
    number: int = 0
    block: str = ""
    vague: bool = False
    confirmed: bool = False

    def share(self, fits: Callable[[str], object]) -> float:
        """Return the share of its filled cells that fit; 1 if there are none."""
        return share_of(self.counts, fits)

    @property
    def filled(self) -> int:
        """How many cells have a value."""
        return sum(self.counts.values())

    @property
    def lengths(self) -> Counter[int]:
        """How often its numbers have each length; empty if most values are not numbers."""
        found: Counter[int] = Counter()
        for text, count in self.counts.items():
            if DIGITS.fullmatch(text):
                found[len(text)] += count
        return found if found.total() > self.filled / 2 else Counter()

    @property
    def identifies(self) -> bool:
        """Whether it could be an ID: all different, and not a date, an email or a known field.

        Most have digits, or its heading has a word of IDs.
        """
        words = set(words_of(self.place.heading))
        different = len(self.counts) >= _IDS_DIFFER * self.filled > 0
        if self.field or not different or self.numbers_rows or words & SOMEBODY_ELSE:
            return False
        if is_left_out(self.place.heading):
            return False
        if words & ID_WORDS and not words & NO_IDS:
            return self.share(is_whole_name) < 1 / 2
        return not words & NO_IDS and self.share(_is_like_an_id) >= MOST

    @property
    def numbers_rows(self) -> bool:
        """Whether its values only count the rows, as forms do: 1, 2, 3."""
        numbers = {*map(str, range(1, len(self.counts) + 1))}
        return numbers != set() and self.counts.keys() == numbers

    @property
    def is_card(self) -> bool:
        """Whether the heading names a card."""
        return bool(named_by(self.place.heading, CARDS))

    @property
    def shape(self) -> str:
        """The pattern of its values if most are letters and digits of one form, else ""."""
        forms: Counter[str] = Counter()
        for text, count in self.counts.items():
            if match := _LETTERED.fullmatch(text):
                forms[f"{match[1]}[0-9]{{{len(match[2])}}}"] += count
        form, count = forms.most_common(1)[0] if forms else ("", 0)
        return form if count >= MOST * self.filled else ""

    @property
    def few(self) -> bool:
        """Whether it contains values, few enough for a lookup."""
        return 0 < len(self.counts) <= GROUPS

    @property
    def worded(self) -> bool:
        """Whether it contains words, which do not have the form of codes."""
        kind = _KINDS_OF_CODES.get(self.field, _CODE)
        return not all(map(kind.fullmatch, self.counts))

    @property
    def shouted(self) -> bool:
        """Whether its words are all in capitals, as old systems write names, or some in none."""
        long = {text: count for text, count in self.counts.items() if len(text) > 1}
        small = share_of(long, str.islower) >= _TYPED_SMALL
        return bool(long) and (small or share_of(long, str.isupper) >= MOST)

    @property
    def american(self) -> bool:
        """Whether most of its numbers have as many digits as US phone numbers."""
        return share_of(self.counts, lambda text: digits_of(text) in US_DIGITS) > 1 / 2

    def dates(self, fits: Callable[[date], object]) -> bool:
        """Return whether it contains dates, and most of them fit."""
        days = {text: _day(text) for text in self.counts if is_any_date(text)}
        dated = bool(self.counts) and self.share(days.__contains__) >= MOST
        return dated and self.share(lambda text: (day := days.get(text)) and fits(day)) >= MOST


def parts_of_address(guess: Guess) -> Mapping[str, str]:
    """Return a pattern for each part of an address in the cells of a column, empty if they differ.

    Of a column of streets it is a whole address of the US.
    """
    ways = (AMERICAN_CITY, CODE_AND_CITY) if guess.field != "line1" else (AMERICAN_ADDRESS,)
    for way in ways:
        if guess.counts and guess.share(re.compile(next(iter(way.values()))).search) >= _DIVIDED:
            return way
    return {}


def words_for_dates(guess: Guess) -> dict[str, int]:
    """Return the words that stand for dates in several cells, such as `permanent`, with counts."""
    return {
        text: count
        for text, count in guess.counts.items()
        if count > 1
        and _has_letters(text)
        and not is_dash(text)
        and Dates(order="ymd").read(text) is Unread.UNKNOWN
    }


_MOST = 50
"""Mappings that are read, the newest ones."""
_NAMES = {"email_address": "email", "phone_number": "phone"}
_LIKED = frozenset({
    "primary_id", "first_name", "middle_name", "last_name", "user_group", "birth_date",
    "expiry_date", "purge_date", "gender", "campus_code", "job_description", "user_title", "email",
    "phone", EMPL_ID, *ADDRESS,
})  # fmt: skip
"""Fields that a first mapping takes from a column as it is."""
_CLEANED = frozenset({"lower", "name", "phone", "upper", "zip"})
"""The steps of `clean` with which it takes one."""


# --- headings that an office confirmed ---


def confirmed(folder: Path) -> Mapping[str, str]:
    """Return the field of each heading in the mappings of a folder, by the heading's key.

    Lines that are marked as guesses do not count, nor do headings that feed several fields, that
    two mappings use in different ways, or of whose cells a rule makes something else, nor the
    letters of rosters without headings. Files that are no mappings are skipped. The field of the
    primary IDs of External users is EMPL_ID.
    """
    found: dict[str, set[str]] = {}
    try:
        paths = sorted(folder.glob("*.yaml"), key=lambda path: -path.stat().st_mtime)[:_MOST]
    except OSError:
        return {}
    for path in paths:
        for key, fields in _of(path).items():
            found.setdefault(key, set()).add(_one(fields))
    return {
        key: field for key, fields in found.items() if len(fields) == 1 for field in fields if field
    }


def _one(fields: set[str]) -> str:
    """Return the field of a heading, "" if it is not clear; a whole name feeds its parts."""
    if {"first_name", "last_name"} <= fields <= {"first_name", "middle_name", "last_name"}:
        return FULL_NAME
    return next(iter(fields)) if len(fields) == 1 and fields <= _LIKED else ""


def _takes_as_it_is(rule: FieldRule) -> bool:
    """Whether a rule makes of a cell what a first mapping makes of it, too."""
    parts = [part for _, part in rule.giving_parts]
    templates = [template for part in parts for template in part.templates]
    whole = all(one.lone_cell or one.lone_value or one.constant for one in templates)
    return (
        whole
        and any(one.lone_cell for one in templates)
        and all(_is_written(step) for part in parts for step in part.steps)
    )


def _is_written(step: Step[Any]) -> bool:
    """Whether a first mapping writes a step by itself, or it makes no other text."""
    if isinstance(step, Clean):
        return all(one.name in _CLEANED for one in step.value)
    return isinstance(step, Lookup | DatesStep | Read) or not (step.changes or step.key == "cases")


def _of(path: Path) -> Mapping[str, set[str]]:
    document, _ = examine(path)
    if document is None or document.file.roster.header == NO_HEADINGS:
        return {}
    text = read_text_bounded(path, SIZE_LIMIT)
    guessed = "\n".join(filter(is_marked, text.splitlines()))
    found: dict[str, set[str]] = {}
    for rule in document.rules:
        if document.source.locate(rule.steps)[0].file != path.name:
            continue  # of a mapping that it extends, with marks of its own
        field = _NAMES.get(rule.field.name, rule.field.name)
        if field == "primary_id" and document.file.account_type is AccountType.EXTERNAL:
            field = EMPL_ID
        for heading in rule.headings if len(rule.headings) == 1 else ():
            if heading != TO_CHOOSE and cell(heading) not in guessed:
                known = field if _takes_as_it_is(rule) else ""
                for name in (heading, *document.file.headings.get(heading, ())):
                    found.setdefault(heading_key(name), set()).add(known)
    return found
