"""What the commands share: options, output, progress and the end of a run."""

from __future__ import annotations

import getpass
import io
import json
import os
import re
import socket
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console, RenderableType
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from importer.alma.code_tables import read_file
from importer.errors import LedgerError, UsageError, defect
from importer.ledger.ledger import Ledger
from importer.model.fields import NO_CODES, CodeTables
from importer.model.run import Summary
from importer.model.text import read_row_label
from importer.report import terminal
from importer.report.files import write_all
from importer.report.wording import headline
from importer.users.cache import UserCache

# options and arguments

Rosters = Annotated[
    list[str],
    typer.Argument(
        help="The spreadsheet: CSV, Excel or OpenDocument. Of a workbook's sheet: BOOK[SHEET].",
        show_default=False,
        metavar="ROSTER",
    ),
]
Mappings = Annotated[
    list[Path],
    typer.Option(
        "-m",
        "--mapping",
        help="The mapping (YAML): one for all rosters, or one for each in their order.",
        show_default=False,
    ),
]
Folder = Annotated[
    Path | None, typer.Option("-o", "--output", help="Run folder; default: a new one under runs/.")
]
Codes = Annotated[
    Path | None,
    typer.Option(help="Saved code tables; default: codes.json in this folder, if there."),
]
CorrectionsFile = Annotated[
    Path | None, typer.Option("--corrections", help="Corrections of the rosters' cells (CSV).")
]
VisibleOnly = Annotated[
    bool, typer.Option("--visible-only", help="Skip the rows that are hidden in the sheet.")
]


def _names_of_runs(incomplete: str) -> list[str]:
    """Return the runs whose names begin so, for completion."""
    return [path.name for path in sorted(Path("runs").glob(f"{incomplete}*")) if path.is_dir()]


Run = Annotated[
    str,
    typer.Argument(help="Run folder, or its name under runs/.", autocompletion=_names_of_runs),
]
ROW_HELP = "Row number, as in the spreadsheet; 2:14 is row 14 of the second roster."
Row = Annotated[int, typer.Argument(help=ROW_HELP, parser=read_row_label, metavar="ROW")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON to stdout.")]
ShowValues = Annotated[
    bool,
    typer.Option("--show-values", help="Do not mask patron data on screen."),
]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")]

USERS = Path("users")
"""The folder of the user caches, one file for each institution's Alma."""

FACTS = Path("facts.json")
"""What `importer doctor --probe` measured of Alma."""

PACKAGE = "alma-roster-importer"
"""The name of this program's distribution."""

CODES = Path("codes.json")
"""The file of saved code tables, unless another file is named."""


def saved_codes(path: Path | None) -> CodeTables:
    """Return the code tables of a file; without one, those of `codes.json`, or none.

    Raises UsageError where a named file is missing, or a file is wrong.
    """
    return NO_CODES if path is None and not CODES.is_file() else read_file(path or CODES)


@contextmanager
def only_user_cache() -> Iterator[UserCache | None]:
    """Open the user cache of this folder for the block; None if there is none, or several."""
    caches = sorted(USERS.glob("*.sqlite"))
    with UserCache.open(caches[0]) if len(caches) == 1 else nullcontext() as cache:
        yield cache


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
    return version(PACKAGE)


def shipped(name: str = "") -> Path:
    """Return a file that comes with the importer: beside its package, or in the wheel inside it.

    Without a name, the folder of these files.
    """
    package = Path(__file__).parents[1]
    installed = package / "shipped" / name
    if installed.exists():
        return installed
    beside = package.parent / name
    try:
        return Path(os.path.relpath(beside))
    except ValueError:  # another drive of Windows
        return beside


# output


class Output:
    """How a command writes, from the options beside every command; one for the process.

    `quiet`: only errors and what stopped a run. `verbose`: all problems on the screen, and how
    long the command took. `run`: the folder of the run that the command made or used.
    """

    quiet = verbose = False
    run = ""
    _log: Path | None = None
    _began = 0.0

    def reset(self) -> None:
        """Start as without any option."""
        vars(self).clear()
        self._began = time.monotonic()

    def begin(self, *, quiet: bool, verbose: bool, log: Path | None) -> None:
        """Set the options. Raises UsageError if the log cannot be written."""
        self.quiet, self.verbose, self._log = quiet, verbose, log
        self.note("begin", version=program())

    def note(self, event: str, **values: object) -> None:
        """Add a line of JSON to the log, if there is one."""
        if self._log is None:
            return
        line = {"time": now().isoformat(timespec="milliseconds"), "event": event, **values}
        try:
            with self._log.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line, ensure_ascii=False) + "\n")
        except OSError as error:
            log, self._log = self._log, None
            msg = f"The log {log} cannot be written ({error.strerror}). Name another file."
            raise UsageError(msg) from error

    def end(self, command: str, code: int) -> None:
        """Note how the command ended."""
        seconds = round(time.monotonic() - self._began, 1)
        self.note("end", command=command, exit=int(code), run=self.run, seconds=seconds)
        if self.verbose:
            say(f"{command}: {seconds:,.1f} s, exit code {int(code)}.")


output = Output()


def printable(text: str) -> str:
    """Return the text without characters that steer a terminal, except line breaks."""
    return re.sub(
        r"[^\S\n ]|[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]", " ", text
    )


def say(text: str = "") -> None:
    """Write a message to stderr; stdout is for what was asked for."""
    if text:
        output.note("message", text=printable(text))
    if not output.quiet:
        sys.stderr.write(printable(text) + "\n")


class UnbrokenStream(io.TextIOWrapper):
    """A stream whose reader may leave, as `… | head` and a closed window do.

    The rest goes nowhere, and no error stops a load that is under way.
    """

    def write(self, text: str) -> int:
        """Write a text; return its length."""
        try:
            return super().write(text)
        except BrokenPipeError:
            discard(self.fileno())
            return len(text)

    def flush(self) -> None:
        """Write what is kept back."""
        try:
            super().flush()
        except BrokenPipeError:
            discard(self.fileno())


def keep_messages_unbroken() -> None:
    """Let nobody who stops reading the messages stop the command."""
    stream = sys.stderr
    if isinstance(stream, io.TextIOWrapper):
        sys.stderr = UnbrokenStream(
            stream.buffer, stream.encoding, stream.errors, line_buffering=True
        )


def discard(number: int) -> None:
    """Send what is still written to an open file, by its number, nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, number)
    os.close(nowhere)


def write(*lines: str) -> None:
    """Write lines to stdout."""
    sys.stdout.write("".join(f"{printable(line)}\n" for line in lines))


def write_json(values: object) -> None:
    """Write one line of JSON to stdout."""
    sys.stdout.write(json.dumps(values, ensure_ascii=False) + "\n")


def confirm(question: str, answer: str, without: str, refused: str) -> None:
    """Ask the operator to type the answer. Raises UsageError where it is another one.

    `without`: the message where nobody can be asked; `refused`: that of another answer.
    """
    if not sys.stdin.isatty():
        raise UsageError(without)
    sys.stderr.write(f"{printable(question)}\n")
    if sys.stdin.readline().strip().casefold() != answer.casefold():
        raise UsageError(refused)


Reports = Literal["required", "wanted", "none"]
"""What a run's reports are to a command: its purpose, something beside it, or not written."""


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

    def write_reports() -> None:
        if reports != "none":
            with _reporting(ledger, reports):
                write_all(ledger, summary)

    output.run = summary.run
    output.note("summary", **summary.model_dump(mode="json", exclude_none=True))
    console = Console(stderr=True, quiet=output.quiet)
    if output.quiet and summary.exit and not as_json:
        sys.stderr.write(f"importer: {stopped or headline(summary)}\n")
    if as_json:
        if reports == "required":
            write_reports()
        if stopped:
            say(stopped)
        try:
            sys.stdout.write(summary.model_dump_json(exclude_none=True) + "\n")
            sys.stdout.flush()
        except BrokenPipeError:
            discard(sys.stdout.fileno())
        if reports == "wanted":
            write_reports()
    elif stopped and summary.created is None:
        write_reports()
        terminal.show_stop(stopped, console)
    else:
        terminal.show_counts(summary, console)
        with _reporting(ledger, reports):
            terminal.show_problems(
                ledger,
                summary,
                console,
                show_values=show_values,
                reported=reports != "none",
                most=None if output.verbose else terminal.MOST_GROUPS,
            )
        write_reports()
        with _reporting(ledger, reports):
            terminal.show_files(ledger, summary, console, stopped=stopped)
    return summary.exit


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


# progress

INTERVAL = 10.0
"""Seconds between two lines of progress where there is no terminal."""

_WIDTH = 24
"""Characters of the bar: with counts of six digits all of it fits into 80 columns."""

Advance = Callable[[int, int, str], None]
"""Reports progress: items done, items in all (0: not known), and their results in words."""


def _silent() -> str:
    return ""


@contextmanager
def progress(
    what: str, notice: Callable[[], str] = _silent, clock: Callable[[], float] = time.monotonic
) -> Iterator[Advance]:
    """Show the progress of the block: a bar on a terminal, otherwise a line every INTERVAL.

    `notice` returns a message to show beside it, such as a wait, or blank; `clock` is in seconds.
    """
    if output.quiet:
        yield lambda _done, _of, _counts: None
        return
    if sys.stderr.isatty():
        with Bar(what, notice, clock) as bar:
            yield bar.advance_to
        return
    began = last = clock()

    def advance(done: int, of: int, counts: str) -> None:
        nonlocal last
        now = clock()
        if now - last < INTERVAL:
            return
        last = now
        rate = done / (now - began)
        left = f", about {(of - done) / rate:,.0f} s left" if rate and of else ""
        whole = f" of {of:,}" if of else ""
        parts = filter(None, (f"{rate:.1f} a second{left}", counts, notice()))
        say(f"{what}: {done:,}{whole} ({'; '.join(parts)})")

    yield advance


class Bar(Progress):
    """A progress bar for one task, drawn again several times a second.

    `notice` is called at each drawing, also while nothing advances, so that waits are seen;
    `clock` is in seconds.
    """

    def __init__(
        self, what: str, notice: Callable[[], str], clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Prepare the bar; it is drawn when it is entered."""
        self._notice = notice
        self._counts = ""
        super().__init__(
            TextColumn("{task.description}"),
            BarColumn(_WIDTH),
            MofNCompleteColumn(),
            _Rate(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
            get_time=clock,
        )
        self._task = self.add_task(what, total=None)

    def advance_to(self, done: int, of: int, counts: str) -> None:
        """Show `done` of `of` items (0: not known), and their results in words."""
        self._counts = counts
        self.update(self._task, completed=done, total=of or None)

    def get_renderables(self) -> Iterable[RenderableType]:
        """Yield the bar, then a line with the results and the notice, unless both are blank."""
        yield self.make_tasks_table(self.tasks)
        if line := " · ".join(filter(None, (self._counts, self._notice()))):
            yield Text(line, no_wrap=True, overflow="ellipsis")


class _Rate(ProgressColumn):
    """The current rate."""

    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:,.1f} a second" if task.speed else "")
