"""The pages of a load: approve the plan, watch it, pause it."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from importer.errors import Exit
from importer.ledger.ledger import Ledger
from importer.ledger.run_lock import holder
from importer.model.plan import Result
from importer.pipeline.apply import OPEN, STOP
from importer.report.wording import ENDS
from importer.web.run_view import view
from importer.web.site import (
    in_thread,
    number,
    page,
    refusal,
    run_address,
    run_of,
    see,
    start_task,
    workspace_of,
)
from importer.web.workspace import Workspace

CLOSING = web.AppKey("closing", asyncio.Event)
"""Set when the server stops, so that open streams end."""

POLL = 0.5
"""Seconds between two looks at the ledger of a run that is applied."""

_ENDED = {Exit.DONE, Exit.REJECTS, Exit.REFUSED}


async def approve(request: web.Request) -> web.StreamResponse:
    """Show what would be written, and the form that starts the load."""
    return await _approval(request)


async def _approval(
    request: web.Request,
    *,
    missing: tuple[str, ...] = (),
    wrong_code: bool = False,
    limit: int = 0,
) -> web.Response:
    """Return the page with the form and, if it was filled in wrongly, what is wrong."""
    folder = run_of(request)
    return page(
        request, "approve.html.j2", status=422 if missing or wrong_code else 200,
        run=folder.name, view=await in_thread(view, workspace_of(request), folder), missing=missing,
        wrong_code=wrong_code, limit=limit or "",
    )  # fmt: skip


async def start_apply(request: web.Request) -> web.StreamResponse:
    """Start `apply`, if every failed safety check was ticked and the institution's code typed."""
    folder, space = run_of(request), workspace_of(request)
    form = await request.post()
    shown = await in_thread(view, space, folder)
    if shown.stale:
        return refusal(request, 409, "This plan is out of date", shown.stale, run_address(request))
    ticked = {str(one) for one in form.getall("allow", [])}
    missing = tuple(one.check for one in shown.facts.failed_checks if one.check not in ticked)
    code = shown.facts.alma.institution if shown.facts.alma else ""
    typed = str(form.get("code", "")).strip()
    wrong_code = shown.production and typed.casefold() != code.casefold()
    limit = number(str(form.get("limit", "")).strip()) if form.get("some") == "yes" else 0
    if wrong_code or (missing and not shown.applied):
        return await _approval(request, missing=missing, wrong_code=wrong_code, limit=limit)
    if space.is_busy(folder):
        return refusal(
            request, 409, "This load is running already",
            f"{holder(folder)} is working on it. Nothing was started.",
            run_address(request, "/live"),
        )  # fmt: skip
    task = start_task(
        request,
        "apply", f"runs/{folder.name}",
        *(word for one in sorted(ticked) for word in ("--allow", one)),
        *(("--limit", str(limit)) if limit else ()),
        "--yes", "--json",
        title="Writing to Alma",
        then=run_address(request),
    )  # fmt: skip
    return see(run_address(request, f"/live?task={task.id}"))


async def pause(request: web.Request) -> web.StreamResponse:
    """Ask the load to stop after the rows under way."""
    folder = run_of(request)
    if workspace_of(request).is_busy(folder):
        (folder / STOP).touch(mode=0o600)
    return see(run_address(request, f"/live?task={request.query.get('task', '')}"))


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a load has come. `by`: who runs it, and since when. `exit`: of its task, if known."""

    running: bool
    by: str
    done: int
    of: int
    counts: tuple[tuple[str, int], ...]
    messages: tuple[str, ...]
    exit: int | None
    stopping: bool

    @property
    def sentence(self) -> str:
        """`120 of 995 rows: 118 created, 2 refused by Alma`."""
        counts = ", ".join(f"{count:,} {words}" for words, count in self.counts)
        return f"{self.done:,} of {self.of:,} rows{': ' if counts else ''}{counts}"

    @property
    def note(self) -> str:
        """The last message of the command while it runs."""
        return self.messages[-1] if self.running and self.messages else ""


def _progress(space: Workspace, folder: Path, task_id: str) -> Progress:
    """Look at a load. `task_id`: the command that was started for it here, if any."""
    task = space.tasks.find(task_id) if task_id else None
    ended = space.tasks.exit(task) if task else None
    running = (task is not None and ended is None) or space.is_busy(folder)
    with Ledger.open(folder) as ledger:
        results = ledger.results() if ledger.was_applied else {}
        states = ledger.progress()
    of = sum(states.values())
    hidden = {Result.NOT_SENT} | ({Result.UNKNOWN} if running else set())  # these are under way
    return Progress(
        running,
        holder(folder) if running else "",
        of - sum(states.get(one, 0) for one in OPEN),
        of,
        tuple(
            (words, results[end])
            for end, words in ENDS.items()
            if isinstance(end, Result) and end not in hidden and results.get(end)
        ),
        space.tasks.messages(task) if task else (),
        ended,
        (folder / STOP).exists(),
    )


async def _look(request: web.Request) -> Progress:
    return await in_thread(
        _progress,
        workspace_of(request),
        run_of(request),
        request.query.get("task", ""),
    )


async def live(request: web.Request) -> web.StreamResponse:
    """Show the progress of a load; when it has ended, lead to its result."""
    found = await _look(request)
    if not found.running and (found.exit in _ENDED or found.done == found.of):
        return see(run_address(request))
    task = request.query.get("task", "")
    return page(request, "live.html.j2", run=run_of(request).name, task=task, progress=found)


async def events(request: web.Request) -> web.StreamResponse:
    """Send the progress of a load as events, until it has ended."""
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    closing, running = request.app[CLOSING], True
    while running and not closing.is_set():
        found = await _look(request)
        running = found.running
        event = {
            "done": found.done,
            "of": found.of,
            "sentence": found.sentence,
            "note": found.note,
            "running": running,
        }
        try:
            await response.write(f"data: {json.dumps(event)}\n\n".encode())
        except ConnectionError:  # the window was closed
            break
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(closing.wait(), POLL)
    return response
