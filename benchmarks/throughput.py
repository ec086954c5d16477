"""How near `apply` comes to an institution's limit: 2,000 creates against the sandbox.

The sandbox is a process of its own, takes 25 calls a second from everybody together, and 0.3 to
2 s for an answer. Run it with `python -m benchmarks.throughput [ROWS]`. Measured are the creates a
second, as a share of the limit, and the calls that were refused for speed.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections import Counter
from contextlib import AbstractContextManager
from datetime import UTC, date, datetime
from pathlib import Path

from pydantic import SecretStr

from benchmarks.sandbox import calls, sandbox
from importer.alma.client import Alma
from importer.alma.pacing import RateLimiter
from importer.ledger.journal import Journal, RunContent, write_run
from importer.ledger.ledger import Ledger
from importer.ledger.run_lock import WriteGate, open_alone
from importer.model.plan import Create, Fate
from importer.model.run import MappingFacts, RosterFacts, RunFacts
from importer.model.user import AccountType, Coded, User
from importer.writer.executor import Executor

LIMIT = 25.0
LATENCY = "0.3-2"


def moment() -> datetime:
    """Now, with its zone."""
    return datetime.now(UTC)


def planned(folder: Path, rows: int) -> AbstractContextManager[Ledger]:
    """A plan of so many creates, opened to be applied."""
    creates = (
        Create(
            row,
            User(
                record_type=Coded(value="PUBLIC"),
                account_type=Coded(value="INTERNAL"),
                primary_id=f"2000123{row:07}",
                first_name="Ana",
                last_name=f"Number{row}",
                user_group=Coded(value="COMM"),
            ),
        )
        for row in range(2, rows + 2)
    )
    facts = RunFacts(
        command="plan",
        version="0",
        started=moment(),
        today=date(2026, 8, 20),
        operator="benchmark",
        roster=RosterFacts(path="roster.csv", sha256="", kind="csv"),
        mapping=MappingFacts(path="", sha256="", name="", account_type=AccountType.INTERNAL),
    )
    fates = dict.fromkeys(range(2, rows + 2), Fate.READY)
    write_run(folder, facts, fates, RunContent(steps=list(creates))).close()
    return open_alone(folder, "benchmark", moment())


async def _apply(ledger: Ledger, base_url: str) -> None:
    journal = Journal(ledger, "benchmark", moment)
    async with Alma(base_url, SecretStr("sandbox"), RateLimiter(LIMIT)) as alma:
        executor = Executor(
            alma=alma,
            journal=journal,
            gate=WriteGate(journal),
            verify_delay=90,
            sleep=asyncio.sleep,
            clock=time.monotonic,
            passwords={},
            stopping=lambda: False,
            report=lambda _: None,
        )
        stop = await executor.run()
        if stop is not None:
            raise stop


def main(rows: int) -> None:
    """Apply, and print what was measured."""
    with (
        tempfile.TemporaryDirectory() as folder,
        sandbox(rate=LIMIT, latency=LATENCY) as host,
        planned(Path(folder), rows) as ledger,
    ):
        began = time.monotonic()
        asyncio.run(_apply(ledger, f"{host}/almaws/v1"))
        seconds = time.monotonic() - began
        log = calls(host)
    statuses = Counter(call["status"] for call in log)
    first, last = (datetime.fromisoformat(log[place]["time"]) for place in (0, -1))
    pace = (len(log) - 1) / (last - first).total_seconds()
    print(f"{rows:,} creates in {seconds:.1f} s; statuses: {dict(statuses)}")
    print(f"from the first call to the last: {pace:.2f} a second, {pace / LIMIT:.1%} of the limit")
    print(f"with the wait for the last answers: {rows / seconds / LIMIT:.1%}")
    print(f"{statuses[429]} calls were refused for speed")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000)
