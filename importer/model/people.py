"""Names and contacts: whether two records may be of one person, whether a contact is valid.

phonenumbers and email-validator judge contacts. What they answered is kept, because they take most
of the time of a check: a phone number is asked about once by the mapper and the validator together,
and a domain once for all of its addresses.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from functools import lru_cache, partial
from importlib.resources import files
from typing import NamedTuple

import phonenumbers
from email_validator import EmailNotValidError, ValidatedEmail, validate_email
from email_validator.rfc_constants import EMAIL_MAX_LENGTH
from email_validator.syntax import validate_email_local_part
from rapidfuzz.distance import JaroWinkler

from importer.model.problem import CellFinding, Code
from importer.model.question import OF_NAME
from importer.model.text import folded, word_list

NO_NAME = re.compile('["“”„«»/]')
"""What no name contains: the marks around a nickname, and a slash between two names."""

COMMA = re.compile(r"[,;،，、]")


def _table(name: str) -> dict[str, list[str]]:
    return tomllib.loads((files(__package__) / name).read_text("utf-8"))


NICKNAMES = _table("nicknames.toml")
_NUMERALS = frozenset({"II", "III", "IV"})
_WORDS = {name: frozenset(words) for name, words in _table("name_words.toml").items()}
ABBREVIATED_NAMES, LONG_SURNAMES = _WORDS["abbreviated_names"], _WORDS["long_surnames"]
PARTICLES = _WORDS["particles"]
"""Words that belong to the name behind them. Those in JOINS join it to the one before."""

NOT_COMPARED = PARTICLES - {"i"} | _WORDS["not_compared"]
"""Words that do not count where two names are compared; `I` is an initial there."""

_ANDS, _OR_NAMES = _WORDS["ands"], _WORDS["ands_or_names"]
JOINS = _OR_NAMES & PARTICLES


def _between(words: Collection[str], flag: str = "") -> str:
    """Return the pattern of these words between two others; `von und zu` is a particle."""
    ways = "|".join(map(re.escape, sorted(words)))
    return rf"(?<=\S\s)(?{flag}:{ways})(?=\s(?!zu\s)\S)"


TWO_PEOPLE = re.compile(rf"[&+＆]|{_between(_ANDS, 'i')}|{_between(_OR_NAMES - JOINS)}")
"""What is between two people anywhere in a name."""

_LARGE = "".join(JOINS).upper()
TWO_FIRST_NAMES = re.compile(
    rf"{TWO_PEOPLE.pattern}|{_between(JOINS)}|(?<=\w\w\s)[{_LARGE}](?=\s\w\w)"
)
"""What is between two people in their first names; a capital alone at the end is an initial."""

MAY_BE_TWO = CellFinding(Code.TWO_PEOPLE, "{value} may name two people", question=OF_NAME)


def is_particle(word: str) -> bool:
    """Return whether a word inside a name belongs to the last name behind it."""
    small = word.casefold().rstrip(".")
    return may_be_particle(word) and (word.islower() or small in _WORDS["capitalized_particles"])


def may_be_particle(word: str) -> bool:
    """Return whether a word inside a name may belong to the name behind it; `Le` may be a name."""
    bare = word.rstrip(".")
    initial = bare.casefold() in JOINS and bare.isupper()
    return not initial and bare.casefold() in PARTICLES | _WORDS["beginnings"]


def is_suffix(text: str, *, after_comma: bool) -> bool:
    """Return whether a text is a suffix or a degree, such as Jr. or, behind a comma, MD."""
    bare = text.replace(" ", "").rstrip(".")  # J.R. are two initials
    degree = after_comma and bare.replace(".", "").casefold() in _WORDS["degrees"]
    return bare in _NUMERALS or bare.casefold() in _WORDS["suffixes"] or degree


def is_title(word: str, *, before: bool) -> bool:
    """Return whether a word is a title; `before`: a name follows it, here or in the cell."""
    plain = word.replace(".", "").casefold()
    if plain in _WORDS["titles"]:
        return True
    dotted = word.endswith(".") and plain in _WORDS["dotted_titles"]
    return before and (dotted or plain in _WORDS["titles_before_a_name"])


BORN, EMAIL, PHONE, ADDRESS = "born", "email", "phone", "address"
IN_WORDS = {BORN: "birth date", EMAIL: "email", PHONE: "phone number", ADDRESS: "address"}
"""The kinds of traits, and how a message calls them."""

COMMON = 200
"""What more records than this share says nothing about a person: it is an office's address."""

SIMILARITY = 0.88  # Jaro-Winkler, of 1; chosen with the labeled pairs of docs/reference/matching.md

_INITIAL = re.compile(r"(?<![^\s.])[A-Za-z](?:\.\s*|\s+|$)")
_NOT_A_DIGIT = re.compile(r"[^0-9]+")
_VOWELS = str.maketrans("", "", "aeiouy")


@dataclass(frozen=True, slots=True)
class PersonKeys:
    """What a person is compared by.

    Names are folded (see `text.folded`), the first name without initials beside a longer name.
    `traits` are texts of a kind, a blank and a value, such as `born 1990-03-01`.
    """

    first: str
    last: str
    traits: frozenset[str] = frozenset()

    @property
    def name(self) -> tuple[str, str]:
        """The whole name, the same for both orders of its parts."""
        pair = self.first, self.last
        return min(pair, pair[::-1])

    @property
    def born(self) -> str:
        """The birth date, ISO; blank if it is not known."""
        return next((t[len(BORN) + 1 :] for t in self.traits if t.startswith(f"{BORN} ")), "")

    def of(self, kind: str) -> frozenset[str]:
        """Return the traits of a kind."""
        return frozenset(trait for trait in self.traits if trait.startswith(f"{kind} "))

    @property
    def text(self) -> str:
        """Name and birth date in one text, by which a person is remembered."""
        return "\n".join((*self.name, self.born))

    def shared(self, other: PersonKeys) -> tuple[str, ...]:
        """Return the kinds of traits in which both have an equal one."""
        kinds = {trait.partition(" ")[0] for trait in self.traits & other.traits}
        return tuple(kind for kind in IN_WORDS if kind in kinds)


@dataclass(frozen=True, slots=True)
class Common:
    """What too many users have in common for it to be evidence of who a person is.

    `born`: birth dates, ISO, of more than 1 % of the users, and of more than three. `contacts`:
    traits of emails and phone numbers that more than three users have.
    """

    born: frozenset[str] = frozenset()
    contacts: frozenset[str] = frozenset()


NOTHING_COMMON = Common()

NOBODY = PersonKeys("", "")  # the keys of a person of whom nothing is known


def in_words(kinds: Collection[str], *before: str) -> str:
    """Name what two people share, for a message, some other words first."""
    return word_list([*before, *(word for kind, word in IN_WORDS.items() if kind in kinds)])


def person_keys(
    first: str,
    last: str,
    *,
    born: str = "",
    emails: Iterable[str] = (),
    phones: Iterable[str] = (),
    addresses: Iterable[tuple[str, str]] = (),
) -> PersonKeys:
    """Return the keys of a person; `born` is ISO, `addresses` are pairs of a street and a ZIP."""
    traits = {
        *map(email_trait, emails),
        *map(phone_trait, phones),
        *(trait(ADDRESS, *address) for address in addresses),
        trait(BORN, born),
    }
    return PersonKeys(first_key(first), folded(last), frozenset(traits - {""}))


def first_key(name: str) -> str:
    """Return a first name, folded, without initials beside a longer name (Ada B., J. Robert)."""
    return ("" if name.isalpha() else folded(_INITIAL.sub(" ", name))) or folded(name)


@lru_cache(maxsize=4096)
def _phone_key(number: str) -> str:
    """Return the last ten digits, so without the US prefix; "" for fewer than seven."""
    digits = _NOT_A_DIGIT.sub("", number)
    return digits[-10:] if len(digits) >= 7 else ""


def _address_key(street: str, code: str) -> str:
    """Return the street and the ZIP's five digits; "" for no street."""
    key = folded(street)
    return key and f"{key} {code[:5]}"


KEYS: dict[str, Callable[..., str]] = {
    BORN: str, EMAIL: str.casefold, PHONE: _phone_key, ADDRESS: _address_key,
}  # fmt: skip
"""By kind, what counts of a birth date, which is ISO, an email, a phone number, an address."""


def trait(kind: str, *value: str) -> str:
    """Return the trait of a value; "" for a blank."""
    key = KEYS[kind](*value)
    return key and f"{kind} {key}"


email_trait, phone_trait = partial(trait, EMAIL), partial(trait, PHONE)


def may_be_same(one: PersonKeys, other: PersonKeys) -> bool:
    """Return whether two records may be of one person.

    They have something in common, and
    - the same name, in either order, or
    - both names similar, in either order, unless the birth dates are in conflict: siblings share
      an address, not a birth date; or
    - one birth date, one first name, and one thing more in common: a marriage.
    """
    first, last = one.first, one.last
    straight = _near(first, other.first)
    crossed = _near(first, other.last) and _near(last, other.first)
    if not (straight or crossed):
        return False  # as of most pairs, which so cost no look at what they share
    shared = one.shared(other)
    if not shared or not any(one.name):
        return False
    if crossed or _near(last, other.last):
        return one.name == other.name or not _conflict(one.born, other.born)
    one_first = first == other.first or are_nicknames(first, other.first)
    marriage = one_first and min(len(first), len(other.first)) > 1
    return marriage and len(shared) > 1 and shared[0] == BORN


def are_namesakes(one: PersonKeys, other: PersonKeys) -> bool:
    """Return whether two records have the same name, and not both a birth date to compare."""
    return any(one.name) and one.name == other.name and not (one.born and other.born)


def _conflict(one: str, other: str) -> bool:
    """Return whether two birth dates are known and differ in more than one part.

    A wrong year, month or day is one, and so are day and month swapped. It is wider than the typing
    error of `planner.person`: who may be one person is looked at by people, or is not missing.
    """
    if not one or not other:
        return False
    ours, theirs = one.split("-"), other.split("-")
    swapped = ours == [theirs[0], *theirs[:0:-1]]
    return sum(a != b for a, b in zip(ours, theirs, strict=True)) > 1 and not swapped


@lru_cache(maxsize=65_536)
def _near(one: str, two: str) -> bool:
    """Return whether two folded names are similar as a whole, or forms of one name."""
    if one == two:
        return True
    return JaroWinkler.similarity(one, two) >= SIMILARITY or are_forms(one, two)


def are_forms(one: str, two: str) -> bool:
    """Return whether one is a part or a nickname of the other, or differs in its vowels only."""
    return _is_part(one, two) or are_nicknames(one, two) or _sound_alike(one, two)


def are_nicknames(one: str, two: str) -> bool:
    """Return whether one is an English nickname of the other."""
    return one in NICKNAMES.get(two, ()) or two in NICKNAMES.get(one, ())


def _is_part(one: str, two: str) -> bool:
    """Return whether one is the initial, the beginning or the end of the other."""
    short, long = (one, two) if len(one) < len(two) else (two, one)
    if len(short) < 3:
        return len(short) == 1 and long.startswith(short)
    return long.startswith(short) or long.endswith(short)


def _sound_alike(one: str, two: str) -> bool:
    """Return whether both have the same consonants, as Muhammad and Mohamed have."""
    if one[:1] != two[:1]:
        return False
    left, right = _consonants(one), _consonants(two)
    return len(left) >= 4 and left == right


@lru_cache(maxsize=65_536)
def _consonants(name: str) -> str:
    """Return the name without vowels and doubled letters."""
    bare = name.translate(_VOWELS)
    return "".join(letter for place, letter in enumerate(bare) if letter != bare[place - 1 : place])


# --- phone numbers and email addresses ---

HOME_REGION = "US"
"""Where a number without a country prefix is taken to be, unless the mapping has another region."""

_MOST_KEPT = 200_000  # numbers and domains, each; about 50 MB


class ParsedPhone(NamedTuple):
    """A phone number as phonenumbers reads it.

    `whole`: as +17015550123, with its extension; "" if the number cannot be called. `abroad`: it
    is of another country than the region, although it has no country prefix.
    """

    whole: str
    abroad: bool


_phones: dict[tuple[str, str], ParsedPhone] = {}


def read_phone(text: str, region: str = HOME_REGION) -> ParsedPhone:
    """Read a phone number that is written in a region, by its two letters."""
    known = _phones.get((text, region))
    if known is None:
        if len(_phones) >= _MOST_KEPT:
            _phones.clear()
        known = _phones[text, region] = _read(text, region)
        if known.whole:  # what the mapper writes, and the validator asks about
            _phones[known.whole, HOME_REGION] = ParsedPhone(known.whole, abroad=False)
    return known


def _read(text: str, region: str) -> ParsedPhone:
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return ParsedPhone("", abroad=False)
    if not phonenumbers.is_valid_number(number):
        return ParsedPhone("", abroad=False)
    whole = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    if number.extension:
        whole = f"{whole} ext. {number.extension}"
    home = phonenumbers.country_code_for_region(region)
    return ParsedPhone(whole, abroad=number.country_code != home and not text.startswith("+"))


def is_email(text: str) -> bool:
    """Return whether email-validator accepts an address; whether it exists is not asked."""
    local, _, domain = text.rpartition("@")
    if not local.isascii():
        return _validated(text) is not None
    try:
        validate_email_local_part(local)
    except EmailNotValidError:
        return False
    longest = _longest_form(domain)
    return longest > 0 and len(local) + 1 + longest <= EMAIL_MAX_LENGTH


def _validated(text: str) -> ValidatedEmail | None:
    try:
        return validate_email(text, check_deliverability=False)
    except EmailNotValidError:
        return None


@lru_cache(_MOST_KEPT)
def _longest_form(domain: str) -> int:
    """Return the bytes of a domain in its longest form; 0 if an address cannot have it."""
    address = _validated(f"a@{domain}")
    forms = (domain, address.domain, address.ascii_domain or "") if address else ()
    return max((len(form.encode()) for form in forms), default=0)
