"""Rows that may be of one person: a near name, and one thing more in which they agree.

Only rows that share a birth date, an e-mail, a phone number or an address are compared. So that
the work grows with the roster and not with its square, an e-mail, a phone number or an address of
very many rows counts for nothing (it is an office's, not a person's), and the rows of a birth date
of very many rows are compared along their sorted names only.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from importer.model.catalogue import Code
from importer.model.problem import Problem
from importer.validator.groups import listed, others
from importer.validator.keys import hashed
from importer.validator.near import Names

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from importer.validator.exact import Standing
    from importer.validator.keys import Hashes, Keys

    Mask = NDArray[np.bool_]

_LARGEST_BLOCK = 200
_NEIGHBOURS = 8
"""So many rows before and behind, by last and by first name, where a block is larger."""

_BIRTH, _EMAIL, _PHONE, _ADDRESS = "birth_date", "email", "phone", "address"
_SAID = {_BIRTH: "birth date", _EMAIL: "e-mail", _PHONE: "phone number", _ADDRESS: "address"}
_PATHS = {
    _BIRTH: "birth_date",
    _EMAIL: "contact_info.email.email_address",
    _PHONE: "contact_info.phone.phone_number",
    _ADDRESS: "contact_info.address.line1",
}


def similar_persons(standing: Standing, left: Mask) -> Iterator[Problem]:
    """A warning for each row that has similar ones under other primary identifiers."""
    keys = standing.keys
    evidence = {
        _BIRTH: (np.where(left, keys.birth, 0),),
        _EMAIL: _personal(keys.emails, left),
        _PHONE: _personal(keys.phones, left),
        _ADDRESS: _personal(keys.addresses, left),
    }
    names = (keys.first.unpacked(), keys.last.unpacked())
    one, two = _compared(keys, names, evidence)
    agreement = {kind: _agree(one, two, columns) for kind, columns in evidence.items()}
    conflict = _conflict(keys.birth[one], keys.birth[two])
    similar = _similar(Names(*names, one, two), conflict, agreement)
    near: defaultdict[int, list[int]] = defaultdict(list)
    shared: defaultdict[int, set[str]] = defaultdict(set)
    for pair in np.flatnonzero(similar).tolist():
        what = {kind for kind, agrees in agreement.items() if agrees[pair]}
        for own, other in ((one[pair], two[pair]), (two[pair], one[pair])):
            near[int(own)].append(int(other))
            shared[int(own)] |= what
    for position in sorted(near):
        kinds = [kind for kind in _SAID if kind in shared[position]]
        rows = sorted(map(standing.row, near[position]))
        said = listed([_SAID[kind] for kind in kinds])
        labels = [label for kind in kinds for label in standing.labels_of(_PATHS[kind])]
        yield standing.problem(
            Code.SIMILAR_PERSON,
            position,
            f"the name is near that in {others(rows, len(rows))}, with the same {said}",
            "last_name",
            "first_name",
            *labels,
        )


def _personal(columns: tuple[Hashes, ...], left: Mask) -> tuple[Hashes, ...]:
    """The keys of the rows to compare, without those that very many rows share."""
    if not columns:
        return ()
    every = np.where(np.tile(left, len(columns)), np.concatenate(columns), 0)
    _, place, sizes = np.unique(every, return_inverse=True, return_counts=True)
    return tuple(np.split(np.where(sizes[place] > _LARGEST_BLOCK, 0, every), len(columns)))


def _compared(
    keys: Keys, names: tuple[list[str], list[str]], evidence: dict[str, tuple[Hashes, ...]]
) -> tuple[Hashes, Hashes]:
    """The pairs of positions that share something and whose names are worth a closer look."""
    first, last = map(hashed, names)
    initial = tuple(
        np.fromiter((ord(text[0]) if text else 0 for text in texts), np.int64, len(texts))
        for texts in names
    )
    count = len(keys.rows)
    codes = []
    for columns in evidence.values():
        for one, two in _blocked(names, columns):
            looks = (
                (first[one] == first[two])
                | (last[one] == last[two])
                | ((initial[0][one] == initial[0][two]) & (initial[1][one] == initial[1][two]))
                | ((initial[0][one] == initial[1][two]) & (initial[1][one] == initial[0][two]))
            )
            low, high = np.minimum(one, two)[looks], np.maximum(one, two)[looks]
            codes.append(low * count + high)
    if not codes:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    pairs = np.unique(np.concatenate(codes))
    one, two = pairs // count, pairs % count
    named = (last[one] != 0) & (last[two] != 0) & (one != two)
    primary = keys.id_keys[0]
    other_id = (primary[one] != primary[two]) | (primary[one] == 0)
    return one[named & other_id], two[named & other_id]


def _blocked(
    names: tuple[list[str], list[str]], columns: tuple[Hashes, ...]
) -> Iterator[tuple[Hashes, Hashes]]:
    """Pairs of positions within the blocks of one kind of key, over all of its columns."""
    if not columns:
        return
    count = len(columns[0])
    every = np.concatenate(columns)
    places = np.flatnonzero(every)
    places = places[np.argsort(every[places], kind="stable")]
    blocks = every[places]
    sizes = np.unique(blocks, return_counts=True)[1]
    size = np.repeat(sizes, sizes)
    positions = places % count
    small = (size > 1) & (size <= _LARGEST_BLOCK)
    yield from _neighbours(blocks[small], positions[small], _LARGEST_BLOCK)
    large = size > _LARGEST_BLOCK
    if large.any():
        block, members = blocks[large], positions[large]
        for before, behind in (names, names[::-1]):
            order = sorted(
                range(len(members)),
                key=lambda place: (
                    int(block[place]),
                    before[members[place]],
                    behind[members[place]],
                    int(members[place]),
                ),
            )
            yield from _neighbours(block[order], members[order], _NEIGHBOURS)


def _neighbours(
    blocks: Hashes, positions: Hashes, farthest: int
) -> Iterator[tuple[Hashes, Hashes]]:
    """Each position beside those that follow it in its block, up to so many steps away."""
    for step in range(1, farthest + 1):
        together = np.flatnonzero(blocks[step:] == blocks[:-step])
        if not len(together):
            return
        yield positions[together], positions[together + step]


def _agree(one: Hashes, two: Hashes, columns: tuple[Hashes, ...]) -> Mask:
    """Do the rows of each pair have a value in common in any of these columns?"""
    agrees = np.zeros(len(one), np.bool_)
    for left in columns:
        for right in columns:
            agrees |= (left[one] == right[two]) & (left[one] != 0)
    return agrees


def _similar(names: Names, conflict: Mask, agreement: dict[str, Mask]) -> Mask:
    """Which of the pairs are to be shown; `conflict`: their birth dates speak against it.

    - The same name and the same phone number or address. With the same birth date or e-mail it
      is a duplicate person, which is told elsewhere.
    - Both names near (also with the two parts swapped), with any agreement, unless the two
      birth dates speak against it: brothers and sisters share an address, not a birth date.
    - Twins share a birth date and a last name; only near first names make them similar.
    - The same first name and birth date and one thing more under another last name: a marriage.
    """
    birth, email = agreement[_BIRTH], agreement[_EMAIL]
    contact = email | agreement[_PHONE] | agreement[_ADDRESS]
    told = names.same & (birth | email)
    near = names.near & ~conflict
    married = names.same_first & birth & contact
    return (birth | contact) & (names.same | near | married) & ~told


def _conflict(one: Hashes, two: Hashes) -> Mask:
    """Do both rows have a birth date, and are these further apart than one typing error?

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
