"""The SIS load: what is written says what the record says, and fits Alma's schema."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from lxml import etree

from importer.errors import UsageError
from importer.model.fields import LISTS
from importer.model.user import User
from importer.writer.sis_xml import user_element
from tests.sandbox.people import users

ALMA = Path(__file__).parents[3] / "shared" / "alma"
DATE = re.compile(r"^(\d{4}-\d\d-\d\d)Z$")
SAMPLES = sorted((ALMA / "samples").glob("user_*.json"))

needs_schema = pytest.mark.skipif(
    not ALMA.is_dir(), reason="Alma's schema is not beside the repository"
)
many = settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@cache
def schema() -> etree.XMLSchema:
    """The schema of a list of users, which a load must fit."""
    return etree.XMLSchema(etree.parse(ALMA / "xsd" / "rest_users.xsd"))


def fits(user: etree._Element) -> None:
    """Assert that a list of this one user is valid."""
    users = etree.Element("users")
    users.append(user)
    schema().assertValid(users)


def _leaves(value: object, key: str = "") -> Iterator[str]:
    """Every value of a record in JSON, as XML writes it; descriptions of codes left out."""
    match value:
        case dict():
            for inner_key, inner in value.items():
                if inner_key != "desc":
                    yield from _leaves(inner, inner_key)
        case list():
            for inner in value:
                yield from _leaves(inner)
        case bool():
            yield str(value).lower()
        case None:
            return
        case str() if key.endswith("date"):
            yield DATE.sub(r"\1", value)  # a date's zone is left out
        case _:
            yield str(value)


def _texts(element: etree._Element) -> Counter[str]:
    """What an element says, in its leaves and attributes, but for the flags that must be there."""
    said = Counter[str]()
    for part in element.iter(etree.Element):
        said.update(str(value) for key, value in part.attrib.items() if key != "desc")
        is_false_flag = part.tag in {"user_viewable", "popup_note"} and part.text == "false"
        if not len(part) and part.text and not is_false_flag:
            said[part.text] += 1
    return said


@needs_schema
@many
@given(users())
def test_a_generated_load_is_clean(body: dict[str, Any]) -> None:
    """It fits the schema, says nothing that the record does not, and has all list entries."""
    user = User.model_validate(body)
    element = user_element(user)
    for tag in ("record_type", "account_type", "external_id", "password", "user_roles"):
        assert element.find(tag) is None
    assert not element.xpath("//@segment_type")
    assert _texts(element) <= Counter(_leaves(body))
    assert element.findtext("primary_id") == user.primary_id
    for path in LISTS:
        owner = user.contact_info if path.startswith("contact_info.") else user
        name = path.removeprefix("contact_info.")
        loaded = () if path == "proxy_for_user" else getattr(owner, name, None) or ()
        assert len(list(element.iter(name))) == len(loaded)
    fits(element)


@pytest.mark.skipif(not SAMPLES, reason="the real records are not beside the repository")
@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_real_records_make_a_load(path: Path) -> None:
    """Alma's own records, oddities included, fit the schema of a load."""
    fits(user_element(User.from_json(path.read_bytes())))


def test_lists_stand_in_the_order_of_the_schema() -> None:
    """Addresses, e-mails, phones: the schema knows no other order."""
    user = User.model_validate(
        {
            "contact_info": {
                "phone": [{"phone_number": "555-0100"}],
                "email": [{"email_address": "ana@example.org"}],
                "address": [{"line1": "1 Main Street"}],
            }
        }
    )
    (contact,) = user_element(user)
    assert [child.tag for child in contact] == ["addresses", "emails", "phones"]


def test_no_element_is_empty_but_the_wrapper_that_must_stand() -> None:
    """Blanks are left out; an address without a type keeps the wrapper that the schema asks for."""
    user = User.model_validate(
        {
            "first_name": "",
            "gender": {"value": "", "desc": "None"},
            "campus_code": {"value": None, "desc": ""},
            "user_note": [],
            "contact_info": {"address": [{"line1": "1 Main Street", "line2": None}], "email": []},
        }
    )
    element = user_element(user)
    empty = [e.tag for e in element.iter() if not len(e) and not e.text]
    assert empty == ["address_types"]


def test_a_note_says_its_flags() -> None:
    """The schema asks for both; what is not set is false."""
    note = {"note_type": {"value": "OTHER"}, "note_text": "x"}
    element = user_element(User.model_validate({"user_note": [note]}))
    assert element.xpath("string(//user_viewable)") == "false"
    assert element.xpath("string(//popup_note)") == "false"


def test_what_a_newer_alma_adds_is_not_loaded() -> None:
    """A field that the importer does not know stays out of a load."""
    body = {"primary_id": "1", "moon_phase": {"value": "FULL"}, "nickname": "Nan"}
    assert [child.tag for child in user_element(User.model_validate(body))] == ["primary_id"]


@pytest.mark.parametrize("letter", ["\x00", "\x0b", "\ufffe", "\ud800"])
def test_what_xml_cannot_carry_is_said(letter: str) -> None:
    """One sentence, without the value."""
    with pytest.raises(UsageError) as caught:
        user_element(User(first_name=f"CANARY{letter}"))
    assert "CANARY" not in str(caught.value)
