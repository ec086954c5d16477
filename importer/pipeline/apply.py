"""`apply`: carry one saved plan out, from wherever it stands."""

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
from importer.model.codes import NO_CODES
from importer.model.files import read_bounded
from importer.model.plan import SafetyCheck
from importer.model.problem import Origin
from importer.model.run import RunFacts
from importer.pipeline.inputs import reopen_inputs
from importer.writer.executor import Executor
from importer.writer.progress import Progress, Stop

OPEN = (State.PLANNED, State.INTENT, State.UNKNOWN)
"""The states of steps that an apply still has to do with."""

ROOM_PER_ROW = 30_000
"""Bytes on the disk for a row: its images and entries, three times over."""


@dataclass(frozen=True, slots=True)
class ApplyOptions:
    """What the operator allows: how many rows, and which safety checks may fail.

    `stopping` is asked before each row. `plan_days` is how old a plan may be when it is begun.
    """

    operator: str
    now: Callable[[], datetime]
    stopping: Callable[[], bool]
    tell: Callable[[Progress], None]
    settle: float
    plan_days: int
    limit: int | None = None
    allowed: frozenset[SafetyCheck] = frozenset()


def left_to_do(ledger: Ledger) -> int:
    """How many rows an apply of this run would still have to do with."""
    counts = ledger.progress()
    return sum(counts.get(state, 0) for state in OPEN)


def check_room(ledger: Ledger) -> None:
    """Raises LedgerError where the disk has no room for what is left to be written down."""
    needed = ROOM_PER_ROW * left_to_do(ledger)
    if shutil.disk_usage(ledger.folder).free < needed:
        msg = (
            f"The disk of {ledger.folder} has too little room: this run needs about "
            f"{needed / 1_000_000:,.1f} MB. Nothing was sent. Make room, then run the same "
            "command again."
        )
        raise LedgerError(msg)


def check_is_plan(ledger: Ledger) -> None:
    """Raises UsageError where the run is a check, which has nothing to carry out."""
    if ledger.facts.command == "check":
        msg = f"{ledger.folder} is a check, not a plan. Make a plan with `importer plan`."
        raise UsageError(msg)


def check_fresh(ledger: Ledger, options: ApplyOptions) -> None:
    """Raises StalePlanError where the plan was changed, is too old, or its roster or mapping was.

    An undo plan is made from the ledger alone, so that an undo needs neither.
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
    """Raises StalePlanError where the roster or the mapping is not the one of the plan."""
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
            f"Nothing was sent. Review the changes, then run:\n"
            f"  importer apply {shlex.quote(str(ledger.folder))} {flags}"
        )
        raise SafetyCheckError(msg)
    return tuple(
        before[finding.check]
        for finding in ledger.facts.failed_checks
        if finding.check not in allowed
    )


def doubt_if_end_is_lost(ledger: Ledger, journal: Journal) -> str:
    """Have every open row looked up in Alma first, where the ledger has lost its last entries.

    Return the warning, or blank if nothing is lost.
    """
    if not end_is_lost(ledger):
        return ""
    journal.doubt()
    return (
        "The last entries of this run's ledger are lost; an older copy may have been put back. "
        f"Each of the {left_to_do(ledger):,} rows that are not done is looked up in Alma before "
        "anything is sent."
    )


async def check_institution(facts: RunFacts, alma: Alma) -> None:
    """Raises StalePlanError where the key belongs to another Alma than the plan."""
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
    """Do what is left of the plan; why it ended early, if it did.

    A ledger that cannot be written any more is such a reason: nothing was sent after that.
    """
    facts = ledger.facts
    file = Path(facts.roster.path).name

    def origin(row: int) -> Origin:
        return Origin(file, facts.roster.sheet, row)

    secrets = passwords(facts)
    executor = Executor(
        alma=alma,
        journal=journal,
        origin=origin,
        verify_delay=options.settle,
        sleep=asyncio.sleep,
        clock=time.monotonic,
        passwords=secrets,
        stopping=options.stopping,
        report=options.tell,
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
    """The passwords of the roster, by row: they are kept nowhere else."""
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
        msg = f"The plan's mapping {path} is not there, or is wrong now. Plan again."
        raise StalePlanError(msg) from error
    if not same:
        msg = f"The mapping {path.name} was changed since the plan was made. Plan again."
        raise StalePlanError(msg)
