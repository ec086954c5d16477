"""Progress of long commands: a bar on a terminal, otherwise a line every few seconds."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from importer.cli.output import say

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
    from importer.cli.bar import Bar

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
