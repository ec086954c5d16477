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
from typing import TYPE_CHECKING

import numpy as np

from importer.model.names import folded

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from importer.model.candidates import Candidates

    Hashes = NDArray[np.int64]

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
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


def _folding(texts: Sequence[str], fold: Callable[[str], str]) -> list[str]:
    """Every text folded; each distinct one is worked on once."""
    known = {text: fold(text) for text in dict.fromkeys(texts)}
    return [known[text] for text in texts]


def _without_case(texts: Sequence[str]) -> list[str]:
    return list(map(str.casefold, texts))


_DROPPED = "".join(
    mark for code in range(128) if not (mark := chr(code)).isalnum() and mark != "\n"
)
_FOLDED_ASCII = str.maketrans(string.ascii_uppercase, string.ascii_lowercase, _DROPPED)


def folded_column(texts: Sequence[str]) -> list[str]:
    """Every text as `folded` has it; those in ASCII all at once."""
    special = {text: folded(text) for text in set(texts) if not text.isascii() or "\n" in text}
    usual = ["" if text in special else text for text in texts] if special else texts
    names = "\n".join(usual).translate(_FOLDED_ASCII).split("\n") if texts else []
    return list(map(special.get, texts, names)) if special else names


class Packed:
    """Many short texts in one block of memory."""

    def __init__(self, texts: Sequence[str]) -> None:
        """Keeps the texts, in order."""
        self._block = "".join(texts)
        self._ends = np.cumsum(_numbers(map(len, texts), len(texts)))

    def unpacked(self) -> list[str]:
        """The texts, in order."""
        ends = self._ends.tolist()
        return [self._block[start:end] for start, end in zip([0, *ends], ends, strict=False)]


@dataclass(frozen=True, slots=True)
class Part:
    """What is kept of one chunk. `ids` and `id_keys` stand in the order of `id_labels`."""

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


def _whole_names(first: Hashes, last: Hashes) -> Hashes:
    """A number for each whole name, whichever of its parts stands first; 0 where both are blank."""
    low, high = np.minimum(first, last), np.maximum(first, last)
    return low * _SPREAD ^ high


def _birth(text: str) -> int:
    """The day as a number, 19900301; 0 where it is none."""
    return int(text.replace("-", "")) if _DAY.fullmatch(text) else 0


def _phone(text: str) -> str:
    """The last ten digits: with or without the prefix of the United States it is one number."""
    digits = _NOT_A_DIGIT.sub("", text)
    return digits[-10:] if len(digits) >= _SHORTEST_PHONE else ""


def _labels(candidates: Candidates, path: str) -> list[str]:
    targets = candidates.scheme.targets.items()
    return [label for label, target in targets if target.field.path == path]


def id_labels(candidates: Candidates) -> list[str]:
    """The labels of all identifiers, the primary one first."""
    return ["primary_id", *_labels(candidates, "user_identifier.value")]


def kept(candidates: Candidates, weigh: Callable[[str], int]) -> Part:
    """What of these candidates is needed to find twins; `weigh` gives a user group's weight."""
    frame, count = candidates.frame, len(candidates.frame)

    def texts(label: str) -> list[str]:
        values: list[str] = frame[label].tolist() if label in frame else [""] * count
        return values

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
    births = {text: _birth(text) for text in dict.fromkeys(texts("birth_date"))}
    weights = {text: weigh(text) for text in dict.fromkeys(texts("user_group"))}
    return Part(
        rows=_numbers(frame.index.tolist(), count),
        ids=tuple(map(Packed, identifiers)),
        id_keys=tuple(hashed(_without_case(column)) for column in identifiers),
        first=Packed(first),
        last=Packed(last),
        name=_whole_names(hashed(first), hashed(last)),
        birth=_numbers(map(births.__getitem__, texts("birth_date")), count),
        emails=keys("contact_info.email.email_address", _without_case),
        phones=keys("contact_info.phone.phone_number", partial(_folding, fold=_phone)),
        addresses=tuple(addresses()),
        weight=_numbers(map(weights.__getitem__, texts("user_group")), count),
    )


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of the whole roster, in the order of the rows."""

    rows: Hashes
    ids: tuple[list[str], ...]
    id_keys: tuple[Hashes, ...]
    first: list[str]
    last: list[str]
    name: Hashes
    birth: Hashes
    emails: tuple[Hashes, ...]
    phones: tuple[Hashes, ...]
    addresses: tuple[Hashes, ...]
    weight: Hashes


def joined(parts: Sequence[Part]) -> Keys:
    """One table of all that was kept, sorted by row. There is at least one part."""
    rows = np.concatenate([part.rows for part in parts])
    order = np.argsort(rows, kind="stable")
    numbers = order.tolist()
    settled = bool((order[1:] > order[:-1]).all())

    def merged(columns: list[Hashes]) -> Hashes:
        return np.concatenate(columns)[order]

    def many(columns: list[tuple[Hashes, ...]]) -> tuple[Hashes, ...]:
        return tuple(merged(list(column)) for column in zip(*columns, strict=True))

    def unpacked(columns: Sequence[Packed]) -> list[str]:
        texts = [text for column in columns for text in column.unpacked()]
        return texts if settled else [texts[number] for number in numbers]

    return Keys(
        rows=rows[order],
        ids=tuple(map(unpacked, zip(*(part.ids for part in parts), strict=True))),
        id_keys=many([part.id_keys for part in parts]),
        first=unpacked([part.first for part in parts]),
        last=unpacked([part.last for part in parts]),
        name=merged([part.name for part in parts]),
        birth=merged([part.birth for part in parts]),
        emails=many([part.emails for part in parts]),
        phones=many([part.phones for part in parts]),
        addresses=many([part.addresses for part in parts]),
        weight=merged([part.weight for part in parts]),
    )
