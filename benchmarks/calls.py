"""API calls of a semester load, with a user cache that is one day old and without one.

    python -m benchmarks.calls

A sandbox in a process of its own holds 50,000 invented patrons, of whom 500 were changed by staff
in the last day. A roster of 10,000 rows, of which 9,000 are in Alma as they are, 700 have a later
expiry date and 300 are new, is planned and applied by the command line; the calls are counted from
the sandbox's own log. The CSV User Loader (UPDATE) asks for each row and puts or posts it, changed
or not: its figure is computed from that, not measured.
"""

from __future__ import annotations

import csv
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.sandbox import admin, calls, sandbox
from importer.users.cache import UserCache

USERS, UNCHANGED, CHANGED, NEW, EDITED = 50_000, 9_000, 700, 300, 500
MOST = {True: 1_750, False: 2_300}
"""Calls that we allow ourselves with a user cache and without."""

_MAPPING = """
version: 1
name: semester
title: Semester load
account_type: EXTERNAL
owning_system: SIS
record_type: PUBLIC
match: {by: [primary_id], new: create, known: update, possible_match: review}
record:
  primary_id: <ID>
  first_name: <First>
  last_name: <Last>
  user_group: <Group>
  birth_date: <Born>
  expiry_date: <Expires>
  contact_info:
    email:
      - {email_address: <Email>, email_type: personal, preferred: true}
"""
_HEADINGS = ("ID", "First", "Last", "Group", "Born", "Expires", "Email")
Row = tuple[str, ...]


def _age(db: Path) -> None:
    """Nobody was changed for two months, but those whom staff edited in the last day."""
    day, long_ago = (datetime.now(UTC) - timedelta(days=days) for days in (1, 60))
    with closing(sqlite3.connect(db)) as store:
        store.execute("UPDATE users SET modified = ?", (f"{long_ago:%Y-%m-%dT%H:%M:%SZ}",))
        store.execute(
            "UPDATE users SET modified = ? WHERE number > ?",
            (f"{day:%Y-%m-%dT%H:%M:%SZ}", USERS - EDITED),
        )
        store.commit()


def _roster(url: str) -> Iterator[Row]:
    users = json.loads(admin(url, "state"))["users"]
    seen: set[Row] = set()
    for user in users:
        person = (user["first_name"], user["last_name"], user["birth_date"])
        if user["account_type"]["value"] != "EXTERNAL" or person in seen:
            continue
        seen.add(person)
        changed = len(seen) > UNCHANGED
        expires = "2031-06-30" if changed else user["expiry_date"].removesuffix("Z")
        yield (
            user["primary_id"], user["first_name"], user["last_name"],
            user["user_group"]["value"], user["birth_date"].removesuffix("Z"), expires,
            user["contact_info"]["email"][0]["email_address"],
        )  # fmt: skip
        if len(seen) == UNCHANGED + CHANGED:
            break
    for number in range(NEW):
        name = "".join(chr(ord("a") + int(digit)) for digit in f"{number:03d}")
        born = datetime(2005, 1, 1, tzinfo=UTC) + timedelta(days=number)
        yield (
            f"{5_000_000 + number}", "Newcomer", f"Q{name}", "UGRD", f"{born:%Y-%m-%d}",
            "2031-06-30", f"new{number}@example.org",
        )  # fmt: skip


def _importer(folder: Path, url: str, *arguments: str) -> float:
    """Type a command; the seconds that it took."""
    environ = {
        **os.environ, "ALMA_BASE_URL": url, "ALMA_API_KEY": "sandbox", "ALMA_RATE": "50",
        "PYTHONPATH": str(Path(__file__).parents[1]),
    }  # fmt: skip
    begun = time.perf_counter()
    command = [sys.executable, "-m", "importer", *arguments]
    done = subprocess.run(
        command, cwd=folder, env=environ, check=False, capture_output=True, text=True
    )
    if done.returncode not in {0, 3}:
        sys.exit(f"importer {' '.join(arguments)} ended with {done.returncode}:\n{done.stderr}")
    return time.perf_counter() - begun


def _calls(url: str) -> Counter[str]:
    """The calls since this was last asked, by method."""
    found = Counter(str(call["method"]) for call in calls(url))
    admin(url, "log", "DELETE")
    return found


def _told(what: str, counted: Counter[str], seconds: float) -> None:
    by_method = ", ".join(f"{count:,} {method}" for method, count in sorted(counted.items()))
    print(f"{what:<28} {counted.total():7,} calls ({by_method}), {seconds:.1f} s")


def main() -> int:
    """Load a semester's roster and count; 1 where it took more calls than we allow ourselves."""
    with tempfile.TemporaryDirectory() as name:
        db = Path(name) / "alma.db"
        with sandbox(db=db, seed_users=USERS):
            pass
        _age(db)
        failed = 0
        for cached in MOST:
            folder = Path(name) / str(cached)
            folder.mkdir()
            own = shutil.copy(db, folder / db.name)
            with sandbox(db=Path(own), rate=0, daily=10**9) as url:
                failed |= _load(folder, url, cached=cached)
        return failed


def _load(folder: Path, url: str, *, cached: bool) -> int:
    (folder / "semester.yaml").write_text(_MAPPING, "utf-8")
    with (folder / "roster.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([_HEADINGS, *_roster(url)])
    if cached:
        first = _importer(folder, url, "users", "refresh")
        _told("the user cache, once", _calls(url), first)
        (path,) = (folder / "users").glob("*.sqlite")
        with UserCache.open(path) as cache:
            yesterday = datetime.now(UTC) - timedelta(days=1)
            cache.set_state(cache.state.model_copy(update={"as_of": yesterday}))
    planning = _importer(folder, url, "plan", "roster.csv", "-m", "semester.yaml", "-o", "run")
    planned = _calls(url)
    _told("plan", planned, planning)
    summary = json.loads((folder / "run" / "summary.json").read_text("utf-8"))
    got = tuple(summary[key] for key in ("unchanged", "update", "create"))
    if got != (UNCHANGED, CHANGED, NEW):
        sys.exit(f"planned {got}, not {(UNCHANGED, CHANGED, NEW)}: the comparison would be unfair")
    applying = _importer(folder, url, "apply", "run", "--yes")
    applied = _calls(url)
    _told("apply", applied, applying)
    ours = (planned + applied).total()
    rows = UNCHANGED + CHANGED + NEW
    theirs = 2 * rows
    print(f"{'ours, plan and apply':<28} {ours:7,} calls")
    print(f"{'CSV User Loader (computed)':<28} {theirs:7,} calls: a GET for each of {rows:,} rows,")
    print(f"{'':<28} and a PUT or POST for each; {theirs / ours:.1f} times ours")
    return 0 if ours <= MOST[cached] else 1


if __name__ == "__main__":
    sys.exit(main())
