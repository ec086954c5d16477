"""`apply`: carry out one saved plan, from where it stopped.

What it leaves for later plans is saved in a step after it, `importer.pipeline.remember`.
"""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from importer.advice import Apply
from importer.alma.client import Alma
from importer.alma.pacing import run_concurrently
from importer.errors import ImporterError, LedgerError, SafetyCheckError, StalePlanError, UsageError
from importer.files import mounted_share
from importer.ledger.integrity import end_is_lost
from importer.ledger.journal import (
    Journal,
    JournalEntry,
    made_by_people,
    next_deletes,
)
from importer.ledger.ledger import JournalEvent, Ledger, RunValue, summarize
from importer.ledger.run_lock import WriteGate
from importer.mapper.load import load
from importer.model.fields import NO_CODES
from importer.model.plan import SafetyCheck
from importer.model.problem import VALUE, Code, Problem
from importer.model.run import FailedCheck, RunFacts
from importer.model.text import counted
from importer.model.user import User
from importer.pipeline.check import validate
from importer.pipeline.inputs import PASSWORD, mapping_of
from importer.pipeline.still_good import (
    check_later_loads,
    check_same_institution,
    check_unchanged,
    reopen_inputs,
)
from importer.planner.entries import current
from importer.planner.retiring import why_not_listed
from importer.report.wording import again
from importer.writer.executor import ApplyEvent, Executor

STOP = "stop"
"""A file of this name in a run's folder asks the apply that it names to stop softly.

It names the task of the local page or, of a load that was started elsewhere, since when it runs.
"""

SIS_PLAN_DAYS = 1
"""How old a plan for the SIS load may be when its file is written."""

BYTES_PER_ROW = 30_000
"""Disk space for a row: its images and entries, three times over."""


@dataclass(frozen=True, slots=True)
class ApplyOptions:
    """What the operator allows: how many rows, and which safety checks may fail.

    `stopping` is asked before each row. `verify_delay`: seconds before a lost reply is looked up.
    `plan_days`: how old a plan may be when it is started. `deletes`: how many users may be deleted,
    as a person typed it; None if nobody did. `seal`: of the plan that a person approved, as the
    page shows it; "" on the command line, where the plan is approved as it is. `now` returns the
    time with its zone. `note` gets sentences for the operator.
    """

    now: Callable[[], datetime]
    note: Callable[[str], None]
    stopping: Callable[[], bool]
    verify_delay: float
    plan_days: int
    seal: str
    limit: int | None = None
    allowed: frozenset[SafetyCheck] = frozenset()
    deletes: int | None = None


def left_to_do(ledger: Ledger) -> int:
    """Return how many rows an apply of this run still has to work on.

    Raises UsageError if the run is a check, which has nothing to carry out.
    """
    if ledger.facts.command == "check":
        msg = f"{ledger.folder} is a check, not a plan."
        raise UsageError(msg).advising(again("plan", ledger.facts))
    return ledger.left


def prepare(ledger: Ledger, journal: Journal, options: ApplyOptions) -> None:
    """Check, without Alma, that the plan may be carried out.

    Raises StalePlanError if the plan is too old, or if it, its roster or its mapping was changed,
    SafetyCheckError for failed checks that nobody allowed, LedgerError if the disk is too full.
    """
    made, now, lost = ledger.facts.started, options.now(), end_is_lost(ledger)
    days = SIS_PLAN_DAYS if ledger.facts.sis else options.plan_days
    if not (ledger.was_applied or lost) and abs(now - made) > timedelta(days=days):
        msg = f"The plan is of {made:%Y-%m-%d}, and today is {now:%Y-%m-%d}. Plan again."
        raise StalePlanError(msg)
    check_unchanged(ledger)
    if options.seal not in {"", ledger.value(RunValue.SEAL)}:
        msg = "A row was resolved since the plan was approved. Nothing was sent. Look at it again."
        raise StalePlanError(msg)
    check_later_loads(ledger)
    needed = BYTES_PER_ROW * left_to_do(ledger)
    if shutil.disk_usage(ledger.folder).free < needed:
        msg = (
            f"The disk of {ledger.folder} is too full: this run needs about "
            f"{needed / 1_000_000:,.1f} MB. Nothing was sent. Free some space, then run the same "
            "command again."
        )
        raise LedgerError(msg)
    _check_safety(ledger, journal, options)
    _check_deletes(ledger, journal, options)
    if share := mounted_share(ledger.folder):
        options.note(
            f"The run's folder is on a network share ({share}), where the lock against a second "
            "apply may have no effect. Make sure that nobody else applies this run."
        )
    if not lost:
        return
    journal.doubt()
    if not ledger.facts.sis:
        again = (
            f"Each of the {left_to_do(ledger):,} unfinished rows is looked up in Alma before "
            "anything is sent."
        )
    else:
        again = (
            "Unfinished rows that Alma does not show are written into a file, perhaps for the "
            "second time. If Alma has not loaded an earlier file of this run yet, load only one."
        )
    about = "The last entries of this run's ledger are lost; an older copy may have been restored. "
    options.note(about + again)


def stopping_checks(
    ledger: Ledger, allowed: frozenset[SafetyCheck] = frozenset()
) -> list[FailedCheck]:
    """Return the failed safety checks that stop an apply: `allowed` neither now nor before."""
    failed = ledger.failed_checks()
    passed = {*allowed, *(_let_pass(ledger) if failed else ())}
    return [check for check in failed if check.check not in passed]


def _let_pass(ledger: Ledger) -> dict[str, JournalEntry]:
    """Return the entries that let safety checks pass, by check, as far as they still count.

    A row that was resolved since is a change that whoever let a check pass had not seen.
    """
    marked: dict[str, JournalEntry] = {}
    for entry in made_by_people(ledger):
        if entry.event == JournalEvent.ALLOWED:
            marked[entry.detail] = entry
        elif entry.event == JournalEvent.DECIDED:
            for check in ledger.checks_of(entry.row):
                marked.pop(check, None)
    return marked


def _check_safety(ledger: Ledger, journal: Journal, options: ApplyOptions) -> None:
    """Note when and by whom failed checks were allowed in an earlier attempt, if not now again.

    Raises SafetyCheckError for failed checks that were not allowed, now or before.
    """
    before, allowed = _let_pass(ledger), options.allowed
    for check in sorted(allowed - set(before)):
        journal.note(JournalEvent.ALLOWED, check)
    if stopping := stopping_checks(ledger, allowed):
        lines = [f"{check.sentence} [{check.check}]" for check in stopping]
        checks = tuple(dict.fromkeys(check.check.value for check in stopping))
        msg = (
            "This plan does more than a usual load:\n  " + "\n  ".join(lines) + "\n"
            "Nothing was sent. Review the changes in the report."
        )
        do = Apply(str(ledger.folder), allow=checks)
        raise SafetyCheckError(msg).advising(do, "If they are right")
    failed = {check.check for check in ledger.failed_checks()} - allowed
    for entry in (before[check] for check in sorted(failed)):
        options.note(
            f"Safety check {entry.detail}: {entry.operator} let it pass on "
            f"{entry.time:%Y-%m-%d %H:%M}."
        )


def _check_deletes(ledger: Ledger, journal: Journal, options: ApplyOptions) -> None:
    """Raise SafetyCheckError unless a person typed how many users this apply deletes for good.

    UsageError for a number where nobody is deleted.
    """
    if options.deletes and not summarize(ledger).delete:
        msg = "This plan deletes nobody. Nothing was sent. Approve it without deletions."
        raise UsageError(msg)
    count = next_deletes(ledger, options.limit)
    if count and options.deletes != count:
        msg = (
            f"This plan deletes {counted(count, 'user')} for good. Nothing was sent. Review them "
            "in the report."
        )
        do = Apply(str(ledger.folder), limit=options.limit, delete=count)
        raise SafetyCheckError(msg).advising(do, "If they should go")
    if count:
        journal.note(JournalEvent.ALLOWED, f"{count} deletions")


async def list_again(ledger: Ledger, alma: Alma, journal: Journal) -> int:
    """Read the users of a list for Alma's purge job again; return how many are listed no more.

    Who is not as planned needs review, with the reason. Raises StalePlanError, LedgerError,
    AlmaError.
    """
    await check_same_institution(ledger.facts, alma)

    async def read(entry: tuple[int, User]) -> tuple[int, User, User | None]:
        row, user = entry
        return row, user, await alma.user_with(user.primary_id or "", counts=True)

    unlisted = 0
    async for row, user, live in run_concurrently(alma.limiter, journal.listed(), read):
        if why := why_not_listed(user, live):
            value, message = current(user, "primary_id"), f"the Alma user {VALUE} {why}"
            origin = ledger.facts.origin(row)
            problem = Problem.of(Code.NOT_DELETED, origin, message, field="primary_id", value=value)
            journal.record_unlisted(problem)
            unlisted += 1
    return unlisted


async def carry_out(
    ledger: Ledger,
    alma: Alma,
    journal: Journal,
    options: ApplyOptions,
    report: Callable[[ApplyEvent], None],
) -> ImporterError | None:
    """Carry out what is left of the plan; return why it stopped early, if it did.

    It stops if the ledger cannot be written, or the gate finds that it is not the one on the disk
    any more; nothing is sent after that. `report` gets the progress. Raises StalePlanError and
    AlmaError before anything is sent.
    """
    facts, gate = ledger.facts, WriteGate(journal)
    await check_same_institution(facts, alma)
    secrets = _passwords(facts)
    executor = Executor(
        alma=alma,
        journal=journal,
        gate=gate,
        verify_delay=options.verify_delay,
        sleep=asyncio.sleep,
        clock=time.monotonic,
        passwords=secrets,
        stopping=options.stopping,
        report=report,
    )
    try:
        journal.start(options.limit)
        if secrets:
            journal.note(JournalEvent.PASSWORDS, f"of {len(secrets)} rows")
        stop = await executor.run(options.limit)
        journal.note(JournalEvent.PAUSED if left_to_do(ledger) else JournalEvent.FINISHED, "")
        gate()  # what was done is found again
    except (LedgerError, UsageError) as error:
        return error
    return stop


def _passwords(facts: RunFacts) -> dict[int, str]:
    """Return the passwords of the rosters by row; they are saved nowhere."""
    mappings = (mapping_of(mapping) for _, mapping in facts.rosters)
    if facts.command == "undo" or not any(load(mapping).maps_password for mapping in mappings):
        return {}
    rosters = validate(reopen_inputs(facts, NO_CODES))
    return {
        draft.row: text
        for draft in rosters.drafts(rosters.rows(), {})
        if (text := draft.values.get(PASSWORD))
    }
