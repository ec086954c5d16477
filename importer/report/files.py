"""The report files of a run: written whole, private, and never over edited ones."""

from __future__ import annotations

import filecmp
import os
import re
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from functools import partial
from itertools import chain, count
from pathlib import Path

from importer.errors import ImporterError, LedgerError
from importer.ledger.ledger import Ledger, summarize
from importer.model.files import flush, temporary_beside
from importer.model.run import Summary
from importer.model.text import command_line
from importer.report.lineage import Lineage, lineage
from importer.report.page import render
from importer.report.people_lists import List, people_lists
from importer.report.rejects import returned, write_problems, write_rejects, write_workbook
from importer.report.wording import (
    MASKED,
    PAGE,
    PROBLEMS,
    REJECTS,
    SET,
    SIS_FILES,
    SUMMARY,
    WORKBOOK,
    kind_of,
    rejects_name,
)

_ABOUT = {
    MASKED: "this page with patrons' data masked, to share",
    SUMMARY: "the counts, for scripts",
    PROBLEMS: "every problem with its row and column; contains personal data",
    WORKBOOK: "the rows to correct, marked; contains personal data",
    REJECTS: "the same rows as plain text; contains personal data",
    SET: "the IDs of the users, to create a set in Alma; contains personal data",
}
"""What each report beside the page is for."""

_PERSONAL = frozenset({PAGE, PROBLEMS, WORKBOOK, REJECTS, SET})


def holds_personal_data(path: Path) -> bool:
    """Return whether a report contains personal data."""
    return kind_of(path.name) in _PERSONAL


def write_all(ledger: Ledger, summary: Summary) -> tuple[Path, ...]:
    """Write every report of a run into its folder; return the files.

    `rejects.*` are written only where there are rows to correct or review; earlier ones are
    deleted unless somebody edited them. A file that is open in another program, or was edited,
    stays, and the new one gets a free name beside it. Once a run is applied, the pages of the run
    that it undoes or corrects are written again, and of those that an undo undoes in turn, because
    they show that. Raises LedgerError where the folder cannot be written.
    """
    folder = ledger.folder
    counts = summary.model_dump_json(exclude_none=True, indent=2) + "\n"
    paths = [
        *_rejects(ledger),
        place(folder / PROBLEMS, partial(write_problems, ledger)),
        place(folder / SUMMARY, partial(_write_text, counts)),
    ]
    if ledger.facts.lists:
        paths += write_people(ledger, "set", pins=False)
    related = lineage(ledger)
    if ledger.was_applied:
        todo = [related.undoes, related.corrects]
        for earlier in filter(None, todo):
            with suppress(ImporterError), Ledger.open(earlier) as first:
                its = lineage(first)
                _write_pages(first, summarize(first), its)
                if its.undoes not in (*todo, folder.resolve()):
                    todo.append(its.undoes)
    return (*_write_pages(ledger, summary, related), *paths)


def write_people(ledger: Ledger, kind: List, *, pins: bool) -> dict[Path, int]:
    """Write lists of the users of a run into its folder; return the number in each file.

    The lists are those of `people_lists`. Raises LedgerError.
    """

    def write(content: bytes, path: Path) -> None:
        path.write_bytes(content)

    lists = people_lists(ledger, kind, pins=pins)
    return {
        place(ledger.folder / name, partial(write, people.content)): people.count
        for name, people in lists.items()
    }


def _write_pages(ledger: Ledger, summary: Summary, related: Lineage) -> tuple[Path, ...]:
    """Write the page of a run with values and masked, beside its other reports."""
    written = [path for path in present(ledger.folder) if kind_of(path.name) in _ABOUT]
    beside = [(path.name, _ABOUT[kind_of(path.name)]) for path in written]
    masked, shown = (
        place(ledger.folder / name, partial(_write_text, page))
        for name, page in zip((MASKED, PAGE), render(ledger, summary, beside, related), strict=True)
    )
    return shown, masked


def present(folder: Path) -> tuple[Path, ...]:
    """Return the reports in a run folder, then the files for the SIS load.

    Of those with one usual name the newest is last.
    """
    found: list[Path] = []
    for name in (PAGE, MASKED, WORKBOOK, REJECTS, SET, PROBLEMS, SUMMARY):
        found += _generations(folder / name)
        if name in {WORKBOOK, REJECTS}:  # those of several rosters
            several = folder.glob(f"rejects-*-*{Path(name).suffix}")
            # of one roster, each free name is longer than the one before or comes after it
            found += sorted(several, key=lambda one: (one.name.split("-")[1], len(one.name), one))
    return (*found, *sorted(folder.glob(SIS_FILES)))


def _write_text(text: str, path: Path) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")


def _rejects(ledger: Ledger) -> tuple[Path, ...]:
    """Write the rejects of each roster that has any; delete earlier ones that nobody edited."""
    facts, placed = ledger.facts, list[Path]()
    stale = {
        path
        for path in present(ledger.folder)
        if kind_of(path.name) in {WORKBOOK, REJECTS} and not edited(path, facts.started)
    }
    for roster in range(len(facts.rosters)):
        if next(returned(ledger, roster), None):
            for name, write in ((WORKBOOK, write_workbook), (REJECTS, write_rejects)):
                path = ledger.folder / rejects_name(name, facts, roster)
                placed.append(place(path, partial(write, ledger, roster), facts.started))
    for path in stale.difference(placed):
        if not _is_open(path):
            with suppress(PermissionError):
                path.unlink(missing_ok=True)
    return tuple(placed)


Write = Callable[[Path], None]
"""Writes the content of a file to a path."""

SAME_TIME = 2
"""Seconds: some file systems keep times to two seconds only."""


def place(wanted: Path, write: Write, stamp: datetime | None = None) -> Path:
    """Write a file whole under its name, or under a free one beside it; return its path.

    A free name is taken where the file is open in another program. With a `stamp`, the file's time
    is set to it, so that `edited` can find later changes; an edited file is not replaced either,
    and where its content is the new one's, it is the file. Raises LedgerError where the folder
    cannot be written.
    """
    try:
        with temporary_beside(wanted) as unfinished:
            write(unfinished)
            flush(unfinished)
            if stamp is not None:
                os.utime(unfinished, (stamp.timestamp(), stamp.timestamp()))
            return _put(unfinished, wanted, stamp)
    except OSError as error:
        raise _unwritable(wanted, error) from error


def _unwritable(wanted: Path, error: OSError) -> LedgerError:
    """Return the error for a report that cannot be written, or whose folder is gone."""
    folder = wanted.parent
    if folder.is_dir():
        msg = (
            f"The report {wanted} cannot be written ({error.strerror or error}). The run itself is "
            "safe in its ledger. Free some space on the disk or check the folder, then run: "
            f"{command_line('report', str(folder))}"
        )
    else:
        msg = (
            f"No reports were written: the run's folder {folder} was moved, renamed or deleted. "
            "If it has a new name, run `importer report` with that."
        )
    return LedgerError(msg)


def _put(unfinished: Path, wanted: Path, stamp: datetime | None) -> Path:
    free = (wanted.with_stem(f"{wanted.stem}-{number}") for number in count(2))
    for path in chain((wanted,), free):
        if path.exists() and _is_open(path):
            continue
        if stamp is not None and path.is_file() and edited(path, stamp):
            if filecmp.cmp(unfinished, path, shallow=False):
                return path
            continue
        try:
            unfinished.replace(path)
        except (PermissionError, IsADirectoryError):
            if not path.exists():
                raise
        else:
            return path
    raise AssertionError  # pragma: no cover  the names never end


def _generations(wanted: Path) -> tuple[Path, ...]:
    """Return the files of this name and of the free names beside it, in order.

    Raises LedgerError where the folder is not there.
    """
    name = re.compile(rf"{re.escape(wanted.stem)}(?:-(\d+))?{re.escape(wanted.suffix)}")
    try:
        paths = list(wanted.parent.iterdir())
    except OSError as error:
        raise _unwritable(wanted, error) from error
    found = (
        (int(hit[1] or 1), path)
        for path in paths
        if (hit := name.fullmatch(path.name)) and path.is_file()
    )
    return tuple(path for _, path in sorted(found))


def edited(path: Path, stamp: datetime) -> bool:
    """Return whether somebody changed the file since it was placed with this stamp."""
    return abs(path.stat().st_mtime - stamp.timestamp()) >= SAME_TIME


def _is_open(path: Path) -> bool:
    """Return whether LibreOffice or Excel has the file open: they leave such a file beside it."""
    return any(path.with_name(name).exists() for name in (f".~lock.{path.name}#", f"~${path.name}"))
