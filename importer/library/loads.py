"""Check, plan, apply, undo and resolve: what the commands do, as functions."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from importer.cli.connection import connected
from importer.cli.console import saved_codes, saved_facts
from importer.cli.load import undo_request
from importer.cli.options import USERS, operator
from importer.cli.output import now
from importer.errors import StoppedError, UsageError
from importer.ledger.journal import Journal
from importer.ledger.run_lock import open_alone
from importer.library.arguments import (
    SILENT,
    FileName,
    MappingLike,
    Progress,
    RosterLike,
    blocking,
    mapping_of,
    request_of,
    watched,
)
from importer.library.runs import Run
from importer.loader.read import read
from importer.mapper.load import load
from importer.mapper.mapping import MappingDocument
from importer.model.decisions import Answer
from importer.model.plan import Fate, SafetyCheck
from importer.model.roster import Layout, Roster
from importer.model.text import read_row_label
from importer.pipeline import apply as apply_stage
from importer.pipeline.check import check as check_request
from importer.pipeline.check import save_check, validate
from importer.pipeline.convert import convert as convert_rosters
from importer.pipeline.decisions import Decision
from importer.pipeline.inputs import open_inputs
from importer.pipeline.plan import plan as plan_request
from importer.pipeline.resolve import Review
from importer.pipeline.sis_load import deliver
from importer.pipeline.undo import check_undoable
from importer.pipeline.undo import undo as plan_undo
from importer.settings import Settings
from importer.writer.executor import RowDone, Waiting


def read_roster(path: FileName, *, sheet: str = "") -> Roster:
    """Read a spreadsheet as a person sees it: text, by the row numbers that Excel shows.

    Raises RosterError.

    >>> import importer
    >>> [place.heading for place in importer.read_roster("patrons.xlsx").places][:2]
    ['Barcode', 'First Name']
    """
    return read(Path(path), Layout(sheet=sheet))


def load_mapping(mapping: MappingLike) -> MappingDocument:
    """Load a mapping. Raises MappingError with everything that is wrong in it.

    A mapping without a file needs a `name`; its lookup files are in the current folder.

    >>> import importer
    >>> importer.load_mapping("community.yaml").name
    'community'
    """
    return mapping if isinstance(mapping, MappingDocument) else load(mapping_of(mapping))


def check(
    roster: RosterLike,
    mapping: MappingLike,
    *,
    others: Sequence[tuple[RosterLike, MappingLike]] = (),
    codes: FileName | None = None,
    folder: FileName | None = None,
    progress: Progress = SILENT,
) -> Run:
    """Check a roster offline. `others`: more rosters of the same run, each with its mapping.

    `codes`: saved code tables; default: `codes.json` in the current folder, if it is there.
    `folder`: of the new run; default: one under `runs/`. A roster or mapping without a file is
    kept there. Raises RosterError, MappingError, UsageError, StoppedError.

    >>> import importer
    >>> people = [{"ID": "20000000000001", "Name": "Ana"}, {"ID": "", "Name": "Bo"}]
    >>> ids = {"version": 1, "name": "ids", "account_type": "INTERNAL", "match": {"new": "reject"},
    ...     "record": {"primary_id": {"from": "<ID>", "required": "true"}, "first_name": "<Name>"}}
    >>> importer.check(people, ids).summary.rejected
    1
    """
    request = request_of(((roster, mapping), *others), codes, folder)
    with check_request(request, watched(progress)) as ledger:
        return Run(ledger.folder)


async def plan_async(
    roster: RosterLike | None,
    mapping: MappingLike,
    *,
    others: Sequence[tuple[RosterLike, MappingLike]] = (),
    codes: FileName | None = None,
    folder: FileName | None = None,
    refresh: bool = True,
    overwrite_edits: Iterable[str] = (),
    progress: Progress = SILENT,
) -> Run:
    """Check a roster and compare it with Alma, which is only read. As `check` otherwise.

    `roster` is None where the mapping takes its rows from Alma. `refresh`: first read who changed
    since. `overwrite_edits`: fields that are written although staff edited them. Raises AlmaError
    as well.

    >>> import importer
    >>> run = importer.plan("patrons.xlsx", "community.yaml", folder="runs/planned")
    >>> run.rows().query("act == 'create'").shape[0] == run.summary.create
    True
    """
    settings = Settings.read()
    pairs = ((roster, mapping), *others)
    edits = tuple(overwrite_edits)
    request = request_of(pairs, codes, folder, refresh=refresh, overwrite_edits=edits)
    async with connected(settings) as alma:
        with await plan_request(request, alma, settings.alma_rate, watched(progress)) as ledger:
            return Run(ledger.folder)


async def apply_async(
    run: Run,
    *,
    limit: int | None = None,
    allow: Iterable[str] = (),
    delete: int | None = None,
    allow_production: str = "",
    progress: Progress = SILENT,
) -> Run:
    """Carry out a plan, or what is left of it; nobody is asked for confirmation.

    Of a plan for the SIS load, the file is written into the run's folder, and Alma is not called.

    `limit`: send at most N rows. `allow`: names of safety checks that may fail. `delete`: how many
    users it deletes, which must be the number of the plan; without it nobody is deleted.
    `allow_production`: the code of the institution, without which nothing is written to its
    production Alma. Raises UsageError, SafetyCheckError,
    StalePlanError or AlmaError before anything is sent; StoppedError if it ends early, after which
    the same call continues.

    >>> import importer
    >>> run = importer.plan("patrons.xlsx", "community.yaml")
    >>> importer.apply(run, limit=5).summary.created
    5
    """
    with open_alone(run.folder, operator(), now()) as ledger:
        left = apply_stage.left_to_do(ledger)
        if not left:
            apply_stage.remember(ledger, USERS, now())  # also after an apply that was killed
            return run
        alma_facts = ledger.facts.alma
        if alma_facts is not None and alma_facts.is_production:
            _check_production(alma_facts.institution, allow_production)
        settings, journal = Settings.read(), Journal(ledger, operator(), now)
        options = apply_stage.ApplyOptions(
            stopping=progress.cancel,
            verify_delay=settings.alma_verify_delay,
            plan_days=settings.alma_plan_days,
            seal="",
            limit=limit,
            allowed=frozenset(map(SafetyCheck, allow)),
            deletes=delete,
        )
        for sentence in apply_stage.prepare(ledger, journal, options, now()):
            progress.note(sentence)
        if ledger.facts.sis is not None:
            deliver(ledger, journal, limit)
            apply_stage.remember(ledger, USERS, now())
            return run
        done: set[int] = set()

        def report(event: RowDone | Waiting) -> None:
            if isinstance(event, RowDone):
                done.add(event.row)
                progress.rows(len(done), left if limit is None else min(left, limit))

        try:
            async with connected(settings) as alma:
                stop = await apply_stage.carry_out(ledger, alma, journal, options, report)
        except asyncio.CancelledError:
            apply_stage.remember(ledger, USERS, now())
            raise
        apply_stage.remember(ledger, USERS, now())
        if stop is not None:
            error = StoppedError(stop.why)
            error.exit = stop.exit
            raise error
    return run


def _check_production(institution: str, allowed: str) -> None:
    """Raise UsageError unless the institution's code was given."""
    if allowed.casefold() != institution.casefold():
        msg = (
            f"This writes to the production Alma of {institution}. Pass its code: "
            f"apply(run, allow_production={institution!r}). Nothing was sent."
        )
        raise UsageError(msg)


async def undo_async(
    run: Run,
    *,
    delete_created: bool = False,
    folder: FileName | None = None,
    progress: Progress = SILENT,
) -> Run:
    """Plan how to undo a run; `apply` carries it out. What staff changed since, stays.

    `delete_created`: also delete the users that the run created. Raises UsageError if the run wrote
    nothing, AlmaError, StoppedError.

    >>> import importer
    >>> run = importer.apply(importer.plan("patrons.xlsx", "community.yaml"), limit=3)
    >>> importer.undo(run, delete_created=True).summary.delete
    3
    """
    with open_alone(run.folder, operator(), now()) as done:
        check_undoable(done)
        settings = Settings.read()
        output = None if folder is None else Path(folder)
        request = undo_request(output, settings, delete_created=delete_created)
        async with connected(settings) as alma:
            with await plan_undo(done, alma, request, watched(progress)) as ledger:
                return Run(ledger.folder)


async def resolve_async(
    run: Run,
    rows: int | str | Iterable[int | str],
    how: Literal["update", "rename", "create", "load", "reject"],
    *,
    user: str = "",
    codes: FileName | None = None,
) -> Run:
    """Answer rows that need review; later plans remember it.

    `rows`: as in the column `row` of the frames. `user`: with update or rename, the user's ID in
    Alma, if several users are in question. Raises UsageError with each row that cannot be resolved
    so, after all others are; StalePlanError, AlmaError.

    >>> import importer
    >>> run = importer.plan("patrons.xlsx", "community.yaml")
    >>> waiting = run.rows().query("fate == 'review'")["row"]
    >>> importer.resolve(run, waiting, "reject").summary.review
    0
    """
    labels = [rows] if isinstance(rows, int | str) else rows
    decisions = [Decision(read_row_label(str(one)), Answer(how), user) for one in labels]
    tables = saved_codes(None if codes is None else Path(codes))
    with open_alone(run.folder, operator(), now()) as ledger:
        review = Review(ledger, tables, saved_facts(), operator(), now)
        if review.asks_alma(decisions):
            async with connected(Settings.read()) as alma:
                left = await review.resolve_all(decisions, alma)
        else:
            left = await review.resolve_all(decisions, None)
    if left:
        raise UsageError("\n".join(left))
    return run


def convert(
    roster: RosterLike,
    mapping: MappingLike,
    output: FileName,
    *,
    to: Literal["jsonl", "sis-xml"] = "jsonl",
    codes: FileName | None = None,
) -> tuple[Path, ...]:
    """Write the records of the ready rows to a file, as `importer convert` does; return the files.

    Raises RosterError, MappingError, UsageError.

    >>> import importer
    >>> [path.name for path in importer.convert("patrons.xlsx", "community.yaml", "records.jsonl")]
    ['records.jsonl']
    """
    with TemporaryDirectory(prefix="importer-") as scratch:
        request = request_of(((roster, mapping),), codes, scratch)
        rosters = validate(open_inputs(request))
        with save_check(rosters, request) as ledger:
            ready = {row for row, fate in ledger.fates() if fate is Fate.READY}
            return convert_rosters(rosters, ready, to, Path(output))


plan = blocking(plan_async)
apply = blocking(apply_async)
undo = blocking(undo_async)
resolve = blocking(resolve_async)
