"""XML, read into and written from the JSON form of the same document (contract 1.1, 1.3).

The two forms differ in their wrapper elements, attributes and codes only; `record` describes them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

from lxml import etree

from importer.sandbox.json_format import ILLEGAL, Json
from importer.sandbox.record import CONTACTS, USER_FIELDS, USER_PARTS, Field, Kind, Part
from importer.sandbox.refusals import Refusal

Element: TypeAlias = "etree._Element"
_LISTS = tuple(part for part in USER_PARTS if not part.contact)
_NEVER_BLANK = {Kind.DATE, Kind.TIME, Kind.BOOL}


def parse(body: bytes, *, huge: bool = False) -> Element:
    """Return the root of an XML document without a DTD; refuse anything else as Alma does.

    `huge` lifts the parser's limits, for the files of a SIS load.
    """
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True,
        remove_pis=True, huge_tree=huge,
    )  # fmt: skip
    try:
        root = etree.fromstring(body, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise Refusal.UNREADABLE.error() from error
    if root.getroottree().docinfo.internalDTD is not None:
        raise Refusal.UNREADABLE.error()
    return root


def to_document(user: Element, *, lax: bool = False) -> Json:
    """Return a user element in the form of a JSON body. Unknown elements are ignored.

    `lax` ignores empty dates and booleans too, as the SIS job does (contract 5).
    """
    if user.tag != "user":
        raise Refusal.UNREADABLE.error()
    contact = user.find("contact_info")
    document = _read(user, USER_FIELDS, _LISTS, lax=lax)
    if contact is not None:
        document["contact_info"] = _read(contact, (), CONTACTS, lax=lax)
    return document


def _read(
    element: Element, fields: Iterable[Field], parts: Iterable[Part], *, lax: bool
) -> dict[str, Json]:
    document: dict[str, Json] = {}
    for field in fields:
        if field.attribute:
            given = element.get(field.name)
        elif field.kind is Kind.CODES:
            document[field.name] = [
                {"value": _text(code)} for code in element.iterfind(f"{field.wrapper}/{field.name}")
            ]
            continue
        else:
            child = element.find(field.name)
            given = None if child is None else _text(child)
        if given is None or (lax and not given and field.kind in _NEVER_BLANK):
            continue
        document[field.name] = {"value": given} if field.kind is Kind.CODE else given
    for part in parts:
        document[part.name] = [
            _read(entry, part.fields, part.parts, lax=lax)
            for entry in element.iterfind(f"{part.wrapper}/{part.name}")
        ]
    return document


def _text(element: Element) -> str:
    if len(element):
        raise Refusal.UNREADABLE.error()
    return element.text or ""


def to_element(shown: Mapping[str, Json]) -> Element:
    """Return a user element from its JSON form, whole or short; it fits Alma's schema."""
    user = etree.Element("user")
    if shown.get("link"):
        user.set("link", str(shown["link"]))
    _write(user, shown, USER_FIELDS, _LISTS)
    contact = shown.get("contact_info")
    if isinstance(contact, Mapping):
        _write(etree.SubElement(user, "contact_info"), contact, (), CONTACTS)
    return user


def _write(
    element: Element, shown: Mapping[str, Json], fields: Iterable[Field], parts: Iterable[Part]
) -> None:
    for field in fields:
        value = shown.get(field.name)
        if field.attribute and value is not None:
            element.set(field.name, _printed(value))
        elif field.kind is Kind.CODES:
            wrapper = etree.SubElement(element, field.wrapper)
            for code in _rows(value):
                _write_code(wrapper, field.name, code)
        elif isinstance(value, Mapping):
            _write_code(element, field.name, value)
        elif value is not None:
            etree.SubElement(element, field.name).text = _printed(value)
    for part in parts:
        if part.name in shown:
            wrapper = etree.SubElement(element, part.wrapper)
            for row in _rows(shown[part.name]):
                _write(etree.SubElement(wrapper, part.name), row, part.fields, part.parts)


def _write_code(parent: Element, name: str, code: Mapping[str, Json]) -> None:
    if code["value"] is not None:
        desc = _printed(code["desc"])[:255]
        etree.SubElement(parent, name, desc=desc).text = _printed(code["value"])


def _rows(value: Json) -> list[Mapping[str, Json]]:
    rows = value if isinstance(value, Sequence) and not isinstance(value, str) else []
    return [row for row in rows if isinstance(row, Mapping)]


def _printed(value: Json) -> str:
    return ILLEGAL.sub("?", str(value).lower() if isinstance(value, bool) else str(value))
