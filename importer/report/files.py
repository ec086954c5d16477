"""The files that a run leaves for people and scripts."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from importer.report.placing import edited, generations, place, remove

if TYPE_CHECKING:
    from datetime import datetime

    from importer.ledger.ledger import Ledger
    from importer.model.run import Summary

SUMMARY, PROBLEMS, WORKBOOK, REJECTS, PAGE = (
    "summary.json", "problems.csv", "rejects.xlsx", "rejects.csv", "report.html",
)  # fmt: skip

_PERSONAL = frozenset({PROBLEMS, WORKBOOK, REJECTS})


def kind_of(file: str) -> str:
    """`rejects-2.xlsx` is of the kind `rejects.xlsx`."""
    return re.sub(r"-\d+(?=\.)", "", file)


def holds_personal_data(path: Path, *, show_values: bool) -> bool:
    """Is a report not to be passed on? The page masks values, unless they were asked for."""
    kind = kind_of(path.name)
    return kind in _PERSONAL or (kind == PAGE and show_values)


def write_all(ledger: Ledger, summary: Summary, *, show_values: bool = False) -> tuple[Path, ...]:
    """Write every report of a run into its folder; gives the files.

    `rejects.*` are there only where rows come back; those of an earlier invocation are removed,
    unless somebody has edited them. A file that another program holds open, or that was edited,
    stays as it is, and the new one gets a free name beside it. Values are masked in `report.html`
    unless `show_values`; `problems.csv` and `rejects.*` always hold them. Raises LedgerError
    where the folder cannot be written.
    """
    from importer.report.page import render
    from importer.report.tables import write_problems

    folder = ledger.folder
    counts = summary.model_dump_json(exclude_none=True, indent=2) + "\n"
    paths = [
        place(folder / SUMMARY, partial(_write_text, counts)),
        place(folder / PROBLEMS, partial(write_problems, ledger)),
        *_rejects(ledger),
    ]
    names = tuple(path.name for path in paths)
    page = render(ledger, summary, names, show_values=show_values)
    return *paths, place(folder / PAGE, partial(_write_text, page))


def present(folder: Path) -> tuple[Path, ...]:
    """The reports that a run's folder holds."""
    names = (SUMMARY, PROBLEMS, WORKBOOK, REJECTS, PAGE)
    return tuple(path for name in names for path in generations(folder / name))


def _write_text(text: str, path: Path) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")


def _rejects(ledger: Ledger) -> tuple[Path, ...]:
    """Write the rows that come back, if there are any, and remove what an earlier one left."""
    started = ledger.facts.started
    stale = {
        path
        for name in (WORKBOOK, REJECTS)
        for path in generations(ledger.folder / name)
        if not edited(path, started)
    }
    placed = _write_rejects(ledger, started) if next(ledger.returning(), None) else ()
    for path in stale.difference(placed):
        remove(path)
    return placed


def _write_rejects(ledger: Ledger, started: datetime) -> tuple[Path, ...]:
    from importer.report.tables import write_rejects
    from importer.report.workbook import write_workbook

    folder = ledger.folder
    return (
        place(folder / WORKBOOK, partial(write_workbook, ledger), started),
        place(folder / REJECTS, partial(write_rejects, ledger), started),
    )
