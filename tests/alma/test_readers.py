"""Whatever a server sends, a reader gives its value or None; nothing is raised."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from importer.alma.connection import Request
from importer.alma.models import (
    Reader,
    read_institution,
    read_nothing,
    read_table,
    read_user,
    read_users,
)
from importer.alma.probe import LAST_NAME, Recording
from importer.alma.responses import Reply, judge
from importer.model.fields import CodeRow

READERS: list[Reader[object]] = [
    read_user,
    read_users,
    read_table,
    read_institution,
    read_nothing,
]
KEYS = (
    *("user", "total_record_count", "primary_id", "birth_date", "row", "name", "code", "enabled"),
    *("description", "library", "institution", "value", "desc", "errorsExist", "errorList"),
    *("error", "errorCode", "errorMessage", "trackingId", "web_service_result"),
)

PATRON, OWN = {"primary_id": "1001"}, {"primary_id": "own", "last_name": LAST_NAME}

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=3), inner, max_size=4)
    ),
    max_leaves=12,
)
bodies = anything.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=60)


@example(body=b'{"total_record_count": "' + b"9" * 5000 + b'"}', status=200, writes=False)
@example(body=b'{"user": ' + b"[" * 200_000, status=200, writes=False)
@example(body=b'{"errorList": ' + b'{"error": ' * 200_000, status=400, writes=False)
@given(
    body=bodies,
    status=st.sampled_from([200, 204, 302, 400, 404, 429, 500]),
    writes=st.booleans(),
)
def test_no_body_raises(body: bytes, status: int, *, writes: bool) -> None:
    """Odd shapes, wrong kinds and torn bytes are judged and read, never raised."""
    error = judge(Reply(status, body), writes=writes)
    assert error is None or status != 200 or b"errorCode" in body or b"nvalid" in body
    for read in READERS:
        read(body)


@pytest.mark.parametrize("read", READERS[:-1])
@pytest.mark.parametrize("body", [b"", b"null", b"[]", b"{}", b"<html></html>", b'"x"', b"\xff"])
def test_what_is_not_asked_for_is_none(read: Reader[object], body: bytes) -> None:
    """An empty or foreign body is never taken for an empty result."""
    assert read(body) is None


@pytest.mark.parametrize(
    ("body", "content_type", "fine"),
    [
        (b"", "", True),
        (b"<test/>", "application/xml", True),
        (b"<!DOCTYPE html><html>", "", False),
        (b"  <HTML>", "", False),
        (b"Welcome", "text/html; charset=utf-8", False),
    ],
)
def test_a_page_is_no_answer(body: bytes, content_type: str, *, fine: bool) -> None:
    """Where no body is expected, a web page is the sign of a network that wants a sign-in."""
    error = judge(Reply(200, body, content_type), writes=False)
    assert (error is None and read_nothing(body) is True) is fine


@pytest.mark.parametrize("environment", ["SANDBOX", {"value": "SANDBOX", "desc": "Sandbox"}])
def test_the_institution_and_its_environment(environment: object) -> None:
    """A plan is bound to them; the environment is a text or a code."""
    body = {"institution": {"value": "01EX_INST"}, "environment_type": environment}
    found = read_institution(json.dumps(body).encode())
    assert found is not None
    assert (found.code, found.environment) == ("01EX_INST", "sandbox")


def test_rows_of_a_table() -> None:
    """A code stays text; a row can be disabled; a table can be empty; libraries have names."""
    body = b'{"name": "T", "row": [{"code": "01", "description": "One", "enabled": false}]}'
    assert read_table(body) == (CodeRow("01", "One", enabled=False),)
    assert read_table(b'{"name": "T"}') == read_table(b'{"total_record_count": 0}') == ()
    assert read_table(b'{"library": [{"code": "M", "name": "Main"}]}') == (CodeRow("M", "Main"),)


@pytest.mark.parametrize("users", [PATRON, [PATRON, OWN], OWN, "1001", {"a": PATRON}, None])
def test_of_any_shape_of_a_list_a_recording_keeps_no_patron(users: object) -> None:
    """Users whom the probe made stay, in the shape that came; a list may be a single user."""
    recording = Recording()
    for body in ({"user": users, "total_record_count": 1}, [users], users):
        reply = Reply(200, json.dumps(body).encode(), "application/json")
        recording.add(Request("GET", "/users", {}), reply)
    assert "1001" not in recording.text()
    kept = json.loads(json.loads(recording.lines[0])["reply"])
    assert ("own" in recording.text()) is ("own" in json.dumps(users))
    assert kept["user"] in ([], [OWN], OWN, None)
    assert [json.loads(line)["status"] for line in recording.lines] == [200] * 3
