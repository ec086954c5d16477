"""CPU time of `check` of rosters that make work, beside good rows of the same number.

`python -m benchmarks.hard` checks rosters of which every row is wrong, of similar names, and of
one ID, each right after the good rows; prints the median ratios, writes them into the
documentation, and ends with 1 if one is above the limit.
"""

from __future__ import annotations

import csv
import random
import sys
import tempfile
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from statistics import median

from benchmarks.check import MAPPING, ROUNDS, measure, write_between
from benchmarks.rosters import HEADINGS, name, rows

SIZES, LIMIT = (5_000, 10_000, 20_000), 3
"""Rows, and how many times as long as good ones they may take."""

HEAD = (
    "| roster | rows | check | good rows | check ÷ good rows | check ÷ that of half as many |",
    "|---|---|---|---|---|---|",
)
GOOD, WRONG, SIMILAR, ONE_ID = "good rows", "every row is wrong", "similar names", "one ID"


def cells(kind: str, count: int) -> Iterator[dict[str, str]]:
    """Yield N rows of a kind, by heading, always the same.

    Similar names: one last name in four spellings, birth dates of five years, so that eleven of
    20,000 people share one, and a hundred phone numbers.
    """
    draw = random.Random(5)  # noqa: S311
    for number, row in enumerate(rows(count)):
        good = {**dict(zip(HEADINGS, row, strict=True)), "Barcode": f"2{number:013}"}
        born = date(2000, 1, 1) + timedelta(days=draw.randrange(5 * 365))
        last = "Johnson" + draw.choice(("", "e", "s", "ne"))
        other = {
            GOOD: {},
            WRONG: {"Expires": "13/45/2035"},
            SIMILAR: {"First Name": name(draw), "Last Name": last, "DOB": f"{born:%m/%d/%Y}"},
            ONE_ID: {"Barcode": "20000000000017"},
        }
        yield good | other[kind]


def check_seconds(kind: str, count: int, folder: Path) -> float:
    """Return the CPU seconds of a whole `check`, its reports and its start included."""
    roster = folder / f"{kind}{count}.csv"
    if not roster.exists():
        with roster.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, HEADINGS)
            writer.writeheader()
            writer.writerows(cells(kind, count))
    command = [sys.executable, "-m", "importer", "check", str(roster), "-m", str(MAPPING)]
    return measure(command, folder).seconds


def table(broken: list[str]) -> Iterator[str]:
    """Yield the lines of the table; add a sentence to `broken` for each ratio above the limit."""
    yield from HEAD
    with tempfile.TemporaryDirectory() as name_of_folder:
        folder = Path(name_of_folder)
        for kind in (WRONG, SIMILAR, ONE_ID):
            half = 0.0
            for size in SIZES:
                pairs = [
                    (check_seconds(GOOD, size, folder), check_seconds(kind, size, folder))
                    for _ in range(ROUNDS)
                ]
                good, hard = (median(times) for times in zip(*pairs, strict=True))
                ratio = median(one / other for other, one in pairs)
                if ratio > LIMIT:
                    broken.append(f"{size:,} rows, {kind}: {ratio:.2f} × good rows, not {LIMIT}")
                growth = f"{hard / half:.2f} ×" if half else ""
                times = f"{hard:.2f} s | {good:.2f} s | {ratio:.2f} × (limit {LIMIT})"
                yield f"| {kind} | {size:,} | {times} | {growth} |"
                half = hard


def main() -> None:
    """Measure, print, and put the table between the page's two marks."""
    lines, broken = list[str](), list[str]()
    for text in table(broken):
        print(text, flush=True)
        lines.append(text)
    write_between("hard", lines)
    if broken:
        raise SystemExit("\n".join(broken))


if __name__ == "__main__":
    main()
