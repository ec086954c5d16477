"""Everything between a socket and the routes: keys, limits, log, faults (contract 2.1, 2.5).

`guard` is the middleware of the whole server, `pass_through` that of Alma's API.

The rules come from a YAML file:

    seed: 7
    rules:                      # the first rule that fires wins
      - {on: POST, rate: 0.05, do: 429}
      - {on: PUT, path: /users/*, rate: 0.02, do: late, delay: 2}
      - {on: POST, path: /users, nth: 20, do: unauthorized}
      - {on: PUT, nth: 3, do: refuse, code: 401860}

`on` is a method or `any`. `path` is a pattern for what follows /almaws/v1. `rate` is the chance for
each call, `nth` the number of the one call that goes wrong; without either, every call does.
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
from enum import Enum
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from typing import Annotated, Literal, TypeAlias
from urllib.parse import urlsplit

from aiohttp import web
from pydantic import BaseModel, BeforeValidator, Field, ValidationError, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from importer.errors import UsageError
from importer.sandbox import formats
from importer.sandbox.institution import Practice
from importer.sandbox.users import timestamp

_MAX_BYTES = 8 * 1024


class Fault(Enum):
    """What can go wrong. `*_after`, `slow`, `truncated` and `late` apply the call first."""

    THROTTLED = "429"
    THROTTLED_AFTER = "429_after"
    DAILY = "429_daily"
    UNAVAILABLE = "503"
    ERROR_BEFORE = "500_before"
    ERROR_AFTER = "500_after"
    DROP_BEFORE = "drop_before"
    DROP_AFTER = "drop_after"
    HTML = "html"
    EMPTY = "empty"  # status 200 and no body
    SLOW = "slow"  # applied at once, answered after `delay`
    LATE = "late"  # the answer is lost; applied after `delay`
    TRUNCATED = "truncated"
    UNAUTHORIZED = "unauthorized"
    REFUSE = "refuse"  # with Alma's error `code`


def _as_text(value: object) -> object:
    """Return a number as text: YAML reads 429 as a number and 429_daily as text."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


class FaultRule(BaseModel, frozen=True, extra="forbid", strict=True):
    """One rule of the file. `delay` is in seconds."""

    do: Annotated[Fault, Field(strict=False), BeforeValidator(_as_text)]
    on: Literal["any", "GET", "POST", "PUT", "DELETE"] = "any"
    path: str = "*"
    rate: float | None = Field(None, ge=0, le=1, allow_inf_nan=False)
    nth: int | None = Field(None, ge=1)
    delay: float = Field(1.0, ge=0, le=3600, allow_inf_nan=False)
    code: Annotated[str, BeforeValidator(_as_text)] = ""

    @model_validator(mode="after")
    def _agree(self) -> FaultRule:
        if self.rate is not None and self.nth is not None:
            msg = "a rule has rate or nth, not both"
            raise ValueError(msg)
        if (self.do is Fault.REFUSE) != bool(self.code):
            msg = "`do: refuse` and `code` go together"
            raise ValueError(msg)
        return self


class _File(BaseModel, extra="forbid", strict=True):
    seed: int = 0
    rules: list[FaultRule] | None = None


class Faults:
    """The rules, with their random numbers and how often each rule has matched."""

    def __init__(self, rules: tuple[FaultRule, ...] = (), seed: int = 0) -> None:
        """Start counting; the same seed gives the same faults."""
        self.rules = rules
        self._random = random.Random(seed)  # noqa: S311  reproducible on purpose
        self._matched = [0] * len(rules)

    def find(self, method: str, path: str) -> FaultRule | None:
        """Return the rule that fires for this call, if one does."""
        for index, rule in enumerate(self.rules):
            if rule.on not in {"any", method} or not fnmatchcase(path, rule.path):
                continue
            self._matched[index] += 1
            if rule.nth is not None and self._matched[index] != rule.nth:
                continue
            if rule.rate is not None and self._random.random() >= rule.rate:
                continue
            return rule
        return None


def load_faults(path: Path) -> Faults:
    """Read the rules from a file of at most 8 kB; UsageError names the file."""
    try:
        if not path.is_file():  # reading a pipe would wait for somebody to write into it
            msg = f"{path}: the faults file is not a regular file"
            raise UsageError(msg)
        return read_faults(path.read_bytes().decode("utf-8"), str(path))
    except (OSError, ValueError) as error:
        msg = f"{path}: the faults file cannot be read; it is a UTF-8 text file"
        raise UsageError(msg) from error


def read_faults(source: str, name: str) -> Faults:
    """Read the rules from YAML text; errors call it `name` and give the line or the rule."""
    if len(source.encode("utf-8", "replace")) > _MAX_BYTES:
        msg = f"{name}: the rules are longer than 8 kB"
        raise UsageError(msg)
    try:
        given = _File.model_validate(YAML(typ="safe", pure=True).load(source) or {})
    except (YAMLError, ValueError, TypeError, RecursionError) as error:
        msg = f"{name}: {_explain(error)}"
        raise UsageError(msg) from error
    return Faults(tuple(given.rules or ()), given.seed)


def _explain(error: Exception) -> str:
    """Return what is wrong, with the line or the number of the rule."""
    if isinstance(error, MarkedYAMLError) and error.problem_mark:
        return f"line {error.problem_mark.line + 1}: this is not YAML: {error.problem}"
    if not isinstance(error, ValidationError):
        return "this is not YAML"
    problem = error.errors()[0]
    if not problem["loc"]:
        return "the file has `seed` and `rules`"
    file, *rest = problem["loc"]
    where = f"rule {int(rest[0]) + 1}: " if file == "rules" and rest else ""
    key = str(rest[-1] if len(rest) != 1 else "") if rest else str(file)
    said = problem["msg"].removeprefix("Value error, ")
    return where + (f"{key[:40]!r}: {said}" if key else said)


Handler: TypeAlias = "Callable[[web.Request], Awaitable[web.StreamResponse]]"
_Process: TypeAlias = "Callable[[], Awaitable[web.StreamResponse]]"

ROOT = "/almaws/v1"
MAX_BODY = 1024**2  # bytes of a body for Alma's API. No record comes near it.

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

    A refused call counts nowhere. The day starts at midnight GMT (contract 2.5). `used`: today.
    """

    rate: float
    daily: int
    used: int = 0
    _tokens: float = 0
    _filled: float | None = None
    _day: date | None = None

    @property
    def remaining(self) -> int:
        """Calls left today."""
        return max(0, self.daily - self.used)

    def take(self, clock: Clock) -> None:
        """Count one call, or refuse it (429)."""
        now, today = clock.monotonic(), clock.now().date()
        if self._day not in {None, today}:
            self.used = 0
        self._day = today
        if self.rate > 0:
            capacity = max(1.0, self.rate)
            passed = capacity if self._filled is None else (now - self._filled) * self.rate
            self._tokens = min(capacity, self._tokens + passed)
            self._filled = now
            if self._tokens < 1:
                formats.refuse("per_second")
        if self.used >= self.daily:
            formats.refuse("daily")
        if self.rate > 0:
            self._tokens -= 1
        self.used += 1


@dataclass(slots=True)
class LoggedCall:
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

    institution: Practice
    key: str
    limits: Limits
    faults: Faults
    latency: tuple[float, float] | None
    clock: Clock
    log: deque[LoggedCall] = field(default_factory=lambda: deque(maxlen=_LOGGED_CALLS))
    _number: int = 0
    _late: dict[asyncio.Task[None], _Process] = field(default_factory=dict)
    _random: random.Random = field(default_factory=random.Random)

    @web.middleware
    async def guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Refuse calls of web pages and oversized bodies; add Alma's headers to every answer."""
        if _is_from_a_web_page(request.headers):
            sentence = "the practice Alma answers programs on this computer only, as 127.0.0.1"
            return formats.json_answer({"error": sentence}, 403)
        try:
            await request.read()
            answer = await handler(request)
        except (web.RequestPayloadError, ConnectionError):
            return _cut(request)  # the caller hung up while sending
        except web.HTTPRequestEntityTooLarge:
            answer = formats.error_answer(formats.refusal("too_large"))
        except (web.HTTPNotFound, web.HTTPMethodNotAllowed):
            answer = formats.error_answer(formats.refusal("no_route"), xml=False)
        if not answer.prepared:
            answer.headers["Server"] = "Layer7-API-Gateway"
            answer.headers["X-Request-ID"] = str(uuid.uuid4())
        return answer

    @web.middleware
    async def pass_through(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer a call to Alma's API, or let it go wrong as the faults say."""
        target = request.raw_path.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        entry = LoggedCall(timestamp(self.clock.now()), request.method, target)
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
        self, request: web.Request, handler: Handler, entry: LoggedCall
    ) -> web.StreamResponse:
        """Return the answer of a healthy Alma and note in the log whether it changed anything."""
        self._number += 1
        try:
            self._check_key(request)
            self.limits.take(self.clock)
        except formats.RefusalError as refused:
            answer: web.StreamResponse = self._refused(request, refused)
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
            formats.refuse("wrong_key")
        kind = given.removeprefix(self.key)
        reads_only = kind == "-read-only" and request.method != "GET"
        known = area in {"users", "conf"} and (kind in {"", "-read-only"} or kind == f"-{area}")
        if not given or reads_only or not known:
            formats.refuse("no_right")

    async def _ask_alma(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if len(await request.read()) > MAX_BODY:
            return formats.error_answer(formats.refusal("too_large"))
        try:
            return await handler(request)
        except formats.RefusalError as refused:
            return self._refused(request, refused, self.institution.switches["error-shape"])
        except (web.HTTPNotFound, web.HTTPMethodNotAllowed):
            return formats.error_answer(formats.refusal("no_route"), xml=False)

    def _refused(
        self, request: web.Request, refused: formats.RefusalError, shape: str = ""
    ) -> web.Response:
        """Return a refusal; without a shape one of the gateway, in XML but for limits (0.8)."""
        xml = formats.wants_xml(request)
        if not shape:
            return formats.error_answer(refused, xml=xml or refused.status != 429)
        tracking = formats.tracking_id(self.clock.now(), self._number)
        return formats.error_answer(refused, tracking, shape, xml=xml)

    async def _go_wrong(
        self, request: web.Request, entry: LoggedCall, rule: FaultRule, process: _Process
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
                refused = formats.RefusalError(rule.code, "Refused by a rule for faults.")
                answer = self._refused(request, refused, "standard")
            case _:
                answer = self._refused(request, formats.refusal(_ERRORS[rule.do]))
        entry.status = answer.status
        return answer

    async def _apply_late(self, process: _Process, delay: float, entry: LoggedCall) -> None:
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
    """Return whether the call changes a user if it succeeds; a POST may test a key."""
    if request.method == "POST":
        return not request.path.endswith("/test")
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
