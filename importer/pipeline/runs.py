"""Runs: make the folder of one, write its ledger, find and list those that are saved."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import chain, count
from pathlib import Path
from typing import Literal

from importer.advice import Do
from importer.errors import ImporterError, LedgerError, UsageError
from importer.files import RUNS, exists, new_file, shown
from importer.ledger.journal import RunContent, write_run
from importer.ledger.ledger import FILE, Ledger
from importer.loader.corrections import digest
from importer.mapper.load import NO_FILE
from importer.mapper.placeholders import heading_key
from importer.memory.memory import BEFORE
from importer.model.plan import RETURNING, Create, Update
from importer.model.problem import Code, Problem
from importer.model.roster import ADDED
from importer.model.run import (
    Corrections,
    MappingFacts,
    OtherRoster,
    RosterFacts,
    RunFacts,
)
from importer.pipeline.decisions import Fates
from importer.pipeline.inputs import ROWS, MappedRoster, Rosters, RunRequest, numbered

LOOKED_AT = 50
"""At most N runs are opened to find the last one with a mapping, the newest first."""

UNFINISHED = "unfinished"
"""A file of this name keeps other commands out of a folder while one makes a run in it.

A command that was killed leaves it there.
"""

KEPT = ("roster*.csv", "mapping*.yaml")
"""What is kept of a roster and a mapping without a file; being written, it has more around it."""

_LISTED = 10
_SHOWN = 100  # characters of a heading


def new_folder(name: str, now: datetime, wanted: Path | None) -> Path:
    """Return an empty run folder: `wanted`, or a new one, `runs/<date>T<time>-<name>`.

    A folder that is made here is private (0700). Nothing about an existing folder is changed.
    Raises UsageError where the folder is not empty, is a file, or cannot be made.
    """
    folder = wanted or RUNS / new_name(name, now)
    try:
        if wanted is None:
            return make_numbered(folder)
        if folder.is_file():
            msg = f"{shown(folder)} is a file. Name a new folder with -o, or leave -o out."
            raise UsageError(msg)
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
        if any(folder.iterdir()):
            raise _not_empty(folder)
    except FileExistsError as error:
        msg = (
            f"The folder {shown(Path(error.filename))} cannot be used: it is a file, or a link to "
            "nothing. If it is on a network share, connect the share; otherwise rename the file."
        )
        raise UsageError(msg) from error
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "its name is not allowed"
        msg = f"The folder {shown(folder)} cannot be made or used: {why}."
        raise UsageError(msg) from error
    return folder


def _not_empty(folder: Path) -> UsageError:
    return UsageError(
        f"The folder {shown(folder)} is not empty. Name a new folder with -o, or leave -o out."
    )


def new_name(name: str, now: datetime) -> str:
    """Return the usual name of a run of a roster: `2026-08-20T0930-community`."""
    stem = re.sub(r"[^\w-]+", "-", name).strip("-").lower()[:40] or "roster"
    return f"{now:%Y-%m-%dT%H%M}-{stem}"


def make_numbered(wanted: Path) -> Path:
    """Make this folder, or the same name with the first free number after it.

    Raises OSError where the folder above cannot be made or used.
    """
    wanted.parent.mkdir(parents=True, exist_ok=True)
    for number in count(1):
        folder = wanted if number == 1 else wanted.with_name(f"{wanted.name}-{number}")
        with suppress(FileExistsError):
            folder.mkdir(mode=0o700)
            return folder
    raise AssertionError  # pragma: no cover  the numbers never end


@contextmanager
def new_run(name: str, now: datetime, wanted: Path | None) -> Iterator[Path]:
    """Make the folder of a new run, as `new_folder` does; it is removed if the block fails.

    It is this command's alone meanwhile. Raises UsageError if another command was first, or it
    cannot be used.
    """
    was_there = wanted is not None and exists(wanted)
    folder = new_folder(name, now, wanted)
    claim = folder / UNFINISHED
    try:
        claim.touch(0o600, exist_ok=False)
    except FileExistsError:
        raise _not_empty(folder) from None
    except OSError as error:
        msg = f"The folder {shown(folder)} cannot be used: {error.strerror}."
        raise UsageError(msg) from error
    try:
        if [path for path in folder.iterdir() if path != claim]:
            raise _not_empty(folder)
        try:
            yield folder
        except BaseException:
            for pattern in (f"{FILE}*", *(f"{kept}*" for kept in KEPT), BEFORE, UNFINISHED):
                for path in folder.glob(pattern):
                    path.unlink()
            if not was_there:
                folder.rmdir()
            raise
    finally:
        claim.unlink(missing_ok=True)


def save_run(
    folder: Path,
    facts: RunFacts,
    rosters: Rosters,
    decided: Fates,
    content: RunContent,
) -> Ledger:
    """Write the ledger of a new check or plan, with the cells of rows that return, are sent or end.

    Rosters and mappings without a file are written beside it, for their owner only. `content` gets
    the problems that were decided, and the columns and cells of the rosters.

    Raises LedgerError if it cannot be written, UsageError if a roster cannot.
    """
    for name, kept_text in (pair for mapped in rosters for pair in mapped.kept.items()):
        with new_file(folder / name, private=True) as file:
            file.write(kept_text)
    kept = decided.rows(*RETURNING)
    sent = {step.row for step in content.steps if isinstance(step, Create | Update)}
    assert kept.isdisjoint(sent), sorted(kept & sent)  # noqa: S101  what holds a row is not sent
    kept |= sent
    kept |= {problem.origin.row for problem in decided.problems if problem.code is Code.RETIRES}
    cells = chain.from_iterable(mapped.cells(kept, lines=True) for mapped in rosters)
    content = replace(
        content,
        problems=decided.problems,
        columns=chain.from_iterable(mapped.columns() for mapped in rosters),
        cells=chain(cells, content.cells),
    )
    return write_run(folder, facts, decided.fates, content)


def run_facts(command: Literal["check", "plan"], rosters: Rosters, request: RunRequest) -> RunFacts:
    """Return the facts of a run, as far as they are known before it is made."""
    (roster, mapping), *others = map(_roster_facts, rosters)
    return RunFacts(
        command=command,
        version=request.occasion.version,
        started=request.occasion.now,
        today=request.occasion.now.date(),
        operator=request.occasion.operator,
        roster=roster,
        mapping=mapping,
        others=tuple(OtherRoster(roster=roster, mapping=its) for roster, its in others),
        codes="" if request.asked.codes is None else str(request.asked.codes),
        codes_institution=request.codes.institution,
        codes_fetched=request.codes.fetched,
    )


def _roster_facts(mapped: MappedRoster) -> tuple[RosterFacts, MappingFacts]:
    source, mapping, made = mapped.roster.source, mapped.mapping, mapped.asked.corrections
    position = source.position
    rows, text = numbered(ROWS, position), numbered(NO_FILE.name, position)
    roster = RosterFacts(
        **({"path": rows} if rows in mapped.kept else _paths(source.path)),
        kept=rows in mapped.kept,
        sha256=source.sha256,
        kind=source.kind,
        sheet=source.sheet,
        named=bool(mapped.asked.sheet),
        encoding=source.encoding,
        delimiter=source.delimiter,
        header=source.header,
        visible_only=mapped.asked.visible_only,
        rejects=mapped.roster.rejects,
        corrections=Corrections(**_paths(made), sha256=digest(made)) if made else None,
    )
    return roster, MappingFacts(
        **({"path": text} if text in mapped.kept else _paths(mapping.path)),
        kept=text in mapped.kept,
        sha256=mapping.sha256,
        meaning=mapping.meaning,
        name=mapping.name,
        title=mapping.title,
        account_type=mapping.file.account_type,
        safety_limits=mapping.file.safety_checks,
        retires=mapping.file.match.retire.do if mapping.file.match.retire else "",
        if_open=mapping.file.match.retire.if_open if mapping.file.match.retire else "",
    )


def _paths(path: Path) -> dict[str, str]:
    return {"path": str(path.resolve()), "typed": str(path)}


def kept_files(folder: Path) -> Iterator[Path]:
    """Yield what a run keeps in its folder of rosters and mappings without a file."""
    return (path for pattern in KEPT for path in sorted(folder.glob(pattern)))


def find_folder(run: str) -> Path:
    """Return the folder of a run, given by its path or by its name under `runs/`.

    Raises UsageError where there is none.
    """
    for folder in (Path(run), RUNS / run):
        with suppress(OSError):
            if folder.is_dir():
                return folder
    name = shown(Path(run))
    if os.path.isfile(run):  # noqa: PTH113  which raises nothing
        msg = f"{name} is a file. Plan the roster first, and name the run that the plan makes."
        raise UsageError(msg)
    msg = f"There is no run {name}."
    raise UsageError(msg).advising(Do.CHOOSE_RUN)


@dataclass(frozen=True, slots=True)
class SavedRun:
    """A folder under `runs/` that is a run, complete or not.

    `since`: when the run started or, if its ledger cannot be read, when a file of it was last
    modified; None if neither is known. `fault`: why it cannot be read, "" if it can.
    """

    folder: Path
    since: datetime | None
    fault: str = ""


def list_runs(under: Path = RUNS) -> list[SavedRun]:
    """List the runs, oldest first and those of unknown age last, without other folders."""
    folders = [path for path in under.iterdir() if path.is_dir()] if under.is_dir() else []
    runs = [saved for folder in sorted(folders) if (saved := _saved_run(folder))]
    return sorted(runs, key=lambda saved: saved.since or datetime.max.replace(tzinfo=UTC))


def _saved_run(folder: Path) -> SavedRun | None:
    try:
        files = list(folder.iterdir())
        # SQLite's temporary files do not count
        lasting = [path for path in files if not path.name.startswith(f"{FILE}-")] or [folder]
        modified = datetime.fromtimestamp(max(path.stat().st_mtime for path in lasting), UTC)
    except OSError as error:
        return SavedRun(folder, None, f"{folder} cannot be read ({error.strerror}).")
    known = (UNFINISHED, *(f"*{pattern}*" for pattern in KEPT))
    if all(any(map(path.match, known)) for path in files):
        return SavedRun(folder, modified, f"{folder} contains no run: it was not finished.")
    if folder / FILE not in files:
        return None
    try:
        with Ledger.open(folder) as ledger:
            return SavedRun(folder, ledger.facts.started)
    except UsageError as error:
        return SavedRun(folder, modified, str(error))
    except LedgerError as error:
        return SavedRun(folder, None, str(error))


def headings_changed(folder: Path, rosters: Rosters) -> Iterator[Problem]:
    """Yield a notice for each roster whose headings changed since the last run with its mapping.

    Runs in the same parent folder as `folder` are compared; of several rosters with one mapping,
    each with the one in its place. The order and the case of headings, and columns that the mapping
    lists under `unused` or that a rejects file adds, do not matter.
    """
    parts = rosters.by_mapping()
    every = ((part[0].mapping.name, *pair) for part in parts for pair in enumerate(part))
    for name, place, mapped in every:
        last = _last_headings(folder, name, place)
        differences = () if last is None else tuple(_heading_changes(last[1], mapped))
        if last is not None and differences:
            message = (
                f"headings differ from the last run with this mapping ({last[0]}): "
                f"{'; '.join(differences)}"
            )
            yield mapped.problem(Code.HEADINGS_CHANGED, message)


def _heading_changes(before: Iterable[str], mapped: MappedRoster) -> Iterator[str]:
    now = (place.heading for place in mapped.roster.places)
    old, new = ({heading_key(name): name for name in these if name} for these in (before, now))
    unused = {heading_key(heading) for heading in (*mapped.mapping.file.roster.unused, *ADDED)}
    for word, these, others in (("gone", old, new), ("new", new, old)):
        names = [name for key, name in these.items() if key not in {*others, *unused}]
        if names:
            quoted = [f'"{n[:_SHOWN]}{"…" if len(n) > _SHOWN else ""}"' for n in names[:_LISTED]]
            more = f" and {len(names) - _LISTED:,} more" if len(names) > _LISTED else ""
            yield f"{word}: {', '.join(quoted)}{more}"


def _last_headings(folder: Path, mapping: str, place: int) -> tuple[str, list[str]] | None:
    """Return the name of the last run with a mapping, and the headings of its roster.

    `place`: of the roster among those with the mapping.
    """
    times: list[tuple[float, Path]] = []
    for path in folder.parent.glob(f"*/{FILE}"):
        with suppress(OSError):  # it may be removed meanwhile, or not readable
            if path.parent != folder:
                times.append((path.stat().st_mtime, path.parent))
    for _, earlier in sorted(times, reverse=True)[:LOOKED_AT]:
        with suppress(ImporterError), Ledger.open(earlier) as ledger:  # it may be unfinished
            known = enumerate(ledger.facts.rosters)
            own = [position for position, (_, its) in known if its.name == mapping][place:]
            if own and not ledger.facts.undoes:
                uses = ledger.columns(own[0])
                return earlier.name, [use.heading for use in uses]
    return None
