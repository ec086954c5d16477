"""The record as XML, both ways (contract 1.1, 1.3 and 5).

Alma's XML is its JSON with lists wrapped in a plural (`user_identifiers/user_identifier`), codes
as text with a `desc`, and a few keys as attributes. So the model itself says how a record is
written and read. XML has no blanks: a field without a value is left out, and reads back unset.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from types import UnionType
from typing import Union, get_args, get_origin

from lxml import etree
from pydantic import ValidationError

from importer.errors import UsageError
from importer.model.fields import FIELDS, LISTS, text
from importer.model.user import Amount, Coded, Part, User

ATTRIBUTES = frozenset({"preferred", "preferred_sms", "segment_type", "link"})
"""The keys that XML has as attributes; `desc` and an amount's `link` stand on the value itself."""

MUST_STAND = frozenset({"address_type", "email_type", "phone_type"})
"""The lists whose wrapper the schema requires, be it empty."""

FLAGS = ("user_viewable", "popup_note")
"""What the schema requires of a note; false where it is not set."""

STANDS_UNSET = MUST_STAND.union(FLAGS)


def to_element(user: User) -> etree._Element:
    """The whole record as a `user` element.

    Raises UsageError where a text holds a character that XML cannot carry.
    """
    return _written(user, sis=False)


def sis_element(user: User) -> etree._Element:
    """The record as a student-system load takes it (contract 5).

    Without what the load takes from its profile or not at all: record and account type, owning
    system, password, roles, segments, and what Alma only reports. Raises UsageError as above.
    """
    return _written(user, sis=True)


def to_bytes(user: User) -> bytes:
    """The whole record as a document, UTF-8 with a declaration. Raises UsageError as above."""
    document: bytes = etree.tostring(to_element(user), xml_declaration=True, encoding="UTF-8")
    return document


def from_bytes(document: bytes) -> User:
    """The user of a document whose root is `user`. Raises UsageError where it is none."""
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_pis=True
    )
    try:
        root = etree.fromstring(document, parser)
    except etree.XMLSyntaxError as error:
        msg = f"Line {error.lineno or 1}: this is not XML."
        raise UsageError(msg) from None
    if _name(root) != "user":
        msg = "This XML is not one user's record: it does not begin with <user>."
        raise UsageError(msg)
    return from_element(root)


def from_element(element: etree._Element) -> User:
    """The user of a `user` element. Raises UsageError where a value has no place in a record."""
    try:
        return User.model_validate(_read_part(element, User))
    except ValidationError as error:
        path = ".".join(str(step) for step in error.errors()[0]["loc"])
        msg = f"The XML's {path} is not a value of that field."
        raise UsageError(msg) from None


# ---- writing ----


def _written(user: User, *, sis: bool) -> etree._Element:
    try:
        return _part("user", user, "", sis=sis)
    except ValueError:
        msg = "A value holds a character that XML cannot carry; type the value anew."
        raise UsageError(msg) from None


def _part(tag: str, part: Part, path: str, *, sis: bool) -> etree._Element:
    """An element of a part's fields, in the model's order, which is that of the schema."""
    element = etree.Element(tag)
    for name, value in part:
        if value is None and name not in STANDS_UNSET:
            continue
        if sis and not _taken_by_sis(f"{path}{name}"):
            continue
        if name in MUST_STAND:
            etree.SubElement(element, _plural(name)).extend(_entries(name, value, path, sis=sis))
        elif name in FLAGS and value is None:
            etree.SubElement(element, name).text = "false"
        elif name in ATTRIBUTES and not isinstance(value, Amount):
            if shown := text(value):
                element.set(name, shown)
        else:
            element.extend(_field(name, value, path, sis=sis))
    return element


def _field(name: str, value: object, path: str, *, sis: bool) -> Iterator[etree._Element]:
    """The element of one field; none where there is nothing to say."""
    if isinstance(value, tuple | list):
        if entries := list(_entries(name, value, path, sis=sis)):
            wrapper = etree.Element(_plural(name))
            wrapper.extend(entries)
            yield wrapper
    elif isinstance(value, Coded):
        yield from _leaf(name, value.value, desc=value.desc)
    elif isinstance(value, Amount):
        yield from _leaf(name, value.value, link=value.link)
    elif isinstance(value, Part):
        element = _part(name, value, f"{path}{name}.", sis=sis)
        if len(element) or element.attrib:
            yield element
    elif isinstance(value, Mapping):
        yield from _unknown(name, value)
    else:
        yield from _leaf(name, value)


def _entries(name: str, value: object, path: str, *, sis: bool) -> Iterator[etree._Element]:
    for entry in value if isinstance(value, tuple | list) else ():
        if isinstance(entry, Part) and not isinstance(entry, Coded):
            yield _part(name, entry, f"{path}{name}.", sis=sis)
        else:
            yield from _field(name, entry, path, sis=sis)


def _unknown(name: str, value: Mapping[object, object]) -> Iterator[etree._Element]:
    """A field that only a newer Alma knows: a code by its two keys, else whatever it holds."""
    if value.keys() <= {"value", "desc"}:
        yield from _leaf(name, value.get("value"), desc=value.get("desc"))
        return
    element = etree.Element(name)
    for key, inner in value.items():
        element.extend(_field(str(key), inner, "", sis=False))
    if len(element):
        yield element


def _leaf(name: str, value: object, **attributes: object) -> Iterator[etree._Element]:
    if not (said := text(value)):
        return
    element = etree.Element(name)
    element.text = said
    for key, attribute in attributes.items():
        if shown := text(attribute):
            element.set(key, shown)
    yield element


@cache
def _taken_by_sis(path: str) -> bool:
    if path == "contact_info" or path in LISTS:
        return True
    field = FIELDS.get(path)
    return field is not None and field.facts.sis


def _plural(name: str) -> str:
    return f"{name[:-1]}ies" if name.endswith("y") else f"{name}{'es' if name[-1] == 's' else 's'}"


# ---- reading ----


def _read_part(element: etree._Element, part: type[Part]) -> dict[str, object]:
    found: dict[str, object] = {**_attributes(element)}
    kinds = _kinds(part)
    for child in element.iterchildren(etree.Element):
        tag = _name(child)
        key = _singular(part, tag)
        if key is not None:
            entries = [_read(entry, kinds[key]) for entry in child.iterchildren(etree.Element)]
            value: object = [entry for entry in entries if entry is not None] or None
        else:
            key = tag
            value = _read(child, kinds.get(tag))
        if value is not None:
            found[key] = value
    return found


def _read(element: etree._Element, kind: type | None) -> object:
    """A field's value in the shape of JSON, or None where the element is empty."""
    text = element.text or ""
    if kind is not None and issubclass(kind, Part) and kind not in {Coded, Amount}:
        return _read_part(element, kind) or None
    if kind is None and len(element):
        return _read_part(element, Part) or None
    if not text:
        return None
    if kind is Amount:
        return {"value": _number(text), **_attributes(element)}
    if kind is Coded or (kind is None and "desc" in element.attrib):
        return {"value": text, **_attributes(element)}
    return text


def _attributes(element: etree._Element) -> dict[str, str]:
    """An element's attributes that say something."""
    return {str(key): str(value) for key, value in element.attrib.items() if value}


def _number(text: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _name(element: etree._Element) -> str:
    return etree.QName(element).localname


@cache
def _kinds(part: type[Part]) -> dict[str, type]:
    """The class of each field's value, or of its entries where it is a list."""
    return {name: _kind(info.annotation) for name, info in part.model_fields.items()}


def _kind(annotation: object) -> type:
    for choice in _choices(annotation):
        if get_origin(choice) is tuple:
            return _kind(get_args(choice)[0])
        if isinstance(choice, type) and choice is not type(None):
            return choice
    return str


def _choices(annotation: object) -> tuple[object, ...]:
    if get_origin(annotation) in {Union, UnionType}:
        return get_args(annotation)
    return (annotation,)


@cache
def _singular(part: type[Part], tag: str) -> str | None:
    """The field whose list a wrapper holds, or None where the tag is a field by itself."""
    lists = (
        name
        for name, info in part.model_fields.items()
        if any(get_origin(choice) is tuple for choice in _choices(info.annotation))
    )
    return next((name for name in lists if _plural(name) == tag), None)
