"""Output of the commands: text, JSON and the end of a run."""

from __future__ import annotations

import getpass
import json
import re
import socket
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Literal

from rich.console import Console

from importer.errors import LedgerError
from importer.ledger.ledger import Ledger
from importer.model.run import Summary
from importer.report import terminal
from importer.report.files import write_all

Reports = Literal["required", "wanted", "none"]
"""What a run's reports are to a command: its purpose, something beside it, or not written."""


def printable(text: str) -> str:
    """Return the text without characters that steer a terminal, except line breaks."""
    return re.sub(
        r"[^\S\n ]|[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]", " ", text
    )


def say(text: str = "") -> None:
    """Write a message to stderr; stdout is for what was asked for."""
    sys.stderr.write(printable(text) + "\n")


def write(*lines: str) -> None:
    """Write lines to stdout."""
    sys.stdout.write("".join(f"{printable(line)}\n" for line in lines))


def write_json(values: dict[str, object]) -> None:
    """Write one line of JSON to stdout."""
    sys.stdout.write(json.dumps(values, ensure_ascii=False) + "\n")


def now() -> datetime:
    """Return the time in the time zone of this computer."""
    return datetime.now(UTC).astimezone()


def operator() -> str:
    """Return who runs the command, on which computer: `ana@desk`."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = "somebody"
    return f"{name}@{socket.gethostname()}"


def program() -> str:
    """Return the version of this program."""
    return version("alma-roster-importer")


def conclude(
    ledger: Ledger,
    summary: Summary,
    *,
    as_json: bool,
    show_values: bool,
    reports: Reports = "required",
    stopped: str = "",
) -> int:
    """Show the result, write the reports, and return the exit code.

    The counts come first, so that no fault of a report hides what was done in Alma. A report that
    cannot be written raises LedgerError where reports are "required"; where they are "wanted" it
    is one sentence, and the exit code stays what the run earned.
    `stopped`: why an apply ended early, and how to continue.
    Raises AssertionError, which is a defect, where the rows do not add up.
    """
    if not summary.adds_up():
        msg = "the rows of this run do not add up"
        raise AssertionError(msg)
    if not as_json:
        _conclude_for_people(ledger, summary, reports, show_values=show_values, stopped=stopped)
        return summary.exit
    if reports == "required":
        _write_reports(ledger, summary, reports, show_values=show_values)
    if stopped:
        say(stopped)
    sys.stdout.write(summary.model_dump_json(exclude_none=True) + "\n")
    sys.stdout.flush()
    if reports == "wanted":
        _write_reports(ledger, summary, reports, show_values=show_values)
    return summary.exit


def _conclude_for_people(
    ledger: Ledger, summary: Summary, reports: Reports, *, show_values: bool, stopped: str
) -> None:

    console = Console(stderr=True)
    if stopped and summary.created is None:
        _write_reports(ledger, summary, reports, show_values=show_values)
        terminal.show_stop(stopped, console)
        return
    terminal.show_counts(summary, console)
    with _reporting(ledger, reports):
        terminal.show_problems(
            ledger, summary, console, show_values=show_values, reported=reports != "none"
        )
    _write_reports(ledger, summary, reports, show_values=show_values)
    with _reporting(ledger, reports):
        terminal.show_files(ledger, summary, console, show_values=show_values, stopped=stopped)


def _write_reports(
    ledger: Ledger, summary: Summary, reports: Reports, *, show_values: bool
) -> None:

    if reports != "none":
        with _reporting(ledger, reports):
            write_all(ledger, summary, show_values=show_values)


@contextmanager
def _reporting(ledger: Ledger, reports: Reports) -> Iterator[None]:
    """Turn a fault of a report that is only wanted into one sentence."""
    try:
        yield
    except LedgerError as error:
        if reports != "wanted":
            raise
        say(str(error))
    except Exception as error:
        if reports != "wanted":
            raise
        say(
            f"Not all reports could be made. {defect(error)} What was done is saved; to make the "
            f"reports again, type: importer report {ledger.folder}"
        )


def defect(error: Exception) -> str:
    """Return where a defect is, without the text of the exception: it may contain patron data."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "importer" in Path(frame.filename).parts]
    place = "an unknown place"
    if ours:
        place = f"{Path(ours[-1].filename).name}, line {ours[-1].lineno}"
    return (
        f"This is a defect of the importer ({type(error).__name__} in {place}); nothing is wrong "
        "with what you did. Please report this line; it contains no patron data."
    )
