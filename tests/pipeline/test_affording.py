"""What looking rows up takes of the day's calls."""

from __future__ import annotations

import asyncio

import pytest

from importer.alma.governor import Governor
from importer.pipeline.affording import MANY, afforded


async def _spend(governor: Governor, calls: int, said: list[str]) -> None:
    with afforded(calls, calls, governor, said.append):
        for _ in range(calls):
            await governor.slot()


@pytest.mark.parametrize(("calls", "told"), [(MANY - 1, 1), (MANY, 2)])
def test_many_calls_are_worth_a_word(calls: int, told: int) -> None:
    """Before, how many it may take; after many of them, what a directory would save."""
    said: list[str] = []

    async def sleep(_: float) -> None:
        """Time is not what this is about."""

    clock = iter(range(10**6))
    governor = Governor(50, clock=lambda: float(next(clock)), sleep=sleep)
    asyncio.run(_spend(governor, calls, said))
    assert len(said) == told
    assert f"{calls} calls" in said[-1]


def test_where_nothing_is_asked_nothing_is_said() -> None:
    """No row is ready, or a directory answers."""
    said: list[str] = []
    asyncio.run(_spend(Governor(50), 0, said))
    assert said == []
