"""CPU time of `check` beside the bare read of the same file: whole process against whole process.

`python -m benchmarks.check [--largest N]` prints a table, writes it into the documentation, adds
the day to those of before, and ends with 1 if a promise is not kept. Each round runs the bare read,
`pandas.read_excel` (workbooks only) and the check one after another; times and ratios are medians
of three rounds. Peaks are the resident memory of the check.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from statistics import median

from benchmarks.rosters import write_csv, write_xlsx

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "explanation" / "speed.md"
MAPPING = ROOT / "mappings" / "community.yaml"
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}  # this checkout, wherever it is run from
ENVIRONMENT.pop("PYTHONDONTWRITEBYTECODE", None)  # compiled once, as an installed program is
ROUNDS = 3
COMPARED_SIZE = 100_000
"""The size with which a million rows and `convert` are compared."""
MAX_TENFOLD = 12
"""A million rows of CSV against a hundred thousand."""
MAX_CONVERT = 10
"""Converting a hundred thousand rows of CSV to JSON Lines, against checking them: each new user is
merged into nothing, by the rules of an update."""
MAX_MEGABYTES = 3 * 1024
MAX_HELP_SECONDS = 0.6

HEAD = (
    "| roster | bare read | `pandas.read_excel` | check | check ÷ bare | check ÷ pandas | peak |",
    "|---|---|---|---|---|---|---|",
)


DAYS = (
    "| day | machine | 100,000 rows CSV | check ÷ bare (limit 7) | the day | for a person |",
    "|---|---|---|---|---|---|",
)
"""The head of the table of days, to which each measurement of 100,000 rows adds a line."""


@dataclass(frozen=True)
class Kind:
    """A kind of roster: how to write it, how a bare program reads it, and in which sizes.

    `limits`: by size, the highest ratio of check to the bare read. `of_pandas`: the same to
    `pandas.read_excel`.
    """

    title: str
    suffix: str
    write: Callable[[Path, int], None]
    bare: str
    limits: Mapping[int, float]
    of_pandas: Mapping[int, float]
    sizes: tuple[int, ...] = (10_000, 100_000)


READ_EXCEL = "import sys, pandas; pandas.read_excel(sys.argv[1], dtype=str)"
CALAMINE = (
    "import sys, python_calamine as c; "
    "list(c.CalamineWorkbook.from_path(sys.argv[1]).get_sheet_by_index(0).iter_rows())"
)
OPENPYXL = (
    "import sys, openpyxl; "
    "list(openpyxl.load_workbook(sys.argv[1], data_only=True).worksheets[0].iter_rows())"
)
KINDS = (
    Kind(
        "CSV", ".csv", write_csv, "import sys, pandas; pandas.read_csv(sys.argv[1], dtype=str)",
        {10_000: 4, 100_000: 7}, {}, (10_000, 100_000, 1_000_000),
    ),
    Kind("XLSX of plain text", ".xlsx", write_xlsx, CALAMINE, {}, {100_000: 0.5}),
    Kind(
        "XLSX with number formats", ".xlsx", partial(write_xlsx, formatted=True), OPENPYXL,
        {100_000: 1.5}, {100_000: 1},
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Cost:
    """CPU seconds and peak megabytes of one process."""

    seconds: float
    megabytes: float


@dataclass(frozen=True)
class Round:
    """The costs of one round, one process right after the other."""

    bare: Cost
    pandas: Cost | None
    check: Cost


def measure(command: list[str], folder: Path) -> Cost:
    """Run a process from start to end; its CPU time does not depend on what else is running."""
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
    return Cost(usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def run_rounds(kind: Kind, roster: Path) -> list[Round]:
    """Run three rounds over a roster."""

    def python(*arguments: str) -> Cost:
        return measure([sys.executable, *arguments], roster.parent)

    check = ("-m", "importer", "check", str(roster), "-m", str(MAPPING))
    return [
        Round(
            python("-c", kind.bare, str(roster)),
            python("-c", READ_EXCEL, str(roster)) if kind.suffix == ".xlsx" else None,
            python(*check),
        )
        for _ in range(ROUNDS)
    ]


def convert(roster: Path) -> float:
    """Return the CPU seconds of converting a roster to JSON Lines."""
    out = roster.with_suffix(".jsonl")
    words = ("convert", str(roster), "-m", str(MAPPING), "--to", "jsonl", "-o", str(out))
    cost = measure([sys.executable, "-m", "importer", *words], roster.parent)
    out.unlink()
    return cost.seconds


def write_apart(write: Callable[[Path, int], None], roster: Path, size: int) -> None:
    """Write a roster in a process of its own: a peak counts what the starting process holds."""
    process = get_context("spawn").Process(target=write, args=(roster, size))
    process.start()
    process.join()


def judge(kind: Kind, size: int, done: list[Round], broken: list[str]) -> str:
    """Return a line of the table; add a sentence to `broken` for each promise not kept."""
    title = f"{size:,} rows {kind.title}"
    bare = median(one.bare.seconds for one in done)
    check = median(one.check.seconds for one in done)
    excel = [one.pandas.seconds for one in done if one.pandas]
    pairs = {
        "the bare read": [one.check.seconds / one.bare.seconds for one in done],
        "pandas.read_excel": [one.check.seconds / one.pandas.seconds for one in done if one.pandas],
    }
    shown = []
    for (what, ratios), limits in zip(pairs.items(), (kind.limits, kind.of_pandas), strict=True):
        ratio, limit = median(ratios) if ratios else 0, limits.get(size)
        at_most = f" (limit {limit:g})" if limit else ""
        shown.append(f"{ratio:.2f} ×{at_most}" if ratios else "")
        if limit and ratio > limit:
            broken.append(f"{title}: {ratio:.2f} × {what}, not {limit:g}")
    peak = max(one.check.megabytes for one in done)
    if peak > MAX_MEGABYTES:
        broken.append(f"{title}: {peak:.0f} MB, not {MAX_MEGABYTES}")
    pandas = f"{median(excel):.2f} s" if excel else ""
    times = f"{bare:.2f} s | {pandas} | {check:.2f} s | {' | '.join(shown)}"
    return f"| {title} | {times} | {peak:.0f} MB |"


def table(largest: int, broken: list[str]) -> Iterator[str]:
    """Yield the lines of the table and the figures below it."""
    checks: dict[tuple[str, int], float] = {}
    converted = 0.0
    yield from HEAD
    with tempfile.TemporaryDirectory() as name:
        for kind in KINDS:
            for size in (size for size in kind.sizes if size <= largest):
                roster = Path(name) / f"{size}{kind.suffix}"
                write_apart(kind.write, roster, size)
                done = run_rounds(kind, roster)
                if (kind.title, size) == ("CSV", COMPARED_SIZE):
                    today = day(done, checks["CSV", 10_000])
                    write_between("days", [*DAYS, *written("days")[len(DAYS) :], today])
                    converted = median(convert(roster) / one.check.seconds for one in done)
                roster.unlink()
                checks[kind.title, size] = median(one.check.seconds for one in done)
                yield judge(kind, size, done, broken)
    if ("CSV", 1_000_000) in checks:
        times = checks["CSV", 1_000_000] / checks["CSV", COMPARED_SIZE]
        if times > MAX_TENFOLD:
            broken.append(f"a million rows take {times:.1f} × a hundred thousand")
        yield ""
        yield f"A million rows of CSV take {times:.1f} times as long as a hundred thousand."
    if converted:
        if converted > MAX_CONVERT:
            broken.append(f"convert takes {converted:.1f} × a check, not {MAX_CONVERT}")
        yield ""
        yield f"`convert` takes {converted:.1f} times as long as `check`, for 100,000 rows of CSV."
    command = [sys.executable, "-m", "importer", "--help"]
    seconds = median(measure(command, ROOT).seconds for _ in range(2 * ROUNDS + 1))
    if seconds > MAX_HELP_SECONDS:
        broken.append(f"--help takes {seconds:.2f} s, not {MAX_HELP_SECONDS}")
    yield ""
    yield f"`importer --help` takes {seconds:.2f} s."


def day(done: list[Round], small: float) -> str:
    """Return the line of today, for 100,000 rows; `small`: the seconds of 10,000."""
    ratio = median(each.check.seconds / each.bare.seconds for each in done)
    seconds = median(each.check.seconds for each in done)
    machine = f"{platform.system()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    kept = "good" if ratio <= KINDS[0].limits[COMPARED_SIZE] else "bad"
    measured = f"{time.strftime('%Y-%m-%d')} | {machine} | {seconds:.2f} s | {ratio:.2f} ×"
    return f"| {measured} | {kept} | 10,000 patrons in {small:.1f} s |"


def written(name: str) -> list[str]:
    """Return the lines between the two marks of that name on the page about speed."""
    _, _, rest = PAGE.read_text("utf-8").partition(f"<!-- {name} -->\n")
    return rest.partition(f"<!-- end of {name} -->\n")[0].splitlines()


def write_between(name: str, lines: Sequence[str]) -> None:
    """Put the lines between the two marks of that name on the page about speed."""
    opening, closing = f"<!-- {name} -->\n", f"<!-- end of {name} -->\n"
    before, found, rest = PAGE.read_text("utf-8").partition(opening)
    _, ended, after = rest.partition(closing)
    if not (found and ended):
        msg = f"{PAGE.name} has no marks for {name}"
        raise SystemExit(msg)
    PAGE.write_text(before + opening + "\n".join(lines) + "\n" + closing + after, "utf-8")


def main() -> None:
    """Measure, print, and put the table between the page's two marks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--largest", type=int, default=1_000_000)
    lines: list[str] = []
    broken: list[str] = []
    for text in table(parser.parse_args().largest, broken):
        print(text, flush=True)
        lines.append(text)
    write_between("check", lines)
    if broken:
        raise SystemExit("\n".join(broken))


if __name__ == "__main__":
    main()
