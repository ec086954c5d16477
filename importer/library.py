"""The importer as a Python library: what `import importer` offers.

Errors are those of the commands (see `importer.errors`): each is one sentence for a person, with
the exit code that the command would have. Settings come from the environment and `.env`. Every
function also works where an event loop runs already, as in a notebook.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from functools import wraps
from os import PathLike
from pathlib import Path
from typing import Literal, ParamSpec, TypeVar

import pandas as pd

from importer.alma.code_tables import write_file
from importer.cli.check import run_request
from importer.cli.connection import connected
from importer.cli.console import codes_of, saved_facts
from importer.cli.load import undo_request
from importer.cli.options import CODES, USERS, operator
from importer.cli.output import now
from importer.errors import StoppedError, UsageError
from importer.ledger.integrity import check_whole
from importer.ledger.journal import Journal
from importer.ledger.ledger import Ledger, summarize
from importer.ledger.run_lock import open_alone
from importer.loader.csv_file import Rows
from importer.loader.read import read
from importer.mapper.load import MappingText, load
from importer.mapper.mapping import MappingDocument
from importer.model.fields import cells_of
from importer.model.plan import Fate, SafetyCheck
from importer.model.question import Answer
from importer.model.roster import Layout, Roster
from importer.model.run import Summary
from importer.model.text import read_row_label, row_label
from importer.pipeline import apply as apply_stage
from importer.pipeline import sis_load
from importer.pipeline.check import check as check_request
from importer.pipeline.check import validate
from importer.pipeline.decisions import Decision, decide_fates
from importer.pipeline.inputs import Progress as RowProgress
from importer.pipeline.inputs import RosterRequest, RunRequest, open_inputs
from importer.pipeline.plan import plan as plan_request
from importer.pipeline.remember import remembering
from importer.pipeline.resolve import Review
from importer.pipeline.sis_load import convert as convert_rosters
from importer.pipeline.undo import check_undoable
from importer.pipeline.undo import undo as plan_undo
from importer.report.files import write_all
from importer.report.view import RunView
from importer.settings import Settings
from importer.users.cache import UserCache, cache_path, find_all
from importer.users.refresh import Refresh
from importer.writer.executor import RowDone, Waiting

FileName = str | PathLike[str]
RosterLike = FileName | Roster | pd.DataFrame | Iterable[Mapping[str, object]]
"""A file, what `read_roster` returns (it is read again), a DataFrame, or rows as dicts."""
MappingLike = FileName | MappingDocument | Mapping[str, object]
"""A file, its text (of several lines), what `load_mapping` returns, or its values as a dict."""

P = ParamSpec("P")
T = TypeVar("T")
Closed = TypeVar("Closed", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class Progress(RowProgress):
    """Where a call reports its progress, and whether to stop; by default nowhere, and never.

    `rows`: rows done, and rows in all (0 if not known). `note`: a sentence for the operator.
    `cancel` is asked between two rows: an apply finishes the rows under way.

    >>> import importer
    >>> seen = []
    >>> progress = importer.Progress(rows=lambda done, of: seen.append((done, of)))
    >>> _ = importer.plan("patrons.xlsx", "community.yaml", progress=progress)
    >>> seen[-1][0] == seen[-1][1] > 0
    True
    """

    cancel: Callable[[], bool] = lambda: False


SILENT = Progress()


def request_of(
    pairs: Iterable[tuple[RosterLike | None, MappingLike]],
    codes: FileName | None,
    folder: FileName | None,
    *,
    refresh: bool = True,
    overwrite_edits: tuple[str, ...] = (),
) -> RunRequest:
    """Return what a run is asked to do. Raises RosterError, MappingError."""
    rosters = tuple(_roster(roster, mapping_of(mapping)) for roster, mapping in pairs)
    output, file = (None if path is None else Path(path) for path in (folder, codes))
    return run_request(rosters, output, file, refresh=refresh, overwrite_edits=overwrite_edits)


def _roster(roster: RosterLike | None, mapping: Path | MappingText) -> RosterRequest:
    match roster:
        case None:
            return RosterRequest(None, mapping)
        case Roster():
            return RosterRequest(roster.source.path, mapping, roster.source.sheet)
        case str() | PathLike():
            return RosterRequest(Path(roster), mapping)
        case _:
            return RosterRequest(Rows.of(roster), mapping)


def mapping_of(mapping: MappingLike) -> Path | MappingText:
    """Return the file of a mapping, or its text. Raises MappingError."""
    match mapping:
        case MappingDocument():
            content = mapping.content
            return mapping.path if content is None else MappingText(content)
        case str() if "\n" in mapping:
            return MappingText(mapping.encode())
        case str() | PathLike():
            return Path(mapping)
        case _:
            return MappingText.of(mapping)


def watched(progress: Progress) -> RowProgress:
    """Return a progress that raises StoppedError between two rows, if it is to stop."""

    def rows(done: int, of: int) -> None:
        if progress.cancel():
            msg = "Stopped, as you asked. Nothing was saved."
            raise StoppedError(msg)
        progress.rows(done, of)

    return RowProgress(rows, progress.note)


def blocking(work: Callable[P, Coroutine[object, object, T]]) -> Callable[P, T]:
    """Return the function that waits for the work, also where an event loop runs already."""

    @wraps(work)
    def wait(*args: P.args, **kwargs: P.kwargs) -> T:
        return _finished(work(*args, **kwargs))

    return wait


def _finished(work: Coroutine[object, object, T]) -> T:
    """Return what the work gives; in a running event loop, a thread with one of its own does it."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    begun: list[Callable[[], object]] = []

    async def main() -> T:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        if task is not None:
            begun.append(lambda: loop.call_soon_threadsafe(task.cancel))
        return await work

    with ThreadPoolExecutor(1) as threads:
        result = threads.submit(lambda: asyncio.run(main()))
        try:
            return result.result()
        except KeyboardInterrupt:
            for cancel in begun:
                with suppress(RuntimeError):  # it has ended
                    cancel()
            raise


@dataclass(frozen=True, slots=True)
class Run:
    """A saved run. Everything about it is read from its folder.

    >>> import importer
    >>> run = importer.check("patrons.xlsx", "community.yaml", folder="runs/checked")
    >>> importer.Run(run.folder).summary.ready == run.summary.ready
    True
    """

    folder: Path

    @property
    def summary(self) -> Summary:
        """The counts, as in `summary.json`."""
        with Ledger.open(self.folder) as ledger:
            return summarize(ledger)

    def rows(self) -> pd.DataFrame:
        """Return every row: `row, fate, act, result, primary_id`; what is not known is blank."""
        with Ledger.open(self.folder) as ledger:
            rows = [
                (row_label(one.row), one.fate, one.act or "", one.result or "", one.primary_id)
                for one in ledger.every_row()
            ]
        return frame("row fate act result primary_id", rows)

    def problems(self) -> pd.DataFrame:
        """Return every problem, by row; row 0 is the whole roster.

        The columns are `row, column, heading, field, code, severity, message, value, advice`.
        """
        with Ledger.open(self.folder) as ledger:
            rows = [
                (
                    row_label(one.origin.row),
                    ", ".join(place.letter for place in one.places),
                    ", ".join(place.heading for place in one.places),
                    *(one.field, one.code, one.severity, one.sentence(), one.value, one.advice),
                )
                for one in ledger.problems()
            ]
        return frame("row column heading field code severity message value advice", rows)

    def changes(self) -> pd.DataFrame:
        """Return every change of a plan: `row, primary_id, field, kind, before, after`."""
        with Ledger.open(self.folder) as ledger:
            rows = [
                (row_label(one.row), one.primary_id, to.path, to.kind, to.old, to.new)
                for one in ledger.planned()
                for to in one.changes
            ]
        return frame("row primary_id field kind before after", rows)

    def missing(self) -> pd.DataFrame:
        """Return who was in the last load with the mapping, not here: `primary_id, name`.

        The ID is without case and the name blank where the run had no user cache.
        """
        with Ledger.open(self.folder) as ledger:
            return frame("primary_id name", ledger.missing())

    def write_reports(self) -> tuple[Path, ...]:
        """Write the reports into the run's folder; return the files."""
        with Ledger.open(self.folder) as ledger:
            return write_all(RunView(ledger, summarize(ledger)))


def open_run(folder: FileName) -> Run:
    """Return a saved run. Raises UsageError if the folder is not one, or its ledger is damaged.

    >>> import importer
    >>> importer.open_run(importer.check("patrons.xlsx", "community.yaml").folder).summary.rows > 0
    True
    """
    with Ledger.open(Path(folder)) as ledger:
        check_whole(ledger)
        return Run(ledger.folder)


def several(texts: Iterable[str]) -> tuple[str, ...]:
    """Return texts; one that is given alone is not its letters."""
    return (texts,) if isinstance(texts, str) else tuple(texts)


def one_of(kind: type[Closed], text: str) -> Closed:
    """Return a word of a closed list. Raises UsageError."""
    try:
        return kind(text)
    except ValueError:
        msg = f"{text} is none of: {', '.join(kind)}."
        raise UsageError(msg) from None


def frame(names: str, rows: Iterable[Sequence[object]]) -> pd.DataFrame:
    """Return a frame of text with these columns; words of a closed list are plain text."""
    texts = [[str(v) if isinstance(v, str) else v for v in row] for row in rows]
    return pd.DataFrame(texts, columns=names.split(), dtype=object)


@blocking
async def read_users(*, refresh: bool = True, progress: Progress = SILENT) -> pd.DataFrame:
    """Return Alma's users from the user cache; `refresh`: first read who changed since.

    The columns are the fields' paths, as in a mapping with `from: alma`; the frame is personal
    data. Raises UsageError, AlmaError.

    >>> import importer
    >>> "primary_id" in importer.read_users().columns
    True
    """
    async with connected(Settings.read()) as alma:
        institution = await alma.general()
        path = cache_path(USERS, institution.code, institution.environment)
        with UserCache.make(path, institution.code, institution.environment) as cache:
            if refresh:
                await Refresh(cache, alma, now, progress.rows, progress.note).run()
            every = [cells_of(user) for user in find_all(cache)]
    names = dict.fromkeys(("primary_id", *(name for one in every for name in one)))
    rows = [[one.get(name, "") for name in names] for one in every]
    return pd.DataFrame(rows, columns=[*names], dtype=object)


@blocking
async def read_codes(*, save: bool = True) -> pd.DataFrame:
    """Return Alma's code tables: `table, code, description, enabled`.

    `save`: also as `codes.json`, by which `check` and `plan` check codes from then on. Raises
    AlmaError, UsageError.

    >>> import importer
    >>> "COMM" in importer.read_codes(save=False).query("table == 'UserGroups'")["code"].tolist()
    True
    """
    async with connected(Settings.read()) as alma:
        tables = await alma.code_tables(now().date())
    if save:
        write_file(CODES, tables)
    found = [
        (name, row.code, row.description, row.enabled)
        for name, rows in tables.tables.items()
        for row in rows
    ]
    return frame("table code description enabled", found)


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


@blocking
async def plan(
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
    edits = several(overwrite_edits)
    request = request_of(pairs, codes, folder, refresh=refresh, overwrite_edits=edits)
    async with connected(settings) as alma:
        with await plan_request(request, alma, settings.alma_rate, watched(progress)) as ledger:
            return Run(ledger.folder)


@blocking
async def apply(
    run: Run,
    *,
    limit: int | None = None,
    allow: Iterable[str] = (),
    delete: int | None = None,
    allow_production: str = "",
    progress: Progress = SILENT,
) -> Run:
    """Carry out a plan, or what is left of it; nobody is asked for confirmation.

    Of a plan for the SIS load, the file is written into the run's folder, and nothing is sent.

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
    allowed = frozenset(one_of(SafetyCheck, check) for check in several(allow))
    if limit is not None and limit < 0:
        msg = f"limit is a number of rows, not {limit}. Nothing was sent."
        raise UsageError(msg)
    with (
        open_alone(run.folder, operator(), now()) as ledger,
        remembering(ledger, USERS, now, progress.note),
    ):
        journal = Journal(ledger, operator(), now)
        left, listed = apply_stage.left_to_do(ledger), journal.listed()
        if not left and not listed:  # also after an apply that was killed
            return run
        facts = ledger.facts.alma
        code = facts.institution if facts is not None and facts.is_production else ""
        if left and code and allow_production.casefold() != code.casefold():
            msg = (
                f"This writes to the production Alma of {code}. Pass its code: "
                f"apply(run, allow_production={code!r}). Nothing was sent."
            )
            raise UsageError(msg)
        settings = Settings.read()
        options = apply_stage.ApplyOptions(
            now=now,
            note=progress.note,
            stopping=progress.cancel,
            verify_delay=settings.alma_verify_delay,
            plan_days=settings.alma_plan_days,
            seal="",
            limit=limit,
            allowed=allowed,
            deletes=delete,
        )
        apply_stage.prepare(ledger, journal, options)
        if listed:
            async with connected(settings) as alma:
                await apply_stage.list_again(ledger, alma, journal)
            if not left:
                return run
        if ledger.facts.sis:
            async with connected(settings) as alma:
                await sis_load.write_file(ledger, alma, journal, options, USERS)
            return run
        done: set[int] = set()

        def report(event: RowDone | Waiting) -> None:
            if isinstance(event, RowDone):
                done.add(event.row)
                progress.rows(len(done), left if limit is None else min(left, limit))

        async with connected(settings) as alma:
            stop = await apply_stage.carry_out(ledger, alma, journal, options, report)
        if stop is not None:
            error = StoppedError(str(stop))
            error.exit = stop.exit
            raise error
    return run


@blocking
async def undo(
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


@blocking
async def resolve(
    run: Run,
    rows: int | str | Iterable[int | str],
    how: Literal["update", "rename", "create", "only", "separate", "load", "reject"],
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
    labels, answer = [rows] if isinstance(rows, int | str) else rows, one_of(Answer, how)
    try:
        decisions = [Decision(read_row_label(str(one)), answer, user) for one in labels]
    except ValueError:
        msg = "A row is named as in the column `row` of the frames, such as 14 or 2:14."
        raise UsageError(msg) from None
    with open_alone(run.folder, operator(), now()) as ledger:
        review = Review(ledger, codes_of(ledger.facts, codes), saved_facts(), operator(), now)
        if answer is Answer.REJECT:
            left = await review.resolve_all(decisions, None)
        else:
            async with connected(Settings.read()) as alma:
                left = await review.resolve_all(decisions, alma)
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
    if to not in {"jsonl", "sis-xml"}:
        msg = f"{to} is no format: there are jsonl and sis-xml."
        raise UsageError(msg)
    rosters = validate(open_inputs(request_of(((roster, mapping),), codes, None)))
    decided = decide_fates(rosters.rows(), rosters.problems, answers={}, only_new=())
    return convert_rosters(rosters, decided.rows(Fate.READY), to, Path(output))
