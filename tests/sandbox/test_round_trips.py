"""Users come back as they were sent, in JSON and in XML; Alma takes what other programs send."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from lxml import etree

from importer.sandbox.server import Options
from tests.sandbox.alma import JSON, XML, Alma, coded, email, person, practice, student
from tests.sandbox.people import as_xml, same, users

_REFERENCE = Path(__file__).parents[2].parent / "shared" / "alma"
_SAMPLES = sorted((_REFERENCE / "samples").glob("user_[gs]*.json"))
_needs_reference = pytest.mark.skipif(
    not _REFERENCE.is_dir(), reason="Alma's schema and samples are not beside the repository"
)


@pytest.fixture(scope="module")
def schema() -> etree.XMLSchema | None:
    """Alma's own schema, if it is beside the repository."""
    if not _REFERENCE.is_dir():
        return None
    return etree.XMLSchema(etree.parse(_REFERENCE / "xsd" / "rest_user.xsd"))


def _path(user: dict[str, Any]) -> str:
    return f"/users/{quote(user['primary_id'], safe='')}"


def _round_trip(alma: Alma, schema: etree.XMLSchema | None, body: dict[str, Any]) -> None:
    sent = as_xml(body)
    assert schema is None or schema.validate(sent), schema.error_log
    posted = alma.call("POST", "/users", body)
    assert posted.status_code == 200, posted.text
    shown = posted.json()
    assert same(body, shown)
    assert alma.call("GET", _path(body)).json() == shown
    as_shown = alma.call("GET", _path(body), accept=XML)
    assert schema is None or schema.validate(etree.fromstring(as_shown.content)), schema.error_log
    assert alma.call("PUT", _path(body), shown).json() == shown
    assert alma.call("PUT", _path(body), as_shown.content).json() == shown
    assert alma.call("DELETE", _path(body)).status_code == 204
    posted = alma.call("POST", "/users", etree.tostring(sent))
    assert posted.status_code == 200, posted.text
    assert same(body, posted.json())
    assert alma.call("DELETE", _path(body)).status_code == 204


_SETTINGS = settings(
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@settings(_SETTINGS, max_examples=40)
@given(body=users())
def test_every_valid_user_comes_back_the_same(
    shared: Alma, schema: etree.XMLSchema | None, body: dict[str, Any]
) -> None:
    """A user stays the same: sent as JSON or XML, shown as either, put back as shown."""
    _round_trip(shared, schema, body)


def _like(user: dict[str, Any]) -> Options:
    """A practice Alma that has the codes of another institution."""
    found = {
        "UserGroups": [user["user_group"]],
        "UserIdentifierTypes": [entry["id_type"] for entry in user["user_identifier"]],
        "UserStatCategories": [
            entry["statistic_category"] for entry in user.get("user_statistic", [])
        ],
    }
    codes = {name: {row["value"]: row["desc"] for row in rows} for name, rows in found.items()}
    return Options(rate=0, codes=codes, switches={"unlisted-codes": "accept"})


@_needs_reference
@pytest.mark.parametrize("sample", _SAMPLES, ids=lambda path: path.stem)
def test_real_users_are_taken_and_come_back(sample: Path) -> None:
    """Bodies of real institutions are accepted by POST and PUT and come back the same."""
    user = json.loads(sample.read_text("utf-8"))
    computed = {"full_name", "status_date", "loans"}
    sent = {name: value for name, value in user.items() if name not in computed}
    with practice(_like(user)) as alma:
        posted = alma.call("POST", "/users", user)
        assert posted.status_code == 200, posted.text
        assert same(sent, posted.json())
        assert same(sent, alma.update(user["primary_id"], user))


_BARE = {"first_name": "Ada", "last_name": "Almeida", "account_type": coded("INTERNAL")}
_PHONES = [
    {"phone_number": f"701-555-010{number}", "phone_type": [coded("home")], "preferred": True}
    for number in (1, 2)
]
_HOME = {"line1": "1 Elm Street", "address_type": [coded("home")]}
_NOTE = {"note_type": coded("OTHER"), "note_text": "x", "note_owner": "MAIN_LIB"}

# By where the body was seen.
BODIES: dict[str, dict[str, Any]] = {
    "almarestapi-lib, README": _BARE,
    "AlmaAPITK, live 2026-05": person(record_type=None, status=coded("ACTIVE")),
    "CSV User Loader, ENRICH mode": student(
        contact_info={
            "email": [
                email("new@example.org", preferred=True),
                email("old@example.org", preferred=True),
            ]
        }
    ),
    "CSV User Loader, FALSE": person(force_password_change="FALSE"),
    "BerkeleyLibrary, GET body": person(force_password_change="false"),
    "KTH, two preferred phones": person(contact_info={"phone": _PHONES}),
    "KTH, email as primary ID": person(primary_id="ada@example.org"),
    "KTH, note without its booleans": person(user_note=[{**_NOTE, "note_owner": None}]),
    "Vanderbilt, address without city": person(contact_info={"address": [_HOME]}),
    "OpenRS DCB, no contact_info and any external_id": student(external_id="ANY"),
    "almapiwrapper, password of an External user": student(password="123pw123"),
    "Developer Network, POST sample of 2024-05": person(
        user_note=[_NOTE],
        user_block=[{"block_description": coded("02-GLOBAL"), "block_owner": "MAIN_LIB"}],
        user_statistic=[
            {
                "statistic_category": coded("STUDENT"),
                "category_type": coded("DEPARTMENT"),
                "statistic_owner": "MAIN_LIB",
            }
        ],
        researcher={"researcher_title": "x"},
    ),
    "scriptotek, External identifier of an Internal user": person(
        user_identifier=[{"id_type": coded("BARCODE"), "value": "B1", "segment_type": "External"}]
    ),
    "Paderborn, proxies": person(proxy_for_user=[{"primary_id": "BOSS"}]),
    "alma_api, v1 field name": person(recordType="PUBLIC"),
}


@pytest.mark.parametrize("source", BODIES)
def test_alma_takes_what_others_send(alma: Alma, source: str) -> None:
    """The body is accepted by POST, and by PUT as GET shows it afterwards, unchanged."""
    answer = alma.call("POST", "/users", BODIES[source], accept="*/*")
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"].startswith(JSON)
    user = answer.json()
    assert user["record_type"]["value"] == "PUBLIC"
    assert alma.update(user["primary_id"], user) == alma.user(user["primary_id"]) == user
