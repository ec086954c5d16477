"""Apply a plan, report what Alma's SIS load did with its file, and undo a run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

from importer.advice import Wait
from importer.alma.client import Alma
from importer.errors import AlmaError, DailyLimitError, ImporterError, StoppedError
from importer.ledger.journal import Journal, next_deletes
from importer.ledger.ledger import RESULTS, Ledger, State
from importer.model.plan import Result, SafetyCheck
from importer.model.problem import Code
from importer.model.text import counted
from importer.pipeline import apply as stage
from importer.pipeline import sis_load
from importer.pipeline.inputs import AskedUndo, Listener
from importer.pipeline.remember import remember, remembering
from importer.pipeline.still_good import check_same_institution
from importer.pipeline.undo import check_undoable
from importer.pipeline.undo import undo as plan_undo
from importer.report import wording
from importer.service.connection import with_alma
from importer.service.office import NEVER, Consent, Office, Stop, Surface, working
from importer.service.place import USERS
from importer.users.cache import UserCache
from importer.users.refresh import bring_up_to_date
from importer.writer.executor import RowDone, Waiting


@dataclass(frozen=True, slots=True)
class Applied:
    """How an apply ended.

    `files`: those of a plan for the SIS load, None if rows are sent. `stopped`: why it ended early,
    if it did; `begun`: whether it was about to send rows then.
    """

    files: tuple[Path, ...] | None = None
    stopped: ImporterError | None = None
    begun: bool = True


@dataclass(frozen=True, slots=True)
class Approval:
    """What a person approves: at most `limit` rows, though these safety checks fail.

    `seal`: of the plan as it was approved, "" where it is approved as it is.
    """

    limit: int | None = None
    allow: frozenset[SafetyCheck] = frozenset()
    seal: str = ""


def apply(office: Office, run: Ledger, surface: Surface, stop: Stop, approved: Approval) -> Applied:
    """Carry out the rest of a plan that is open alone; the users of a list are read again.

    Where nothing is left, Alma is not called. Raises UsageError, StalePlanError, SafetyCheckError,
    LedgerError or AlmaError before anything is sent.
    """
    limit = approved.limit
    with remembering(run, USERS, office.now, surface.note):
        left, journal = stage.left_to_do(run), Journal(run, office.operator, office.now)
        listed = len(journal.listed())
        if not left and not listed:  # also after an apply that was killed
            why = "is already complete" if run.was_applied else "has nothing to apply"
            surface.note(f"This plan {why}. Nothing was sent.")
            return Applied()
        settings, of = office.settings(), left if limit is None else min(left, limit)
        how = stage.ApplyOptions(
            now=office.now,
            note=surface.note,
            stopping=stop,
            verify_delay=settings.alma_verify_delay,
            plan_days=settings.alma_plan_days,
            seal=approved.seal,
            limit=limit,
            allowed=approved.allow,
            deletes=surface.typed(Consent(next_deletes(run, limit), run.facts.alma, limit)),
        )
        stage.prepare(run, journal, how)
        if listed:
            unlisted = with_alma(office, lambda alma: stage.list_again(run, alma, journal))
            _note_listed(surface, listed - unlisted, unlisted)
        if not left:
            return Applied()
        if run.facts.sis:
            return Applied(
                with_alma(office, lambda alma: sis_load.write_file(run, alma, journal, how, USERS))
            )
        if of:
            surface.agree(Consent(of, run.facts.alma, limit))

        async def carry_out(alma: Alma) -> ImporterError | None:
            with working(surface, "Applying", NEVER, alma) as progress:
                return await stage.carry_out(run, alma, journal, how, Counts(progress, of))

        return _sent(office, stop, carry_out)


def _note_listed(surface: Surface, listed: int, unlisted: int) -> None:
    """Report how many users a list has, and how many it has no more."""
    surface.note(f"{wording.SET} lists {counted(listed, 'user')}.")
    if unlisted:
        changed = f"{counted(unlisted, 'user')} of the plan may not be retired any more"
        surface.note(f"{changed}. See `{Code.NOT_DELETED.value}`.")


def _sent(office: Office, stop: Stop, carry_out: CarryOut) -> Applied:
    """Send the rows; signals are requests to stop meanwhile."""
    try:
        with stop.listening():
            stopped = with_alma(office, lambda alma: stop.run(carry_out(alma)))
    except StoppedError as error:
        return Applied(stopped=error)
    except AlmaError as error:
        return Applied(stopped=error, begun=False)
    return Applied(stopped=_until_midnight(stopped, office.now()))


CarryOut = Callable[[Alma], Coroutine[object, object, ImporterError | None]]


def _until_midnight(stopped: ImporterError | None, now: datetime) -> ImporterError | None:
    """Return why an apply ended early; at the daily limit, with the time at which that passes."""
    if isinstance(stopped, DailyLimitError):
        tomorrow = now.astimezone(UTC).date() + timedelta(days=1)
        midnight = datetime.combine(tomorrow, time(), UTC).astimezone(now.tzinfo)
        stopped.advising(Wait(f"midnight GMT, which is {midnight:%H:%M on %d %B} local time"))
    return stopped


def stop_file(run: Path) -> Path:
    """Return the file that asks the apply of a run which it names to stop softly."""
    return run / stage.STOP


class Counts:
    """Reports the progress of an apply, with counts by result: a row counts by its last one."""

    def __init__(self, progress: Listener, of: int) -> None:
        """Start without a row; `of`: how many there are."""
        self._progress, self._of = progress, of
        self._results: dict[int, Result] = {}
        self._counts: Counter[Result] = Counter()

    def __call__(self, event: RowDone | Waiting) -> None:
        """Count a row, or report a wait."""
        match event:
            case RowDone(row, act, state):
                if before := self._results.get(row):
                    self._counts[before] -= 1
                result = self._results[row] = RESULTS[act, state]
                self._counts[result] += 1
                ends = [(self._counts[end], words) for end, words in _ENDS.items()]
                done = sum(count for count, _ in ends)
                told = ", ".join(f"{n:,} {wording.in_number(words, n)}" for n, words in ends if n)
                self._progress.advance(min(done, self._of), self._of, told)
            case Waiting(waiting, seconds):
                self._progress.note(
                    f"Alma's answer was lost for {wording.rows(waiting)}. Waiting {seconds:,.0f} s "
                    "before asking Alma whether they were written."
                )


_ENDS = {
    result: words
    for result, words in wording.ENDS.items()
    if isinstance(result, Result) and result not in {Result.UNKNOWN, Result.NOT_SENT}
}
"""The results that are final, in words."""


def sis_report(
    office: Office, run: Ledger, surface: Surface, report: Path | None, *, refresh: bool
) -> int:
    """Record what Alma's SIS load did with each row of a run that is open alone.

    `report`: the list of rejected users that Alma's job report exports. `refresh`: first read who
    changed in Alma. Returns how many rows Alma does not show. Raises UsageError, StalePlanError,
    LedgerError, AlmaError.
    """
    facts, journal = run.facts, Journal(run, office.operator, office.now)
    steps = sis_load.delivered(journal)
    reasons = sis_load.read_reasons(report, steps) if report else {}
    with UserCache.open(facts.plan_alma.cache(USERS)) as cache:

        async def read(alma: Alma) -> None:
            await check_same_institution(facts, alma)
            with working(surface, "Reading changes", NEVER, alma) as progress:
                await bring_up_to_date(cache, alma, office.now, progress.advance, progress.note)

        if refresh:
            with_alma(office, read)
        journal.record_outcomes(sis_load.compare(steps, cache, reasons, facts))
    remember(run, USERS, office.now(), surface.note)
    return len(journal.rows_in(State.DELIVERED))


def undo(office: Office, run: Ledger, surface: Surface, stop: Stop, asked: AskedUndo) -> Ledger:
    """Return the saved plan that undoes a run, open; the run is open alone. Alma is only read.

    Raises UsageError if the run wrote nothing, StalePlanError, LedgerError,
    AlmaError, StoppedError.
    """
    check_undoable(run)
    occasion = office.occasion()

    async def use(alma: Alma) -> Ledger:
        with working(surface, "Comparing with Alma", stop, alma) as progress:
            return await plan_undo(run, alma, occasion, progress.advance, asked)

    return with_alma(office, use)
