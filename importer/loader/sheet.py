"""A sheet's XML → Content, piece by piece, each by the quickest reader that can."""

from __future__ import annotations

from typing import TYPE_CHECKING

from importer.loader.content import Content, joined
from importer.loader.fastsheet import FastRows
from importer.loader.limits import CELLS, ROW_BYTES, TAGS
from importer.loader.parsing import SheetError, TooLargeError
from importer.loader.sheetxml import read_sheet
from importer.loader.xmltext import is_utf8

if TYPE_CHECKING:
    from collections.abc import Iterator

    from importer.loader.formats import Styles

PIECE = 512 * 1024
"""Bytes that are looked at together."""

_BEGIN, _END, _ROW = b"<sheetData>", b"</sheetData>", b"<row"


def read_whole(whole: bytes, strings: list[str], styles: Styles) -> Content:
    """What the sheet of this XML holds.

    Raises SheetError where the XML is damaged or hostile, TooLargeError where it is no roster's.
    """
    start, end = whole.find(_BEGIN) + len(_BEGIN), whole.rfind(_END)
    if len(_BEGIN) <= start <= end and is_utf8(whole[:start]):
        try:
            # what stands around the rows, then the rows
            parts = [read_sheet([whole[:start], whole[end:]], strings, styles)]
            parts += _parts(whole, start, end, strings, styles)
            return joined(parts)
        except SheetError:
            pass  # a comment that holds rows, perhaps: only the whole of it tells
    return read_sheet([whole], strings, styles)


def _parts(
    whole: bytes, start: int, end: int, strings: list[str], styles: Styles
) -> Iterator[Content]:
    """The rows that stand there, some hundreds of them at a time."""
    fast = FastRows(strings, styles)
    row = cells = tags = 0
    for piece in _pieces(whole, start, end):
        part = fast.read(piece, row)
        if part is None:
            tags += piece.count(b"<")
            if tags > TAGS:
                raise TooLargeError
            part = read_sheet([_BEGIN, piece, _END], strings, styles, after=row)
        row = part.last_row
        cells += len(part.texts)
        if cells > CELLS:
            raise TooLargeError
        yield part


def _pieces(whole: bytes, start: int, end: int) -> Iterator[bytes]:
    """Whole rows, as many as are looked at together."""
    while start < end:
        cut = end if end - start <= PIECE else whole.rfind(_ROW, start + 1, start + PIECE)
        if cut < 0:  # a row that is longer
            cut = whole.find(_ROW, start + PIECE, end)
            cut = end if cut < 0 else cut
            if cut - start > ROW_BYTES:
                raise TooLargeError
        if piece := whole[start:cut].strip(b" \t\r\n"):
            yield piece
        start = cut
