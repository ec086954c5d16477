"""Checking a roster beside merely reading it: whole process against whole process.

`python -m benchmarks.check [--largest N]` prints a table and writes it into the documentation.
Each figure is the median of three; peaks are the process' resident memory.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.rosters import write_csv, write_xlsx

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "explanation" / "speed.md"
MAPPING = ROOT / "mappings" / "community.yaml"

BARE_CSV = "import sys, pandas; pandas.read_csv(sys.argv[1], dtype=str)"
BARE_XLSX = (
    "import sys, python_calamine as c; "
    "list(c.CalamineWorkbook.from_path(sys.argv[1]).get_sheet_by_index(0).iter_rows())"
)


@dataclass(frozen=True)
class Cost:
    """Seconds and peak megabytes of one process."""

    seconds: float
    megabytes: float


def measure(command: list[str], folder: Path) -> Cost:
    """One process, from start to end."""
    began = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in {0, 3}:
        msg = f"{command[:4]} ended with {process.returncode}"
        raise SystemExit(msg)
    return Cost(time.perf_counter() - began, usage.ru_maxrss / 1024)


def median(command: list[str], folder: Path, times: int = 3) -> Cost:
    """The middle one of three."""
    costs = [measure(command, folder) for _ in range(times)]
    seconds = statistics.median(cost.seconds for cost in costs)
    return Cost(seconds, max(cost.megabytes for cost in costs))


def mappings(folder: Path) -> dict[str, Path]:
    """The community mapping, with and without looking for near names."""
    text = MAPPING.read_text("utf-8")
    near = folder / "near.yaml"
    near.write_text(text, "utf-8")
    plain = folder / "plain.yaml"
    lines = text.splitlines()
    if any(line.startswith("duplicates:") for line in lines):
        at = next(n for n, line in enumerate(lines) if line.startswith("duplicates:"))
        lines.insert(at + 1, "  similar_person: off")
    else:
        lines.insert(1, "duplicates: {similar_person: off}")
    plain.write_text("\n".join(lines) + "\n", "utf-8")
    return {"off": plain, "on": near}


def table(largest: int) -> list[str]:
    """The measurements, as the lines of a table."""
    lines = [
        "| roster | bare read | check | ratio | with near names | peak of check |",
        "|---|---|---|---|---|---|",
    ]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = mappings(folder)
        for kind, counts in (("csv", (10_000, 100_000, 1_000_000)), ("xlsx", (10_000, 100_000))):
            for count in (count for count in counts if count <= largest):
                roster = folder / f"{count}.{kind}"
                (write_csv if kind == "csv" else write_xlsx)(roster, count)
                bare = BARE_CSV if kind == "csv" else BARE_XLSX
                read = median([sys.executable, "-c", bare, str(roster)], folder)
                check = {
                    near: median(
                        [sys.executable, "-m", "importer", "check", str(roster), "-m", str(file)],
                        folder,
                    )
                    for near, file in files.items()
                }
                off, on = check["off"], check["on"]
                line = (
                    f"| {count:,} rows {kind.upper()} | {read.seconds:.2f} s | {off.seconds:.2f} s "
                    f"| {off.seconds / read.seconds:.1f} × "
                    f"| + {on.seconds - off.seconds:.2f} s | {off.megabytes:.0f} MB |"
                )
                print(line, flush=True)
                lines.append(line)
    return lines


def main() -> None:
    """Measure, print, and put the table between the page's two marks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--largest", type=int, default=1_000_000)
    lines = table(parser.parse_args().largest)
    if PAGE.is_file():
        before, mark, rest = PAGE.read_text("utf-8").partition("<!-- measured -->\n")
        _, end, after = rest.partition("<!-- end -->\n")
        PAGE.write_text(before + mark + "\n".join(lines) + "\n" + end + after, "utf-8")


if __name__ == "__main__":
    main()
