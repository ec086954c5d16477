"""Write the reports of a run: only here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from importer.errors import LedgerError, defect
from importer.model.text import command_line
from importer.report.files import write_all
from importer.report.view import RunView


def write_reports(run: RunView, *, wanted: Callable[[str], None] | None = None) -> tuple[Path, ...]:
    """Write every report into the run's folder; return the files.

    `wanted` takes the sentence about a fault where reports are only wanted beside what was done;
    no file is returned then. Where they are the purpose (None), it raises LedgerError.
    """
    files: tuple[Path, ...] = ()
    with reporting(run, wanted):
        files = write_all(run)
    return files  # noqa: RET504  a fault leaves it without any


@contextmanager
def reporting(run: RunView, wanted: Callable[[str], None] | None) -> Iterator[None]:
    """Turn a fault of a report that is only wanted into one sentence, as in `write_reports`."""
    try:
        yield
    except Exception as error:
        if wanted is None:
            raise
        wanted(
            str(error)
            if isinstance(error, LedgerError)
            else f"Not all reports could be made. {defect(error)} What was done is saved; to make "
            f"the reports again, type: {command_line('report', str(run.ledger.folder))}"
        )
