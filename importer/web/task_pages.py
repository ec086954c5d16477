"""The page of a command that runs or did not work: shown, cancelled, or started again."""

from __future__ import annotations

from aiohttp import web

from importer.errors import FINE, Exit
from importer.report.wording import duration
from importer.web.site import Visit, found, see
from importer.web.tasks import KILLED, Task

_DECIDED = frozenset({"apply", "job"})
"""Commands that approvers alone start, each by its own form: their words name who decided."""


def task(visit: Visit) -> web.Response:
    """Show a command that runs; when it has ended well, lead to the page it was started for."""
    tasks = visit.space.tasks
    shown = found(tasks.find(visit.request.match_info["task"]))
    code, outcome = tasks.exit(shown), tasks.outcome(shown)
    if code in FINE or (code is not None and "findings" in tasks.result(shown)):  # of the doctor
        return see(visit.base + shown.page)
    error, advice = "", outcome.advice if outcome and code is not None else ()
    if outcome and code is not None:
        error = outcome.error + outcome.cells
    if code == KILLED:
        error = "The command was stopped from outside before it had finished."
        error += "" if shown.words[0] in _DECIDED else " Nothing was sent to Alma."
    messages, waited = tasks.messages(shown), int((visit.now - shown.started).total_seconds())
    controls = [visit.control(choice.do) for choice in advice]
    leads = [bool(link and link.address.startswith(f"{visit.base}/settings")) for link in controls]
    return visit.page(
        "task.html.j2", task=shown, code=code, error=error, messages=messages,
        advice=[to_do for to_do, led in zip(advice, leads, strict=True) if to_do.when or not led],
        progress=tasks.progress(shown),
        so_far=duration(waited) if waited >= 5 else "",
        repeats=shown.words[0] not in _DECIDED,
        no_access=code == Exit.ACCESS,
        settings=any(leads),
    )  # fmt: skip


def cancel(visit: Visit) -> web.Response:
    """Stop a command, and go back to where it was started; a load is paused in its place."""
    tasks = visit.space.tasks
    task = found(tasks.find(visit.request.match_info["task"]))
    if task.words[0] != "apply":
        tasks.cancel(task)
    return see(visit.base + task.back)


def again(visit: Visit) -> web.Response:
    """Start a command again that did not work; what a person decides is decided in its place."""
    return start_again(visit, found(visit.space.tasks.find(visit.request.match_info["task"])))


def start_again(visit: Visit, failed: Task) -> web.Response:
    """Start a command again, if it did not work; lead to the page of what a person decides."""
    if visit.space.tasks.exit(failed) in {None, *FINE} or failed.words[0] in _DECIDED:
        return see(visit.base + failed.page)
    words, title, back, run_of = failed.words, failed.title, failed.back, failed.run_of
    return visit.start(*words, title=title, back=back, then=failed.then, run_of=run_of)
