"""The pace: never a burst, slower when asked, stopped before the reserve; all in virtual time."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator
from itertools import pairwise

import pytest

from importer.alma.governor import FEWEST, MOST, Governor
from importer.alma.spread import spread
from importer.errors import DailyLimitError, ThrottledError
from tests.alma.fakes import in_virtual_time

Clock = Callable[[], float]


class Server:
    """An institution's bucket, refilled at `limit` calls a second, and answers of 0.3 to 2 s."""

    def __init__(self, clock: Clock, limit: float) -> None:
        """Begin with a second's worth of calls."""
        self.clock, self.limit = clock, limit
        self.left, self.seen = limit, 0.0
        self.random = random.Random(7)  # noqa: S311  the same answers in every run
        self.served: list[float] = []
        self.refused: list[float] = []
        self.open = self.most_open = 0

    async def answer(self) -> None:
        """Serve one call, or raise ThrottledError at once."""
        now = self.clock()
        self.left = min(self.limit, self.left + (now - self.seen) * self.limit)
        self.seen = now
        if self.left < 1:
            self.refused.append(now)
            msg = "too fast"
            raise ThrottledError(msg)
        self.left -= 1
        self.served.append(now)
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        await asyncio.sleep(self.random.uniform(0.3, 2))
        self.open -= 1


async def refused(governor: Governor, wait: float = 0) -> None:
    """Make one call that Alma refuses for its speed."""
    async with governor.call():
        msg = "too fast"
        raise ThrottledError(msg, wait=wait)


def drive(
    limit: float, rate: float, seconds: float, *, halve_at: float | None = None, programs: int = 1
) -> Server:
    """Programs that call one server for so many seconds; its limit may halve at a moment."""

    async def work(clock: Clock) -> Server:
        server = Server(clock, limit)

        async def halve(after: float) -> None:
            await asyncio.sleep(after)
            server.limit /= 2

        async def program() -> None:
            governor = Governor(rate, clock=clock)

            async def call(_: int) -> None:
                while True:
                    try:
                        async with governor.call():
                            await server.answer()
                    except ThrottledError:
                        continue
                    return

            def numbers() -> Iterator[int]:
                while clock() < seconds:
                    yield 0

            async for _ in spread(governor, numbers(), call):
                pass

        async with asyncio.TaskGroup() as group:
            if halve_at is not None:
                group.create_task(halve(halve_at))
            for _ in range(programs):
                group.create_task(program())
        return server

    return in_virtual_time(work)


def test_the_rate_is_reached_with_slow_answers_and_no_refusal() -> None:
    """At 25 a second and answers of 0.3 to 2 s, 95 % of the limit is used and never exceeded."""
    server = drive(limit=25, rate=25, seconds=60)
    assert not server.refused
    assert len([at for at in server.served if at < 60]) >= 0.95 * 25 * 60


def test_no_second_sees_more_calls_than_the_rate() -> None:
    """There is no burst: calls are never two at once, and no second of the run holds too many."""
    server = drive(limit=25, rate=25, seconds=20)
    gaps = [later - earlier for earlier, later in pairwise(server.served)]
    assert min(gaps) >= 0.5 / 25
    times = server.served
    assert max(sum(at <= other < at + 1 for other in times) for at in times) <= 25


def test_as_many_calls_are_under_way_as_the_pace_needs() -> None:
    """Slow answers open more calls, within the bound."""
    server = drive(limit=25, rate=25, seconds=30)
    assert 25 <= server.most_open <= MOST


def test_a_limit_that_halves_is_followed_within_seconds() -> None:
    """After the limit fell, we settle below it: most of it is used, and refusals are rare."""
    server = drive(limit=25, rate=25, seconds=120, halve_at=30)
    later = [at for at in server.served if 40 <= at < 120]
    assert len(later) >= 0.75 * 12.5 * 80
    assert len(server.refused) <= 0.02 * len(server.served)


def test_three_programs_share_one_limit() -> None:
    """Others spend the same institution's calls: most of the limit is used, little is refused."""
    server = drive(limit=25, rate=25, seconds=300, programs=3)
    served = [at for at in server.served if 60 <= at < 300]
    assert len(served) >= 0.75 * 25 * 240
    assert len(server.refused) <= 0.05 * len(server.served)


def test_several_refusals_of_one_moment_halve_once() -> None:
    """Calls that were sent before we knew say nothing new."""

    async def work(clock: Clock) -> float:
        governor = Governor(16, clock=clock)
        gate = asyncio.Event()

        async def call() -> None:
            async with governor.call():
                await gate.wait()
                msg = "too fast"
                raise ThrottledError(msg)

        tasks = [asyncio.create_task(call()) for _ in range(5)]
        await asyncio.sleep(2)
        gate.set()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(result, ThrottledError) for result in results)
        return governor.rate

    assert in_virtual_time(work) == 8


@pytest.mark.parametrize(("asked", "waited"), [(0, 1), (0.2, 1), (4, 4)])
def test_the_wait_that_alma_asks_for_is_kept(asked: float, waited: float) -> None:
    """After a refusal nothing is sent for what was asked, and for one second at least."""

    async def work(clock: Clock) -> tuple[float, str]:
        governor = Governor(10, clock=clock)
        with pytest.raises(ThrottledError):
            await refused(governor, asked)
        notice = governor.notice
        before = clock()
        await governor.slot()
        assert governor.notice == ""
        return clock() - before, notice

    took, notice = in_virtual_time(work)
    assert took == pytest.approx(waited)
    assert f"{waited} s" in notice


def test_speed_is_taken_up_again_and_never_beyond_the_set_rate() -> None:
    """After a refusal the rate comes back slowly; twenty seconds do not bring all of it."""

    async def work(clock: Clock) -> list[float]:
        governor = Governor(20, clock=clock)
        with pytest.raises(ThrottledError):
            await refused(governor)
        rates = [governor.rate]
        for seconds in (5, 15, 100, 1000):
            await asyncio.sleep(seconds)
            rates.append(governor.rate)
        return rates

    halved, soon, later, much_later, at_last = in_virtual_time(work)
    assert halved == 10
    assert halved < soon < later < 19
    assert later < much_later <= 20
    assert at_last == 20


def test_the_rate_never_falls_to_nothing() -> None:
    """However often Alma complains, calls go on, slowly."""

    async def work(clock: Clock) -> float:
        governor = Governor(8, clock=clock)
        for _ in range(30):
            with pytest.raises(ThrottledError):
                await refused(governor)
        return governor.rate

    assert in_virtual_time(work) >= 0.2


def test_the_reserve_is_never_touched() -> None:
    """Calls stop when what is left, less what is under way, is the reserve."""

    async def work(clock: Clock) -> tuple[int, int]:
        governor = Governor(100, reserve=40, clock=clock)
        left, lowest = 60, 60

        async def call(_: int) -> None:
            nonlocal left, lowest
            async with governor.call() as slot:
                left -= 1
                lowest = min(lowest, left)
                told = left
                await asyncio.sleep(1)
                governor.saw(slot, told)

        with pytest.raises(DailyLimitError):
            _ = [result async for result in spread(governor, range(1000), call)]
        return lowest, governor.calls

    lowest, calls = in_virtual_time(work)
    assert calls == 60 - lowest
    # Until the first answer nobody has said how many there are.
    assert lowest >= 40 - MOST
    assert lowest <= 40


def test_the_reserve_is_exact_once_alma_has_spoken() -> None:
    """After one answer the count is known, and not one call too many is sent."""

    async def work(clock: Clock) -> int:
        governor = Governor(100, reserve=40, clock=clock)
        governor.saw(await governor.slot(), 100)
        for _ in range(60):
            await governor.slot()
        with pytest.raises(DailyLimitError):
            await governor.slot()
        return governor.calls

    assert in_virtual_time(work) == 61


def test_a_used_up_day_stops_those_who_wait() -> None:
    """Once Alma says that the day's calls are used up, no further call is sent."""

    async def work(clock: Clock) -> int:
        governor = Governor(10, clock=clock)

        async def call() -> None:
            async with governor.call():
                await asyncio.sleep(0.05)
                msg = "used up"
                raise DailyLimitError(msg)

        results = await asyncio.gather(*(call() for _ in range(10)), return_exceptions=True)
        assert all(isinstance(result, DailyLimitError) for result in results)
        return governor.calls

    assert in_virtual_time(work) == 1


def test_the_calls_under_way_stay_within_bounds() -> None:
    """A server that takes a minute does not make us open calls without end."""

    async def work(clock: Clock) -> list[int]:
        governor = Governor(25, clock=clock)
        seen = [governor.in_flight]
        for took in (60.0, 60.0, *[0.01] * 200):
            async with governor.call():
                await asyncio.sleep(took)
            seen.append(governor.in_flight)
        return seen

    seen = in_virtual_time(work)
    assert max(seen) == MOST
    assert seen[-1] == FEWEST


def test_cancelling_one_who_waits_frees_the_turn() -> None:
    """A cancelled wait for a slot blocks nobody else."""

    async def work(clock: Clock) -> int:
        governor = Governor(1, clock=clock)
        await governor.slot()
        waiting = asyncio.create_task(governor.slot())
        await asyncio.sleep(0.1)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        await governor.slot()
        return governor.calls

    assert in_virtual_time(work) == 2
