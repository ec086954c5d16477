"""The pace of the calls to Alma, and how many run at once.

Alma limits the calls of a whole institution, per second and per day. A `RateLimiter` hands out one
slot per call: evenly spaced, fewer per second after Alma refused one for its speed, and none that
would touch the reserve.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

from aiolimiter import AsyncLimiter

from importer.errors import DailyLimitError, ThrottledError, UnavailableError

Item = TypeVar("Item")
Result = TypeVar("Result")

HEADROOM = 0.96
"""Share of the rate that is used: delays on the network must not make 26 calls of 25."""

SLOWEST = 0.2  # calls per second below which the rate never falls
FEWEST, MOST = 4, 64  # how many calls may be under way, at least and at most
SLOW_ANSWER = 2.0  # seconds that an answer may take without slowing down the calls
SHORTEST_PAUSE = 1.0  # seconds without calls after a refusal for speed
RECOVERY = 300.0  # seconds in which the rate grows from nothing to the rate that was set
STEP = 10.0  # seconds between two increases of the rate
FRESH = 2.0  # seconds for which a record counts as just read


@dataclass(frozen=True, slots=True)
class Slot:
    """The right to send one call.

    `number` counts the slots of this run from 1; `given` is when, by the monotonic clock;
    `answered` is how many calls had been answered by then.
    """

    number: int
    given: float
    answered: int


@dataclass(frozen=True, slots=True)
class Moment:
    """A point in time, by both clocks, and the number of pauses before it.

    The wall clock advances while a computer sleeps; the monotonic clock is never set.
    """

    monotonic: float
    wall: float
    pauses: int


class RateLimiter:
    """The slots of one run. Use one limiter for all calls that go to one institution.

    `rate` is in calls per second; `reserve` is the number of daily API calls that are never used.
    `clock` is monotonic and `wall` the time of day, both in seconds; `sleep` waits.
    """

    def __init__(
        self,
        rate: float,
        reserve: int = 0,
        *,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Start at the full rate."""
        self.reserve = reserve
        self.calls = 0
        """Slots given, that is, calls sent."""
        self.full_rate = max(rate, SLOWEST)
        self._slowed_to = self.full_rate
        self._slowed_at = -math.inf
        self._resumes = -math.inf
        self._pauses = 0
        self._clock = clock
        self._wall = wall
        self._sleep = sleep
        self._urgent: list[asyncio.Future[Slot]] = []
        self._others: deque[asyncio.Future[Slot]] = deque()
        self._giving: asyncio.Task[None] | None = None
        self._spacing: tuple[float, AsyncLimiter] | None = None
        self._answered = 0
        # Daily API calls left at the start of this run: at least, and by the last answer.
        self._at_least: int | None = None
        self._by_last_answer = 0
        self._used_up = False

    @property
    def rate(self) -> float:
        """Calls per second now: half as many after a refusal for speed, then growing again."""
        steps = max(0.0, self._clock() - self._resumes) // STEP if self._pauses else 0
        grown = self._slowed_to + self.full_rate * steps * STEP / RECOVERY
        return min(self.full_rate, grown)

    @property
    def remaining(self) -> int | None:
        """The daily API calls that are left; None before Alma's first answer.

        Answers come in another order than calls are counted, so the last answer alone may promise
        too many: the number is never higher than what follows from an earlier answer.
        """
        if self._at_least is None:
            return None
        return max(0, min(self._at_least, self._by_last_answer) - self.calls)

    @property
    def available(self) -> int | None:
        """The daily API calls that may be sent without using the reserve; None if unknown."""
        left = self.remaining
        return None if left is None else max(0, left - self.reserve)

    @property
    def pause(self) -> float:
        """Seconds until the next call may be sent, because Alma asked to slow down."""
        return max(0.0, self._resumes - self._clock())

    @property
    def notice(self) -> str:
        """The pause in words, for a line of progress; blank if there is none."""
        return f"Alma asked us to slow down, {math.ceil(self.pause)} s" if self.pause else ""

    @property
    def in_flight(self) -> int:
        """How many calls to keep under way, so that slow answers do not slow down the run."""
        return min(MOST, max(FEWEST, math.ceil(self.full_rate * SLOW_ANSWER)))

    async def slot(self, *, urgent: bool = False) -> Slot:
        """Wait for a slot; of urgent calls the latest gets it. Raises DailyLimitError."""
        waiter: asyncio.Future[Slot] = asyncio.get_running_loop().create_future()
        (self._urgent if urgent else self._others).append(waiter)
        if self._giving is None or self._giving.done():
            self._giving = asyncio.create_task(self._give_slots())
        return await waiter

    @contextlib.asynccontextmanager
    async def call(
        self, *, urgent: bool = False, read_at: Moment | None = None
    ) -> AsyncIterator[Slot]:
        """Hold a slot while one call is made, and learn from how it went.

        With `read_at` the call replaces a record that was read at that moment: it is urgent, and
        raises StaleReadError, with nothing sent, if the record is not fresh any more.
        """
        slot = await self.slot(urgent=urgent or read_at is not None)
        if read_at is not None and not self.is_fresh(read_at):
            self.calls -= 1
            raise StaleReadError
        try:
            yield slot
        except ThrottledError as error:
            self._slow_down(slot, error.wait)
            raise
        except DailyLimitError:
            self._used_up = True
            raise

    def saw(self, slot: Slot, remaining: int) -> None:
        """Note the number of daily API calls left, from the answer to this slot's call.

        Only calls that were answered before this one was sent are certain to be in its count.
        """
        at_least = remaining + slot.answered + 1
        self._at_least = max(at_least, self._at_least or 0)
        self._by_last_answer = remaining + slot.number
        self._answered += 1

    def moment(self) -> Moment:
        """Return this moment, for `is_fresh` and `call`."""
        return Moment(self._clock(), self._wall(), self._pauses)

    def is_fresh(self, read: Moment) -> bool:
        """Whether a record that was read at this moment may be replaced without another look.

        It may not after FRESH seconds (or one and a half slots, if the rate is very low), after a
        pause, or after the computer slept or its clock was set.
        """
        age = max(self._clock() - read.monotonic, abs(self._wall() - read.wall))
        return read.pauses == self._pauses and age <= max(FRESH, 1.5 / self.rate)

    async def _give_slots(self) -> None:
        while self._urgent or self._others:
            await self._spaced()
            while (pause := self.pause) > 0:
                await self._sleep(pause)
            self._give_one()

    async def _spaced(self) -> None:
        rate = self.rate
        if self._spacing is None or self._spacing[0] != rate:
            limiter = AsyncLimiter(1, 1 / (rate * HEADROOM))
            if self._spacing is not None:
                await limiter.acquire()  # the last call was of another limiter, so wait a step
            self._spacing = rate, limiter
        await self._spacing[1].acquire()

    def _give_one(self) -> None:
        while self._urgent or self._others:
            waiter = self._urgent.pop() if self._urgent else self._others.popleft()
            if waiter.done():  # cancelled
                continue
            if self._used_up or self.available == 0:
                reserve = f" down to the reserve of {self.reserve:,}" if self.reserve else ""
                msg = (
                    f"The institution's daily API calls are used up{reserve}. There are new ones "
                    "after midnight GMT."
                )
                waiter.set_exception(DailyLimitError(msg))
                continue
            self.calls += 1
            waiter.set_result(Slot(self.calls, self._clock(), self._answered))
            return

    def _slow_down(self, slot: Slot, asked: float) -> None:
        """Halve the rate, once for all calls that were sent before the refusal was known."""
        now = self._clock()
        rate = self.rate
        self._pauses += 1
        self._resumes = max(self._resumes, now + max(asked, SHORTEST_PAUSE))
        if slot.given >= self._slowed_at:
            rate = max(rate / 2, min(SLOWEST, self.full_rate))
            self._slowed_at = now
        self._slowed_to = rate


class StaleReadError(UnavailableError):
    """A record was read too long ago to be replaced, so nothing was sent."""

    def __init__(self) -> None:
        """Set the message."""
        super().__init__(
            "The record could not be sent shortly enough after it was read; nothing was sent."
        )


async def run_concurrently(
    limiter: RateLimiter, items: Iterable[Item], worker: Callable[[Item], Awaitable[Result]]
) -> AsyncGenerator[Result]:
    """Yield the worker's result for each item, as they finish, not in their order.

    At most `limiter.in_flight` workers run at once. An item is taken only when there is room for
    it, so a caller stops by giving no more. If a worker raises, no more items are taken, those
    under way finish and their results are still given, then the first error is raised. If the
    caller itself is cancelled or leaves early, those under way are cancelled and waited for; leave
    early only inside `contextlib.aclosing`.
    """
    todo = iter(items)
    tasks: set[asyncio.Future[Result]] = set()
    error: BaseException | None = None
    try:
        while True:
            room = 0 if error else limiter.in_flight - len(tasks)
            for item in islice(todo, room):
                tasks.add(asyncio.ensure_future(worker(item)))
            if not tasks:
                break
            done, tasks = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                raised = asyncio.CancelledError() if task.cancelled() else task.exception()
                error = error or raised
                if raised is None:
                    yield task.result()
        if error is not None:
            raise error
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
