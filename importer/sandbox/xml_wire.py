"""Users as XML: reading by Alma's schema, writing what that schema accepts (contract 1.1, 1.3)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

from lxml import etree

from importer.sandbox import shape, values
from importer.sandbox.json_wire import Describe
from importer.sandbox.record import Record, Value, codes, entries, flag, full_name, text
from importer.sandbox.refusal import Said
from importer.sandbox.shape import Empty, Field, Kind, Part

Element: TypeAlias = "etree._Element"
_COMMON_ATTRIBUTES = frozenset({"desc", "link"})
_SCHEMA_INSTANCE = "{http://www.w3.org/2001/XMLSchema-instance}"


def parse(body: bytes, *, huge: bool = False) -> Element:
    """Any XML document without a DTD; whatever is none is refused as Alma refuses it.

    `huge` lifts the parser's limits, for the files of a SIS load.
    """
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True,
        remove_pis=True, huge_tree=huge,
    )  # fmt: skip
    try:
        root = etree.fromstring(body, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise Said.UNREADABLE.refuse() from error
    if root.getroottree().docinfo.internalDTD is not None:
        raise Said.UNREADABLE.refuse()
    return root


def read_user(user: Element, *, lax: bool = False) -> Record:
    """A user from its element. Unknown and repeated elements are refused.

    `lax` reads over empty dates and booleans, as the SIS job does (contract 5).
    """
    if user.tag != "user":
        raise Said.UNREADABLE.refuse()
    _refuse_text(user)
    children = _children(user)
    contact = children.pop("contact_info", None)
    for name in shape.IGNORED:
        children.pop(name, None)
    lists = [part for part in shape.USER_PARTS if not part.contact]
    record = _read(user, children, shape.USER_FIELDS, lists, lax=lax)
    order = [part.wrapper for part in shape.CONTACTS]
    inside = _children(contact) if contact is not None else {}
    if [name for name in order if name in inside] != list(inside):
        raise Said.UNREADABLE.refuse()
    for part in shape.CONTACTS:
        record[part.name] = _read_part(inside.get(part.wrapper), part, lax=lax)
    return record


def _read(
    element: Element,
    children: dict[str, Element],
    fields: Iterable[Field],
    parts: Iterable[Part],
    *,
    lax: bool,
) -> Record:
    """The fields and lists of one element; `children` must all be used up."""
    record: Record = {}
    allowed = set(_COMMON_ATTRIBUTES)
    for field in fields:
        if field.attribute:
            allowed.add(field.name)
            given = element.get(field.name)
            value = "" if given is None else _read_text(given, field, lax=lax)
        else:
            value = _read_field(children.pop(field.wrapper or field.name, None), field, lax=lax)
        if value:
            record[field.name] = value
    for part in parts:
        record[part.name] = _read_part(children.pop(part.wrapper, None), part, lax=lax)
    if children:
        raise Said.UNREADABLE.refuse()
    _refuse_attributes(element, allowed)
    return record


def _read_part(wrapper: Element | None, part: Part, *, lax: bool) -> list[Record]:
    if wrapper is None:
        return []
    _refuse_text(wrapper)
    _refuse_attributes(wrapper, set())
    rows: list[Record] = []
    for entry in wrapper:
        if entry.tag != part.name:
            raise Said.UNREADABLE.refuse()
        _refuse_text(entry)
        rows.append(_read(entry, _children(entry), part.fields, part.parts, lax=lax))
    return rows


def _read_field(element: Element | None, field: Field, *, lax: bool) -> Value:
    if element is None:
        return ""
    if field.kind is not Kind.CODES:
        return _read_text(_leaf(element), field, lax=lax)
    _refuse_text(element)
    if any(entry.tag != field.name for entry in element):
        raise Said.UNREADABLE.refuse()
    given = (values.as_text(_leaf(entry), field.length) for entry in element)
    return [code for code in given if code]


def _read_text(given: str, field: Field, *, lax: bool) -> Value:
    match field.kind:
        case Kind.DATE:
            return "" if lax and not given else values.as_date(given)
        case Kind.TIME:
            return "" if lax and not given else values.as_time(given)
        case Kind.BOOL:
            return "" if lax and not given else values.as_flag(given)
        case Kind.TEXT | Kind.CODE | Kind.CODES:
            return values.as_text(given, field.length)


def _children(element: Element) -> dict[str, Element]:
    children: dict[str, Element] = {}
    for child in element:
        name = str(child.tag)
        if name in children:
            raise Said.UNREADABLE.refuse()
        children[name] = child
    return children


def _leaf(element: Element) -> str:
    if len(element):
        raise Said.UNREADABLE.refuse()
    _refuse_attributes(element, set(_COMMON_ATTRIBUTES))
    return element.text or ""


def _refuse_text(element: Element) -> None:
    loose = (element.text, *(child.tail for child in element))
    if any(part and part.strip() for part in loose):
        raise Said.UNREADABLE.refuse()


def _refuse_attributes(element: Element, allowed: set[str]) -> None:
    for name in element.attrib:
        if str(name) not in allowed and not str(name).startswith(_SCHEMA_INSTANCE):
            raise Said.UNREADABLE.refuse()


def show_user(record: Record, describe: Describe, *, brief: bool = False) -> Element:
    """A whole user as an element that fits Alma's schema."""
    user = etree.Element("user")
    _show(
        user, record | {"full_name": full_name(record), "password": ""}, shape.USER_FIELDS, describe
    )
    contact = etree.SubElement(user, "contact_info")
    for part in shape.USER_PARTS:
        if not brief or part.name in shape.BRIEF_PARTS:
            _show_part(contact if part.contact else user, record, part, describe)
    return user


def show_item(record: Record, describe: Describe, link: str) -> Element:
    """A user as a list without `expand=full` shows it."""
    user = etree.Element("user", link=link)
    names = {"primary_id", "first_name", "last_name", "gender", "status", "password"}
    shown = [field for field in shape.USER_FIELDS if field.name in names]
    _show(user, record | {"password": ""}, shown, describe)
    return user


def _show_part(parent: Element, record: Record, part: Part, describe: Describe) -> None:
    wrapper = etree.SubElement(parent, part.wrapper)
    for row in entries(record, part.name):
        entry = etree.SubElement(wrapper, part.name)
        _show(entry, row, part.fields, describe)
        for inner in part.parts:
            _show_part(entry, row, inner, describe)


def _show(element: Element, record: Record, fields: Iterable[Field], describe: Describe) -> None:
    for field in fields:
        if field.kind is Kind.CODES:
            wrapper = etree.SubElement(element, field.wrapper)
            for code in codes(record, field.name):
                _show_code(wrapper, field, code, describe)
            continue
        given = _printed(record, field)
        if not given and field.empty is not Empty.BLANK:
            continue
        if field.attribute:
            element.set(field.name, given)
        elif field.kind is Kind.CODE:
            _show_code(element, field, given, describe)
        else:
            etree.SubElement(element, field.name).text = given


def _show_code(parent: Element, field: Field, code: str, describe: Describe) -> None:
    desc = describe(field.table, code) if code else ""
    etree.SubElement(parent, field.name, desc=desc[:255]).text = code


def _printed(record: Record, field: Field) -> str:
    match field.kind:
        case Kind.BOOL:
            return "true" if flag(record, field.name) else "false"
        case Kind.DATE:
            value = text(record, field.name)
            return f"{value}Z" if value else ""
        case Kind.TEXT | Kind.CODE | Kind.CODES | Kind.TIME:
            return text(record, field.name)
