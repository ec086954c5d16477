"""People who may be the same: rows of similar names, and contacts that several people share.

Only rows that share a birth date, an email, a phone number or an address, and beside it a name, a
nickname of it or the initials, are compared. So that the work grows with the roster and not
with its square, what more than 200 rows share does not count: as a contact it is an office's.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Collection, Iterator
from itertools import chain

import numpy as np
import pandas as pd

from importer.model.people import BORN, COMMON, EMAIL, NICKNAMES, PHONE, in_words, may_be_same
from importer.model.problem import CellFinding, Code, Problem
from importer.validator.row_keys import NAME, RowKeys

_CONTACTS = (EMAIL, "email address", "email addresses"), (PHONE, "phone number", "phone numbers")


def similar_people(keys: RowKeys, skipped: Collection[int]) -> Iterator[Problem]:
    """Yield a warning for each row that has similar ones under other primary IDs.

    The same name with the same birth date or email is a duplicate person, another check's.
    """
    others: defaultdict[int, list[int]] = defaultdict(list)
    shared: defaultdict[int, set[str]] = defaultdict(set)
    lines = keys.shared
    common = (lines.groupby("key")["key"].transform("size") > COMMON) & (lines["kind"] != BORN)
    often = lines[common].drop_duplicates("key")
    known = zip(often["kind"], keys.trait[often["key"]], strict=True)
    contacts = frozenset(map(" ".join, known))
    pairs = _pairs(keys, lines[~common & ~lines["position"].isin([*skipped])])
    rows = {at: keys.person_keys(at, contacts) for at in {*chain.from_iterable(pairs)}}
    for first, second in pairs:
        left, right = rows[first], rows[second]
        if not may_be_same(left, right):
            continue
        kinds = left.shared(right)
        if left.name != right.name or {BORN, EMAIL}.isdisjoint(kinds):
            for own, other in ((first, second), (second, first)):
                others[own].append(other)
                shared[own].update(kinds)
    for position in sorted(others):
        named = keys.listed(sorted(others[position]), position)
        what = f"with the same {in_words(shared[position])}"
        sentence = f"the name is similar to the one in {named}, {what}"
        finding = CellFinding(Code.SIMILAR_PERSON, sentence)
        yield keys.problem(position, finding, *NAME, *keys.labels(shared[position]))


def _pairs(keys: RowKeys, lines: pd.DataFrame) -> list[tuple[int, int]]:
    """Find the pairs of positions that share something and whose names may be similar, in order.

    These have a part of the name, one that a nickname stands for, or the initials in common: all
    pairs of such a block of rows. `lines`: as `keys.shared`.
    """
    named = lines.loc[keys.parts[1][lines["position"]] >= 0, ["position", "key"]]
    both = keys.parts[:, named["position"]]
    letters = np.array([ord(text[:1] or "\0") for text in keys.folded] + [0])  # a blank is -1
    low, high = np.sort(letters[both], axis=0)
    initials = named.assign(part=-1 - low * (sys.maxunicode + 1) - high)
    texts = [*enumerate(keys.folded), (-1, "")]
    words = pd.DataFrame(
        [(at, form) for at, word in texts for form in (word, *NICKNAMES.get(word, ()))]
    )
    words = pd.DataFrame({"name": words[0], "part": pd.factorize(words[1])[0]})
    parts = pd.concat([named.assign(name=name) for name in both]).merge(words)
    every = pd.concat([parts[["position", "key", "part"]], initials]).drop_duplicates()
    blocks = every.groupby(["key", "part"])
    every = every.assign(block=blocks.ngroup(), size=blocks["part"].transform("size"))
    every = every[every["size"].between(2, COMMON)].sort_values(["block", "position"])
    block, position = every["block"].to_numpy(), every["position"].to_numpy()
    rows = max(len(keys.rows), 1)
    ahead = ((n, np.flatnonzero(block[n:] == block[:-n])) for n in range(1, COMMON))
    pairs = np.concatenate([position[at] * rows + position[at + n] for n, at in ahead])
    left, right = np.divmod(np.unique(pairs), rows)
    person = np.array([keys.person(at) for at in range(len(keys.rows))])
    apart = person[left] != person[right]
    return list(zip(left[apart].tolist(), right[apart].tolist(), strict=True))


def shared_contacts(keys: RowKeys) -> Iterator[Problem]:
    """Yield one notice about the roster's emails and one about its phone numbers.

    It is one sentence however many rows share them: in some rosters everybody has the office's
    number. Rows of one name do not count; other checks cover them.
    """
    for kind, contact, many in _CONTACTS:
        lines = keys.shared[keys.shared["kind"] == kind]
        names = lines.drop_duplicates(["key", "name"])["key"]
        lines = lines[lines["key"].isin(names[names.duplicated()])]
        if lines.empty:
            continue
        count, positions = lines["key"].nunique(), sorted({*lines["position"].tolist()})
        labels = keys.labels([kind])
        first = positions[0]
        which = f"{count:,} {many} are" if count > 1 else f"1 {contact} is"
        yield Problem.of(
            Code.SHARED_CONTACT,
            keys.source(first).origin(),
            f"{which} shared by different people ({keys.listed(positions, first)})",
            *keys.places(first, *labels),
            field=labels[0],
        )
