"""The texts that the cells of a workbook share (ECMA-376 part 1, 18.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from importer.loader.content import unescaped
from importer.loader.limits import CELLS
from importer.loader.parsing import Patience, SheetError, TooLargeError, feed, local, parser_for
from importer.loader.pieces import pieces
from importer.loader.xmltext import is_utf8, is_well_formed, read_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_OPENING, _END = b"<si>", b"</sst>"


def shared_strings(whole: bytes) -> list[str]:
    """The texts in this part, by position.

    Most programs write `<si><t>text</t></si>` throughout, which is cut apart at once; a piece with
    rich text, phonetic hints or anything unusual is parsed. Raises SheetError, TooLargeError.
    """
    patience = Patience()  # one for both, so that a second reading does not take as long again
    start, end = whole.find(_OPENING), whole.rfind(_END)
    if 0 <= start <= end and is_utf8(whole[:start]):
        try:
            _parsed([whole[:start], whole[end:]], patience)
            return list(_texts(pieces(whole, start, end, _OPENING), patience))
        except SheetError:
            pass  # a comment that holds strings, perhaps: only the whole of it tells
    return _parsed([whole], patience) if whole else []


def _texts(strings: Iterator[bytes], patience: Patience) -> Iterator[str]:
    count = 0
    for piece in strings:
        texts = _simple(piece)
        if texts is None:
            texts = _parsed([b"<sst>", piece, _END], patience)
        count += len(texts)
        if count > CELLS:
            raise TooLargeError
        yield from texts


def _simple(piece: bytes) -> list[str] | None:
    """The texts where every tag and every entity is accounted for, else None."""
    if not is_well_formed(piece):
        return None
    try:
        body = piece.decode()
    except UnicodeDecodeError:
        return None
    texts = _cut(body)
    if texts is None:
        body = body.replace(' xml:space="preserve"', "").replace("<t/>", "<t></t>")
        texts = _cut(body)
    if texts is None or not any(awkward in body for awkward in ("\r", "&", "_x")):
        return texts
    return [read_text(text) for text in texts]


def _cut(body: str) -> list[str] | None:
    """The texts between the tags, if all tags are as the simplest strings have them."""
    opening, closing = "<si><t>", "</t></si>"
    if not (body.startswith(opening) and body.endswith(closing)):
        return None
    texts = body[len(opening) : -len(closing)].split(closing + opening)
    tags = 4 * len(texts)
    return texts if (body.count("<"), body.count(">")) == (tags, tags) else None


def _parsed(blocks: Iterable[bytes], patience: Patience) -> list[str]:
    texts: list[str] = []
    runs: list[str] = []
    inside = {"t": 0, "rPh": 0}

    def start(name: str, _: dict[str, str]) -> None:
        name = local(name)
        if name == "si":
            runs.clear()
        elif name in inside:
            inside[name] += 1

    def end(name: str) -> None:
        name = local(name)
        if name == "si":
            texts.append(unescaped("".join(runs)))
        elif name in inside:
            inside[name] -= 1

    def data(text: str) -> None:
        if inside["t"] and not inside["rPh"]:
            runs.append(text)

    parser = parser_for(start, end)
    parser.CharacterDataHandler = data
    feed(parser, blocks, patience)
    return texts
