"""A clock for the practice Alma that stands still until a test moves it."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from importer.sandbox.gateway import Clock

START = datetime(2026, 8, 20, 12, tzinfo=UTC)
_PATIENCE = 60  # seconds of real time until a test gives up


@dataclass
class _Sleeper:
    due: float
    loop: asyncio.AbstractEventLoop
    woken: asyncio.Event


@dataclass
class ManualClock(Clock):
    """Noon on START plus the seconds that `advance` was given; usable from any thread."""

    seconds: float = 0.0
    _sleepers: list[_Sleeper] = field(default_factory=list)
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def now(self) -> datetime:
        """Return the time of day, in UTC."""
        return START + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        """Return the seconds since the start."""
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        """Wait until `advance` has moved the clock that far."""
        loop = asyncio.get_running_loop()
        sleeper = _Sleeper(self.seconds + seconds, loop, asyncio.Event())
        with self._changed:
            self._sleepers.append(sleeper)
            self._changed.notify_all()
        await sleeper.woken.wait()

    def advance(self, seconds: float) -> None:
        """Move the clock and let everything that was due happen before this returns."""
        with self._changed:
            self.seconds += seconds
            due = [sleeper for sleeper in self._sleepers if sleeper.due <= self.seconds]
            self._sleepers = [s for s in self._sleepers if s not in due]
        for sleeper in due:
            asyncio.run_coroutine_threadsafe(_wake(sleeper.woken), sleeper.loop).result(_PATIENCE)

    def wait_for_sleeper(self) -> float:
        """Wait until something sleeps; return how many seconds it has left."""
        with self._changed:
            assert self._changed.wait_for(lambda: self._sleepers, _PATIENCE)
            return self._sleepers[0].due - self.seconds


async def _wake(woken: asyncio.Event) -> None:
    """Wake a sleeper and give it two turns of the loop."""
    woken.set()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
