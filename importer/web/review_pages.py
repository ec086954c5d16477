"""The page of a run: review the plan and approve it, or see the result of the load."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath
from urllib.parse import urlencode

from aiohttp import web

from importer.ledger.journal import next_deletes
from importer.ledger.ledger import Ledger
from importer.ledger.run_lock import HOLDER, LOCK, holder
from importer.model.files import write_atomically
from importer.report.view import rows_page
from importer.report.wording import workbooks
from importer.web.advice import in_words
from importer.web.loads import last_load
from importer.web.review import Review, review
from importer.web.site import Visit, see
from importer.web.tasks import is_locked

ALL, FEW = "no", 10
"""In the form of approval: all rows are to be written; how many the form proposes otherwise."""

ALMA_REPORT, ROSTERS = "alma-job-report", frozenset({".csv", ".txt", ".xlsx", ".xls", ".ods"})
"""In a run's folder: Alma's list of rejected users, as it was sent; what it may be."""

SEAL = "--seal"
"""The option of `apply` with the plan that was approved: it refuses another one."""

PAGE = 25
"""Rows of a run on one page."""


@dataclass(frozen=True, slots=True)
class Wrong:
    """What is wrong in a form of approval.

    `unviewed`: what must be looked at first. `unticked`: failed safety checks that were not
    allowed. `limit`: not all rows were chosen, and no number of rows was typed. `deletions`:
    another number than `deleted`, that of the users who would be deleted, was typed.
    """

    unviewed: frozenset[str]
    unticked: tuple[str, ...]
    code: bool
    limit: bool
    deletions: bool
    deleted: int

    def __bool__(self) -> bool:
        """Whether anything is."""
        return bool(self.unviewed or self.unticked or self.code or self.limit or self.deletions)


def run(visit: Visit) -> web.Response:
    """Show a run: what would change or its result, and what can be done next."""
    if visit.space.is_busy(visit.run):
        return see(f"{visit.run_address}/live")
    return _shown(visit, review(visit.space, visit.run))


def _shown(visit: Visit, shown: Review, wrong: Wrong | None = None) -> web.Response:
    """Return the page and, if the form of approval was filled in wrongly, what is wrong."""
    end, find, at = visit.text("end"), visit.text("find").strip(), visit.page_number
    with Ledger.open(visit.run) as ledger:
        rows, total = rows_page(ledger, end, find, (at - 1) * PAGE, PAGE)
    allowed = {*visit.texts("allow"), *visit.texts("viewed")}
    return visit.step_page(
        "done.html.j2" if shown.applied else "run.html.j2",
        "Load" if shown.applied else "Review",
        shown.draft,
        visit.run.name,
        status=422 if wrong else 200,
        view=shown,
        worded=visit.worded,
        workbooks=workbooks(shown.files, shown.facts),
        before=last_load(visit.space, shown.facts),
        wrong=wrong,
        viewed=allowed if wrong else frozenset(),
        own=visit.site.access.forbids(visit.person, shown.prepared_by),
        every=not wrong or visit.text("some") == ALL,
        limit=visit.text("limit") if wrong else FEW,
        typed=visit.text("code") if wrong else "",
        rows=rows,
        total=total,
        end=end,
        find=find,
        at=at,
        pages=-(-total // PAGE),
        more=f"?{urlencode({'end': end, 'find': find})}&",
    )


def _refused(visit: Visit, shown: Review) -> web.Response | None:
    """Return why a plan is not approved here and now by this person; None where it can be."""
    address = visit.run_address
    if shown.stale:
        return visit.refusal(409, "This plan is out of date", shown.stale, address)
    if shown.job:
        sentence = f"The job {shown.job} holds this load. Allow it in Settings. Nothing was sent."
        return visit.refusal(409, "A job holds this load", sentence, f"{visit.base}/settings#jobs")
    if visit.site.access.forbids(visit.person, shown.prepared_by):
        sentence = "You prepared this load, so somebody else approves it. Nothing was sent."
        return visit.refusal(403, "You may not approve this", sentence, address)
    if visit.text("plan") != shown.seal:
        sentence = "A row was resolved meanwhile. Look at the plan again. Nothing was sent."
        return visit.refusal(409, "The plan was changed", sentence, address)
    return None


def start_apply(visit: Visit) -> web.Response:
    """Start `apply` of the plan that the form showed, if it was filled in rightly."""
    run, address = visit.run, visit.run_address
    if visit.space.is_busy(run):
        by = held_by(visit)
        sentence = f"{by} is working on it. Nothing was started." if by else "It was just started."
        return visit.refusal(409, "This load is running already", sentence, f"{address}/live")
    shown = review(visit.space, run)
    if refused := _refused(visit, shown):
        return refused
    ticked = set(visit.texts("allow"))
    limit = None if visit.text("some") == ALL else visit.number("limit")
    with Ledger.open(run) as ledger:
        deleted, typed = next_deletes(ledger, limit or None), visit.number("deletions")
    wrong = Wrong(
        shown.to_view - set(visit.texts("viewed")),
        tuple(one.check for one in shown.checks if one.check not in ticked),
        shown.code != "" and visit.text("code").strip().casefold() != shown.code.casefold(),
        limit == 0,
        deleted > 0 and typed != deleted,
        deleted,
    )
    if wrong:
        return _shown(visit, shown, wrong)
    return visit.start(
        "apply", f"runs/{run.name}",
        *(word for one in sorted(ticked) for word in ("--allow", one)),
        *(("--limit", str(limit)) if limit else ()),
        *(("--delete", str(typed)) if deleted else ()),
        SEAL, shown.seal, "--yes", "--json",
        title="Writing to Alma",
        then=address,
        back=address,
        shown_by=f"{address}/live",
    )  # fmt: skip


def sis_report(visit: Visit) -> web.Response:
    """Start `sis-report` of a run whose file Alma has loaded, with Alma's own report if given."""
    words, report = ("sis-report", f"runs/{visit.run.name}"), []
    tasks = (task for task in visit.space.tasks.running() if task.words[:2] == words)
    if next(tasks, None) or visit.space.is_busy(visit.run):
        sentence = "A command is working on it. Wait until that is done. Nothing was started."
        return visit.refusal(409, "One after the other", sentence, visit.run_address)
    for file in visit.files[:1]:
        kind = PurePath(file.filename).suffix.casefold()
        path = visit.run / f"{ALMA_REPORT}{kind if kind in ROSTERS else '.csv'}"
        for old in visit.run.glob(f"{ALMA_REPORT}.*"):
            old.unlink()
        write_atomically(path, file.file.read())
        report.append(visit.space.typed(path))
    return visit.start(
        *words, *report, "--json",
        title="Finding out what the SIS load did",
        then=visit.run_address,
        back=visit.run_address,
    )  # fmt: skip


def held_by(visit: Visit) -> str:
    """Return who works on a run, and since when; "" while the command for it only starts."""
    run = visit.run
    return in_words(holder(run)) if is_locked(run / LOCK) and (run / HOLDER).exists() else ""
