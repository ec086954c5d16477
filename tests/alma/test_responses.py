"""Everything that can come back falls in exactly one class; a reader gives its value or None."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from importer.advice import Do
from importer.alma.connection import Request
from importer.alma.models import (
    Reader,
    read_institution,
    read_nothing,
    read_table,
    read_user,
    read_users,
)
from importer.alma.probe import LAST_NAME, saved_call
from importer.alma.responses import (
    ACCESS_CODES,
    DAILY_LIMIT_CODE,
    OUTAGE_CODES,
    PER_SECOND_CODE,
    REFUSALS,
    NotFoundError,
    Reply,
    error_in,
    explain_refusal,
    judge,
)
from importer.errors import (
    AccessError,
    AlmaError,
    AlmaSaid,
    DailyLimitError,
    RefusedError,
    ThrottledError,
    UnavailableError,
    UnknownOutcomeError,
)
from importer.model.fields import FIELDS, CodeRow
from tests.alma.fakes import envelope, xml_envelope

_REFUSED = """
401676 401664 401851 4018994 401852 401853 401854 401855 401857 401858 401859 401860 401658 401652
401863 401864 40166404 500038 401850 401866 401651 60105 40166411
60224 60225 60226 60227 60228 60229 60230 60231 60232
"""
CONTRACT: dict[str, type[AlmaError]] = {
    # every code of contract 2.4, and what it is for a write
    **dict.fromkeys(_REFUSED.split(), RefusedError),
    **dict.fromkeys(("401861", "401890", "4019990", "4019998"), NotFoundError),
    **dict.fromkeys(("402119", "60101", "GENERAL_ERROR", "ROUTING_ERROR"), UnknownOutcomeError),
    **dict.fromkeys(("UNAUTHORIZED", "INVALID_REQUEST", "FORBIDDEN"), AccessError),
    "PER_SECOND_THRESHOLD": ThrottledError,
    "DAILY_THRESHOLD": DailyLimitError,
}


@pytest.mark.parametrize("code", CONTRACT)
@pytest.mark.parametrize("body", [envelope, xml_envelope])
def test_every_code_of_the_contract_has_its_class(code: str, body: Callable[[str], bytes]) -> None:
    """A code means the same in JSON and in XML, and for a read no outcome is unknown."""
    answer = Reply(400, body(code))
    expected = CONTRACT[code]
    written = judge(answer, writes=True)
    assert type(written) is expected
    assert written is not None
    assert written.code == code
    assert written.said == "A reason."
    read = judge(answer, writes=False)
    assert type(read) is (UnavailableError if expected is UnknownOutcomeError else expected)


def test_the_tables_hold_each_code_once_and_no_other() -> None:
    """The tables of codes are the contract's, without overlap, in words for a librarian."""
    codes = [code for known in set(REFUSALS.values()) for code in known.codes]
    codes += [*ACCESS_CODES, *OUTAGE_CODES, DAILY_LIMIT_CODE, PER_SECOND_CODE]
    assert sorted(codes) == sorted(CONTRACT)
    for known in REFUSALS.values():
        assert known.sentence.endswith(".")
        assert known.advice.endswith(".")
        assert known.field in {"", "account_type", *FIELDS}
        words = (known.sentence + known.advice).replace(",", "").replace(".", "").split()
        assert not {"400", "JSON", "XML", "exception", "null"}.intersection(words)


STATUSES = [
    # status, body, for a write, for a read
    (200, b'{"primary_id": "1"}', None, None),
    (204, b"", None, None),
    (200, envelope("401852"), RefusedError, RefusedError),
    (301, b"", UnknownOutcomeError, UnavailableError),
    (302, b"<html>", UnknownOutcomeError, UnavailableError),
    (308, b"", UnknownOutcomeError, UnavailableError),
    (400, envelope("999999"), RefusedError, RefusedError),
    (400, b"", UnknownOutcomeError, UnavailableError),
    (400, b"<html><body>Bad</body></html>", UnknownOutcomeError, UnavailableError),
    (400, b'{"errorsExist": true, "errorList": {"err', UnknownOutcomeError, UnavailableError),
    (400, b'{"errorsExist": true, "errorList": {}}', UnknownOutcomeError, UnavailableError),
    (400, b"Invalid API Key", AccessError, AccessError),
    (401, b"<html>Unauthorized</html>", AccessError, AccessError),
    (403, b"", AccessError, AccessError),
    (404, b"<html>not here</html>", UnknownOutcomeError, UnavailableError),
    (404, envelope("999999"), RefusedError, RefusedError),
    (404, envelope("401861"), NotFoundError, NotFoundError),
    (409, envelope("999999"), RefusedError, RefusedError),
    (415, b"", UnknownOutcomeError, UnavailableError),
    (429, b"", ThrottledError, ThrottledError),
    (429, b"<html>slow down</html>", ThrottledError, ThrottledError),
    (429, xml_envelope("DAILY_THRESHOLD"), DailyLimitError, DailyLimitError),
    (429, b"Daily API Request Threshold has been reached.", DailyLimitError, DailyLimitError),
    (429, b'{"message": "daily api request threshold"}', DailyLimitError, DailyLimitError),
    (503, xml_envelope("DAILY_THRESHOLD"), DailyLimitError, DailyLimitError),
    (403, xml_envelope("DAILY_THRESHOLD"), DailyLimitError, DailyLimitError),
    (403, xml_envelope("INVALID_REQUEST"), AccessError, AccessError),
    (500, b"", UnknownOutcomeError, UnavailableError),
    (500, xml_envelope("GENERAL_ERROR"), UnknownOutcomeError, UnavailableError),
    (502, b"<html>", UnknownOutcomeError, UnavailableError),
    (503, b"", UnknownOutcomeError, UnavailableError),
    (504, b"", UnknownOutcomeError, UnavailableError),
]  # fmt: skip


@pytest.mark.parametrize(("status", "body", "write", "read"), STATUSES)
def test_a_status_without_a_known_code_has_its_class(
    status: int, body: bytes, write: type[AlmaError] | None, read: type[AlmaError] | None
) -> None:
    """What is not clear is unknown for a write and unavailable for a read; absence needs a code."""
    answer = Reply(status, body)
    for writes, expected in ((True, write), (False, read)):
        error = judge(answer, writes=writes)
        assert (None if error is None else type(error)) is expected


@pytest.mark.parametrize("writes", [True, False])
def test_no_status_falls_through(*, writes: bool) -> None:
    """Every status is success or one of the errors."""
    for status in range(100, 600):
        error = judge(Reply(status, b""), writes=writes)
        assert (error is None) == (200 <= status < 300), status


@pytest.mark.parametrize(("status", "repeatable"), [(503, True), (502, True), (302, False)])
def test_a_read_that_failed_is_repeated_unless_it_was_redirected(
    status: int, *, repeatable: bool
) -> None:
    """After the time that the server asks for, where it asks for one."""
    error = judge(Reply(status, b"", retry_after="7"), writes=False)
    assert isinstance(error, UnavailableError)
    assert error.repeatable is repeatable
    assert error.wait == (7 if repeatable else 0)


def test_a_page_that_is_not_there_names_the_address() -> None:
    """A gateway's 404: to try it again does not help where the address is wrong."""
    answer = Reply(404, b"<html>not here</html>", content_type="text/html")
    for status, advised in ((404, True), (503, False)):
        error = judge(replace(answer, status=status), writes=False)
        assert error is not None
        assert (Do.SET_ADDRESS in {choice.do for choice in error.advice}) is advised


ODD_ENVELOPES = [
    b'{"errorsExist": "true", "errorList": {"error": '
    b'{"errorCode": 401664, "errorMessage": "M", "trackingId": "T"}}}',
    b'{"web_service_result": {"errorsExist": true, "errorList": {"error": '
    b'[{"errorCode": "401664", "errorMessage": "M", "trackingId": "T"}]}}}',
    b'{"errorsExist": true, "errorList": {"error": '
    b'[{"errorCode": "401664", "errorMessage": "M\\n(Tracking ID: T)"}]}}',
    b'  {"errorList": {"error": [{"errorCode": "401664", "errorMessage": "M Tracking ID: T"}]}}',
    b"<web_service_result><errorList><error><errorCode>401664</errorCode>"
    b"<errorMessage>M</errorMessage><trackingId>T</trackingId></error>",
]


@pytest.mark.parametrize("body", ODD_ENVELOPES)
def test_every_form_of_the_envelope_is_read(body: bytes) -> None:
    """One object for a list, a wrapper, numbers for text, an id inside the text, torn XML."""
    found = error_in(Reply(400, body))
    assert found is not None
    assert (found.code, found.said, found.tracking_id) == ("401664", "M", "T")


def test_an_envelope_without_tracking_id_is_read() -> None:
    """Gateway errors carry none."""
    found = error_in(Reply(429, b"<errorCode>PER_SECOND_THRESHOLD</errorCode>"))
    assert found is not None
    assert (found.code, found.tracking_id) == ("PER_SECOND_THRESHOLD", "")


@pytest.mark.parametrize(
    ("retry_after", "date", "wait"),
    [
        ("", "", 0),
        ("4", "", 4),
        ("86400", "", 600),
        ("-1", "", 0),
        ("soon", "", 0),
        ("Thu, 20 Aug 2026 09:30:07 GMT", "Thu, 20 Aug 2026 09:30:00 GMT", 7),
        ("Thu, 20 Aug 2026 09:30:00 GMT", "Thu, 20 Aug 2026 09:30:07 GMT", 0),
        ("Thu, 20 Aug 2026 09:30:07 GMT", "", 0),
    ],
)
def test_the_wish_to_wait_is_understood(retry_after: str, date: str, wait: float) -> None:
    """Retry-After is seconds or a time by the server's own clock; absurd ones are capped."""
    error = judge(Reply(429, b"", retry_after=retry_after, date=date), writes=True)
    assert isinstance(error, ThrottledError)
    assert error.wait == wait


def test_a_redirect_names_the_host_and_not_the_path() -> None:
    """Who redirects is said; the path may hold an identifier and is not."""
    answer = Reply(302, b"", location="https://login.example.org/x?id=CANARY")
    error = judge(answer, writes=False)
    assert "login.example.org" in str(error)
    assert "CANARY" not in str(error)


PRIMARY, OTHER, EMAIL = "primary_id", "user_identifier.value", "contact_info.email"


@pytest.mark.parametrize(
    ("code", "said", "field"),
    [
        ("401852", "Given user group is not legal.", "user_group"),
        ("401851", "User with identifier X of type Primary id already exists.", PRIMARY),
        ("401851", "User with identifier X of type BARCODE already exists.", OTHER),
        ("4018994", "", OTHER),
        ("500038", "New password must be …", "password"),
        ("401664", "Mandatory field is missing: last_name", "last_name"),
        ("401664", "Mandatory field is missing: email address", f"{EMAIL}.email_address"),
        ("401664", "Mandatory field is missing: address line1", "contact_info.address.line1"),
        ("401664", "Mandatory field is missing: library", ""),
        ("401863", "Given email type (x) is not supported for …", f"{EMAIL}.email_type"),
        ("401864", "Given identifier type (ZZ) is invalid.", "user_identifier.id_type"),
        ("40166404", "Given field campus_code has invalid value Y, …", "campus_code"),
        ("401858", "", "external_id"),
        ("401861", "User with identifier X was not found.", ""),
        ("999999", "Something new.", ""),
        ("", "", ""),
    ],
)
def test_a_refusal_names_the_field(code: str, said: str, field: str) -> None:
    """A row's report names Alma's field, taken from Alma's text if the code does not name it."""
    found = explain_refusal(RefusedError("Alma does not take it.", AlmaSaid(code, said)))
    assert found.field == field
    assert found.sentence
    assert found.advice


READERS: list[Reader[object]] = [read_user, read_users, read_table, read_institution, read_nothing]
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
    body=bodies, status=st.sampled_from([200, 204, 302, 400, 404, 429, 500]), writes=st.booleans()
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


@pytest.mark.parametrize("users", [PATRON, [PATRON, OWN], "1001", {"a": PATRON}, None])
def test_only_users_of_the_probe_are_kept_among_the_replies(users: object) -> None:
    """A reply of any other shape, in which a patron may be, is left out; its status stays."""
    calls = []
    for body in ({"user": users, "total_record_count": 1}, [users], users, OWN):
        reply = Reply(200, json.dumps(body).encode(), "application/json")
        calls.append(json.loads(saved_call(Request("GET", "/users/1", {}), reply)))
    assert [call["status"] for call in calls] == [200] * 4
    assert [call["reply"] for call in calls[:3]] == [""] * 3
    assert json.loads(calls[3]["reply"]) == OWN
