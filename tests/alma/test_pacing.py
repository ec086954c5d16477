"""The pace: never a burst, slower when asked, stopped before the reserve; and many calls at once.

All in virtual time.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from importer.alma.pacing import FEWEST, MOST, RateLimiter, StaleReadError, run_concurrently
from importer.errors import DailyLimitError, ThrottledError
from tests.alma.fakes import clock, paced

pytestmark = pytest.mark.anyio


class Server:
    """An institution's bucket, refilled at `limit` calls a second, and answers of 0.3 to 2 s."""

    def __init__(self, limit: float) -> None:
        """Begin with a second's worth of calls."""
        self.limit = self.left = limit
        self.seen = clock()
        self.random = random.Random(7)  # noqa: S311  the same answers in every run
        self.served: list[float] = []
        self.refused: list[float] = []
        self.open = self.most_open = 0

    async def answer(self) -> None:
        """Serve one call, or raise ThrottledError at once."""
        now = clock()
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


async def refused(limiter: RateLimiter, wait: float = 0) -> None:
    """Make one call that Alma refuses for its speed."""
    async with limiter.call():
        msg = "too fast"
        raise ThrottledError(msg, wait=wait)


async def drive(
    limit: float, rate: float, seconds: float, *, halve_at: float | None = None, programs: int = 1
) -> Server:
    """Programs that call one server for so many seconds; its limit may halve at a moment."""
    server = Server(limit)

    async def halve(after: float) -> None:
        await asyncio.sleep(after)
        server.limit /= 2

    async def program() -> None:
        limiter = paced(rate)

        async def call(_: int) -> None:
            while True:
                with contextlib.suppress(ThrottledError):
                    async with limiter.call():
                        await server.answer()
                    return

        def numbers() -> Iterator[int]:
            while clock() < seconds:
                yield 0

        async for _ in run_concurrently(limiter, numbers(), call):
            pass

    async with asyncio.TaskGroup() as group:
        if halve_at is not None:
            group.create_task(halve(halve_at))
        for _ in range(programs):
            group.create_task(program())
    return server


async def test_the_rate_is_reached_without_a_burst() -> None:
    """With answers of 0.3 to 2 s, 95 % of 25 calls a second are used, and never more in a second.

    Calls are never two at once; slow answers open more of them, within the bound.
    """
    server = await drive(limit=25, rate=25, seconds=60)
    times = server.served
    assert not server.refused
    assert len([at for at in times if at < 60]) >= 0.95 * 25 * 60
    assert min(later - earlier for earlier, later in pairwise(times)) >= 0.5 / 25
    assert max(sum(at <= other < at + 1 for other in times) for at in times) <= 25
    assert 25 <= server.most_open <= MOST


@pytest.mark.parametrize(
    ("limit", "rate", "programs", "halve_at", "used", "refused"),
    [
        (25, 25, 1, 30, 0.75 * 12.5, 0.02),  # the limit halves in the middle
        (30, 60, 1, None, 0.6 * 30, 0.05),  # the rate is set to twice the limit
        (25, 25, 3, None, 0.75 * 25, 0.05),  # others spend the same institution's calls
    ],
)
async def test_the_pace_follows_the_limit(
    limit: float, rate: float, programs: int, halve_at: float | None, used: float, refused: float
) -> None:
    """Within a minute most of the limit is used, and refusals are rare."""
    server = await drive(limit, rate, seconds=150, halve_at=halve_at, programs=programs)
    assert len([at for at in server.served if 60 <= at < 150]) >= used * 90
    assert len(server.refused) <= refused * len(server.served)


async def test_several_refusals_of_one_moment_halve_once() -> None:
    """Calls that were sent before we knew say nothing new."""
    limiter = paced(16)
    gate = asyncio.Event()

    async def call() -> None:
        async with limiter.call():
            await gate.wait()
            msg = "too fast"
            raise ThrottledError(msg)

    tasks = [asyncio.create_task(call()) for _ in range(5)]
    await asyncio.sleep(2)
    gate.set()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(result, ThrottledError) for result in results)
    assert limiter.rate == 8


@pytest.mark.parametrize(("asked", "waited"), [(0, 1), (0.2, 1), (4, 4)])
async def test_the_wait_that_alma_asks_for_is_kept(asked: float, waited: float) -> None:
    """After a refusal nothing is sent for what was asked, and for one second at least."""
    limiter = paced(10)
    with pytest.raises(ThrottledError):
        await refused(limiter, asked)
    assert f"{waited} s" in limiter.notice
    before = clock()
    await limiter.slot()
    assert limiter.notice == ""
    assert clock() - before == pytest.approx(waited, abs=0.01)


async def test_speed_is_taken_up_again_and_never_beyond_the_set_rate() -> None:
    """After a refusal the rate comes back slowly; twenty seconds do not bring all of it."""
    limiter = paced(20)
    with pytest.raises(ThrottledError):
        await refused(limiter)
    rates = [limiter.rate]
    for seconds in (5, 15, 100, 1000):
        await asyncio.sleep(seconds)
        rates.append(limiter.rate)
    halved, soon, later, much_later, at_last = rates
    assert halved == 10
    assert halved <= soon < later < 19
    assert later < much_later <= 20
    assert at_last == 20


async def test_the_rate_never_falls_to_nothing() -> None:
    """However often Alma complains, calls go on, slowly."""
    limiter = paced(8)
    for _ in range(30):
        with pytest.raises(ThrottledError):
            await refused(limiter)
    assert limiter.rate >= 0.2


@pytest.mark.parametrize("rate", [8, 25, 50])
@pytest.mark.parametrize("seed", range(5))
async def test_the_reserve_is_never_overrun(rate: float, seed: int) -> None:
    """Calls are counted, and answered, in any order: none is counted beyond the reserve.

    Nearly all that may be used is used.
    """
    limiter = paced(rate, reserve=40)
    dice = random.Random(seed)  # noqa: S311  reproducible on purpose
    left = 400

    async def call(_: int) -> None:
        nonlocal left
        async with limiter.call() as slot:
            await asyncio.sleep(dice.uniform(0, 0.8))  # on its way
            left -= 1
            told = left
            await asyncio.sleep(dice.uniform(0, 0.8))  # and back
            limiter.saw(slot, told)

    await call(0)  # which institution is this?
    with pytest.raises(DailyLimitError):
        _ = [result async for result in run_concurrently(limiter, range(1000), call)]
    assert limiter.calls == 400 - left
    assert 40 <= left <= 40 + 2 * rate


@pytest.mark.parametrize(
    ("answers", "calls"),
    [
        ((100,), 61),  # one answer, and the count is exact
        ((100, 45), 7),  # others use the day's calls too: the smaller count holds
        ((41, 1000), 962),  # after midnight GMT the count starts again
    ],
)
async def test_calls_end_at_the_reserve_of_the_last_answer(
    answers: tuple[int, ...], calls: int
) -> None:
    """Not one call too many is sent, whoever else uses the day's calls."""
    limiter = paced(100, reserve=40)
    for remaining in answers:
        limiter.saw(await limiter.slot(), remaining)
    with pytest.raises(DailyLimitError):
        _ = [await limiter.slot() for _ in range(2000)]
    assert limiter.calls == calls


async def test_an_urgent_call_gets_the_next_slot() -> None:
    """However many wait; of several urgent ones the latest, whose record was just read."""
    limiter = paced(10)
    given: list[str] = []

    async def one(name: str, *, urgent: bool) -> None:
        await limiter.slot(urgent=urgent)
        given.append(name)

    await limiter.slot()
    async with asyncio.TaskGroup() as group:
        for name in "abc":
            group.create_task(one(name, urgent=False))
        for name in "PQ":
            await asyncio.sleep(0.02)
            group.create_task(one(name, urgent=True))
    assert given == ["Q", "P", "a", "b", "c"]


@pytest.mark.parametrize(
    ("monotonic", "wall", "paused", "calls"),
    [
        (1.9, 1.9, False, 1),  # just read
        (2.1, 2.1, False, 0),
        (0, 3600, False, 0),  # the computer sleeps, and its monotonic clock stands still
        (0, -60, False, 0),  # the clock is set back
        (1, 1, True, 0),  # Alma asks for a pause
    ],
)
async def test_a_record_that_was_read_too_long_ago_is_not_replaced(
    monotonic: float, wall: float, *, paused: bool, calls: int
) -> None:
    """After two seconds by either clock, or after a pause, nothing is sent, and nothing counted."""
    clocks = {"monotonic": 1000.0, "wall": 5000.0}
    limiter = RateLimiter(10, clock=lambda: clocks["monotonic"], wall=lambda: clocks["wall"])
    read_at = limiter.moment()
    if paused:
        with pytest.raises(ThrottledError):
            await refused(limiter)
    clocks = {"monotonic": 1000 + monotonic, "wall": 5000 + wall}
    before = limiter.calls
    with contextlib.suppress(StaleReadError):
        async with limiter.call(read_at=read_at):
            pass
    assert limiter.calls - before == calls


@pytest.mark.parametrize("rate", [0.2, 1, 8])
async def test_however_slow_the_pace_every_record_is_replaced_while_it_is_fresh(
    rate: float,
) -> None:
    """Many rows at once, each read and replaced: none waits for ever, most need one reading."""
    limiter = paced(rate)
    oldest = 0.0

    async def row(number: int) -> None:
        nonlocal oldest
        urgent = False
        while True:
            async with limiter.call(urgent=urgent):
                await asyncio.sleep(0.3)
            read_at = limiter.moment()
            urgent = True
            with contextlib.suppress(StaleReadError):
                async with limiter.call(read_at=read_at):
                    oldest = max(oldest, clock() - read_at.monotonic)
                    await asyncio.sleep(0.3)
                return

    _ = [result async for result in run_concurrently(limiter, range(60), row)]
    assert limiter.calls <= 1.3 * 2 * 60
    assert oldest <= max(2, 1.5 / rate)


async def test_a_used_up_day_stops_those_who_wait() -> None:
    """Once Alma says that the day's calls are used up, no further call is sent."""
    limiter = paced(10)

    async def call() -> None:
        async with limiter.call():
            await asyncio.sleep(0.05)
            msg = "used up"
            raise DailyLimitError(msg)

    results = await asyncio.gather(*(call() for _ in range(10)), return_exceptions=True)
    assert all(isinstance(result, DailyLimitError) for result in results)
    assert limiter.calls == 1


@pytest.mark.parametrize(("rate", "expected"), [(0.2, FEWEST), (8, 16), (25, 50), (50, MOST)])
def test_the_calls_under_way_stay_within_bounds(rate: float, expected: int) -> None:
    """Enough for answers that take two seconds, and no more than a server can bear."""
    assert RateLimiter(rate).in_flight == expected


async def test_cancelling_one_who_waits_frees_the_turn() -> None:
    """A cancelled wait for a slot blocks nobody else."""
    limiter = paced(1)
    await limiter.slot()
    waiting = asyncio.create_task(limiter.slot())
    await asyncio.sleep(0.1)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    await limiter.slot()
    assert limiter.calls == 2


# ---- many at once ----


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


@pytest.mark.parametrize("canceled", [False, True])
async def test_a_caller_that_ends_early_leaves_nothing_running(*, canceled: bool) -> None:
    """One that leaves, or that Ctrl-C ends, cancels what is under way, and waits for that."""
    begun = ended = 0

    async def one(number: int) -> int:
        nonlocal begun, ended
        begun += 1
        try:
            await asyncio.sleep(number + 1)
        finally:
            ended += 1
        return number

    async def first() -> None:
        async with contextlib.aclosing(run_concurrently(paced(1), range(100), one)) as results:
            async for _ in results:
                break

    task = asyncio.create_task(first())
    await asyncio.sleep(0.5)
    if canceled:
        task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert begun == ended == FEWEST
