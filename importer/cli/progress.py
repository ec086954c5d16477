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
"""Hears how many are done, of how many (0: not known), and what came of them in words."""


def _silent() -> str:
    return ""


@contextmanager
def progress(what: str, notice: Callable[[], str] = _silent) -> Iterator[Advance]:
    """Show how far something has come, as long as the block lasts.

    `notice` gives what is to be known at any moment, such as a wait; blank if there is nothing.
    """
    shown = _bar if sys.stderr.isatty() else _lines
    with shown(what, notice) as advance:
        yield advance


@contextmanager
def _bar(what: str, notice: Callable[[], str]) -> Iterator[Advance]:
    from importer.cli.bar import Bar

    with Bar(what, notice) as bar:
        yield bar.advance_to


@contextmanager
def _lines(what: str, notice: Callable[[], str]) -> Iterator[Advance]:
    began = said = time.monotonic()

    def advance(done: int, of: int, counts: str) -> None:
        nonlocal said
        now = time.monotonic()
        if now - said < INTERVAL:
            return
        said = now
        rate = done / (now - began)
        left = f", about {(of - done) / rate:,.0f} s left" if rate and of else ""
        whole = f" of {of:,}" if of else ""
        told = filter(None, (f"{rate:.1f} a second{left}", counts, notice()))
        say(f"{what}: {done:,}{whole} ({'; '.join(told)})")

    yield advance
