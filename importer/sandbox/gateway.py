"""Everything between a socket and the routes: access, limits, the log, and faults.

The two middlewares of the server are `guard`, for every call, and `pass_through`, for Alma's API.
"""

from __future__ import annotations

import asyncio
import random
import uuid
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from aiohttp import web

from importer.sandbox.answers import (
    error_answer,
    gateway_answer,
    json_answer,
    tracking_id,
    wants_xml,
)
from importer.sandbox.clock import Clock
from importer.sandbox.faults import Fault, Faults, Rule
from importer.sandbox.institution import Institution
from importer.sandbox.limits import Limits, check_key, is_from_a_web_page, key_in_header
from importer.sandbox.record import timestamp
from importer.sandbox.refusals import Refusal, RefusalError

Handler: TypeAlias = "Callable[[web.Request], Awaitable[web.StreamResponse]]"

ROOT = "/almaws/v1"
ADMIN = "/_sandbox"
MAX_BODY = 1024**2
"""Bytes of a body for Alma's API. No record comes near it."""
MAX_SIS_ZIP = 256 * 1024**2

_LOGGED_CALLS = 500_000
_MAINTENANCE = (
    b"<!DOCTYPE html><html><head><title>Maintenance</title></head>"
    b"<body><h1>Alma is being maintained.</h1></body></html>"
)
_GATEWAY_FAULTS = {
    Fault.THROTTLED: Refusal.PER_SECOND,
    Fault.DAILY: Refusal.DAILY,
    Fault.UNAVAILABLE: Refusal.DOWN,
    Fault.ERROR_BEFORE: Refusal.BROKEN,
    Fault.UNAUTHORIZED: Refusal.NO_RIGHT,
}


@dataclass(slots=True)
class Entry:
    """One call in the log. `status` is 0 if no whole answer was sent; `applied` may change."""

    time: str
    method: str
    path: str
    status: int = 0
    applied: bool = False


@dataclass(slots=True)
class _Call:
    """A call to Alma's API on its way."""

    request: web.Request
    handler: Handler
    entry: Entry


@dataclass(slots=True)
class Gateway:
    """The part in front of the routes. `latency` is the least and most seconds of an answer.

    `log` has the latest calls to Alma's API, oldest first.
    """

    institution: Institution
    key: str
    limits: Limits
    faults: Faults
    latency: tuple[float, float] | None
    clock: Clock
    log: deque[Entry] = field(default_factory=lambda: deque(maxlen=_LOGGED_CALLS))
    _number: int = 0
    _late: dict[asyncio.Task[None], _Call] = field(default_factory=dict)
    _random: random.Random = field(default_factory=random.Random)

    @web.middleware
    async def guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Refuse calls of web pages and oversized bodies; add Alma's headers to every answer."""
        if is_from_a_web_page(request.headers):
            sentence = "the practice Alma answers programs on this computer only, as 127.0.0.1"
            return json_answer({"error": sentence}, 403)
        try:
            await request.read()
            answer = await handler(request)
        except (web.RequestPayloadError, ConnectionError):
            return _cut(request)  # the caller hung up while sending
        except web.HTTPRequestEntityTooLarge:
            answer = gateway_answer(Refusal.TOO_LARGE)
        except (web.HTTPNotFound, web.HTTPMethodNotAllowed):
            answer = gateway_answer(Refusal.NO_ROUTE)
        if not answer.prepared:
            answer.headers["Server"] = "Layer7-API-Gateway"
            answer.headers["X-Request-ID"] = str(uuid.uuid4())
        return answer

    @web.middleware
    async def pass_through(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer a call to Alma's API, or let it go wrong as the faults say."""
        if not request.path.startswith(f"{ROOT}/"):
            return await handler(request)
        target = request.raw_path.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        entry = Entry(timestamp(self.clock.now()), request.method, target)
        self.log.append(entry)
        call = _Call(request, handler, entry)
        if self.latency:
            await self.clock.sleep(self._random.uniform(*self.latency))
        path, _, _ = target.removeprefix(ROOT).partition("?")
        rule = self.faults.find(request.method, path)
        return await (self._process(call) if rule is None else self._go_wrong(call, rule))

    async def apply_late_calls(self) -> None:
        """Apply now what a `late` fault has postponed."""
        for task, call in list(self._late.items()):
            task.cancel()
            await self._process(call)

    async def _process(self, call: _Call) -> web.StreamResponse:
        """Return the answer of a healthy Alma and note in the log whether it changed anything."""
        request, entry = call.request, call.entry
        area = request.path.removeprefix(f"{ROOT}/").partition("/")[0]
        key = key_in_header(request.headers) or request.query.get("apikey", "")
        self._number += 1
        try:
            check_key(key, self.key, area=area, writes=request.method != "GET")
            self.limits.take(self.clock.monotonic(), self.clock.now())
        except RefusalError as refusal:
            answer: web.StreamResponse = gateway_answer(refusal)
        else:
            answer = await self._ask_alma(call)
            answer.headers["X-Exl-Api-Remaining"] = str(self.limits.remaining)
        entry.status = answer.status
        entry.applied = answer.status < 300 and _is_write(request)
        return answer

    async def _ask_alma(self, call: _Call) -> web.StreamResponse:
        if len(await call.request.read()) > MAX_BODY:
            return gateway_answer(Refusal.TOO_LARGE)
        try:
            return await call.handler(call.request)
        except RefusalError as refusal:
            return self._error(call.request, refusal, self.institution.switches.error_shape)
        except (web.HTTPNotFound, web.HTTPMethodNotAllowed):
            return gateway_answer(Refusal.NO_ROUTE)

    def _error(self, request: web.Request, refusal: RefusalError, shape: str) -> web.Response:
        xml = wants_xml(request, self.institution.switches.default_format)
        return error_answer(refusal, tracking_id(self.clock.now(), self._number), shape, xml=xml)

    async def _go_wrong(self, call: _Call, rule: Rule) -> web.StreamResponse:
        request, entry = call.request, call.entry
        match rule.do:
            case Fault.DROP_BEFORE:
                return _cut(request)
            case Fault.LATE:
                task = asyncio.get_running_loop().create_task(self._apply_late(call, rule.delay))
                self._late[task] = call
                task.add_done_callback(lambda done: self._late.pop(done, None))
                return _cut(request)
            case Fault.DROP_AFTER | Fault.TRUNCATED:
                answer = await self._process(call)
                entry.status = 0
                whole = rule.do is Fault.DROP_AFTER
                return _cut(request) if whole else await _truncate(request, answer)
            case Fault.SLOW:
                answer = await self._process(call)
                await self.clock.sleep(rule.delay)
                if request.transport is None:  # the caller did not wait
                    entry.status = 0
                    return _cut(request)
            case Fault.ERROR_AFTER:
                await self._process(call)
                answer = gateway_answer(Refusal.BROKEN)
            case Fault.THROTTLED_AFTER:
                await self._process(call)
                answer = gateway_answer(Refusal.PER_SECOND)
            case Fault.EMPTY:
                answer = web.Response()
            case Fault.HTML:
                answer = web.Response(body=_MAINTENANCE, content_type="text/html", charset="utf-8")
            case Fault.REFUSE:
                self._number += 1
                refusal = RefusalError(rule.code, "Refused by a rule for faults.")
                answer = self._error(request, refusal, "standard")
            case _:
                answer = gateway_answer(_GATEWAY_FAULTS[rule.do])
        entry.status = answer.status
        return answer

    async def _apply_late(self, call: _Call, delay: float) -> None:
        await self.clock.sleep(delay)
        await self._process(call)
        call.entry.status = 0


def _is_write(request: web.Request) -> bool:
    """Return whether the call changes a user if it succeeds; POST checks passwords too."""
    if request.method == "POST":
        return request.path == f"{ROOT}/users"
    return request.method in {"PUT", "DELETE"}


def _cut(request: web.Request) -> web.Response:
    """Reset the connection; nobody receives the answer that is returned."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


async def _truncate(request: web.Request, answer: web.StreamResponse) -> web.StreamResponse:
    """Send half of the answer, then close the connection."""
    body = getattr(answer, "body", b"")
    half = web.StreamResponse(status=answer.status, headers=answer.headers)
    half.content_length = len(body)
    await half.prepare(request)
    await half.write(body[: len(body) // 2])
    if request.transport is not None:
        request.transport.close()
    return half
