"""The record as XML: nothing is lost on the way, and what is written fits Alma's schema."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from lxml import etree

from importer.alma import xml
from importer.errors import UsageError
from importer.model.fields import FIELDS, LISTS
from importer.model.user import Amount, Coded, Part, User
from tests.alma.users import Json, bodies

ALMA = Path(__file__).parents[3] / "shared" / "alma"
SAMPLES = sorted((ALMA / "samples").glob("user_*.json"))
LOADS = sorted((ALMA / "samples").glob("sis_*.xml"))

needs_schema = pytest.mark.skipif(
    not ALMA.is_dir(), reason="Alma's schema is not beside the repository"
)
many = settings(
    max_examples=300,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
more = settings(many, max_examples=1000)


@cache
def schema() -> etree.XMLSchema:
    """The schema of a list of users, which a load must fit."""
    return etree.XMLSchema(etree.parse(ALMA / "xsd" / "rest_users.xsd"))


def fits(user: etree._Element) -> None:
    """Assert that a list of this one user is valid."""
    users = etree.Element("users")
    users.append(user)
    schema().assertValid(users)


def without_blanks(value: object) -> object:
    """A value as XML can carry it: without what is blank, quoted amounts as numbers."""
    if isinstance(value, dict):
        kept = {key: without_blanks(inner) for key, inner in value.items()}
        kept = {key: inner for key, inner in kept.items() if inner not in (None, "", [], {})}
        # a description without its code says nothing
        return {} if kept.keys() == {"desc"} else kept
    if isinstance(value, list):
        return [without_blanks(inner) for inner in value]
    return value


def said(user: User) -> object:
    """What a record says, whatever its notation."""
    content = json.loads(user.to_json())
    for amount in ("requests", "loans", "fees"):
        if isinstance(content.get(amount), dict):
            content[amount]["value"] = float(content[amount]["value"])
    for note in content.get("user_note") or ():
        for flag in xml.FLAGS:
            note[flag] = note.get(flag) or False
    return without_blanks(content)


def round_trips(body: Json) -> None:
    """JSON and XML, both ways, lose nothing and fit the schema."""
    user = User.model_validate(body)
    assert json.loads(user.to_json()) == body
    assert User.from_json(user.to_json()) == user
    assert xml.from_bytes(xml.to_bytes(user)) == user
    fits(xml.to_element(user))


def load_is_clean(body: Json) -> None:
    """A SIS record fits the schema and holds nothing that a load does not take."""
    element = xml.sis_element(User.model_validate(body))
    for tag in ("record_type", "account_type", "external_id", "password", "user_roles"):
        assert element.find(tag) is None
    assert not element.xpath("//@segment_type")
    loaded = json.loads(xml.from_element(element).to_json())
    assert loaded.items() <= {**body, **_shared_lists(body, loaded)}.items()
    fits(element)


def _shared_lists(body: Json, loaded: Json) -> Json:
    """The lists of a load, where they say what the record's say but for the segments."""
    lists = ("contact_info", *(path for path in LISTS if "." not in path))
    return {
        name: loaded[name]
        for name in lists
        if name in loaded and loaded[name] == _unsegmented(body[name])
    }


def _unsegmented(value: object) -> object:
    if isinstance(value, dict):
        return {key: _unsegmented(v) for key, v in value.items() if key != "segment_type"}
    return [_unsegmented(inner) for inner in value] if isinstance(value, list) else value


@needs_schema
@many
@given(bodies())
def test_generated_users_round_trip(body: Json) -> None:
    """Generated users come back equal from JSON and from XML that fits the schema."""
    round_trips(body)


@needs_schema
@many
@given(bodies())
def test_generated_users_make_a_clean_load(body: Json) -> None:
    """Generated users make a SIS record that says the same and fits the schema."""
    load_is_clean(body)


@pytest.mark.hunt
@needs_schema
@more
@given(bodies())
def test_a_thousand_users_round_trip(body: Json) -> None:
    """The same, longer."""
    round_trips(body)
    load_is_clean(body)


def _set(part: Part, prefix: str = "") -> Iterator[str]:
    """The paths of what is set in a record."""
    for name in part.model_fields_set:
        value = getattr(part, name)
        yield prefix + name
        for entry in value if isinstance(value, tuple) else (value,):
            if isinstance(entry, Part) and not isinstance(entry, Coded | Amount):
                yield from _set(entry, f"{prefix}{name}.")


def test_the_generated_users_use_every_field() -> None:
    """The search covers each field that a mapping may set."""
    seen: set[str] = set()

    @settings(many, max_examples=100, derandomize=True, database=None)
    @given(bodies())
    def look(body: Json) -> None:
        seen.update(_set(User.model_validate(body)))

    look()
    assert seen >= set(FIELDS)


@pytest.mark.skipif(not SAMPLES, reason="the real records are not beside the repository")
@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_real_records_round_trip(path: Path) -> None:
    """Alma's own records come back the same, oddities included."""
    body = json.loads(path.read_text("utf-8"))
    user = User.from_json(path.read_bytes())
    assert json.loads(user.to_json()) == body
    again = xml.from_bytes(xml.to_bytes(user))
    assert said(again) == said(user)
    assert xml.from_bytes(xml.to_bytes(again)) == again
    fits(xml.to_element(user))
    fits(xml.sis_element(user))


@pytest.mark.skipif(not LOADS, reason="the real loads are not beside the repository")
def test_real_loads_round_trip() -> None:
    """Every record of a real load that fits the schema comes back equal from XML."""
    tried = 0
    for path in LOADS:
        for user in _records(path):
            try:
                fits(copy.deepcopy(user))
            except etree.DocumentInvalid:
                continue
            tried += 1
            record = xml.from_element(user)
            assert xml.from_element(xml.to_element(record)) == record
            fits(xml.to_element(record))
    assert tried >= 2


def _records(path: Path) -> list[etree._Element]:
    """The users of a file, without the empty elements that Alma itself forgives."""
    try:
        tree = etree.parse(path)
    except etree.XMLSyntaxError:
        return []
    for element in tree.iter(etree.Element):
        parent = element.getparent()
        if parent is not None and not len(element) and not (element.text or "").strip():
            parent.remove(element)
    return list(tree.iter("user"))


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
    (contact,) = xml.to_element(user)
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
    element = xml.to_element(user)
    empty = [e.tag for e in element.iter() if not len(e) and not e.text]
    assert empty == ["address_types"]


def test_a_note_says_its_flags() -> None:
    """The schema asks for both; what is not set is false."""
    note = {"note_type": {"value": "OTHER"}, "note_text": "x"}
    element = xml.to_element(User.model_validate({"user_note": [note]}))
    assert element.xpath("string(//user_viewable)") == "false"
    assert element.xpath("string(//popup_note)") == "false"


def test_what_a_newer_alma_adds_is_kept_but_not_loaded() -> None:
    """An unknown field goes through XML and back; a load leaves it out."""
    body = {
        "primary_id": "1",
        "moon_phase": {"value": "FULL", "desc": "Full"},
        "nickname": "Nan",
        "researcher": {"researcher_first_name": "Ana"},
    }
    user = User.model_validate(body)
    assert json.loads(xml.from_bytes(xml.to_bytes(user)).to_json()) == body
    assert [child.tag for child in xml.sis_element(user)] == ["primary_id"]


@pytest.mark.parametrize("letter", ["\x00", "\x0b", "\ufffe", "\ud800"])
def test_what_xml_cannot_carry_is_said(letter: str) -> None:
    """One sentence, without the value."""
    with pytest.raises(UsageError) as caught:
        xml.to_bytes(User(first_name=f"CANARY{letter}"))
    assert "CANARY" not in str(caught.value)


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"<user>",
        b"<users><user/></users>",
        b"<user><birth_date>soon</birth_date></user>",
        b"not XML",
    ],
)
def test_what_is_no_record_is_said(document: bytes) -> None:
    """Torn XML, another root, a value that cannot be."""
    with pytest.raises(UsageError):
        xml.from_bytes(document)


def test_no_file_is_read_for_an_entity(tmp_path: Path) -> None:
    """A hostile document gets nothing from this computer."""
    secret = tmp_path / "secret"
    secret.write_text("CANARY")
    document = (
        f'<!DOCTYPE user [<!ENTITY x SYSTEM "{secret.as_uri()}">]>'
        "<user><primary_id>1&x;</primary_id></user>"
    )
    assert "CANARY" not in xml.from_bytes(document.encode()).to_json()


def test_namespaces_do_not_matter() -> None:
    """A record in a namespace is read by its local names."""
    document = b'<u:user xmlns:u="urn:x"><u:primary_id>1</u:primary_id></u:user>'
    assert xml.from_bytes(document).primary_id == "1"
