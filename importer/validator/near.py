"""When two names are near: typing errors, other spellings, short forms and double names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from importer.validator.nicknames import NICKNAMES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from importer.validator.keys import Hashes

    Mask = NDArray[np.bool_]

_LIKENESS = 0.88
"""Jaro-Winkler, of 1; chosen with the labelled pairs of docs/reference/matching.md."""
_SHORTEST_PART = 3
_TELLING_CONSONANTS = 4
_VOWELS = str.maketrans("", "", "aeiouy")


class Names:
    """The names of pairs of positions, compared column by column.

    `same`: the same name, also with its parts swapped. `same_first`: the same first name, of
    more than an initial. `near`: both parts near, in one order or the other.
    """

    def __init__(self, first: list[str], last: list[str], one: Hashes, two: Hashes) -> None:
        """`first` and `last` are folded names by position; `one` and `two` the positions."""
        ones, twos = one.tolist(), two.tolist()
        first_one, first_two = [first[place] for place in ones], [first[place] for place in twos]
        last_one, last_two = [last[place] for place in ones], [last[place] for place in twos]
        straight = (_equal(first_one, first_two), _equal(last_one, last_two))
        swapped = (_equal(first_one, last_two), _equal(last_one, first_two))
        telling = np.fromiter((len(text) > 1 for text in first_one), np.bool_, len(first_one))
        self.same = (straight[0] & straight[1]) | (swapped[0] & swapped[1])
        self.same_first = straight[0] & telling
        self.near = _both_near((first_one, first_two), (last_one, last_two)) | _both_near(
            (first_one, last_two), (last_one, first_two)
        )


def _equal(one: list[str], two: list[str]) -> Mask:
    pairs = zip(one, two, strict=True)
    return np.fromiter((left == right for left, right in pairs), np.bool_, len(one))


def _both_near(first: tuple[list[str], list[str]], last: tuple[list[str], list[str]]) -> Mask:
    """Are both parts near? The second is looked at only where the first is."""
    near = _near(*first)
    places = np.flatnonzero(near)
    chosen = places.tolist()
    near[places] = _near([last[0][place] for place in chosen], [last[1][place] for place in chosen])
    return near


def _near(one: list[str], two: list[str]) -> Mask:
    """Which pairs of folded names are near: alike as a whole, or the one a part of the other."""
    from rapidfuzz import process
    from rapidfuzz.distance import JaroWinkler

    if not one:
        return np.zeros(0, np.bool_)
    likeness = process.cpdist(one, two, scorer=JaroWinkler.similarity, dtype=np.float32, workers=1)
    forms = np.fromiter(map(_are_forms, one, two), np.bool_, len(one))
    return np.asarray((likeness >= _LIKENESS) | forms)


def _are_forms(one: str, two: str) -> bool:
    """Is one a part of the other, or its nickname, or the same with other vowels?"""
    return (
        _is_part(one, two)
        or one in NICKNAMES.get(two, ())
        or two in NICKNAMES.get(one, ())
        or _sound_alike(one, two)
    )


def _is_part(one: str, two: str) -> bool:
    """Is one the initial, the beginning or the end of the other?"""
    short, long = (one, two) if len(one) <= len(two) else (two, one)
    if len(short) < _SHORTEST_PART:
        return len(short) == 1 and long.startswith(short)
    return long.startswith(short) or long.endswith(short)


def _sound_alike(one: str, two: str) -> bool:
    """Have they the same consonants, as Muhammad and Mohamed have? Short names tell too little."""
    if one[:1] != two[:1]:
        return False
    left, right = _consonants(one), _consonants(two)
    return len(left) >= _TELLING_CONSONANTS and left == right


def _consonants(name: str) -> str:
    """The name without vowels and doubled letters."""
    bare = name.translate(_VOWELS)
    return "".join(letter for place, letter in enumerate(bare) if letter != bare[place - 1 : place])
