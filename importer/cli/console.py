"""What the commands share: options, files of this folder, progress and the end of a run."""

from __future__ import annotations

import getpass
import os
import re
import socket
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol, TypeVar

import typer
import typer.core
from rich.console import Console, RenderableType
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from importer.alma.code_tables import read_file
from importer.alma.doctor import Finding
from importer.alma.facts import Facts, load_facts
from importer.cli.output import emit, now, output, say
from importer.errors import Exit, LedgerError, defect
from importer.ledger.ledger import Ledger, summarize
from importer.ledger.run_lock import open_alone as open_locked
from importer.model.fields import NO_CODES, CodeTables
from importer.model.plan import Fate
from importer.model.run import RowHistory, Summary
from importer.model.text import command_line, counted, read_row_label, row_label
from importer.pipeline.runs import find_folder
from importer.report import terminal
from importer.report.files import write_all
from importer.report.wording import DISMISSED, ENDS, headline
from importer.users.cache import UserCache

Function = TypeVar("Function", bound=Callable[..., Any])


class Commands(typer.Typer):
    """Commands whose help is plain text, and names arguments without their types."""

    def __init__(self, help: str | None = None) -> None:  # noqa: A002  as the library calls it
        """Start without commands; `help` is that of a group."""
        super().__init__(rich_markup_mode=None, help=help)

    def command(self, name: str | None = None, **options: Any) -> Callable[[Function], Function]:
        """Return a decorator that adds a command."""
        return super().command(name, cls=_Command, **options)


class _Command(typer.core.TyperCommand):
    """A command with a shorter help than the library's."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Return the words of the usage line."""
        return [re.sub("[{}]", "", piece) for piece in super().collect_usage_pieces(ctx)]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the lists of arguments and options."""
        arguments, options = [], []
        for param in self.get_params(ctx):
            name, text = param.get_help_record(ctx) or ("", "")
            if isinstance(param, typer.core.TyperArgument):
                arguments.append((param.display_name_raw, text))
            else:
                options.append((name.replace("<str>", "TEXT").replace("<path>", "PATH"), text))
        for title, rows in (("Arguments", arguments), ("Options", options)):
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)


# options and arguments

Rosters = Annotated[
    list[str],
    typer.Argument(
        help="The spreadsheet: CSV, Excel or OpenDocument. Of a workbook's sheet: BOOK[SHEET].",
        show_default=False,
        metavar="ROSTER",
    ),
]
NoRosters = Annotated[
    list[str],
    typer.Argument(
        help="The spreadsheet, as for check; none where the mapping has `from: alma`.",
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
        metavar="MAPPING",
    ),
]
Folder = Annotated[
    Path | None, typer.Option("-o", "--output", help="Run folder; default: a new one under runs/.")
]
NewFile = Annotated[
    Path | None, typer.Option("-o", "--output", help="The new file; default: print to stdout.")
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
    typer.Argument(
        help="Run folder, or its name under runs/.", metavar="RUN", autocompletion=_names_of_runs
    ),
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
"""What `importer doctor --probe` measured of a sandbox environment."""

FIRST_CONTACT = Path("first-contact.json")
"""What `importer doctor --first-contact` read of Alma."""

CODES = Path("codes.json")
"""The file of saved code tables, unless another file is named."""


def saved_codes(path: Path | None) -> CodeTables:
    """Return the code tables of a file; without one, those of `codes.json`, or none.

    Raises UsageError where a named file is missing, or a file is wrong.
    """
    return NO_CODES if path is None and not CODES.is_file() else read_file(path or CODES)


def saved_facts(file: Path = FACTS) -> dict[Path, Facts]:
    """Return what was measured of Alma, by file. Raises UsageError if a file is wrong."""
    return {path: load_facts(path) for path in (file, FIRST_CONTACT) if path.is_file()}


def user_caches() -> list[Path]:
    """Return the files of the user caches of this folder."""
    return sorted(USERS.glob("*.sqlite"))


@contextmanager
def only_user_cache() -> Iterator[UserCache | None]:
    """Open the user cache of this folder for the block; None if there is none, or several."""
    caches = user_caches()
    with UserCache.open(caches[0]) if len(caches) == 1 else nullcontext() as cache:
        yield cache


def operator() -> str:
    """Return who runs the command, on which computer: `ana@desk`."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = "somebody"
    return f"{name}@{socket.gethostname()}"


@contextmanager
def open_alone(run: str) -> Iterator[Ledger]:
    """Open a run, by its folder or name, as `open_locked` does, in the name of the operator."""
    with open_locked(find_folder(run), operator(), now()) as ledger:
        yield ledger


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


Reports = Literal["required", "wanted", "none"]
"""What a run's reports are to a command: its purpose, something beside it, or not written."""


def conclude(
    ledger: Ledger,
    summary: Summary | None = None,
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
    summary = summary or summarize(ledger)
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
        sys.stdout.write(summary.model_dump_json(exclude_none=True) + "\n")
        sys.stdout.flush()
        if reports == "wanted":
            write_reports()
    elif stopped and (summary.created is None or reports == "none"):
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


def conclude_resolved(ledger: Ledger, before: Mapping[int, RowHistory]) -> int:
    """Show what became of these rows since, and return the exit code.

    The plan as a whole was shown before; its files are written again.
    """
    summary = summarize(ledger)
    output.run = summary.run
    output.note("summary", **summary.model_dump(mode="json", exclude_none=True))
    changed = []
    for row, then in before.items():
        now_is = ledger.row(row) or then
        if (now_is.fate, now_is.act, now_is.result) != (then.fate, then.act, then.result):
            end = DISMISSED if now_is.fate is Fate.REJECTED else now_is.act or now_is.fate
            changed.append(f"Row {row_label(row)}: {ENDS[end]}.")
    more = len(changed) - MOST_RESOLVED
    say("\n".join(changed[:MOST_RESOLVED]) or "No row changed.")
    if more > 0:
        say(f"And {counted(more, 'row')} more.")
    say(headline(summary))
    with _reporting(ledger, "wanted"):
        write_all(ledger, summary)
        terminal.show_files(ledger, summary, Console(stderr=True, quiet=output.quiet))
    return summary.exit


MOST_RESOLVED = 20
"""The most resolved rows that are listed."""


@contextmanager
def _reporting(ledger: Ledger, reports: Reports) -> Iterator[None]:
    """Turn a fault of a report that is only wanted into one sentence."""
    try:
        yield
    except Exception as error:
        if reports != "wanted":
            raise
        say(
            str(error)
            if isinstance(error, LedgerError)
            else f"Not all reports could be made. {defect(error)} What was done is saved; to make "
            f"the reports again, type: {command_line('report', str(ledger.folder))}"
        )


def write_findings(findings: Iterable[Finding], *, as_json: bool, **values: object) -> Exit:
    """Write what is right and wrong, after `values` in JSON; return the exit code."""
    findings = tuple(findings)
    code = Exit.worst({finding.exit for finding in findings})
    found = {**values, "findings": [one.as_json() for one in findings], "exit": int(code)}
    lines = (f"{f.state.upper():4}  {f.name}: {f.sentence} {f.advice}" for f in findings)
    emit(found, map(str.rstrip, lines), as_json=as_json)
    return code


# progress

INTERVAL = 10.0
"""Seconds between two lines of progress where there is no terminal."""

_WIDTH = 24
"""Characters of the bar: with counts of six digits all of it fits into 80 columns."""


class Advance(Protocol):
    """Reports progress: items done, items in all (0: not known), and their results in words."""

    def __call__(self, done: int, of: int, counts: str = "") -> None:
        """Report."""


@contextmanager
def progress(
    what: str,
    notice: Callable[[], str] = lambda: "",
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Advance]:
    """Show the progress of the block: a bar on a terminal, otherwise a line every INTERVAL.

    `notice` returns a message to show beside it, such as a wait, or blank; `clock` is in seconds.
    """
    if output.quiet:
        yield lambda done, of, counts="": None  # noqa: ARG005
        return
    if sys.stderr.isatty():
        with Bar(what, notice, clock) as bar:
            yield bar.advance_to
        return
    began = last = clock()

    def advance(done: int, of: int, counts: str = "") -> None:
        nonlocal last
        moment = clock()
        if moment - last < INTERVAL:
            return
        last = moment
        rate = done / (moment - began)
        left = f", about {(of - done) / rate:,.0f} s left" if rate and of else ""
        pace = f"{_per_second(rate)} a second{left}" if done else ""
        whole = f" of {of:,}" if of else ""
        parts = "; ".join(filter(None, (pace, counts, notice())))
        say(f"{what}: {done:,}{whole}{f' ({parts})' if parts else ''}")

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
            _Done(),
            _Rate(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
            get_time=clock,
        )
        self._task = self.add_task(what, total=None)

    def advance_to(self, done: int, of: int, counts: str = "") -> None:
        """Show `done` of `of` items (0: not known), and their results in words."""
        self._counts = counts
        self.update(self._task, completed=done, total=of or None)

    def get_renderables(self) -> Iterable[RenderableType]:
        """Yield the bar, then a line with the results and the notice, unless both are blank."""
        yield self.make_tasks_table(self.tasks)
        if line := " · ".join(filter(None, (self._counts, self._notice()))):
            yield Text(line, no_wrap=True, overflow="ellipsis")


class _Done(ProgressColumn):
    """Items done, and items in all where they are known."""

    def render(self, task: Task) -> Text:
        of = "" if task.total is None else f" of {task.total:,.0f}"
        return Text(f"{task.completed:,.0f}{of}")


class _Rate(ProgressColumn):
    """The current rate."""

    def render(self, task: Task) -> Text:
        return Text(f"{_per_second(task.speed)} a second" if task.speed else "")


def _per_second(rate: float) -> str:
    """Return a rate as people read it: `3.2`, `13,087`."""
    return f"{rate:,.1f}" if rate < _WHOLE_RATE else f"{rate:,.0f}"


_WHOLE_RATE = 10
