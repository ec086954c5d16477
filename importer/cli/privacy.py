"""The commands `person` and `purge`: what is stored here about patrons, and deleting it."""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Literal

import typer

from importer.cli.connection import open_user_caches
from importer.cli.options import Commands, Json, Yes
from importer.cli.output import confirm, emit, say
from importer.errors import Exit, LedgerError, RosterError, UsageError, WhichSheetError
from importer.jobs.state import JOBS, Store
from importer.ledger.database import journal_of
from importer.ledger.integrity import mark_paths
from importer.ledger.ledger import FILE, Ledger
from importer.ledger.run_lock import LOCK, run_lock
from importer.loader.read import read
from importer.memory import answers, memory, one_person
from importer.model.roster import Layout
from importer.model.text import RowId, command_line, counted, word_list
from importer.pipeline.runs import SavedRun, find_folder, kept_files, list_runs
from importer.service.place import now, operator
from importer.users.cache import UserCache, users_with_id
from importer.users.matching import identifiers
from importer.web.workspace import PRACTICE, is_in_use, kept_in, unused_since

app = Commands()


@dataclass(frozen=True, slots=True)
class Trace:
    """A place that has something about a person. `stays`: why it is not erased here, or blank."""

    kind: Literal["run", "user cache", "memory", "draft", "job"]
    path: Path
    about: str = ""
    stays: str = ""


@app.command()
def person(
    person_id: Annotated[
        str, typer.Argument(metavar="ID", help="An ID of the person, of any kind.")
    ],
    erase: Annotated[
        bool, typer.Option("--erase", help="Erase it everywhere but in runs and in Alma.")
    ] = False,
    yes: Yes = False,
    as_json: Json = False,
) -> Exit:
    """Show where something about a person is stored in this folder; offline.

    Runs are looked for under runs/. The person's other IDs are taken from the user cache.
    """
    if not person_id.strip():  # else every row with a blank cell would be about the person
        msg = "The ID is blank. Name an ID of the person."
        raise UsageError(msg)
    ids = _ids(person_id)
    traces = [*_traces(ids)]
    erasable = [trace for trace in traces if not trace.stays]
    if erase and erasable and not yes:
        confirm(
            f"This erases what {counted(len(erasable), 'place')} have about the person. Type the "
            "ID to continue:",
            person_id,
            "Give --yes to erase without confirmation.",
            "That is not the ID. Nothing was erased.",
        )
    if erase:
        for trace in erasable:
            _erase(trace, ids)
    values = {
        "ids": sorted(ids),
        "found": [asdict(trace) | {"path": str(trace.path)} for trace in traces],
        "erased": len(erasable) if erase else 0,
    }
    lines = (
        f"{trace.kind}  {trace.path}{f'  ({text})' if (text := trace.about or trace.stays) else ''}"
        for trace in traces
    )
    emit(values, lines, as_json=as_json)
    _say_what_stays(person_id, traces, len(erasable) if erase else None)
    return Exit.REJECTS if erase and len(erasable) < len(traces) else Exit.DONE


def _say_what_stays(person_id: str, traces: Sequence[Trace], erased: int | None) -> None:
    """Say in how many places it was erased, None if it was not to be, and what can be done."""
    if not traces:
        say("Nothing about this person is stored here.")
    elif erased is not None:
        say(f"Erased in {counted(erased, 'place')}.")
    for trace in traces:
        if trace.stays and trace.kind != "run":
            say(f"{trace.path} was not changed: {trace.stays}")
    if (practice := Path(PRACTICE)).is_dir():
        say("What the practice of the local page has is listed by:")
        say(f"  {command_line('-C', str(practice), 'person', person_id)}")
    if runs := [str(trace.path) for trace in traces if trace.kind == "run"]:
        say("A run is a record of what was done, and stays whole. To delete these runs, type:")
        say(f"  {command_line('purge', *runs, '--yes')}")


def _ids(person_id: str) -> frozenset[str]:
    """Return the IDs of a person without case: this one, those of its user, and former ones."""
    ids = one_person.known_as({person_id.strip().casefold()})
    for cache in open_user_caches():
        for primary_id, user in [pair for key in ids for pair in users_with_id(cache, key)]:
            ids |= {primary_id.casefold(), *(identifiers(user) if user else ())}
    return one_person.known_as(ids)


def _of_runs(ids: frozenset[str]) -> tuple[list[Trace], set[str], dict[Path, Path]]:
    """Return the runs that have something about a person, and what they show of other places.

    That is the SHA-256 of rosters with a row of the person, and the run of each roster whose load
    was begun and neither finished nor undone. A roster may write an ID in another way than Alma,
    without its zeros for example.
    """
    traces, known, unfinished = list[Trace](), set[str](), dict[Path, Path]()
    for saved in list_runs():
        if saved.fault:
            fault = f"it cannot be read: {saved.fault}"
            traces.append(Trace("run", saved.folder, stays=fault))
            continue
        with Ledger.open(saved.folder) as ledger:
            rows, rosters = (
                one_person.rows_about(ledger, ids),
                [roster for roster, _ in ledger.facts.rosters],
            )
            _, undone = ledger.undone
            if ledger.was_applied and ledger.left and not undone:
                unfinished |= {Path(roster.path).resolve(): saved.folder for roster in rosters}
        known |= {rosters[RowId.of(row).roster].sha256 for row in rows if row}
        if rows or any(_contains(file, ids) for file in kept_files(saved.folder)):
            about = counted(len(rows), "row")
            traces.append(Trace("run", saved.folder, about, "delete it whole"))
    return traces, known, unfinished


def _traces(ids: frozenset[str]) -> Iterator[Trace]:
    """Yield the places that have something about the person with these IDs."""
    runs, known, unfinished = _of_runs(ids)
    yield from runs
    for cache in open_user_caches():
        if cache.names(ids):
            yield Trace("user cache", cache.path)
    if tables := one_person.entries_about(ids):
        yield Trace(
            "memory", memory.PATH, word_list([f"{name} {n:,}" for name, n in tables.items()])
        )
    for folder in kept_in(Path()):
        files = (folder, journal_of(folder), *folder.rglob("*"))
        if any(_is_about(file, ids, known) for file in files):
            stays = "the local page uses it. Stop the page first" if is_in_use(folder) else ""
            whole = (
                "a whole roster, with its corrections" if folder.is_dir() else "all practice users"
            )
            yield Trace("draft", folder, whole, _is_loaded(folder, unfinished) or stays)
    for job in sorted(JOBS.glob("*/")):
        stays = _is_of_job(job.name)
        for file in sorted(job.rglob("*")):
            if _is_about(file, ids, known):
                yield Trace("job", file, stays=stays or _is_loaded(file, unfinished))


def _is_loaded(path: Path, unfinished: Mapping[Path, Path]) -> str:
    """Return why a roster, or the folder of one, stays: its load is not finished; or blank."""
    here = path.resolve()
    loads = (run for file, run in unfinished.items() if here in {file, *file.parents})
    if (run := next(loads, None)) is None:
        return ""
    return (
        f"the load {run} of this roster is not finished. Finish or undo it, or delete it: "
        f"{command_line('purge', str(run), '--yes')}"
    )


def _is_of_job(name: str) -> str:
    """Return why the files of a job stay, or blank."""
    try:
        state = Store(name).read()
    except (LedgerError, UsageError) as error:
        return str(error)
    if state.job and _is_gone(Path(state.job)):
        return ""  # nobody runs it any more
    if state.active is not None:
        return "a load of this job is not finished; run the job first"
    if state.held is not None:
        return f"a load of this job is held; allow or skip it first: {command_line('job', 'list')}"
    return ""


def _is_gone(job: Path) -> bool:
    """Whether a job file was renamed or deleted; one that cannot be looked at may be there."""
    try:
        job.stat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False


def _is_about(file: Path, ids: Collection[str], known: Collection[str]) -> bool:
    """Return whether a file has one of the IDs, or its SHA-256 is that of a file known to."""
    if _contains(file, ids):
        return True
    if not known or not file.is_file() or file.is_symlink():
        return False
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest() in known


def _contains(file: Path, ids: Collection[str]) -> bool:
    """Return whether a file has one of the IDs: a cell of a roster, or a text of any other file."""
    if not file.is_file() or file.is_symlink():
        return False
    try:
        return _has_cell(file, Layout(), ids)
    except WhichSheetError as error:
        return any(_has_cell(file, Layout(sheet=sheet), ids) for sheet in error.sheets)
    except RosterError:
        content = file.read_bytes().decode("utf-8", "replace").casefold()
        return any(key in content for key in ids)


def _has_cell(file: Path, layout: Layout, ids: Collection[str]) -> bool:
    frame = read(file, layout).frame
    return any(text.casefold() in ids for text in frame.to_numpy().ravel())


def _erase(trace: Trace, ids: frozenset[str]) -> None:
    """Erase a trace. Raises UsageError, LedgerError."""
    match trace.kind:
        case "user cache":
            with UserCache.open(trace.path) as cache:
                cache.erase(ids)
        case "memory":
            one_person.entries_about(ids, erase=True)
        case "draft" | "job":
            job = trace.path.relative_to(JOBS).parts[0] if trace.kind == "job" else ""
            with Store(job).locked() if job else nullcontext():
                if trace.path.exists() and (why := _delete(trace.path)):
                    raise UsageError(why)
        case "run":
            raise AssertionError  # pragma: no cover  it stays


@app.command()
def purge(
    run: Annotated[
        list[str], typer.Argument(help="Delete these runs, whatever their age.", metavar="RUN")
    ] = [],  # noqa: B006
    older_than: Annotated[str, typer.Option(help="Age in days, such as 30d.")] = "",
    yes: Annotated[
        bool, typer.Option("--yes", help="Delete them; otherwise only list them.")
    ] = False,
    as_json: Json = False,
) -> int:
    """Delete old runs, resolutions, and rosters of the local page; without --yes, list them."""
    if run and older_than:
        msg = "Name runs, or give --older-than, not both."
        raise UsageError(msg)
    limit = None if run else _limit(older_than)
    saved, stay, page = list_runs(), dict[Path, str](), list[Path]()
    if limit is None:
        folders = _named(run, saved)
    else:
        stay = {run.folder: run.fault for run in saved if run.since is None}
        saved = [run for run in saved if run.since is not None and run.since < limit]
        folders, page = [run.folder for run in saved], unused_since(Path(), limit)
    # first what frees space: on a full disk, the memory cannot be opened before
    stay |= {path: why for path in folders if (why := _why_not_deleted(path, delete=yes))}
    decisions = answers.count_decisions(limit) if limit is not None else 0
    if limit is not None and yes:
        stay |= {folder: why for folder in page if (why := _delete(folder))}
        memory.forget(limit)
    gone, page = ([path for path in paths if path not in stay] for paths in (folders, page))
    for kept_run in saved if limit is not None else ():
        if kept_run.fault and kept_run.folder in gone:
            say(f"{kept_run.fault} Its age is that of its newest file.")
    result = {
        "runs": list(map(str, gone)),
        "page": list(map(str, page)),
        "stay": [{"run": str(folder), "fault": why} for folder, why in stay.items()],
        "decisions": decisions,
        "removed": yes,
    }
    emit(result, map(str, (*gone, *page)), as_json=as_json)
    how = "; run again with --yes to delete them" if gone or page or decisions else ""
    what = "deleted" if yes else f"would be deleted{how}"
    and_answers = f" and {counted(decisions, 'decision')} about patrons" if decisions else ""
    say(f"{counted(len(gone), 'run')}{and_answers} {what}.")
    if page:
        say(f"{counted(len(page), 'folder')} of the local page {what}.")
    for folder, why in stay.items():
        say(f"{folder} was not deleted: {why}")
    return Exit.STOPPED if stay else Exit.DONE


def _limit(older_than: str) -> datetime:
    days = re.fullmatch(r"([0-9]{1,5})d?", older_than.strip())
    if days is None:
        msg = f"{older_than or 'Nothing'} is not an age in days. Write it like --older-than 30d."
        raise UsageError(msg)
    return now() - timedelta(days=int(days[1]))


def _named(runs: list[str], saved: list[SavedRun]) -> list[Path]:
    known, folders = {run.folder.resolve() for run in saved}, map(find_folder, runs)
    named = {folder.parent.resolve() / folder.name: folder for folder in folders}
    for folder in named.values():
        if folder.resolve() not in known and not (folder / FILE).is_file():
            msg = f"{folder} is not a run. Nothing was deleted."
            raise UsageError(msg)
    return [*named.values()]


def _why_not_deleted(folder: Path, *, delete: bool) -> str:
    """Return why a run cannot be deleted, or blank; delete it if asked to."""
    if folder.is_symlink():
        return "it is a link to another folder. Delete the link by hand."
    if not delete:
        return ""
    try:
        with run_lock(folder, operator(), now()):
            _, mark = mark_paths(folder)
            if why := _delete(folder, but=LOCK):  # Windows does not delete an open file
                return why
            with suppress(OSError):  # OneDrive may hold it; it has no patron data
                mark.unlink()
    except LedgerError as error:
        return str(error)
    return _delete(folder)


def _delete(folder: Path, *, but: str = "") -> str:
    """Delete a folder, or all in it `but` a file; return why that is not possible, or blank.

    A run that cannot be deleted whole stays a run, which can be purged later.
    """
    try:
        inside = (
            sorted(folder.iterdir(), key=lambda path: path.name.startswith(FILE)) if but else []
        )
        for path in [file for file in inside if file.name != but] if but else [folder]:
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
    except OSError as error:
        return f"{error.filename or folder} cannot be deleted ({error.strerror or error})."
    return ""
