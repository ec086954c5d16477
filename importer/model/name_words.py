"""Words in names of people that are no names: titles, suffixes, particles, what joins two."""

from __future__ import annotations

import re
import tomllib
from importlib.resources import files

TWO_PEOPLE = re.compile(r"[&+＆]|(?<=\S)\s(?:and|und(?!\szu\s)|et|u\.)\s(?=\S)", re.IGNORECASE)
"""What is between two people. Not `y` or `e`, which Spanish and Portuguese names contain."""

NO_NAME = re.compile('["“”„«»/]')
"""What no name contains: the marks around a nickname, and a slash between two names."""

COMMA = re.compile(r"[,;،，、]")

_NUMERALS = frozenset({"II", "III", "IV"})
_WORDS: dict[str, list[str]] = tomllib.loads(
    (files(__package__) / "name_words.toml").read_text("utf-8")
)
_TITLES, _SUFFIXES, _DEGREES = (frozenset(_WORDS[k]) for k in ("titles", "suffixes", "degrees"))
_TITLES_BEFORE_A_NAME = frozenset(_WORDS["titles_before_a_name"])
_DOTTED_TITLES = frozenset(_WORDS["dotted_titles"])
_BEGINNINGS = frozenset(_WORDS["beginnings"])
_CAPITALIZED = frozenset(_WORDS["capitalized_particles"])
ABBREVIATED_NAMES = frozenset(_WORDS["abbreviated_names"])
LONG_SURNAMES = frozenset(_WORDS["long_surnames"])
PARTICLES = frozenset(_WORDS["particles"])
"""Words that belong to the name behind them. `e` and `y` join it to the one before."""


def is_particle(word: str) -> bool:
    """Return whether a word inside a name belongs to the last name behind it."""
    small = word.casefold().rstrip(".")
    return may_be_particle(word) and (word.islower() or small in _CAPITALIZED)


def may_be_particle(word: str) -> bool:
    """Return whether a word inside a name may belong to the name behind it; `Le` may be a name."""
    bare = word.rstrip(".")
    return bare.casefold() in PARTICLES | _BEGINNINGS and bare not in {"E", "Y"}  # initials


def is_suffix(text: str, *, after_comma: bool) -> bool:
    """Return whether a text is a suffix or a degree, such as Jr. or, behind a comma, MD."""
    plain = text.replace(".", "").replace(" ", "")
    small = plain.casefold()
    return small in _SUFFIXES or plain in _NUMERALS or (after_comma and small in _DEGREES)


def is_title(word: str, *, before: bool) -> bool:
    """Return whether a word is a title; `before`: a name follows it, here or in the cell."""
    plain = word.replace(".", "").casefold()
    if plain in _TITLES:
        return True
    dotted = word.endswith(".") and plain in _DOTTED_TITLES
    return before and (dotted or plain in _TITLES_BEFORE_A_NAME)
