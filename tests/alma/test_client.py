"""The verbs: what each one sends and gives; what is sent again, and what is not.

Never a write that may have happened.
"""

from __future__ import annotations

import json
from datetime import UTC, date, datetime

import httpx
import pytest
from pydantic import SecretStr

from importer.alma import client as client_module
from importer.alma.client import PATIENCE, Alma
from importer.alma.pacing import RateLimiter
from importer.alma.responses import NotFoundError, UnreadableUserError
from importer.errors import (
    AccessError,
    AlmaError,
    DailyLimitError,
    RefusedError,
    ThrottledError,
    UnavailableError,
    UnknownOutcomeError,
)
from importer.model.user import User
from tests.alma.fakes import (
    BASE,
    HTML,
    KEY,
    WRITES,
    Script,
    Transport,
    alma,
    call,
    clock,
    everything_said,
    ok,
    record,
    refuses,
    sent_as_is,
    xml_envelope,
)

pytestmark = pytest.mark.anyio

# ---- what is sent ----


async def test_a_user_is_asked_for_by_one_quoted_segment() -> None:
    """Whatever an identifier holds, it stays one segment of the path."""
    fake = Script(refuses("401861"))
    for user_id in ("a b", "a&b", "a=b", "a:b@c", "...", "é。"):
        await alma(fake).get_user(user_id)
    for request in fake.seen:
        path, _, query = request.url.raw_path.partition(b"?")
        assert path.startswith(b"/almaws/v1/users/")
        assert path.count(b"/") == 4
        assert query == b"view=full&expand=none"


@pytest.mark.parametrize(
    "user_id", ["", " ", ".", "..", "a\nb", "a\x00b", "\x7f", "\udc80", "x" * 256]
)
@pytest.mark.parametrize("verb", ["get", *WRITES])
async def test_an_identifier_that_cannot_be_a_segment_is_refused_unsent(
    user_id: str, verb: str
) -> None:
    """Nothing is sent for it, and the error does not repeat it."""
    fake = Script(ok(record()))
    with pytest.raises(RefusedError) as caught:
        await call(alma(fake), verb, User(primary_id=user_id), user_id)
    assert caught.value.code == ""
    assert not fake.seen
    assert not user_id.strip(" .") or user_id not in str(caught.value)


async def test_the_key_is_in_the_header_alone() -> None:
    """No address, body, repr or other header holds the key."""
    fake = Script(ok(record()))
    client = alma(fake)
    await call(client, "create")
    shown = repr(client) + repr(client.__dict__)
    (request,) = fake.seen
    assert request.headers["Authorization"] == f"apikey {KEY}"
    assert KEY not in shown + repr(request) + str(request.url) + request.content.decode()
    others = {name: value for name, value in request.headers.items() if name != "authorization"}
    assert KEY not in repr(others)


@pytest.mark.parametrize("key", ["", "two words", "new\nline", "ключ"])
def test_a_key_of_no_possible_form_is_refused_before_a_library_sees_it(key: str) -> None:
    """The libraries would repeat it in their complaint."""
    with pytest.raises(AccessError) as caught:
        Alma(BASE, SecretStr(key), RateLimiter(1))
    assert not key or all(key not in text for text in everything_said(caught.value))


async def test_an_update_sends_no_roles_and_the_named_overrides() -> None:
    """Roles that are not sent stay (contract 3.1); override is a list with commas."""
    fake = Script(ok(record()), reads=ok(record()))
    user = User.model_validate(record())
    await alma(fake).update_user("2000", sent_as_is(user), ("user_group", "pin_number"))
    await call(alma(fake), "update")
    first, second = fake.seen
    assert first.method == "PUT"
    assert dict(first.url.params) == {"override": "user_group,pin_number"}
    assert not second.url.query
    body = json.loads(first.content)
    assert "user_role" not in body
    assert body["user_group"]["value"] == "COMM"
    assert first.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("verb", ["create", "update"])
async def test_half_a_letter_is_refused_unsent(verb: str) -> None:
    """A text that no encoding can carry is this one record's fault, and is not repeated."""
    fake = Script(ok(record()), reads=ok(record()))
    with pytest.raises(RefusedError) as caught:
        await call(alma(fake), verb, User(primary_id="1", first_name="Private\ud800"))
    assert not fake.seen
    assert all("Private" not in text for text in everything_said(caught.value))


async def test_a_create_sends_what_was_set_and_nothing_else() -> None:
    """The body is the record as it was built."""
    fake = Script(ok(record()))
    user = await alma(fake).create_user(User(primary_id="2000", last_name="Núñez"))
    assert user.primary_id == record()["primary_id"]
    assert json.loads(fake.seen[0].content) == {"primary_id": "2000", "last_name": "Núñez"}


@pytest.mark.parametrize(
    ("words", "query"),
    [
        ({"last_name": "Núñez", "first_name": "Ana"}, "last_name~Núñez AND first_name~Ana"),
        ({"last_name": "de la Cruz"}, "last_name~de_la_Cruz"),
        ({"last_name": "O'Brien-Smith"}, "last_name~O'Brien-Smith"),
        ({"last_name": 'A~B AND (C) OR "D" & * ; ,'}, "last_name~A_B_AND_C_OR_D"),
        ({"last_name": "Nu\u0301n\u0303ez"}, "last_name~Núñez"),
        ({"last_name": "हिन्दी"}, "last_name~हिन्दी"),
        ({"last_name": "王", "first_name": "***"}, "last_name~王"),
        ({"email": "ana.nunez+x@example.org"}, "email~ana.nunez+x@example.org"),
    ],
)
async def test_a_search_is_made_of_words(words: dict[str, str], query: str) -> None:
    """Blanks become underscores; what would break the query is taken out."""
    fake = Script(ok({"user": [record()], "total_record_count": 1}))
    assert len(await alma(fake).find_users(**words)) == 1
    assert fake.seen[0].url.params["q"] == query
    assert fake.seen[0].url.params["expand"] == "full"


async def test_a_search_without_a_word_is_not_sent() -> None:
    """It would list everyone."""
    fake = Script(ok({}))
    assert await alma(fake).find_users(last_name="***", first_name=" ") == ()
    assert not fake.seen


async def test_a_search_gives_every_page_and_refuses_a_flood() -> None:
    """All hits or none: never silently some."""

    def handler(request: httpx.Request) -> httpx.Response:
        offset, limit = int(request.url.params["offset"]), int(request.url.params["limit"])
        total = 250 if "Smith" in request.url.params["q"] else 5000
        users = [record(str(number)) for number in range(offset, min(offset + limit, total))]
        return ok({"user": users, "total_record_count": total})

    found = await alma(handler).find_users(last_name="Smith")
    assert len({user.primary_id for user in found}) == 250
    with pytest.raises(RefusedError):
        await alma(handler).find_users(last_name="Lee")


# ---- what is given ----


@pytest.mark.parametrize("code", ["401861", "401890", "4019990", "4019998"])
async def test_a_user_is_absent_only_by_the_codes_that_say_so(code: str) -> None:
    """These four codes, and nothing else, mean that there is no such user."""
    assert await alma(Script(refuses(code))).get_user("nobody") is None


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(404),
        httpx.Response(404, content=HTML),
        refuses("401664"),
        refuses("60101"),
        httpx.Response(200, content=HTML),
        httpx.Response(200, json={}),
        httpx.Response(200, json=[]),
        httpx.Response(200, json={"primary_id": ""}),
        httpx.Response(200, json={"primary_id": "2", "birth_date": "soon"}),
        httpx.Response(204),
        httpx.Response(302, headers={"Location": "https://login.example.org"}),
    ],
)
async def test_nothing_else_is_absence(answer: httpx.Response) -> None:
    """A page, an empty answer, another code: an error, never "no such user"."""
    with pytest.raises((UnavailableError, RefusedError)):
        await alma(Script(answer)).get_user("2000")


async def test_of_a_user_who_cannot_be_understood_the_field_is_named() -> None:
    """Alma has the user, so nothing is asked again, and a colleague can correct the value."""
    fake = Script(ok(record("2000", expiry_date="22027-06-30Z")))
    with pytest.raises(UnreadableUserError, match=r" expiry_date "):
        await alma(fake).get_user("2000")
    assert len(fake.seen) == 1


async def test_a_user_with_the_id_as_an_additional_one_is_given_as_it_is() -> None:
    """An ID may be another person's barcode; the caller compares."""
    barcode = {"id_type": {"value": "BARCODE"}, "value": "2000"}
    other = record("other", user_identifier=[barcode])
    user = await alma(Script(ok(other))).get_user("2000")
    assert user is not None
    assert user.primary_id == "other"


async def test_a_user_who_was_not_asked_for_is_a_fault_of_the_connection() -> None:
    """Nothing in the answer is the ID that was asked for: asked again, and never "deleted"."""
    fake = Script(ok(record("stranger")), ok(record("2000")))
    user = await alma(fake).get_user("2000")
    assert user is not None
    assert user.primary_id == "2000"
    with pytest.raises(UnavailableError):
        await alma(Script(ok(record("stranger")))).get_user("2000")


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200),
        httpx.Response(202),
        httpx.Response(200, json=[]),
        httpx.Response(200, content=b"\0\0"),
        httpx.Response(200, text="Please log in now."),
        httpx.Response(200, json=record()),
    ],
)
async def test_a_delete_counts_only_by_status_204(answer: httpx.Response) -> None:
    """Whatever else a gateway answers: the user may still be there, and must be looked up."""
    with pytest.raises(UnknownOutcomeError):
        await alma(Script(answer, reads=ok(record()))).delete_user("2000")
    assert await alma(Script(httpx.Response(204), reads=ok(record()))).delete_user("2000")


async def test_a_page_leaves_out_contacts_without_id_and_names_what_it_cannot_read() -> None:
    """One odd entry does not cost the page, and is not lost in silence."""
    entries = [
        record("1"),
        record("no primary id (123)"),
        {"primary_id": "3", "birth_date": "soon"},
        record("4"),
    ]
    fake = Script(ok({"user": entries, "total_record_count": 4}))
    page = await alma(fake).list_users(100, 50, date(2026, 8, 1))
    assert [user.primary_id for user in page.users] == ["1", "4"]
    assert (page.unreadable, page.total) == (("3",), 4)
    params = dict(fake.seen[0].url.params)
    assert (params["offset"], params["limit"]) == ("100", "50")
    assert params["modify_date_from"] == "2026-08-01"
    assert params["expand"] == "full"


@pytest.mark.parametrize(
    "body", [{"total_record_count": 0}, {"user": None, "total_record_count": 0}, {"user": []}]
)
async def test_a_list_without_hits_is_empty(body: object) -> None:
    """Alma leaves the list out, or sends none (contract 2.2)."""
    assert (await alma(Script(ok(body))).list_users(0)).users == ()


async def test_headers_tell_calls_left_and_the_clock() -> None:
    """X-Exl-Api-Remaining and Date are noted."""
    headers = {"X-Exl-Api-Remaining": "777", "Date": "Thu, 20 Aug 2026 09:40:00 GMT"}
    noon = datetime(2026, 8, 20, 9, 30, tzinfo=UTC)
    limiter, transport = RateLimiter(9), Transport(Script(ok(record(), **headers)))
    client = Alma(BASE, SecretStr(KEY), limiter, transport, now=lambda: noon)
    assert (limiter.calls, limiter.remaining, client.clock_offset) == (0, None, None)
    await client.get_user("2000")
    assert (limiter.calls, limiter.remaining, client.clock_offset) == (1, 777, 600)


READ = ok(record())
"""The answer to the read before an update or a delete."""

UNCLEAR = [
    httpx.Response(500, content=xml_envelope("GENERAL_ERROR")),
    httpx.Response(502),
    httpx.Response(503, content=HTML),
    httpx.Response(200, content=HTML, headers={"Content-Type": "text/html"}),
    httpx.Response(400),
    httpx.ReadTimeout("CANARY"),
    httpx.WriteTimeout("CANARY"),
    httpx.ReadError("CANARY"),
    httpx.WriteError("CANARY"),
    httpx.RemoteProtocolError("CANARY"),
    httpx.DecodingError("CANARY"),
]


@pytest.mark.parametrize("verb", WRITES)
@pytest.mark.parametrize("answer", UNCLEAR)
async def test_a_write_without_a_clear_answer_is_unknown_and_sent_once(
    answer: httpx.Response | Exception, verb: str
) -> None:
    """It may have happened; only a look at Alma can tell."""
    fake = Script(answer, reads=READ)
    with pytest.raises(UnknownOutcomeError) as caught:
        await call(alma(fake), verb)
    assert len(fake.seen) == 1
    # KEY holds the word too.
    assert all("CANARY" not in text for text in everything_said(caught.value))


@pytest.mark.parametrize("verb", ["create", "update"])
@pytest.mark.parametrize("body", [b"", b"{}", b'{"primary_id": "20', b"[]", b"null", b'"x"'])
async def test_a_broken_echo_of_a_write_is_unknown(body: bytes, verb: str) -> None:
    """A 200 that does not hold the user proves nothing."""
    with pytest.raises(UnknownOutcomeError):
        await call(alma(Script(httpx.Response(200, content=body), reads=READ)), verb)


@pytest.mark.parametrize("verb", WRITES)
@pytest.mark.parametrize("error", [httpx.ConnectError("CANARY"), httpx.ConnectTimeout("CANARY")])
async def test_a_write_that_never_left_is_tried_again(
    error: Exception, verb: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a connection nothing happened, so it may be sent again, and in the end is told."""
    monkeypatch.setattr(client_module, "BACKOFF", (0.5, 1.0, 2.0))
    fake, began = Script(error, reads=READ), clock()
    with pytest.raises(UnavailableError) as caught:
        await call(alma(fake), verb)
    assert all("CANARY" not in text for text in everything_said(caught.value))
    assert clock() - began == pytest.approx(3.5, abs=0.1)
    assert len(fake.seen) == 4


@pytest.mark.parametrize("answer", UNCLEAR)
async def test_a_read_is_tried_a_few_times(answer: httpx.Response | Exception) -> None:
    """Reading again does no harm; after a few times the run stops."""
    fake = Script(answer)
    with pytest.raises(UnavailableError):
        await alma(fake).get_user("2000")
    assert len(fake.seen) == 4


async def test_a_read_that_recovers_gives_its_user() -> None:
    """A hiccup is not seen by the caller."""
    fake = Script(httpx.Response(503), httpx.ReadTimeout("x"), ok(record()))
    assert await alma(fake).get_user("2000") is not None
    assert len(fake.seen) == 3


async def test_a_call_that_is_always_refused_for_speed_ends() -> None:
    """Patience has an end, so that a run does not hang for ever."""
    fake = Script(httpx.Response(429))
    with pytest.raises(ThrottledError):
        await alma(fake).get_user("2000")
    assert len(fake.seen) == PATIENCE + 1


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (refuses("401852"), RefusedError),
        (refuses("401861"), NotFoundError),
        (httpx.Response(403, content=xml_envelope("INVALID_REQUEST")), AccessError),
        (httpx.Response(400, content=xml_envelope("UNAUTHORIZED")), AccessError),
        (httpx.Response(429, content=xml_envelope("DAILY_THRESHOLD")), DailyLimitError),
        (httpx.Response(307, headers={"Location": "https://x.example.org"}), UnknownOutcomeError),
    ],
)
@pytest.mark.parametrize("verb", WRITES)
async def test_a_clear_no_is_not_asked_again(
    answer: httpx.Response, error: type[AlmaError], verb: str
) -> None:
    """Refused, no access, the day used up, redirected: once is enough."""
    fake = Script(answer, reads=READ)
    with pytest.raises(error) as caught:
        await call(alma(fake), verb)
    assert type(caught.value) is error
    assert len(fake.seen) == 1


@pytest.mark.parametrize(("key", "error"), [(200, UnavailableError), (403, AccessError)])
@pytest.mark.parametrize("refused", ["GET", "POST", "PUT", "DELETE"])
async def test_a_call_that_is_refused_without_a_code_is_of_one_user_where_the_key_is_right(
    refused: str, key: int, error: type[AlmaError]
) -> None:
    """As a firewall refuses it; a call about nobody decides. Neither is made again.

    The reply to a write is not Alma's, so the write may have arrived.
    """
    error = UnknownOutcomeError if refused != "GET" and key == 200 else error
    seen: list[tuple[str, bool]] = []

    def handler(request: httpx.Request) -> httpx.Response:
        nobody = request.url.path.endswith("/users/operation/test")
        seen.append((request.method, nobody))
        if nobody:
            return httpx.Response(key)
        return httpx.Response(403) if request.method == refused else ok(record())

    verb = dict(zip(["GET", "POST", "PUT", "DELETE"], ["get", *WRITES], strict=True))[refused]
    with pytest.raises(error) as caught:
        await call(alma(handler), verb)
    assert (caught.value.code, caught.value.of_write) == ("", refused != "GET")
    test = "GET" if refused == "GET" else "POST"
    assert seen[-2:] == [(refused, False), (test, True)]
    assert seen.count((refused, False)) == 1


@pytest.mark.parametrize("verb", ["update", "delete"])
async def test_a_user_who_cannot_be_read_is_not_written(verb: str) -> None:
    """The read is repeated as any other, no more often, and nothing is written."""
    fake = Script(httpx.Response(503))
    with pytest.raises(UnavailableError):
        await call(alma(fake), verb)
    assert [request.method for request in fake.seen] == ["GET"] * 4


@pytest.mark.parametrize("verb", WRITES)
async def test_a_call_that_alma_did_not_process_is_sent_again(verb: str) -> None:
    """After a refusal for speed, and without a connection. Before, the user is read again."""
    slow = httpx.Response(429, content=xml_envelope("PER_SECOND_THRESHOLD"))
    good = httpx.Response(204) if verb == "delete" else READ
    fake, methods = Script(slow, httpx.ConnectError("x"), slow, good, reads=READ), list[str]()

    def handler(request: httpx.Request) -> httpx.Response:
        methods.append(request.method)
        return fake(request)

    client = alma(handler, rate=8)
    await call(client, verb)
    once = {"create": ["POST"], "update": ["GET", "PUT"], "delete": ["GET", "DELETE"]}[verb]
    assert methods == once * 4
    assert client.limiter.rate < 4
