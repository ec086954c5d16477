"""The parts of an Excel workbook around its sheets: names, styles, shared strings (ECMA-376)."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from typing import TYPE_CHECKING

from importer.loader.content import Content, unescaped
from importer.loader.formats import Styles, read_styles
from importer.loader.parsing import SheetError, feed, local, parser_for
from importer.loader.sheet import read_whole
from importer.loader.sheetxml import read_sheet
from importer.loader.xmltext import is_utf8, is_well_formed, read_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from importer.loader.archive import Archive

_WORKBOOK = "xl/workbook.xml"
_MOST = 500_000  # elements of a part that describes the workbook


@dataclass(frozen=True, slots=True)
class _Sheet:
    """A sheet of a workbook: its name, whether people see it, and where it is."""

    name: str
    visible: bool
    member: str


class Workbook:
    """An open workbook. Everything raises SheetError where the file is damaged or hostile."""

    def __init__(self, archive: Archive) -> None:
        """Read what describes the workbook, but no sheet yet."""
        self._archive = archive
        elements = _elements(archive.part(_WORKBOOK))
        self.starts_1904 = any(
            element.attributes.get("date1904") in {"1", "true"}
            for element in elements
            if element.name == "workbookPr"
        )
        self._members = _members(archive)
        self._sheets: dict[str, _Sheet] = {}
        for element in elements:
            kind, member = self._members.get(element.attributes.get("id", ""), ("", ""))
            # chart sheets and macro sheets hold no rows
            if element.name == "sheet" and kind == "worksheet":
                name = element.attributes.get("name", "")
                visible = element.attributes.get("state") not in {"hidden", "veryHidden"}
                self._sheets[name] = _Sheet(name, visible, member)
        self._styles: Styles | None = None
        self._strings: list[str] | None = None

    @property
    def sheets(self) -> tuple[tuple[str, bool], ...]:
        """The sheets that can hold rows, in order: the name, and whether people see it."""
        return tuple((sheet.name, sheet.visible) for sheet in self._sheets.values())

    def read(self, name: str, until: int = 0) -> Content:
        """What the sheet holds, up to row `until` where that is not 0."""
        strings, styles = self.strings(), self.styles()
        if until:
            return read_sheet(self._blocks(name), strings, styles, until=until)
        return read_whole(self.xml(name), strings, styles)

    def xml(self, name: str) -> bytes:
        """The sheet as the file holds it."""
        return b"".join(self._blocks(name))

    def _blocks(self, name: str) -> Iterator[bytes]:
        member = self._sheets[name].member
        if member not in self._archive:
            raise SheetError
        return self._archive.blocks(member)

    def styles(self) -> Styles:
        """The formats of its cells."""
        if self._styles is None:
            part = self._archive.part(self._member("styles"))
            self._styles = _styles(part, starts_1904=self.starts_1904)
        return self._styles

    def strings(self) -> list[str]:
        """The texts that its cells share."""
        if self._strings is None:
            member = self._member("sharedStrings")
            self._strings = shared_strings(self._archive.blocks(member) if member else ())
        return self._strings

    def _member(self, kind: str) -> str:
        """The part of that kind, blank where the workbook has none."""
        members = (member for found, member in self._members.values() if found == kind)
        return next((member for member in members if member in self._archive), "")


@dataclass(frozen=True, slots=True)
class _Element:
    """An element of a small part: its parent's name, its own, and its attributes by local name."""

    parent: str
    name: str
    attributes: dict[str, str]


def _elements(part: bytes) -> list[_Element]:
    """The elements of a part in their order, in whichever namespace (Excel's two forms differ)."""
    found: list[_Element] = []
    path = [""]

    def start(name: str, attributes: dict[str, str]) -> None:
        by_local = {local(key): text for key, text in attributes.items()}
        if len(found) >= _MOST:
            raise SheetError
        found.append(_Element(path[-1], local(name), by_local))
        path.append(local(name))

    def end(_: str) -> None:
        path.pop()

    if part:
        feed(parser_for(start, end), [part])
    return found


def _members(archive: Archive) -> dict[str, tuple[str, str]]:
    """The parts that the workbook refers to, by relationship id: their kind and their name."""
    members = {}
    for element in _elements(archive.part("xl/_rels/workbook.xml.rels")):
        target = element.attributes.get("Target", "")
        member = target.lstrip("/") if target.startswith("/") else posixpath.join("xl", target)
        kind = posixpath.basename(element.attributes.get("Type", ""))
        members[element.attributes.get("Id", "")] = (kind, posixpath.normpath(member))
    return members


def _styles(part: bytes, *, starts_1904: bool) -> Styles:
    codes: dict[int, str] = {}
    chosen: list[int] = []
    for element in _elements(part):
        given = element.attributes.get("numFmtId", "")
        identifier = int(given) if given.isdecimal() else 0
        if element.name == "numFmt":
            codes[identifier] = element.attributes.get("formatCode", "")
        elif element.name == "xf" and element.parent == "cellXfs":
            chosen.append(identifier)
    return read_styles(chosen, codes, starts_1904=starts_1904)


def shared_strings(blocks: Iterable[bytes]) -> list[str]:
    """The texts that cells share, by position.

    Most programs write `<si><t>text</t></si>` throughout, which is cut apart at once; rich text,
    phonetic hints and anything unusual are parsed.
    """
    whole = b"".join(blocks)
    if not whole:
        return []
    simple = _simple_strings(whole)
    return _parsed_strings(whole) if simple is None else simple


def _simple_strings(whole: bytes) -> list[str] | None:
    """The texts where every tag and every entity is accounted for, else None."""
    start, end = whole.find(b"<si>"), whole.rfind(b"</si>")
    head, tail = whole[: max(start, 0)], whole[end:]
    if (
        start < 0
        or not (is_utf8(head) and is_well_formed(whole))
        or b"".join(tail.split()) != b"</si></sst>"
    ):
        return None
    try:
        body = whole[start + 4 : end].decode("utf-8")
    except UnicodeDecodeError:
        return None
    body = body.replace(' xml:space="preserve"', "").replace("<t/>", "<t></t>")
    texts = body[3:-4].split("</t></si><si><t>")
    tags = 4 * len(texts) - 2
    if (body[:3], body[-4:], body.count("<"), body.count(">")) != ("<t>", "</t>", tags, tags):
        return None
    if not any(awkward in body for awkward in ("\r", "&", "_x")):
        return texts
    return [read_text(text) for text in texts]


def _parsed_strings(whole: bytes) -> list[str]:
    texts: list[str] = []
    pieces: list[str] = []
    inside = {"t": 0, "rPh": 0}

    def start(name: str, _: dict[str, str]) -> None:
        name = local(name)
        if name == "si":
            pieces.clear()
        elif name in inside:
            inside[name] += 1

    def end(name: str) -> None:
        name = local(name)
        if name == "si":
            texts.append(unescaped("".join(pieces)))
        elif name in inside:
            inside[name] -= 1

    def data(text: str) -> None:
        if inside["t"] and not inside["rPh"]:
            pieces.append(text)

    parser = parser_for(start, end)
    parser.CharacterDataHandler = data
    feed(parser, [whole])
    return texts
