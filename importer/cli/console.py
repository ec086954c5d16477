"""What the commands show and ask: the end of a run, progress, and what a person agrees to."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rich.console import Console, RenderableType
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from importer.advice import Action, Choice
from importer.cli.output import complain, confirm, emit, output, say
from importer.errors import ImporterError
from importer.ledger.ledger import Ledger
from importer.model.plan import Fate
from importer.model.run import RowHistory, Summary
from importer.model.text import counted, row_label
from importer.pipeline.inputs import Advance
from importer.report import terminal
from importer.report.commands import to_paste
from importer.report.view import RunView
from importer.report.wording import DISMISSED, ENDS, headline
from importer.service.office import Consent
from importer.service.outcome import Ending, ending_of
from importer.service.place import PROGRESS, Advanced
from importer.service.reports import reporting, write_reports

Reports = Literal["required", "wanted", "none"]
"""What a run's reports are to a command: its purpose, something beside it, or not written."""


def conclude(
    ledger: Ledger,
    outcome: Ending | None = None,
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
    Raises AssertionError as `ending_of` does.
    """
    outcome = outcome or ending_of(ledger)
    summary = outcome.counts
    end, console = _End(outcome, RunView(ledger, summary), reports, stopped), _begin(summary)
    if output.quiet and summary.exit and not as_json:
        complain(stopped or headline(summary))
    if as_json:
        end.as_json()
    elif stopped and (summary.created is None or reports == "none"):
        end.write()
        terminal.show_stop(stopped, console)
    else:
        end.on_screen(console, show_values=show_values)
    return summary.exit


@dataclass(frozen=True, slots=True)
class _End:
    """The end of a command about a run, as it is shown."""

    outcome: Ending
    view: RunView
    reports: Reports
    stopped: str

    @property
    def wanted(self) -> Callable[[ImporterError], None] | None:
        return say_error if self.reports == "wanted" else None

    def write(self) -> None:
        if self.reports != "none":
            write_reports(self.view, wanted=self.wanted)

    def as_json(self) -> None:
        if self.reports == "required":
            self.write()
        if self.stopped:
            say(self.stopped)
        emit(self.outcome.as_json(), (), as_json=True)
        if self.reports == "wanted":
            self.write()

    def on_screen(self, console: Console, *, show_values: bool) -> None:
        terminal.show_counts(self.view.summary, console)
        with reporting(self.view, self.wanted):
            terminal.show_problems(
                self.view,
                console,
                show_values=show_values,
                reported=self.reports != "none",
                most=None if output.verbose else terminal.MOST_GROUPS,
            )
        self.write()
        with reporting(self.view, self.wanted):
            terminal.show_files(self.view, console, stopped=self.stopped)


def say_error(error: ImporterError) -> None:
    """Say what is wrong and what to do, where the command continues."""
    say(to_paste(error.prose, error.advice))


def _begin(summary: Summary) -> Console:
    """Note the counts of a run in the log; return the console that shows them."""
    output.run = summary.run
    output.note("summary", **summary.model_dump(mode="json", exclude_none=True))
    return Console(stderr=True, quiet=output.quiet)


def conclude_resolved(ledger: Ledger, rows: Iterable[RowHistory]) -> int:
    """Show what became of the rows, and return the exit code.

    The plan as a whole was shown before; its files are written again.
    """
    summary = ending_of(ledger).counts
    view, console = RunView(ledger, summary), _begin(summary)
    changed = []
    for row in rows:
        end = DISMISSED if row.fate is Fate.REJECTED else row.act or row.fate
        changed.append(f"Row {row_label(row.row)}: {ENDS[end]}.")
    more = len(changed) - 20
    say("\n".join(changed[:20]) or "No row changed.")
    if more > 0:
        say(f"And {counted(more, 'row')} more.")
    say(headline(summary))
    write_reports(view, wanted=say_error)
    with reporting(view, say_error):
        terminal.show_files(view, console)
    return summary.exit


# what is reported and asked while an operation works


class Screen:
    """What an operation reports and asks at a terminal.

    `delete`: how many users it deletes, where that was typed already. `yes`: do not ask whether to
    write to production.
    """

    def __init__(self, delete: int | None = None, *, yes: bool = False) -> None:
        """Take what the command line says."""
        self._delete = delete
        self._agreed = yes

    def note(self, sentence: str, /, *do: Action) -> None:
        """Say a sentence, and the commands of what can be done."""
        say(to_paste(sentence, tuple(map(Choice, do))))

    def working(self, what: str, notice: Callable[[], str], /) -> AbstractContextManager[Advance]:
        """Show a bar, or lines."""
        return progress(what, notice)

    def typed(self, asked: Consent, /) -> int | None:
        """Return how many users are deleted, as it was typed: beside the command, or now.

        In production the institution's code is typed with it. Raises UsageError without the code.
        """
        if not asked.count or self._delete is not None or not sys.stdin.isatty():
            return self._delete
        of = asked.production
        first = "" if asked.limit is not None else " With --limit 5 you can try a few first."
        users = counted(asked.count, "user")
        confirm(
            f"This deletes {users} for good; undo cannot restore all of it.{first}\n"
            f"Type the number{f' and the institution code ({of})' if of else ''} to continue:",
            f"{asked.count} {of}".strip(),
            "",
            "That is not the number. Nothing was sent.",
        )
        self._agreed = True
        return asked.count

    def agree(self, asked: Consent, /) -> None:
        """Ask for the institution code before writing to production."""
        if self._agreed or asked.alma is None or not (code := asked.production):
            return
        confirm(
            f"This writes {counted(asked.count, 'row')} to the production Alma of "
            f"{asked.alma.name or code}.\n"
            f"Type the institution code ({code}) to continue:",
            code,
            f"This writes to the production Alma of {code}. Give --yes to write without "
            "confirmation.",
            "That is not the institution code. Nothing was sent.",
        )


INTERVAL = 10.0
"""Seconds between two lines of progress where there is no terminal."""

_SHOWN_INTERVAL = 1.0
"""The same for a command that the page has started, which shows how far it is."""

_WIDTH = 24
"""Characters of the bar: with counts of six digits all of it fits into 80 columns."""


@contextmanager
def progress(what: str, notice: Callable[[], str]) -> Iterator[Advance]:
    """Show the progress of the block: a bar on a terminal, otherwise a line every few seconds.

    The page, where it asks, gets a file in place of lines.
    `notice` returns a message to show beside it, such as a wait, or blank.
    """
    if output.quiet:
        yield lambda done, of, counts="": None  # noqa: ARG005
        return
    if sys.stderr.isatty():
        with Bar(what, notice) as bar:
            yield bar.advance_to
        return
    began = last = time.monotonic()
    file = os.environ.get(PROGRESS)
    interval = _SHOWN_INTERVAL if file else INTERVAL

    def advance(done: int, of: int, counts: str = "") -> None:
        nonlocal last
        moment = time.monotonic()
        if moment - last < interval:
            return
        last = moment
        rate = done / (moment - began)
        left = f", about {(of - done) / rate:,.0f} s left" if rate and of else ""
        pace = f"{_per_second(rate)} a second{left}" if done else ""
        whole = f" of {of:,}" if of else ""
        parts = "; ".join(filter(None, (pace, counts, notice())))
        if file:
            with suppress(OSError):  # a full disk stops no load
                Path(file).write_text(json.dumps(Advanced(done, of, parts)), "utf-8")
        else:
            say(f"{what}: {done:,}{whole}{f' ({parts})' if parts else ''}")

    yield advance


class Bar(Progress):
    """A progress bar for one task, drawn again several times a second.

    `notice` is called at each drawing, also while nothing advances, so that waits are seen.
    """

    def __init__(self, what: str, notice: Callable[[], str]) -> None:
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
