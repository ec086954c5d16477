"""Invented users with every field that Alma's schema allows, and their XML, made independently."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

from hypothesis import strategies as st
from lxml import etree

from tests.sandbox.alma import coded

_LETTERS = st.characters(exclude_categories=("Cs", "Cc", "Cn", "Co"))
_DATES = st.dates(date(1900, 1, 1), date(2199, 12, 31)).map(date.isoformat)
_TIMES = st.tuples(_DATES, st.times()).map(
    lambda moment: f"{moment[0]}T{moment[1].isoformat(timespec='milliseconds')}Z"
)
_WRAPPED = {
    "address": "addresses",
    "email": "emails",
    "phone": "phones",
    "user_identifier": "user_identifiers",
    "user_role": "user_roles",
    "user_block": "user_blocks",
    "user_note": "user_notes",
    "user_statistic": "user_statistics",
    "rs_library": "rs_libraries",
    "library_notice": "library_notices",
    "address_type": "address_types",
    "email_type": "email_types",
    "phone_type": "phone_types",
    "parameter": "parameters",
}
_ATTRIBUTES = ("preferred", "preferred_sms", "segment_type")


def _text(most: int = 255, least: int = 0) -> st.SearchStrategy[str]:
    return st.text(_LETTERS, min_size=least, max_size=min(most, 40)) | st.just("x" * most)


def _code(*codes: str) -> st.SearchStrategy[dict[str, str]]:
    return st.sampled_from(codes).map(coded)


def _types(*codes: str) -> st.SearchStrategy[list[dict[str, str]]]:
    return st.lists(st.sampled_from(codes), min_size=1, unique=True).map(
        lambda chosen: [coded(code) for code in chosen]
    )


def _preferred(rows: list[dict[str, Any]], *marks: str) -> list[dict[str, Any]]:
    """Mark the first entry as preferred."""
    return [{**row, **dict.fromkeys(marks, index == 0)} for index, row in enumerate(rows)]


def _contacts(segment: st.SearchStrategy[str]) -> st.SearchStrategy[dict[str, Any]]:
    address = st.fixed_dictionaries(
        {
            "line1": _text(400, 1),
            "address_type": _types("home", "work", "school", "alternative"),
            "segment_type": segment,
        },
        optional={
            **{f"line{number}": _text() for number in range(2, 6)},
            "city": _text(),
            "state_province": _text(),
            "postal_code": _text(),
            "country": _code("USA", "DEU", "CIV"),
            "address_note": _text(1000),
            "start_date": _DATES,
            "end_date": _DATES,
        },
    )
    email = st.fixed_dictionaries(
        {
            "email_address": _text(255, 1),
            "email_type": _types("personal", "work", "school"),
            "segment_type": segment,
        },
        optional={"description": _text()},
    )
    phone = st.fixed_dictionaries(
        {
            "phone_number": _text(255, 1),
            "phone_type": _types("home", "mobile", "office", "officeFax"),
            "segment_type": segment,
        }
    )
    return st.fixed_dictionaries(
        {
            "address": st.lists(address, max_size=3).map(
                lambda rows: _preferred(rows, "preferred")
            ),
            "email": st.lists(email, max_size=3).map(lambda rows: _preferred(rows, "preferred")),
            "phone": st.lists(phone, max_size=3).map(
                lambda rows: _preferred(rows, "preferred", "preferred_sms")
            ),
        }
    )


def _lists(segment: st.SearchStrategy[str]) -> dict[str, st.SearchStrategy[Any]]:
    identifier = st.fixed_dictionaries(
        {
            "id_type": _code("BARCODE", "UNIV_ID", "INST_ID", "OTHER_ID_1", "01", "02"),
            "value": _text(200, 1).map(lambda value: f"id-{value}"),
            "segment_type": segment,
            "status": st.sampled_from(("ACTIVE", "INACTIVE")),
        },
        optional={"note": _text(2000)},
    )
    made = {"created_by": _text(255, 1), "created_date": _TIMES}
    block = st.fixed_dictionaries(
        {
            "block_description": _code("02-GLOBAL", "06-LOCAL"),
            "segment_type": segment,
            "block_status": st.sampled_from(("ACTIVE", "INACTIVE")),
        },
        optional={
            "block_type": _code("GENERAL", "LOAN"),
            "block_note": _text(2000),
            "expiry_date": _TIMES,
            "item_loan_id": _text(),
            **made,
        },
    )
    note = st.fixed_dictionaries(
        {
            "note_type": _code("OTHER", "POPUP", "REGISTAR"),
            "note_text": _text(2000, 1),
            "user_viewable": st.booleans(),
            "popup_note": st.booleans(),
            "segment_type": segment,
        },
        optional=made,
    )
    statistic = st.fixed_dictionaries(
        {"statistic_category": _code("COMMUNITY", "STUDENT"), "segment_type": segment},
        optional={"category_type": _code("DEPARTMENT"), "statistic_note": _text(2000)},
    )
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
    return {
        "contact_info": _contacts(segment),
        "user_identifier": st.lists(
            identifier, max_size=4, unique_by=lambda entry: entry["value"].casefold()
        ),
        "user_block": st.lists(block, max_size=2),
        "user_note": st.lists(note, max_size=2),
        "user_statistic": st.lists(statistic, max_size=2),
        "user_role": st.lists(role, min_size=1, max_size=2),
        "rs_library": st.lists(st.fixed_dictionaries({"code": _code("RES_SHARE")}), max_size=1),
        "library_notice": st.lists(
            st.fixed_dictionaries(
                {"code": _code("FulOverdueNotificationLetter"), "value": st.booleans()}
            ),
            max_size=1,
        ),
    }


def _fields() -> dict[str, st.SearchStrategy[Any]]:
    plain = (
        *("first_name", "middle_name", "pin_number", "job_description", "web_site_url"),
        *("pref_first_name", "pref_middle_name", "pref_last_name", "pref_name_suffix"),
    )
    return {
        **{name: _text() for name in plain},
        "user_title": _code("MR", "DR"),
        "job_category": _code("Cataloger", "Librarian"),
        "gender": _code("FEMALE", "OTHER"),
        "campus_code": _code("MAIN", "DOWNTOWN"),
        "cataloger_level": _code("00", "10"),
        "preferred_language": _code("en", "es", "fr", "de"),
        "birth_date": _DATES,
        "expiry_date": _DATES,
        "purge_date": _DATES,
        "status": _code("ACTIVE", "INACTIVE"),
        "is_researcher": st.booleans(),
    }


def _user(kind: str, segment: st.SearchStrategy[str]) -> st.SearchStrategy[dict[str, Any]]:
    owner = {"external_id": st.just("SIS")} if kind == "EXTERNAL" else {}
    return st.fixed_dictionaries(
        {
            "record_type": _code("PUBLIC", "STAFF"),
            "account_type": st.just(coded(kind)),
            # the gateway refuses slashes
            "primary_id": _text(255, 1).map(lambda name: re.sub(r"[/\\]", "_", name)),
            "last_name": _text(255, 1),
            "user_group": _code("COMM", "STAFF", "UGRD"),
            **owner,
            **_lists(segment),
        },
        optional=_fields(),
    )


def users() -> st.SearchStrategy[dict[str, Any]]:
    """Return a strategy for users that fit Alma's schema and rules, as JSON bodies."""
    segment = st.sampled_from(("Internal", "External"))
    return _user("INTERNAL", segment) | _user("EXTERNAL", segment)


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
