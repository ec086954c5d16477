"""What commands that need more than files share: Alma, its user cache, a run alone, stopping."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Coroutine, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from importer.cli.output import say
from importer.errors import StoppedError
from importer.ledger.ledger import Ledger
from importer.ledger.run_lock import held_since
from importer.pipeline.runs import find_folder
from importer.service.connection import alone
from importer.service.loads import stop_file
from importer.service.office import Stop, office
from importer.service.place import TASK, USERS
from importer.users.cache import NoCacheError, UserCache

T = TypeVar("T")


def user_caches() -> list[Path]:
    """Return the files of the user caches of this folder."""
    return sorted(USERS.glob("*.sqlite"))


def open_user_caches() -> Iterator[UserCache]:
    """Yield each user cache of this folder, open until the next one."""
    for path in user_caches():
        with suppress(NoCacheError), UserCache.open(path) as cache:
            yield cache


def open_alone(run: str) -> AbstractContextManager[Ledger]:
    """Open a run, by its folder or name, in which nobody else may use it."""
    return alone(office(), find_folder(run))


class Stopping(Stop):
    """Whether the operator wants to stop: after the first Ctrl-C softly, after the second at once.

    A request of the system to end counts as Ctrl-C, and so does a request in the folder of the run
    that names this command. One that names another command, such as an earlier one, does not count.
    """

    def __init__(self, run: Path) -> None:
        """Start without a request."""
        super().__init__()
        self._file = stop_file(run)
        self._names = {os.environ.get(TASK, ""), held_since(run)} - {""}
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
