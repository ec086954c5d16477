"""What the commands share: the saved files of this folder, progress and the end of a run."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import Literal, Protocol

from rich.console import Console, RenderableType
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from importer.alma.code_tables import read_file
from importer.alma.facts import Facts, load_facts
from importer.cli.options import CODES, FACTS, FIRST_CONTACT
from importer.cli.output import complain, output, say
from importer.errors import LedgerError, defect
from importer.ledger.ledger import Ledger, summarize
from importer.model.fields import NO_CODES, CodeTables
from importer.model.plan import Fate
from importer.model.run import RowHistory, RunFacts, Summary
from importer.model.text import command_line, counted, row_label
from importer.report import terminal
from importer.report.files import write_all
from importer.report.view import RunView
from importer.report.wording import DISMISSED, ENDS, headline


def saved_codes(path: Path | None) -> CodeTables:
    """Return the code tables of a file; without one, those of `codes.json`, or none.

    Raises UsageError where a named file is missing, or a file is wrong.
    """
    return NO_CODES if path is None and not CODES.is_file() else read_file(path or CODES)


def codes_of(facts: RunFacts, file: str | PathLike[str] | None) -> CodeTables:
    """Return the tables of a file or, without one, those of a run; raises as `saved_codes`."""
    path = file or facts.codes
    return saved_codes(Path(path) if path else None)


def saved_facts() -> dict[Path, Facts]:
    """Return what was measured of Alma, by file. Raises UsageError if a file is wrong."""
    return {path: load_facts(path) for path in (FACTS, FIRST_CONTACT) if path.is_file()}


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

    view = RunView(ledger, summary)

    def write_reports() -> None:
        if reports != "none":
            with _reporting(ledger, reports):
                write_all(view)

    output.run = summary.run
    output.note("summary", **summary.model_dump(mode="json", exclude_none=True))
    console = Console(stderr=True, quiet=output.quiet)
    if output.quiet and summary.exit and not as_json:
        complain(stopped or headline(summary))
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
                view,
                console,
                show_values=show_values,
                reported=reports != "none",
                most=None if output.verbose else terminal.MOST_GROUPS,
            )
        write_reports()
        with _reporting(ledger, reports):
            terminal.show_files(view, console, stopped=stopped)
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
    more = len(changed) - 20
    say("\n".join(changed[:20]) or "No row changed.")
    if more > 0:
        say(f"And {counted(more, 'row')} more.")
    say(headline(summary))
    with _reporting(ledger, "wanted"):
        view = RunView(ledger, summary)
        write_all(view)
        terminal.show_files(view, Console(stderr=True, quiet=output.quiet))
    return summary.exit


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
    what: str, notice: Callable[[], str] = lambda: "", clock: Callable[[], float] = time.monotonic
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
            TextColumn("{task.completed:,.0f}{task.fields[of]}"),
            _Rate(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
            get_time=clock,
        )
        self._task = self.add_task(what, total=None, of="")

    def advance_to(self, done: int, of: int, counts: str = "") -> None:
        """Show `done` of `of` items (0: not known), and their results in words."""
        self._counts = counts
        self.update(self._task, completed=done, total=of or None, of=f" of {of:,}" if of else "")

    def get_renderables(self) -> Iterable[RenderableType]:
        """Yield the bar, then a line with the results and the notice, unless both are blank."""
        yield self.make_tasks_table(self.tasks)
        if line := " · ".join(filter(None, (self._counts, self._notice()))):
            yield Text(line, no_wrap=True, overflow="ellipsis")


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{_per_second(task.speed)} a second" if task.speed else "")


def _per_second(rate: float) -> str:
    """Return a rate as people read it: `3.2`, `13,087`."""
    return f"{rate:,.1f}" if rate < 10 else f"{rate:,.0f}"
