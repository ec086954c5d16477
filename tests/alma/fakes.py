"""Stand-ins at the seams: a fake Alma behind the transport, a server on loopback, virtual time."""

from __future__ import annotations

import asyncio
import contextlib
import json
import selectors
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from typing import Any, TypeVar

import httpx
from pydantic import SecretStr

from importer.alma.client import Alma
from importer.alma.connection import Timeouts
from importer.alma.pacing import RateLimiter
from importer.model.user import User

T = TypeVar("T")

BASE = "https://api-na.hosted.exlibrisgroup.com/almaws/v1"
KEY = "l8xxCANARYkeyCANARY0123456789"

Handler = Callable[[httpx.Request], httpx.Response]


class _Body(httpx.AsyncByteStream):
    """A body that comes from a connection: nothing of it was read or unpacked before."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._content


class Transport(httpx.AsyncBaseTransport):
    """A function in the place of the network."""

    def __init__(self, handler: Handler) -> None:
        """Take the function."""
        self._handler = handler

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Let the function answer."""
        made = self._handler(request)
        return httpx.Response(made.status_code, headers=made.headers, stream=_Body(made.content))


def alma(handler: Handler, *, rate: float = 1000.0, reserve: int = 0) -> Alma:
    """A client whose Alma is a function; its clocks are the running loop's."""
    return Alma(BASE, SecretStr(KEY), paced(rate, reserve), Transport(handler))


def sent_as_is(user: User) -> Callable[[User | None], User]:
    """A change that makes the same record of whatever was there."""
    return lambda _: user


WRITES = ["create", "update", "delete"]


async def call(client: Alma, verb: str, user: User | None = None, user_id: str = "2000") -> None:
    """Get, create, update or delete a user."""
    user = user or User.model_validate(record())
    match verb:
        case "get":
            await client.get_user(user_id)
        case "create":
            await client.create_user(user)
        case "update":
            await client.update_user(user_id, sent_as_is(user))
        case _:
            await client.delete_user(user_id)


def envelope(
    code: str, message: str = "A reason.", tracking_id: str = "E01-0101000000-ABCDE-AWAE1"
) -> bytes:
    """An error as Alma sends it in JSON (contract 2.3)."""
    error = {"errorCode": code, "errorMessage": message, "trackingId": tracking_id}
    return json.dumps(
        {"errorsExist": True, "errorList": {"error": [error]}, "result": None}
    ).encode()


def xml_envelope(code: str, message: str = "A reason.") -> bytes:
    """An error as Alma sends it in XML, also to a JSON request."""
    return (
        '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
        '<web_service_result xmlns="http://com/exlibris/urm/general/xmlbeans">'
        "<errorsExist>true</errorsExist><errorList><error>"
        f"<errorCode>{code}</errorCode><errorMessage>{message}</errorMessage>"
        "<trackingId>unknown</trackingId></error></errorList></web_service_result>"
    ).encode()


def refuses(code: str, message: str = "A reason.") -> httpx.Response:
    """Alma's answer of status 400 with a code."""
    return httpx.Response(400, content=envelope(code, message))


def record(primary_id: str = "2000", **more: object) -> dict[str, object]:
    """A small user as Alma gives it."""
    return {
        "primary_id": primary_id,
        "first_name": "Ana",
        "last_name": "Núñez",
        "user_group": {"value": "COMM", "desc": "Community"},
        "user_role": [{"role_type": {"value": "200", "desc": "Patron"}}],
        **more,
    }


HTML = b"<!DOCTYPE html><html><body>Maintenance</body></html>"


class Script:
    """A fake Alma that gives its answers in turn, the last one for ever, and notes what it saw.

    With `reads`, that answers every GET, which is then not noted.
    """

    def __init__(
        self, *answers: httpx.Response | Exception, reads: httpx.Response | None = None
    ) -> None:
        """Begin with the first answer."""
        self.answers = list(answers)
        self.reads = reads
        self.seen: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Note the request and give the next answer."""
        if self.reads is not None and request.method == "GET":
            return self.reads
        self.seen.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)


def ok(body: object, **headers: str) -> httpx.Response:
    """A success with a body."""
    return httpx.Response(200, json=body, headers=headers)


class _Skipping(selectors.SelectSelector):
    """A selector that does not wait: where the loop would, its clock jumps."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        events = super().select(0)
        if not events:
            self.now += timeout or 1e-6  # a timer may be due so soon that no float tells
        return events


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop whose sleeps take no time."""

    def __init__(self) -> None:
        """Start at 0."""
        self.skipping = _Skipping()
        super().__init__(self.skipping)

    def time(self) -> float:
        """Return the virtual seconds since the start."""
        return self.skipping.now


def virtually(work: Coroutine[Any, Any, T]) -> T:
    """Run work in a loop whose sleeps take no time."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(work)


def clock() -> float:
    """Return the time of the loop that runs."""
    return asyncio.get_running_loop().time()


def paced(rate: float, reserve: int = 0) -> RateLimiter:
    """A limiter with the clock of the loop that runs."""
    return RateLimiter(rate, reserve, clock=clock, wall=clock)


Conversation = Callable[[bytes, asyncio.StreamWriter], Awaitable[None]]
"""What a server says, after the head of one request has come."""


@contextlib.asynccontextmanager
async def listening(talk: Conversation, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """A server on loopback that talks as it is told; gives the API's address."""
    talks: set[asyncio.Task[None]] = set()

    async def whole(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await talk(await reader.readuntil(b"\r\n\r\n"), writer)
        writer.close()

    def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(whole(reader, writer))
        talks.add(task)
        task.add_done_callback(lambda _: writer.close())

    server = await asyncio.start_server(begin, "127.0.0.1", 0, ssl=tls)
    try:
        port = server.sockets[0].getsockname()[1]
        yield f"{'https' if tls else 'http'}://127.0.0.1:{port}/almaws/v1"
    finally:
        server.close()
        for task in talks:
            task.cancel()
        await asyncio.gather(*talks, return_exceptions=True)
        await server.wait_closed()
        await asyncio.sleep(0)  # so that closed transports are gone


def client(base_url: str, timeouts: Timeouts | None = None) -> Alma:
    """A client of a real address."""
    return Alma(base_url, SecretStr(KEY), RateLimiter(1000), timeouts=timeouts)


def everything_said(error: BaseException | None) -> Iterator[str]:
    """Each text that an error and those behind it could show."""
    while error is not None:
        yield str(error)
        yield repr(error)
        yield repr(vars(error))
        yield repr(error.args)
        if error.__cause__ is not None:
            yield from everything_said(error.__cause__)
        error = error.__context__
