"""The pages of a run: review and approval of the plan, its result and rows, and what follows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path, PurePath

from aiohttp import web

from importer.files import write_atomically
from importer.jobs.overview import holding
from importer.ledger.integrity import check_whole
from importer.ledger.journal import next_deletes
from importer.ledger.ledger import Ledger, summarize
from importer.loader.detect import ROSTER_ENDINGS
from importer.model.answers import choices
from importer.model.question import DECISIONS
from importer.model.run import RunFacts, Summary
from importer.pipeline.decisions import open_rows
from importer.report import view
from importer.report.files import hold, present
from importer.report.lineage import Event, lineage
from importer.report.terminal import row_history
from importer.report.view import RunView, ShownNames, Survey
from importer.report.wording import workbooks
from importer.service.outcome import Ending
from importer.service.standing import why_stale
from importer.web.drafts import Draft, DraftFacts
from importer.web.live_pages import Asks, held_by
from importer.web.loads import (
    draft_of,
    events_of,
    forget_answers,
    last_load,
    ledger_stamp,
    loaded,
    name_of,
)
from importer.web.site import NotDoneError, Visit, found, number, see
from importer.web.tasks import PAUSED, Task
from importer.web.workspace import DRAFTS, PRACTICE, Workspace


@lru_cache(maxsize=4)
def _survey(folder: Path, _stamp: object) -> Survey:
    with Ledger.open(folder) as ledger:
        return RunView(ledger, summarize(ledger)).shown


@dataclass(frozen=True, slots=True)
class ReviewPage:
    """A run: its facts and counts, what changes and what is wrong, and what is left to do.

    `left`: rows that an apply still has to work on. `stale`: why it can be neither applied nor
    answered any more, "" if it can. `related`: a sentence for each related run. `job`: the one that
    holds it, where it is allowed and not approved; "" if none.
    """

    facts: RunFacts
    summary: Summary
    applied: bool
    left: int
    stale: str
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
    def loaded(self) -> str:
        """The name of the load, or of that which it undoes."""
        return loaded(self.facts)

    @property
    def to_view(self) -> frozenset[str]:
        """What must be viewed before it is approved, by name."""
        if self.applied:
            return frozenset(question.code.value for question in self.asks.answered)
        return frozenset(
            look.key for look in self.survey.looks if look.dangerous and not look.check
        )


def review(space: Workspace, folder: Path) -> ReviewPage:
    """Read a run. Raises UsageError, LedgerError."""
    with Ledger.open(folder) as ledger:
        check_whole(ledger)
        summary, facts = summarize(ledger), ledger.facts
        draft, thrown = draft_of(space, facts), draft_of(space, facts, trashed=True)
        events = tuple(events_of(ledger, thrown))
        related = replace(lineage(ledger), undoes=None)  # the page has a link to it
        asks = Asks.of(ledger)
        answers = facts.command != "check" and not ledger.was_applied and summary.review
        return ReviewPage(
            facts,
            summary,
            ledger.was_applied,
            asks.standing.left,
            _stale(ledger, draft) if asks.standing.left or answers else "",
            _survey(folder, ledger_stamp(folder)),
            events,
            tuple(related.sentences()),
            tuple(path.name for path in present(folder)),
            asks,
            "" if space.place == PRACTICE or ledger.was_applied else holding(folder),
        )


def _stale(ledger: Ledger, draft: Draft | None) -> str:
    corrected = draft and bool(draft.corrections) != bool(ledger.facts.roster.corrections)
    stale = why_stale(ledger)
    if stale and not (corrected and stale.__cause__):  # else the file of the corrections is gone
        return str(stale)
    if draft and corrected:
        return f"The roster {draft.facts.file} was corrected since the plan was made. Plan again."
    return ""


@dataclass(frozen=True, slots=True)
class WrongApproval:
    """What is wrong in the form of approval; `deleted`: how many users it would delete."""

    unviewed: bool
    unticked: bool
    code: bool
    limit: bool
    deletions: bool
    deleted: int

    def __bool__(self) -> bool:
        """Whether anything is."""
        return self.unviewed or self.unticked or self.code or self.limit or self.deletions


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


def _shown(visit: Visit, shown: ReviewPage, wrong: WrongApproval | None = None) -> web.Response:
    """Return the page and, if the form of approval was filled in wrongly, what is wrong."""
    end, find, before = visit.text("end"), visit.text("find"), (visit.page_number - 1) * PAGE
    with Ledger.open(visit.run) as ledger:
        rows, total = view.rows_page(ledger, end, find.strip(), before, PAGE)
        unused = unused_answers(visit, ledger) if shown.summary.review and not shown.stale else ()
    template, step = ("done.html.j2", "Load") if shown.applied else ("run.html.j2", "Review")
    return visit.step_page(
        template,
        step,
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


def _failed_start(visit: Visit) -> tuple[Task, Ending | None] | None:
    """Return the last command that was to load a plan, and why it did not, None if none failed."""
    tasks = visit.space.tasks
    task = tasks.last("apply", f"runs/{visit.run.name}")
    return None if task is None or tasks.exit(task) in PAUSED else (task, tasks.outcome(task))


def unused_answers(visit: Visit, ledger: Ledger) -> list[str]:
    """Return why the last `resolve` could not use answers to rows that are still open."""
    tasks = visit.space.tasks
    task = tasks.last("resolve", f"runs/{visit.run.name}")
    ending = tasks.outcome(task) if task else None
    open_now = open_rows(ledger).keys()
    unused = ending.unused_answers if ending else ()
    return [answers.sentence for answers in unused if not open_now.isdisjoint(answers.rows)]


def start_apply(visit: Visit) -> web.Response:
    """Start `apply` of the plan that the form showed, if it was filled in rightly.

    Raises NotDoneError where it is not approved here and now by this person.
    """
    run, address = visit.run, visit.run_address
    if visit.space.is_busy(run):
        by = held_by(visit)
        sentence = f"{by} is working on it. Nothing was started." if by else "It was just started."
        raise NotDoneError(409, "This load is running already", sentence, f"{address}/live")
    shown = review(visit.space, run)
    if shown.stale:
        raise NotDoneError(409, "This plan is out of date", shown.stale, address)
    if shown.job:
        sentence = f"The job {shown.job} holds this load. Allow it in Settings. Nothing was sent."
        raise NotDoneError(409, "A job holds this load", sentence, f"{visit.base}/settings#jobs")
    if why := visit.hindrance(shown.facts.operator):
        raise NotDoneError(403, "You may not approve this", f"{why} Nothing was sent.", address)
    if visit.text("plan") != shown.asks.standing.seal:
        sentence = "A row was resolved meanwhile. Look at the plan again. Nothing was sent."
        raise NotDoneError(409, "The plan was changed", sentence, address)
    ticked = set(visit.texts("allow"))
    limit = None if visit.text("some") == ALL else visit.number("limit")
    typed = number(visit.text("deletions").replace(",", ""))
    with Ledger.open(run) as ledger:
        deleted, open_now = next_deletes(ledger, limit or None), open_rows(ledger)
    whole = visit.text("limit") == visit.text("proposed")  # else a number was typed
    wrong = WrongApproval(
        unviewed=not shown.to_view <= {*visit.texts("viewed")},
        unticked=not {check.check for check in shown.asks.standing.checks} <= ticked,
        code=visit.text("code").strip().casefold() != shown.code.casefold() != "",
        limit=not whole if limit is None else limit == 0,
        deletions=deleted > 0 and typed != deleted,
        deleted=deleted,
    )
    if wrong:
        return _shown(visit, shown, wrong)
    forget_answers(run, open_now)
    return visit.start(
        "apply", f"runs/{run.name}",
        *(word for check in sorted(ticked) for word in ("--allow", check)),
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
        raise NotDoneError(409, "One after the other", sentence, visit.run_address)
    for file in visit.files[:1]:
        kind = PurePath(file.filename).suffix.casefold()
        path = visit.run / f"{ALMA_REPORT}{kind if kind in ROSTER_ENDINGS else '.csv'}"
        for old in visit.run.glob(f"{ALMA_REPORT}.*"):
            old.unlink()
        write_atomically(path, file.file.read())
        report.append(visit.space.typed(path))
    title = "Finding out what the SIS load did"
    return visit.start(*words, *report, "--json", title=title, back=visit.run_address)


def row(visit: Visit) -> web.Response:
    """Show the history of a row, and the link to decide it."""
    wanted = number(visit.request.match_info["row"])
    with Ledger.open(visit.run) as ledger:
        history = found(ledger.row(wanted))
        return visit.step_page(
            "row.html.j2", "Review",
            row=row_history(ledger, wanted, show_values=True),
            name=ShownNames(ledger, show_values=True).known(history),
            asks=bool(choices(ledger.problems(wanted))),
            answers={answer.value: words for answer, words in DECISIONS.items()},
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
        workbook = found(workbooks((file.name for file in present(visit.run)), facts).get(position))
        hold(ledger, workbook)
    first = draft_of(visit.space, facts)
    load = f"{first.title if first else name_of(facts)}, rejects"
    of, drafts = (visit.run.name, workbook), visit.space.drafts()
    draft = next((known for known in drafts if (known.facts.run, known.facts.file) == of), None)
    if draft is None:
        new = DraftFacts(
            file=workbook, created=visit.now, by=visit.operator, run=visit.run.name, load=load
        )
        draft = Draft.create(visit.space.folder / DRAFTS, new)
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
