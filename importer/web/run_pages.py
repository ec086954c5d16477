"""The pages of a load that runs, of a row, of a run's files, and of commands beside the page."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

from aiohttp import web

from importer.errors import FINE, Exit
from importer.ledger.journal import INTENT, UNSENT, JournalEntry, made_by_people, newest
from importer.ledger.ledger import DECIDED, OPEN, Ledger
from importer.model.files import write_atomically
from importer.model.plan import DECISIONS, Result, choices
from importer.model.text import counted, row_label
from importer.pipeline.apply import STOP
from importer.report.files import present
from importer.report.terminal import row_history
from importer.report.view import Names, differences
from importer.report.wording import ENDS, duration, what, workbooks
from importer.web.advice import on_page
from importer.web.loads import name_of
from importer.web.review_pages import Asks, draft_of, held_by
from importer.web.site import Visit, found, number, render, see

_DECIDED = frozenset({"apply", "job"})
"""Commands that approvers alone start, each by its own form: their words name who decided."""


def row(visit: Visit) -> web.Response:
    """Show the history of a row, and the form that resolves it."""
    wanted = number(visit.request.match_info["row"])
    with Ledger.open(visit.run) as ledger:
        return visit.step_page(
            "row.html.j2", "Review", draft_of(visit.space, ledger.facts), visit.run.name,
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
        back=visit.run_address,
        run_of=f"undo-{visit.run.name}",
    )  # fmt: skip


def correct(visit: Visit) -> web.Response:
    """Begin, or continue, a draft with the newest rejects of a roster of a run, and its mapping."""
    position = visit.number("roster")
    with Ledger.open(visit.run) as ledger:
        facts = ledger.facts
    workbook = found(workbooks((one.name for one in present(visit.run)), facts).get(position))
    first = draft_of(visit.space, facts)
    load = f"{first.title if first else name_of(facts)}, rejects"
    draft = visit.space.draft_of_rejects(visit.run.name, workbook, load, visit.now, visit.operator)
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
        no_access=code == Exit.ACCESS,
        settings="Settings" in on_page("\n".join((error, *messages))),
    )  # fmt: skip


def cancel(visit: Visit) -> web.Response:
    """Stop a command, and go back to where it was started; a load is paused in its place."""
    tasks = visit.space.tasks
    task = found(tasks.find(visit.request.match_info["task"]))
    if task.words[0] != "apply":
        tasks.cancel(task)
    return see(task.back)


def again(visit: Visit) -> web.Response:
    """Start a command again that did not work; what a person decides is decided in its place."""
    tasks = visit.space.tasks
    failed = found(tasks.find(visit.request.match_info["task"]))
    if tasks.exit(failed) in {None, *FINE} or failed.words[0] in _DECIDED:
        return see(failed.page)
    words, title, back, run_of = failed.words, failed.title, failed.back, failed.run_of
    return visit.start(*words, title=title, back=back, then=failed.then, run_of=run_of)


CLOSING = web.AppKey("closing", asyncio.Event)
"""Set when the server stops, so that open streams end."""

POLL = 0.5
"""Seconds between two looks at the ledger of a run that is applied."""

_SEEN, _LINES, _FIELDS = 400, 8, 3
"""Entries from which the rate is taken, lines of what happens, and changed fields in a line."""


def pause(visit: Visit) -> web.Response:
    """Ask the load to stop after the rows under way."""
    if worker := visit.space.worker(visit.run):
        write_atomically(visit.run / STOP, worker.encode())
    return see(f"{visit.run_address}/live?task={visit.request.query.get('task', '')}")


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a load has come.

    `state`: `running`, `stopping`, `paused`, `stopped` or, where a command only answers rows or
    the like, `working`. `by`: who runs it, and since when, if known. `rate`: rows a second, 0 if
    not known yet; `first`: how many rows were approved, 0 for all. `lines`: what happened: when,
    the name of an icon, its color, and a sentence. `exit`: of its task, if that has ended. `asks`:
    what is asked to continue it, None while it is running.
    """

    state: str
    heading: str
    by: str
    done: int
    of: int
    rate: float
    first: int
    counts: tuple[tuple[Result, str, int], ...]
    lines: tuple[tuple[str, str, str, str], ...]
    refused: tuple[tuple[int, str, str], ...]
    messages: tuple[str, ...]
    exit: int | None
    asks: Asks | None

    @property
    def running(self) -> bool:
        """Whether a command works on it."""
        return self.asks is None

    @property
    def percent(self) -> int:
        """How much is done; 100 only when all is."""
        return 100 * self.done // self.of if self.of else 100

    @property
    def figures(self) -> list[tuple[str, str]]:
        """The figures beside the bar, each with its name."""
        found = [("Rows done", f"{self.done:,} of {self.of:,}")]
        if self.state == "running" and self.rate:
            found.append(("Rate", f"{self.rate:.1f} a second"))
            if not self.first:
                found.append(("Time left", duration(round((self.of - self.done) / self.rate))))
        return found

    @property
    def sentence(self) -> str:
        """`30% done, 120 of 400 rows, 34 seconds left.`, for a screen reader."""
        left = dict(self.figures).get("Time left")
        told = f"{self.heading}: {self.percent}% done, {self.done:,} of {self.of:,} rows"
        return f"{told}, {left} left." if left else f"{told}."


def _progress(visit: Visit) -> Progress:
    """Look at a load, and at the command that was started for it here, if the address names it."""
    run, tasks, words = visit.run, visit.space.tasks, ("apply", f"runs/{visit.run.name}")
    task = tasks.find(visit.text("task")) or tasks.doing(words) or tasks.last(*words)
    with Ledger.open(run) as ledger:
        results = ledger.results() if ledger.was_applied else {}
        states, facts = ledger.progress(), ledger.facts
        entries = list(newest(ledger, _SEEN))
        sitting = list(takewhile(lambda one: one.event != "apply", entries))
        began = entries[len(sitting)] if len(sitting) < len(entries) else None
        later = [
            one for one in entries if task and one.event == "apply" and one.time > task.started
        ]
        if task and (len(later) > 1 or (later and tasks.ended_before(task, later[0].time))):
            task = None  # another command continued it
        ended = tasks.exit(task) if task else None
        running = (task is not None and ended is None) or visit.space.is_busy(run)
        state = "paused" if ended in {None, Exit.INTERRUPTED, *FINE} else "stopped"
        if running:
            state = "running"
            with suppress(OSError):
                if (run / STOP).read_text("utf-8") == visit.space.worker(run):
                    state = "stopping"
            applies = [one for one in made_by_people(ledger) if one.event == "apply"]
            loads = visit.space.is_loading(run, applies[-1].time if applies else None)
            state = state if loads else "working"
        of = sum(states.values())
        done = of - sum(states.get(one, 0) for one in OPEN)
        open_words = {Result.NOT_SENT: "still to write"}
        open_words |= {Result.UNKNOWN: "being written"} if running else {}
        return Progress(
            state,
            _heading(state, done, of, facts.alma.called if facts.alma else "Alma"),
            held_by(visit) if running else "",
            done,
            of,
            _rate(sitting, began),
            int(began.detail.removeprefix("limit ")) if began and began.detail else 0,
            tuple(
                (end, open_words.get(end, words), results[end])
                for end, words in ENDS.items()
                if isinstance(end, Result) and results.get(end)
            ),
            tuple(_lines(ledger, entries)),
            tuple(_refused(ledger)) if results.get(Result.REFUSED) else (),
            tasks.messages(task) if task else (),
            ended,
            None if running else Asks.of(ledger),
        )


def _heading(state: str, done: int, of: int, alma: str) -> str:
    if state == "running":
        return f"Writing {of:,} {'person' if of == 1 else 'people'} to {alma}"
    if state == "working":
        return "A command is working on this load"
    if state == "stopping":
        return "Pausing after the current rows"
    return f"{'Paused' if state == 'paused' else 'Stopped'} at {done:,} of {counted(of, 'row')}"


def _rate(sitting: list[JournalEntry], began: JournalEntry | None) -> float:
    """Return the rows a second since the load was started or, if that is long ago, lately."""
    ended = [one for one in sitting if one.row and one.event not in {INTENT, UNSENT}]
    since = began or (sitting[-1] if sitting else None)
    seconds = (ended[0].time - since.time).total_seconds() if ended and since else 0
    return len(ended) / seconds if seconds else 0


def _lines(ledger: Ledger, entries: list[JournalEntry]) -> Iterator[tuple[str, str, str, str]]:
    """Yield what happened last, the newest first, each row once."""
    names, rows = Names(ledger, show_values=True), set[int]()
    for one in entries:
        if len(rows) == _LINES:
            return
        row = ledger.row(one.row) if one.row and one.row not in rows else None
        if row is None:
            continue
        rows.add(one.row)
        who, end = f"Row {row_label(one.row)}: {names.of(row)}", row.result
        if one.event == DECIDED:
            line = ("people", "", f"{who}, decided")
        elif one.event == INTENT or end is None:
            line = ("play", "", f"{who}, being written")
        elif end in {Result.REFUSED, Result.HELD, Result.UNKNOWN}:
            line = ("alert", "warn-text", f"{who}, {ENDS[end]}")
        else:
            fields = dict.fromkeys(d.name for d in differences(row.changes, show_values=True))
            told, more = ", ".join(list(fields)[:_FIELDS]), len(fields) - _FIELDS
            told += f" and {more} more" if more > 0 else ""
            line = ("check", "good-text", f"{who}, {ENDS[end]}{f': {told}' if told else ''}")
        yield f"{one.time.astimezone():%H:%M:%S}", *line


def _refused(ledger: Ledger) -> Iterator[tuple[int, str, str]]:
    """Yield the first rows that Alma refused, each with a name and why."""
    names = Names(ledger, show_values=True)
    for row in ledger.some_rows(Result.REFUSED, "", 0, _LINES):
        said = [what(one, show_values=True, begin=True) for one in ledger.problems(row.row)]
        yield row.row, names.of(row), said[-1] if said else ""


def live(visit: Visit) -> web.Response:
    """Show the progress of a load; when it has ended, lead to its result."""
    found = _progress(visit)
    tried = found.exit is not None or (found.asks is not None and found.asks.began)
    ended = found.done == found.of or (visit.text("task") and found.exit in FINE)
    if not found.running and (ended or not tried):
        return see(visit.run_address)
    with Ledger.open(visit.run) as ledger:
        draft = draft_of(visit.space, ledger.facts)
    return visit.step_page(
        "live.html.j2", "Load", draft, visit.run.name, task=visit.text("task"), progress=found
    )


async def events(request: web.Request) -> web.StreamResponse:
    """Send the progress of a load as events, until it has ended."""
    visit = await Visit.of(request)
    address = visit.run_address  # where there is no such run, no answer is begun
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    closing, running = request.app[CLOSING], True
    while running and not closing.is_set():
        found = await asyncio.to_thread(_progress, visit)
        running = found.running
        event = {name: getattr(found, name) for name in ("state", "heading", "sentence", "running")}
        event["html"] = render("progress.html.j2", progress=found, address=address)
        try:
            await response.write(f"data: {json.dumps(event)}\n\n".encode())
        except ConnectionError:  # the window was closed
            break
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(closing.wait(), POLL)
    return response
