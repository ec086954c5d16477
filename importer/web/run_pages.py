"""The pages of a run, its rows and its files, and of the commands that run beside the page."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from importer.errors import FINE, Exit, ImporterError
from importer.ledger.ledger import Ledger, summarize
from importer.model.decisions import choices, read_decision
from importer.model.text import row_label
from importer.pipeline.runs import SavedRun
from importer.report.files import present
from importer.report.terminal import row_history
from importer.report.wording import headline, workbooks
from importer.web.advice import on_page
from importer.web.drafts import Draft
from importer.web.run_view import people, rows_page, view
from importer.web.site import PAGE, Visit, found, number, see
from importer.web.tasks import RUN, Task
from importer.web.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Listed:
    """A run in the list. `fault`: why it cannot be read."""

    name: str
    kind: str = ""
    when: str = ""
    operator: str = ""
    roster: str = ""
    sentence: str = ""
    fault: str = ""


def runs(visit: Visit) -> web.Response:
    """List the runs, newest first."""
    return visit.page("runs.html.j2", runs=listed(visit.space))


def listed(space: Workspace, most: int | None = None) -> list[Listed]:
    """Return the last runs, at most N if a number is given."""
    return [_listed(saved) for saved in space.saved_runs()[:most]]


def _listed(saved: SavedRun) -> Listed:
    name = saved.folder.name
    if saved.fault:
        return Listed(name, fault=saved.fault)
    try:
        with Ledger.open(saved.folder) as ledger:
            facts = ledger.facts
            return Listed(
                name,
                "applied" if ledger.was_applied else facts.command,
                f"{facts.started:%Y-%m-%d %H:%M}",
                facts.operator,
                Path(facts.roster.path).name,
                headline(summarize(ledger)),
            )
    except ImporterError as error:
        return Listed(name, fault=str(error))


def run(visit: Visit) -> web.Response:
    """Show a run: what would change or what became of it, and what can be done next."""
    if visit.space.is_busy(visit.run):
        return see(f"{visit.run_address}/live")
    shown = view(visit.space, visit.run)
    return visit.page(
        "run.html.j2", run=visit.run.name, view=shown, draft=shown.draft,
        workbooks=workbooks(shown.files, shown.facts),
    )  # fmt: skip


def rows(visit: Visit) -> web.Response:
    """Show the rows of a run, those of one end or all, a page at a time."""
    end, at = visit.text("end"), visit.page_number
    lines, total = rows_page(visit.run, end, (at - 1) * PAGE, PAGE)
    return visit.page(
        "rows.html.j2", run=visit.run.name, lines=lines, end=end, at=at, total=total,
        pages=-(-total // PAGE),
    )  # fmt: skip


def row(visit: Visit) -> web.Response:
    """Show the history of a row, and the form that resolves it."""
    wanted = number(visit.request.match_info["row"])
    with Ledger.open(visit.run) as ledger:
        return visit.page(
            "row.html.j2", run=visit.run.name,
            row=found(row_history(ledger, wanted, show_values=True)),
            choices=choices(ledger.problems(wanted)),
            people=tuple(people(ledger, wanted, visit.space.users)),
        )  # fmt: skip


def resolve(visit: Visit) -> web.Response:
    """Start `resolve` with the answer."""
    wanted, text = number(visit.request.match_info["row"]), visit.text("decision")
    with Ledger.open(visit.run) as ledger:
        allowed = choices(ledger.problems(wanted))
    decision = read_decision(text) if text in allowed else None
    address = f"{visit.run_address}/rows/{wanted}"
    if decision is None:
        return visit.refusal(
            422, "This row has no such decision",
            "Choose one of the decisions that the row's page lists. Nothing was changed.", address,
        )  # fmt: skip
    answer, user = decision
    return visit.start(
        "resolve", f"runs/{visit.run.name}", row_label(wanted), *([user] if user else []),
        "--as", answer, "--json",
        title=f"Resolving row {row_label(wanted)}",
        then=address,
        back=address,
    )  # fmt: skip


def undo(visit: Visit) -> web.Response:
    """Start `undo`, which plans how to undo the run."""
    delete = ["--delete-created"] if visit.text("delete") == "yes" else []
    return visit.start(
        "undo", f"runs/{visit.run.name}", *delete, "--json",
        title="Planning how to undo this load",
        then=f"{visit.base}/runs/{RUN}",
        back=visit.run_address,
        run_of=f"undo-{visit.run.name}",
    )  # fmt: skip


def correct(visit: Visit) -> web.Response:
    """Begin, or continue, a draft with the newest rejects of a roster of a run, and its mapping."""
    position = visit.number("roster")
    with Ledger.open(visit.run) as ledger:
        facts = ledger.facts
    workbook = found(workbooks((one.name for one in present(visit.run)), facts).get(position))
    draft = visit.space.draft_of_rejects(visit.run.name, workbook, visit.now)
    if not draft.facts.mapping:
        _, mapping = facts.rosters[position]
        draft.choose(Path(mapping.path).name)
    return see(f"{visit.base}/drafts/{draft.name}/problems")


def download(visit: Visit) -> web.StreamResponse:
    """Send a report of a run as a file to save."""
    name = visit.request.match_info["name"]
    if name not in {path.name for path in present(visit.run)}:
        raise web.HTTPNotFound
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return web.FileResponse(visit.run / name, headers=headers)


def task(visit: Visit) -> web.Response:
    """Show a command that runs; when it has ended well, lead to the page it was started for."""
    tasks = visit.space.tasks
    shown = found(tasks.find(visit.request.match_info["task"]))
    code, result = tasks.exit(shown), tasks.result(shown)
    if code in FINE or (code is not None and "findings" in result):  # of the doctor
        return see(shown.page)
    error = str(result.get("error", "")) if code is not None else ""
    if code == -1:
        error = "The command was stopped from outside before it had finished. Nothing was written."
    messages = tasks.messages(shown)
    return visit.page(
        "task.html.j2", task=shown, code=code, error=error, messages=messages,
        draft=_draft(visit, shown), no_access=code == Exit.ACCESS,
        settings="Settings" in on_page("\n".join((error, *messages))),
    )  # fmt: skip


def _draft(visit: Visit, task: Task) -> Draft | None:
    """Return the draft that a task plans, None if it does something else."""
    roster = task.subject[-1]
    drafts = visit.space.drafts() if task.words[0] == "plan" else ()
    return next((one for one in drafts if visit.space.typed(one.roster) == roster), None)


def again(visit: Visit) -> web.Response:
    """Start a command again that did not work; a load is approved again in its place."""
    tasks = visit.space.tasks
    failed = found(tasks.find(visit.request.match_info["task"]))
    if tasks.exit(failed) in {None, *FINE} or failed.words[0] == "apply":
        return see(failed.page)
    return visit.start(
        *failed.words, title=failed.title, then=failed.then, back=failed.back, run_of=failed.run_of
    )
