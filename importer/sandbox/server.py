"""The sandbox as a running server, on loopback only.

`serve` blocks until the process is told to stop; `running` is for tests and the demonstration.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web

from importer.errors import UsageError
from importer.sandbox import search
from importer.sandbox.backstage import Gateway
from importer.sandbox.clock import Clock
from importer.sandbox.codes import INSTITUTION
from importer.sandbox.faults import Faults, load_faults
from importer.sandbox.front import Front
from importer.sandbox.institution import Institution
from importer.sandbox.limits import Limits
from importer.sandbox.log import Log
from importer.sandbox.merge import Stamp, created
from importer.sandbox.seed import people
from importer.sandbox.store import Store, Stored
from importer.sandbox.switches import set_switches
from importer.sandbox.values import stamp

_HOST = "127.0.0.1"
_COMMIT_EVERY = 0.1  # seconds
_PATIENCE = 0.5  # seconds that calls under way get when the server stops


@dataclass(frozen=True)
class Options:
    """How the sandbox is set up. `port` 0 takes a free one; no `db`, everything stays in memory.

    `key` makes four keys, see access. `rate` is calls a second for the whole institution, None or 0
    for no limit; `daily` the calls of a day. `latency` is the least and most seconds that an answer
    takes. `seed_users` is how many invented patrons an empty sandbox begins with. `switches` are
    positions of SWITCHES. `clock` is for tests.
    """

    port: int = 0
    db: Path | None = None
    key: str = "sandbox"
    rate: float | None = 25
    daily: int = 100_000
    faults: Path | None = None
    seed_users: int = 0
    latency: tuple[float, float] | None = None
    switches: Mapping[str, str] = field(default_factory=dict)
    clock: Clock = field(default_factory=Clock)


def serve(options: Options, ready: Callable[[str], None]) -> None:
    """Run until SIGINT or SIGTERM; `ready` is called with the base URL once calls are taken.

    Raises UsageError if a file, a switch or the port cannot be used.
    """

    async def main() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
        await _run(options, ready, stop)

    asyncio.run(main())


@contextmanager
def running(options: Options | None = None) -> Iterator[str]:
    """A sandbox in a thread of its own, as long as the block lasts; gives its base URL."""
    chosen = options or Options()
    started: Future[str] = Future()
    stopping: Future[Callable[[], object]] = Future()

    async def main() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        stopping.set_result(lambda: loop.call_soon_threadsafe(stop.set))
        await _run(chosen, started.set_result, stop)

    def body() -> None:
        try:
            asyncio.run(main())
        except BaseException as error:
            if started.done():
                raise
            started.set_exception(error)

    thread = threading.Thread(target=body, name="sandbox", daemon=True)
    thread.start()
    try:
        yield started.result()
    finally:
        if thread.is_alive():
            stopping.result()()
        thread.join()


async def _run(options: Options, ready: Callable[[str], None], stop: asyncio.Event) -> None:
    faults = load_faults(options.faults) if options.faults else Faults()
    limits = Limits(options.rate or 0, options.daily)
    gateway = Gateway(limits, faults, options.latency, Log())
    institution = _institution(options)
    front = Front(institution, gateway, options.key, options.clock)
    runner = web.ServerRunner(web.Server(front.handle, access_log=None), shutdown_timeout=_PATIENCE)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, _HOST, options.port).start()
        except OSError as error:
            msg = f"the sandbox cannot use port {options.port}; name another with --port"
            raise UsageError(msg) from error
        ready(f"http://{_HOST}:{runner.addresses[0][1]}")
        while not stop.is_set():
            institution.store.commit()
            try:
                await asyncio.wait_for(stop.wait(), _COMMIT_EVERY)
            except TimeoutError:
                continue
    finally:
        await runner.cleanup()
        front.settle()
        institution.store.close()


def _institution(options: Options) -> Institution:
    switches = set_switches(options.switches)
    now = options.clock.now
    institution = Institution(Store(options.db, search.COLUMNS), switches, now)
    if options.seed_users and not institution.store.count():
        when = Stamp(now())
        for body in people(options.seed_users):
            record = created(body, INSTITUTION[0], when)
            institution.add(Stored(0, record, stamp(when.now)))
    return institution
