"""Every error code of contract 2.4 that a call can provoke."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.sandbox.alma import XML, Alma, barcode, code_of, coded, email, person, student

_HOME = {"line1": "1 Elm Street", "address_type": [coded("home")]}
_LOST_ROLE = {"role_type": coded("214"), "scope": coded("MAIN_LIB")}

REFUSED_BODIES: list[tuple[str, dict[str, Any]]] = [
    ("401664", person(account_type=None)),
    ("401664", person(last_name="")),
    ("401664", person(contact_info={"address": [{**_HOME, "line1": ""}]})),
    ("401664", person(contact_info={"address": [{**_HOME, "address_type": []}]})),
    ("401664", person(contact_info={"email": [{**email("a@example.org"), "email_type": []}]})),
    ("401664", person(contact_info={"email": [email("")]})),
    ("401664", person(contact_info={"phone": [{"phone_number": "701-555-0100"}]})),
    ("401664", person(user_identifier=[{"value": "B1"}])),
    ("401664", person(user_identifier=[{"id_type": coded("BARCODE")}])),
    ("401664", person(user_note=[{"note_type": coded("OTHER")}])),
    ("401664", person(user_note=[{"note_text": "hello"}])),
    ("401664", person(user_block=[{"block_note": "hello"}])),
    ("401664", person(user_statistic=[{"statistic_note": "hello"}])),
    ("401664", person(user_role=[_LOST_ROLE])),
    ("401852", person(user_group=coded("comm"))),
    ("401853", person(external_id="SIS")),
    ("401854", student(external_id="")),
    ("401855", person(account_type=coded("INTEXTAUTH"))),
    ("401857", person(account_type=coded("internal"))),
    ("401863", person(contact_info={"address": [{**_HOME, "address_type": [coded("claim")]}]})),
    ("401863", person(record_type=coded("CONTACT"), user_identifier=[barcode("B1")])),
    ("401864", person(contact_info={"address": [{**_HOME, "address_type": [coded("Home")]}]})),
    ("401864", person(user_identifier=[barcode("B1", id_type=coded("NO_SUCH"))])),
    ("401864", person(user_note=[{"note_type": coded("X"), "note_text": "hello"}])),
    ("401864", person(user_block=[{"block_description": coded("X")}])),
    ("401864", person(user_statistic=[{"statistic_category": coded("X")}])),
    ("40166404", person(record_type=coded("PATRON"))),
    ("40166404", person(gender=coded("X"))),
    ("40166404", person(preferred_language=coded("xx"))),
    ("40166404", person(user_title=coded("mr"))),
    ("40166404", person(campus_code=coded("MOON"))),
    ("40166404", person(contact_info={"address": [{**_HOME, "country": coded("US")}]})),
    ("40166404", person(rs_library=[{"code": coded("NOWHERE")}])),
    ("40166404", person(user_role=[{"role_type": coded("Patron")}])),
    ("4018994", person(primary_id="B1", user_identifier=[barcode("b1")])),
    ("4018994", person(primary_id="B1", user_identifier=[barcode("B1", status="INACTIVE")])),
    ("4018994", person(user_identifier=[barcode("x"), barcode("X", id_type=coded("01"))])),
    ("500038", person(password="short")),
    ("500038", person(password="password")),
    ("500038", person(primary_id="ada", password="my-ADA-secret")),
    ("401676", person(first_name="x" * 256)),
    ("401676", person(last_name="a\x0bb")),
    ("BAD_REQUEST", person(birth_date="05/15/2026")),
    ("BAD_REQUEST", person(birth_date="2026-02-30")),
    ("BAD_REQUEST", person(birth_date="")),
    ("BAD_REQUEST", person(last_name=["Almeida"])),
    ("BAD_REQUEST", person(user_group="COMM")),
    ("BAD_REQUEST", person(contact_info=[])),
    ("BAD_REQUEST", person(user_note={"user_note": []})),
]


@pytest.mark.parametrize("number", range(len(REFUSED_BODIES)))
def test_post_and_put_refuse(alma: Alma, number: int) -> None:
    """A body that breaks a rule is 400 with the rule's code, and nothing is stored or changed."""
    code, body = REFUSED_BODIES[number]
    posted = alma.call("POST", "/users", body)
    assert (posted.status_code, code_of(posted)) == (400, code)
    assert alma.call("GET", "/users").json()["total_record_count"] == 0
    kind = {"account_type", "external_id"} & set(body)
    before = alma.create(**({"primary_id": body["primary_id"]} if not kind else {}))
    put = alma.call("PUT", f"/users/{before['primary_id']}", body)
    assert (put.status_code, code_of(put)) == (400, code)
    assert alma.user(before["primary_id"]) == before
    assert [entry["applied"] for entry in alma.log() if entry["method"] == "PUT"] == [False]


def test_taken_identifiers(alma: Alma) -> None:
    """An identifier of another user is 401851, whatever its kind and case."""
    alma.create(primary_id="Ada", user_identifier=[barcode("B1")])
    for body in (
        person(primary_id="ADA"),
        person(primary_id="b1"),
        person(primary_id="P2", user_identifier=[barcode("ada")]),
        person(primary_id="P2", user_identifier=[barcode("b1", id_type=coded("01"))]),
    ):
        answer = alma.call("POST", "/users", body)
        assert (answer.status_code, code_of(answer)) == (400, "401851")
    alma.create(primary_id="P2")
    put = alma.call("PUT", "/users/P2", person(primary_id="P2", user_identifier=[barcode("B1")]))
    assert code_of(put) == "401851"
    message = put.json()["errorList"]["error"][0]["errorMessage"]
    assert message == "User with identifier B1 of type BARCODE already exists."


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("GET", "/users/nobody", "401861"),
        ("PUT", "/users/nobody", "401861"),
        ("DELETE", "/users/nobody", "401861"),
        ("GET", "/users/P1?user_id_type=BARCODE", "401890"),
        ("PUT", "/users/nobody?user_id_type=BARCODE", "401890"),
        ("DELETE", "/users/nobody?user_id_type=BARCODE", "401890"),
        ("GET", "/users/nobody?user_id_type=linking_id", "4019998"),
        ("GET", "/users/P1?expand=user_blocks", "401666"),
        ("GET", "/users?expand=all", "401666"),
        ("GET", "/users/nobody/loans", "401861"),
        ("DELETE", "/users/P1", "401850"),
        ("GET", "/conf/code-tables/NoSuch", "40166411"),
    ],
)
def test_calls_that_find_nothing(alma: Alma, method: str, path: str, code: str) -> None:
    """The code of "not found" depends on the call; a user with loans cannot be deleted."""
    alma.create()
    alma.admin("POST", "/users/P1/loans", {"loans": 1})
    answer = alma.call(method, path, person() if method == "PUT" else None)
    assert (answer.status_code, code_of(answer)) == (400, code)


def test_kind_and_owner_of_an_external_user_are_fixed(alma: Alma) -> None:
    """External never becomes Internal (401859) or changes its external_id (401858)."""
    alma.create(**student())
    internal = person(primary_id="1000001")
    assert code_of(alma.call("PUT", "/users/1000001", internal)) == "401859"
    other = student(external_id="OTHER")
    assert code_of(alma.call("PUT", "/users/1000001", other)) == "401858"
    assert code_of(alma.call("PUT", "/users/1000001", student(external_id=""))) == "401854"


def test_put_without_primary_id(alma: Alma) -> None:
    """PUT needs the primary id; POST generates one."""
    alma.create()
    assert code_of(alma.call("PUT", "/users/P1", person(primary_id=None))) == "401664"
    made = alma.create(primary_id=None)["primary_id"]
    assert alma.user(made)["last_name"] == "Almeida"


def test_the_error_envelope(alma: Alma) -> None:
    """Errors have Alma's envelope in both formats, with a tracking ID in Alma's pattern."""
    answer = alma.call("GET", "/users/nobody").json()
    assert answer["errorsExist"] is True
    error = answer["errorList"]["error"][0]
    assert error["errorMessage"] == "User with identifier nobody was not found."
    pattern = r"E\d\d-\d{10}-[A-Z0-9]{5}-AWAE\d+"
    assert re.fullmatch(pattern, error["trackingId"])
    shown = alma.call("GET", "/users/nobody", accept=XML).text
    assert 'xmlns="http://com/exlibris/urm/general/xmlbeans"' in shown
    assert re.search(f"<trackingId>{pattern}</trackingId>", shown)


@pytest.mark.parametrize("shape", ["single", "wrapped", "text-flag", "older", "bare"])
def test_the_envelope_has_variants(alma: Alma, shape: str) -> None:
    """A switch selects each variant that clients have met."""
    alma.set(switches={"error-shape": shape})
    answer = alma.call("GET", "/users/nobody").json()
    envelope = answer.get("web_service_result", answer)
    errors = envelope["errorList"]["error"]
    error = errors if isinstance(errors, dict) else errors[0]
    assert error["errorCode"] == "401861"
    assert ("trackingId" in error) is (shape not in {"older", "bare"})
    assert ("Tracking ID" in error["errorMessage"]) is (shape == "older")
    assert envelope["errorsExist"] == ("true" if shape == "text-flag" else True)
    assert ("web_service_result" in answer) is (shape == "wrapped")


_USER = (
    "<user><record_type>PUBLIC</record_type><account_type>INTERNAL</account_type>"
    "<primary_id>X</primary_id><last_name>Y</last_name><user_group>COMM</user_group>{}</user>"
)


@pytest.mark.parametrize(
    "inside",
    [
        "<shoe_size>43</shoe_size>",
        "<gender value='MALE'/>",
        "<gender><value>MALE</value></gender>",
        "<contact_info><emails/><addresses/><faxes/></contact_info>",
        "<user_notes><note/></user_notes>",
        "<x:gender xmlns:x='urn:x'>MALE</x:gender>",
    ],
)
def test_unknown_xml_is_ignored(alma: Alma, inside: str) -> None:
    """Elements and attributes that Alma does not know change nothing, as in JSON."""
    answer = alma.call("POST", "/users", _USER.format(inside).encode())
    assert answer.status_code == 200, answer.text
    assert answer.json()["gender"]["value"] == ""


@pytest.mark.parametrize(
    "body",
    [
        *(
            _USER.format(inside).encode()
            for inside in (
                "<birth_date/>",
                "<birth_date>05/15/2026</birth_date>",
                "<is_researcher>maybe</is_researcher>",
                f"<first_name>{'x' * 256}</first_name>",
            )
        ),
        b"",
        b"<user>",
        b"{}",
        b"<users/>",
        b"\xff\xfe",
        b'<!DOCTYPE user [<!ENTITY a "b">]><user>&a;</user>',
        b'<!DOCTYPE user SYSTEM "file:///etc/passwd"><user/>',
    ],
)
def test_what_is_no_user_in_xml(alma: Alma, body: bytes) -> None:
    """A malformed value, a body that is not XML, or one with a DTD, is 401676."""
    answer = alma.call("POST", "/users", body)
    assert (answer.status_code, code_of(answer)) == (400, "401676")
