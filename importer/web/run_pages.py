"""The pages of a run: review and approval of the plan, the load as it runs, its result and rows."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import takewhile
from pathlib import Path, PurePath

from aiohttp import web

from importer.errors import FINE, Exit
from importer.files import write_atomically
from importer.jobs.words import holding
from importer.ledger import journal
from importer.ledger.integrity import check_whole
from importer.ledger.journal import JournalEntry
from importer.ledger.ledger import DECIDED, OPEN, Ledger, summarize
from importer.ledger.run_lock import HOLDER, LOCK, holder
from importer.loader.detect import ROSTER_ENDINGS
from importer.model.answers import choices
from importer.model.plan import Result
from importer.model.question import DECISIONS
from importer.model.run import RunFacts, Summary
from importer.model.text import counted, row_label
from importer.pipeline.decisions import open_rows
from importer.report import view
from importer.report.files import hold, present
from importer.report.lineage import Event, lineage
from importer.report.terminal import row_history
from importer.report.view import Names, ProblemGroup, RunView, Survey
from importer.report.wording import ENDS, duration, workbooks
from importer.service.loads import stop_file
from importer.service.standing import Standing, standing, why_stale
from importer.web.drafts import Draft
from importer.web.loads import events_of, last_load, ledger_stamp, name_of
from importer.web.site import RefusedError, Visit, found, in_words, number, on_page, render, see
from importer.web.tasks import DRAFTS, PAUSED, PRACTICE, Sittings, Task, Workspace, is_locked


@lru_cache(maxsize=4)
def _survey(folder: Path, _stamp: object) -> Survey:
    with Ledger.open(folder) as ledger:
        return RunView(ledger, summarize(ledger)).shown


@dataclass(frozen=True, slots=True)
class Asks:
    """What the form that starts or continues a load asks first.

    `answered`: what is dangerous of rows that were answered since the load was approved.
    """

    standing: Standing
    answered: list[ProblemGroup]

    @classmethod
    def of(cls, ledger: Ledger) -> Asks:
        """Read what a run asks now."""
        return cls(standing(ledger), _answered_dangers(ledger))

    def __bool__(self) -> bool:
        """Whether there is anything to answer."""
        return bool(self.standing.deletions or self.standing.checks or self.answered)


@dataclass(frozen=True, slots=True)
class Review:
    """A run: its facts and counts, what changes and what is wrong, and what is left to do.

    `left`: rows that an apply still has to work on. `stale`: why it can be neither applied nor
    answered any more, "" if it can. `draft`: what it was made from, if that is still there.
    `related`: a sentence for each related run. `job`: the one that holds it, where it is allowed
    and not approved; "" if none.
    """

    facts: RunFacts
    summary: Summary
    applied: bool
    left: int
    stale: str
    draft: Draft | None
    survey: Survey
    events: tuple[Event, ...]
    related: tuple[str, ...]
    files: tuple[str, ...]
    asks: Asks
    job: str

    @property
    def production(self) -> bool:
        """Whether it writes to a production Alma."""
        return self.facts.alma is not None and self.facts.alma.is_production

    @property
    def code(self) -> str:
        """What is typed in the approval: the code of a production Alma; "" once it was approved."""
        alma = self.facts.alma
        return alma.institution if alma and self.production and not self.applied else ""

    @property
    def alma(self) -> str:
        """The name of the institution that is written to."""
        return self.facts.alma.called if self.facts.alma else "Alma"

    @property
    def to_view(self) -> frozenset[str]:
        """What must be viewed before it is approved, by name."""
        if self.applied:
            return frozenset(one.code.value for one in self.asks.answered)
        return frozenset(one.key for one in self.survey.looks if one.dangerous and not one.check)


def review(space: Workspace, folder: Path) -> Review:
    """Read a run. Raises UsageError, LedgerError."""
    with Ledger.open(folder) as ledger:
        check_whole(ledger)
        summary, facts = summarize(ledger), ledger.facts
        draft, thrown = draft_of(space, facts), draft_of(space, facts, trashed=True)
        events = tuple(events_of(ledger, thrown))
        related = replace(lineage(ledger), undoes=None)  # the page has a link to it
        asks = Asks.of(ledger)
        answers = facts.command != "check" and not ledger.was_applied and summary.review
        return Review(
            facts,
            summary,
            ledger.was_applied,
            asks.standing.left,
            _stale(ledger, draft) if asks.standing.left or answers else "",
            draft,
            _survey(folder, ledger_stamp(folder)),
            events,
            tuple(related.sentences()),
            tuple(path.name for path in present(folder)),
            asks,
            "" if space.place == PRACTICE or ledger.was_applied else holding(folder),
        )


def _answered_dangers(ledger: Ledger) -> list[ProblemGroup]:
    """Return what is dangerous of the rows that were answered since the load was approved last.

    Rows that are not to be loaded do not count; nothing does before the first approval.
    """
    rows = set[int]()
    for one in journal.made_by_people(ledger) if ledger.was_applied else ():
        if one.event == DECIDED:
            rows.add(one.row)
        elif one.event == "apply":
            rows.clear()
    to_write = (row for row in sorted(rows) if (known := ledger.row(row)) and known.act)
    found = view.group_problems(one for row in to_write for one in ledger.problems(row))
    return [one for one in found if view.is_danger(one.code)]


def draft_of(space: Workspace, facts: RunFacts, *, trashed: bool = False) -> Draft | None:
    """Return the draft that a run was made from, None if it is gone; from the trash if asked.

    An undo is made from a run.
    """
    roster = Path(facts.roster.path)
    drafts = () if facts.command == "undo" else space.drafts(trashed=trashed)
    return next((one for one in drafts if one.roster == roster), None)


def _stale(ledger: Ledger, draft: Draft | None) -> str:
    corrected = draft and bool(draft.corrections) != bool(ledger.facts.roster.corrections)
    stale = why_stale(ledger)
    if stale and not (corrected and stale.__cause__):  # else the file of the corrections is gone
        return str(stale)
    if draft and corrected:
        return f"The roster {draft.facts.file} was corrected since the plan was made. Plan again."
    return ""


ALL = "no"
"""In the form of approval: all rows are to be written."""

ALMA_REPORT = "alma-job-report"
"""In a run's folder: Alma's list of rejected users, as it was sent."""

SEAL = "--seal"
"""The option of `apply` with the plan that was approved: it refuses another one."""

PAGE = 25
"""Rows of a run on one page."""


def run(visit: Visit) -> web.Response:
    """Show a run: what would change or its result, and what can be done next."""
    if visit.space.is_busy(visit.run):
        return see(f"{visit.run_address}/live")
    return _shown(visit, review(visit.space, visit.run))


def _shown(visit: Visit, shown: Review, wrong: Mapping[str, object] | None = None) -> web.Response:
    """Return the page and, if the form of approval was filled in wrongly, what is wrong."""
    end, find, before = visit.text("end"), visit.text("find"), (visit.page_number - 1) * PAGE
    with Ledger.open(visit.run) as ledger:
        rows, total = view.rows_page(ledger, end, find.strip(), before, PAGE)
        unused = unused_answers(visit, ledger) if shown.summary.review and not shown.stale else ()
    template, step = ("done.html.j2", "Load") if shown.applied else ("run.html.j2", "Review")
    return visit.step_page(
        template,
        step,
        shown.draft,
        visit.run.name,
        status=422 if wrong else 200,
        view=shown,
        unused=unused,
        workbooks=workbooks(shown.files, shown.facts),
        last=last_load(visit.space, visit.run.name),
        failed=None if shown.applied else _failed_start(visit),
        wrong=wrong,
        rows=rows,
        total=total,
        pages=-(-total // PAGE),
    )


def _failed_start(visit: Visit) -> tuple[Task, tuple[str, ...]] | None:
    """Return the last command that was to load a plan, and why it did not, None if none failed."""
    tasks = visit.space.tasks
    task = tasks.last("apply", f"runs/{visit.run.name}")
    return None if task is None or tasks.exit(task) in PAUSED else (task, tasks.messages(task))


def unused_answers(visit: Visit, ledger: Ledger) -> list[str]:
    """Return why the last `resolve` could not use answers to rows that are still open."""
    tasks = visit.space.tasks
    task = tasks.last("resolve", f"runs/{visit.run.name}")
    lines = tasks.messages(task) if task and tasks.exit(task) in FINE else ()
    still = {f"Row {row_label(row)}" for row in open_rows(ledger)}
    return [line for line in lines if " ".join(line.split(" ")[:2]).rstrip(":") in still]


def start_apply(visit: Visit) -> web.Response:
    """Start `apply` of the plan that the form showed, if it was filled in rightly.

    Raises RefusedError where it is not approved here and now by this person.
    """
    run, address = visit.run, visit.run_address
    if visit.space.is_busy(run):
        by = held_by(visit)
        sentence = f"{by} is working on it. Nothing was started." if by else "It was just started."
        raise RefusedError(409, "This load is running already", sentence, f"{address}/live")
    shown = review(visit.space, run)
    if shown.stale:
        raise RefusedError(409, "This plan is out of date", shown.stale, address)
    if shown.job:
        sentence = f"The job {shown.job} holds this load. Allow it in Settings. Nothing was sent."
        raise RefusedError(409, "A job holds this load", sentence, f"{visit.base}/settings#jobs")
    if why := visit.hindrance(shown.facts.operator):
        raise RefusedError(403, "You may not approve this", f"{why} Nothing was sent.", address)
    if visit.text("plan") != shown.asks.standing.seal:
        sentence = "A row was resolved meanwhile. Look at the plan again. Nothing was sent."
        raise RefusedError(409, "The plan was changed", sentence, address)
    ticked = set(visit.texts("allow"))
    limit = None if visit.text("some") == ALL else visit.number("limit")
    typed = number(visit.text("deletions").replace(",", ""))
    with Ledger.open(run) as ledger:
        deleted = journal.next_deletes(ledger, limit or None)
    whole = visit.text("limit") == visit.text("proposed")  # else a number was typed
    wrong = {
        "unviewed": shown.to_view - set(visit.texts("viewed")),
        "unticked": [one.check for one in shown.asks.standing.checks if one.check not in ticked],
        "code": shown.code != "" and visit.text("code").strip().casefold() != shown.code.casefold(),
        "limit": not whole if limit is None else limit == 0,
        "deletions": deleted > 0 and typed != deleted,
    }
    if any(wrong.values()):
        return _shown(visit, shown, {**wrong, "deleted": deleted})
    return visit.start(
        "apply", f"runs/{run.name}",
        *(word for one in sorted(ticked) for word in ("--allow", one)),
        *(("--limit", str(limit)) if limit else ()),
        *(("--delete", str(typed)) if deleted else ()),
        SEAL, shown.asks.standing.seal, "--yes", "--json",
        title="Writing to Alma",
        back=address,
    )  # fmt: skip


def sis_report(visit: Visit) -> web.Response:
    """Start `sis-report` of a run whose file Alma has loaded, with Alma's own report if given."""
    words, report = ("sis-report", f"runs/{visit.run.name}"), []
    tasks = (task for task in visit.space.tasks.running() if task.words[:2] == words)
    if next(tasks, None) or visit.space.is_busy(visit.run):
        sentence = "A command is working on it. Wait until that is done. Nothing was started."
        raise RefusedError(409, "One after the other", sentence, visit.run_address)
    for file in visit.files[:1]:
        kind = PurePath(file.filename).suffix.casefold()
        path = visit.run / f"{ALMA_REPORT}{kind if kind in ROSTER_ENDINGS else '.csv'}"
        for old in visit.run.glob(f"{ALMA_REPORT}.*"):
            old.unlink()
        write_atomically(path, file.file.read())
        report.append(visit.space.typed(path))
    title = "Finding out what the SIS load did"
    return visit.start(*words, *report, "--json", title=title, back=visit.run_address)


def held_by(visit: Visit) -> str:
    """Return who works on a run, and since when; "" while the command for it only starts."""
    run = visit.run
    return in_words(holder(run)) if is_locked(run / LOCK) and (run / HOLDER).exists() else ""


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
        hold(ledger, workbook)
    first = draft_of(visit.space, facts)
    load = f"{first.title if first else name_of(facts)}, rejects"
    of, drafts = (visit.run.name, workbook), visit.space.drafts()
    draft = next((one for one in drafts if (one.facts.run, one.facts.file) == of), None)
    if draft is None:
        folder = visit.space.folder / DRAFTS
        draft = Draft.create(folder, workbook, visit.now, visit.operator, visit.run.name, load)
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
        return see(visit.base + shown.page)
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
    return see(visit.base + task.back)


def again(visit: Visit) -> web.Response:
    """Start a command again that did not work; what a person decides is decided in its place."""
    tasks = visit.space.tasks
    failed = found(tasks.find(visit.request.match_info["task"]))
    if tasks.exit(failed) in {None, *FINE} or failed.words[0] in _DECIDED:
        return see(visit.base + failed.page)
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
        write_atomically(stop_file(visit.run), worker.encode())
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
    refused: list[dict[str, object]]
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
    """Look at a load, and at the command that was started for it here."""
    run, space, tasks = visit.run, visit.space, visit.space.tasks
    with Ledger.open(run) as ledger:
        results = ledger.results() if ledger.was_applied else {}
        states, facts = ledger.progress(), ledger.facts
        entries = list(journal.newest(ledger, _SEEN))
        sitting = list(takewhile(lambda one: one.event != "apply", entries))
        began = entries[len(sitting)] if len(sitting) < len(entries) else None
        sittings = Sittings.of(ledger)
        task, first = space.load_of(run, sittings), sittings.first
        ended = tasks.exit(task) if task else None
        running = (task is not None and ended is None) or space.is_busy(run)
        if task and ended is None and not any(one > task.started for one in sittings.began):
            sitting, began, first = [], None, task.first  # it has not noted that it began
        state = "stopped" if space.has_failed(task, sittings) else "paused"
        if running:
            state = "running"
            with suppress(OSError):
                if stop_file(run).read_text("utf-8") == space.worker(run):
                    state = "stopping"
            state = state if space.is_loading(run, sittings) else "working"
        of = sum(states.values())
        done = of - sum(states.get(one, 0) for one in OPEN)
        first = first if first < of else 0
        open_words = {Result.NOT_SENT: "still to write"}
        open_words |= {Result.UNKNOWN: "being written"} if running else {}
        return Progress(
            state,
            _heading(state, done, of, first, facts.alma.called if facts.alma else "Alma"),
            held_by(visit) if running else "",
            done,
            of,
            _rate(sitting, began),
            first,
            tuple(
                (end, open_words.get(end, words), results[end])
                for end, words in ENDS.items()
                if isinstance(end, Result) and results.get(end)
            ),
            tuple(_lines(ledger, entries)),
            view.rows_page(ledger, Result.REFUSED, "", 0, _LINES)[0]
            if results.get(Result.REFUSED)
            else [],
            tasks.messages(task) if task else (),
            ended,
            None if running else Asks.of(ledger),
        )


def _heading(state: str, done: int, of: int, first: int, alma: str) -> str:
    if state == "running":
        people = f"{f'{first:,} of ' if first else ''}{of:,} {'person' if of == 1 else 'people'}"
        return f"Writing {people} to {alma}"
    if state == "working":
        return "A command is working on this load"
    if state == "stopping":
        return "Pausing after the current rows"
    return f"{'Paused' if state == 'paused' else 'Stopped'} at {done:,} of {counted(of, 'row')}"


def _rate(sitting: list[JournalEntry], began: JournalEntry | None) -> float:
    """Return the rows a second since the load was started or, if that is long ago, lately."""
    ended = [
        one for one in sitting if one.row and one.event not in {journal.INTENT, journal.UNSENT}
    ]
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
        elif one.event == journal.INTENT or end is None:
            line = ("play", "", f"{who}, being written")
        elif end in {Result.REFUSED, Result.HELD, Result.UNKNOWN}:
            line = ("alert", "warn-text", f"{who}, {ENDS[end]}")
        else:
            fields = dict.fromkeys(d.name for d in view.differences(row.changes, show_values=True))
            told, more = ", ".join(list(fields)[:_FIELDS]), len(fields) - _FIELDS
            told += f" and {more} more" if more > 0 else ""
            line = ("check", "good-text", f"{who}, {ENDS[end]}{f': {told}' if told else ''}")
        yield f"{one.time.astimezone():%H:%M:%S}", *line


def live(visit: Visit) -> web.Response:
    """Show the progress of a load; when it has ended, lead to its result."""
    found = _progress(visit)
    tried = found.exit is not None or (found.asks is not None and found.asks.standing.began)
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
