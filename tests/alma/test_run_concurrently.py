"""Many at once: every result is given, and a stop is clean."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from importer.alma.pacing import FEWEST, MOST, run_concurrently
from importer.errors import DailyLimitError
from tests.alma.fakes import paced

pytestmark = pytest.mark.anyio


@given(delays=st.lists(st.floats(0, 5), max_size=60))
async def test_every_item_gives_one_result(delays: list[float]) -> None:
    """As many results as items, in whatever order they finish."""

    async def one(item: tuple[int, float]) -> int:
        await asyncio.sleep(item[1])
        return item[0]

    results = [result async for result in run_concurrently(paced(10), enumerate(delays), one)]
    assert sorted(results) == list(range(len(delays)))


async def test_items_are_taken_only_when_there_is_room() -> None:
    """The feed is read no further than work can begin, so its owner can stop it."""
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

    async for _ in run_concurrently(paced(1), feed(), one):
        done += 1
    assert most <= MOST


async def test_an_error_lets_those_under_way_finish() -> None:
    """After a stopping error no item is taken, and what was under way still gives its result."""
    begun: list[int] = []
    results: list[int] = []

    async def one(number: int) -> int:
        begun.append(number)
        if number == 1:
            await asyncio.sleep(0.5)
            msg = "used up"
            raise DailyLimitError(msg)
        await asyncio.sleep(2)
        return number

    with pytest.raises(DailyLimitError):  # noqa: PT012  the results before the error are kept
        async for result in run_concurrently(paced(1), range(100), one):
            results.append(result)  # noqa: PERF401
    assert len(begun) == FEWEST
    assert sorted(results) == [0, *range(2, FEWEST)]


async def test_leaving_early_leaves_nothing_running() -> None:
    """A caller that leaves cancels what is under way, and waits until it is gone."""
    begun = ended = 0

    async def one(number: int) -> int:
        nonlocal begun, ended
        begun += 1
        try:
            await asyncio.sleep(number + 1)
        finally:
            ended += 1
        return number

    async with contextlib.aclosing(run_concurrently(paced(1), range(100), one)) as results:
        async for _ in results:
            break
    assert begun == ended == FEWEST


async def test_cancelling_the_caller_cancels_the_work() -> None:
    """Ctrl-C in the caller reaches each worker."""
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
        async for _ in run_concurrently(paced(1), range(100), one):
            pass

    task = asyncio.create_task(everything())
    await asyncio.sleep(1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert begun == cancelled == FEWEST
