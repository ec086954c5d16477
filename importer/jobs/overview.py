"""The jobs of a folder: when each loaded last, what state it is in, and what is its next trouble.

`jobs_in` is what `importer job list FOLDER` shows, and with `--json` writes.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

from importer.errors import FINE, ImporterError, UsageError
from importer.jobs.schema import load_job
from importer.jobs.state import JOBS, State, Step, Store
from importer.jobs.words import allowing, skipping

JobState = Literal["ok", "new", "late", "open", "held", "trouble", "wrong"]
"""How a job is: `late`: it did not run in time; `open`: the next run continues its load; `wrong`:
its file cannot be used."""

_OF_A_JOB = re.compile(rb"^(rosters|do|notify)[ \t]*:", re.MULTILINE)
"""What a job file has and a mapping has not."""


@dataclass(frozen=True, slots=True)
class JobOverview:
    """One job. `due`: when the next trouble comes if no file does; None where this is not known.

    `headline` is what the last run reported, or what is wrong now.
    """

    path: Path
    state: JobState
    headline: str
    memory: State
    due: datetime | None = None

    @property
    def trouble(self) -> str:
        """The next trouble in one sentence, blank where none is in sight."""
        if self.state in {"late", "held", "trouble", "wrong"}:
            return self.headline
        if self.due is None:
            return ""
        return f"If no file is loaded by {self.due:%Y-%m-%d %H:%M}, the job reports it."

    def as_json(self) -> dict[str, object]:
        """Return the values for a monitor or a page; times are ISO 8601.

        `allow` and `skip` are the commands that a person can give now, blank where none is needed.
        """
        memory, last, load = self.memory, self.memory.last, self.memory.open
        held = load if load is not None and load.step is Step.HELD else None
        files = [
            {"from": address, **one.model_dump(mode="json", include={"name", "size", "state"}),
             "modified": one.found.changed.isoformat()}
            for address, feed in memory.feeds.items() for one in feed.files
            if not one.state.is_over
        ]  # fmt: skip
        decidable = held is not None or any(one["state"] == "refused" for one in files)
        return {
            "job": self.path.stem,
            "file": str(self.path),
            "state": self.state,
            "headline": self.headline,
            "last_run": memory.ran.model_dump(mode="json") if memory.ran else None,
            "last_load": last.model_dump(mode="json", include=_SHOWN) if last else None,
            "next_trouble": {
                "at": self.due.isoformat() if self.due else None,
                "sentence": self.trouble,
            },
            "held": [guard.model_dump() for guard in held.held] if held else [],
            "run": load.run if load else "",
            "files": files,
            "allow": allowing(self.path, held) if held and self.state != "wrong" else "",
            "skip": skipping(self.path, held) if decidable and self.state != "wrong" else "",
            "decisions": [one.model_dump(mode="json") for one in memory.decisions[-10:]],
        }


_SHOWN = {"finished", "rows", "files", "run", "allowed"}


def job_files(folder: Path) -> list[Path]:
    """Return the job files of a folder, in the order of their names. Raises UsageError."""
    try:
        found = sorted(path for path in folder.iterdir() if path.suffix in {".yaml", ".yml"})
        return [path for path in found if path.is_file() and _is_job(path)]
    except OSError as error:
        msg = f"{folder} cannot be read ({error.strerror}). Check the name of the folder."
        raise UsageError(msg) from error


def _is_job(path: Path) -> bool:
    """Whether a file is one of a job; one that cannot be read may be, and its load reports it."""
    try:
        return bool(_OF_A_JOB.search(path.read_bytes()))
    except OSError:
        return True


def jobs_in(folder: Path, now: datetime) -> Iterator[JobOverview]:
    """Yield each job of a folder, with what it remembers in the current folder.

    Nothing is locked, read from a server, or written. A job that is wrong is one of them. Raises
    UsageError where the folder cannot be read.
    """
    for path in job_files(folder):
        try:
            memory = Store(path.stem).read(waiting_only=True)
        except ImporterError as error:
            yield JobOverview(path, "trouble", str(error), State())
            continue
        ran, gap = memory.ran, memory.ran.gap if memory.ran is not None else None
        try:
            if ran is None or ran.file != hashlib.sha256(path.read_bytes()).hexdigest():
                gap = load_job(path).longest_gap
        except ImporterError as error:
            yield JobOverview(path, "wrong", str(error), memory)
            continue
        yield _of(path, memory, gap, now)


def holding(run: Path) -> str:
    """Return the job of the current folder that holds a run, by its name; "" where none does."""
    for path in JOBS.glob("*.json"):
        if path.stem not in run.name:  # a run is named after its job
            continue
        with suppress(ImporterError):
            load = Store(path.stem).read(waiting_only=True).open
            held = load is not None and load.step is Step.HELD and Path(load.run).name == run.name
            if held and any(one.stem == path.stem for one in job_files(Path())):
                return path.stem
    return ""


def _of(path: Path, memory: State, gap: timedelta | None, now: datetime) -> JobOverview:
    last, ran, load = memory.last, memory.ran, memory.open
    due = last.finished + gap if last is not None and gap is not None else None
    headline = ran.headline if ran is not None else "The job has not run yet."
    state: JobState
    if load is not None and load.step is Step.HELD:
        state, headline = "held", " ".join(guard.sentence for guard in load.held)
    elif load is not None:
        state = "open"
    elif ran is None:
        state = "new"
    elif ran.exit not in FINE:
        state = "trouble"
    elif due is not None and ran.at < due < now:
        state = "late"
        headline = f"The job has not run since {ran.at:%Y-%m-%d %H:%M}. Check what starts it."
    else:
        state = "ok"
    return JobOverview(path, state, headline, memory, due)


def in_lines(jobs: list[JobOverview]) -> Iterator[str]:
    """Yield the lines for people: one for each job, those with trouble with a second one."""
    width = max((len(job.path.stem) for job in jobs), default=0)
    for job in jobs:
        last = job.memory.last
        loaded = f"{last.finished:%Y-%m-%d %H:%M}  {last.rows:>9,}" if last else "never".ljust(27)
        yield f"{job.path.stem.ljust(width)}  {job.state:7}  {loaded}".rstrip()
        if job.trouble:
            yield f"  {job.trouble}".replace("\n", "\n  ")
