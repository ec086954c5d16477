"""Progress on everything that takes its time: a bar on a terminal, else a line now and then."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from importer.cli.output import say

INTERVAL = 10.0
"""Seconds between two lines where there is no terminal."""

Advance = Callable[[int, int, str], None]
"""Hears how many are done, of how many (0: not known), and a note, such as a wait."""


@contextmanager
def progress(what: str) -> Iterator[Advance]:
    """Show how far something has come, as long as the block lasts."""
    shown = _bar if sys.stderr.isatty() else _lines
    with shown(what) as advance:
        yield advance


@contextmanager
def _bar(what: str) -> Iterator[Advance]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=None, note="")

        def advance(done: int, of: int, note: str) -> None:
            bar.update(task, completed=done, total=of or None, note=note)

        yield advance


@contextmanager
def _lines(what: str) -> Iterator[Advance]:
    began = said = time.monotonic()

    def advance(done: int, of: int, note: str) -> None:
        nonlocal said
        now = time.monotonic()
        if now - said < INTERVAL:
            return
        said = now
        rate = done / (now - began)
        left = f", about {(of - done) / rate:,.0f} s left" if rate and of else ""
        whole = f" of {of:,}" if of else ""
        say(f"{what}: {done:,}{whole} ({rate:.1f} a second{left}) {note}".rstrip())

    yield advance
