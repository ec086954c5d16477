"""What is sent again, and what is not: never a write that may have happened."""

from __future__ import annotations

import httpx
import pytest

from importer.alma import client as client_module
from importer.alma.client import PATIENCE
from importer.alma.responses import NotFoundError
from importer.errors import (
    AccessError,
    AlmaError,
    DailyLimitError,
    RefusedError,
    ThrottledError,
    UnavailableError,
    UnknownOutcomeError,
)
from tests.alma.fakes import (
    HTML,
    WRITES,
    Script,
    alma,
    call,
    clock,
    everything_said,
    ok,
    record,
    refuses,
    xml_envelope,
)

pytestmark = pytest.mark.anyio

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
        (httpx.Response(307, headers={"Location": "https://x.example.org"}), UnavailableError),
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
