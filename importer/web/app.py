"""The server: the addresses and their pages, and running it on this computer."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from pathlib import Path

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from importer.loader.detect import LARGEST
from importer.web import (
    decision_pages,
    draft_pages,
    grid_pages,
    live_pages,
    mapping_pages,
    run_pages,
    settings_page,
    task_pages,
)
from importer.web.drafts import StaleError
from importer.web.guard import Guard, Handler
from importer.web.site import ROOT, SITE, NotDoneError, Site, Visit, explain_errors, see
from importer.web.workspace import ALMA, PRACTICE

LARGEST_FORM = 2_000_000
"""Bytes of a form, except with a roster or a report of Alma."""

_SHUTDOWN_SECONDS = 1.0

_WORKERS = 8
"""Pages that are made at the same time."""

_LOOK = 60.0
"""Seconds between two looks at whether the page is still used."""

Page = Callable[[Visit], web.StreamResponse]

_PAGES: dict[str, Page] = {
    "": draft_pages.home,
    "drafts/{draft}/sheet": draft_pages.sheet,
    "drafts/{draft}/mapping": mapping_pages.mapping,
    "drafts/{draft}/grid": grid_pages.grid,
    "drafts/{draft}/grid/rows": grid_pages.grid_rows,
    "tasks/{task}": task_pages.task,
    "runs/{run}": run_pages.run,
    "runs/{run}/rows/{row}": run_pages.row,
    "runs/{run}/decisions": decision_pages.decisions,
    "runs/{run}/live": live_pages.live,
    "runs/{run}/files/{name}": run_pages.download,
    "settings": settings_page.settings,
}
_FORMS: dict[str, Page] = {
    "samples": draft_pages.take_sample,
    "tasks/{task}/again": task_pages.again,
    "tasks/{task}/cancel": task_pages.cancel,
    "drafts/{draft}/trash": draft_pages.trash,
    "drafts/{draft}/restore": draft_pages.restore,
    "drafts/{draft}/delete": draft_pages.delete,
    "drafts/{draft}/sheet": draft_pages.save_sheet,
    "drafts/{draft}/mapping": mapping_pages.save,
    "drafts/{draft}/plan": draft_pages.plan,
    "drafts/{draft}/grid/cells": grid_pages.save_cells,
    "drafts/{draft}/grid/undo": grid_pages.undo,
    "drafts/{draft}/grid/check": grid_pages.check_again,
    "runs/{run}/decisions": decision_pages.answer,
    "runs/{run}/decisions/undo": decision_pages.take_back,
    "runs/{run}/decisions/use": decision_pages.use,
    "runs/{run}/approve": run_pages.start_apply,
    "runs/{run}/pause": live_pages.pause,
    "runs/{run}/sis-report": run_pages.sis_report,
    "runs/{run}/undo": run_pages.undo,
    "runs/{run}/correct": run_pages.correct,
    "settings/key": settings_page.save_key,
    "settings/job": settings_page.decide_job,
    "settings/{command}": settings_page.run_command,
}

_VERSIONED = (draft_pages.save_sheet, mapping_pages.save, draft_pages.plan)
"""Forms that change a draft, if it is as their page showed it."""

_APPROVED = (run_pages.start_apply, settings_page.save_key, settings_page.decide_job)
"""Forms for those who approve. Behind a proxy everybody whom it names may send all others."""


def _in_turn(page: Page) -> Handler:
    """Return the handler of a page or form; those of one thing are carried out one after another.

    Who waits needs no thread, so that nobody else waits, and a page that nobody waits for any more
    is not made. StaleError is raised where the draft was changed since the page of the form.
    """

    async def handle(request: web.Request) -> web.StreamResponse:
        large = page is run_pages.sis_report  # its file may be as large as a roster
        visit = await Visit.of(request.clone(client_max_size=LARGEST) if large else request)
        async with visit.site.turn(_subject(request)):
            if request.method == "GET" and request.transport is None:
                return web.Response()
            if page in _APPROVED and (why := visit.hindrance()):
                raise NotDoneError(403, "You may not do this", f"{why} Nothing was done.")
            of_draft = "draft" in request.match_info
            if page in _VERSIONED and visit.number("version") != visit.draft.facts.version:
                msg = "This roster was changed in another window."
                raise StaleError(msg)
            threads = visit.site.threads if of_draft else None
            return await asyncio.get_running_loop().run_in_executor(threads, page, visit)

    return handle


def _subject(request: web.Request) -> str:
    """Return the address of what one request at a time uses.

    It is a draft, a run that a form changes or, for other requests, the page itself. A load is
    paused whatever else is asked of its run.
    """
    names = request.match_info
    if "draft" in names:
        return f"/{names['place']}/drafts/{names['draft']}"
    if request.method == "POST" and "run" in names and not request.path.endswith("/pause"):
        return f"/{names['place']}/runs/{names['run']}"
    return request.path


def routes(root: str) -> list[web.RouteDef]:
    """Return every page and form, by its address. `{place}` is `practice` or `alma`."""
    base = f"{root}/{{place}}"
    return [
        *(web.get(f"{base}/{path}", _in_turn(page)) for path, page in _PAGES.items()),
        *(web.post(f"{base}/{path}", _in_turn(page)) for path, page in _FORMS.items()),
        web.post(f"{base}/rosters", draft_pages.take_roster),
    ]


def application(site: Site, guard: Guard) -> web.Application:
    """Return the application with all its pages behind the guard."""
    app = web.Application(
        middlewares=[guard.middleware, explain_errors],
        client_max_size=LARGEST_FORM,
    )
    app[SITE], app[ROOT] = site, guard.root

    async def front(_: web.Request) -> web.StreamResponse:
        return see(f"{guard.root}/{ALMA if ALMA in site.workspaces else PRACTICE}/")

    app.add_routes([web.get(f"{guard.root}/", front), *routes(guard.root)])
    app.router.add_static(f"{guard.root}/static", Path(str(files("importer.web") / "static")))
    return app


def _is_no_bad_request(record: logging.LogRecord) -> bool:
    """Return False for the traceback of a request that is no HTTP, which is answered by a 400."""
    error = record.exc_info[1] if record.exc_info else None
    return not isinstance(error, HttpProcessingError | web.RequestPayloadError)


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

    async def end_if_unused() -> None:
        while idle:
            await asyncio.sleep(min(idle, _LOOK))
            busy = any(any(space.tasks.running()) for space in site.workspaces.values())
            if guard.seconds_idle > idle and not busy:
                signal.raise_signal(signal.SIGINT)

    async def run(_: web.Application) -> AsyncIterator[None]:
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(_WORKERS))
        watching = asyncio.create_task(end_if_unused())
        ready()
        yield
        watching.cancel()

    logging.getLogger("aiohttp.server").addFilter(_is_no_bad_request)
    app = application(site, guard)
    app.cleanup_ctx.append(run)
    web.run_app(
        app, sock=listening, access_log=None, print=None, shutdown_timeout=_SHUTDOWN_SECONDS
    )
