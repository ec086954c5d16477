"""The bar of progress on a terminal: how far, how fast, how long still; below it, the outcomes."""

from __future__ import annotations

from collections.abc import Callable, Iterable

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

_WIDTH = 24
"""Characters of the bar: with counts of six digits all of it fits into 80 columns."""


class Bar(Progress):
    """A bar for one thing that takes its time. It is drawn anew several times a second.

    `notice` is asked each time, also while nothing advances: it tells of waits.
    """

    def __init__(self, what: str, notice: Callable[[], str]) -> None:
        """Nothing is drawn before the bar is entered."""
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
        )
        self._task = self.add_task(what, total=None)

    def advance_to(self, done: int, of: int, counts: str) -> None:
        """So many are done, of so many (0: not known), and what came of them in words."""
        self._counts = counts
        self.update(self._task, completed=done, total=of or None)

    def get_renderables(self) -> Iterable[RenderableType]:
        """The bar, and a line below it where there is something to say."""
        yield self.make_tasks_table(self.tasks)
        if told := " · ".join(filter(None, (self._counts, self._notice()))):
            yield Text(told, no_wrap=True, overflow="ellipsis")


class _Rate(ProgressColumn):
    """How many a second, lately."""

    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:,.1f} a second" if task.speed else "")
