"""What rows are compared by: folded names, IDs without case, contacts, birth dates."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from importer.model.candidates import Candidates
from importer.model.catalogue import Code, Severity
from importer.model.problem import Problem
from importer.model.text import folded, name_key
from importer.validator.identifiers import is_no_id

Numbers = NDArray[np.int64]
"""One number per row: equal keys have equal numbers, 0 is a blank."""

Mask = NDArray[np.bool_]

PRIMARY, IDENTIFIER = "primary_id", "user_identifier.value"
EMAIL, PHONE = "contact_info.email.email_address", "contact_info.phone.phone_number"
STREET = "contact_info.address.line1"

_NAMED = 5
_NOT_A_DIGIT = re.compile(r"[^0-9]+")
_SHORTEST_PHONE = 7


@dataclass(frozen=True, slots=True)
class MatchKeys:
    """The keys of every row, by position in the frame.

    `ids`, `emails`, `phones` and `addresses` have one array per column, `ids` the primary IDs
    first. `first` and `last` are folded names, `name` is the same whichever stands first.
    `birth` is the date as a number: 19900301.
    """

    candidates: Candidates
    rows: list[int]
    id_labels: tuple[str, ...]
    ids: list[Numbers]
    first: list[str]
    last: list[str]
    name: Numbers
    birth: Numbers
    emails: list[Numbers]
    phones: list[Numbers]
    addresses: list[Numbers]

    @classmethod
    def of(cls, candidates: Candidates) -> MatchKeys:
        """Fold and number every value that rows are compared by."""
        layout, texts = candidates.layout, candidates.texts
        id_labels = (PRIMARY, *layout.labels(IDENTIFIER))
        first, last = (_each(folded, texts(label)) for label in ("first_name", "last_name"))
        return cls(
            candidates,
            candidates.rows,
            id_labels,
            numbered([_each(_id_key, texts(label)) for label in id_labels]),
            first,
            last,
            numbered([list(map(_name_key, first, last))])[0],
            np.array([int(day.replace("-", "") or 0) for day in texts("birth_date")], np.int64),
            numbered([_each(str.casefold, texts(label)) for label in layout.labels(EMAIL)]),
            numbered([_each(_phone_key, texts(label)) for label in layout.labels(PHONE)]),
            numbered([_addresses(candidates, label) for label in layout.labels(STREET)]),
        )

    def without(self, left_out: Mask) -> list[Numbers]:
        """The IDs, blank for the rows that are left out."""
        return [np.where(left_out, 0, column) for column in self.ids]

    def person(self, position: int) -> int:
        """A number of the primary ID; rows without one are different people."""
        return int(self.ids[0][position]) or -position - 1

    def named(self, positions: Iterable[int], own: int, count: int) -> str:
        """Name the other rows of a group of `count` rows, for a message to one of them."""
        return row_list((self.rows[other] for other in positions if other != own), count - 1)

    def problem(
        self,
        code: Code,
        position: int,
        message: str,
        *labels: str,
        value: str = "",
        advice: str = "",
        severity: Severity | None = None,
    ) -> Problem:
        """Return a problem of one row, about the field of the first label."""
        return Problem.of(
            code,
            self.candidates.origin(self.rows[position]),
            message,
            *self.candidates.layout.places(*labels),
            field=labels[0],
            value=value,
            advice=advice,
            severity=severity,
        )


def _each(change: Callable[[str], str], texts: list[str]) -> list[str]:
    """Change every text, each distinct one once."""
    changed = {text: change(text) for text in set(texts)}
    return [changed[text] for text in texts]


def _id_key(text: str) -> str:
    """An ID without case; "" for one that identifies nobody, such as a rounded one."""
    return "" if is_no_id(text) else text.casefold()


def _phone_key(text: str) -> str:
    """The last ten digits, so that the prefix of the United States makes no difference."""
    digits = _NOT_A_DIGIT.sub("", text)
    return digits[-10:] if len(digits) >= _SHORTEST_PHONE else ""


def _name_key(first: str, last: str) -> str:
    """A whole name, the same in both orders."""
    return " ".join(name_key(first, last)).strip()


def _addresses(candidates: Candidates, label: str) -> list[str]:
    """Street and five-digit ZIP code; "" without a street."""
    streets = _each(folded, candidates.texts(label))
    codes = candidates.texts(label.rpartition(".")[0] + ".postal_code")
    pairs = zip(streets, codes, strict=True)
    return [f"{street} {code[:5]}" if street else "" for street, code in pairs]


def numbered(columns: list[list[str]]) -> list[Numbers]:
    """Number the distinct texts of some columns together: equal texts get equal numbers."""
    if not columns:
        return []
    every = np.array([text or None for column in columns for text in column], dtype=object)
    codes, _ = pd.factorize(every)
    return list(np.split(codes.astype(np.int64) + 1, len(columns)))


def paired(one: Numbers, columns: Sequence[Numbers]) -> list[Numbers]:
    """Number the distinct pairs of one column and some others together; 0 if either is blank."""
    if not columns:
        return []
    ones, twos = np.tile(one, len(columns)), np.concatenate(columns)
    pairs = pd.DataFrame({"one": ones, "two": twos}).groupby(["one", "two"], sort=False).ngroup()
    found = np.where((ones == 0) | (twos == 0), 0, pairs.to_numpy() + 1)
    return list(np.split(found, len(columns)))


def sharing(columns: Sequence[Numbers]) -> list[list[tuple[int, int]]]:
    """Find the places that share a key that is not blank, as (position, column), two or more.

    Places are in order, and so are groups, by their first place.
    """
    if not columns:
        return []
    every = np.concatenate(columns)
    shared = np.flatnonzero(pd.Series(every).duplicated(keep=False).to_numpy() & (every != 0))
    groups: defaultdict[int, list[tuple[int, int]]] = defaultdict(list)
    for place, key in zip(shared.tolist(), every[shared].tolist(), strict=True):
        column, position = divmod(place, len(columns[0]))
        groups[key].append((position, column))
    return sorted(map(sorted, groups.values()))


def row_list(rows: Iterable[int], count: int) -> str:
    """Return `row 5`, `rows 5 and 9` or `rows 5, 9, 12, 15, 20 and 3 more`."""
    named = [str(row) for row in islice(rows, _NAMED)]
    if count > _NAMED:
        named.append(f"{count - _NAMED:,} more")
    return f"{'row' if len(named) == 1 else 'rows'} {word_list(named)}"


def word_list(words: Sequence[str]) -> str:
    """Return `a`, `a and b` or `a, b and c`; there is at least one word."""
    *front, last = words
    return f"{', '.join(front)} and {last}" if front else last
