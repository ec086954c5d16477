"""What goes in and out: users as JSON and as XML, HTTP answers, and the errors of `errors.toml`.

XML is read into and written from the JSON form of the same document (contract 1.1): the two differ
in wrapper elements, attributes and codes only. Single values follow the rules of Alma's XML schema.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import NoReturn, TypeAlias
from xml.sax.saxutils import escape

from aiohttp import web
from lxml import etree

from importer.sandbox.users import (
    USER,
    Json,
    PracticePart,
    Record,
    RecordField,
    Value,
    codes,
    entries,
    flag,
    full_name,
    text,
)

Element: TypeAlias = "etree._Element"

# Characters that XML 1.0 does not allow; Alma cannot store them.
ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ERRORS = tomllib.loads(Path(__file__).with_name("errors.toml").read_text("utf-8"))
# Errors of the layer that reads requests, which has an envelope of its own.
_WRAPPED = frozenset({"BAD_REQUEST", "NOT_FOUND"})
_NAMESPACE = "http://com/exlibris/urm/general/xmlbeans"


class RefusalError(Exception):
    """A refused call: Alma's error code, its message and the HTTP status."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        """Store the three parts."""
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status


def refusal(name: str, **words: str) -> RefusalError:
    """Return an error of `errors.toml`, with the words filled into its message."""
    code, message, *status = _ERRORS[name]
    return RefusalError(code, message.format(**words), *status)


def refuse(name: str, **words: str) -> NoReturn:
    """Raise an error of `errors.toml`."""
    raise refusal(name, **words)


def wants_xml(request: web.BaseRequest) -> bool:
    """Return whether to answer in XML: by the query, Accept, the body; else in XML."""
    wanted = request.query.get("format") or request.headers.get("Accept") or ""
    if "json" not in wanted and "xml" not in wanted and request.method in {"POST", "PUT"}:
        wanted = request.headers.get("Content-Type", "")
    return "json" not in wanted


def json_answer(document: Json, status: int = 200) -> web.Response:
    """Return an answer in JSON."""
    body = json.dumps(document, ensure_ascii=False).encode("utf-8", "replace")
    return _answer(body, "json", status)


def xml_answer(root: Element, status: int = 200) -> web.Response:
    """Return an answer in XML."""
    body = etree.tostring(root, xml_declaration=True, encoding="UTF-8", standalone=True)
    return _answer(body, "xml", status)


def _answer(body: bytes, kind: str, status: int) -> web.Response:
    headers = {"Content-Type": f"application/{kind};charset=UTF-8"}
    return web.Response(status=status, body=body, headers=headers)


def error_answer(
    error: RefusalError, tracking: str = "", shape: str = "standard", *, xml: bool = True
) -> web.Response:
    """Return a refusal in an envelope of the `error-shape`; the gateway's have no tracking ID."""
    if error.code in _WRAPPED:
        shape, tracking = "rest", tracking.replace("AWAE", "JME") or "unknown"
    if xml:
        return xml_answer(_error_xml(error, tracking), error.status)
    return json_answer(_error_json(error, tracking, shape), error.status)


def tracking_id(now: datetime, number: int) -> str:
    """Return an ID in Alma's pattern: E01-ddMMHHmmss-XXXXX-AWAE and digits."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
    tag = "".join(letters[(number // 36**place + 11 * place) % 36] for place in range(5))
    return f"E01-{now:%d%m%H%M%S}-{tag}-AWAE{1_000_000_000 + number}"


def _error_json(refused: RefusalError, tracking: str, shape: str) -> Json:
    error: dict[str, Json] = {"errorCode": refused.code, "errorMessage": refused.message}
    if shape == "older":
        error["errorMessage"] = f"{refused.message}\n(Tracking ID: {tracking})"
    elif tracking and shape != "bare":
        error["trackingId"] = tracking
    envelope: dict[str, Json] = {
        "errorsExist": "true" if shape == "text-flag" else True,
        "errorList": {"error": error if shape in {"single", "rest"} else [error]},
    }
    if shape == "standard":
        envelope["result"] = None
    return {"web_service_result": envelope} if shape in {"wrapped", "rest"} else envelope


def _error_xml(refused: RefusalError, tracking: str) -> Element:
    parts = {"errorCode": refused.code, "errorMessage": refused.message, "trackingId": tracking}
    error = "".join(
        f"<{name}>{escape(ILLEGAL.sub('?', value))}</{name}>"
        for name, value in parts.items()
        if value
    )
    return etree.fromstring(
        f'<web_service_result xmlns="{_NAMESPACE}"><errorsExist>true</errorsExist>'
        f"<errorList><error>{error}</error></errorList></web_service_result>"
    )


# --- users ---

Describe: TypeAlias = "Callable[[str, str], str]"
_DATE = re.compile(r"(\d{4}-\d{2}-\d{2})(Z|[+-]\d{2}:\d{2})?", re.ASCII)
_TIME = re.compile(r"(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})?)", re.ASCII)
_FLAGS = {"true": True, "1": True, "false": False, "0": False}


def parse_json(body: bytes) -> Json:
    """Return any JSON document; refuse what is not JSON as Alma does."""
    try:
        return json.loads(body.decode("utf-8"))  # type: ignore[no-any-return]
    except (ValueError, RecursionError):
        refuse("bad_request", place="User")


def read_user(document: Json, *, lax: bool = False) -> Record:
    """Return the user in a document, or BAD_REQUEST. Unknown keys are ignored.

    `lax` ignores empty dates and booleans.
    """
    return _read([] if document is None else document, USER, "User", lax=lax)


def read_xml(element: Element, *, lax: bool = False) -> Record:
    """Return the user in an element; a wrong value is 401676. Unknown elements are ignored.

    `lax` ignores empty dates and booleans, as the SIS job does (contract 5).
    """
    if element.tag != "user":
        refuse("unreadable")
    document = _from_xml(element, USER)
    contact = element.find("contact_info")
    if contact is not None:
        document["contact_info"] = _lists_from_xml(contact, USER)
    try:
        return read_user(document, lax=lax)
    except RefusalError:
        refuse("unreadable")


def _read(document: Json, part: PracticePart, place: str, *, lax: bool) -> Record:
    """Return a user or an entry; `place` is for the refusal, in Alma's notation."""
    given = _object(document, place)
    contact = _object(given.get("contact_info", {}), f'{place}["contact_info"]')
    record: Record = {}
    for name, field in part.fields.items():
        value = given.get(name)
        if lax and value == "" and field.kind in {"date", "time", "bool"}:
            continue
        try:
            if read := _read_value(value, field):
                record[name] = read
        except (KeyError, TypeError, ValueError, OverflowError):
            refuse("bad_request", place=f'{place}["{name}"]')
    for name, inner in part.parts.items():
        listed = (contact if inner.contact else given).get(name)
        if listed is None:
            continue
        where = f'{place}["{name}"]'
        if not isinstance(listed, list):
            refuse("bad_request", place=where)
        rows = [
            _read(row, inner, f"{where}->java.util.ArrayList[{number}]", lax=lax)
            for number, row in enumerate(listed)
        ]
        record[name] = [row for row in rows if not inner.key or row.get(inner.key)]
    return record


def _object(document: Json, place: str) -> Mapping[str, Json]:
    if document is not None and not isinstance(document, Mapping):
        refuse("bad_request", place=place)
    return document or {}


def _read_value(document: Json, field: RecordField) -> Value:
    """Return the value of a field; KeyError or another error if it is malformed."""
    if document is None:
        return ""
    if field.kind == "codes":
        if not isinstance(document, list):
            raise TypeError
        code_field = RecordField(kind="code", length=field.length)
        return [str(code) for entry in document if (code := _read_value(entry, code_field))]
    if field.kind == "code":
        if not isinstance(document, Mapping):
            raise TypeError
        return _read_value(document.get("value"), RecordField(length=field.length))
    if field.kind == "bool":
        return _FLAGS[str(document).strip().lower() if isinstance(document, str | bool) else ""]
    if not isinstance(document, str):
        raise TypeError
    if field.kind == "text":
        if ILLEGAL.search(document) or len(document) > (field.length or len(document)):
            refuse("unreadable")
        return document
    match = (_DATE if field.kind == "date" else _TIME).fullmatch(document.strip())
    if match is None:
        raise ValueError
    datetime.fromisoformat(match[1])  # ValueError for 30 February
    return match[1]


def show_user(record: Record, describe: Describe) -> dict[str, Json]:
    """Return a user as a single GET shows it. `describe`: the description of a table's code."""
    shown = _show(record, USER, describe)
    contact = {name: shown.pop(name) for name, part in USER.parts.items() if part.contact}
    return {
        **shown,
        "contact_info": contact,
        "full_name": full_name(record),
        "password": "",
        **dict.fromkeys(("requests", "loans", "fees", "researcher", "link")),
    }


def show_item(record: Record, describe: Describe, link: str) -> dict[str, Json]:
    """Return a user as a list without `expand=full` shows it."""
    names = ("primary_id", "first_name", "last_name", "gender", "status")
    return {
        **{name: _show_value(record, name, USER.fields[name], describe) for name in names},
        "password": "",
        **dict.fromkeys(("requests", "loans", "fees")),
        "link": link,
    }


def _show(record: Record, part: PracticePart, describe: Describe) -> dict[str, Json]:
    shown = {
        name: _show_value(record, name, field, describe)
        for name, field in part.fields.items()
        if record.get(name) or (field.empty != "absent" and field.kind not in {"date", "time"})
    }
    for name, inner in part.parts.items():
        rows = entries(record, name)
        if rows or not inner.absent:
            shown[name] = [_show(entry, inner, describe) for entry in rows]
    return shown


def _show_value(record: Record, name: str, field: RecordField, describe: Describe) -> Json:
    value = text(record, name)
    match field.kind:
        case "code":
            return _show_code(value, field, describe)
        case "codes":
            return [_show_code(code, field, describe) for code in codes(record, name)]
        case "bool":
            return flag(record, name)
        case "date":
            return f"{value}Z"
        case _:
            return None if not value and field.empty == "null" else value


def _show_code(code: str, field: RecordField, describe: Describe) -> Json:
    if code:
        return {"value": code, "desc": describe(field.table, code)}
    return {
        "value": None if field.empty.startswith("null") else "",
        "desc": None if field.empty == "null" else "",
    }


def parse_xml(body: bytes, *, huge: bool = False) -> Element:
    """Return the root of an XML document without a DTD, or 401676; `huge`: of a SIS load's size."""
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True,
        remove_pis=True, huge_tree=huge,
    )  # fmt: skip
    try:
        root = etree.fromstring(body, parser)
    except (etree.XMLSyntaxError, ValueError):
        refuse("unreadable")
    if root.getroottree().docinfo.internalDTD is not None:
        refuse("unreadable")
    return root


def _from_xml(element: Element, part: PracticePart) -> dict[str, Json]:
    """Return a user element, or an entry's, in the form of a JSON body."""
    document: dict[str, Json] = {}
    for name, field in part.fields.items():
        given = element.get(name) if field.attribute else element.findtext(name)
        if field.kind == "codes":
            elements = element.iterfind(f"{name}s/{name}")
            document[name] = [{"value": code.text or ""} for code in elements]
        elif given is not None:
            document[name] = {"value": given} if field.kind == "code" else given
    return document | _lists_from_xml(element, part)


def _lists_from_xml(element: Element, part: PracticePart) -> dict[str, Json]:
    wrappers = {name: element.find(inner.wrapper) for name, inner in part.parts.items()}
    return {
        name: [_from_xml(entry, part.parts[name]) for entry in wrapper.iterfind(name)]
        for name, wrapper in wrappers.items()
        if wrapper is not None
    }


def to_element(shown: Mapping[str, Json]) -> Element:
    """Return a user element from its JSON form, whole or short; it fits Alma's schema."""
    user = etree.Element("user")
    if shown.get("link"):
        user.set("link", str(shown["link"]))
    _to_xml(user, shown, USER)
    for name in ("requests", "loans", "fees"):
        count = shown.get(name)
        if isinstance(count, Mapping):
            child = etree.SubElement(user, name, link=_printed(count["link"]))
            child.text = _printed(count["value"])
    contact = shown.get("contact_info")
    if isinstance(contact, Mapping):
        _lists_to_xml(etree.SubElement(user, "contact_info"), contact, USER)
    return user


def _to_xml(element: Element, shown: Mapping[str, Json], part: PracticePart) -> None:
    for name, field in part.fields.items():
        value = shown.get(name)
        if value is None:
            continue
        if field.attribute:
            element.set(name, _printed(value))
        elif isinstance(value, list):
            wrapper = etree.SubElement(element, f"{name}s")
            for code in value:
                _code_to_xml(wrapper, name, code)
        elif isinstance(value, Mapping):
            _code_to_xml(element, name, value)
        else:
            etree.SubElement(element, name).text = _printed(value)
    _lists_to_xml(element, shown, part)


def _lists_to_xml(element: Element, shown: Mapping[str, Json], part: PracticePart) -> None:
    for name, inner in part.parts.items():
        rows = shown.get(name)
        if isinstance(rows, list):
            wrapper = etree.SubElement(element, inner.wrapper)
            for row in rows:
                _to_xml(etree.SubElement(wrapper, name), row, inner)


def _code_to_xml(parent: Element, name: str, code: Mapping[str, Json]) -> None:
    if code["value"] is not None:
        desc = _printed(code["desc"])[:255]
        etree.SubElement(parent, name, desc=desc).text = _printed(code["value"])


def _printed(value: Json) -> str:
    return ILLEGAL.sub("?", str(value).lower() if isinstance(value, bool) else str(value))
