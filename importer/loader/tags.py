"""All tags of a piece of sheet XML at once, as arrays of their positions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Ints = npt.NDArray[np.int64]
    Bytes = npt.NDArray[np.uint8]
    Flags = npt.NDArray[np.bool_]

_MARGIN = b" " * 32  # so that looking ahead of the last tag stays inside
_DIGITS = 9  # more than any number that matters here has

# The kinds of tag. A tag that closes itself is a kind of its own; of the others none may.
_OTHER, _ROW, _ROW_ALONE, _ROW_END, _C, _C_ALONE, _C_END, _V, _V_END, _IS, _IS_END, _T, _T_END = (
    range(13)
)
_BY_START = np.zeros(65_536, dtype=np.uint8)  # by the two characters behind `<`
_LENGTH = np.zeros(13, dtype=np.int64)  # from `<` to `>`, where a kind has just one
for _start, _kind, _length in (
    (b"ro", _ROW, 0),
    (b"/r", _ROW_END, 5),
    (b"c ", _C, 0),
    (b"/c", _C_END, 3),
    (b"v>", _V, 2),
    (b"/v", _V_END, 3),
    (b"is", _IS, 3),
    (b"/i", _IS_END, 4),
    (b"t>", _T, 0),
    (b"t ", _T, 0),
    (b"/t", _T_END, 3),
):
    _BY_START[_start[0] * 256 + _start[1]] = _kind
    _LENGTH[_kind] = _length

_CELL_OR_END, _NEXT_ROW = (_C, _C_ALONE, _ROW_END), (_ROW, _ROW_ALONE)
_MAY_FOLLOW = np.zeros((13, 13), dtype=np.bool_)
for _kind, _next in (
    (_ROW, _CELL_OR_END),
    (_ROW_ALONE, _NEXT_ROW),
    (_ROW_END, _NEXT_ROW),
    (_C, (_V, _IS, _C_END)),
    (_C_ALONE, _CELL_OR_END),
    (_C_END, _CELL_OR_END),
    (_V, (_V_END,)),
    (_V_END, (_C_END,)),
    (_IS, (_T,)),
    (_T, (_T_END,)),
    (_T_END, (_IS_END,)),
    (_IS_END, (_C_END,)),
):
    _MAY_FOLLOW[_kind, list(_next)] = True


@dataclass(frozen=True, slots=True)
class Tags:
    """The tags of a piece in their order: where each begins and ends, and its kind."""

    piece: bytes
    data: Bytes  # the piece, and a margin
    starts: Ints
    ends: Ints
    kinds: Bytes

    def rows(self) -> Ints:
        """Which tags begin rows."""
        return np.flatnonzero((self.kinds == _ROW) | (self.kinds == _ROW_ALONE))

    def cells(self) -> Ints:
        """Which tags begin cells."""
        return np.flatnonzero((self.kinds == _C) | (self.kinds == _C_ALONE))

    def holds_more(self, at: Ints) -> Flags:
        """Which of these cells hold something."""
        return np.equal(self.kinds[at], _C) & np.not_equal(self.kinds[at + 1], _C_END)

    def is_inline(self, at: Ints) -> Flags:
        """Which of these tags begin inline text."""
        return np.equal(self.kinds[at], _IS)

    def tag(self, at: int) -> bytes:
        """One tag."""
        return self.piece[self.starts[at] : self.ends[at]]


def find(piece: bytes) -> Tags | None:
    """The tags of whole rows; None where there is a tag, an order or text that is not plain."""
    data = np.frombuffer(piece + _MARGIN, dtype=np.uint8)
    starts, ends = np.flatnonzero(data == ord("<")), np.flatnonzero(data == ord(">"))
    if not len(starts) or len(starts) != len(ends) or starts[0] or ends[-1] != len(piece) - 1:
        return None
    between = starts[1:] - ends[:-1] - 1
    if (ends < starts).any() or (between < 0).any():
        return None
    kinds = _BY_START[data[starts + 1].astype(np.uint16) * 256 + data[starts + 2]]
    alone = data[ends - 1] == ord("/")
    kinds[alone & (kinds != _ROW) & (kinds != _C)] = _OTHER
    kinds[alone & (kinds == _ROW)] = _ROW_ALONE
    kinds[alone & (kinds == _C)] = _C_ALONE
    length = _LENGTH[kinds]
    plain = (
        ((length == 0) | (length == ends - starts)).all()
        and kinds[0] in _NEXT_ROW
        and kinds[-1] in {_ROW_END, _ROW_ALONE}
        and _MAY_FOLLOW[kinds[:-1], kinds[1:]].all()
        # text stands in values and inline text only
        and not between[(kinds[:-1] != _V) & (kinds[:-1] != _T)].any()
    )
    return Tags(piece, data, starts, ends, kinds) if plain else None


def reads(data: Bytes, at: Ints, text: bytes) -> Flags:
    """At which of these positions this text stands."""
    good = np.ones(len(at), dtype=np.bool_)
    for offset, byte in enumerate(text):
        good &= data[at + offset] == byte
    return good


def number(data: Bytes, at: Ints) -> tuple[Ints, Ints]:
    """The whole numbers that begin at these positions, and where each ends; no digit is 0."""
    values = np.zeros(len(at), dtype=np.int64)
    stop = at.copy()
    for _ in range(_DIGITS):
        digit = data[stop].astype(np.int64) - ord("0")
        more = (digit >= 0) & (digit <= 9)
        if not more.any():
            break
        values = np.where(more, values * 10 + digit, values)
        stop += more
    return values, stop


def column(data: Bytes, at: Ints) -> tuple[Ints, Ints]:
    """The columns, from 0, whose letters begin at these positions, and where each ends."""
    values = np.zeros(len(at), dtype=np.int64)
    stop = at.copy()
    going = np.ones(len(at), dtype=np.bool_)
    for _ in range(3):
        place = data[stop].astype(np.int64) - ord("A") + 1
        going &= (place >= 1) & (place <= 26)
        values = np.where(going, values * 26 + place, values)
        stop += going
    return values - 1, stop
