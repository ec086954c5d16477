"""The sandbox's clock. Tests hand in one that they move themselves."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime


class Clock:
    """The time as the sandbox sees it; this one is the real time."""

    def now(self) -> datetime:
        """Return the time of day, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return seconds that only ever grow, for the calls-per-second limit."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait; every latency and every delay of a fault comes through here."""
        await asyncio.sleep(seconds)
