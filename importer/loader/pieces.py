"""Large parts of a workbook, cut into pieces that are each read by the quickest reader that can."""

from __future__ import annotations

from typing import TYPE_CHECKING

from importer.loader.limits import ELEMENT_BYTES
from importer.loader.parsing import TooLargeError

if TYPE_CHECKING:
    from collections.abc import Iterator

PIECE = 512 * 1024
"""Bytes that are looked at together."""


def pieces(whole: bytes, start: int, end: int, opening: bytes) -> Iterator[bytes]:
    """What stands between `start` and `end`, cut only where an element opens.

    Raises TooLargeError where such an element is larger than any of a roster.
    """
    while start < end:
        cut = end if end - start <= PIECE else whole.rfind(opening, start + 1, start + PIECE)
        if cut < 0:
            cut = whole.find(opening, start + PIECE, end)
            cut = end if cut < 0 else cut
            if cut - start > ELEMENT_BYTES:
                raise TooLargeError
        if piece := whole[start:cut].strip(b" \t\r\n"):
            yield piece
        start = cut
