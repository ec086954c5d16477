"""Checking a roster beside merely reading it: whole process against whole process.

`python -m benchmarks.check [--largest N]` prints a table and writes it into the documentation.
Each round measures the bare read and the check right after one another, so that a slow minute of
the computer meets both; times, ratios and differences are medians of three rounds. Peaks are the
process' resident memory.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from statistics import median

from benchmarks.page import write_between
from benchmarks.rosters import write_csv, write_xlsx

ROOT = Path(__file__).parents[1]
MAPPING = ROOT / "mappings" / "community.yaml"
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}  # this checkout, wherever it is run from
ENVIRONMENT.pop("PYTHONDONTWRITEBYTECODE", None)  # compiled once, as whatever is installed is
ROUNDS = 3

HEAD = (
    "| roster | bare read | check | ratio | near names | peak of check |",
    "|---|---|---|---|---|---|",
)


@dataclass(frozen=True)
class Kind:
    """A kind of roster: how it is written, how a bare program reads it, and in which sizes."""

    title: str
    suffix: str
    write: Callable[[Path, int], None]
    bare: str
    sizes: tuple[int, ...]


BARE_CSV = "import sys, pandas; pandas.read_csv(sys.argv[1], dtype=str)"
BARE_XLSX = (
    "import sys, python_calamine as c; "
    "list(c.CalamineWorkbook.from_path(sys.argv[1]).get_sheet_by_index(0).iter_rows())"
)
KINDS = (
    Kind("CSV", ".csv", write_csv, BARE_CSV, (10_000, 100_000, 1_000_000)),
    Kind("XLSX", ".xlsx", write_xlsx, BARE_XLSX, (10_000, 100_000)),
    Kind(
        "XLSX, inline text",
        ".xlsx",
        partial(write_xlsx, inline=True),
        BARE_XLSX,
        (10_000, 100_000),
    ),
)


@dataclass(frozen=True)
class Cost:
    """Seconds and peak megabytes of one process."""

    seconds: float
    megabytes: float


@dataclass(frozen=True)
class Round:
    """A bare read, a check without near names and one with them, one right after the other."""

    read: Cost
    check: Cost
    near: Cost


def measure(command: list[str], folder: Path) -> Cost:
    """One process, from start to end."""
    began = time.perf_counter()
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=ENVIRONMENT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in {0, 3}:
        msg = f"{command[:4]} ended with {process.returncode}"
        raise SystemExit(msg)
    return Cost(time.perf_counter() - began, usage.ru_maxrss / 1024)


def without_near_names(folder: Path) -> Path:
    """The community mapping, with the search for near names turned off."""
    lines = MAPPING.read_text("utf-8").splitlines()
    if any(line.startswith("duplicates:") for line in lines):
        at = next(n for n, line in enumerate(lines) if line.startswith("duplicates:"))
        lines.insert(at + 1, "  similar_person: off")
    else:
        lines.insert(1, "duplicates: {similar_person: off}")
    mapping = folder / "plain.yaml"
    mapping.write_text("\n".join(lines) + "\n", "utf-8")
    return mapping


def rounds(kind: Kind, roster: Path, plain: Path) -> list[Round]:
    """Three rounds over a roster."""

    def check(mapping: Path) -> Cost:
        command = [sys.executable, "-m", "importer", "check", str(roster), "-m", str(mapping)]
        return measure(command, roster.parent)

    def read() -> Cost:
        return measure([sys.executable, "-c", kind.bare, str(roster)], roster.parent)

    return [Round(read(), check(plain), check(MAPPING)) for _ in range(ROUNDS)]


def line(title: str, done: list[Round]) -> str:
    """What the rounds show, as a line of the table."""
    read = median(one.read.seconds for one in done)
    check = median(one.check.seconds for one in done)
    ratio = median(one.check.seconds / one.read.seconds for one in done)
    near = median(one.near.seconds - one.check.seconds for one in done)
    peak = max(one.check.megabytes for one in done)
    times = f"{read:.2f} s | {check:.2f} s | {ratio:.1f} × | {near:+.2f} s"
    return f"| {title} | {times} | {peak:.0f} MB |"


def apart(write: Callable[[Path, int], None], roster: Path, size: int) -> None:
    """Write a roster in a process of its own: a peak counts what the starting process held."""
    process = get_context("spawn").Process(target=write, args=(roster, size))
    process.start()
    process.join()


def table(largest: int) -> Iterator[str]:
    """The measurements, line by line, and what the longest roster costs beside a tenth of it."""
    checks: dict[tuple[str, int], float] = {}
    yield from HEAD
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        plain = without_near_names(folder)
        for kind in KINDS:
            for size in (size for size in kind.sizes if size <= largest):
                roster = folder / f"{size}{kind.suffix}"
                apart(kind.write, roster, size)
                done = rounds(kind, roster, plain)
                checks[kind.title, size] = median(one.check.seconds for one in done)
                yield line(f"{size:,} rows {kind.title}", done)
    if ("CSV", 1_000_000) in checks:
        times = checks["CSV", 1_000_000] / checks["CSV", 100_000]
        yield ""
        yield f"A million rows of CSV take {times:.1f} times as long as a hundred thousand."


def main() -> None:
    """Measure, print, and put the table between the page's two marks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--largest", type=int, default=1_000_000)
    lines = []
    for text in table(parser.parse_args().largest):
        print(text, flush=True)
        lines.append(text)
    write_between("check", lines)


if __name__ == "__main__":
    main()
