"""The fast reader of rows, for the plain XML that spreadsheet programs and exporters write.

It looks at all tags of a piece at once, as arrays of their positions. Every tag, every attribute
and every byte between tags must be what a small grammar allows; where anything else turns up, the
answer is None, and the faithful reader (`sheetxml`) reads the piece. It never guesses, so the two
agree wherever this one answers.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from importer.loader import tags
from importer.loader.content import Cell, Content, Oddity, shown, style_number
from importer.loader.formats import DIGITS, PLAIN
from importer.loader.limits import COLUMNS, ROWS
from importer.loader.tags import Kind, Tags
from importer.loader.xmltext import attributes, is_well_formed, read_text, read_xml

if TYPE_CHECKING:
    from importer.loader.formats import Styles
    from importer.loader.tags import Flags, Ints
    from importer.model.catalogue import Code

_TYPES = ("n", "s", "b", "e", "d", "str", "inlineStr")
_NUMBER, _SHARED, _ERROR, _STRING, _INLINE = (
    _TYPES.index(name) for name in ("n", "s", "e", "str", "inlineStr")
)
_ZERO = ord("0")


@dataclass(frozen=True, slots=True)
class _Cells:
    """Cells of a piece, side by side: where their tags are, their place, style and type."""

    at: Ints
    rows: Ints
    columns: Ints
    styles: Ints
    types: Ints

    def only(self, these: Flags) -> _Cells:
        """Some of them."""
        if these.all():
            return self
        return _Cells(
            self.at[these],
            self.rows[these],
            self.columns[these],
            self.styles[these],
            self.types[these],
        )


class FastRows:
    """Reads pieces of one workbook's sheets: whole rows each, in UTF-8."""

    def __init__(self, strings: list[str], styles: Styles) -> None:
        """For cells that refer to these strings and styles."""
        self._table = np.array([*strings, None], dtype=object)[:-1]
        self._says = self._table.astype(np.bool_)
        self._strings = strings
        self._styles = styles
        # style 0 is General, also in a workbook without styles
        self._plain = {0, *(at for at, one in enumerate(styles.formats) if one == PLAIN)}
        if styles.formats and styles.formats[0] != PLAIN:
            self._plain.remove(0)
        # values repeat; what never does must not be kept by the million
        self._shown = lru_cache(65_536)(self._show)

    @property
    def looked_up(self) -> int:
        """How many values it had to look at one by one so far."""
        return self._shown.cache_info().misses

    def read(self, piece: bytes, after: int) -> Content | None:
        """What these rows hold, which come after that row; None where they are not plain."""
        found = tags.find(piece)
        if found is None or not is_well_formed(piece):
            return None
        content = Content()
        row_at = found.where(Kind.ROW, Kind.ROW_ALONE)
        numbers = _rows(found, row_at, content)
        if numbers is None or numbers[0] <= after:
            return None
        cell_at = found.where(Kind.C, Kind.C_ALONE)
        cells = _cells(found, cell_at, numbers[np.searchsorted(row_at, cell_at) - 1])
        return content if cells is not None and self._values(found, cells, content) else None

    def _values(self, found: Tags, cells: _Cells, content: Content) -> bool:
        """Read the text of every cell that has one; False where they are not plain."""
        cells = cells.only(found.kinds.take(cells.at) == Kind.C)
        inside = cells.at + 1
        kinds = found.kinds.take(inside)
        formula = (kinds == Kind.F) | (kinds == Kind.F_ALONE)
        if formula.any():
            content.formulas.update(np.unique(cells.columns[formula]).tolist())
            inside += formula * np.where(kinds == Kind.F, 2, 1)
            kinds = found.kinds.take(inside)
        inline = kinds == Kind.IS
        if (cells.types[inline] != _INLINE).any():
            return False
        # of cells without a stored value only these have something to say
        told = (kinds == Kind.V) | inline | (cells.types == _ERROR)
        told |= formula & (cells.types == _NUMBER)
        cells, text_at, formula = cells.only(told), (inside + inline)[told], formula[told]
        begin = found.ends.take(text_at) + 1
        end = np.where(found.holds_text(text_at), found.starts.take(text_at + 1), begin)

        texts = np.empty(len(text_at), dtype=object)
        says = np.empty(len(text_at), dtype=np.bool_)
        shared = np.flatnonzero(cells.types == _SHARED)
        position, stop = tags.number(found.data, begin[shared])
        known = (stop == end[shared]) & (stop > begin[shared]) & (position < len(self._table))
        if not known.all():
            return False
        texts[shared], says[shared] = self._table.take(position), self._says.take(position)
        typed = np.flatnonzero((cells.types == _INLINE) | (cells.types == _STRING))
        texts[typed], says[typed] = (
            _typed(found, begin[typed], end[typed]),
            end[typed] > begin[typed],
        )
        rest = np.flatnonzero(
            (cells.types != _SHARED) & (cells.types != _INLINE) & (cells.types != _STRING)
        )
        others = self._others(found, cells, formula, (rest, begin, end), content)
        texts[rest], says[rest] = others, [text != "" for text in others]
        if not says.all():
            cells, texts = cells.only(says), texts[says]
        content.rows, content.columns, content.texts = cells.rows, cells.columns, texts
        return True

    def _others(
        self,
        found: Tags,
        cells: _Cells,
        formula: Flags,
        spans: tuple[Ints, Ints, Ints],
        content: Content,
    ) -> list[str]:
        """Numbers, dates, booleans and errors: what they show, found once for each value."""
        at, begin, end = spans
        texts: list[str] = []
        odd: list[tuple[int, Code, str]] = []
        looked_up, plain = self._shown, self._plain
        for raw, style, kind, calculated in zip(
            found.spans(begin[at], end[at]),
            cells.styles[at].tolist(),
            cells.types[at].tolist(),
            formula[at].tolist(),
            strict=True,
        ):
            if not kind and style in plain and raw.isdigit() and len(raw) <= DIGITS:
                # a whole number that shows its digits, as nearly all do
                texts.append(raw.decode() if raw[0] != _ZERO else str(int(raw)))
                continue
            text, code = looked_up(raw, style, kind, calculated)
            if code is not None:
                odd.append((len(texts), code, text))
            texts.append(text)
        rows, columns = cells.rows[at], cells.columns[at]
        content.oddities = [
            Oddity(int(rows[position]), int(columns[position]), code, text)
            for position, code, text in odd
        ]
        return texts

    def _show(self, raw: bytes, style: int, kind: int, formula: bool) -> tuple[str, Code | None]:  # noqa: FBT001
        cell = Cell(0, 0, _TYPES[kind], style, read_xml(raw.decode()), formula)
        return shown(cell, self._strings, self._styles)


def _typed(found: Tags, begin: Ints, end: Ints) -> list[str]:
    """Text that stands in the cells themselves."""
    piece = found.piece
    plain = not (b"&" in piece or b"\r" in piece or (b"_" in piece and b"_x" in piece))
    if plain and piece.isascii():
        decoded = piece.decode()
        spans = zip(begin.tolist(), end.tolist(), strict=True)
        return [decoded[start:stop] for start, stop in spans]
    texts = [raw.decode() for raw in found.spans(begin, end)]
    return texts if plain else [read_text(text) for text in texts]


def _rows(found: Tags, row_at: Ints, content: Content) -> Ints | None:
    """The numbers of the rows, if each has one as its first attribute and they only grow."""
    begin = found.starts[row_at]
    if not tags.reads(found.data, begin, b'<row r="').all():
        return None
    numbers, stop = tags.number(found.data, begin + 8)
    good = (found.data[stop] == ord('"')) & (found.data[begin + 8] != _ZERO) & (stop > begin + 8)
    forms, known = found.forms(row_at, stop + 1)
    hidden = []
    for form in known:
        given = attributes(b' r=""' + form)
        if given is None:
            return None
        hidden.append(given.get("hidden") in {"1", "true"})
    if not good.all() or (np.diff(numbers) <= 0).any() or numbers[-1] > ROWS:
        return None
    content.last_row = int(numbers[-1])
    content.hidden_rows = numbers[np.array(hidden)[forms]].tolist()
    return numbers


def _cells(found: Tags, at: Ints, rows: Ints) -> _Cells | None:
    """Place, style and type of the cells, if their place is their first attribute."""
    data, begin = found.data, found.starts[at]
    good = tags.reads(data, begin, b'<c r="')
    columns, stop = tags.column(data, begin + 6)
    good &= (data.take(stop) != _ZERO) & (columns >= 0) & (columns < COLUMNS)
    numbers, stop = tags.number(data, stop)
    good &= (numbers == rows) & (data.take(stop) == ord('"'))
    good[1:] &= (np.diff(columns) > 0) | (np.diff(rows) > 0)
    if not good.all():
        return None
    forms, known = found.forms(at, stop + 1)
    styles, types = [], []
    for form in known:
        given = attributes(b' r=""' + form)
        if given is None or given.get("t", "n") not in _TYPES:
            return None
        styles.append(style_number(given.get("s", "0")))
        types.append(_TYPES.index(given.get("t", "n")))
    return _Cells(
        at, rows, columns, np.array(styles, np.int64)[forms], np.array(types, np.int64)[forms]
    )
