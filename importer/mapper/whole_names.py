"""Names: which part of a whole name is which, and capitals as people write them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum, auto
from typing import Annotated, Literal

from pydantic import BeforeValidator

from importer.model.people import (
    ABBREVIATED_NAMES,
    COMMA,
    JOINS,
    LONG_SURNAMES,
    NO_NAME,
    PARTICLES,
    TWO_FIRST_NAMES,
    TWO_PEOPLE,
    is_particle,
    is_suffix,
    is_title,
    may_be_particle,
)
from importer.model.plan import MappingPart

NameOrder = Literal["auto", "last-first", "first-last"]
"""What comes first. `auto`: the last name if there is a comma, else the first name."""


@dataclass(frozen=True, slots=True)
class PersonName:
    """The parts of a name, "" for those it does not have.

    `two`: the first names are those of two people. `certain`: the name has one reading only, of one
    person or two.
    """

    first: str
    middle: str
    last: str
    title: str
    suffix: str
    two: bool
    certain: bool


_IDEOGRAPHS = re.compile(r"[\u3005\u3400-\u9fff\uac00-\ud7a3]+")
"""Letters of China, Japan and Korea, where the last name comes first."""
_UNDIVIDED = range(2, 7)
"""Ideographs of a name without a blank."""
_KANA = re.compile(r"[\u3041-\u30ff]+")
"""Japanese syllables. Names of other countries are written so, too, in their own order."""
_NO_PART = re.compile(r"\d|\A['‘’]|[^\W\d_]{2}\.\Z")
"""In a word: a digit, a nickname's mark, or the end of an abbreviation that is no initial."""

PARTS = ("first", "middle", "last", "title", "suffix")
"""The parts of a name, which are used as `<$name.first>`."""


def read_name(text: str, order: NameOrder) -> PersonName:
    """Divide a name. Particles stay with the last name, and one word is a last name.

    It is not certain with a slash, a nickname, an unknown abbreviation, or a degree that is not
    behind a comma. Ideographs begin with the last name; without a blank, it is one or two of them.
    """
    parts = [part for part in map(str.strip, COMMA.split(text)) if part]
    suffixes: list[str] = []
    while len(parts) > 1 and is_suffix(parts[-1], after_comma=True):
        suffixes.insert(0, parts.pop())
    certain = len(parts) < 3
    if len(parts) > 1:
        last, given = parts[0].split(), " ".join(parts[1:]).split()
        titles = [*_titles(last), *_titles(given)]
        suffixes[:0] = [*_suffixes(last), *_suffixes(given)]
        certain, later = certain and order != "first-last", [*last[1:], *given[1:]]
    elif parts and len(parts[0]) in _UNDIVIDED and _IDEOGRAPHS.fullmatch(parts[0]):
        at = 2 if parts[0][:2] in LONG_SURNAMES else 1
        return PersonName(
            parts[0][at:], "", parts[0][:at], "", "", two=False, certain=len(parts[0]) < at + 3
        )
    else:
        words = parts[0].split() if parts else []
        titles = _titles(words)
        suffixes[:0] = _suffixes(words)
        later = words[2:]
        if order == "auto" and words:
            order = "last-first" if _IDEOGRAPHS.fullmatch(words[0]) else order
            certain = certain and not _KANA.fullmatch(words[0])
        at = _end_of_last(words) if order == "last-first" else _start_of_last(words)
        last, given = (
            (words[:at], words[at:]) if order == "last-first" else (words[at:], words[:at])
        )
        suffixes[:0] = [*_suffixes(last), *_suffixes(given)]
        certain = certain and len(given) <= 2 and not any(map(may_be_particle, given[1:]))
        if given and order != "last-first" and len("".join(last)) == 1 and last[0].isascii():
            certain = False  # as in `LEE ANN M`, which begins with the last name
    certain = certain and not (NO_NAME.search(text) or "(" in text)
    certain = certain and not any(map(_is_no_part, [*last, *given]))
    degrees = (word.isupper() and is_suffix(word, after_comma=True) for word in later)
    certain = certain and (text.isupper() or not any(degrees))
    two = TWO_FIRST_NAMES.search(" ".join(given)) is not None or not JOINS.isdisjoint(given[1:])
    return PersonName(
        "".join(given[:1]),
        " ".join(given[1:]),
        " ".join(last),
        " ".join(titles),
        " ".join(suffixes),
        two,
        certain or two or TWO_PEOPLE.search(text) is not None,
    )


def has_middle_word(text: str, name: PersonName) -> bool:
    """Return whether a name without a comma has a middle name that is no initial."""
    words = name.middle.replace(".", " ").split()
    lone = not (COMMA.search(text) or name.two or TWO_PEOPLE.search(text))
    return name.certain and lone and any(len(word) > 1 for word in words)


def _is_no_part(word: str) -> bool:
    """Return whether a word is no name, as an unknown title is none; `St.` and `Md.` are names."""
    known = may_be_particle(word) or word.rstrip(".").casefold() in ABBREVIATED_NAMES
    return _NO_PART.search(word) is not None and not known


def _titles(words: list[str]) -> list[str]:
    titles = []
    while len(words) > 1 and is_title(words[0], before=True):
        titles.append(words.pop(0))
    return titles


def _suffixes(words: list[str]) -> list[str]:
    suffixes: list[str] = []
    while len(words) > 1 and is_suffix(words[-1], after_comma=False):
        suffixes.insert(0, words.pop())
    return suffixes


def _start_of_last(words: list[str]) -> int:
    """Return where the last name begins that ends a name: at its first particle.

    What joins two last names would join two people behind the first word.
    """
    at = max(len(words) - 1, 0)
    while at > 1 and is_particle(words[at - 1]) and (at > 2 or words[1] not in JOINS):
        at -= 2 if words[at - 1] in JOINS else 1
    return at


def _end_of_last(words: list[str]) -> int:
    """Return where the last name ends that begins a name: behind the word after its particles."""
    at = 0
    while at < len(words) - 1 and is_particle(words[at]):
        at += 1
    return at + 1


class ReadPart(MappingPart):
    """What a cell contains, and in which order."""

    name: NameOrder = "auto"


NamePart = Annotated[
    ReadPart,
    BeforeValidator(
        lambda value: {"name": "auto"} if value == "name" else value,
        json_schema_input_type=Literal["name"] | ReadPart,
    ),
]
"""What a cell contains, as the mapping writes it."""


# --- capitals as people write names: McKay, O'Neil, de la Cruz ---

_NUMERALS = re.compile("ii|iii|iv|vi|vii|viii")
_WORD = re.compile(r"[^\s\-.'’]+")
_MC = re.compile(r"mc[^\W\d_]{2,}")
_DOTTED = frozenset("İıĞğƏə")
"""Letters of Turkish and Azeri only, in which I and ı are one letter and İ and i another."""
_SMALL = str.maketrans({"İ": "i", "I": "ı"})
_LARGE = str.maketrans({"i": "İ", "ı": "I"})


class NameOf(StrEnum):
    """Which name a text is: another than a last name, a last name, or a whole one in an order."""

    OTHER = auto()
    LAST = auto()
    WHOLE = auto()
    LAST_FIRST = auto()

    def last(self, words: Sequence[str]) -> range:
        """Return the positions of the words that may be of the last name."""
        comma = next((at for at, word in enumerate(words) if COMMA.search(word)), None)
        if self is NameOf.OTHER:
            return range(0)
        if self is NameOf.LAST:
            return range(len(words))
        if comma is not None:
            return range(comma + 1)
        if self is NameOf.WHOLE:
            return range(1, len(words))
        ends = (at for at, word in enumerate(words) if word.lower() not in PARTICLES)
        return range(next(ends, 0) + 1)


def has_small_particle(name: str) -> bool:
    """Return whether a particle in the name is in small letters."""
    return not PARTICLES.isdisjoint(name.split())


def capitalize(name: str, which: NameOf) -> str:
    """Return the name with capitals if it is all in capitals or all without; else as it is.

    Particles become small, and numerals stay large, only in a last name. In a whole name without a
    comma, a letter that is a particle stays a capital: it may be an initial. The result is composed
    (NFC). A name with a letter that only Turkish and Azeri have follows their rule for the dotted
    and the dotless i.
    """
    composed = unicodedata.normalize("NFC", name)
    dotted = not _DOTTED.isdisjoint(composed)

    def lower(text: str) -> str:
        return unicodedata.normalize("NFC", (text.translate(_SMALL) if dotted else text).lower())

    def upper(text: str) -> str:
        return (text.translate(_LARGE) if dotted else text).upper()

    def part(match: re.Match[str]) -> str:
        text, before = match[0], match.string[: match.start()]
        if before.endswith(("'", "’")) and (len(before) > 3 or len(text) == 1):
            return text  # Ha'apai, and the s of an English genitive
        if _MC.fullmatch(text):
            return "Mc" + text[2:3].upper() + text[3:]
        return upper(text[:1]) + text[1:]

    def word(text: str, at: int) -> str:
        if at in last[:-1] and text.lower() in (
            PARTICLES if last.start == 0 else PARTICLES - JOINS
        ):
            return lower(text)
        if at and at in last and _NUMERALS.fullmatch(text.lower().rstrip(".,")):
            return text.upper()
        return _WORD.sub(part, lower(text))

    if composed not in {upper(composed), lower(composed)}:
        return name
    words = composed.split(" ")
    last = which.last(words)
    return " ".join(word(text, at) for at, text in enumerate(words))
