"""What is kept of each row to find its twins: hashes, and packed text where text is needed.

A hash stands for a folded value; 0 is blank. Positions count the kept rows from 0, in the order
of their row numbers, so that neither chunks nor the order of rows make a difference.
"""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import filterfalse
from typing import TYPE_CHECKING

import numpy as np

from importer.model.text import folded

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from importer.model.candidates import Candidates

    Hashes = NDArray[np.int64]

_DIGIT_VALUES = np.array([10**7, 10**6, 10**5, 10**4, 0, 10**3, 10**2, 0, 10, 1])
"""Of each character of an ISO date in the number 19900301."""
_NOT_A_DIGIT = re.compile(r"[^0-9]+")
_SHORTEST_PHONE = 7
_SPREAD = np.int64(0x1F3B_5A7D_9C41_E6D3)  # odd, so that no two numbers become one


def _numbers(values: Iterable[int], count: int) -> Hashes:
    return np.fromiter(values, dtype=np.int64, count=count)


def hashed(texts: Sequence[str]) -> Hashes:
    """A number for each text; equal texts have equal numbers, and blank is 0."""
    return _numbers(map(hash, texts), len(texts))  # Python's hash of "" is 0


def mixed(one: Hashes, two: Hashes) -> Hashes:
    """A number for each pair, 0 where either is blank."""
    pair = one * _SPREAD ^ two
    return np.where((one == 0) | (two == 0), np.int64(0), pair)


def _without_case(texts: Sequence[str]) -> list[str]:
    return list(map(str.casefold, texts))


def _ascii_table(kept: str) -> dict[int, str | None]:
    """For `str.translate`: capitals made small, then all but these characters left out."""
    small = ((mark, chr(mark).lower()) for mark in range(128) if chr(mark) != "\n")
    return {mark: letter if letter in kept else None for mark, letter in small}


_FOLDED = _ascii_table(string.ascii_lowercase + string.digits)
_DIGITS = _ascii_table(string.digits)


def _at_once(
    texts: Sequence[str], each: Callable[[str], str], table: dict[int, str | None]
) -> list[str]:
    """Every text as `each` changes it; usual ones all at once, by a table that says the same."""
    special = {*filterfalse(str.isascii, texts), *filterfalse(str.isprintable, texts)}
    usual = ["" if text in special else text for text in texts] if special else texts
    changed = "\n".join(usual).translate(table).split("\n") if texts else []
    apart = {text: each(text) for text in special}
    return list(map(apart.get, texts, changed)) if apart else changed


def folded_column(texts: Sequence[str]) -> list[str]:
    """Every text as `folded` has it."""
    return _at_once(texts, folded, _FOLDED)


def phone_keys(texts: Sequence[str]) -> list[str]:
    """The last ten digits of each number, blank where there are too few of them.

    With or without the prefix of the United States it is then one number.
    """
    numbers = _at_once(texts, partial(_NOT_A_DIGIT.sub, ""), _DIGITS)
    return [digits[-10:] if len(digits) >= _SHORTEST_PHONE else "" for digits in numbers]


@dataclass(frozen=True, slots=True)
class Packed:
    """Many short texts in one block of memory, by position."""

    block: str
    ends: Hashes

    @classmethod
    def of(cls, texts: Sequence[str]) -> Packed:
        """These texts, in order."""
        return cls("".join(texts), np.cumsum(_numbers(map(len, texts), len(texts))))

    @classmethod
    def joined(cls, parts: Sequence[Packed]) -> Packed:
        """The texts of all the parts, one part after the other."""
        starts = np.cumsum([0, *(len(part.block) for part in parts)])
        ends = [start + part.ends for start, part in zip(starts, parts, strict=False)]
        return cls("".join(part.block for part in parts), np.concatenate(ends))

    def __getitem__(self, position: int) -> str:
        """The text at a position."""
        start = self.ends[position - 1] if position else 0
        return self.block[start : self.ends[position]]

    def unpacked(self) -> list[str]:
        """The texts, in order."""
        ends = self.ends.tolist()
        return [self.block[start:end] for start, end in zip([0, *ends], ends, strict=False)]


@dataclass(frozen=True, slots=True)
class Part:
    """What is kept of one chunk. `ids` and `id_keys` stand in the order of `id_labels`.

    `content` stands for all that a row says of its person, or is 0 where nobody asks for it.
    """

    rows: Hashes
    ids: tuple[Packed, ...]
    id_keys: tuple[Hashes, ...]
    first: Packed
    last: Packed
    name: Hashes
    birth: Hashes
    emails: tuple[Hashes, ...]
    phones: tuple[Hashes, ...]
    addresses: tuple[Hashes, ...]
    weight: Hashes
    content: Hashes


def _whole_names(first: Hashes, last: Hashes) -> Hashes:
    """A number for each whole name, whichever of its parts stands first; 0 where both are blank."""
    low, high = np.minimum(first, last), np.maximum(first, last)
    return low * _SPREAD ^ high


def day_numbers(texts: Sequence[str]) -> Hashes:
    """Each ISO date as a number, 19900301; 0 where there is none."""
    there = np.fromiter(map(bool, texts), np.bool_, len(texts))
    marks = np.frombuffer("".join(texts).encode(), np.uint8).reshape(-1, len(_DIGIT_VALUES))
    days = np.zeros(len(texts), np.int64)
    days[there] = (marks - ord("0")) @ _DIGIT_VALUES
    return days


def _labels(candidates: Candidates, path: str) -> list[str]:
    targets = candidates.layout.targets.items()
    return [label for label, target in targets if target.field.path == path]


def id_labels(candidates: Candidates) -> list[str]:
    """The labels of all identifiers, the primary one first."""
    return ["primary_id", *_labels(candidates, "user_identifier.value")]


def _contents(candidates: Candidates) -> Hashes:
    """A number for all that each row says, its primary identifier and run variables aside."""
    columns = [
        candidates.texts(label)
        for label, target in candidates.layout.targets.items()
        if label != "primary_id" and not target.run_dependent
    ]
    return _numbers(map(hash, zip(*columns, strict=True)), len(candidates.rows))


UNWEIGHED = -(2**62) - 1
"""Of a row whose user group is blank, or nobody knows: it may be the heaviest."""


def kept(candidates: Candidates, weigh: Callable[[str], int], *, whole: bool) -> Part:
    """What of these candidates is needed to find twins; `weigh` gives a user group's weight.

    `whole`: rows of one identifier are to be compared in all that they say.
    """
    count = len(candidates.rows)

    def texts(label: str) -> list[str]:
        return candidates.texts(label)

    def keys(path: str, fold: Callable[[list[str]], list[str]]) -> tuple[Hashes, ...]:
        return tuple(hashed(fold(texts(label))) for label in _labels(candidates, path))

    def addresses() -> Iterable[Hashes]:
        for label in _labels(candidates, "contact_info.address.line1"):
            entry = label.rpartition(".")[0]
            streets = hashed(folded_column(texts(label)))
            places = hashed([text[:5] for text in texts(f"{entry}.postal_code")])
            yield mixed(streets, np.where(places == 0, np.int64(1), places))

    identifiers = [texts(label) for label in id_labels(candidates)]
    first = folded_column(texts("first_name"))
    last = folded_column(texts("last_name"))
    weights = {text: weigh(text) for text in dict.fromkeys(texts("user_group"))}
    return Part(
        rows=_numbers(candidates.rows, count),
        ids=tuple(map(Packed.of, identifiers)),
        id_keys=tuple(hashed(_without_case(column)) for column in identifiers),
        first=Packed.of(first),
        last=Packed.of(last),
        name=_whole_names(hashed(first), hashed(last)),
        birth=day_numbers(texts("birth_date")),
        emails=keys("contact_info.email.email_address", _without_case),
        phones=keys("contact_info.phone.phone_number", phone_keys),
        addresses=tuple(addresses()),
        weight=_numbers(map(weights.__getitem__, texts("user_group")), count),
        content=_contents(candidates) if whole else np.zeros(count, np.int64),
    )


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of the whole roster, in the order of the rows."""

    rows: Hashes
    ids: tuple[Packed, ...]
    id_keys: tuple[Hashes, ...]
    first: Packed
    last: Packed
    name: Hashes
    birth: Hashes
    emails: tuple[Hashes, ...]
    phones: tuple[Hashes, ...]
    addresses: tuple[Hashes, ...]
    weight: Hashes
    content: Hashes


def joined(parts: Sequence[Part]) -> Keys:
    """One table of all that was kept, sorted by row. There is at least one part."""
    rows = np.concatenate([part.rows for part in parts])
    order = np.argsort(rows, kind="stable")
    settled = bool((order[1:] > order[:-1]).all())

    def merged(columns: list[Hashes]) -> Hashes:
        return np.concatenate(columns)[order]

    def many(columns: list[tuple[Hashes, ...]]) -> tuple[Hashes, ...]:
        return tuple(merged(list(column)) for column in zip(*columns, strict=True))

    def packed(columns: Sequence[Packed]) -> Packed:
        whole = Packed.joined(columns)
        return whole if settled else Packed.of([whole[place] for place in order.tolist()])

    return Keys(
        rows=rows[order],
        ids=tuple(map(packed, zip(*(part.ids for part in parts), strict=True))),
        id_keys=many([part.id_keys for part in parts]),
        first=packed([part.first for part in parts]),
        last=packed([part.last for part in parts]),
        name=merged([part.name for part in parts]),
        birth=merged([part.birth for part in parts]),
        emails=many([part.emails for part in parts]),
        phones=many([part.phones for part in parts]),
        addresses=many([part.addresses for part in parts]),
        weight=merged([part.weight for part in parts]),
        content=merged([part.content for part in parts]),
    )
