"""Progress of long commands: a bar on a terminal, otherwise a line every few seconds."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

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

from importer.cli.console import say

INTERVAL = 10.0
"""Seconds between two lines where there is no terminal."""

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
    shown = _bar if sys.stderr.isatty() else _lines
    with shown(what, notice, clock) as advance:
        yield advance


@contextmanager
def _bar(what: str, notice: Callable[[], str], clock: Callable[[], float]) -> Iterator[Advance]:

    with Bar(what, notice, clock) as bar:
        yield bar.advance_to


@contextmanager
def _lines(what: str, notice: Callable[[], str], clock: Callable[[], float]) -> Iterator[Advance]:
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


_WIDTH = 24
"""Characters of the bar: with counts of six digits all of it fits into 80 columns."""


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
