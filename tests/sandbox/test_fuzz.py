"""Whatever is sent, the answer is a refusal or a success, never a server error."""

from __future__ import annotations

import copy
import json
import re
import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from lxml import etree

from tests.sandbox.alma import Alma, barcode, code_of, coded, email, person
from tests.sandbox.people import as_xml

_SETTINGS = settings(deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=300)
    | st.sampled_from(["\x00", "\ud800", "2026-02-31", "10000-01-01", "\ufffe", "x" * 5000]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=5) | st.just("value"), inner, max_size=4)
    ),
    max_leaves=8,
)
_WHOLE = person(
    birth_date="1990-03-01",
    is_researcher=False,
    gender=coded("OTHER"),
    contact_info={
        "address": [
            {"line1": "1 Elm Street", "country": coded("USA"), "address_type": [coded("home")]}
        ],
        "email": [email("ada@example.org", preferred=True)],
        "phone": [{"phone_number": "701-555-0100", "phone_type": [coded("home")]}],
    },
    user_identifier=[barcode("B1", note="n", status="ACTIVE")],
    user_role=[{"role_type": coded("200"), "parameter": [{"type": coded("ServiceUnit")}]}],
    user_note=[{"note_type": coded("OTHER"), "note_text": "x", "popup_note": True}],
    user_block=[{"block_description": coded("02-GLOBAL"), "expiry_date": "2026-01-01T00:00:00Z"}],
    user_statistic=[{"statistic_category": coded("STUDENT")}],
    rs_library=[{"code": coded("RES_SHARE")}],
    library_notice=[{"code": coded("FulOverdueNotificationLetter"), "value": True}],
)


def _places(document: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    inside = document.items() if isinstance(document, dict) else enumerate(document)
    for key, value in inside:
        yield (*path, key)
        if isinstance(value, dict | list):
            yield from _places(value, (*path, key))


_PLACES = list(_places(_WHOLE))


def _check(alma: Alma, method: str, body: bytes, kind: str) -> httpx.Response:
    path = "/users" if method == "POST" else "/users/P1"
    headers = {"Content-Type": kind}
    answer = alma.call(method, path, body, headers=headers)
    assert answer.status_code in {200, 400}, answer.text
    if answer.status_code == 400:
        assert code_of(answer)
    else:
        assert alma.call("GET", path, accept="application/xml").status_code == 200
    return answer


def _dump(document: Any) -> bytes:
    return json.dumps(document).encode()


@pytest.mark.faults
@settings(_SETTINGS, max_examples=200)
@given(place=st.sampled_from(_PLACES), value=_VALUES, method=st.sampled_from(["POST", "PUT"]))
def test_a_value_of_any_type_in_any_place(
    shared: Alma, place: tuple[Any, ...], value: Any, method: str
) -> None:
    """One value of a good body is replaced by anything."""
    shared.call("POST", "/users", person())
    body = copy.deepcopy(_WHOLE)
    holder: Any = body
    for key in place[:-1]:
        holder = holder[key]
    holder[place[-1]] = value
    _check(shared, method, _dump(body), "application/json")


@pytest.mark.faults
@settings(_SETTINGS, max_examples=100)
@given(value=_VALUES | st.binary(max_size=50))
def test_a_body_of_anything(shared: Alma, value: Any) -> None:
    """A body that is not a user is BAD_REQUEST."""
    body = value if isinstance(value, bytes) else _dump(value)
    assume(not isinstance(value, dict))
    answer = _check(shared, "POST", body, "application/json")
    assert code_of(answer) == "BAD_REQUEST"


@pytest.mark.parametrize(
    "body",
    [b"[" * 100_000, b'{"a":' * 100_000, b"9" * 10_000, b"NaN", b"\xef\xbb\xbf{}", b"\xff", b""],
)
def test_bodies_that_break_parsers(alma: Alma, body: bytes) -> None:
    """Deep, endless and wrongly encoded bodies are refused."""
    answer = _check(alma, "POST", body, "application/json")
    assert code_of(answer) == "BAD_REQUEST"
    deep = b"<user>" + b"<a>" * 50_000
    assert code_of(_check(alma, "POST", deep, "application/xml")) == "401676"


@pytest.mark.faults
@settings(_SETTINGS, max_examples=150)
@given(data=st.data())
def test_xml_with_bytes_changed(shared: Alma, data: st.DataObject) -> None:
    """A good XML body with some bytes changed, cut or doubled."""
    body = bytearray(etree.tostring(as_xml(_WHOLE)))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(body) - 1))
        patch = data.draw(st.binary(max_size=3) | st.sampled_from([b"<", b">", b"&", b"</user>"]))
        body[at : at + data.draw(st.integers(0, 9))] = patch
        assume(body)
    _check(shared, "POST", bytes(body), "application/xml")
    shared.call("DELETE", "/users/P1")


@pytest.mark.faults
@settings(_SETTINGS, max_examples=100)
@given(
    identifier=st.text(min_size=1, max_size=20),
    question=st.text(max_size=30),
    field=st.sampled_from(["last_name", "email", "ALL", "general_info", "x"]),
    other=st.text(max_size=10),
)
def test_ids_and_questions_of_any_characters(
    shared: Alma, identifier: str, question: str, field: str, other: str
) -> None:
    """Paths and parameters may contain anything; the answer is well formed in both formats."""
    identifier = re.sub(r"[/\\]", "_", identifier)
    escaped = quote(identifier.encode("utf-8", "replace"), safe="")
    assume(escaped not in {".", ".."})
    asked = quote(f"{field}~{question}".encode("utf-8", "replace"))
    extra = quote(other.encode("utf-8", "replace"))
    for path in (
        f"/users/{escaped}?user_id_type={extra}",
        f"/users?q={asked}",
        f"/users?limit={extra}&offset={extra}&order_by={extra}&modify_date_from={extra}",
        f"/conf/code-tables/{escaped}",
    ):
        shown = shared.call("GET", path, accept="application/xml")
        assert shown.status_code in {200, 400}
        if "xml" in shown.headers["Content-Type"]:  # a code table is shown in JSON only
            etree.fromstring(shown.content)
        shared.call("GET", path).json()


def test_bytes_that_are_no_text_in_path_and_headers(alma: Alma) -> None:
    """Raw bytes in the request line are answered with 400 or 404."""
    host, _, port = alma.url.removeprefix("http://").partition(":")
    for target in (b"/almaws/v1/users/\xff\xfe", b"/almaws/v1/users/%FF%00", b"/\xff", b"//"):
        with socket.create_connection((host, int(port)), timeout=10) as raw:
            raw.sendall(
                b"GET " + target + b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                b"Authorization: apikey sandbox\r\nAccept: application/json\r\n\r\n"
            )
            status = raw.makefile("rb").readline().split()[1]
        assert status in {b"400", b"404"}
    assert alma.admin("GET", "/log").status_code == 200


def test_a_record_beyond_all_measure_is_refused(alma: Alma) -> None:
    """A body of more than a megabyte is refused by the gateway and changes nothing."""
    note = {"note_type": coded("OTHER"), "note_text": "x"}
    answer = alma.call("POST", "/users", person(user_note=[note] * 100_000))
    assert (answer.status_code, code_of(answer)) == (413, "REQUEST_TOO_LARGE")
    assert alma.call("GET", "/users").json() == {"total_record_count": 0}


def test_bytes_that_are_no_http(alma: Alma, caplog: pytest.LogCaptureFixture) -> None:
    """A line that is too long is answered with 400, without a traceback in the log."""
    host, _, port = alma.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=60) as raw:
        raw.sendall(b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n")
        assert raw.makefile("rb").readline().split()[1] == b"400"
    assert not [entry for entry in caplog.records if entry.exc_info]


def test_a_caller_who_hangs_up_while_sending(alma: Alma) -> None:
    """Half a body changes nothing, and the next call works."""
    host, _, port = alma.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=10) as raw:
        raw.sendall(
            b"POST /almaws/v1/users HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n"
            b"Authorization: apikey sandbox\r\nContent-Type: application/json\r\n\r\n{"
        )
    assert alma.call("GET", "/users").json() == {"total_record_count": 0}
