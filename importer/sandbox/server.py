"""The practice Alma as a running server, on loopback only.

`serve` runs until the process is stopped; `running` is for tests and the demonstration.
"""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, TypeVar

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from importer.errors import UsageError
from importer.sandbox import formats
from importer.sandbox.configuration import INSTITUTION, PracticeCodes, conf_routes, set_switches
from importer.sandbox.gateway import (
    ROOT,
    Clock,
    Faults,
    Gateway,
    Handler,
    Limits,
    key_in_header,
    load_faults,
    read_faults,
)  # fmt: skip
from importer.sandbox.institution import Practice, Stamp, created
from importer.sandbox.invented import people
from importer.sandbox.sis_load import IntegrationProfile, run_load
from importer.sandbox.users import STICKY, Json, Stored, UserStore
from importer.sandbox.users_api import UsersApi

_LOGGER = logging.getLogger(__name__)
_HOST = "127.0.0.1"
_MAX_SIS_ZIP = 256 * 1024**2
_COMMIT_EVERY = 0.1  # seconds
_SHUTDOWN_TIMEOUT = 0.5  # seconds for calls under way when the server stops


@dataclass(frozen=True)
class Options:
    """The settings. `port` 0 takes a free one; without `db` everything stays in memory.

    `key` makes four keys, see `Gateway`. `rate` is calls a second for the whole institution, 0 for
    no limit; `daily` is calls a day. `latency` is the least and most seconds of an answer.
    `seed_users` invented patrons are added if there is no user yet. `codes` are the tables of
    `institution` (code and name): descriptions by code, by table. `switches` are values by the
    names of switches. `clock` is for tests.
    """

    port: int = 0
    db: Path | None = None
    key: str = "sandbox"
    rate: float = 25
    daily: int = 100_000
    faults: Path | None = None
    seed_users: int = 0
    codes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    institution: tuple[str, str] = INSTITUTION
    latency: tuple[float, float] | None = None
    switches: Mapping[str, str] = field(default_factory=dict)
    clock: Clock = field(default_factory=Clock)


def serve(options: Options, ready: Callable[[str], None]) -> None:
    """Run until SIGINT or SIGTERM; call `ready` with the base URL once calls are answered.

    Raises UsageError if a file, a switch or the port cannot be used.
    """
    _run(options, lambda base_url, _stop: ready(base_url), handle_signals=True)


@contextmanager
def running(options: Options | None = None) -> Iterator[str]:
    """Run a practice Alma in a thread while the block lasts; yield its base URL."""
    started: Future[tuple[str, _Stop, asyncio.AbstractEventLoop]] = Future()

    def ready(base_url: str, stop: _Stop) -> None:
        started.set_result((base_url, stop, asyncio.get_running_loop()))

    with ThreadPoolExecutor(1, "sandbox") as threads:
        ended = threads.submit(_run, options or Options(), ready, handle_signals=False)
        both: tuple[Future[Any], ...] = started, ended
        wait(both, return_when=FIRST_COMPLETED)
        if not started.done():
            ended.result()
        base_url, stop, loop = started.result()
        try:
            yield base_url
        finally:
            with suppress(RuntimeError):  # it ended by itself, and its loop is closed
                loop.call_soon_threadsafe(stop)
            ended.result()


class _Stop:
    """Ends the server when it is called in its loop; once, as it takes a moment to close.

    Nothing is accepted from then on, and closing begins two turns of the loop later: a server
    of Python 3.11 loses a connection if it is closed between accepting it and knowing of it.
    """

    def __init__(self, listening: socket.socket) -> None:
        self._listening = listening
        self._called = False

    def __call__(self) -> None:
        if not self._called:
            self._called = True
            loop = asyncio.get_running_loop()
            with suppress(NotImplementedError):  # the loop of Windows accepts in another way
                loop.remove_reader(self._listening)
            loop.call_soon(loop.call_soon, _exit)


def _exit() -> None:
    raise web.GracefulExit


def _run(options: Options, ready: Callable[[str, _Stop], None], *, handle_signals: bool) -> None:
    try:
        listening = socket.create_server((_HOST, options.port))
    except OSError as error:
        msg = (
            f"port {options.port} is in use, perhaps by a practice Alma that still runs: use "
            "that one, or choose another port with --port"
        )
        raise UsageError(msg) from error
    with listening:
        base_url = f"http://{_HOST}:{listening.getsockname()[1]}"
        stop = _Stop(listening)
        _LOGGER.addFilter(_is_not_a_bad_request)
        web.run_app(
            _application(options, lambda: ready(base_url, stop), stop),
            sock=listening,
            handle_signals=handle_signals,
            print=None,
            access_log=None,
            logger=_LOGGER,
            shutdown_timeout=_SHUTDOWN_TIMEOUT,
        )


def users_in(db: Path | None) -> int:
    """Return how many users a file of the practice Alma has already; none if there is no file."""
    if db is None or not db.exists():
        return 0
    with closing(UserStore(db)) as store:
        return store.count()


def _is_not_a_bad_request(record: logging.LogRecord) -> bool:
    """Return False for the traceback of a request that is not HTTP; the caller gets a 400."""
    error = record.exc_info[1] if record.exc_info else None
    return not isinstance(error, HttpProcessingError)


def _application(options: Options, ready: Callable[[], None], stop: _Stop) -> web.Application:
    faults = load_faults(options.faults) if options.faults else Faults()
    limits = Limits(options.rate, options.daily)
    institution = _institution(options)
    gateway = Gateway(institution, options.key, limits, faults, options.latency, options.clock)

    async def commit() -> None:
        while True:
            try:
                institution.store.commit()
            except sqlite3.Error:  # closing the store raises it again
                stop()
            await asyncio.sleep(_COMMIT_EVERY)

    async def live(_application: web.Application) -> AsyncIterator[None]:
        committing = asyncio.create_task(commit())
        ready()
        yield
        committing.cancel()
        await gateway.apply_late_calls()
        institution.store.close()

    api = web.Application(middlewares=[gateway.pass_through])
    api.add_routes(conf_routes(institution.tables, lambda: institution.switches["environment"]))
    api.add_routes(UsersApi(institution).routes())
    admin_api = _AdminApi(institution, gateway)
    admin = web.Application(middlewares=[admin_api.check_access])
    admin.add_routes(admin_api.routes())
    application = web.Application(middlewares=[gateway.guard], client_max_size=_MAX_SIS_ZIP)
    application.add_subapp(ROOT, api)
    application.add_subapp("/_sandbox", admin)
    application.cleanup_ctx.append(live)
    return application


def _institution(options: Options) -> Practice:
    """Open the store; add the invented patrons if it has no user yet."""
    now = options.clock.now
    tables = PracticeCodes(options.codes, options.institution)
    institution = Practice(UserStore(options.db), set_switches(options.switches), now, tables)
    if not institution.store.count():
        for body in people(options.seed_users, tables):
            record = created(body, tables, institution.switches, Stamp(now()))
            institution.save(Stored(None, record))
    return institution


# --- the admin API ---

_Seconds = Annotated[float, Field(ge=0, le=3600)]
_T = TypeVar("_T")


class _Open(BaseModel, extra="forbid", strict=True):
    """The numbers of a user's loans and requests; those that are not given stay."""

    loans: int | None = Field(None, ge=0)
    requests: int | None = Field(None, ge=0)


class _Settings(BaseModel, extra="forbid", strict=True):
    """The settings that can change while the server runs; those that are not given stay."""

    rate: float | None = Field(None, ge=0, allow_inf_nan=False)
    remaining: int = 0
    latency: Annotated[tuple[_Seconds, _Seconds], Field(strict=False)] | None = None
    switches: dict[str, str] = {}


@dataclass(frozen=True, slots=True)
class _AdminApi:
    """The admin API /_sandbox: what tests and demonstrations do to the practice Alma.

    GET, DELETE /_sandbox/log            the calls so far, as JSON Lines; forget them
    GET    /_sandbox/state               every user, whole, with its edited fields
    PATCH  /_sandbox/users/{id}          staff change the given fields; sticky ones become edited
    POST   /_sandbox/users/{id}/edited   mark sticky fields as edited by hand: ["user_group", …]
    POST   /_sandbox/users/{id}/loans    {"loans": 2, "requests": 1}: what the user has open
    POST   /_sandbox/settings            {"rate", "remaining", "latency", "switches"}
    POST   /_sandbox/faults              the rules of a faults file; an empty body removes them
    POST   /_sandbox/sis                 a zip to load; ?mode, match, external_id, record_type

    Each call needs the header `Authorization: apikey KEY`, with the key that may do everything. A
    refusal is 400, 403 or 404 with one sentence under `error`.
    """

    institution: Practice
    gateway: Gateway

    def routes(self) -> list[web.RouteDef]:
        """Return the routes; `check_access` must run before them."""
        user = "/users/{id:[^/]+}"
        return [
            web.get("/log", self._show_log),
            web.delete("/log", self._clear_log),
            web.get("/state", self._show_state),
            web.patch(user, self._edit),
            web.post(f"{user}/edited", self._mark_edited),
            web.post(f"{user}/loans", self._set_loans),
            web.post("/settings", self._change_settings),
            web.post("/faults", self._set_faults),
            web.post("/sis", self._load_sis),
        ]

    @web.middleware
    async def check_access(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Ask for the key, and turn refusals into one sentence."""
        if key_in_header(request.headers) != self.gateway.key:
            sentence = "the admin API needs the header `Authorization: apikey KEY`"
            return formats.json_answer({"error": sentence}, 403)
        try:
            return await handler(request)
        except (formats.RefusalError, UsageError) as error:
            return formats.json_answer({"error": str(error)}, 400)
        except web.HTTPException as error:
            sentence = f"{request.method} {request.path} is not one of the admin API's calls"
            return formats.json_answer({"error": sentence}, error.status)

    async def _show_log(self, _request: web.Request) -> web.Response:
        lines = "".join(f"{json.dumps(asdict(entry))}\n" for entry in self.gateway.log)
        return web.Response(text=lines, content_type="application/x-ndjson")

    async def _clear_log(self, _request: web.Request) -> web.Response:
        self.gateway.log.clear()
        return web.Response(status=204)

    async def _show_state(self, _request: web.Request) -> web.Response:
        shown: list[Json] = []
        for user in self.institution.store.page("1", (), "number", -1, 0):
            record = formats.show_user(user.record, self.institution.tables.describe)
            shown.append({**record, "edited": sorted(user.edited), "modified": user.modified})
        return formats.json_answer({"users": shown})

    async def _edit(self, request: web.Request) -> web.Response:
        """Change the given fields of a user as staff do."""
        old = self.institution.find(request.match_info["id"])
        document = formats.parse_json(await request.read())
        if isinstance(document, dict):
            document = formats.show_user(old.record, self.institution.tables.describe) | document
        user = self.institution.edit(old, formats.read_user(document))
        return formats.json_answer(formats.show_user(user.record, self.institution.tables.describe))

    async def _mark_edited(self, request: web.Request) -> web.Response:
        sentence = f"the body is a list of {', '.join(STICKY)}"
        names = _read(list[str], await request.read(), sentence)
        if not STICKY.keys() >= set(names):
            raise UsageError(sentence)
        old = self.institution.find(request.match_info["id"])
        now = {name: old.record.get(STICKY[name], "") for name in names}
        self.institution.save(replace(old, edited=now | old.edited))
        return web.Response(status=204)

    async def _set_loans(self, request: web.Request) -> web.Response:
        sentence = 'the body is {"loans": a number from 0, "requests": a number from 0}'
        given = _read(_Open, await request.read(), sentence)
        old = self.institution.find(request.match_info["id"])
        now = replace(old.activity, **given.model_dump(exclude_none=True))
        self.institution.save(replace(old, activity=now))
        return web.Response(status=204)

    async def _change_settings(self, request: web.Request) -> web.Response:
        sentence = (
            "the body has `rate` (calls a second), `remaining` (calls of today), `latency` "
            "([least, most] seconds) or `switches` ({name: value})"
        )
        given = _read(_Settings, await request.read(), sentence)
        named = given.model_fields_set
        self.institution.switches = set_switches(given.switches, self.institution.switches)
        if "rate" in named:
            self.gateway.limits.rate = given.rate or 0
        if "remaining" in named:
            self.gateway.limits.used = self.gateway.limits.daily - given.remaining
        if "latency" in named:
            self.gateway.latency = given.latency
        return web.Response(status=204)

    async def _set_faults(self, request: web.Request) -> web.Response:
        source = (await request.read()).decode("utf-8", "replace")
        self.gateway.faults = read_faults(source, "faults")
        return web.Response(status=204)

    async def _load_sis(self, request: web.Request) -> web.Response:
        sentence = "`mode` is import or synchronize; `match` is primary_id or an identifier type"
        query = json.dumps(dict(request.query)).encode()
        profile = _read(IntegrationProfile, query, sentence)
        return formats.json_answer(await run_load(self.institution, await request.read(), profile))


def _read(kind: type[_T], body: bytes, sentence: str) -> _T:
    """Return a JSON body as what it must be; UsageError with the sentence otherwise."""
    try:
        return TypeAdapter(kind).validate_json(body, strict=True)
    except ValidationError as error:
        raise UsageError(sentence) from error
