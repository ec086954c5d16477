"""`apply`: carry out one saved plan, from where it stopped."""

from __future__ import annotations

import asyncio
import hashlib
import shlex
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from importer.alma.client import Alma
from importer.errors import (
    LedgerError,
    MappingError,
    SafetyCheckError,
    StalePlanError,
    UnreadableFileError,
    UsageError,
)
from importer.ledger.integrity import check_seal, end_is_lost
from importer.ledger.journal import ALLOWED, PASSWORDS, Journal, JournalEntry, history
from importer.ledger.ledger import Ledger
from importer.ledger.schema import State
from importer.loader.detect import LARGEST
from importer.mapper.load import load
from importer.model.fields import NO_CODES
from importer.model.files import read_bounded
from importer.model.plan import SafetyCheck
from importer.model.run import RunFacts
from importer.pipeline.inputs import reopen_inputs
from importer.writer.executor import Executor, Progress, Stop

OPEN = (State.PLANNED, State.INTENT, State.UNKNOWN)
"""The states of steps that an apply still has to work on."""

BYTES_PER_ROW = 30_000
"""Disk space for a row: its images and entries, three times over."""


@dataclass(frozen=True, slots=True)
class ApplyOptions:
    """What the operator allows: how many rows, and which safety checks may fail.

    `stopping` is asked before each row. `verify_delay`: seconds before a lost reply is looked up.
    `plan_days`: how old a plan may be when it is started.
    """

    operator: str
    now: Callable[[], datetime]
    stopping: Callable[[], bool]
    report: Callable[[Progress], None]
    verify_delay: float
    plan_days: int
    limit: int | None = None
    allowed: frozenset[SafetyCheck] = frozenset()


def left_to_do(ledger: Ledger) -> int:
    """Return how many rows an apply of this run still has to work on."""
    counts = ledger.progress()
    return sum(counts.get(state, 0) for state in OPEN)


def check_disk_space(ledger: Ledger) -> None:
    """Raise LedgerError if the disk lacks space for what is still to be saved."""
    needed = BYTES_PER_ROW * left_to_do(ledger)
    if shutil.disk_usage(ledger.folder).free < needed:
        msg = (
            f"The disk of {ledger.folder} is too full: this run needs about "
            f"{needed / 1_000_000:,.1f} MB. Nothing was sent. Free some space, then run the same "
            "command again."
        )
        raise LedgerError(msg)


def check_is_plan(ledger: Ledger) -> None:
    """Raise UsageError if the run is a check, which has nothing to carry out."""
    if ledger.facts.command == "check":
        msg = f"{ledger.folder} is a check, not a plan. Make a plan with `importer plan`."
        raise UsageError(msg)


def check_fresh(ledger: Ledger, options: ApplyOptions) -> None:
    """Raise StalePlanError if the plan is too old, or if it, its roster or its mapping was changed.

    An undo plan is made from the ledger alone, and needs neither roster nor mapping.
    """
    check_seal(ledger)
    facts = ledger.facts
    age = options.now() - facts.started
    if not ledger.was_applied and age > timedelta(days=options.plan_days):
        msg = f"The plan is {age.days} days old; Alma may have changed. Plan again."
        raise StalePlanError(msg)
    if facts.command != "undo":
        check_sources(facts)


def check_sources(facts: RunFacts) -> None:
    """Raise StalePlanError if the roster or the mapping was changed since the plan."""
    _check_roster(facts)
    _check_mapping(facts)


def check_safety(
    ledger: Ledger, journal: Journal, allowed: frozenset[SafetyCheck]
) -> tuple[JournalEntry, ...]:
    """Return when and by whom failed checks were allowed in an earlier attempt, if not now again.

    Raises SafetyCheckError for failed checks that were not allowed, now or before.
    """
    before = {entry.detail: entry for entry in history(ledger, 0) if entry.event == ALLOWED}
    passed = set(before)
    for check in sorted(allowed - passed):
        journal.note(ALLOWED, check)
    passed |= allowed
    holding = [finding for finding in ledger.facts.failed_checks if finding.check not in passed]
    if holding:
        lines = [f"{finding.sentence} [{finding.check}]" for finding in holding]
        flags = " ".join(f"--allow {finding.check}" for finding in holding)
        msg = (
            "This plan does more than a usual load:\n  " + "\n  ".join(lines) + "\n"
            "Nothing was sent. Review the changes in the report; if they are right, run:\n"
            f"  importer apply {shlex.quote(str(ledger.folder))} {flags}"
        )
        raise SafetyCheckError(msg)
    return tuple(
        before[finding.check]
        for finding in ledger.facts.failed_checks
        if finding.check not in allowed
    )


def doubt_if_end_is_lost(ledger: Ledger, journal: Journal) -> str:
    """If the ledger has lost its last entries, have every open row looked up in Alma first.

    Return a sentence about it; "" if nothing is lost.
    """
    if not end_is_lost(ledger):
        return ""
    journal.doubt()
    return (
        "The last entries of this run's ledger are lost; an older copy may have been restored. "
        f"Each of the {left_to_do(ledger):,} unfinished rows is looked up in Alma before "
        "anything is sent."
    )


async def check_same_institution(facts: RunFacts, alma: Alma) -> None:
    """Raise StalePlanError if the key belongs to another Alma than the plan."""
    planned = facts.alma
    now = await alma.general()
    if planned is None or (now.code, now.environment) != (planned.institution, planned.environment):
        was = f"{planned.institution} ({planned.environment})" if planned else "no Alma"
        msg = (
            f"The plan was made for {was}, and this key belongs to {now.code} "
            f"({now.environment}). Nothing was sent. Use the other key, or plan again."
        )
        raise StalePlanError(msg)


async def carry_out(
    ledger: Ledger, alma: Alma, journal: Journal, options: ApplyOptions
) -> Stop | None:
    """Carry out what is left of the plan; return why it stopped early, if it did.

    It stops if the ledger cannot be written any more; nothing is sent after that.
    """
    facts = ledger.facts
    secrets = passwords(facts)
    executor = Executor(
        alma=alma,
        journal=journal,
        origin=facts.roster.origin,
        verify_delay=options.verify_delay,
        sleep=asyncio.sleep,
        clock=time.monotonic,
        passwords=secrets,
        stopping=options.stopping,
        report=options.report,
    )
    try:
        journal.start(f"limit {options.limit}" if options.limit is not None else "")
        if secrets:
            journal.note(PASSWORDS, f"of {len(secrets)} rows")
        stop = await executor.run(options.limit)
        journal.note("paused" if left_to_do(ledger) else "finished", "")
    except LedgerError as error:
        return Stop.by(error)
    return stop


def passwords(facts: RunFacts) -> dict[int, str]:
    """Return the passwords of the roster by row; they are saved nowhere."""
    if facts.command == "undo" or not load(Path(facts.mapping.path)).maps_password:
        return {}
    candidates = reopen_inputs(facts, NO_CODES).candidates
    return {
        row: text
        for row, text in zip(candidates.rows, candidates.texts("password"), strict=True)
        if text
    }


def _check_roster(facts: RunFacts) -> None:
    path = Path(facts.roster.path)
    try:
        same = hashlib.sha256(read_bounded(path, LARGEST)).hexdigest() == facts.roster.sha256
    except UnreadableFileError as error:
        msg = f"The plan's roster cannot be read: {error} Put it back, or plan again."
        raise StalePlanError(msg) from error
    if not same:
        msg = f"The roster {path.name} was changed since the plan was made. Plan again."
        raise StalePlanError(msg)


def _check_mapping(facts: RunFacts) -> None:
    path = Path(facts.mapping.path)
    try:
        same = load(path).sha256 == facts.mapping.sha256
    except MappingError as error:
        msg = f"The plan's mapping {path} is missing or has errors now. Plan again."
        raise StalePlanError(msg) from error
    if not same:
        msg = f"The mapping {path.name} was changed since the plan was made. Plan again."
        raise StalePlanError(msg)
