"""How fast we go: the institution's calls are few, and shared with everything else it runs.

A governor hands out slots, one every 1/rate seconds and never two at once. It goes slower when
Alma asks, stops before the reserve is touched, and tells how many calls may usefully be under way.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

from importer.errors import DailyLimitError, ThrottledError

HEADROOM = 0.96
"""We pace a little below the rate, so that jitter on the way does not make 26 calls of 25."""

SLOWEST = 0.2
"""Calls a second below which we do not go, however often Alma says that it is too fast."""

FEWEST, MOST = 4, 64
"""How many calls may be under way, at least and at most."""

USUAL = 0.5
"""Seconds that an answer takes, until we have seen some."""

SHORTEST_PAUSE = 1.0
"""Seconds of rest after a refusal for speed (contract 2.5: wait at least one)."""

RECOVERY = 1 / 20
"""Of the set rate, each second, until near the rate that was too fast."""

PROBING = RECOVERY / 20
"""The same, once we are near it."""

NEAR = 0.9
"""How near to a rate that was too fast we go quickly."""


@dataclass(frozen=True, slots=True)
class Slot:
    """Leave to send one call: its number in this run, from 1, and when it was given."""

    number: int
    given: float


class Governor:
    """The pace of one run. Use one for all calls that go to one institution.

    `rate` is in calls a second, `reserve` the number of the day's calls that are left for others.
    `clock` is monotonic, in seconds; `sleep` waits.
    """

    def __init__(
        self,
        rate: float,
        reserve: int = 0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Begin at the full rate."""
        self._set_rate = max(rate, SLOWEST)
        self.reserve = reserve
        """The day's calls that are left for others."""
        self._clock = clock
        self._sleep = sleep
        self._turn = asyncio.Lock()
        now = clock()
        self._next = now  # when the next slot may be given
        self._rate = self._set_rate  # as of _rated
        self._rated = now
        self._too_fast = math.inf  # the rate at which Alma last complained
        self._slowed = -math.inf  # when that was
        self._resumes = -math.inf  # the pause that Alma asked for ends
        self._remaining: tuple[int, int] | None = None  # calls left, after call number
        self._spent = False
        self._latency = USUAL
        self.calls = 0
        """Slots given, that is calls sent."""
        self.under_way = 0
        """Calls sent and not answered."""

    @property
    def rate(self) -> float:
        """Calls a second at this moment."""
        self._recover()
        return self._rate

    @property
    def remaining(self) -> int | None:
        """The day's calls that Alma said are left, less those sent since; None if it has not."""
        if self._remaining is None:
            return None
        left, after = self._remaining
        return max(0, left - (self.calls - after))

    @property
    def available(self) -> int | None:
        """The day's calls that may still be sent, the reserve left alone; None if not known."""
        left = self.remaining
        return None if left is None else max(0, left - self.reserve)

    @property
    def pause(self) -> float:
        """Seconds still to wait because Alma asked us to slow down; 0 if it did not."""
        return max(0.0, self._resumes - self._clock())

    @property
    def notice(self) -> str:
        """The pause in words, for a line of progress; blank if there is none."""
        return f"Alma asked us to slow down, {math.ceil(self.pause)} s" if self.pause else ""

    @property
    def in_flight(self) -> int:
        """How many calls to keep under way, so that slow answers do not slow us down.

        Twice what the pace needs at the usual time of an answer, within fixed bounds: more would
        only pile up at a server that is stuck.
        """
        return min(MOST, max(FEWEST, math.ceil(2 * self._set_rate * self._latency)))

    async def slot(self) -> Slot:
        """Wait for leave to send one call.

        Raises DailyLimitError where the call would touch the reserve.
        """
        async with self._turn:
            self._stop_at_reserve()
            while (wait := self._next - self._clock()) > 0:
                await self._sleep(wait)
            self._stop_at_reserve()
            now = self._clock()
            step = 1 / (self.rate * HEADROOM)
            # A timer that rang late may be made good by half a step, no more: no bursts.
            self._next = max(self._next + step, now + step / 2)
            self.calls += 1
            return Slot(self.calls, now)

    @contextlib.asynccontextmanager
    async def call(self) -> AsyncIterator[Slot]:
        """Hold a slot while one call is made; learn from how it went."""
        slot = await self.slot()
        self.under_way += 1
        try:
            yield slot
        except ThrottledError as error:
            self._slow_down(slot, error.wait)
            raise
        except DailyLimitError:
            self._spent = True
            raise
        else:
            took = self._clock() - slot.given
            # Quick to believe a slow answer, slow to forget it.
            weight = 0.3 if took > self._latency else 0.05
            self._latency += weight * (took - self._latency)
        finally:
            self.under_way -= 1

    def saw(self, slot: Slot, remaining: int) -> None:
        """Note how many calls of the day Alma says are left after this one."""
        self._remaining = (remaining, slot.number)

    async def rest(self, seconds: float) -> None:
        """Wait, by the governor's own clock, before something is tried again."""
        await self._sleep(seconds)

    def _stop_at_reserve(self) -> None:
        if self._spent or self.available == 0:
            reserve = f" down to the reserve of {self.reserve:,}" if self.reserve else ""
            msg = (
                f"The institution's calls of the day are used up{reserve}; "
                "run the same command again after midnight GMT."
            )
            raise DailyLimitError(msg)

    def _slow_down(self, slot: Slot, asked: float) -> None:
        """Halve the rate, once for all calls that were sent before we knew."""
        now = self._clock()
        self._resumes = max(self._resumes, now + max(asked, SHORTEST_PAUSE))
        self._next = max(self._next, self._resumes)
        if slot.given < self._slowed:
            return
        rate = self.rate
        self._too_fast = rate
        self._rate = max(rate / 2, min(SLOWEST, self._set_rate))
        self._rated = self._resumes
        self._slowed = now

    def _recover(self) -> None:
        """Take up speed: soon to near the rate that was too fast, then by small steps."""
        now = self._clock()
        seconds = now - self._rated
        if seconds <= 0 or self._rate >= self._set_rate:
            return
        quick = max(0.0, NEAR * self._too_fast - self._rate)
        gained = min(quick, seconds * RECOVERY * self._set_rate)
        left = seconds - gained / (RECOVERY * self._set_rate)
        gained += left * PROBING * self._set_rate
        self._rate = min(self._set_rate, self._rate + gained)
        self._rated = now
