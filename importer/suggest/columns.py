"""Guess what a roster's columns contain: by their headings, by their values, and by each other.

An ID is never guessed by its values alone: only a heading that names one counts. A heading does
not count if the values contradict it. What offices call their columns is in `model/vocabulary.py`,
and what an office confirmed about its headings are the lines of its mappings that are no guesses.

A roster is read as its columns are known best: heading rows are tried, and judged by them. What is
certain needs no question. A tie is one for a person, with cells of each way to read it.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from dataclasses import field as default
from datetime import date
from pathlib import Path

from importer.errors import RosterError
from importer.files import read_text_bounded
from importer.loader.read import read
from importer.mapper.codes import Codes, looked_up
from importer.mapper.compile import EMAIL, digits_of, looks_like_a_person
from importer.mapper.dates import ORDER_WORDS, YEARS, Dates, Unread, is_any_date, without_a_day
from importer.mapper.editing import is_marked
from importer.mapper.load import examine
from importer.mapper.mapping import FieldRule, MappingDocument
from importer.mapper.placeholders import TO_CHOOSE, heading_key
from importer.mapper.rule import Rule
from importer.mapper.transforms import is_dash
from importer.mapper.yaml_source import SIZE_LIMIT, cell
from importer.model.fields import NO_CODES, CodeTables, country_of
from importer.model.problem import Place
from importer.model.roster import NO_HEADINGS, Layout, Roster
from importer.model.text import folded, word_list
from importer.model.user import AccountType
from importer.model.vocabulary import (
    BARCODE,
    CARDS,
    ID_WORDS,
    IDENTITIES,
    NO_IDS,
    OF_NAMES,
    RELATIONSHIP,
    SINCE,
    SOMEBODY_ELSE,
    STATES,
    UNTIL,
    US_STATES,
    Meaning,
    field_of,
    is_left_out,
    meaning,
    named_by,
    own_meaning,
    say_secret,
    type_by_word,
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
HOUSE, AREA = "house number", "area code"
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
DUTCH_CITY = {
    "city": "^[0-9]{4} ?[A-Z]{2} +([^0-9].*)$",
    "postal_code": "^([0-9]{4} ?[A-Z]{2}) +[^0-9]",
}
CODE_AND_CITY = {"city": "^[0-9]{4,6} +([^0-9].*)$", "postal_code": "^([0-9]{4,6}) +[^0-9]"}
"""Cells with several parts of an address: a pattern for each part; the first finds them all."""


CHOSEN = "a person"
"""What confirms a guess that a person made, in place of a mapping's name."""


Confirmed = Mapping[tuple[str, str], tuple[str, str]]
"""What an office's mappings confirm, with the name of the newest that has it.

By heading and word: the word's code; beside a blank, the heading's field.
"""


@dataclass(frozen=True, slots=True)
class Beside:
    """What is known beside the roster: the day, Alma's codes, and what the office confirmed."""

    today: date
    codes: CodeTables = NO_CODES
    confirmed: Confirmed = default(default_factory=dict)

    def taken(self, heading: str, word: str = "") -> tuple[str, str]:
        """Return what is confirmed for a heading or a word below it, and by which mapping."""
        return self.confirmed.get((heading_key(heading), heading_key(word)), ("", ""))

    def without(self, field: str) -> Beside:
        """Return what is known where no heading is confirmed for a field."""
        kept = {key: one for key, one in self.confirmed.items() if key[1] or one[0] != field}
        return replace(self, confirmed=kept)


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
        len(text) >= 3
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


def without_dashes(counts: Mapping[str, int]) -> dict[str, int]:
    """The cells without words for nothing; if none are left, a column shows nothing of itself."""
    return {text: count for text, count in counts.items() if not is_dash(text)}


def share_of(counts: Mapping[str, int], fits: Callable[[str], object]) -> float:
    """The share of the cells that fit; 1 if there are none. Words for nothing do not count."""
    there = without_dashes(counts)
    whole = sum(there.values())
    return sum(count for text, count in there.items() if fits(text)) / whole if whole else 1.0


PLAUSIBLE: Mapping[str, Callable[[str], object]] = {
    "email": EMAIL.fullmatch,
    "phone": lambda text: digits_of(text) >= 7,
    "postal_code": lambda text: digits_of(text) >= 2 and 3 <= len(text) <= 10,  # as `LS1 1AA`
    "state_province": lambda text: _has_letters(text) and len(text) <= 30,
    **dict.fromkeys(
        LINES, lambda text: not ("@" in text or _LETTERED.fullmatch(text) or country_of(text))
    ),
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
    the heading is used for many things. `confirmed`: by this mapping of the office, or by
    `CHOSEN`. `doubt`: what speaks against it, as the end of a mark.
    """

    place: Place
    field: str
    counts: Mapping[str, int]
    sure: bool = False
    number: int = 0
    block: str = ""
    vague: bool = False
    confirmed: str = ""
    doubt: str = ""

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
        """Whether it could be an ID: all differ, most have digits or the heading a word of IDs."""
        words = set(words_of(self.place.heading))
        different = len(self.counts) >= _IDS_DIFFER * self.filled > 0
        other = self.field or self.numbers_rows or is_left_out(self.place.heading)
        if other or not different or words & SOMEBODY_ELSE:
            return False
        if (words & ID_WORDS or named_by(self.place.heading, CARDS)) and not words & NO_IDS:
            dated = not self.lengths and self.dates(bool)
            return self.share(is_whole_name) < 1 / 2 and not dated
        return not words & (NO_IDS | UNTIL) and self.share(_is_like_an_id) >= MOST

    @property
    def numbers_rows(self) -> bool:
        """Whether its values only count the rows, as forms do: 1, 2, 3."""
        numbers = {*map(str, range(1, len(self.counts) + 1))}
        return numbers != set() and self.counts.keys() == numbers

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
        dated = bool(without_dashes(self.counts)) and self.share(days.__contains__) >= MOST
        return dated and self.share(lambda text: (day := days.get(text)) and fits(day)) >= MOST


def parts_of_address(guess: Guess) -> Mapping[str, str]:
    """Return a pattern for each part of an address in a column's cells, empty if they differ."""
    ways = (
        (AMERICAN_CITY, DUTCH_CITY, CODE_AND_CITY)
        if guess.field != "line1"
        else (AMERICAN_ADDRESS,)
    )
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


def confirmed(folder: Path) -> Confirmed:
    """Return what the mappings of a folder confirm about their headings, and the words below them.

    Lines that are marked as guesses do not count, nor do headings that feed several fields, that
    two mappings use in different ways, or of whose cells a rule makes something else, nor the
    letters of rosters without headings. Files that are no mappings are skipped. The field of the
    primary IDs of External users is EMPL_ID.
    """
    found: defaultdict[tuple[str, str], dict[str, str]] = defaultdict(dict)
    try:
        paths = sorted(folder.glob("*.yaml"), key=lambda path: -path.stat().st_mtime)[:_MOST]
    except OSError:
        paths = []
    for path in paths:
        for key, own in _of(path, found).items():
            found[key, ""].setdefault(_one(own), path.name)
    agreed = {key: one for key, one in found.items() if len(one) == 1 and "" not in one}
    return {key: next(iter(one.items())) for key, one in agreed.items()}


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
    return whole and all(map(_is_written, parts)) and any(one.lone_cell for one in templates)


def _is_written(rule: Rule) -> bool:
    """Whether a first mapping writes a rule by itself, or it makes no other text."""
    cleaned = all(step.name in _CLEANED for step in rule.clean or ())
    return cleaned and not rule.cases and rule.plus is rule.minus is None


def _looked_up(document: MappingDocument, rule: FieldRule) -> Codes:
    """Return the codes of the one lookup that a column goes through, with their places."""
    lookups = [(part.lookup, (*steps, "lookup")) for steps, part in rule.giving_parts
               if part.lookup is not None]  # fmt: skip
    return looked_up((), *lookups[0], document.tables) if len(lookups) == 1 else ()


def _of(path: Path, codes: defaultdict[tuple[str, str], dict[str, str]]) -> Mapping[str, set[str]]:
    """Return the fields of each heading in a mapping, and add the codes of words below it."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    document, _ = examine(path)
    if document is None or document.file.roster.header == NO_HEADINGS:
        return found
    lines = read_text_bounded(path, SIZE_LIMIT).splitlines()
    guessed = "\n".join(filter(is_marked, lines))
    for rule in document.rules:
        field = _NAMES.get(rule.field.name, rule.field.name)
        if field == "primary_id" and document.file.account_type is AccountType.EXTERNAL:
            field = EMPL_ID
        for heading in rule.headings if len(rule.headings) == 1 else ():
            if heading != TO_CHOOSE and cell(heading) not in guessed:
                known = field if _takes_as_it_is(rule) else ""
                names = [*map(heading_key, (heading, *document.file.headings.get(heading, ())))]
                for name in names:
                    found[name].add(known)
                for code, steps in _looked_up(document, rule) if known in _LIKED else ():
                    line, _ = document.source.locate(steps)
                    if not is_marked(lines[line - 1]) and code not in {None, "", TO_CHOOSE}:
                        for name in names:
                            word = heading_key(str(steps[-1]))
                            codes[name, word].setdefault(str(code), path.name)
    return found


# --- guesses ---

ROWS = 20_000
"""At most N rows are read."""
ENOUGH = 5
"""Rows from which a column of one value is no group."""
_OF_ADDRESS = frozenset({*ADDRESS, HOUSE, CITY_LINE})
_SEVERAL = frozenset({"email", "phone", "user_title", "", *TYPES})
_OF_PASSWORDS = frozenset({"password", PASSWORD_AGAIN, "force_password_change"})
_UNUSED = frozenset({"note_text", "statistic_category"})
"""Fields that a heading names, but of which a first mapping takes none by itself."""

_YEAR = re.compile(r"\b20[0-9]{2}\b")
PHONE = re.compile(r"[+(]?[0-9][0-9 ().-]{6,}[0-9]")


def guesses(roster: Roster, beside: Beside) -> tuple[Guess, ...]:
    """Return a guess for each column with a heading, from the first rows of the roster."""
    headings = [place.heading for place in roster.places]
    named = {word for heading in headings for word in words_of(heading)}
    others = frozenset({"contact"} if named & RELATIONSHIP else ())
    around = _repeated_words(headings)
    frame = roster.frame.head(ROWS)
    if say_secret(headings):  # one may be under any heading there
        frame = frame.drop(index=frame.index.intersection([*roster.misplaced]))
    found = [
        _guess(place, Counter(filter(None, frame[position].tolist())), others, around, beside)
        for position, place in enumerate(roster.places)
        if place.heading.strip()
    ]
    found = [*_named(found)]
    found = [*_one_group(found, beside)]
    found = [*_addresses(found)]
    found = [*_typed(found)]
    if all(guess.field != PASSWORD_AGAIN for guess in found):  # it may be of another system
        found = [replace(one, field="") if one.field == "password" else one for one in found]
    return tuple(_doubted([*_each_once(found)]))


def _repeated_words(headings: Iterable[str]) -> Mapping[str, str]:
    """Return words that begin or end three headings or more, as `emp_` or `B_`, and what they mean.

    A prefix of most headings adds nothing: "". One of addresses only names another address.
    """
    starts: dict[str, list[str]] = {}
    headings = [*headings]
    for heading in headings:
        words = words_of(heading)
        for word in {*words[:1], *words[-1:]} if len(words) > 1 else ():
            if not word.isdecimal() and own_meaning(heading) == Meaning():
                starts.setdefault(word, []).append(heading)
    found: dict[str, str] = {}
    for word, ours in starts.items():
        if len(ours) < 3 or word in SOMEBODY_ELSE:
            continue
        fields = [own_meaning(heading, passing=frozenset({word})).field for heading in ours]
        places = {field for field in fields if field in ADDRESS}
        if len(places) > 1 and all(field in {"", HOUSE, *ADDRESS} for field in fields):
            found[word] = word
        elif 2 * len(ours) >= len(headings):
            found[word] = ""
    return found


def _guess(
    place: Place,
    counts: Counter[str],
    others: frozenset[str],
    around: Mapping[str, str],
    beside: Beside,
) -> Guess:
    heading = place.heading
    words = set(words_of(heading))
    found = own_meaning(heading, others, frozenset(around.keys() & words))
    block = next((around[word] for word in words if around.get(word)), "")
    guess = Guess(place, "", counts, number=found.number, vague=found.vague)
    field, mapping = beside.taken(heading)
    counter = field in {"primary_id", EMPL_ID} and guess.numbers_rows
    if field and not counter and share_of(counts, PLAUSIBLE.get(field, bool)) > 1 / 2:
        return replace(guess, field=field, sure=True, block=block or found.kind, confirmed=mapping)
    password = {meaning(heading).field} & _OF_PASSWORDS  # taken as Alma's own form has it
    if field := named_by(heading, IDENTITIES) or next(iter(password), ""):
        return replace(guess, field=field, sure=True)
    if named_by(heading, CARDS) and share_of(counts, BARCODE_DIGITS.fullmatch) > 1 / 2:
        return replace(guess, field=BARCODE)
    field = _numbered(found) if found.field not in _UNUSED else ""
    if not field and "st" in words and counts and share_of(counts, is_us_state) >= MOST:
        field = "state_province"  # `HOME_ST`, and not `Home St.`
    if (
        field == "birth_date"
        and counts
        and all(text.isdecimal() and len(text) < 3 for text in counts)
    ):
        field = BIRTH_PARTS[-1]  # `Birth Day`
    share = share_of(counts, PLAUSIBLE.get(field, bool))
    other = share < 1 / 2 and _by_values(words, guess, beside.today) not in {"", field}
    plausible = share >= 1 / 2 or (share > 0 and not found.vague and not other)
    if field in ENDS and not found.vague and len(counts) <= GROUPS:
        plausible = plausible or not any(map(str.isdecimal, counts))  # words such as `permanent`
    if field and plausible and not _contradicted(field, guess, found, beside.today):
        kind = "" if found.kind == "home" else found.kind
        # of a second address, as in `City 2`, `Address 2 - Street`
        second = field in ADDRESS and found.number > 1 and (found.inner or found.field in PLACES)
        number = str(found.number) if second else ""
        return replace(guess, field=field, sure=True, block=block or kind or number)
    no_id = found.kind == "mobile" or words & UNTIL  # as `Number to text`, `Card good till`
    if (SOMEBODY_ELSE | others) & words or is_left_out(heading) or (ID_WORDS & words and not no_id):
        return guess
    return replace(guess, field=_by_values(words, guess, beside.today))


def _numbered(found: Meaning) -> str:
    """Return the field of a heading with its number: `Address 2` is the second line."""
    field = found.field
    if field == "line1" and not found.inner and found.number in range(2, 6):
        return LINES[found.number - 1]
    several = field in {"email", "phone", HOUSE, *TYPES, *ADDRESS, "web_site_url"}
    return field if several or found.number < 2 else ""


def _contradicted(field: str, guess: Guess, found: Meaning, today: date) -> bool:
    """Return whether the values are not what a heading names: births to come, ends gone by."""
    if field == "birth_date":
        return guess.dates(lambda day: day.year >= today.year - 1)
    if field == "expiry_date":
        return found.vague and guess.dates(lambda day: day < today)
    if field == "user_group":
        one = len(guess.counts) == 1 and guess.filled >= ENOUGH
        return found.vague and (one or all(folded(text) in STATES for text in guess.counts or [""]))
    return False


def _by_values(words: Collection[str], guess: Guess, today: date) -> str:
    """Recognize a field by the form of its values, most with the help of a word of the heading."""
    counts = without_dashes(guess.counts)
    guess = replace(guess, counts=counts)
    if counts and share_of(counts, EMAIL.fullmatch) >= MOST:
        return "email"
    if counts and UNTIL & {*words} and not SINCE & {*words} and share_of(counts, _ends) > 1 / 2:
        return "" if guess.dates(lambda day: day < today) else "expiry_date"
    if parts_of_address(replace(guess, field="line1")):
        return "line1"
    if len({*map(field_of, words)} & {"city", "state_province", "postal_code"}) > 1:
        return CITY_LINE if parts_of_address(guess) else ""
    if counts and OF_NAMES & {*words} and share_of(counts, is_last_first) >= MOST:
        return FULL_NAME
    long = all(digits_of(text) in US_DIGITS and not DIGITS.fullmatch(text) for text in counts)
    return "phone" if counts and long and share_of(counts, PHONE.fullmatch) >= MOST else ""


def _ends(text: str) -> object:
    """Return whether a text is a date, a month or a year, or a term such as `Spring 2027`."""
    return PLAUSIBLE["expiry_date"](text) or _YEAR.search(text)


# --- columns beside each other ---


def _named(found: list[Guess]) -> Iterator[Guess]:
    """Decide about columns of names by the others.

    A `Name` beside a surname is a first name, and one beside a first name is a last name. So is a
    preferred first name where there is no other.
    """
    fields = {guess.field for guess in found}
    parts = {"first_name", FIRST_MIDDLE, "last_name"} & fields
    whole = {FULL_NAME, LAST_FIRST} & fields
    called = parts == {"last_name"} and GIVEN not in fields
    for guess in found:
        field = guess.field
        if field == "pref_first_name" and called:
            field = "first_name"
        elif field == GIVEN and len(parts) == 1 and not whole:
            field = "first_name" if parts == {"last_name"} else "last_name"
        elif field in {GIVEN, FULL_NAME, LAST_FIRST}:
            wordy = bool(guess.counts) and guess.share(is_whole_name) > 1 / 2
            named = FULL_NAME if field == GIVEN else field
            field = named if wordy and not parts and not (field == GIVEN and whole) else ""
            if field and guess.share(is_last_first) > 1 / 2:
                field = FULL_NAME  # a comma shows what is what
        yield replace(guess, field=field)


def _one_group(found: list[Guess], beside: Beside) -> Iterator[Guess]:
    """Choose the column of the user group: the one with Alma's codes or names, else by its heading.

    Without Alma's codes a heading such as `Patron Type` comes before `Type`, and several words
    before one.
    """
    rows = beside.codes.enabled("UserGroups")
    known = {folded(text) for row in rows for text in (row.code, row.description)} - {""}
    secret = say_secret(guess.place.heading for guess in found)

    def merit(guess: Guess) -> tuple[int, int, int, int]:
        counts = without_dashes(guess.counts)
        words = {folded(text): count for text, count in counts.items()}
        of_alma = 0 < len(words) <= GROUPS and share_of(words, known.__contains__) >= MOST
        several = len(counts) > 1 or guess.filled < ENOUGH
        lettered = not all(map(str.isdecimal, words))
        named = guess.field == "user_group"
        rank = 3 if guess.confirmed and named else 2 if of_alma and several else int(named)
        return rank, several, lettered, not guess.vague

    able = (g for g in found if g.field in {"", "user_group"} and g.place.heading not in secret)
    best = max(able, key=merit, default=None)
    for guess in found:
        if guess is best and merit(guess)[0]:
            yield replace(guess, field="user_group", sure=guess.field == "user_group")
        elif guess.field == "user_group":
            yield replace(guess, field="")
        else:
            yield guess


def _addresses(found: list[Guess]) -> Iterator[Guess]:
    """Give each column of an address its block; columns of no street are part of no address.

    A column that says nothing belongs to the one address that there is. One of words between
    a street and a state or a postal code is the city, whatever its heading.
    """
    found = [*map(_or_city, found, [None, *found], [*found[1:], None])]
    found = [*_by_words(found)]
    twice = {str(g.number) for g in found if g.block == str(g.number)}  # `City 2`
    found = [
        replace(guess, block=str(guess.number), field="line1")
        if guess.field in LINES and not guess.block and str(guess.number) in twice
        else guess
        for guess in found
    ]
    ours = [guess for guess in found if guess.field in _OF_ADDRESS]
    fields = {guess.block: {g.field for g in ours if g.block == guess.block} for guess in ours}
    streets = [block for block, names in fields.items() if "line1" in names]
    for guess in found:
        lone = guess.block in fields and guess.block not in streets and len(streets) == 1
        if lone and guess.field in _OF_ADDRESS - fields[streets[0]]:
            yield replace(guess, block=streets[0])
        else:
            yield guess


def _by_words(found: list[Guess]) -> Iterator[Guess]:
    """Give addresses of one kind blocks of their own; the first keeps `City` and the like."""
    ours = {at: guess for at, guess in enumerate(found) if guess.field in _OF_ADDRESS}
    hints = {
        at: " ".join(word for word in words_of(guess.place.heading) if meaning(word).kind)
        for at, guess in ours.items()
    }
    streets: dict[str, dict[str, None]] = {}
    for at, hint in hints.items():
        if ours[at].field == "line1":
            streets.setdefault(ours[at].block, {})[hint] = None
    for at, guess in enumerate(found):
        known = [*streets.get(guess.block, ())]
        first = "" if "" in known or not known else known[0]
        divided = hints.get(at) in known and hints[at] != first
        yield replace(guess, block=hints[at]) if divided else guess


def _or_city(guess: Guess, before: Guess | None, behind: Guess | None) -> Guess:
    """Return the column as the city if it has words and is between those of an address."""
    around = before and behind and (before.field, behind.field)
    if not around or guess.field or not guess.counts or is_left_out(guess.place.heading):
        return guess
    worded = guess.share(lambda text: not any(map(str.isdigit, text))) >= MOST
    if worded and around[0] in {*LINES, HOUSE} and around[1] in {"state_province", "postal_code"}:
        return replace(guess, field="city", block=before.block if before else "")
    return guess


def _typed(found: list[Guess]) -> Iterator[Guess]:
    """Keep columns of types if all of their words are known, and an email or a phone has them.

    A column of `school` and `personal` right behind emails is one, whatever its heading.
    """
    for at, guess in enumerate(found):
        of = TYPES.get(guess.field, "")
        before = found[at - 1].field if at else ""
        if not guess.field and len(guess.counts) > 1 and before in {"email", "phone"}:
            of = before
        if of:
            known = guess.counts and all(type_by_word(of, text) for text in guess.counts)
            yield replace(guess, field=f"{of} type" if known else "")
        else:
            yield guess


def _each_once(found: Iterable[Guess]) -> Iterator[Guess]:
    """Keep the confirmed, named, new or first column of a field; emails and phones have several."""
    found = [*found]
    kept: dict[tuple[str, str], Guess] = {}
    keys = [(one.field, one.block if one.field in _OF_ADDRESS else "") for one in found]
    pairs = [*zip(keys, found, strict=True)]

    def rank(pair: tuple[tuple[str, str], Guess]) -> tuple[bool, ...]:
        guess = pair[1]
        is_new = "new" in words_of(guess.place.heading)  # beside `Expiration date`
        return not guess.confirmed, not guess.sure, not is_new

    for key, guess in sorted(pairs, key=rank):
        kept.setdefault(key, guess)
    named: set[str] = set()
    for key, guess in pairs:
        name = heading_key(guess.place.heading)
        once = name not in named and (guess.field in _SEVERAL or kept[key] is guess)
        named |= {name} if once and guess.field else set()
        yield guess if once else replace(guess, field="")


def _doubted(found: list[Guess]) -> Iterator[Guess]:
    """Say what a person has to look at: a heading that two columns have, cells of another form."""
    columns: dict[str, list[str]] = {}
    for guess in found:
        columns.setdefault(heading_key(guess.place.heading), []).append(guess.place.letter)
    for guess in found:
        same = columns[heading_key(guess.place.heading)]
        wrong = 1 - guess.share(PLAUSIBLE.get(guess.field, bool))
        doubt = f"; rename one of the columns {word_list(same)} in the roster" if same[1:] else ""
        worded = guess.field in ENDS and words_for_dates(guess)  # which get a lookup
        if not (doubt or worded) and wrong > 1 - MOST:
            doubt = f"; {wrong:.0%} of the cells have another form"
        yield replace(guess, doubt=doubt)


_ROWS = 5
"""Rows from the top that may have the headings beside the one that the loader takes."""


# --- how the roster is read ---


@dataclass(frozen=True, slots=True)
class Reading:
    """A roster as it is read, and how."""

    roster: Roster
    layout: Layout


def best_reading(path: Path, layout: Layout, beside: Beside) -> Reading:
    """Return the roster with the heading row that is named or known best. Raises RosterError."""
    first = read(path, layout)
    if layout.header:
        return Reading(first, layout)
    if looks_like_a_person(place.heading for place in first.places):
        headless = replace(layout, header=NO_HEADINGS)
        return Reading(read(path, headless), headless)
    chosen, merit = first.source.header[-1], _merit(first, beside)
    found = {chosen: (first, merit)}
    certain = merit > 2 and 2 * merit >= sum(bool(place.heading.strip()) for place in first.places)
    for row in () if certain else sorted({*range(1, _ROWS + 1)} - {chosen}):
        with suppress(RosterError):
            other = read(path, replace(layout, header=(row,)))
            if not looks_like_a_person(place.heading for place in other.places):
                found[row] = other, _merit(other, beside)
    best = max(found, key=lambda row: (found[row][1], row == chosen))
    named = layout if best == chosen else replace(layout, header=(best,))
    return Reading(found[best][0], named)


def _merit(roster: Roster, beside: Beside) -> int:
    """How many columns have a field that the heading names and the values do not contradict."""
    return sum(guess.sure and bool(guess.field) for guess in guesses(roster, beside))
