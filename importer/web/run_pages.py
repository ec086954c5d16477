"""The pages of a run: the plan, its rows, approval, the load while it runs, and the result."""

from __future__ import annotations

import asyncio
import json
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from importer.errors import Exit, ImporterError
from importer.ledger.ledger import Ledger, summarize
from importer.ledger.schema import State
from importer.model.decisions import read_decision
from importer.model.plan import Result
from importer.model.text import row_label
from importer.pipeline.apply import STOP
from importer.report.files import present
from importer.report.wording import ENDS, WORKBOOK, headline, kind_of
from importer.web.run_view import row_view, rows_page, view
from importer.web.site import (
    PAGE,
    in_thread,
    number,
    page,
    refusal,
    see,
    site_of,
    start_task,
    workspace_of,
)
from importer.web.workspace import Workspace

_ENDED = {Exit.DONE, Exit.REJECTS, Exit.REFUSED}

POLL = 0.5
"""Seconds between two looks at the ledger of a run that is applied."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A run in the list."""

    name: str
    kind: str
    when: str
    operator: str
    roster: str
    sentence: str
    fault: str = ""


async def runs(request: web.Request) -> web.StreamResponse:
    """List the runs, newest first."""
    space = workspace_of(request)
    return page(request, "runs.html.j2", runs=await in_thread(_listed, space))


def _listed(space: Workspace) -> list[Listed]:
    listed = []
    for saved in space.saved_runs():
        fault = saved.fault
        if not fault:
            try:
                with Ledger.open(saved.folder) as ledger:
                    facts = ledger.facts
                    listed.append(
                        Listed(
                            saved.folder.name,
                            "applied" if ledger.was_applied else facts.command,
                            f"{facts.started:%Y-%m-%d %H:%M}",
                            facts.operator,
                            Path(facts.roster.path).name,
                            headline(summarize(ledger)),
                        )
                    )
                continue
            except ImporterError as error:
                fault = str(error)
        listed.append(Listed(saved.folder.name, "", "", "", "", "", fault))
    return listed


def _folder(request: web.Request) -> Path:
    folder = workspace_of(request).run(request.match_info["run"])
    if folder is None:
        raise web.HTTPNotFound
    return folder


def _here(request: web.Request, part: str = "") -> str:
    return f"/{request.match_info['place']}/runs/{request.match_info['run']}{part}"


async def run(request: web.Request) -> web.StreamResponse:
    """Show a run: what would change or what became of it, and what can be done next."""
    folder, space = _folder(request), workspace_of(request)
    if space.is_busy(folder):
        return see(_here(request, "/live"))
    shown = await in_thread(view, folder)
    return page(
        request, "run.html.j2", run=folder.name, view=shown, workbook=_workbook(shown.files)
    )


def _workbook(files: tuple[str, ...]) -> str:
    return next((name for name in files if kind_of(name) == WORKBOOK), "")


async def rows(request: web.Request) -> web.StreamResponse:
    """Show the rows of a run, those of one end or all, a page at a time."""
    folder, end = _folder(request), request.query.get("end", "")
    at = max(1, number(request.query.get("page"), 1))
    lines, total = await in_thread(rows_page, folder, end, (at - 1) * PAGE, PAGE)
    return page(
        request, "rows.html.j2", run=folder.name, lines=lines, end=end, at=at, total=total,
        pages=-(-total // PAGE),
    )  # fmt: skip


async def row(request: web.Request) -> web.StreamResponse:
    """Show the history of a row, and the form that resolves it."""
    folder = _folder(request)
    found = await in_thread(row_view, folder, number(request.match_info["row"]))
    if found is None:
        raise web.HTTPNotFound
    return page(request, "row.html.j2", run=folder.name, life=found.life, choices=found.choices)


async def resolve(request: web.Request) -> web.StreamResponse:
    """Start `resolve` with the answer."""
    folder, space = _folder(request), workspace_of(request)
    form = await request.post()
    wanted, text = number(request.match_info["row"]), str(form.get("decision", ""))
    shown = await in_thread(row_view, folder, wanted)
    decision = read_decision(text) if shown and text in shown.choices else None
    if decision is None:
        return refusal(
            request, 422, "This row has no such decision",
            "Choose one of the decisions that the row's page lists. Nothing was changed.",
            _here(request, f"/rows/{wanted}"),
        )  # fmt: skip
    answer, user = decision
    known = [user] if user else []
    task = start_task(
        request,
        "resolve", f"runs/{folder.name}", row_label(wanted), *known, "--as", answer, "--json",
        title=f"Resolving row {row_label(wanted)}",
        then=_here(request, f"/rows/{wanted}"),
    )  # fmt: skip
    return see(f"/{space.place}/tasks/{task.id}")


async def approve(request: web.Request) -> web.StreamResponse:
    """Show what would be written, and the form that starts the load."""
    folder = _folder(request)
    shown = await in_thread(view, folder)
    return page(
        request,
        "approve.html.j2",
        run=folder.name,
        view=shown,
        missing=(),
        wrong_code=False,
        limit="",
    )


async def start_apply(request: web.Request) -> web.StreamResponse:
    """Start `apply`, if every failed safety check was ticked and the institution's code typed."""
    folder, space = _folder(request), workspace_of(request)
    form = await request.post()
    shown = await in_thread(view, folder)
    ticked = {str(one) for one in form.getall("allow", [])}
    missing = tuple(one.check for one in shown.facts.failed_checks if one.check not in ticked)
    alma, typed = shown.facts.alma, str(form.get("code", "")).strip()
    code = alma.institution if alma else ""
    wrong = shown.production and typed.casefold() != code.casefold()
    limit = number(str(form.get("limit", "")).strip()) if form.get("some") == "yes" else 0
    if not shown.applied and (missing or wrong):
        return page(
            request, "approve.html.j2", status=422, run=folder.name, view=shown, missing=missing,
            wrong_code=wrong, limit=str(limit or ""),
        )  # fmt: skip
    if space.is_busy(folder):
        return refusal(
            request,
            409,
            "This load is running already",
            "Another window or operator started it.",
            _here(request, "/live"),
        )
    allow = [word for one in sorted(ticked) for word in ("--allow", one)]
    limited = ["--limit", str(limit)] if limit else []
    (folder / STOP).unlink(missing_ok=True)
    task = start_task(
        request,
        "apply", f"runs/{folder.name}", *allow, *limited, "--yes", "--json",
        title="Writing to Alma",
        then=_here(request),
    )  # fmt: skip
    return see(_here(request, f"/live?task={task.id}"))


async def pause(request: web.Request) -> web.StreamResponse:
    """Ask the load to stop after the rows under way."""
    folder = _folder(request)
    if workspace_of(request).is_busy(folder):
        (folder / STOP).touch(mode=0o600)
    return see(_here(request, f"/live?task={request.query.get('task', '')}"))


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a load has come."""

    running: bool
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


def _progress(space: Workspace, folder: Path, task_id: str, now) -> Progress:  # type: ignore[no-untyped-def]
    task = space.tasks.find(task_id) if task_id else None
    ended = space.tasks.exit(task, now) if task else None
    running = space.is_busy(folder) or (task is not None and ended is None)
    with Ledger.open(folder) as ledger:
        results = ledger.results() if ledger.was_applied else {}
        states = ledger.progress()
    of = sum(states.values())
    open_ = sum(states.get(one, 0) for one in (State.PLANNED, State.INTENT, State.UNKNOWN))
    counts = tuple(
        (words, results[end])
        for end, words in ENDS.items()
        if isinstance(end, Result) and end is not Result.NOT_SENT and results.get(end)
    )
    return Progress(
        running,
        of - open_,
        of,
        counts,
        space.tasks.messages(task) if task else (),
        ended,
        (folder / STOP).exists(),
    )


async def live(request: web.Request) -> web.StreamResponse:
    """Show the progress of a load; when it has ended, lead to its result."""
    folder, space = _folder(request), workspace_of(request)
    task = request.query.get("task", "")
    found = await in_thread(_progress, space, folder, task, site_of(request).now())
    if not found.running and (found.exit in _ENDED or found.done == found.of):
        return see(_here(request))
    return page(request, "live.html.j2", run=folder.name, task=task, progress=found)


async def events(request: web.Request) -> web.StreamResponse:
    """Send the progress of a load as events, until it has ended."""
    folder, space = _folder(request), workspace_of(request)
    task = request.query.get("task", "")
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    closing = request.app[CLOSING]
    while not closing.is_set():
        found = await in_thread(_progress, space, folder, task, site_of(request).now())
        event = {
            "done": found.done,
            "of": found.of,
            "sentence": found.sentence,
            "note": found.messages[-1] if found.messages else "",
            "running": found.running,
        }
        with suppress(ConnectionError):
            await response.write(f"data: {json.dumps(event)}\n\n".encode())
        if not found.running or request.transport is None or request.transport.is_closing():
            break
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(closing.wait(), POLL)
    return response


CLOSING = web.AppKey("closing", asyncio.Event)


async def undo(request: web.Request) -> web.StreamResponse:
    """Start `undo`, which plans how to undo the run."""
    folder, space = _folder(request), workspace_of(request)
    form = await request.post()
    now = site_of(request).now()
    undoing = space.new_run(f"undo-{folder.name}", now)
    delete = ["--delete-created"] if form.get("delete") == "yes" else []
    task = start_task(
        request,
        "undo", f"runs/{folder.name}", *delete, "-o", str(undoing), "--json",
        title="Planning how to undo this load",
        then=f"/{space.place}/runs/{undoing.name}",
    )  # fmt: skip
    return see(f"/{space.place}/tasks/{task.id}")


async def correct(request: web.Request) -> web.StreamResponse:
    """Begin a draft with the rejects of a run and its mapping."""
    folder, space = _folder(request), workspace_of(request)
    shown = await in_thread(view, folder)
    workbook = _workbook(shown.files)
    if not workbook:
        raise web.HTTPNotFound
    draft = space.new_draft(workbook, site_of(request).now())
    await in_thread(shutil.copyfile, folder / workbook, draft.roster)
    draft.choose(Path(shown.facts.mapping.path).name)
    return see(f"/{space.place}/drafts/{draft.name}/problems")


async def download(request: web.Request) -> web.StreamResponse:
    """Send a report of a run as a file to save."""
    folder, name = _folder(request), request.match_info["name"]
    if name not in {path.name for path in present(folder)}:
        raise web.HTTPNotFound
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return web.FileResponse(folder / name, headers=headers)


async def task(request: web.Request) -> web.StreamResponse:
    """Show a command that runs; when it has ended well, lead to the page it was started for."""
    space = workspace_of(request)
    found = space.tasks.find(request.match_info["task"])
    if found is None:
        raise web.HTTPNotFound
    code = space.tasks.exit(found, site_of(request).now())
    if code in {0, 3, 6}:
        return see(found.then)
    result = space.tasks.result(found)
    error = str(result.get("error", "")) if code is not None else ""
    if code == -1:
        error = "The command was stopped from outside before it had finished. Nothing was written."
    return page(
        request,
        "task.html.j2",
        task=found,
        code=code,
        error=error,
        messages=space.tasks.messages(found),
    )
