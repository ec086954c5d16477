"""Runs: create one, list the saved ones, compare with the last one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from importer.errors import ImporterError, LedgerError, UsageError
from importer.ledger.ledger import (
    Ledger,
    add_cells,
    add_columns,
    add_problems,
    add_rows,
    add_steps,
    finish,
)
from importer.ledger.schema import FILE
from importer.mapper.placeholders import heading_key
from importer.model.catalogue import Code
from importer.model.files import exists
from importer.model.plan import Step
from importer.model.problem import Problem
from importer.model.run import ColumnUse, MappingFacts, RosterFacts, RunFacts
from importer.pipeline.fates import Decided
from importer.pipeline.folders import RUNS, new_folder
from importer.pipeline.inputs import Inputs, RunRequest


@dataclass(frozen=True, slots=True)
class RunContents:
    """Everything that the ledger of a new run contains, by row numbers where it is about rows."""

    facts: RunFacts
    columns: Iterable[ColumnUse]
    decided: Decided
    cells: Iterable[tuple[int, tuple[str, ...]]]
    steps: Iterable[Step] = ()


@contextmanager
def new_run(request: RunRequest) -> Iterator[Path]:
    """Make the folder of a new run; it is removed again if the block fails.

    Raises UsageError if the folder cannot be used.
    """
    was_there = request.folder is not None and exists(request.folder)
    folder = new_folder(request.roster, request.now, request.folder)
    try:
        yield folder
    except BaseException:
        for path in folder.glob(f"{FILE}*"):
            path.unlink()
        if not was_there:
            folder.rmdir()
        raise


def write_run(folder: Path, contents: RunContents) -> Ledger:
    """Write the ledger of a new run, in one transaction. Raises LedgerError if it cannot be."""
    ledger = Ledger.create(folder)
    try:
        with ledger.transaction():
            add_columns(ledger, contents.columns)
            add_rows(ledger, contents.decided.fates.items())
            add_problems(ledger, contents.decided.problems)
            add_steps(ledger, contents.steps)
            add_cells(ledger, contents.cells)
            finish(ledger, contents.facts)
    except BaseException:
        ledger.close()
        raise
    return ledger


def roster_facts(inputs: Inputs, request: RunRequest) -> RosterFacts:
    """Return which roster it is, and how it was read."""
    source = inputs.roster.source
    return RosterFacts(
        path=str(source.path.resolve()),
        typed=str(source.path),
        sha256=source.sha256,
        kind=source.kind,
        sheet=source.sheet,
        encoding=source.encoding,
        delimiter=source.delimiter,
        header=source.header,
        visible_only=request.visible_only,
    )


def mapping_facts(inputs: Inputs) -> MappingFacts:
    """Return which mapping it is."""
    mapping = inputs.mapping
    return MappingFacts(
        path=str(mapping.path.resolve()),
        typed=str(mapping.path),
        sha256=mapping.sha256,
        name=mapping.name,
        title=mapping.title,
        account_type=mapping.account_type,
        safety_limits=mapping.safety_limits,
    )


def run_facts(command: Literal["check", "plan"], inputs: Inputs, request: RunRequest) -> RunFacts:
    """Return what is known of a run before Alma is asked."""
    return RunFacts(
        command=command,
        version=request.version,
        started=request.now,
        today=request.now.date(),
        operator=request.operator,
        roster=roster_facts(inputs, request),
        mapping=mapping_facts(inputs),
        codes="" if request.codes_file is None else str(request.codes_file),
        codes_institution=request.codes.institution,
        codes_fetched=request.codes.fetched,
    )


_LAST = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class KeptRun:
    """A folder under `runs/` that is a run, complete or not.

    `since`: when the run started or, if its ledger cannot be read, when a file of it was last
    modified; None if neither is known. `fault`: why it cannot be read, "" if it can.
    """

    folder: Path
    since: datetime | None
    fault: str = ""


def list_runs() -> list[KeptRun]:
    """List the runs, oldest first and those of unknown age last, without other folders."""
    folders = [path for path in RUNS.iterdir() if path.is_dir()] if RUNS.is_dir() else []
    runs = [kept for folder in sorted(folders) if (kept := _look(folder))]
    return sorted(runs, key=lambda kept: kept.since or _LAST)


def _look(folder: Path) -> KeptRun | None:
    try:
        files = list(folder.iterdir())
        modified = _modified(folder, files)
    except OSError as error:
        return KeptRun(folder, None, f"{folder} cannot be read ({error.strerror}).")
    if not files:
        return KeptRun(folder, modified, f"{folder} is empty.")
    if folder / FILE not in files:
        return None
    try:
        with Ledger.open(folder) as ledger:
            return KeptRun(folder, ledger.facts.started)
    except UsageError as error:
        return KeptRun(folder, modified, str(error))
    except LedgerError as error:
        return KeptRun(folder, None, str(error))


def _modified(folder: Path, files: Sequence[Path]) -> datetime:
    """Return when a file was last modified; SQLite's temporary files do not count."""
    lasting = [path for path in files if not path.name.startswith(f"{FILE}-")]
    newest = max(path.stat().st_mtime for path in lasting or [folder])
    return datetime.fromtimestamp(newest, UTC)


LOOKED_AT = 50
"""At most N runs are opened, the newest first."""

_LISTED = 10
_SHOWN = 100  # characters of a heading


def headings_changed(folder: Path, inputs: Inputs) -> Iterator[Problem]:
    """Yield a notice if headings are gone or new since the last run with this mapping.

    Runs in the same parent folder as `folder` are compared. The order of headings and columns
    that the mapping lists under `unused` do not matter.
    """
    last = _last(folder, inputs.mapping.name)
    if last is None:
        return
    run, before = last
    now = {place.heading: None for place in inputs.roster.places if place.heading}
    unused = {heading_key(heading) for heading in inputs.mapping.file.roster.unused}
    gone, new = (
        [name for name in these if name not in others and heading_key(name) not in unused]
        for these, others in ((before, now), (now, before))
    )
    differences = [
        f"{words}: {_listed(headings)}"
        for words, headings in (("gone", gone), ("new", new))
        if headings
    ]
    if differences:
        message = (
            f"headings differ from the last run with this mapping ({run}): {'; '.join(differences)}"
        )
        yield Problem.of(Code.HEADINGS_CHANGED, inputs.roster.source.origin(), message)


def _last(folder: Path, mapping: str) -> tuple[str, dict[str, None]] | None:
    """Return the name of the last run with a mapping, and the headings of its roster."""
    found: list[tuple[float, Path]] = []
    for path in folder.parent.glob(f"*/{FILE}"):
        with suppress(OSError):  # it may be removed meanwhile, or not readable
            if path.parent != folder:
                found.append((path.stat().st_mtime, path.parent))
    for _, earlier in sorted(found, reverse=True)[:LOOKED_AT]:
        try:
            with Ledger.open(earlier) as ledger:
                facts = ledger.facts
                if facts.mapping.name == mapping and not facts.undoes:
                    headings = (use.heading for use in ledger.columns() if use.heading)
                    return earlier.name, dict.fromkeys(headings)
        except ImporterError:  # not finished, or of another version
            continue
    return None


def _listed(headings: list[str]) -> str:
    shown = ", ".join(
        f'"{heading[:_SHOWN]}{"…" if len(heading) > _SHOWN else ""}"'
        for heading in headings[:_LISTED]
    )
    left = len(headings) - _LISTED
    return f"{shown} and {left:,} more" if left > 0 else shown
