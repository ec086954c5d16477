"""What is sent again, and what is not: never a write that may have happened."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

from importer.alma import client as client_module
from importer.alma.client import PATIENCE, Alma
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
from importer.model.user import User
from tests.alma.fakes import (
    HTML,
    Script,
    alma,
    everything_said,
    in_virtual_time,
    ok,
    record,
    refuses,
    sent_as_is,
    virtually,
    xml_envelope,
)

WRITES = ["create", "update", "delete"]
READ = ok(record())
"""The answer to the read before an update or a delete."""


async def _write(client: Alma, verb: str) -> None:
    user = User.model_validate(record())
    match verb:
        case "create":
            await client.create_user(user)
        case "update":
            await client.update_user("2000", sent_as_is(user))
        case _:
            await client.delete_user("2000")


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
def test_a_write_without_a_clear_answer_is_unknown_and_sent_once(
    answer: httpx.Response | Exception, verb: str
) -> None:
    """It may have happened; only a look at Alma can tell."""
    fake = Script(answer, reads=READ)

    async def work() -> None:
        async with alma(fake) as client:
            await _write(client, verb)

    with pytest.raises(UnknownOutcomeError) as caught:
        virtually(work())
    assert len(fake.seen) == 1
    # KEY holds the word too.
    assert all("CANARY" not in text for text in everything_said(caught.value))


@pytest.mark.parametrize("verb", ["create", "update"])
@pytest.mark.parametrize("body", [b"", b"{}", b'{"primary_id": "20', b"[]", b"null", b'"x"'])
def test_a_broken_echo_of_a_write_is_unknown(body: bytes, verb: str) -> None:
    """A 200 that does not hold the user proves nothing."""

    async def work() -> None:
        async with alma(Script(httpx.Response(200, content=body), reads=READ)) as client:
            await _write(client, verb)

    with pytest.raises(UnknownOutcomeError):
        virtually(work())


@pytest.mark.parametrize("verb", WRITES)
@pytest.mark.parametrize("error", [httpx.ConnectError("CANARY"), httpx.ConnectTimeout("CANARY")])
def test_a_write_that_never_left_is_tried_again(
    error: Exception, verb: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a connection nothing happened, so it may be sent again, and in the end is told."""
    monkeypatch.setattr(client_module, "BACKOFF", (0.5, 1.0, 2.0))
    fake = Script(error, reads=READ)

    async def work(clock: Callable[[], float]) -> float:
        async with alma(fake) as client:
            with pytest.raises(UnavailableError) as caught:
                await _write(client, verb)
        assert all("CANARY" not in text for text in everything_said(caught.value))
        return clock()

    assert in_virtual_time(work) == pytest.approx(3.5, abs=0.1)
    assert len(fake.seen) == 4


@pytest.mark.parametrize("answer", UNCLEAR)
def test_a_read_is_tried_a_few_times(answer: httpx.Response | Exception) -> None:
    """Reading again does no harm; after a few times the run stops."""
    fake = Script(answer)

    async def work() -> None:
        async with alma(fake) as client:
            await client.get_user("2000")

    with pytest.raises(UnavailableError):
        virtually(work())
    assert len(fake.seen) == 4


def test_a_read_that_recovers_gives_its_user() -> None:
    """A hiccup is not seen by the caller."""
    fake = Script(httpx.Response(503), httpx.ReadTimeout("x"), ok(record()))

    async def work() -> User | None:
        async with alma(fake) as client:
            return await client.get_user("2000")

    assert virtually(work()) is not None
    assert len(fake.seen) == 3


@pytest.mark.parametrize("verb", WRITES)
def test_a_call_refused_for_speed_is_sent_again(verb: str) -> None:
    """429 was not processed, so any verb may be sent again, after the limiter's pause."""
    slow = httpx.Response(429, content=xml_envelope("PER_SECOND_THRESHOLD"))
    good = httpx.Response(204) if verb == "delete" else ok(record())
    fake = Script(slow, slow, good, reads=READ)

    async def work() -> float:
        async with alma(fake, rate=8) as client:
            await _write(client, verb)
            return client.limiter.rate

    assert virtually(work()) < 4
    assert len(fake.seen) == 3


def test_a_call_that_is_always_refused_for_speed_ends() -> None:
    """Patience has an end, so that a run does not hang for ever."""
    fake = Script(httpx.Response(429))

    async def work() -> None:
        async with alma(fake) as client:
            await client.get_user("2000")

    with pytest.raises(ThrottledError):
        virtually(work())
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
def test_a_clear_no_is_not_asked_again(
    answer: httpx.Response, error: type[AlmaError], verb: str
) -> None:
    """Refused, no access, the day used up, redirected: once is enough."""
    fake = Script(answer, reads=READ)

    async def work() -> None:
        async with alma(fake) as client:
            await _write(client, verb)

    with pytest.raises(error) as caught:
        virtually(work())
    assert type(caught.value) is error
    assert len(fake.seen) == 1


@pytest.mark.parametrize("verb", ["update", "delete"])
def test_a_user_who_cannot_be_read_is_not_written(verb: str) -> None:
    """The read is repeated as any other, no more often, and nothing is written."""
    fake = Script(httpx.Response(503))

    async def work() -> None:
        async with alma(fake) as client:
            await _write(client, verb)

    with pytest.raises(UnavailableError):
        virtually(work())
    assert [request.method for request in fake.seen] == ["GET"] * 4


@pytest.mark.parametrize("verb", ["update", "delete"])
def test_before_a_write_is_repeated_the_user_is_read_again(verb: str) -> None:
    """A refusal for speed, a missing connection: what was read is old by then."""
    methods: list[str] = []
    slow = httpx.Response(429, content=xml_envelope("PER_SECOND_THRESHOLD"))
    good = httpx.Response(204) if verb == "delete" else ok(record())
    answers: list[httpx.Response | Exception] = [slow, httpx.ConnectError("x"), good]

    def handler(request: httpx.Request) -> httpx.Response:
        methods.append(request.method)
        if request.method == "GET":
            return ok(record())
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def work() -> None:
        async with alma(handler) as client:
            await _write(client, verb)

    virtually(work())
    write = "DELETE" if verb == "delete" else "PUT"
    assert methods == ["GET", write] * 3
