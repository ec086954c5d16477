"""The jobs of a folder: what `importer job list FOLDER` shows, and with `--json` writes."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

from importer.advice import SkipFiles
from importer.errors import FINE, Exit, ImporterError, UsageError
from importer.jobs.feed import FileState
from importer.jobs.schema import ENDINGS, load_job
from importer.jobs.state import JOBS, JobMemory, Store
from importer.jobs.words import allowing
from importer.report.commands import as_command

JobState = Literal["ok", "new", "late", "open", "held", "trouble", "wrong"]
"""How a job is: `late`: it did not run in time; `open`: the next run continues its load; `wrong`:
its file cannot be used."""

_OF_A_JOB = re.compile(rb"^(rosters|do|notify)[ \t]*:", re.MULTILINE)
"""What a job file has and a mapping has not."""


@dataclass(frozen=True, slots=True)
class JobOverview:
    """One job. `due`: when the next trouble comes if no file does; None where this is not known.

    `headline` is what the last run reported, or what is wrong now. `is_due`: that time is over.
    """

    path: Path
    state: JobState
    headline: str
    memory: JobMemory
    due: datetime | None = None
    is_due: bool = False

    @property
    def trouble(self) -> str:
        """The next trouble in one sentence, blank where none is in sight."""
        ran = self.memory.ran
        stopped = ran is not None and ran.exit not in {*FINE, Exit.SAFETY_CHECK}  # not: allowed
        if self.state in {"late", "held", "trouble", "wrong"} or (self.state == "open" and stopped):
            return self.headline
        if self.due is None:
            return ""
        by = f"by {self.due:%Y-%m-%d %H:%M}"
        if self.is_due:
            then = "The next run reports it. If the job does not run, check what starts it."
            return f"No file was loaded {by}. {then}"
        return f"If no file is loaded {by}, the job reports it."

    def as_json(self) -> dict[str, object]:
        """Return the values for a monitor or a page; times are ISO 8601.

        `allow` and `skip` are the commands that a person can give now, blank where none is needed.
        """
        memory, last = self.memory, self.memory.last
        held, load = memory.held, memory.open
        of_last = {"finished", "rows", "files", "run", "allowed"}
        files = [
            {"from": address, **file.model_dump(mode="json", include={"name", "size", "state"}),
             "modified": file.found.changed.isoformat()}
            for address, feed in memory.feeds.items() for file in feed.files
            if not file.state.is_over and file.state is not FileState.GONE
        ]  # fmt: skip
        right, skip = self.state != "wrong", SkipFiles(str(self.path), held.run if held else "")
        decidable = held is not None or any(file["state"] == "refused" for file in files)
        return {
            "job": self.path.stem,
            "file": str(self.path),
            "state": self.state,
            "headline": self.headline,
            "last_run": memory.ran and memory.ran.model_dump(mode="json"),
            "last_load": last and last.model_dump(mode="json", include=of_last),
            "next_trouble": {"at": self.due and self.due.isoformat(), "sentence": self.trouble},
            "held": [guard.model_dump() for guard in held.held] if held else [],
            "run": load.run if load else "",
            "files": files,
            "allow": as_command(allowing(self.path, held)) if held and right else "",
            "skip": as_command(skip) if decidable and right else "",
            "decisions": [decision.model_dump(mode="json") for decision in memory.decisions[-10:]],
        }


def job_files(folder: Path) -> list[Path]:
    """Return the job files of a folder, in the order of their names. Raises UsageError."""
    try:
        paths = sorted(path for path in folder.iterdir() if path.suffix in ENDINGS)
        return [path for path in paths if path.is_file() and _is_job(path)]
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
            memory = Store(path.stem).read(path, waiting_only=True)
        except ImporterError as error:
            yield JobOverview(path, "trouble", str(error), JobMemory())
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
            held = Store(path.stem).read(waiting_only=True).held
            of_job = held is not None and Path(held.run).name == run.name
            if of_job and any(job.stem == path.stem for job in job_files(Path())):
                return path.stem
    return ""


def _of(path: Path, memory: JobMemory, gap: timedelta | None, now: datetime) -> JobOverview:
    last, ran = memory.last, memory.ran
    due = last.finished + gap if last is not None and gap is not None else None
    headline = ran.headline if ran is not None else "The job has not run yet."
    state: JobState
    if memory.held is not None:
        state, headline = "held", " ".join(guard.sentence for guard in memory.held.held)
    elif memory.active is not None:
        state = "open"
    elif ran is None:
        state = "new"
    elif ran.exit not in FINE:
        state = "trouble"
    elif gap is not None and due is not None and ran.at + gap < now:
        state = "late"
        headline = f"The job has not run since {ran.at:%Y-%m-%d %H:%M}. Check what starts it."
    else:
        state = "ok"
    return JobOverview(path, state, headline, memory, due, due is not None and due < now)


def in_lines(jobs: list[JobOverview]) -> Iterator[str]:
    """Yield the lines for people: one for each job, those with trouble with a second one."""
    width = max((len(job.path.stem) for job in jobs), default=0)
    for job in jobs:
        last = job.memory.last
        loaded = f"{last.finished:%Y-%m-%d %H:%M}  {last.rows:>9,}" if last else "never".ljust(27)
        yield f"{job.path.stem.ljust(width)}  {job.state:7}  {loaded}".rstrip()
        if job.trouble:
            yield f"  {job.trouble}".replace("\n", "\n  ")
