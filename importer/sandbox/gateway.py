"""Everything between a socket and the routes: keys, limits, log, faults (contract 2.1, 2.5).

`guard` is the middleware of the whole server, `pass_through` that of Alma's API.
"""

from __future__ import annotations

import asyncio
import random
import re
import time
import uuid
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import partial
from typing import TypeAlias
from urllib.parse import urlsplit

from aiohttp import web

from importer.sandbox.answers import (
    RefusalError,
    error_answer,
    json_answer,
    refusal,
    refuse,
    tracking_id,
    wants_xml,
)
from importer.sandbox.faults import Fault, Faults, Rule
from importer.sandbox.institution import Institution
from importer.sandbox.users import timestamp

Handler: TypeAlias = "Callable[[web.Request], Awaitable[web.StreamResponse]]"
_Process: TypeAlias = "Callable[[], Awaitable[web.StreamResponse]]"

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
_SLASH = re.compile("%2f|%5c", re.IGNORECASE)
_NO_SLASH = "<!doctype html><html><head><title>HTTP Status 400 – Bad Request</title></head></html>"
# The faults that are an error of the gateway, and those of them that come after the call.
_ERRORS = {
    Fault.THROTTLED: "per_second",
    Fault.THROTTLED_AFTER: "per_second",
    Fault.DAILY: "daily",
    Fault.UNAVAILABLE: "down",
    Fault.ERROR_BEFORE: "broken",
    Fault.ERROR_AFTER: "broken",
    Fault.UNAUTHORIZED: "no_right",
}
_AFTER = {Fault.ERROR_AFTER, Fault.THROTTLED_AFTER, Fault.DROP_AFTER, Fault.TRUNCATED, Fault.SLOW}


class Clock:
    """The time as the sandbox sees it; this one is the real time."""

    def now(self) -> datetime:
        """Return the time of day, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return seconds that only ever grow, for the calls-per-second limit."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait; every latency and every delay of a fault comes through here."""
        await asyncio.sleep(seconds)


@dataclass(slots=True)
class Limits:
    """One token bucket and one daily count for all keys. `rate` is calls a second, 0: no limit.

    A refused call counts nowhere. The day starts at midnight GMT (contract 2.5).
    """

    rate: float
    daily: int
    _tokens: float = 0
    _filled: float | None = None
    _used: int = 0
    _day: date | None = None

    @property
    def remaining(self) -> int:
        """Calls left today."""
        return max(0, self.daily - self._used)

    def set_remaining(self, calls: int) -> None:
        """Pretend that only N calls are left today."""
        self._used = self.daily - calls

    def take(self, clock: Clock) -> None:
        """Count one call, or refuse it (429)."""
        now, today = clock.monotonic(), clock.now().date()
        if self._day not in {None, today}:
            self._used = 0
        self._day = today
        if self.rate > 0:
            capacity = max(1.0, self.rate)
            passed = capacity if self._filled is None else (now - self._filled) * self.rate
            self._tokens = min(capacity, self._tokens + passed)
            self._filled = now
            if self._tokens < 1:
                refuse("per_second")
        if self._used >= self.daily:
            refuse("daily")
        if self.rate > 0:
            self._tokens -= 1
        self._used += 1


@dataclass(slots=True)
class Entry:
    """One call in the log. `status` is 0 if no whole answer was sent; `applied` may change."""

    time: str
    method: str
    path: str
    status: int = 0
    applied: bool = False


@dataclass(slots=True)
class Gateway:
    """The part in front of the routes. `latency` is the least and most seconds of an answer.

    `key` may do everything; with `-read-only`, `-users` or `-conf` after it, it may only read, or
    reaches one area only. `log` has the latest calls to Alma's API, oldest first.
    """

    institution: Institution
    key: str
    limits: Limits
    faults: Faults
    latency: tuple[float, float] | None
    clock: Clock
    log: deque[Entry] = field(default_factory=lambda: deque(maxlen=_LOGGED_CALLS))
    _number: int = 0
    _late: dict[asyncio.Task[None], _Process] = field(default_factory=dict)
    _random: random.Random = field(default_factory=random.Random)

    @web.middleware
    async def guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Refuse calls of web pages and oversized bodies; add Alma's headers to every answer."""
        if _is_from_a_web_page(request.headers):
            sentence = "the practice Alma answers programs on this computer only, as 127.0.0.1"
            return json_answer({"error": sentence}, 403)
        try:
            await request.read()
            answer = await handler(request)
        except (web.RequestPayloadError, ConnectionError):
            return _cut(request)  # the caller hung up while sending
        except web.HTTPRequestEntityTooLarge:
            answer = error_answer(refusal("too_large"))
        except (web.HTTPNotFound, web.HTTPMethodNotAllowed):
            answer = error_answer(refusal("no_route"), xml=False)
        if not answer.prepared:
            answer.headers["Server"] = "Layer7-API-Gateway"
            answer.headers["X-Request-ID"] = str(uuid.uuid4())
        return answer

    @web.middleware
    async def pass_through(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer a call to Alma's API, or let it go wrong as the faults say."""
        target = request.raw_path.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        entry = Entry(timestamp(self.clock.now()), request.method, target)
        self.log.append(entry)
        path, _, _ = target.removeprefix(ROOT).partition("?")
        if _SLASH.search(path) and self.institution.switches["encoded-slash"] == "refuse":
            entry.status = 400
            return web.Response(status=400, text=_NO_SLASH, content_type="text/html")
        if self.latency:
            await self.clock.sleep(self._random.uniform(*self.latency))
        process = partial(self._process, request, handler, entry)
        rule = self.faults.find(request.method, path)
        return await (self._go_wrong(request, entry, rule, process) if rule else process())

    async def apply_late_calls(self) -> None:
        """Apply now what a `late` fault has postponed."""
        for task, process in list(self._late.items()):
            task.cancel()
            await process()

    async def _process(
        self, request: web.Request, handler: Handler, entry: Entry
    ) -> web.StreamResponse:
        """Return the answer of a healthy Alma and note in the log whether it changed anything."""
        self._number += 1
        try:
            self._check_key(request)
            self.limits.take(self.clock)
        except RefusalError as refused:
            answer: web.StreamResponse = self._gateway_error(request, refused)
        else:
            answer = await self._ask_alma(request, handler)
            answer.headers["X-Exl-Api-Remaining"] = str(self.limits.remaining)
        entry.status = answer.status
        entry.applied = answer.status < 300 and _is_write(request)
        return answer

    def _check_key(self, request: web.Request) -> None:
        """Refuse a key that is missing or lacks a right (400) or is wrong (403)."""
        given = key_in_header(request.headers) or request.query.get("apikey", "")
        area = request.path.removeprefix(f"{ROOT}/").partition("/")[0]
        kinds = ("", "-read-only", "-users", "-conf")
        if given and given not in {f"{self.key}{kind}" for kind in kinds}:
            refuse("wrong_key")
        kind = given.removeprefix(self.key)
        tests_writing = request.method == "POST" and request.path.endswith("/test")
        reads_only = kind == "-read-only" and (_is_write(request) or tests_writing)
        known = area in {"users", "conf"} and (kind in {"", "-read-only"} or kind == f"-{area}")
        if not given or reads_only or not known:
            refuse("no_right")

    async def _ask_alma(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if len(await request.read()) > MAX_BODY:
            return error_answer(refusal("too_large"))
        try:
            return await handler(request)
        except RefusalError as refused:
            return self._error(request, refused, self.institution.switches["error-shape"])
        except (web.HTTPNotFound, web.HTTPMethodNotAllowed):
            return error_answer(refusal("no_route"), xml=False)

    def _error(self, request: web.Request, refused: RefusalError, shape: str) -> web.Response:
        xml = wants_xml(request, self.institution.switches["default-format"])
        return error_answer(refused, tracking_id(self.clock.now(), self._number), shape, xml=xml)

    def _gateway_error(self, request: web.Request, refused: RefusalError) -> web.Response:
        """Return an error of the gateway: in XML, except for limits (contract 0.8)."""
        xml = wants_xml(request, self.institution.switches["default-format"])
        return error_answer(refused, xml=xml or refused.status != 429)

    async def _go_wrong(
        self, request: web.Request, entry: Entry, rule: Rule, process: _Process
    ) -> web.StreamResponse:
        answer = await process() if rule.do in _AFTER else web.Response()
        match rule.do:
            case Fault.DROP_BEFORE:
                return _cut(request)
            case Fault.LATE:
                late = self._apply_late(process, rule.delay, entry)
                task = asyncio.get_running_loop().create_task(late)
                self._late[task] = process
                task.add_done_callback(lambda done: self._late.pop(done, None))
                return _cut(request)
            case Fault.DROP_AFTER:
                entry.status = 0
                return _cut(request)
            case Fault.TRUNCATED:
                entry.status = 0
                return await _truncate(request, answer)
            case Fault.SLOW:
                await self.clock.sleep(rule.delay)
                if request.transport is None:  # the caller did not wait
                    entry.status = 0
                    return _cut(request)
            case Fault.EMPTY:
                pass
            case Fault.HTML:
                answer = web.Response(body=_MAINTENANCE, content_type="text/html", charset="utf-8")
            case Fault.REFUSE:
                self._number += 1
                refused = RefusalError(rule.code, "Refused by a rule for faults.")
                answer = self._error(request, refused, "standard")
            case _:
                answer = self._gateway_error(request, refusal(_ERRORS[rule.do]))
        entry.status = answer.status
        return answer

    async def _apply_late(self, process: _Process, delay: float, entry: Entry) -> None:
        await self.clock.sleep(delay)
        await process()
        entry.status = 0


def key_in_header(headers: Mapping[str, str]) -> str:
    """Return the key of the header `Authorization: apikey KEY`, blank if there is none."""
    scheme, _, given = headers.get("Authorization", "").strip().partition(" ")
    return given.strip() if scheme.lower() == "apikey" else ""


def _is_from_a_web_page(headers: Mapping[str, str]) -> bool:
    """Return whether a page of another site sent this call, by Host, Origin or Sec-Fetch-Site.

    A page can make a browser call 127.0.0.1, or a host name of its own that resolves to it.
    """
    urls = [f"//{headers['Host']}"] if "Host" in headers else []
    if "Origin" in headers:
        urls.append(headers["Origin"])
    return headers.get("Sec-Fetch-Site") == "cross-site" or not all(map(_is_loopback, urls))


def _is_loopback(url: str) -> bool:
    try:
        return urlsplit(url).hostname in {"127.0.0.1", "localhost", "::1"}
    except ValueError:
        return False


def _is_write(request: web.Request) -> bool:
    """Return whether the call changes a user if it succeeds; POST checks passwords too."""
    if request.method == "POST":
        return request.path == f"{ROOT}/users" or "/fees" in request.path
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
