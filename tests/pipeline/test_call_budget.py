"""How many calls a plan may take without a user cache."""

from __future__ import annotations

import pytest

from importer.alma.pacing import RateLimiter
from importer.pipeline.lookup import MANY, check_call_budget
from tests.alma.fakes import virtually


async def _spend(limiter: RateLimiter, calls: int, said: list[str]) -> None:
    with check_call_budget(calls, calls, limiter, said.append):
        for _ in range(calls):
            await limiter.slot()


@pytest.mark.parametrize(("calls", "told"), [(MANY - 1, 1), (MANY, 2)])
def test_many_calls_get_a_reminder(calls: int, told: int) -> None:
    """Before, how many calls it may take; after many of them, that a user cache saves them."""
    said: list[str] = []
    virtually(_spend(RateLimiter(50), calls, said))
    assert len(said) == told
    assert f"{calls} calls" in said[-1]


def test_without_calls_nothing_is_reported() -> None:
    """No row is ready, or the user cache answers."""
    said: list[str] = []
    virtually(_spend(RateLimiter(50), 0, said))
    assert said == []
