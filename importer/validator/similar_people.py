"""Rows that may be of one person: similar names, and one more thing in common.

Only rows that share a birth date, an email, a phone number or an address are compared. So that
the work grows with the roster and not with its square, an email, a phone number or an address of
very many rows does not count (it is an office's), and the rows of a very common birth date are
compared with their neighbors in the order of their names only.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import numpy as np
from rapidfuzz import process
from rapidfuzz.distance import JaroWinkler

from importer.model.catalogue import Code
from importer.model.problem import Problem
from importer.validator.data import NICKNAMES
from importer.validator.match_keys import (
    EMAIL,
    PHONE,
    STREET,
    Mask,
    MatchKeys,
    Numbers,
    numbered,
    row_list,
    word_list,
)

_LARGEST_BLOCK = 200
_NEIGHBORS = 8
"""How many rows before and after, by last and by first name, are compared in a larger block."""

_SIMILARITY = 0.88
"""Jaro-Winkler, of 1; chosen with the labelled pairs of docs/reference/matching.md."""
_SHORTEST_PART = 3
_CONSONANTS = 4
_VOWELS = str.maketrans("", "", "aeiouy")

_BIRTH, _EMAIL, _PHONE, _ADDRESS = "birth date", "email", "phone number", "address"
_PATHS = {_BIRTH: "birth_date", _EMAIL: EMAIL, _PHONE: PHONE, _ADDRESS: STREET}


def similar_people(keys: MatchKeys, skipped: Mask) -> Iterator[Problem]:
    """Yield a warning for each row that has similar ones under other primary IDs."""
    evidence = {
        _BIRTH: [np.where(skipped, 0, keys.birth)],
        _EMAIL: _personal(keys.emails, skipped),
        _PHONE: _personal(keys.phones, skipped),
        _ADDRESS: _personal(keys.addresses, skipped),
    }
    one, two = _pairs(keys, evidence)
    agreement = {kind: _agree(one, two, columns) for kind, columns in evidence.items()}
    conflict = _conflict(keys.birth[one], keys.birth[two])
    similar = _similar(NamePairs(keys.first, keys.last, one, two), conflict, agreement)
    others: defaultdict[int, list[int]] = defaultdict(list)
    shared: defaultdict[int, set[str]] = defaultdict(set)
    for pair in np.flatnonzero(similar).tolist():
        what = {kind for kind, agrees in agreement.items() if agrees[pair]}
        for own, other in ((one[pair], two[pair]), (two[pair], one[pair])):
            others[int(own)].append(keys.rows[int(other)])
            shared[int(own)] |= what
    for position in sorted(others):
        kinds = [kind for kind in _PATHS if kind in shared[position]]
        rows = sorted(others[position])
        labels = [label for kind in kinds for label in keys.candidates.layout.labels(_PATHS[kind])]
        named = row_list(rows, len(rows))
        yield keys.problem(
            Code.SIMILAR_PERSON,
            position,
            f"the name is similar to the one in {named}, with the same {word_list(kinds)}",
            "last_name",
            "first_name",
            *labels,
        )


def _personal(columns: list[Numbers], skipped: Mask) -> list[Numbers]:
    """Blank the keys of skipped rows and those that very many rows share."""
    if not columns:
        return []
    every = np.where(np.tile(skipped, len(columns)), 0, np.concatenate(columns))
    every[np.bincount(every)[every] > _LARGEST_BLOCK] = 0
    return list(np.split(every, len(columns)))


def _pairs(keys: MatchKeys, evidence: dict[str, list[Numbers]]) -> tuple[Numbers, Numbers]:
    """Find the pairs of positions that share something and whose names may be similar."""
    first, last = numbered([keys.first, keys.last])
    initials = [
        np.array([ord(text[0]) if text else 0 for text in texts], np.int64)
        for texts in (keys.first, keys.last)
    ]
    count = len(keys.rows)
    found = [np.zeros(0, np.int64)]
    for columns in evidence.values():
        for one, two in _blocked((keys.first, keys.last), columns):
            looks = (
                (first[one] == first[two])
                | (last[one] == last[two])
                | ((initials[0][one] == initials[0][two]) & (initials[1][one] == initials[1][two]))
                | ((initials[0][one] == initials[1][two]) & (initials[1][one] == initials[0][two]))
            )
            found.append((np.minimum(one, two) * count + np.maximum(one, two))[looks])
    pairs = np.unique(np.concatenate(found))
    one, two = np.divmod(pairs, count) if count else (pairs, pairs)
    named = (last[one] != 0) & (last[two] != 0) & (one != two)
    primary = keys.ids[0]
    other_id = (primary[one] != primary[two]) | (primary[one] == 0)
    return one[named & other_id], two[named & other_id]


def _blocked(
    names: tuple[list[str], list[str]], columns: list[Numbers]
) -> Iterator[tuple[Numbers, Numbers]]:
    """Yield pairs of positions within the blocks of one kind of key, over all of its columns."""
    if not columns:
        return
    every = np.concatenate(columns)
    places = np.flatnonzero(every)
    places = places[np.argsort(every[places], kind="stable")]
    blocks, positions = every[places], places % len(columns[0])
    _, sizes = np.unique(blocks, return_counts=True)
    size = np.repeat(sizes, sizes)
    small = (size > 1) & (size <= _LARGEST_BLOCK)
    yield from _neighbors(blocks[small], positions[small], _LARGEST_BLOCK)
    large = size > _LARGEST_BLOCK
    if large.any():
        members = list(zip(blocks[large].tolist(), positions[large].tolist(), strict=True))
        for before, after in (names, names[::-1]):
            ordered = sorted(members, key=lambda m: (m[0], before[m[1]], after[m[1]], m[1]))
            block, position = np.array(ordered, np.int64).T
            yield from _neighbors(block, position, _NEIGHBORS)


def _neighbors(
    blocks: Numbers, positions: Numbers, farthest: int
) -> Iterator[tuple[Numbers, Numbers]]:
    """Yield each position with those that follow it in its block, up to `farthest` steps away."""
    for step in range(1, farthest + 1):
        together = np.flatnonzero(blocks[step:] == blocks[:-step])
        if not len(together):
            return
        yield positions[together], positions[together + step]


def _agree(one: Numbers, two: Numbers, columns: list[Numbers]) -> Mask:
    """Return for each pair whether its rows have a value in common in any of these columns."""
    agrees = np.zeros(len(one), np.bool_)
    for left in columns:
        for right in columns:
            agrees |= (left[one] == right[two]) & (left[one] != 0)
    return agrees


def _similar(names: NamePairs, conflict: Mask, agreement: dict[str, Mask]) -> Mask:
    """Return which of the pairs to report; `conflict`: their birth dates differ too much.

    - The same name and the same phone number or address. With the same birth date or email it
      is a duplicate person, which another check reports.
    - Both names similar (also with first and last swapped) and anything in common, unless the
      birth dates are in conflict: siblings share an address, not a birth date.
    - Twins share a birth date and a last name; only similar first names make them similar.
    - The same first name, birth date and one thing more with another last name: a marriage.
    """
    birth, email = agreement[_BIRTH], agreement[_EMAIL]
    contact = email | agreement[_PHONE] | agreement[_ADDRESS]
    duplicate = names.same & (birth | email)
    near = names.near & ~conflict
    married = names.same_first & birth & contact
    return (birth | contact) & (names.same | near | married) & ~duplicate


def _conflict(one: Numbers, two: Numbers) -> Mask:
    """Return whether both rows have birth dates that differ by more than one typing error.

    One error is a wrong year, a wrong month or a wrong day, or day and month swapped.
    """
    year, month, day = one // 10_000, one // 100 % 100, one % 100
    other_year, other_month, other_day = two // 10_000, two // 100 % 100, two % 100
    wrong = np.not_equal(
        np.stack((year, month, day)), np.stack((other_year, other_month, other_day))
    )
    swapped = (year == other_year) & (month == other_day) & (day == other_month)
    known = (one != 0) & (two != 0)
    return np.asarray(known & (wrong.sum(axis=0) > 1) & ~swapped, dtype=np.bool_)


class NamePairs:
    """The names of pairs of rows, compared.

    `same`: the same name, also with its parts swapped. `same_first`: the same first name, more
    than an initial. `near`: both parts similar, in one order or the other.
    """

    def __init__(self, first: list[str], last: list[str], one: Numbers, two: Numbers) -> None:
        """Take folded names by position, and the positions of each pair."""
        ones, twos = one.tolist(), two.tolist()
        first_one, first_two = [first[at] for at in ones], [first[at] for at in twos]
        last_one, last_two = [last[at] for at in ones], [last[at] for at in twos]
        straight = (_equal(first_one, first_two), _equal(last_one, last_two))
        swapped = (_equal(first_one, last_two), _equal(last_one, first_two))
        more = np.array([len(text) > 1 for text in first_one], np.bool_)
        self.same = (straight[0] & straight[1]) | (swapped[0] & swapped[1])
        self.same_first = straight[0] & more
        self.near = _both_near((first_one, first_two), (last_one, last_two)) | _both_near(
            (first_one, last_two), (last_one, first_two)
        )


def _equal(one: list[str], two: list[str]) -> Mask:
    pairs = zip(one, two, strict=True)
    return np.array([left == right for left, right in pairs], np.bool_)


def _both_near(first: tuple[list[str], list[str]], last: tuple[list[str], list[str]]) -> Mask:
    """Return which pairs have both parts similar; the second is compared only if the first is."""
    near = _near(*first)
    places = np.flatnonzero(near)
    chosen = places.tolist()
    near[places] = _near([last[0][place] for place in chosen], [last[1][place] for place in chosen])
    return near


def _near(one: list[str], two: list[str]) -> Mask:
    """Return which pairs of folded names are similar as a whole, or forms of one name."""
    if not one:
        return np.zeros(0, np.bool_)
    scores = process.cpdist(one, two, scorer=JaroWinkler.similarity, dtype=np.float32, workers=1)
    forms = np.array(list(map(_are_forms, one, two)), np.bool_)
    return np.asarray((scores >= _SIMILARITY) | forms)


def _are_forms(one: str, two: str) -> bool:
    """Return whether one is a part or a nickname of the other, or differs in its vowels only."""
    return (
        _is_part(one, two)
        or one in NICKNAMES.get(two, ())
        or two in NICKNAMES.get(one, ())
        or _sound_alike(one, two)
    )


def _is_part(one: str, two: str) -> bool:
    """Return whether one is the initial, the beginning or the end of the other."""
    short, long = (one, two) if len(one) <= len(two) else (two, one)
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
