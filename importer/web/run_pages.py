"""The pages of a row and of the files of a run, and of the commands that run beside the page."""

from __future__ import annotations

from pathlib import Path

from aiohttp import web

from importer.errors import FINE, Exit
from importer.ledger.ledger import Ledger
from importer.model.decisions import DECISIONS, choices
from importer.report.files import present
from importer.report.terminal import row_history
from importer.report.view import Names
from importer.report.wording import workbooks
from importer.web.advice import on_page
from importer.web.drafts import Draft
from importer.web.review import draft_of
from importer.web.site import Visit, found, number, see
from importer.web.tasks import RUN, Task

_DECIDED = frozenset({"apply", "job"})
"""Commands that approvers alone start, each by its own form: their words name who decided."""


def row(visit: Visit) -> web.Response:
    """Show the history of a row, and the form that resolves it."""
    wanted = number(visit.request.match_info["row"])
    with Ledger.open(visit.run) as ledger:
        return visit.step_page(
            "row.html.j2", "Review", draft_of(visit.space, ledger.facts), visit.run.name,
            worded=visit.worded,
            row=found(row_history(ledger, wanted, show_values=True)),
            name=Names(ledger, show_values=True).of(ledger.row(wanted)),
            asks=bool(choices(ledger.problems(wanted))),
            answers={one.value: words for one, words in DECISIONS.items()},
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
    draft = visit.space.draft_of_rejects(visit.run.name, workbook, visit.now, visit.operator)
    if not draft.facts.mapping:
        _, mapping = facts.rosters[position]
        draft.choose(Path(mapping.path).name)
    return see(f"{visit.base}/drafts/{draft.name}/grid")


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
    error = f"{result.get('error', '')}{result.get('cells', '')}" if code is not None else ""
    if code == -1:
        error = "The command was stopped from outside before it had finished. Nothing was written."
    messages = tasks.messages(shown)
    return visit.page(
        "task.html.j2", task=shown, code=code, error=error, messages=messages,
        repeats=shown.words[0] not in _DECIDED,
        draft=_draft(visit, shown), no_access=code == Exit.ACCESS,
        settings="Settings" in on_page("\n".join((error, *messages))),
    )  # fmt: skip


def cancel(visit: Visit) -> web.Response:
    """Stop a command, and go back to where it was started; a load is paused in its place."""
    tasks = visit.space.tasks
    task = found(tasks.find(visit.request.match_info["task"]))
    if task.words[0] != "apply":
        tasks.cancel(task)
    return see(task.back)


def _draft(visit: Visit, task: Task) -> Draft | None:
    """Return the draft that a task plans, None if it does something else."""
    roster = task.subject[-1]
    drafts = visit.space.drafts() if task.words[0] == "plan" else ()
    return next((one for one in drafts if visit.space.typed_roster(one) == roster), None)


def again(visit: Visit) -> web.Response:
    """Start a command again that did not work; what a person decides is decided in its place."""
    tasks = visit.space.tasks
    failed = found(tasks.find(visit.request.match_info["task"]))
    if tasks.exit(failed) in {None, *FINE} or failed.words[0] in _DECIDED:
        return see(failed.page)
    return visit.start(
        *failed.words, title=failed.title, then=failed.then, back=failed.back, run_of=failed.run_of
    )
