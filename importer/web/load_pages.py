"""The pages of a load: approve the plan, watch it, pause it."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from importer.errors import FINE
from importer.ledger.ledger import Ledger
from importer.ledger.run_lock import HOLDER, LOCK, holder
from importer.model.files import write_atomically
from importer.model.plan import Result
from importer.pipeline.apply import OPEN, STOP
from importer.report.wording import ENDS
from importer.web.run_view import draft_of, view
from importer.web.site import Visit, see
from importer.web.tasks import is_locked

CLOSING = web.AppKey("closing", asyncio.Event)
"""Set when the server stops, so that open streams end."""

ALL, FEW = "no", 10
"""In the form of approval: all rows are to be written; how many the form proposes otherwise."""

POLL = 0.5
"""Seconds between two looks at the ledger of a run that is applied."""


@dataclass(frozen=True, slots=True)
class Wrong:
    """What is wrong in a form of approval.

    `unticked`: the failed safety checks that were not ticked. `limit`: not all rows were chosen,
    and no number of rows was typed.
    """

    unticked: tuple[str, ...]
    code: bool
    limit: bool

    def __bool__(self) -> bool:
        """Whether anything is."""
        return bool(self.unticked) or self.code or self.limit


def approve(visit: Visit) -> web.Response:
    """Show what would be written, and the form that starts the load."""
    return _approval(visit)


def _approval(visit: Visit, wrong: Wrong | None = None) -> web.Response:
    """Return the page with the form and, if it was filled in wrongly, what is wrong."""
    shown = view(visit.space, visit.run)
    return visit.page(
        "approve.html.j2", status=422 if wrong else 200, run=visit.run.name,
        view=shown, draft=shown.draft, wrong=wrong,
        every=not wrong or visit.text("some") == ALL, limit=visit.text("limit") if wrong else FEW,
    )  # fmt: skip


def start_apply(visit: Visit) -> web.Response:
    """Start `apply` of the plan that the form showed, if it was filled in rightly."""
    run, address = visit.run, visit.run_address
    shown = view(visit.space, run)
    if shown.stale:
        return visit.refusal(409, "This plan is out of date", shown.stale, address)
    if visit.text("plan") != shown.seal:
        sentence = "A row was resolved meanwhile. Look at the plan again. Nothing was sent."
        return visit.refusal(409, "The plan was changed", sentence, address)
    ticked, failed = set(visit.texts("allow")), shown.facts.failed_checks
    limit = None if visit.text("some") == ALL else visit.number("limit")
    code = shown.facts.alma.institution if shown.facts.alma else ""
    wrong = Wrong(
        () if shown.applied else tuple(one.check for one in failed if one.check not in ticked),
        shown.production and visit.text("code").strip().casefold() != code.casefold(),
        limit == 0,
    )
    if wrong:
        return _approval(visit, wrong)
    if visit.space.is_busy(run):
        by = _holder(run)
        sentence = f"{by} is working on it. Nothing was started." if by else "It was just started."
        return visit.refusal(409, "This load is running already", sentence, f"{address}/live")
    return visit.start(
        "apply", f"runs/{run.name}",
        *(word for one in sorted(ticked) for word in ("--allow", one)),
        *(("--limit", str(limit)) if limit else ()),
        "--yes", "--json",
        title="Writing to Alma",
        then=address,
        back=address,
        shown_by=f"{address}/live",
    )  # fmt: skip


def _holder(run: Path) -> str:
    """Return who works on a run, and since when; "" while the command for it only starts."""
    return holder(run) if is_locked(run / LOCK) and (run / HOLDER).exists() else ""


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
        _holder(run) if running else "",
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
    return visit.page("live.html.j2", run=visit.run.name, task=task, progress=found, draft=draft)


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
