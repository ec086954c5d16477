"""A sandbox, a client that counts its calls, and a cache in a folder of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import httpx
import pytest
from pydantic import SecretStr

from importer.alma.client import Alma
from importer.alma.pacing import RateLimiter
from importer.model.run import AlmaKey
from importer.sandbox.server import Options
from importer.users.cache import UserCache
from importer.users.refresh import Refresh
from tests.sandbox.alma import Alma as Practice
from tests.sandbox.alma import practice

T = TypeVar("T")
Json = dict[str, object]


def unheard(_done: int, _of: int) -> None:
    """Nobody watches the progress."""


def now() -> datetime:
    """The time: the sandbox stamps its users with the computer's own."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class World:
    """A sandbox, its back door, and the file of its cache."""

    practice: Practice
    path: Path

    def asked(self, work: Callable[[Alma], Awaitable[T]]) -> T:
        """What some calls give."""

        async def main() -> T:
            key = SecretStr("sandbox")
            async with Alma(f"{self.practice.url}/almaws/v1", key, RateLimiter(5000, 0)) as alma:
                return await work(alma)

        return asyncio.run(main())

    def back(self, method: str, path: str, body: object = None) -> httpx.Response:
        """A call to the back door."""
        answer = self.practice.admin(method, path, body)
        answer.raise_for_status()
        return answer

    def calls(self) -> list[str]:
        """Method and path of the calls since this was last asked."""
        made = [f"{entry['method']} {entry['path']}" for entry in self.practice.log()]
        self.back("DELETE", "/log")
        return made

    def delete(self, primary_id: str) -> None:
        """Delete a user in Alma itself."""
        self.asked(lambda alma: alma.delete_user(primary_id))
        self.calls()

    @contextmanager
    def cache(self) -> Iterator[UserCache]:
        """The cache, made where there is none."""
        with UserCache.make(self.path, AlmaKey(institution="INST", environment="sandbox")) as cache:
            yield cache

    def refresh(
        self, cache: UserCache, *, full: bool = False, later: timedelta = timedelta()
    ) -> list[str]:
        """Refresh a cache, `later` by the computer's clock; the calls that it took."""
        self.calls()
        clock = lambda: now() + later  # noqa: E731
        self.asked(lambda alma: Refresh(cache, alma, clock, unheard, print).run(full=full))
        return self.calls()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A sandbox with 250 invented patrons."""
    with practice(Options(rate=0, seed_users=250)) as alma:
        yield World(
            alma, AlmaKey(institution="INST", environment="sandbox").cache(tmp_path / "directory")
        )
