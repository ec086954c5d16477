"""How near the rate limiter comes to an institution's limit, against a server on loopback.

The server holds a bucket of one second's calls and takes 0.3 to 2 s for an answer; the client is
the real one, over HTTP. Run it with `python -m benchmarks.pacing [SECONDS]` (60 unless given).

Two runs: a steady limit, and a limit that halves after a third of the time. Measured are the calls
that were served, as a share of what the limit allows, and the calls that were refused.
"""

from __future__ import annotations

import asyncio
import random
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from aiohttp import web
from pydantic import SecretStr

from importer.alma.client import Alma
from importer.alma.pacing import RateLimiter, run_concurrently

LIMIT = 25.0
USER = {"first_name": "Ana", "last_name": "Núñez"}
TOO_FAST = {"errorsExist": True, "errorList": {"error": [{"errorCode": "PER_SECOND_THRESHOLD"}]}}


@dataclass
class Institution:
    """A server with a bucket, and what it saw: seconds since its start."""

    limit: float = LIMIT
    left: float = LIMIT
    filled: float = field(default_factory=time.monotonic)
    start: float = field(default_factory=time.monotonic)
    served: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    dice: random.Random = field(default_factory=lambda: random.Random(7))  # noqa: S311

    async def answer(self, request: web.Request) -> web.Response:
        """Serve a call, slowly, or refuse it at once."""
        now = time.monotonic()
        self.left = min(self.limit, self.left + (now - self.filled) * self.limit)
        self.filled = now
        if self.left < 1:
            self.refused.append(now - self.start)
            return web.json_response(TOO_FAST, status=429)
        self.left -= 1
        self.served.append(now - self.start)
        await asyncio.sleep(self.dice.uniform(0.3, 2))
        return web.json_response({"primary_id": request.path.rpartition("/")[2], **USER})


async def run(seconds: float, halve_at: float | None = None) -> Institution:
    """Read users at the limit for so long; the limit halves at a moment, if one is given."""
    institution = Institution()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", institution.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    if halve_at is not None:
        asyncio.get_running_loop().call_later(
            halve_at, lambda: setattr(institution, "limit", LIMIT / 2)
        )
    limiter = RateLimiter(LIMIT)
    end = time.monotonic() + seconds

    def identifiers() -> Iterator[str]:
        while time.monotonic() < end:
            yield "20001234567890"

    base_url = f"http://{host}:{port}/almaws/v1"
    async with Alma(base_url, SecretStr("none"), limiter) as alma:
        async for _ in run_concurrently(limiter, identifiers(), alma.get_user):
            pass
    await runner.cleanup()
    return institution


def share(institution: Institution, limit: float, begin: float, end: float) -> float:
    """The part of the limit that was used between two moments."""
    return sum(begin <= at < end for at in institution.served) / (limit * (end - begin))


def busiest(institution: Institution) -> int:
    """The most calls that any second, wherever it begins, saw."""
    times = sorted(institution.served + institution.refused)
    return max(sum(at <= other < at + 1 for other in times) for at in times)


def main(seconds: float = 60) -> None:
    """Measure both runs and print what came out."""
    steady = asyncio.run(run(seconds))
    print(
        f"steady limit of {LIMIT:g}/s, {seconds:g} s: {share(steady, LIMIT, 0, seconds):.1%} of it "
        f"used, {len(steady.refused)} refused, busiest second {busiest(steady)} calls"
    )
    third = seconds / 3
    halved = asyncio.run(run(seconds, third))
    settled = third + 5
    late = sum(at >= settled for at in halved.refused)
    print(
        f"limit halves after {third:g} s: {share(halved, LIMIT / 2, settled, seconds):.1%} of the "
        f"new limit used from 5 s later on, {len(halved.refused)} refused in all, {late} of them "
        "after those 5 s"
    )


if __name__ == "__main__":
    main(*map(float, sys.argv[1:2]))
