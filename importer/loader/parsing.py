"""The XML of workbooks, as a stream of elements, without what can harm."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING
from xml.parsers import expat

from importer.loader.limits import TAGS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


class SheetError(Exception):
    """The sheet is not what a workbook's sheet is: damaged, or made to harm."""


class DoctypeError(SheetError):
    """A part declares a document type, by which entities grow without bound or reach for files."""


class TooLargeError(Exception):
    """The workbook holds far more than a roster does."""


class LockedError(SheetError):
    """The workbook only opens with a password."""


def parser_for(
    start: Callable[[str, dict[str, str]], None], end: Callable[[str], None]
) -> expat.XMLParserType:
    """A parser that refuses document types and joins neighbouring text."""
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.StartDoctypeDeclHandler = _refuse_doctype
    return parser


def _refuse_doctype(*_: object) -> None:
    raise DoctypeError


class Patience:
    """How many tags of a part may still be looked at one by one."""

    def __init__(self) -> None:
        """Begin with as many as a part may have."""
        self._left = TAGS

    def take(self, piece: bytes) -> None:
        """Count the tags of a piece. Raises TooLargeError where they are too many, before work."""
        self._left -= piece.count(b"<")
        if self._left < 0:
            raise TooLargeError


def feed(
    parser: expat.XMLParserType, blocks: Iterable[bytes], patience: Patience | None = None
) -> None:
    """Parse all blocks, out of what patience a part has left.

    Raises SheetError where they are not well-formed XML, TooLargeError where they hold more tags
    than can be looked at one by one.
    """
    patience = patience or Patience()
    try:
        for block in blocks:
            patience.take(block)
            parser.Parse(block, False)  # noqa: FBT003  expat takes it by position only
        parser.Parse(b"", True)  # noqa: FBT003
    except (expat.ExpatError, ValueError, LookupError) as error:
        raise SheetError from error


@lru_cache(256)
def local(name: str) -> str:
    """The name of an element without its prefix."""
    return name.rpartition(":")[2]
