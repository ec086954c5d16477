"""A saved run, and what the library shows of it as frames."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from importer.cli.console import saved_codes
from importer.cli.options import USERS
from importer.ledger.integrity import check_whole
from importer.ledger.ledger import Ledger, summarize
from importer.library.arguments import FileName
from importer.model.run import Summary
from importer.model.text import row_label
from importer.pipeline.missing_people import ABSENT_COLUMNS, list_missing
from importer.pipeline.runs import cannot_borrow
from importer.report.files import write_all


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
        names = ("row", "fate", "act", "result", "primary_id")
        with Ledger.open(self.folder) as ledger:
            return frame(
                names,
                (
                    (row_label(one.row), one.fate, one.act or "", one.result or "", one.primary_id)
                    for one in ledger.every_row()
                ),
            )

    def problems(self) -> pd.DataFrame:
        """Return every problem, by row; row 0 is the whole roster.

        The columns are `row, column, heading, field, code, severity, message, value, advice`.
        """
        names = ("row", "column", "heading", "field", "code", "severity", "message", "value",
                 "advice")  # fmt: skip
        with Ledger.open(self.folder) as ledger:
            return frame(
                names,
                (
                    (
                        row_label(one.origin.row),
                        ", ".join(place.letter for place in one.places),
                        ", ".join(place.heading for place in one.places),
                        *(one.field, one.code, one.severity, one.sentence(), one.value, one.advice),
                    )
                    for one in ledger.problems()
                ),
            )

    def changes(self) -> pd.DataFrame:
        """Return every change of a plan: `row, primary_id, field, kind, before, after`."""
        names = ("row", "primary_id", "field", "kind", "before", "after")
        with Ledger.open(self.folder) as ledger:
            return frame(
                names,
                (
                    (row_label(one.row), one.primary_id, to.path, to.kind, to.old, to.new)
                    for one in ledger.planned()
                    for to in one.changes
                ),
            )

    def write_reports(self) -> tuple[Path, ...]:
        """Write the reports into the run's folder; return the files."""
        with Ledger.open(self.folder) as ledger:
            return write_all(ledger, summarize(ledger))


def open_run(folder: FileName) -> Run:
    """Return a saved run. Raises UsageError if the folder is not one, or its ledger is damaged.

    >>> import importer
    >>> importer.open_run(importer.check("patrons.xlsx", "community.yaml").folder).summary.rows > 0
    True
    """
    with Ledger.open(Path(folder)) as ledger:
        check_whole(ledger)
        return Run(ledger.folder)


def absent(run: Run, *, groups: Iterable[str] = (), codes: FileName | None = None) -> pd.DataFrame:
    """Return who is in Alma but missing from the rosters of a plan, from the user cache.

    Of the groups in `match.absent`; if the mapping has none, of `groups` or those of the roster.
    Raises UsageError without a user cache, StalePlanError if the roster was changed.

    >>> import importer
    >>> _ = importer.read_users()
    >>> importer.absent(importer.plan("patrons.xlsx", "community.yaml")).columns[0]
    'primary_id'
    """
    with Ledger.open(run.folder) as ledger:
        path = ledger.facts.codes if codes is None else codes
        tables = saved_codes(Path(path) if path else None)
        missing = list_missing(ledger, tables, USERS, (*groups,))
    return frame(ABSENT_COLUMNS, (one.texts for one in missing))


def borrow_check(run: Run) -> pd.DataFrame:
    """Return who of a plan will not be able to borrow: `row, primary_id, reasons`.

    Raises UsageError if the run is damaged.

    >>> import importer
    >>> run = importer.plan("patrons.xlsx", "community.yaml")
    >>> importer.borrow_check(run).columns.tolist()
    ['row', 'primary_id', 'reasons']
    """
    with Ledger.open(run.folder) as ledger:
        found = (
            (row_label(o.row), o.primary_id, "; ".join(o.reasons)) for o in cannot_borrow(ledger)
        )
        return frame(("row", "primary_id", "reasons"), found)


def frame(names: Sequence[str], rows: Iterable[Sequence[object]]) -> pd.DataFrame:
    """Return a frame of text with these columns; words of a closed list are plain text."""
    texts = [[str(v) if isinstance(v, str) else v for v in row] for row in rows]
    return pd.DataFrame(texts, columns=list(names), dtype=object)
