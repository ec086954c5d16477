"""The pages of a run: the plan, its rows, approval, the load while it runs, and the result."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from importer.errors import ImporterError
from importer.ledger.ledger import Ledger, summarize
from importer.model.decisions import read_decision
from importer.model.text import row_label
from importer.pipeline.runs import SavedRun
from importer.report.files import present
from importer.report.wording import WORKBOOK, headline, kind_of
from importer.web.run_view import row_view, rows_page, view
from importer.web.site import (
    PAGE,
    in_thread,
    number,
    page,
    refusal,
    run_address,
    run_of,
    see,
    site_of,
    start_task,
    workspace_of,
)
from importer.web.workspace import Workspace


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
    return page(request, "runs.html.j2", runs=await in_thread(listed, space))


def listed(space: Workspace, most: int | None = None) -> list[Listed]:
    """Return the last runs, at most N if a number is given."""
    return [_listed(saved) for saved in space.saved_runs()[:most]]


def _listed(saved: SavedRun) -> Listed:
    fault = saved.fault
    if not fault:
        try:
            with Ledger.open(saved.folder) as ledger:
                facts = ledger.facts
                return Listed(
                    saved.folder.name,
                    "applied" if ledger.was_applied else facts.command,
                    f"{facts.started:%Y-%m-%d %H:%M}",
                    facts.operator,
                    Path(facts.roster.path).name,
                    headline(summarize(ledger)),
                )
        except ImporterError as error:
            fault = str(error)
    return Listed(saved.folder.name, "", "", "", "", "", fault)


async def run(request: web.Request) -> web.StreamResponse:
    """Show a run: what would change or what became of it, and what can be done next."""
    folder, space = run_of(request), workspace_of(request)
    if space.is_busy(folder):
        return see(run_address(request, "/live"))
    shown = await in_thread(view, space, folder)
    return page(
        request, "run.html.j2", run=folder.name, view=shown, workbook=_workbook(shown.files)
    )


def _workbook(files: tuple[str, ...]) -> str:
    return next((name for name in files if kind_of(name) == WORKBOOK), "")


async def rows(request: web.Request) -> web.StreamResponse:
    """Show the rows of a run, those of one end or all, a page at a time."""
    folder, end = run_of(request), request.query.get("end", "")
    at = max(1, number(request.query.get("page"), 1))
    lines, total = await in_thread(rows_page, folder, end, (at - 1) * PAGE, PAGE)
    return page(
        request, "rows.html.j2", run=folder.name, lines=lines, end=end, at=at, total=total,
        pages=-(-total // PAGE),
    )  # fmt: skip


async def row(request: web.Request) -> web.StreamResponse:
    """Show the history of a row, and the form that resolves it."""
    folder, users = run_of(request), workspace_of(request).users
    found = await in_thread(row_view, folder, number(request.match_info["row"]), users)
    if found is None:
        raise web.HTTPNotFound
    return page(
        request, "row.html.j2", run=folder.name, life=found.life, choices=found.choices,
        people=found.people,
    )  # fmt: skip


async def resolve(request: web.Request) -> web.StreamResponse:
    """Start `resolve` with the answer."""
    folder, space = run_of(request), workspace_of(request)
    form = await request.post()
    wanted, text = number(request.match_info["row"]), str(form.get("decision", ""))
    shown = await in_thread(row_view, folder, wanted, space.users)
    decision = read_decision(text) if shown and text in shown.choices else None
    if decision is None:
        return refusal(
            request, 422, "This row has no such decision",
            "Choose one of the decisions that the row's page lists. Nothing was changed.",
            run_address(request, f"/rows/{wanted}"),
        )  # fmt: skip
    answer, user = decision
    known = [user] if user else []
    task = start_task(
        request,
        "resolve", f"runs/{folder.name}", row_label(wanted), *known, "--as", answer, "--json",
        title=f"Resolving row {row_label(wanted)}",
        then=run_address(request, f"/rows/{wanted}"),
    )  # fmt: skip
    return see(f"/{space.place}/tasks/{task.id}")


async def undo(request: web.Request) -> web.StreamResponse:
    """Start `undo`, which plans how to undo the run."""
    folder, space = run_of(request), workspace_of(request)
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
    """Begin, or continue, a draft with the rejects of a run and its mapping."""
    space = workspace_of(request)
    shown = await in_thread(view, space, run_of(request))
    workbook = _workbook(shown.files)
    if not workbook:
        raise web.HTTPNotFound
    draft = space.draft_of_rejects(shown.name, workbook, site_of(request).now())
    if not draft.facts.mapping:
        draft.choose(Path(shown.facts.mapping.path).name)
    return see(f"/{space.place}/drafts/{draft.name}/problems")


async def download(request: web.Request) -> web.StreamResponse:
    """Send a report of a run as a file to save."""
    folder, name = run_of(request), request.match_info["name"]
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
    code = space.tasks.exit(found)
    result = space.tasks.result(found)
    if code in {0, 3, 6} or (code is not None and "findings" in result):  # of the doctor
        return see(found.then)
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
