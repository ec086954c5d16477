"""The parts of an Excel workbook around its sheets: names, styles, shared strings (ECMA-376)."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from defusedxml import ElementTree
from defusedxml.common import DefusedXmlException

from importer.loader.content import Content, SheetError, unescaped
from importer.loader.formats import Styles, styles
from importer.loader.sheetxml import feed, local, parser_for, read_sheet

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from xml.etree.ElementTree import Element

    from importer.loader.archive import Archive

_WORKBOOK = "xl/workbook.xml"
_ENTITIES = {"lt": "<", "gt": ">", "amp": "&", "quot": '"', "apos": "'"}
_ENTITY = re.compile(r"&(?:(lt|gt|amp|quot|apos)|#(\d{1,7})|#x([0-9A-Fa-f]{1,6}));")


@dataclass(frozen=True, slots=True)
class Sheet:
    """A sheet of a workbook: its name, whether people see it, and where it is."""

    name: str
    visible: bool
    member: str


class Workbook:
    """An open workbook. Everything raises SheetError where the file is damaged or hostile."""

    def __init__(self, archive: Archive) -> None:
        """Read what describes the workbook, but no sheet yet."""
        self._archive = archive
        root = _tree(archive.part(_WORKBOOK))
        self.starts_1904 = any(
            _attribute(element, "date1904") in {"1", "true"} for element in _all(root, "workbookPr")
        )
        self._members = _members(archive)
        found = (
            Sheet(
                _attribute(element, "name"),
                _attribute(element, "state") not in {"hidden", "veryHidden"},
                self._members.get(_attribute(element, "id"), ("", ""))[1],
            )
            for element in _all(root, "sheet")
            # chart sheets and macro sheets hold no rows
            if self._members.get(_attribute(element, "id"), ("", ""))[0] == "worksheet"
        )
        self._sheets = {sheet.name: sheet for sheet in found}
        self._styles: Styles | None = None
        self._strings: list[str] | None = None

    @property
    def sheets(self) -> tuple[tuple[str, bool], ...]:
        """The sheets that can hold rows, in order: the name, and whether people see it."""
        return tuple((sheet.name, sheet.visible) for sheet in self._sheets.values())

    def read(self, name: str, until: int = 0) -> Content:
        """What the sheet holds, up to row `until` where that is not 0."""
        member = self._sheets[name].member
        if member not in self._archive:
            raise SheetError
        blocks = self._archive.blocks(member)
        return read_sheet(blocks, self._all_strings(), self._all_styles(), until)

    def _all_styles(self) -> Styles:
        if self._styles is None:
            part = self._archive.part(self._member("styles"))
            self._styles = _styles(_tree(part) if part else None, starts_1904=self.starts_1904)
        return self._styles

    def _all_strings(self) -> list[str]:
        if self._strings is None:
            member = self._member("sharedStrings")
            self._strings = shared_strings(self._archive.blocks(member) if member else ())
        return self._strings

    def _member(self, kind: str) -> str:
        """The part of that kind, blank where the workbook has none."""
        members = (member for found, member in self._members.values() if found == kind)
        return next((member for member in members if member in self._archive), "")


def _tree(part: bytes) -> Element:
    try:
        return ElementTree.fromstring(part, forbid_dtd=True)
    except (ElementTree.ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise SheetError from error


def _all(root: Element, name: str) -> Iterator[Element]:
    """Every element of that name, in whichever namespace (transitional and strict differ)."""
    return (element for element in root.iter() if element.tag.rpartition("}")[2] == name)


def _attribute(element: Element, name: str) -> str:
    """An attribute by its local name; blank where there is none."""
    found = (text for key, text in element.attrib.items() if key.rpartition("}")[2] == name)
    return next(found, "")


def _members(archive: Archive) -> dict[str, tuple[str, str]]:
    """The parts that the workbook refers to, by relationship id: their kind and their name."""
    part = archive.part("xl/_rels/workbook.xml.rels")
    if not part:
        raise SheetError
    members = {}
    for element in _all(_tree(part), "Relationship"):
        target = _attribute(element, "Target")
        member = target.lstrip("/") if target.startswith("/") else posixpath.join("xl", target)
        kind = posixpath.basename(_attribute(element, "Type"))
        members[_attribute(element, "Id")] = (kind, posixpath.normpath(member))
    return members


def _styles(root: Element | None, *, starts_1904: bool) -> Styles:
    if root is None:
        return Styles(starts_1904=starts_1904)
    codes = {
        int(_attribute(element, "numFmtId")): _attribute(element, "formatCode")
        for element in _all(root, "numFmt")
        if _attribute(element, "numFmtId").isdecimal()
    }
    chosen = [
        int(identifier) if (identifier := _attribute(element, "numFmtId")).isdecimal() else 0
        for group in _all(root, "cellXfs")
        for element in group
    ]
    return styles(chosen, codes, starts_1904=starts_1904)


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
    """The texts where every tag is accounted for, else None."""
    start, end = whole.find(b"<si>"), whole.rfind(b"</si>")
    head = whole[: max(start, 0)]
    if start < 0 or b"<!" in whole or (b"encoding" in head and b"utf-8" not in head.lower()):
        return None
    if whole[end:].strip() != b"</si></sst>" or not head.rstrip().endswith(b">"):
        return None
    try:
        body = whole[start + 4 : end].decode("utf-8").replace(' xml:space="preserve"', "")
    except UnicodeDecodeError:
        return None
    body = body.replace("<t/>", "<t></t>")
    if not body.startswith("<t>") or not body.endswith("</t>"):
        return None
    texts = body[3:-4].split("</t></si><si><t>")
    if body.count("<") != 4 * len(texts) - 2 or body.count(">") != body.count("<"):
        return None
    if "\r" in body:
        texts = [text.replace("\r\n", "\n").replace("\r", "\n") for text in texts]
    if "&" in body:
        if len(_ENTITY.findall(body)) != body.count("&"):
            return None
        texts = [_ENTITY.sub(_character, text) if "&" in text else text for text in texts]
    return [unescaped(text) for text in texts] if "_x" in body else texts


def _character(match: re.Match[str]) -> str:
    if match[1]:
        return _ENTITIES[match[1]]
    code = int(match[2]) if match[2] else int(match[3], 16)
    if code > 0x10FFFF:
        raise SheetError
    return chr(code)


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
