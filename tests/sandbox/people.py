"""Invented users with every field that the importer can send, and their XML, made independently."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

from hypothesis import strategies as st
from lxml import etree

from importer.model.fields import FIELDS, Field, Shape
from tests.sandbox.alma import coded

_LETTERS = st.characters(exclude_categories=("Cs", "Cc", "Cn", "Co"))
_DATES = st.dates(date(1900, 1, 1), date(2199, 12, 31)).map(date.isoformat)
_TIMES = st.tuples(_DATES, st.times()).map(
    lambda moment: f"{moment[0]}T{moment[1].isoformat(timespec='milliseconds')}Z"
)
_WRAPPED = {
    **{name: f"{name}s" for name in ("email", "phone", "parameter")},
    **{f"{name}_type": f"{name}_types" for name in ("address", "email", "phone")},
    **{f"user_{name}": f"user_{name}s" for name in ("identifier", "role", "block", "note")},
    "address": "addresses",
    "user_statistic": "user_statistics",
    "rs_library": "rs_libraries",
    "library_notice": "library_notices",
}
# What Alma's schema requires beside the fields that Alma requires.
_NEEDED = {"segment_type", "status", "block_status", "user_viewable", "popup_note"}
_ATTRIBUTES = ("preferred", "preferred_sms", "segment_type")
_CODES = {
    "record_type": ("PUBLIC", "STAFF"),
    "user_group": ("COMM", "STAFF", "GRAD"),
    "user_title": ("MR", "DR"),
    "job_category": ("Cataloger", "Librarian"),
    "gender": ("FEMALE", "OTHER"),
    "campus_code": ("MAIN", "DOWNTOWN"),
    "cataloger_level": ("00", "10"),
    "preferred_language": ("en", "es", "fr", "de"),
    "status": ("ACTIVE", "INACTIVE"),
    "country": ("USA", "DEU", "CIV"),
    "address_type": ("home", "work", "school", "alternative"),
    "email_type": ("personal", "work", "school"),
    "phone_type": ("home", "mobile", "office", "officeFax"),
    "id_type": ("BARCODE", "UNIV_ID", "INST_ID", "OTHER_ID_1", "01", "02"),
    "block_type": ("GENERAL", "LOAN"),
    "block_description": ("02-GLOBAL", "06-LOCAL"),
    "note_type": ("OTHER", "POPUP", "REGISTAR"),
    "statistic_category": ("COMMUNITY", "STUDENT"),
    "rs_library.code": ("RES_SHARE",),
    "library_notice.code": ("FulOverdueNotificationLetter",),
}
_WORDS = {
    "segment_type": ("Internal", "External"),
    "status": ("ACTIVE", "INACTIVE"),
    "block_status": ("ACTIVE", "INACTIVE"),
}


def _text(most: int = 255, least: int = 0) -> st.SearchStrategy[str]:
    return st.text(_LETTERS, min_size=least, max_size=min(most, 40)) | st.just("x" * most)


def _code(*codes: str) -> st.SearchStrategy[dict[str, str]]:
    return st.sampled_from(codes).map(coded)


def _value(field: Field) -> st.SearchStrategy[Any]:
    """Return the values of a field: some of its codes, or anything that is not too long."""
    match field.shape:
        case Shape.DATE:
            return _DATES
        case Shape.FLAG:
            return st.booleans()
        case Shape.CODE:
            codes = _code(*(_CODES.get(field.path) or _CODES[field.name]))
            if not field.several:
                return codes
            return st.lists(codes, min_size=1, unique_by=lambda code: code["value"])
        case Shape.TEXT if field.name in _WORDS:
            return st.sampled_from(_WORDS[field.name])
        case Shape.TEXT:
            return _text(field.facts.length or 400, 1 if field.facts.required else 0)


def _entries(parent: str, most: int, **more: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Return lists of entries; the first one is preferred. `more` is what mappings cannot set."""
    fields = [field for field in FIELDS.values() if field.parent == parent]
    marks = [field.name for field in fields if field.name.startswith("preferred")]
    values = {field.name: _value(field) for field in fields if field.name not in marks}
    required = {field.name for field in fields if field.facts.required} | _NEEDED
    needed = {name: values.pop(name) for name in sorted(required & values.keys())}
    return st.lists(st.fixed_dictionaries(needed, optional={**values, **more}), max_size=most).map(
        lambda rows: [{**row, **dict.fromkeys(marks, row is rows[0])} for row in rows]
    )


def _different(identifiers: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Give each identifier a value that no other one has."""
    return [
        {**entry, "value": f"id-{number}-{entry['value']}"[:255]}
        for number, entry in enumerate(identifiers)
    ]


def _lists() -> dict[str, st.SearchStrategy[Any]]:
    made: dict[str, Any] = {"created_by": _text(255, 1), "created_date": _TIMES}
    parameter = st.fixed_dictionaries(
        {"type": _code("ServiceUnit"), "scope": _code("MAIN_LIB"), "value": _code("DEPT")}
    )
    role = st.fixed_dictionaries(
        {
            "status": _code("ACTIVE", "INACTIVE"),
            "scope": _code("MAIN_LIB", "01SANDBOX_INST"),
            "role_type": _code("200", "204", "26"),
            "parameter": st.lists(parameter, max_size=2),
        },
        optional={"expiry_date": _DATES},
    )
    contacts = ("address", "email", "phone")
    return {
        "contact_info": st.fixed_dictionaries(
            {name: _entries(f"contact_info.{name}", 3) for name in contacts}
        ),
        "user_identifier": _entries("user_identifier", 4).map(_different),
        "user_block": _entries("user_block", 2, expiry_date=_TIMES, item_loan_id=_text(), **made),
        "user_note": _entries("user_note", 2, **made),
        "user_statistic": _entries("user_statistic", 2, category_type=_code("DEPARTMENT")),
        "user_role": st.lists(role, min_size=1, max_size=2),
        "rs_library": _entries("rs_library", 1),
        "library_notice": _entries("library_notice", 1),
    }


def users() -> st.SearchStrategy[dict[str, Any]]:
    """Return a strategy for users that fit Alma's schema and rules, as JSON bodies."""
    own = {"account_type", "external_id", "password", "force_password_change", "primary_id"}
    fields = {
        field.name: _value(field)
        for field in FIELDS.values()
        if not field.parent and field.name not in own
    }
    needed = {
        # the gateway refuses slashes
        "primary_id": _text(255, 1).map(lambda name: re.sub(r"[/\\]", "_", name)),
        "last_name": _text(255, 1),
        "record_type": fields.pop("record_type"),
        "user_group": fields.pop("user_group"),
        **_lists(),
    }
    optional = {**fields, "is_researcher": st.booleans()}
    del optional["last_name"]
    kinds: list[dict[str, Any]] = [
        {"account_type": coded("INTERNAL")},
        {"account_type": coded("EXTERNAL"), "external_id": "SIS"},
    ]
    user = st.fixed_dictionaries(needed, optional=optional)
    return st.builds(lambda kind, body: kind | body, st.sampled_from(kinds), user)


def as_xml(body: dict[str, Any]) -> etree._Element:
    """Return the same user as XML, written without the sandbox's code."""
    root = etree.Element("user")
    _fill(root, body)
    return root


def _fill(parent: etree._Element, body: dict[str, Any]) -> None:
    for name, value in body.items():
        if name in _ATTRIBUTES:
            parent.set(name, str(value).lower() if isinstance(value, bool) else value)
        elif name == "contact_info":
            ordered = {kind: value[kind] for kind in ("address", "email", "phone")}
            _fill(etree.SubElement(parent, name), ordered)
        elif isinstance(value, list):
            wrapper = etree.SubElement(parent, _WRAPPED[name])
            for entry in value:
                _put(etree.SubElement(wrapper, name), entry)
        else:
            _put(etree.SubElement(parent, name), value)


def _put(element: etree._Element, value: Any) -> None:
    if isinstance(value, dict) and set(value) <= {"value", "desc"}:
        element.text = value["value"]
    elif isinstance(value, dict):
        _fill(element, value)
    elif isinstance(value, bool):
        element.text = str(value).lower()
    else:
        element.text = value


def same(sent: Any, shown: Any) -> bool:
    """Return whether everything that was sent came back, apart from descriptions and additions."""
    if isinstance(sent, dict) and set(sent) <= {"value", "desc"} and isinstance(shown, dict):
        return bool((sent.get("value") or "") == (shown.get("value") or ""))
    if isinstance(sent, dict):
        return isinstance(shown, dict) and all(
            same(value, shown.get(name)) for name, value in sent.items() if name != "desc"
        )
    if isinstance(sent, list):
        return len(sent) == len(shown or []) and all(map(same, sent, shown or []))
    if isinstance(sent, str) and isinstance(shown, str):
        return sent in {shown, shown.removesuffix("Z")}
    return (sent or None) == (shown or None)
