"""The practice Alma as a running server, on loopback only.

`serve` runs until the process is stopped; `running` is for tests and the demonstration.
"""

from __future__ import annotations

import asyncio
import logging
import random
import socket
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from importer.errors import UsageError
from importer.sandbox.admin_api import AdminApi
from importer.sandbox.configuration import SEED, conf_routes, set_switches
from importer.sandbox.faults import Faults, load_faults
from importer.sandbox.gateway import ADMIN, MAX_SIS_ZIP, ROOT, Clock, Gateway, Limits
from importer.sandbox.institution import Institution
from importer.sandbox.rules import Stamp, created
from importer.sandbox.users import Record, Store, Stored
from importer.sandbox.users_api import UsersApi

_LOGGER = logging.getLogger(__name__)
_HOST = "127.0.0.1"
_FIRST_DAY = date(2026, 1, 1)
_COMMIT_EVERY = 0.1  # seconds
_SHUTDOWN_TIMEOUT = 0.5  # seconds for calls under way when the server stops


@dataclass(frozen=True)
class Options:
    """The settings. `port` 0 takes a free one; without `db` everything stays in memory.

    `key` makes four keys, see `Gateway`. `rate` is calls a second for the whole institution, None
    or 0 for no limit; `daily` is calls a day. `latency` is the least and most seconds of an answer.
    `seed_users` invented patrons are added if there is no user yet, and `linked_users` copies of
    another institution's patrons. `switches` are values by the names of switches. `clock` is for
    tests.
    """

    port: int = 0
    db: Path | None = None
    key: str = "sandbox"
    rate: float | None = 25
    daily: int = 100_000
    faults: Path | None = None
    seed_users: int = 0
    linked_users: int = 0
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


def _is_not_a_bad_request(record: logging.LogRecord) -> bool:
    """Return False for the traceback of a request that is not HTTP; the caller gets a 400."""
    error = record.exc_info[1] if record.exc_info else None
    return not isinstance(error, HttpProcessingError)


def _application(options: Options, ready: Callable[[], None], stop: _Stop) -> web.Application:
    faults = load_faults(options.faults) if options.faults else Faults()
    limits = Limits(options.rate or 0, options.daily)
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
    admin_api = AdminApi(institution, gateway)
    admin = web.Application(middlewares=[admin_api.check_access])
    admin.add_routes(admin_api.routes())
    application = web.Application(middlewares=[gateway.guard], client_max_size=MAX_SIS_ZIP)
    application.add_subapp(ROOT, api)
    application.add_subapp(ADMIN, admin)
    application.cleanup_ctx.append(live)
    return application


_OTHER = "01OTHER_INST"
"""The institution whose patrons have copies here."""


def _institution(options: Options) -> Institution:
    """Open the store; add the invented patrons if it has no user yet."""
    now = options.clock.now
    institution = Institution(Store(options.db), set_switches(options.switches), now)
    if not institution.store.count():
        for number, body in enumerate(people(options.seed_users + options.linked_users)):
            record = created(body, institution.switches, Stamp(now()))
            if number >= options.seed_users:
                record |= {"source_institution_code": _OTHER, "source_link_id": f"{number:08}"}
            institution.save(Stored(None, record))
    return institution


def people(count: int) -> Iterator[Record]:
    """Yield N users, two of three External, as bodies that a POST accepts."""
    dice = random.Random("patrons")  # noqa: S311  reproducible on purpose
    for number in range(count):
        if number % 3:
            group, category = dice.choice(SEED["external_groups"])
            barcode: Record = {"id_type": "BARCODE", "value": f"22222{number:09d}"}
            kind: Record = {
                "primary_id": f"{1_000_000 + number}",
                "account_type": "EXTERNAL",
                "external_id": "SIS",
                "user_identifier": [barcode],
            }
        else:
            group, category = dice.choice(SEED["internal_groups"]), "COMMUNITY"
            kind = {"primary_id": f"21111{number:09d}", "account_type": "INTERNAL"}
        city, state, postal_code = dice.choice(SEED["cities"])
        expires = _FIRST_DAY + timedelta(days=dice.randrange(200, 1200))
        address: Record = {
            "preferred": True,
            "line1": f"{dice.randrange(1, 999)} {dice.choice(SEED['streets'])}",
            "city": city,
            "state_province": state,
            "postal_code": postal_code,
            "country": "USA",
            "address_type": ["home"],
        }
        email: Record = {
            "preferred": True,
            "email_address": f"patron{number}@example.org",
            "email_type": ["personal"],
        }
        phone: Record = {
            "preferred": True,
            "phone_number": f"701-555-01{number % 100:02d}",
            "phone_type": ["home"],
        }
        yield {
            **kind,
            "record_type": "PUBLIC",
            "first_name": dice.choice(SEED["first"]),
            "last_name": dice.choice(SEED["last"]),
            "birth_date": (date(1940, 1, 1) + timedelta(days=dice.randrange(24_000))).isoformat(),
            "expiry_date": expires.isoformat(),
            "purge_date": (expires + timedelta(days=365)).isoformat(),
            "user_group": group,
            "user_statistic": [{"statistic_category": category}],
            "address": [address],
            "email": [email],
            "phone": [phone],
        }
