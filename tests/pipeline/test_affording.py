"""What looking rows up takes of the day's calls."""

from __future__ import annotations

import pytest

from importer.alma.pacing import RateLimiter
from importer.pipeline.affording import MANY, afforded
from tests.alma.fakes import virtually


async def _spend(limiter: RateLimiter, calls: int, said: list[str]) -> None:
    with afforded(calls, calls, limiter, said.append):
        for _ in range(calls):
            await limiter.slot()


@pytest.mark.parametrize(("calls", "told"), [(MANY - 1, 1), (MANY, 2)])
def test_many_calls_are_worth_a_word(calls: int, told: int) -> None:
    """Before, how many it may take; after many of them, what a directory would save."""
    said: list[str] = []
    virtually(_spend(RateLimiter(50), calls, said))
    assert len(said) == told
    assert f"{calls} calls" in said[-1]


def test_where_nothing_is_asked_nothing_is_said() -> None:
    """No row is ready, or a directory answers."""
    said: list[str] = []
    virtually(_spend(RateLimiter(50), 0, said))
    assert said == []
