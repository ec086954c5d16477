"""The local page with a roster of 100,000 rows: how long its pages take, and its memory.

`python -m benchmarks.page [--rows N]` starts the real server, drops a roster, corrects it, and
prints a table. Times are of whole requests, as the browser waits for them. Beside them stands the
server's CPU time, which does not depend on what else is running: it ends with 1 if that, or the
memory, is more than was promised.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import quantiles
from urllib.parse import urlsplit

import httpx

from benchmarks.check import write_apart, write_between
from benchmarks.rosters import write_csv
from tests.serving import Below

ROOT = Path(__file__).parents[1]

PAGES, EDITS = 50, 500

HEAD = ("| the page does | times | p95 | CPU each | promised |", "|---|---|---|---|---|")

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class Measured:
    """A running server, what it took, and the promises that it did not keep."""

    process: subprocess.Popen[bytes]
    lines: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    @property
    def cpu(self) -> float:
        """Seconds of CPU so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text("utf-8").rpartition(")")[2]
        return sum(map(int, fields.split()[11:13])) / _TICKS

    @property
    def peak(self) -> float:
        """Megabytes of resident memory at the most."""
        status = Path(f"/proc/{self.process.pid}/status").read_text("utf-8")
        found = re.search(r"VmHWM:\s+(\d+)", status)
        return int(found[1]) / 1024 if found else 0

    def time(self, title: str, times: int, do: Callable[[int], object], limit: float = 0) -> None:
        """Measure some requests; `limit` is in seconds."""
        before, taken = self.cpu, []
        for number in range(times):
            start = time.perf_counter()
            do(number)
            taken.append(time.perf_counter() - start)
        cpu = (self.cpu - before) / times
        p95 = quantiles(taken, n=20)[-1] if times > 1 else taken[0]
        self._add(title, times, f"{p95:.3f} s", f"{cpu:.3f} s", f"{limit:g} s" if limit else "")
        if limit and cpu > limit:
            self.broken.append(f"{title}: {cpu:.3f} s, not {limit:g} s")

    def _add(self, *cells: object) -> None:
        self.lines.append(f"| {' | '.join(map(str, cells))} |")
        print(self.lines[-1], flush=True)

    def memory(self, rosters: str, limit: float) -> None:
        """Compare the peak with a limit in MB; `rosters`: what the page has read until now."""
        self._add(f"holds {rosters} in memory", "", f"{self.peak:.0f} MB", "", f"{limit:g} MB")
        if self.peak > limit:
            self.broken.append(f"memory: {self.peak:.0f} MB, not {limit:g} MB")


@contextmanager
def start(folder: Path) -> Iterator[tuple[Measured, httpx.Client]]:
    """Start the server; yield it with a client that has entered, and end it."""
    command = [sys.executable, "-m", "importer", "web", "--port", "0", "--no-browser"]
    said = folder / "said.txt"
    with said.open("wb") as file:
        process = subprocess.Popen(
            command, cwd=folder, stderr=file, env=os.environ | {"PYTHONPATH": str(ROOT)}
        )
    while not (found := re.search(r"(http://\S+)/enter\?token=\S+", said.read_text("utf-8"))):
        if process.poll() is not None:
            raise SystemExit(said.read_text("utf-8"))
        time.sleep(0.05)
    with httpx.Client(
        base_url=found[1],
        headers={"Origin": found[1].rpartition("/")[0]},
        timeout=600,
        transport=Below(urlsplit(found[1]).path),
    ) as client:
        client.get(found[0])
        try:
            yield Measured(process), client
        finally:
            process.send_signal(signal.SIGINT)
            process.wait()


def measure(folder: Path, rows: int) -> Measured:
    """Measure the pages from the dropped roster to the corrected one."""
    roster = folder / "large.csv"
    write_apart(write_csv, roster, rows)
    with start(folder) as (server, client):
        _measure(server, client, roster)
    return server


def _measure(server: Measured, client: httpx.Client, roster: Path) -> None:
    draft = ""

    def drop(_: int) -> None:
        nonlocal draft
        with roster.open("rb") as file:
            answer = client.post("/practice/rosters", files={"roster": file})
        draft = answer.headers["Location"].removesuffix("/sheet")

    server.time("takes the roster", 1, drop)
    form = {"do": "next", "mapping": "community.yaml", "version": "0"}
    client.post(f"{draft}/sheet", data=form)
    rows = f"{draft}/grid/rows"
    server.time("checks all rows", 1, lambda _: client.get(rows))
    first = client.get(rows).json()
    causes = sorted((one for one in first["causes"] if one["count"]), key=lambda one: -one["count"])
    here = f"{rows}?show={causes[0]['key']}"
    server.time("shows the first page after that", 1, lambda _: client.get(here), 1)
    server.time("shows the next page", PAGES, lambda n: client.get(f"{here}&page={n % 9 + 2}"), 0.3)
    every = [f"{rows}?show={one['key']}" for one in causes]
    server.time("filters by a cause", PAGES, lambda n: client.get(every[n % len(every)]), 0.3)
    server.time("finds a name", 10, lambda n: client.get(f"{rows}?show=all&find=ab{n}"), 0.3)
    server.time("shows a page of the sheet", 10, lambda n: client.get(f"{draft}/sheet?page={n}"))
    at = {one["letter"]: one["at"] for one in first["columns"]}
    texts = {
        (line["row"], letter): line["cells"][at[letter]]
        for number in range(1, 6)
        for line in client.get(f"{here}&page={number}").json()["lines"]
        for letter in line["wrong"]
    }

    def edit(number: int) -> None:
        row, letter = list(texts)[number % len(texts)]
        was = texts[row, letter]
        now = texts[row, letter] = f"{was}{number}"[-14:]
        change = {"row": row, "column": letter, "was": was, "now": now}
        answer = client.post(f"{draft}/grid/cells", json={"edits": [change]})
        if answer.status_code != 200:
            raise SystemExit(answer.text)

    server.time("corrects a cell", EDITS, edit, 0.1)
    client.post(f"{draft}/grid/check", json={})  # all rows are checked again
    for _ in range(9):
        with suppress(httpx.ReadTimeout):
            client.get(rows, timeout=0.05)
    # all that the server computes until the answer, also for the abandoned ones
    title = "shows another page beside nine abandoned ones"
    server.time(title, 5, lambda _: client.get("/practice/settings"), 0.2)
    server.memory("one roster", 500)
    for _ in range(2):
        drop(0)
        client.post(f"{draft}/sheet", data=form)
        client.get(f"{draft}/grid/rows")
    server.memory("three rosters", 700)


def main() -> None:
    """Measure, print, and put the table between the page's two marks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    for line in HEAD:
        print(line)
    with tempfile.TemporaryDirectory() as name:
        done = measure(Path(name), parser.parse_args().rows)
    write_between("page", [*HEAD, *done.lines])
    if done.broken:
        raise SystemExit("\n".join(done.broken))


if __name__ == "__main__":
    main()
