"""What the commands share: where output goes; when, by whom and to which version it is given."""

from __future__ import annotations

import getpass
import json
import re
import socket
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from importer.ledger.ledger import Ledger
    from importer.model.run import Summary

Json = Annotated[bool, typer.Option("--json", help="Print the summary on stdout, for machines.")]
ShowValues = Annotated[
    bool, typer.Option("--show-values", help="Do not mask patrons' data in the page and here.")
]


def printable(text: str) -> str:
    """The text without what could drive a terminal, line breaks aside."""
    return re.sub(
        r"[^\S\n ]|[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]", " ", text
    )


def say(text: str = "") -> None:
    """Prose goes to stderr: stdout is for what a machine may read."""
    sys.stderr.write(printable(text) + "\n")


def write(*lines: str) -> None:
    """What was asked for goes to stdout, line by line."""
    sys.stdout.write("".join(f"{printable(line)}\n" for line in lines))


def write_json(told: dict[str, object]) -> None:
    """The same for machines."""
    sys.stdout.write(json.dumps(told, ensure_ascii=False) + "\n")


def now() -> datetime:
    """The time, with this computer's zone."""
    return datetime.now(UTC).astimezone()


def operator() -> str:
    """Who gives the command, on which computer."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = "somebody"
    return f"{name}@{socket.gethostname()}"


def program() -> str:
    """The version of this program."""
    from importlib.metadata import version

    return version("alma-roster-importer")


def conclude(
    ledger: Ledger,
    summary: Summary,
    *,
    as_json: bool,
    show_values: bool,
    files: bool = True,
    stopped: str = "",
) -> int:
    """Write the reports, show the result, and give the exit code.

    `stopped`: why an apply ended early, and how to go on.
    Raises an AssertionError, which is a defect, where the rows do not add up.
    """
    from importer.report.files import write_all

    if not summary.adds_up():
        msg = "the rows of this run do not add up"
        raise AssertionError(msg)
    if files:
        write_all(ledger, summary, show_values=show_values)
    if as_json:
        if stopped:
            say(stopped)
        sys.stdout.write(summary.model_dump_json(exclude_none=True) + "\n")
    else:
        from rich.console import Console

        from importer.report.terminal import show

        show(ledger, summary, Console(stderr=True), show_values=show_values, stopped=stopped)
    return summary.exit
