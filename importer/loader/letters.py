"""How well bytes read in an encoding look like names: a likelihood by letters and their neighbors.

Encodings of one family differ in the letters beyond ASCII only. What these letters are beside, in
each language, is in `letters.toml`.
"""

from __future__ import annotations

import tomllib
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from functools import cache
from importlib.resources import files
from math import log
from typing import NamedTuple

_FIRST_OTHER = "\u0250"
"""Behind the letters of Latin that names have."""

# Probabilities, all of them guesses that a test has confirmed
_OTHER_NEIGHBOR = 0.08  # that a neighbor is not in the table, for all of them together
_UNKNOWN_LETTER, _SIGN = 3e-5, 1e-5
_USUAL_SIGN = 0.02  # where signs are usual
_SIGNS = frozenset("–—€£°§½¼¾©®™…•«»“”„º\u00aa²³")
_QUOTATION = 0.001  # an apostrophe at an end of a word
_OTHER_SCRIPT = 0.001  # beside a letter of ASCII, in a script that has none
_CAPITAL_INSIDE, _SMALL_BEFORE, _SMALL_FIRST, _SMALL_BEHIND = 0.01, 0.02, 0.05, 0.02
_FREQUENT, _RARE, _BESIDE_ASCII = 1 / 3000, 1 / 60_000, 0.02  # of languages without letters
_CHOICE = 0.5
# between letters
_APOSTROPHES = {"’": 0.01, "–": 0.01, "—": 0.01, "‘": 1.5e-4, "´": 1e-5, "·": 1e-5}


class _Letter(NamedTuple):
    """The logarithms of a letter's share, and of its neighbors'."""

    share: float
    before: Mapping[str, float]
    behind: Mapping[str, float]


_ELSE = log(_OTHER_NEIGHBOR / 30)


@cache
def _table(language: str) -> Mapping[str, _Letter]:
    return {
        letter: _Letter(log(share / 1000), _neighbors(before), _neighbors(behind))
        for letter, (share, before, behind) in _tables()[language].items()
    }


@cache
def _is_latin(language: str) -> bool:
    return min(_table(language)) < _FIRST_OTHER


@cache
def _tables() -> Mapping[str, Mapping[str, tuple[int, str, str]]]:
    text = (files(__package__) / "letters.toml").read_text("utf-8")
    return tomllib.loads(text)


def _neighbors(ranked: str) -> Mapping[str, float]:
    """Return the logarithm of each neighbor's share, by its rank, as words in a text have it."""
    whole = sum(1 / rank for rank in range(1, len(ranked) + 1))
    return {
        char: log((1 - _OTHER_NEIGHBOR) / rank / whole + _OTHER_NEIGHBOR / 30)
        for rank, char in enumerate(ranked, start=1)
    }


def likelihood(words: Sequence[str], languages: Sequence[str]) -> float:
    """Return the logarithm of the likelihood of words, each in the language that fits it best.

    Of many languages one fits by chance, which a part of their number makes up for.
    """
    best = sum(max(_in_languages(word, languages)) for word in words)
    return best - _CHOICE * log(len(languages))


def ideographs(words: Sequence[str], encoding: str, leads: Collection[int]) -> float:
    """Return the logarithm of the likelihood of words in a script of thousands of characters.

    `leads`: the first bytes of the frequent ones.
    """
    total = 0.0
    for word in words:
        for before, char, behind in zip(" " + word, word, word[1:] + " ", strict=False):
            if not char.isascii():
                total += log(_FREQUENT if char.encode(encoding)[0] in leads else _RARE)
                total += log(_BESIDE_ASCII) * (_is_ascii_letter(before) or _is_ascii_letter(behind))
    return total


def _in_languages(word: str, languages: Sequence[str]) -> list[float]:
    """Return the logarithm of a word's likelihood in each language."""
    padded = f"^{''.join(map(_small, word))}$"
    known = _case(word)
    places = [at for at, char in enumerate(padded) if not char.isascii()]
    return [
        known + sum(_at(padded, at, _table(one), latin=_is_latin(one)) for at in places)
        for one in languages
    ]


def _small(char: str) -> str:
    """Return the small letter, if it is one character; the Turkish İ has none."""
    small = char.lower()
    return small if len(small) == 1 else char


def _at(word: str, at: int, table: Mapping[str, _Letter], *, latin: bool) -> float:
    """Return what the character at a place, between its neighbors, adds."""
    char, before, behind = word[at], word[at - 1], word[at + 1]
    if _is_usual_sign(word, at):
        return log(_USUAL_SIGN)
    if char in _APOSTROPHES:
        inside = before.isalpha() and behind.isalpha()
        return log(_APOSTROPHES[char] if inside else _QUOTATION if char in "’‘" else _SIGN)
    # what is between two letters beyond ASCII counts once
    first = before.isascii()
    letter = table.get(char)
    if letter is None:
        return log(_UNKNOWN_LETTER if char.isalpha() else _SIGN) + log(1 / 30) * (1 + first)
    found = letter.share + letter.behind.get(_end(behind, "$"), _ELSE)
    if first:
        found += letter.before.get(_end(before, "^"), _ELSE)
    if not latin and (_is_ascii_letter(before) or _is_ascii_letter(behind)):
        found += log(_OTHER_SCRIPT)
    return found


def _is_usual_sign(word: str, at: int) -> bool:
    """Return whether this is a sign without letters beside it, a quotation, or as in Nº and m²."""
    char, before, behind = word[at], word[at - 1], word[at + 1]
    if char not in _SIGNS or not (before.isascii() and behind.isascii()):
        return False
    if char in "“„«" and not before.isalpha():
        return True
    if char in "”»“" and word[1] in "“„«":
        return True
    return not behind.isalpha() and (not before.isalpha() or char + before in {"ºn", "²m", "³m"})


def _end(char: str, mark: str) -> str:
    """Return the mark of a word's end for what is no letter, as a hyphen."""
    return char if char.isalpha() or unicodedata.combining(char) else mark


def _is_ascii_letter(char: str) -> bool:
    return char.isascii() and char.isalpha()


def _case(word: str) -> float:
    """Return what capital and small letters add that are not as names are written."""
    found = 0.0
    for at, char in enumerate(word):
        if char.isascii() or not char.isalpha() or char in _SIGNS:
            continue
        before = word[at - 1] if at else ""
        if char.isupper():
            found += log(_CAPITAL_INSIDE) * before.islower()
        elif char.islower():
            found += log(_SMALL_BEFORE) * (word[at + 1 : at + 2].isupper() > before.isupper())
            found += log(_SMALL_FIRST) * (not before.isalpha())
            found += log(_SMALL_BEHIND) * (at > 1 and word[at - 2 : at].isupper())
    return found
