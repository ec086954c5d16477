"""The fast reader of a sheet, for the plain XML that spreadsheet programs and exporters write.

It looks at all tags of a piece at once, as arrays of their positions. Every tag, every attribute
of a cell and every byte between tags must be what a small grammar allows; where anything else
turns up, the answer is None, and the faithful reader (`sheetxml`) reads the sheet. It never
guesses, so the two agree wherever this one answers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from importer.loader import tags
from importer.loader.content import (
    Cell,
    Content,
    Oddity,
    TooLargeError,
    shown,
)
from importer.loader.formats import DIGITS, PLAIN
from importer.loader.limits import CELLS, COLUMNS
from importer.loader.parsing import SheetError
from importer.loader.sheetxml import read_sheet
from importer.loader.tags import Tags
from importer.loader.xmltext import is_utf8, read_text

if TYPE_CHECKING:
    import numpy.typing as npt

    from importer.loader.formats import Styles
    from importer.loader.tags import Ints
    from importer.model.catalogue import Code

PIECE = 512 * 1024
"""Bytes that are looked at together."""

_BEGIN, _END = b"<sheetData>", b"</sheetData>"
_TYPES = ("n", "s", "b", "e", "d", "str", "inlineStr")
_SHARED, _ERROR, _INLINE = (_TYPES.index(name) for name in ("s", "e", "inlineStr"))
_UNKNOWN = 255
_ZERO = ord("0")
_TYPE_OF = np.full(65_536, _UNKNOWN, dtype=np.uint8)
for _at, _name in enumerate(_TYPES):
    _two = (_name + '"').encode()
    _TYPE_OF[_two[0] * 256 + _two[1]] = _at
_TYPE_LENGTHS = np.array([len(name) for name in _TYPES])


def read_plain_sheet(whole: bytes, strings: list[str], styles: Styles) -> Content | None:
    """What the sheet of this XML holds, or None where it is not plain."""
    start, end = whole.find(_BEGIN) + len(_BEGIN), whole.rfind(_END)
    if start < len(_BEGIN) or end < start or not is_utf8(whole[:start]):
        return None
    try:
        # what stands around the rows, without the rows
        rows = _Rows(read_sheet([whole[:start], whole[end:]], strings, styles), strings, styles)
        while start < end:
            cut = end if end - start <= PIECE else whole.rfind(b"<row", start + 1, start + PIECE)
            if cut < 0 or not rows.add(whole[start:cut]):
                return None
            start = cut
    except (SheetError, UnicodeDecodeError):
        return None  # the faithful reader says what is wrong
    return rows.content()


@dataclass(frozen=True, slots=True)
class _Cells:
    """Cells of a piece, side by side: where they stand, their style and type."""

    rows: Ints
    columns: Ints
    styles: Ints
    types: Ints


class _Rows:
    """The rows of a sheet, piece by piece."""

    def __init__(self, around: Content, strings: list[str], styles: Styles) -> None:
        self._content = around
        self._table = np.array([*strings, None], dtype=object)[:-1]
        self._strings = strings
        self._styles = styles
        # style 0 is General, also in a workbook without styles
        self._plain = {0, *(at for at, one in enumerate(styles.formats) if one == PLAIN)}
        if styles.formats and styles.formats[0] != PLAIN:
            self._plain.remove(0)
        self._seen: dict[tuple[bytes, int, int], tuple[str, Code | None]] = {}
        self._count = 0
        self._rows: list[Ints] = []
        self._columns: list[Ints] = []
        self._texts: list[npt.NDArray[np.object_]] = []

    def content(self) -> Content:
        """All that was read."""
        if self._rows:
            self._content.rows = np.concatenate(self._rows)
            self._content.columns = np.concatenate(self._columns)
            self._content.texts = np.concatenate(self._texts)
        return self._content

    def add(self, piece: bytes) -> bool:
        """Read whole rows; False where they are not plain."""
        found = tags.find(piece)
        if found is None:
            return False
        row_at, cell_at = found.rows(), found.cells()
        numbers = _row_numbers(found, row_at)
        if numbers is None or numbers[0] <= self._content.last_row:
            return False
        self._content.last_row = int(numbers[-1])
        if b"hidden" in piece:
            self._content.hidden_rows += [
                int(number)
                for number, at in zip(numbers, row_at, strict=True)
                if b' hidden="1"' in (tag := found.tag(at)) or b' hidden="true"' in tag
            ]
        cells = _cells(found, cell_at, numbers[np.searchsorted(row_at, cell_at) - 1])
        return cells is not None and self._values(found, cell_at, cells)

    def _values(self, found: Tags, cell_at: Ints, cells: _Cells) -> bool:
        """Read the text of every cell that has one."""
        full = found.holds_more(cell_at)
        if (cells.types[~full] == _ERROR).any():
            return False
        cell_at = cell_at[full]
        cells = _Cells(cells.rows[full], cells.columns[full], cells.styles[full], cells.types[full])
        inline = cells.types == _INLINE
        if (found.is_inline(cell_at + 1) != inline).any():
            return False
        text_at = cell_at + 1 + inline
        begin, end = found.ends[text_at] + 1, found.starts[text_at + 1]
        texts = np.full(len(cell_at), "", dtype=object)
        shared = np.flatnonzero(cells.types == _SHARED)
        position, stop = tags.number(found.data, begin[shared])
        if not (
            (stop == end[shared]) & (stop > begin[shared]) & (position < len(self._table))
        ).all():
            return False
        texts[shared] = self._table[position]
        inlined = self._inlined(found.piece, begin[inline], end[inline])
        if inlined is None:
            return False
        texts[inline] = inlined
        rest = np.flatnonzero((cells.types != _SHARED) & ~inline)
        texts[rest] = self._others(found.piece, rest, cells, begin[rest], end[rest])
        filled = texts != ""
        self._rows.append(cells.rows[filled])
        self._columns.append(cells.columns[filled])
        self._texts.append(texts[filled])
        self._count += int(filled.sum())
        if self._count > CELLS:
            raise TooLargeError
        return True

    def _inlined(self, piece: bytes, begin: Ints, end: Ints) -> list[str] | None:
        """Text that stands in the cells themselves; None where an entity is not XML's own."""
        spans = zip(begin.tolist(), end.tolist(), strict=True)
        plain = not any(awkward in piece for awkward in (b"&", b"_x", b"\r"))
        if plain and piece.isascii():
            decoded = piece.decode()
            return [decoded[start:stop] for start, stop in spans]
        raw = [piece[start:stop].decode() for start, stop in spans]
        if plain:
            return raw
        read = [text for one in raw if (text := read_text(one)) is not None]
        return read if len(read) == len(raw) else None

    def _others(self, piece: bytes, at: Ints, cells: _Cells, begin: Ints, end: Ints) -> list[str]:
        """Numbers, dates, booleans and errors: what they show, found once for each value."""
        texts: list[str] = []
        odd: list[tuple[int, Code, str]] = []
        seen, plain = self._seen, self._plain
        spans = zip(
            begin.tolist(),
            end.tolist(),
            cells.styles[at].tolist(),
            cells.types[at].tolist(),
            strict=True,
        )
        for start, stop, style, kind in spans:
            raw = piece[start:stop]
            if not kind and style in plain and raw.isdigit() and stop - start <= DIGITS:
                # a whole number that shows its digits, as nearly all do
                texts.append(raw.decode() if raw[0] != _ZERO else str(int(raw)))
                continue
            key = (raw, style, kind)
            text, code = seen.get(key) or seen.setdefault(key, self._shown(*key))
            if code is not None:
                odd.append((len(texts), code, text))
            texts.append(text)
        rows, columns = cells.rows[at].tolist(), cells.columns[at].tolist()
        self._content.oddities += [
            Oddity(rows[position], columns[position], code, text) for position, code, text in odd
        ]
        return texts

    def _shown(self, raw: bytes, style: int, kind: int) -> tuple[str, Code | None]:
        text = read_text(raw.decode())
        if text is None:
            raise SheetError
        cell = Cell(0, 0, _TYPES[kind], style, text, formula=False)
        return shown(cell, self._strings, self._styles)


def _row_numbers(found: Tags, row_at: Ints) -> Ints | None:
    """The numbers of the rows, if each has one as its first attribute and they only grow."""
    begin = found.starts[row_at]
    if not tags.reads(found.data, begin, b'<row r="').all():
        return None
    numbers, stop = tags.number(found.data, begin + 8)
    good = (found.data[stop] == ord('"')) & (found.data[begin + 8] != ord("0")) & (stop > begin + 8)
    return numbers if good.all() and (np.diff(numbers) > 0).all() else None


def _cells(found: Tags, cell_at: Ints, rows: Ints) -> _Cells | None:
    """Place, style and type of the cells, if they have these attributes, in this order, only."""
    data, begin, end = found.data, found.starts[cell_at], found.ends[cell_at]
    good = tags.reads(data, begin, b'<c r="')
    columns, at = tags.column(data, begin + 6)
    good &= (data[at] != ord("0")) & (columns < COLUMNS)
    numbers, at = tags.number(data, at)
    good &= (numbers == rows) & (data[at] == ord('"')) & (columns >= 0)
    at += 1
    styles = np.zeros(len(at), dtype=np.int64)
    styled = np.flatnonzero(tags.reads(data, at, b' s="'))
    styles[styled], stop = tags.number(data, at[styled] + 4)
    good[styled] &= (data[stop] == ord('"')) & (stop > at[styled] + 4)
    at[styled] = stop + 1
    types = np.zeros(len(at), dtype=np.int64)
    typed = np.flatnonzero(tags.reads(data, at, b' t="'))
    begins = at[typed] + 4
    kind = _TYPE_OF[data[begins].astype(np.int64) * 256 + data[begins + 1]].astype(np.int64)
    if (kind == _UNKNOWN).any():
        return None
    types[typed] = kind
    stop = begins + _TYPE_LENGTHS[kind]
    good[typed] &= data[stop] == ord('"')
    at[typed] = stop + 1
    good &= (
        (at == end)
        | (tags.reads(data, at, b"/>") & (at + 1 == end))
        | (tags.reads(data, at, b" />") & (at + 2 == end))
    )
    in_order = (np.diff(columns) > 0) | (np.diff(rows) > 0)
    return _Cells(rows, columns, styles, types) if good.all() and in_order.all() else None
