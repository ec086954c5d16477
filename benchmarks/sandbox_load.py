"""How many calls a second the sandbox answers while it holds many users.

    python -m benchmarks.sandbox_load [USERS] [CALLS]

A sandbox in a process of its own keeps USERS (100,000) invented patrons in a file; a client in this
process sends CALLS (3,000) of each kind over eight connections. Both share the machine.
"""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import aiohttp

_PROGRAM = """
import sys
from pathlib import Path
from importer.sandbox.server import Options, serve
options = Options(db=Path(sys.argv[1]), seed_users=int(sys.argv[2]), rate=None, daily=10**9)
serve(options, lambda url: print(url, flush=True))
"""
_HEADERS = {"Authorization": "apikey sandbox", "Accept": "application/json"}
_CONNECTIONS = 8


def _primary_id(number: int) -> str:
    """The primary id of a seeded patron."""
    return str(1_000_000 + number) if number % 3 else f"21111{number:09d}"


def _body(number: int) -> dict[str, object]:
    """A new community member."""
    address = {"line1": "1 Elm Street", "city": "Riverton", "address_type": [{"value": "home"}]}
    mail = {"email_address": f"new{number}@example.org", "email_type": [{"value": "personal"}]}
    return {
        "record_type": {"value": "PUBLIC"},
        "account_type": {"value": "INTERNAL"},
        "primary_id": f"NEW{number}",
        "first_name": "Ada",
        "last_name": f"Almeida {number}",
        "user_group": {"value": "COMM"},
        "contact_info": {"address": [address], "email": [mail]},
        "user_identifier": [{"id_type": {"value": "UNIV_ID"}, "value": f"U{number}"}],
    }


async def _rate(calls: int, send: Callable[[int], Awaitable[None]]) -> float:
    """Calls a second, over all connections."""
    numbers: Iterator[int] = iter(range(calls))

    async def worker() -> None:
        for number in numbers:
            await send(number)

    begun = time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(_CONNECTIONS)))
    return calls / (time.perf_counter() - begun)


async def _measure(url: str, users: int, calls: int) -> dict[str, float]:
    root = f"{url}/almaws/v1/users"
    dice = random.Random(1)  # noqa: S311  reproducible on purpose
    connector = aiohttp.TCPConnector(limit=_CONNECTIONS)
    async with aiohttp.ClientSession(headers=_HEADERS, connector=connector) as session:

        async def get(_number: int) -> None:
            identifier = _primary_id(dice.randrange(users))
            async with session.get(f"{root}/{identifier}") as answer:
                answer.raise_for_status()
                await answer.read()

        async def post(number: int) -> None:
            async with session.post(root, json=_body(number)) as answer:
                answer.raise_for_status()
                await answer.read()

        async def update(number: int) -> None:
            body = _body(number) | {"middle_name": "B"}
            async with session.put(f"{root}/NEW{number}", json=body) as answer:
                answer.raise_for_status()
                await answer.read()

        async def page(number: int) -> None:
            offset = number * 100 % users
            query = f"limit=100&offset={offset}&expand=full&order_by=primary_id"
            async with session.get(f"{root}?{query}") as answer:
                answer.raise_for_status()
                await answer.read()

        async def search(_number: int) -> None:
            question = f"q=primary_id~{_primary_id(dice.randrange(users))}"
            async with session.get(f"{root}?{question}") as answer:
                answer.raise_for_status()
                await answer.read()

        return {
            "GET one": await _rate(calls, get),
            "POST": await _rate(calls, post),
            "PUT": await _rate(calls, update),
            "GET search": await _rate(calls, search),
            "GET 100 whole": await _rate(max(1, calls // 20), page),
        }


def main(users: int = 100_000, calls: int = 3_000) -> None:
    """Start a sandbox, measure it, stop it."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-c", _PROGRAM, str(Path(folder, "alma.db")), str(users)]
        begun = time.perf_counter()
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            if process.stdout is None:
                return
            url = process.stdout.readline().strip()
            print(f"{users} users seeded in {time.perf_counter() - begun:.1f} s")
            for name, rate in asyncio.run(_measure(url, users, calls)).items():
                print(f"{name:<14} {rate:8.0f} a second")
            process.terminate()


if __name__ == "__main__":
    main(*(int(given) for given in sys.argv[1:3]))
