"""The server: the addresses and their pages, and running it on this computer."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from importlib.resources import files
from pathlib import Path

from aiohttp import web

from importer.web import (
    draft_pages,
    load_pages,
    match_pages,
    problem_pages,
    run_pages,
    settings_page,
)
from importer.web.guard import ENTER, Guard
from importer.web.load_pages import CLOSING
from importer.web.site import SITE, Site, explain_errors, see
from importer.web.workspace import ALMA, PRACTICE

LARGEST_FORM = 2_000_000
"""Bytes of a form, except the roster, which is streamed."""

_SHUTDOWN_SECONDS = 1.0

_WORKERS = 2
"""Rosters that are read or checked at the same time: each takes memory."""

_LOOK = 60.0
"""Seconds between two looks at whether the page is still used."""

ROUTES = [
    web.get("/{place}/", draft_pages.start),
    web.post("/{place}/samples", draft_pages.take_sample),
    web.post("/{place}/rosters", draft_pages.take_roster),
    web.get("/{place}/drafts/{draft}/sheet", draft_pages.sheet),
    web.get("/{place}/drafts/{draft}/mapping", draft_pages.mapping),
    web.post("/{place}/drafts/{draft}/mapping", draft_pages.choose_mapping),
    web.get("/{place}/drafts/{draft}/match", match_pages.match),
    web.post("/{place}/drafts/{draft}/match", match_pages.save_match),
    web.get("/{place}/drafts/{draft}/codes", match_pages.codes),
    web.post("/{place}/drafts/{draft}/codes", match_pages.save_codes),
    web.get("/{place}/drafts/{draft}/problems", problem_pages.problems),
    web.post("/{place}/drafts/{draft}/problems", problem_pages.correct),
    web.post("/{place}/drafts/{draft}/plan", draft_pages.plan),
    web.post("/{place}/drafts/{draft}/delete", draft_pages.delete),
    web.get("/{place}/tasks/{task}", run_pages.task),
    web.get("/{place}/runs", run_pages.runs),
    web.get("/{place}/runs/{run}", run_pages.run),
    web.get("/{place}/runs/{run}/rows", run_pages.rows),
    web.get("/{place}/runs/{run}/rows/{row}", run_pages.row),
    web.post("/{place}/runs/{run}/rows/{row}", run_pages.resolve),
    web.get("/{place}/runs/{run}/approve", load_pages.approve),
    web.post("/{place}/runs/{run}/approve", load_pages.start_apply),
    web.get("/{place}/runs/{run}/live", load_pages.live),
    web.get("/{place}/runs/{run}/events", load_pages.events),
    web.post("/{place}/runs/{run}/pause", load_pages.pause),
    web.post("/{place}/runs/{run}/undo", run_pages.undo),
    web.post("/{place}/runs/{run}/correct", run_pages.correct),
    web.get("/{place}/runs/{run}/files/{name}", run_pages.download),
    web.get("/{place}/settings", settings_page.settings),
    web.post("/{place}/settings/key", settings_page.save_key),
    web.post("/{place}/settings/{command}", settings_page.run_command),
]
"""Every page, by its address. `{place}` is `practice` or `alma`."""


def application(site: Site, guard: Guard) -> web.Application:
    """Return the application with all its pages behind the guard."""
    app = web.Application(
        middlewares=[guard.middleware, explain_errors], client_max_size=LARGEST_FORM
    )
    app[SITE] = site
    app[CLOSING] = asyncio.Event()

    # the report and the pages have one style
    base = (files("importer.report") / "templates" / "style.css.j2").read_text("utf-8")

    async def front(_: web.Request) -> web.StreamResponse:
        return see(f"/{ALMA if ALMA in site.workspaces else PRACTICE}/")

    async def style(_: web.Request) -> web.StreamResponse:
        return web.Response(text=base, content_type="text/css")

    async def entered(_: web.Request) -> web.StreamResponse:  # the guard answers before
        raise web.HTTPNotFound

    async def close(app: web.Application) -> None:
        app[CLOSING].set()

    app.on_shutdown.append(close)
    app.add_routes(
        [web.get("/", front), web.get(ENTER, entered), web.get("/static/base.css", style), *ROUTES]
    )
    app.router.add_static("/static", Path(str(files("importer.web") / "static")))
    return app


def serve(
    site: Site,
    guard: Guard,
    listening: socket.socket,
    ready: Callable[[], None],
    idle: float | None = None,
) -> None:
    """Serve on a socket until Ctrl-C; call `ready` once pages are answered.

    It also ends after `idle` seconds without a request and without a command that runs.
    """

    async def main() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()

        def ask(*_: object) -> None:
            loop.call_soon_threadsafe(stop.set)

        before = {kind: signal.signal(kind, ask) for kind in (signal.SIGINT, signal.SIGTERM)}
        loop.set_default_executor(ThreadPoolExecutor(_WORKERS))
        runner = web.AppRunner(
            application(site, guard), access_log=None, shutdown_timeout=_SHUTDOWN_SECONDS
        )
        await runner.setup()
        try:
            await web.SockSite(runner, listening).start()
            ready()
            while not stop.is_set():
                with suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(stop.wait(), idle and min(idle, _LOOK))
                if idle and guard.seconds_idle > idle and not site.is_busy:
                    break
        finally:
            await runner.cleanup()
            for kind, handler in before.items():
                signal.signal(kind, handler)

    asyncio.run(main())
