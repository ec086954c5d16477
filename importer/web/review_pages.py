"""The page of a run: what it shows, review and approval of the plan, the result of the load."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePath
from urllib.parse import quote

from aiohttp import web

from importer.errors import FINE, StalePlanError
from importer.jobs.words import holding
from importer.ledger.integrity import check_whole
from importer.ledger.journal import made_by_people, next_deletes
from importer.ledger.ledger import DECIDED, Ledger, summarize
from importer.ledger.run_lock import HOLDER, LOCK, holder
from importer.mapper.load import examine
from importer.model.files import write_atomically
from importer.model.run import FailedCheck, RunFacts, Summary
from importer.model.text import counted, row_label
from importer.pipeline.apply import check_unchanged, left_to_do, stopping_checks
from importer.pipeline.decisions import open_rows
from importer.report.files import present
from importer.report.lineage import lineage
from importer.report.view import ProblemGroup, Survey, Surveyor, group_problems, rows_page
from importer.report.wording import workbooks
from importer.web.advice import in_words
from importer.web.drafts import Draft
from importer.web.loads import Event, events_of, last_load, ledger_stamp, prepared_by, text_people
from importer.web.site import RefusedError, Visit, number, see
from importer.web.tasks import PRACTICE, Workspace, is_locked


@lru_cache(maxsize=4)
def _survey(folder: Path, _stamp: object) -> Survey:
    with Ledger.open(folder) as ledger:
        return Surveyor(ledger).made()


@dataclass(frozen=True, slots=True)
class Asks:
    """What the form that starts or continues a load asks first.

    `began`: the load was approved before. `seal`: of the planned steps; another one after any was
    changed. `deletions`: users whom an apply of all that is left deletes; the number is typed each
    time. `checks`: failed safety checks that nobody let pass as they are now. `answered`: what is
    dangerous of rows that were answered since the load was approved.
    """

    began: bool
    seal: str
    deletions: int
    checks: list[FailedCheck]
    answered: list[ProblemGroup]

    @classmethod
    def of(cls, ledger: Ledger) -> Asks:
        """Read what a run asks now."""
        return cls(
            ledger.was_applied,
            ledger.value("seal") or "",
            next_deletes(ledger, None),
            [] if ledger.facts.command == "check" else stopping_checks(ledger),
            _answered_dangers(ledger),
        )

    def __bool__(self) -> bool:
        """Whether there is anything to answer."""
        return bool(self.deletions or self.checks or self.answered)


@dataclass(frozen=True, slots=True)
class Review:
    """A run: its facts and counts, what changes and what is wrong, and what is left to do.

    `left`: rows that an apply still has to work on. `stale`: why it can be neither applied nor
    answered any more, "" if it can. `draft`: what it was made from, if that is still there.
    `prepared_by`: who dropped, changed, planned or answered anything of it, or wrote its mapping.
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
    prepared_by: frozenset[str]
    related: tuple[str, ...]
    files: tuple[str, ...]
    asks: Asks
    job: str

    @property
    def production(self) -> bool:
        """Whether it writes to a production Alma."""
        return self.facts.alma is not None and self.facts.alma.is_production

    @property
    def again(self) -> str:
        """Where it is planned again, below the place."""
        if self.draft:
            return f"drafts/{self.draft.name}/grid"
        mapping = Path(self.facts.mapping.path)
        document = examine(mapping)[0] if self.facts.roster.kept else None
        return f"users?mapping={quote(mapping.name)}" if document and document.from_alma else ""

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

    @property
    def undo_heading(self) -> str:
        """What an undo does or did, in a sentence; "" for a load, and while rows are left."""
        counts, done = self.summary, self.applied
        if not self.facts.undoes or (done and self.left):
            return ""
        back = (counts.updated if done else counts.update) or 0
        gone = (counts.deleted if done else counts.delete) or 0
        gets = "got" if done else "would get"
        goes = "would be" if not done else "was" if gone == 1 else "were"
        parts = [f"{_people(back)} {gets} the old values back"] if back else []
        parts += [f"{_people(gone)} {goes} deleted"] if gone else []
        return f"{'Undone' if done else 'Undo'}: {' and '.join(parts) or 'nothing changes'}"

    @property
    def button(self) -> str:
        """The words of the button that starts the load: what happens."""
        if self.facts.sis is not None:
            return f"Write the file for the SIS load: {counted(self.left, 'row')}"
        deletions = self.asks.deletions
        written = self.left - deletions
        verb, to = ("Restore", "in") if self.facts.undoes else ("Write", "to")
        if not deletions:
            return f"{verb} {_people(written)} {to} {self.alma}"
        deleted = f"elete {_people(deletions)} from {self.alma}"
        return f"{verb} {_people(written)} and d{deleted}" if written else f"D{deleted}"


def _people(count: int) -> str:
    return f"{count:,} {'person' if count == 1 else 'people'}"


def review(space: Workspace, folder: Path) -> Review:
    """Read a run. Raises UsageError, LedgerError."""
    with Ledger.open(folder) as ledger:
        check_whole(ledger)
        summary, facts = summarize(ledger), ledger.facts
        draft, thrown = draft_of(space, facts), draft_of(space, facts, trashed=True)
        events, related = tuple(events_of(ledger, thrown)), lineage(ledger)
        related.undoes = None  # the page has a link to it
        left = 0 if facts.command == "check" else left_to_do(ledger)
        answers = facts.command != "check" and not ledger.was_applied and summary.review
        return Review(
            facts,
            summary,
            ledger.was_applied,
            left,
            _stale(ledger, draft) if left or answers else "",
            draft,
            _survey(folder, ledger_stamp(folder)),
            events,
            prepared_by(events, folder, thrown) | text_people(space, facts),
            tuple(related.sentences()),
            tuple(path.name for path in present(folder)),
            Asks.of(ledger),
            "" if space.place == PRACTICE or ledger.was_applied else holding(folder),
        )


def _answered_dangers(ledger: Ledger) -> list[ProblemGroup]:
    """Return what is dangerous of the rows that were answered since the load was approved last.

    Rows that are not to be loaded do not count; nothing does before the first approval.
    """
    rows = set[int]()
    for one in made_by_people(ledger) if ledger.was_applied else ():
        if one.event == DECIDED:
            rows.add(one.row)
        elif one.event == "apply":
            rows.clear()
    to_write = (row for row in sorted(rows) if (known := ledger.row(row)) and known.act)
    found = group_problems(one for row in to_write for one in ledger.problems(row))
    return [one for one in found if one.danger]


def draft_of(space: Workspace, facts: RunFacts, *, trashed: bool = False) -> Draft | None:
    """Return the draft that a run was made from, None if it is gone; from the trash if asked.

    An undo is made from a run.
    """
    roster = Path(facts.roster.path)
    drafts = () if facts.command == "undo" else space.drafts(trashed=trashed)
    return next((one for one in drafts if one.roster == roster), None)


def _stale(ledger: Ledger, draft: Draft | None) -> str:
    corrected = draft and bool(draft.corrections) != bool(ledger.facts.roster.corrections)
    try:
        check_unchanged(ledger)
    except StalePlanError as error:
        if not (corrected and error.__cause__):  # else the file of the corrections is gone
            return str(error)
    if draft and corrected:
        return f"The roster {draft.facts.file} was corrected since the plan was made. Plan again."
    return ""


ALL = "no"
"""In the form of approval: all rows are to be written."""

ALMA_REPORT, ROSTERS = "alma-job-report", frozenset({".csv", ".txt", ".xlsx", ".xls", ".ods"})
"""In a run's folder: Alma's list of rejected users, as it was sent; what it may be."""

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
        rows, total = rows_page(ledger, end, find.strip(), before, PAGE)
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
        wrong=wrong,
        own=visit.site.access.forbids(visit.person, shown.prepared_by),
        rows=rows,
        total=total,
        pages=-(-total // PAGE),
    )


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
    if visit.site.access.forbids(visit.person, shown.prepared_by):
        sentence = "You prepared this load, so somebody else approves it. Nothing was sent."
        raise RefusedError(403, "You may not approve this", sentence, address)
    if visit.text("plan") != shown.asks.seal:
        sentence = "A row was resolved meanwhile. Look at the plan again. Nothing was sent."
        raise RefusedError(409, "The plan was changed", sentence, address)
    ticked = set(visit.texts("allow"))
    limit = None if visit.text("some") == ALL else visit.number("limit")
    typed = number(visit.text("deletions").replace(",", ""))
    with Ledger.open(run) as ledger:
        deleted = next_deletes(ledger, limit or None)
    whole = visit.text("limit") == visit.text("proposed")  # else a number was typed
    wrong = {
        "unviewed": shown.to_view - set(visit.texts("viewed")),
        "unticked": [one.check for one in shown.asks.checks if one.check not in ticked],
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
        SEAL, shown.asks.seal, "--yes", "--json",
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
        path = visit.run / f"{ALMA_REPORT}{kind if kind in ROSTERS else '.csv'}"
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
