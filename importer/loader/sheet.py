"""A sheet's XML → Content, piece by piece, each by the quickest reader that can."""

from __future__ import annotations

from typing import TYPE_CHECKING

from importer.loader.content import Content, joined
from importer.loader.fastsheet import FastRows
from importer.loader.limits import CELLS, ODDITIES, VALUES
from importer.loader.parsing import Patience, SheetError, TooLargeError
from importer.loader.pieces import pieces
from importer.loader.sheetxml import read_sheet
from importer.loader.xmltext import is_utf8

if TYPE_CHECKING:
    from collections.abc import Iterator

    from importer.loader.formats import Styles

_BEGIN, _END, _ROW = b"<sheetData>", b"</sheetData>", b"<row"


def read_whole(whole: bytes, strings: list[str], styles: Styles) -> Content:
    """What the sheet of this XML holds.

    Raises SheetError where the XML is damaged or hostile, TooLargeError where it is no roster's.
    """
    patience = Patience()  # one for both, so that a second reading does not take as long again
    start, end = whole.find(_BEGIN) + len(_BEGIN), whole.rfind(_END)
    if len(_BEGIN) <= start <= end and is_utf8(whole[:start]):
        try:
            # what stands around the rows, then the rows
            around = read_sheet([whole[:start], whole[end:]], strings, styles)
            rows = pieces(whole, start, end, _ROW)
            return joined([around, *_parts(rows, strings, styles, patience)])
        except SheetError:
            pass  # a comment that holds rows, perhaps: only the whole of it tells
    return read_sheet([whole], strings, styles, patience=patience)


def _parts(
    rows: Iterator[bytes], strings: list[str], styles: Styles, patience: Patience
) -> Iterator[Content]:
    """The rows that stand there, some hundreds of them at a time."""
    fast = FastRows(strings, styles)
    row = cells = odd = 0
    for piece in rows:
        part = fast.read(piece, row)
        if part is None:
            blocks = [_BEGIN, piece, _END]
            part = read_sheet(blocks, strings, styles, after=row, patience=patience)
        row = part.last_row
        cells += len(part.texts)
        odd += len(part.oddities)
        if cells > CELLS or odd > ODDITIES or fast.looked_up > VALUES:
            raise TooLargeError
        yield part
