"""Many at once: every result is given, and a stop is clean."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from importer.alma.pacing import FEWEST, MOST, RateLimiter, run_concurrently
from importer.errors import DailyLimitError
from tests.alma.fakes import in_virtual_time

Clock = Callable[[], float]


@given(st.lists(st.floats(0, 5), max_size=60))
def test_every_item_gives_one_result(delays: list[float]) -> None:
    """As many results as items, in whatever order they finish."""

    async def work(clock: Clock) -> list[int]:
        async def one(item: tuple[int, float]) -> int:
            await asyncio.sleep(item[1])
            return item[0]

        limiter = RateLimiter(10, clock=clock)
        return [result async for result in run_concurrently(limiter, enumerate(delays), one)]

    assert sorted(in_virtual_time(work)) == list(range(len(delays)))


def test_items_are_taken_only_when_there_is_room() -> None:
    """The feed is read no further than work can begin, so its owner can stop it."""

    async def work(clock: Clock) -> int:
        limiter = RateLimiter(1, clock=clock)
        taken = done = most = 0

        def feed() -> Iterator[int]:
            nonlocal taken
            for number in range(200):
                taken += 1
                yield number

        async def one(_: int) -> None:
            nonlocal most
            most = max(most, taken - done)
            await asyncio.sleep(1)

        async for _ in run_concurrently(limiter, feed(), one):
            done += 1
        return most

    assert in_virtual_time(work) <= MOST


def test_an_error_lets_those_under_way_finish() -> None:
    """After a stopping error no item is taken, and what was under way still gives its result."""

    async def work(clock: Clock) -> tuple[list[int], int]:
        limiter = RateLimiter(1, clock=clock)
        begun = 0

        async def one(number: int) -> int:
            nonlocal begun
            begun += 1
            if number == 1:
                await asyncio.sleep(0.5)
                msg = "used up"
                raise DailyLimitError(msg)
            await asyncio.sleep(2)
            return number

        results: list[int] = []

        async def everything() -> None:
            async for result in run_concurrently(limiter, range(100), one):
                results.append(result)  # noqa: PERF401  kept though an error ends the loop

        with pytest.raises(DailyLimitError):
            await everything()
        return results, begun

    results, begun = in_virtual_time(work)
    assert begun == FEWEST
    assert sorted(results) == [0, *range(2, FEWEST)]


def test_leaving_early_leaves_nothing_running() -> None:
    """A caller that leaves cancels what is under way, and waits until it is gone."""

    async def work(clock: Clock) -> tuple[int, int]:
        limiter = RateLimiter(1, clock=clock)
        begun = ended = 0

        async def one(number: int) -> int:
            nonlocal begun, ended
            begun += 1
            try:
                await asyncio.sleep(number + 1)
            finally:
                ended += 1
            return number

        async with contextlib.aclosing(run_concurrently(limiter, range(100), one)) as results:
            async for _ in results:
                break
        return begun, ended

    begun, ended = in_virtual_time(work)
    assert begun == ended == FEWEST


def test_cancelling_the_caller_cancels_the_work() -> None:
    """Ctrl-C in the caller reaches each worker."""

    async def work(clock: Clock) -> tuple[int, int]:
        limiter = RateLimiter(1, clock=clock)
        begun = cancelled = 0

        async def one(_: int) -> None:
            nonlocal begun, cancelled
            begun += 1
            try:
                await asyncio.sleep(100)
            except asyncio.CancelledError:
                cancelled += 1
                raise

        async def everything() -> None:
            async for _ in run_concurrently(limiter, range(100), one):
                pass

        task = asyncio.create_task(everything())
        await asyncio.sleep(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return begun, cancelled

    begun, cancelled = in_virtual_time(work)
    assert begun == cancelled == FEWEST
