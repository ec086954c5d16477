"""All tags of a piece of sheet XML at once, as arrays of their positions."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

import numpy as np

from importer.loader.xmltext import attributes

if TYPE_CHECKING:
    import numpy.typing as npt

    Ints = npt.NDArray[np.int64]
    Bytes = npt.NDArray[np.uint8]
    Flags = npt.NDArray[np.bool_]

_MARGIN = b" " * 32  # so that looking ahead of the last tag stays inside
_DIGITS = 9  # more than any number that matters here has
_FORMS = 12  # forms that are looked for in all tags at once; beyond, each tag by itself is quicker


class Kind(IntEnum):
    """The kinds of tag. One that closes itself is a kind of its own, next to its open form."""

    OTHER = 0
    ROW = 1
    ROW_ALONE = 2
    C = 3
    C_ALONE = 4
    F = 5
    F_ALONE = 6
    V = 7
    V_ALONE = 8
    T = 9
    T_ALONE = 10
    IS = 11
    ROW_END = 12
    C_END = 13
    F_END = 14
    V_END = 15
    T_END = 16
    IS_END = 17


_BY_START = np.zeros(65_536, dtype=np.uint8)  # by the two characters behind `<`
_LENGTH = np.zeros(len(Kind), dtype=np.int64)  # from `<` to `>`, without attributes; 0: any
for _start, _kind, _length in (
    (b"ro", Kind.ROW, 0),
    (b"c ", Kind.C, 0),
    (b"f>", Kind.F, 2),
    (b"f ", Kind.F, 2),
    (b"f/", Kind.F, 2),
    (b"v>", Kind.V, 2),
    (b"v ", Kind.V, 2),
    (b"v/", Kind.V, 2),
    (b"t>", Kind.T, 2),
    (b"t ", Kind.T, 2),
    (b"t/", Kind.T, 2),
    (b"is", Kind.IS, 3),
    (b"/r", Kind.ROW_END, 5),
    (b"/c", Kind.C_END, 3),
    (b"/f", Kind.F_END, 3),
    (b"/v", Kind.V_END, 3),
    (b"/t", Kind.T_END, 3),
    (b"/i", Kind.IS_END, 4),
):
    _BY_START[_start[0] * 256 + _start[1]] = _kind
    _LENGTH[_kind] = _length

_ALONE = np.zeros(len(Kind), dtype=np.uint8)
for _kind in (Kind.ROW, Kind.C, Kind.F, Kind.V, Kind.T):
    _ALONE[_kind] = _kind + 1
for _kind in (Kind.F_ALONE, Kind.V_ALONE, Kind.T_ALONE):
    _LENGTH[_kind] = 3

_NEXT_ROW = (Kind.ROW, Kind.ROW_ALONE)
_NEXT_CELL = (Kind.C, Kind.C_ALONE, Kind.ROW_END)
_STORED = (Kind.V, Kind.V_ALONE, Kind.IS, Kind.C_END)
_MAY_FOLLOW = np.zeros((len(Kind), len(Kind)), dtype=np.bool_)
for _kind, _next in (
    (Kind.ROW, _NEXT_CELL),
    (Kind.ROW_ALONE, _NEXT_ROW),
    (Kind.ROW_END, _NEXT_ROW),
    (Kind.C, (Kind.F, Kind.F_ALONE, *_STORED)),
    (Kind.C_ALONE, _NEXT_CELL),
    (Kind.C_END, _NEXT_CELL),
    (Kind.F, (Kind.F_END,)),
    (Kind.F_ALONE, _STORED),
    (Kind.F_END, _STORED),
    (Kind.V, (Kind.V_END,)),
    (Kind.V_ALONE, (Kind.C_END,)),
    (Kind.V_END, (Kind.C_END,)),
    (Kind.IS, (Kind.T, Kind.T_ALONE)),
    (Kind.T, (Kind.T_END,)),
    (Kind.T_ALONE, (Kind.IS_END,)),
    (Kind.T_END, (Kind.IS_END,)),
    (Kind.IS_END, (Kind.C_END,)),
):
    _MAY_FOLLOW[_kind, list(_next)] = True
_WHITE = np.zeros(256, dtype=np.bool_)
_WHITE[list(b" \t\r\n")] = True
_HOLDS_TEXT = np.zeros(len(Kind), dtype=np.bool_)
_HOLDS_TEXT[[Kind.F, Kind.V, Kind.T]] = True
_ATTRIBUTED = np.zeros(len(Kind), dtype=np.bool_)
_ATTRIBUTED[[Kind.F, Kind.F_ALONE, Kind.V, Kind.V_ALONE, Kind.T, Kind.T_ALONE]] = True


@dataclass(frozen=True, slots=True)
class Tags:
    """The tags of a piece in their order: where each begins and ends, and its kind."""

    piece: bytes
    data: Bytes  # the piece, and a margin
    starts: Ints
    ends: Ints
    kinds: Bytes

    def where(self, *kinds: Kind) -> Ints:
        """The tags of these kinds."""
        return np.flatnonzero(np.logical_or.reduce([self.kinds == kind for kind in kinds]))

    def holds_text(self, at: Ints) -> Flags:
        """Behind which of these tags may text stand?"""
        return _HOLDS_TEXT.take(self.kinds.take(at))

    def spans(self, begin: Ints, end: Ints) -> list[bytes]:
        """The bytes from each of these positions to the other, which is not included."""
        piece = self.piece
        pairs = zip(begin.tolist(), end.tolist(), strict=True)
        return [piece[start:stop] for start, stop in pairs]

    def forms(self, at: Ints, begin: Ints) -> tuple[Ints, list[bytes]]:
        """What stands from these positions to the ends of these tags: which form, and all forms.

        The attributes of thousands of cells have a handful of forms between them.
        """
        numbers = np.empty(len(at), dtype=np.int64)
        forms: list[bytes] = []
        left: Ints | slice = slice(None)
        begins, ends = begin, self.ends[at]
        while len(begins) and len(forms) < _FORMS:
            form = self.piece[begins[0] : ends[0] + 1]
            same = reads(self.data, begins, form)
            numbers[left] = np.where(same, len(forms), -1)
            forms.append(form)
            if same.all():
                return numbers, forms
            left = np.flatnonzero(numbers < 0)
            begins, ends = begin[left], self.ends[at[left]]
        found = {form: number for number, form in enumerate(forms)}
        numbers[left] = [
            found.setdefault(form, len(found)) for form in self.spans(begins, ends + 1)
        ]
        return numbers, list(found)


def find(piece: bytes) -> Tags | None:
    """The tags of whole rows; None where there is a tag, an order or text that is not plain."""
    data = np.frombuffer(piece + _MARGIN, dtype=np.uint8)
    edges = np.flatnonzero((data | np.uint8(ord("<") ^ ord(">"))) == ord(">"))
    starts, ends = edges[::2].copy(), edges[1::2].copy()
    plain = (
        0 < len(starts) == len(ends)
        and (data.take(starts) == ord("<")).all()
        and (data.take(ends) == ord(">")).all()
        and starts[0] == 0
        and ends[-1] == len(piece) - 1
    )
    if not plain:
        return None
    kinds = _BY_START.take(data[1:].take(starts).astype(np.uint16) * 256 + data[2:].take(starts))
    alone = np.flatnonzero(data.take(ends - 1) == ord("/"))
    kinds[alone] = _ALONE.take(kinds[alone])
    length = _LENGTH.take(kinds)
    found = Tags(piece, data, starts, ends, kinds)
    text = starts[1:] - ends[:-1] > 1
    gaps = np.flatnonzero(text & ~_HOLDS_TEXT.take(kinds[:-1]))
    longer = np.flatnonzero((length > 0) & (length != ends - starts))
    plain = (
        _ATTRIBUTED[kinds[longer]].all()
        and all(attributes(form) is not None for form in found.forms(longer, starts[longer] + 2)[1])
        and kinds[0] in _NEXT_ROW
        and kinds[-1] in {Kind.ROW_END, Kind.ROW_ALONE}
        and _MAY_FOLLOW.take(kinds[:-1].astype(np.uint16) * len(Kind) + kinds[1:]).all()
        and _is_white(data, ends[gaps] + 1, starts[gaps + 1])
        and reads(data, starts[found.where(Kind.ROW_END)], b"</row>").all()
        and reads(data, starts[found.where(Kind.IS_END)], b"</is>").all()
    )
    return found if plain else None


def _is_white(data: Bytes, begin: Ints, end: Ints) -> bool:
    """Is there nothing but line breaks and indentation between these positions?"""
    if not len(begin):
        return True
    white = np.cumsum(_WHITE[data], dtype=np.int64)
    return bool((white[end - 1] - white[begin - 1] == end - begin).all())


def reads(data: Bytes, at: Ints, text: bytes) -> Flags:
    """At which of these positions this text stands."""
    good = np.ones(len(at), dtype=np.bool_)
    for offset, byte in enumerate(text):
        good &= data[offset:].take(at) == byte
    return good


def number(data: Bytes, at: Ints) -> tuple[Ints, Ints]:
    """The whole numbers that begin at these positions, and where each ends; no digit is 0."""
    values = np.zeros(len(at), dtype=np.int64)
    stop = at.copy()
    for _ in range(_DIGITS):
        digit = data.take(stop) - np.uint8(ord("0"))  # what is below goes around, beyond 9
        more = digit <= 9
        if not more.any():
            break
        values = np.where(more, values * 10 + digit, values)
        stop += more
    return values, stop


def column(data: Bytes, at: Ints) -> tuple[Ints, Ints]:
    """The columns, from 0, whose letters begin at these positions, and where each ends."""
    values = np.zeros(len(at), dtype=np.int64)
    stop = at.copy()
    for _ in range(3):
        place = data.take(stop) - np.uint8(ord("A"))
        more = place <= 25
        if not more.any():
            break
        values = np.where(more, values * 26 + place + 1, values)
        stop += more
    return values - 1, stop
