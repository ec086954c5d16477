"""What commands that need more than files share: Alma, its user cache, a run alone, stopping."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import TypeVar

from importer.alma.client import Alma
from importer.alma.code_tables import TABLES, write_file
from importer.alma.connection import resolve
from importer.alma.pacing import RateLimiter
from importer.cli.options import USERS, operator
from importer.cli.output import confirm, now, say
from importer.errors import StoppedError
from importer.ledger.ledger import Ledger
from importer.ledger.run_lock import open_alone as open_locked
from importer.model.fields import CodeTables
from importer.model.run import AlmaFacts, RunFacts
from importer.model.text import counted
from importer.pipeline.runs import find_folder
from importer.settings import Settings
from importer.users.cache import NoCacheError, UserCache

T = TypeVar("T")


def connected(settings: Settings) -> Alma:
    """Return a client of Alma, to be entered. Raises UsageError."""
    return Alma(
        resolve(settings.alma_region, settings.alma_base_url, settings.alma_gateway),
        settings.key,
        RateLimiter(settings.alma_rate, settings.alma_reserve),
        ca_bundle=settings.alma_ca_bundle,
        proxy=settings.alma_proxy,
    )


def with_alma(settings: Settings, use: Callable[[Alma], Awaitable[T]]) -> T:
    """Return what `use` returns, called with a client of Alma. Raises UsageError, AlmaError."""

    async def main() -> T:
        async with connected(settings) as alma:
            return await use(alma)

    return asyncio.run(main())


async def fetch_codes(alma: Alma, path: Path) -> CodeTables:
    """Read the code tables from Alma into a file. Raises AlmaError, UsageError."""
    tables = await alma.code_tables(now().date())
    kept = write_file(path, tables)
    count = sum(len(rows) for rows in tables.tables.values())
    told = [f"{count:,} codes of {len(tables.tables)} tables are in {path}."]
    missing = [name for name in TABLES if name not in tables.tables]
    for names, then in (
        ([name for name in missing if name in kept], "those of the file before are kept"),
        ([name for name in missing if name not in kept], "add those by hand"),
    ):
        if names:
            told.append(f"Alma gives none of {', '.join(names)}; {then}.")
    say(" ".join(told))
    return tables


def user_caches() -> list[Path]:
    """Return the files of the user caches of this folder."""
    return sorted(USERS.glob("*.sqlite"))


@contextmanager
def only_user_cache() -> Iterator[UserCache | None]:
    """Open the user cache of this folder for the block; None if there is none, or several."""
    caches, only = user_caches(), None
    if len(caches) == 1:
        with suppress(NoCacheError):
            only = UserCache.open(caches[0])
    with only or nullcontext() as cache:
        yield cache


@contextmanager
def open_alone(run: str) -> Iterator[Ledger]:
    """Open a run, by its folder or name, as `open_locked` does, in the name of the operator."""
    with open_locked(find_folder(run), operator(), now()) as ledger:
        yield ledger


class Stopping:
    """Whether the operator wants to stop: after the first Ctrl-C softly, after the second at once.

    A request of the system to end counts as Ctrl-C, and so does a `file` with one of the `names`
    of this command. A file that names another one, such as an earlier one, does not count.
    """

    def __init__(self, file: Path, names: Collection[str]) -> None:
        """Start without a request."""
        self._file = file
        self._names = names
        self.asked = False
        self.at_once = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[object] | None = None

    def __call__(self) -> bool:
        """Return whether to begin nothing new."""
        with suppress(OSError):
            self.asked = self.asked or self._file.read_text("utf-8") in self._names
        return self.asked

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Take signals as requests to stop while the block runs; they raise nothing in it."""
        kinds = [signal.SIGINT, signal.SIGTERM]
        # Started by nohup, a load outlives the terminal.
        if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
            kinds.append(signal.SIGHUP)
        before = {kind: signal.signal(kind, self._hear) for kind in kinds}
        try:
            yield
        finally:
            for kind, handler in before.items():
                # After a stop at once only the counts are left to write, which takes a moment and
                # must not be cut off by one more Ctrl-C.
                signal.signal(kind, signal.SIG_IGN if self.at_once else handler)

    async def run(self, work: Coroutine[object, object, T]) -> T:
        """Return what the work gives; it alone is cancelled by a stop at once.

        What is around it, such as closing connections, is never cut off. Raises StoppedError where
        the work was cancelled.
        """
        task = asyncio.ensure_future(work)
        self._task, self._loop = task, asyncio.get_running_loop()
        self._act()  # on what was asked for before
        try:
            return await task
        except asyncio.CancelledError:
            msg = "Stopped at once, as you asked."
            raise StoppedError(msg) from None
        finally:
            self._loop = self._task = None

    def _hear(self, *_: object) -> None:
        """Note a signal; the event loop acts on it, where writing and cancelling is safe."""
        self.at_once = self.asked
        self.asked = True
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._act)

    def _act(self) -> None:
        if self._task is None or not self.asked:
            return
        if not self.at_once:
            say("Stopping after the rows under way. Press Ctrl-C again to stop at once.")
        elif not self._task.cancelling():
            self._task.cancel()


def typed_deletions(
    alma: AlmaFacts | None, count: int, given: int | None, limit: int | None
) -> int | None:
    """Return how many users are deleted, as the operator typed it: `given`, or on a terminal.

    In production the institution's code is typed with it. Raises UsageError without the code.
    """
    if not count or given is not None or not sys.stdin.isatty():
        return given
    of = alma.institution if alma and alma.is_production else ""
    first = "" if limit is not None else " With --limit 5 you can try a few first."
    answer = f"{count} {of}".strip()
    confirm(
        f"This deletes {counted(count, 'user')} for good; undo cannot restore all of it.{first}\n"
        f"Type the number{f' and the institution code ({of})' if of else ''} to continue:",
        answer,
        "",
        "That is not the number. Nothing was sent.",
    )
    return count


def confirm_production(facts: RunFacts, count: int) -> None:
    """Ask for the institution code before writing to production. Raises UsageError without it."""
    if facts.alma is None or not facts.alma.is_production:
        return
    code = facts.alma.institution
    confirm(
        f"This writes {counted(count, 'row')} to the production Alma of "
        f"{facts.alma.name or code}.\n"
        f"Type the institution code ({code}) to continue:",
        code,
        f"This writes to the production Alma of {code}. Give --yes to write without confirmation.",
        "That is not the institution code. Nothing was sent.",
    )
