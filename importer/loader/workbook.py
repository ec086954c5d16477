"""The parts of an Excel workbook around its sheets: names, relationships, styles (ECMA-376)."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from typing import TYPE_CHECKING

from importer.loader.formats import Styles, read_styles
from importer.loader.parsing import SheetError, feed, local, parser_for
from importer.loader.sheet import read_whole
from importer.loader.sheetxml import read_sheet
from importer.loader.strings import shared_strings

if TYPE_CHECKING:
    from importer.loader.archive import Archive
    from importer.loader.content import Content

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
            return read_sheet(self._archive.blocks(self._sheet(name)), strings, styles, until=until)
        return read_whole(self.xml(name), strings, styles)

    def xml(self, name: str) -> bytes:
        """The sheet as the file holds it."""
        return self._archive.part(self._sheet(name))

    def _sheet(self, name: str) -> str:
        member = self._sheets[name].member
        if member not in self._archive:
            raise SheetError
        return member

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
            self._strings = shared_strings(self._archive.part(member))
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
