"""Rows that may be of one person: similar names, and one more thing in common.

Only rows that share a birth date, an email, a phone number or an address, and beside it a name, a
nickname of it or the initials, are compared. So that the work grows with the roster and not
with its square, what more than 200 rows share does not count: as a contact it is an office's.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator
from itertools import chain, combinations

import pandas as pd

from importer.model.people import BORN, COMMON, EMAIL, NICKNAMES, in_words, may_be_same
from importer.model.problem import Code, Problem
from importer.model.text import name_key
from importer.validator.duplicates import RowKeys


def similar_people(keys: RowKeys, skipped: Collection[int]) -> Iterator[Problem]:
    """Yield a warning for each row that has similar ones under other primary IDs.

    The same name with the same birth date or email is a duplicate person, another check's.
    """
    others: defaultdict[int, list[int]] = defaultdict(list)
    shared: defaultdict[int, set[str]] = defaultdict(set)
    lines = keys.shared
    common = (lines.groupby("key")["key"].transform("size") > COMMON) & (lines["kind"] != BORN)
    contacts = frozenset(lines["key"][common])
    pairs = _pairs(keys, lines[~common & ~lines["position"].isin([*skipped])])
    rows = {at: keys.person_keys(at, contacts) for at in {*chain.from_iterable(pairs)}}
    for one, two in sorted(pairs):
        left, right = rows[one], rows[two]
        kinds = left.shared(right)
        duplicate = left.name == right.name and not {BORN, EMAIL}.isdisjoint(kinds)
        if not duplicate and may_be_same(left, right):
            for own, other in ((one, two), (two, one)):
                others[own].append(other)
                shared[own].update(kinds)
    for position in sorted(others):
        named = keys.listed(sorted(others[position]), position)
        yield keys.problem(
            Code.SIMILAR_PERSON,
            position,
            f"the name is similar to the one in {named}, with the same "
            f"{in_words(shared[position])}",
            "last_name",
            "first_name",
            *keys.labels(shared[position]),
        )


def _pairs(keys: RowKeys, lines: pd.DataFrame) -> set[tuple[int, int]]:
    """Find the pairs of positions that share something and whose names may be similar.

    These have a part of the name, one that a nickname stands for, or the initials in common.
    `lines`: as `keys.shared`.
    """
    has_name = lines["position"].map(keys.last.__getitem__) != ""
    named = lines.loc[has_name, ["position", "key"]]
    positions = named["position"].tolist()
    first, last = ([names[at] for at in positions] for names in (keys.first, keys.last))
    initials = [" ".join(name_key(one[:1], two[:1])) for one, two in zip(first, last, strict=True)]
    parts = pd.concat([named.assign(part=parts) for parts in (first, last, initials)])
    long = parts.assign(part=parts["part"].map(NICKNAMES)).dropna().explode("part")
    every = pd.concat([parts, long])
    alike = every[every.duplicated(["key", "part"], keep=False)].drop_duplicates()
    pairs: set[tuple[int, int]] = set()
    for group in alike.groupby(["key", "part"])["position"].agg(list):
        if len(group) <= COMMON:
            pairs.update(combinations(sorted(group), 2))
    return {(a, b) for a, b in pairs if keys.person(a) != keys.person(b)}
