"""Write the reports of a run: only here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from importer.advice import WriteReports
from importer.errors import ImporterError, LedgerError, defect
from importer.report.files import write_all
from importer.report.view import RunView


def write_reports(
    run: RunView, *, wanted: Callable[[ImporterError], None] | None = None
) -> tuple[Path, ...]:
    """Write every report into the run's folder; return the files.

    `wanted` takes the error about a fault where reports are only wanted beside what was done;
    no file is returned then. Where they are the purpose (None), it raises LedgerError.
    """
    files: tuple[Path, ...] = ()
    with reporting(run, wanted):
        files = write_all(run)
    return files  # noqa: RET504  a fault leaves it without any


@contextmanager
def reporting(run: RunView, wanted: Callable[[ImporterError], None] | None) -> Iterator[None]:
    """Give `wanted` the error about a fault, as in `write_reports`; raise it without one."""
    try:
        yield
    except Exception as error:
        if wanted is None:
            raise
        if not isinstance(error, LedgerError):
            why = f"Not all reports could be made. {defect(error)} What was done is saved."
            error = LedgerError(why).advising(WriteReports(str(run.ledger.folder)))
        wanted(error)
