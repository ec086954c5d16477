"""Rows that may be of one person: similar names, and one more thing in common.

Only rows that share a birth date, an email, a phone number or an address, and beside it the first
name, the last name or the initials, are compared. So that the work grows with the roster and not
with its square, what more than 200 rows share does not count: as a contact it is an office's.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rapidfuzz import process
from rapidfuzz.distance import JaroWinkler

from importer.model.catalogue import Code
from importer.model.problem import Problem
from importer.model.similar_names import are_forms
from importer.validator.duplicates import (
    EMAIL,
    PHONE,
    STREET,
    Keys,
    MatchKeys,
    row_list,
    word_list,
)

Numbers = NDArray[np.int64]
Mask = NDArray[np.bool_]

_MOST_ROWS = 200
_SIMILARITY = 0.88
"""Jaro-Winkler, of 1; chosen with the labelled pairs of docs/reference/matching.md."""

_BIRTH, _EMAIL, _PHONE, _ADDRESS = "birth date", "email", "phone number", "address"
_PATHS = {_BIRTH: "birth_date", _EMAIL: EMAIL, _PHONE: PHONE, _ADDRESS: STREET}


def similar_people(keys: MatchKeys, skipped: Collection[int]) -> Iterator[Problem]:
    """Yield a warning for each row that has similar ones under other primary IDs."""
    evidence = {
        _BIRTH: _numbered([keys.birth], skipped),
        _EMAIL: _personal(_numbered(keys.emails, skipped)),
        _PHONE: _personal(_numbered(keys.phones, skipped)),
        _ADDRESS: _personal(_numbered(keys.addresses, skipped)),
    }
    one, two = _pairs(keys, evidence)
    agreement = {kind: _agree(one, two, columns) for kind, columns in evidence.items()}
    similar = _similar(keys, one, two, agreement)
    others: defaultdict[int, list[int]] = defaultdict(list)
    shared: defaultdict[int, set[str]] = defaultdict(set)
    for pair in np.flatnonzero(similar).tolist():
        what = {kind for kind, agrees in agreement.items() if agrees[pair]}
        for own, other in ((one[pair], two[pair]), (two[pair], one[pair])):
            others[int(own)].append(keys.rows[int(other)])
            shared[int(own)] |= what
    for position in sorted(others):
        kinds = [kind for kind in _PATHS if kind in shared[position]]
        labels = [label for kind in kinds for label in keys.candidates.layout.labels(_PATHS[kind])]
        named = row_list(sorted(others[position]))
        yield keys.problem(
            Code.SIMILAR_PERSON,
            position,
            f"the name is similar to the one in {named}, with the same {word_list(kinds)}",
            "last_name",
            "first_name",
            *labels,
        )


def _numbered(columns: Sequence[Keys], skipped: Collection[int] = ()) -> list[Numbers]:
    """Number the keys of some columns together, equal ones alike: 0 for a blank or skipped row."""
    if not columns:
        return []
    every = np.array([key or None for column in columns for key in column], dtype=object)
    numbers = np.split(pd.factorize(every)[0].astype(np.int64) + 1, len(columns))
    for column in numbers:
        column[list(skipped)] = 0
    return numbers


def _personal(columns: list[Numbers]) -> list[Numbers]:
    """Blank the keys that very many rows share."""
    counts = np.bincount(np.concatenate(columns)) if columns else np.zeros(0)
    return [np.where(counts[column] > _MOST_ROWS, 0, column) for column in columns]


def _pairs(keys: MatchKeys, evidence: dict[str, list[Numbers]]) -> tuple[Numbers, Numbers]:
    """Find the pairs of positions that share something and whose names may be similar."""
    pairs = zip(keys.first, keys.last, strict=True)
    initials = ["".join(sorted((a[:1], b[:1]))) for a, b in pairs]
    first, last, initial = (_numbered([part])[0] for part in (keys.first, keys.last, initials))
    found = [pd.DataFrame({"one": [], "two": []}, dtype=np.int64)]
    for columns in filter(None, evidence.values()):
        every, positions = np.concatenate(columns), np.tile(np.arange(len(last)), len(columns))
        compared = (every != 0) & (last[positions] != 0)
        for name in (first, last, initial):
            block = every * (len(last) + 1) + name[positions]
            shared = pd.DataFrame({"block": block, "one": positions})[compared]
            shared = shared[shared["block"].duplicated(keep=False)]
            shared = shared[shared.groupby("block")["one"].transform("size") <= _MOST_ROWS]
            both = shared.merge(shared.rename(columns={"one": "two"}), on="block")
            found.append(both.loc[both["one"] < both["two"], ["one", "two"]])
    every_pair = pd.concat(found).drop_duplicates().sort_values(["one", "two"])
    one, two = every_pair["one"].to_numpy(), every_pair["two"].to_numpy()
    (primary,) = _numbered(keys.ids[:1])
    other_id = (primary[one] != primary[two]) | (primary[one] == 0)
    return one[other_id], two[other_id]


def _agree(one: Numbers, two: Numbers, columns: list[Numbers]) -> Mask:
    """Return for each pair whether its rows have a value in common in any of these columns."""
    agrees = np.zeros(len(one), np.bool_)
    for left in columns:
        for right in columns:
            agrees |= (left[one] == right[two]) & (left[one] != 0)
    return agrees


def _similar(keys: MatchKeys, one: Numbers, two: Numbers, agreement: dict[str, Mask]) -> Mask:
    """Return which of the pairs to report.

    - The same name and the same phone number or address. With the same birth date or email it
      is a duplicate person, which another check reports.
    - Both names similar (also with first and last swapped) and anything in common, unless the
      birth dates are in conflict: siblings share an address, not a birth date.
    - Twins share a birth date and a last name; only similar first names make them similar.
    - The same first name, birth date and one thing more with another last name: a marriage.
    """
    first, last, other_first, other_last = (
        np.array([part[at] for at in side.tolist()], dtype=object)
        for side in (one, two)
        for part in (keys.first, keys.last)
    )
    same = ((first == other_first) & (last == other_last)) | (
        (first == other_last) & (last == other_first)
    )
    near = (_near(first, other_first) & _near(last, other_last)) | (
        _near(first, other_last) & _near(last, other_first)
    )
    birth, email = agreement[_BIRTH], agreement[_EMAIL]
    contact = email | agreement[_PHONE] | agreement[_ADDRESS]
    whole_first = np.array([len(text) > 1 for text in first], np.bool_)
    married = (first == other_first) & whole_first & birth & contact
    similar = same | (near & ~_conflict(keys, one, two)) | married
    return np.asarray((birth | contact) & similar & ~(same & (birth | email)), np.bool_)


def _near(one: NDArray[np.object_], two: NDArray[np.object_]) -> Mask:
    """Return which pairs of folded names are similar as a whole, or forms of one name."""
    scores = process.cpdist(one, two, scorer=JaroWinkler.similarity, dtype=np.float32, workers=1)
    forms = np.array(list(map(are_forms, one, two)), np.bool_)
    return np.asarray((scores >= _SIMILARITY) | forms, np.bool_)


def _conflict(keys: MatchKeys, one: Numbers, two: Numbers) -> Mask:
    """Return whether both rows have birth dates that differ by more than one typing error.

    One error is a wrong year, a wrong month or a wrong day, or day and month swapped.
    """
    ours, theirs = (
        np.array([keys.birth[at].split("-") if keys.birth[at] else [""] * 3 for at in side])
        for side in (one.tolist(), two.tolist())
    )
    if not len(ours):
        return np.zeros(0, np.bool_)
    swapped = (ours == theirs[:, [0, 2, 1]]).all(axis=1)
    known = (ours[:, 0] != "") & (theirs[:, 0] != "")
    return np.asarray(known & ((ours != theirs).sum(axis=1) > 1) & ~swapped, np.bool_)
