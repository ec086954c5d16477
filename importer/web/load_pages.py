"""The page of a load that runs: watch it, pause it."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from importer.errors import FINE
from importer.ledger.ledger import Ledger
from importer.model.files import write_atomically
from importer.model.plan import Result
from importer.pipeline.apply import OPEN, STOP
from importer.report.wording import ENDS
from importer.web.review import draft_of
from importer.web.review_pages import held_by
from importer.web.site import Visit, see

CLOSING = web.AppKey("closing", asyncio.Event)
"""Set when the server stops, so that open streams end."""

POLL = 0.5
"""Seconds between two looks at the ledger of a run that is applied."""


def pause(visit: Visit) -> web.Response:
    """Ask the load to stop after the rows under way."""
    if worker := visit.space.worker(visit.run):
        write_atomically(visit.run / STOP, worker.encode())
    return see(f"{visit.run_address}/live?task={visit.request.query.get('task', '')}")


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a load has come.

    If known, `by`: who runs it, and since when; `exit`: of its task.
    """

    running: bool
    by: str
    done: int
    of: int
    counts: tuple[str, ...]
    messages: tuple[str, ...]
    exit: int | None
    stopping: bool

    @property
    def sentence(self) -> str:
        """`120 of 995 rows: 118 created, 2 refused by Alma`."""
        counts = f": {', '.join(self.counts)}" if self.counts else ""
        return f"{self.done:,} of {self.of:,} rows{counts}"

    @property
    def note(self) -> str:
        """The last message of the command while it runs."""
        return self.messages[-1] if self.running and self.messages else ""


def _progress(visit: Visit) -> Progress:
    """Look at a load, and at the command that was started for it here, if the address names it."""
    run, tasks = visit.run, visit.space.tasks
    task = tasks.find(visit.text("task"))
    ended = tasks.exit(task) if task else None
    worker = visit.space.worker(run)
    running = (task is not None and ended is None) or visit.space.is_busy(run)
    with Ledger.open(run) as ledger:
        results = ledger.results() if ledger.was_applied else {}
        states = ledger.progress()
    of = sum(states.values())
    hidden = {Result.NOT_SENT} | ({Result.UNKNOWN} if running else set())  # these are under way
    return Progress(
        running,
        held_by(visit) if running else "",
        of - sum(states.get(one, 0) for one in OPEN),
        of,
        tuple(
            f"{results[end]:,} {words}"
            for end, words in ENDS.items()
            if isinstance(end, Result) and end not in hidden and results.get(end)
        ),
        tasks.messages(task) if task else (),
        ended,
        bool(worker) and _stops(run) == worker,
    )


def _stops(run: Path) -> str:
    """Return the name of the command that was asked to stop, "" if none was."""
    with suppress(OSError):
        return (run / STOP).read_text("utf-8")
    return ""


def live(visit: Visit) -> web.Response:
    """Show the progress of a load; when it has ended, lead to its result."""
    found = _progress(visit)
    if not found.running and (found.exit in FINE or found.done == found.of):
        return see(visit.run_address)
    task = visit.text("task")
    with Ledger.open(visit.run) as ledger:
        draft = draft_of(visit.space, ledger.facts)
    return visit.step_page(
        "live.html.j2", "Load", draft, visit.run.name,
        task=task, progress=found,
    )  # fmt: skip


async def events(request: web.Request) -> web.StreamResponse:
    """Send the progress of a load as events, until it has ended."""
    visit = await Visit.of(request)
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    closing, running = request.app[CLOSING], True
    while running and not closing.is_set():
        found = await asyncio.to_thread(_progress, visit)
        running = found.running
        names = ("done", "of", "sentence", "note", "running")
        event = json.dumps({name: getattr(found, name) for name in names})
        try:
            await response.write(f"data: {event}\n\n".encode())
        except ConnectionError:  # the window was closed
            break
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(closing.wait(), POLL)
    return response
