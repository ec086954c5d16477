"""The gateway: keys, limits, headers and the log (contract 2.1, 2.5)."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from importer.sandbox.server import Options, running
from tests.sandbox.alma import JSON, ROOT, XML, Alma, code_of, person
from tests.sandbox.clock import ManualClock


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"Authorization": "apikey wrong"}, 403, "INVALID_REQUEST"),
        ({"Authorization": ""}, 400, "UNAUTHORIZED"),
        ({"Authorization": "Bearer sandbox"}, 400, "UNAUTHORIZED"),
        ({"Authorization": "apikey sandbox-conf"}, 400, "UNAUTHORIZED"),
    ],
)
def test_keys_without_a_right_get_xml(
    alma: Alma, headers: dict[str, str], status: int, code: str
) -> None:
    """A wrong, a missing and a foreign key have their own codes, in XML without a tracking ID."""
    answer = alma.call("GET", "/users", headers=headers)
    assert (answer.status_code, code_of(answer)) == (status, code)
    assert answer.headers["Content-Type"].startswith("application/xml")
    assert "trackingId" not in answer.text


def test_a_key_reaches_its_area_only(alma: Alma) -> None:
    """The read-only key cannot write; the users key does not know the configuration."""
    reader = replace(alma, key="sandbox-read-only")
    assert reader.call("GET", "/users").status_code == 200
    assert reader.call("GET", "/conf/general").status_code == 200
    assert reader.call("GET", "/users/operation/test").status_code == 200
    assert code_of(reader.call("POST", "/users/operation/test")) == "UNAUTHORIZED"
    assert code_of(reader.call("POST", "/users", person())) == "UNAUTHORIZED"
    assert code_of(reader.call("DELETE", "/users/P1")) == "UNAUTHORIZED"
    users = replace(alma, key="sandbox-users")
    assert users.call("POST", "/users", person()).status_code == 200
    assert code_of(users.call("GET", "/conf/general")) == "UNAUTHORIZED"


def test_the_key_may_be_in_the_query(alma: Alma) -> None:
    """`?apikey=` works as well."""
    answer = alma.client.get(f"{alma.url}/almaws/v1/users?apikey=sandbox&format=json")
    assert answer.json() == {"total_record_count": 0}


def test_every_answer_has_the_headers_of_the_gateway(alma: Alma) -> None:
    """Each answer has the calls left today, a request ID and the gateway's name."""
    first, second = (alma.call("GET", "/users") for _ in range(2))
    left = [int(answer.headers["X-Exl-Api-Remaining"]) for answer in (first, second)]
    assert left == [99_999, 99_998]
    assert re.fullmatch(r"[0-9a-f-]{36}", first.headers["X-Request-ID"])
    assert first.headers["X-Request-ID"] != second.headers["X-Request-ID"]
    assert first.headers["Server"] == "Layer7-API-Gateway"


def test_the_day_ends_when_its_calls_are_used_up(alma: Alma) -> None:
    """After the last call of the day all are refused with 429, and nothing is applied."""
    alma.set(remaining=1)
    assert alma.call("POST", "/users", person()).headers["X-Exl-Api-Remaining"] == "0"
    refused = alma.call("POST", "/users", person(primary_id="P2"))
    assert (refused.status_code, code_of(refused)) == (429, "DAILY_THRESHOLD")
    assert [entry["applied"] for entry in alma.log()] == [True, False]


def test_more_than_the_rate_is_refused_unprocessed(alma: Alma, clock: ManualClock) -> None:
    """A burst gets as many calls as the rate allows, of all keys; with time there are more."""
    alma.set(rate=5)
    answers = [alma.call("POST", "/users", person(primary_id=f"P{n}")) for n in range(8)]
    assert [answer.status_code for answer in answers] == [200] * 5 + [429] * 3
    assert code_of(answers[5]) == "PER_SECOND_THRESHOLD"
    assert answers[5].headers["Content-Type"].startswith(JSON)
    other = replace(alma, key="sandbox-read-only")
    assert code_of(other.call("GET", "/users", accept=XML)) == "PER_SECOND_THRESHOLD"
    clock.advance(0.25)
    assert [alma.call("GET", "/users").status_code for _ in range(2)] == [200, 429]
    clock.advance(1000)
    answers = [alma.call("GET", "/users") for _ in range(6)]
    assert [answer.status_code for answer in answers] == [200] * 5 + [429]
    assert answers[0].json()["total_record_count"] == 5


def test_the_daily_count_starts_again_at_midnight_gmt(alma: Alma, clock: ManualClock) -> None:
    """At midnight GMT the daily limit starts again."""
    alma.call("GET", "/users")
    clock.advance(12 * 3600 - 1)
    assert alma.call("GET", "/users").headers["X-Exl-Api-Remaining"] == "99998"
    clock.advance(1)
    assert alma.call("GET", "/users").headers["X-Exl-Api-Remaining"] == "99999"


def test_the_log_says_what_was_asked_as_it_was_sent(alma: Alma) -> None:
    """The log has method, path with query, status and applied, but no admin calls."""
    alma.call("GET", "/users?limit=5&q=last_name~A%20B")
    alma.call("POST", "/users", person(primary_id="a b"))
    alma.call("GET", "/users/a%20b?user_id_type=all_unique")
    shown = [(e["method"], e["path"], e["status"], e["applied"]) for e in alma.log()]
    assert shown == [
        ("GET", "/almaws/v1/users?limit=5&q=last_name~A%20B", 200, False),
        ("POST", "/almaws/v1/users", 200, True),
        ("GET", "/almaws/v1/users/a%20b?user_id_type=all_unique", 200, False),
    ]
    alma.admin("DELETE", "/log")
    assert alma.log() == []


def test_latency_delays_every_answer(alma: Alma, clock: ManualClock) -> None:
    """An answer takes between the least and the most latency; None takes the latency away."""
    alma.set(latency=[50, 60])
    with ThreadPoolExecutor(1) as background:
        answer = background.submit(alma.call, "GET", "/users")
        assert 50 <= clock.wait_for_sleeper() <= 60
        clock.advance(60)
        assert answer.result().status_code == 200
    alma.set(latency=None)
    assert alma.call("GET", "/users").status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/nowhere", None),
        ("POST", "/settings", {"speed": 3}),
        ("POST", "/settings", {"rate": "fast"}),
        ("POST", "/settings", {"switches": {"zero-hits": "sometimes"}}),
        ("POST", "/settings", {"switches": {"no-such-switch": "on"}}),
        ("POST", "/settings", ["rate"]),
        ("PATCH", "/users/nobody", {"last_name": "X"}),
        ("POST", "/users/P1/edited", ["shoe_size"]),
        ("POST", "/users/P1/edited", {"user_group": True}),
        ("POST", "/users/P1/loans", {"loans": "many"}),
        ("PATCH", "/users/P1", ["last_name"]),
        ("POST", "/faults", "rules: [{do: nothing}]"),
        ("POST", "/sis?mode=guess", "x"),
        ("POST", "/sis", "x"),
    ],
)
def test_the_admin_api_refuses_with_a_sentence(
    alma: Alma, method: str, path: str, body: object
) -> None:
    """A wrong admin call is 400 or 404 with a sentence."""
    alma.create()
    answer = alma.admin(method, path, body)
    assert answer.status_code in {400, 404}
    assert len(answer.json()["error"]) > 20


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "apikey wrong"},
        {"Authorization": "apikey sandbox-read-only"},
        {"Authorization": "sandbox"},
    ],
)
@pytest.mark.parametrize(("method", "path"), [("GET", "state"), ("POST", "faults"), ("GET", "x")])
def test_the_admin_api_needs_the_key(
    alma: Alma, headers: dict[str, str], method: str, path: str
) -> None:
    """The admin API takes only the key that may do everything, and only in the header."""
    answer = alma.client.request(method, f"{alma.url}/_sandbox/{path}", headers=headers)
    assert answer.status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "evil.example:8421"},
        {"Host": "127.0.0.1.evil.example"},
        {"Host": "[::1"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Sec-Fetch-Site": "cross-site"},
    ],
)
@pytest.mark.parametrize("path", ["/_sandbox/state", f"{ROOT}/users"])
def test_a_web_page_cannot_call_the_sandbox(alma: Alma, headers: dict[str, str], path: str) -> None:
    """Calls with the Host or the Origin of a web page are refused, even with the key."""
    key = {"Authorization": "apikey sandbox"}
    answer = alma.client.get(f"{alma.url}{path}", headers={**key, **headers})
    assert answer.status_code == 403


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:80", "[::1]:8421"])
def test_every_loopback_name_is_answered(alma: Alma, host: str) -> None:
    """A program may call this computer by any of its names."""
    assert alma.call("GET", "/users", headers={"Host": host}).status_code == 200


def test_other_paths_are_not_there(alma: Alma) -> None:
    """An unknown path is NOT_FOUND in the envelope of REST; another area of the API, no right."""
    key = {"Authorization": "apikey sandbox", "Accept": XML}
    for path in ("/almaws/v1/users/P1/nothing", "/", "/almaws/v2/users"):
        answer = alma.client.get(f"{alma.url}{path}", headers=key)
        error = {"errorCode": "NOT_FOUND", "errorMessage": "", "trackingId": "unknown"}
        envelope = {"errorsExist": True, "errorList": {"error": error}}
        assert (answer.status_code, answer.json()) == (404, {"web_service_result": envelope}), path
    assert alma.call("PATCH", "/users/P1", {}).status_code == 404
    assert code_of(alma.call("GET", "/bibs")) == "UNAUTHORIZED"


@pytest.mark.parametrize("path", ["/users/a%2Fb", "/users/a%2fb", "/users/a%5Cb?view=full"])
def test_the_gateway_refuses_encoded_slashes(alma: Alma, path: str) -> None:
    """An ID with a slash gets a bare HTML page; a switch lets it through."""
    answer = alma.call("GET", path)
    assert (answer.status_code, answer.headers["Content-Type"][:9]) == (400, "text/html")
    alma.set(switches={"encoded-slash": "accept"})
    assert code_of(alma.call("GET", path)) == "401861"
    alma.create(primary_id="a/b")
    assert alma.user("a%2Fb")["primary_id"] == "a/b"


def test_the_port_is_on_loopback_only() -> None:
    """The base URL names 127.0.0.1."""
    with running(Options()) as url:
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+", url)
