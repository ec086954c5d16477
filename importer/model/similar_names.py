"""Names that may be of one person although they are written differently.

All names are folded (see `text.folded`): without case, accents, punctuation and blanks.
"""

from __future__ import annotations

import tomllib
from importlib.resources import files

NICKNAMES: dict[str, list[str]] = tomllib.loads(
    files("importer.model").joinpath("nicknames.toml").read_text("utf-8")
)

_SHORTEST_PART = 3
_CONSONANTS = 4
_VOWELS = str.maketrans("", "", "aeiouy")


def are_forms(one: str, two: str) -> bool:
    """Return whether one is a part or a nickname of the other, or differs in its vowels only."""
    return _is_part(one, two) or are_nicknames(one, two) or _sound_alike(one, two)


def are_nicknames(one: str, two: str) -> bool:
    """Return whether one is an English nickname of the other."""
    return one in NICKNAMES.get(two, ()) or two in NICKNAMES.get(one, ())


def _is_part(one: str, two: str) -> bool:
    """Return whether one is the initial, the beginning or the end of the other."""
    short, long = sorted((one, two), key=len)
    if len(short) < _SHORTEST_PART:
        return len(short) == 1 and long.startswith(short)
    return long.startswith(short) or long.endswith(short)


def _sound_alike(one: str, two: str) -> bool:
    """Return whether both have the same consonants, as Muhammad and Mohamed have."""
    if one[:1] != two[:1]:
        return False
    left, right = _consonants(one), _consonants(two)
    return len(left) >= _CONSONANTS and left == right


def _consonants(name: str) -> str:
    """Return the name without vowels and doubled letters."""
    bare = name.translate(_VOWELS)
    return "".join(letter for place, letter in enumerate(bare) if letter != bare[place - 1 : place])
