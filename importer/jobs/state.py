"""What a job remembers: `jobs/NAME.json` with the open load and the last one, and a lock."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

from filelock import FileLock, Timeout
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from importer.errors import Exit, ImporterError, LedgerError, UnreadableFileError, UsageError
from importer.files import read_text_bounded, write_atomically
from importer.jobs.feed import Feed, FileState, PickedFile
from importer.jobs.schema import GuardName, Notify
from importer.ledger.ledger import Ledger
from importer.model.formats import JOB_STATE
from importer.model.plan import SafetyCheck
from importer.model.run import Summary

JOBS = Path("jobs")
"""The folder of the jobs' states and of the files that they picked up."""

_LARGEST = 100_000_000
"""The most bytes of a state: ten thousand files of a roster have 3 MB."""

Answer = TypeVar("Answer")
Other = TypeVar("Other")


def of_run(run: str, ask: Callable[[Ledger], Answer], otherwise: Other) -> Answer | Other:
    """Return what the ledger of a run answers; `otherwise` where it was purged or is damaged."""
    with suppress(ImporterError), Ledger.open(Path(run)) as ledger:
        return ask(ledger)
    return otherwise


class LoadStep(StrEnum):
    """How far a load is; each step can be taken again."""

    PICKED_UP = "picked-up"
    PLANNED = "planned"
    HELD = "held"  # by guards, until a person allows them
    DONE = "done"  # applied, planned or delivered
    PUT_AWAY = "put-away"  # the picked-up files are renamed or deleted


class FailedGuard(BaseModel, frozen=True):
    """A guard, or a safety check of the mapping, that holds a load, and why."""

    name: GuardName | SafetyCheck
    sentence: str


class LoadDecision(BaseModel, frozen=True):
    """What a person decided about a load: who, when and why, and what it was about.

    `checks` are the guards that were allowed; none where the files were skipped.
    """

    at: datetime
    who: str
    why: str
    checks: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    run: str = ""

    def __str__(self) -> str:
        """For messages."""
        what = f"Allowed ({', '.join(self.checks)})" if self.checks else "Skipped"
        return f"{what} by {self.who}, {self.at:%Y-%m-%d %H:%M}: {self.why}"


class Load(BaseModel):
    """One load, from the pick-up of its files until everybody was notified; each step changes it.

    `held`: the guards that hold it. `seal`: of the plan that was allowed. `handed_over`: the names
    of the workbooks of rejects that are in `rejects_to`. `unseen`: the runs that an earlier run of
    the job delivered, and of which Alma did not show every row when this load was planned.
    """

    stamp: str
    files: tuple[PickedFile, ...]
    step: LoadStep = LoadStep.PICKED_UP
    run: str = ""
    summary: Summary | None = None
    held: tuple[FailedGuard, ...] = ()
    allowed: tuple[str, ...] = ()
    seal: str = ""
    delivered: tuple[str, ...] = ()
    handed_over: tuple[str, ...] = ()
    trouble: tuple[str, ...] = ()
    planned_again: bool = False
    unseen: tuple[str, ...] = ()
    notified: tuple[str, ...] = ()

    @property
    def planned(self) -> Summary:
        """The counts of its plan, which every step after the plan has."""
        assert self.summary is not None  # noqa: S101
        return self.summary

    @property
    def lines(self) -> tuple[str, ...]:
        """For messages: its files with their times and sizes, and its run."""
        run = (f"Run: {self.run}",) if self.run else ()
        return (*(f"File: {file}" for file in self.files), *run)

    @property
    def to_apply(self) -> tuple[str, ...]:
        """The words of the command that applies its run, with the safety checks that may fail."""
        checks = (check for check in SafetyCheck if check in self.allowed)
        return ("apply", self.run, *(word for check in checks for word in ("--allow", check)))

    @property
    def hashes(self) -> tuple[str, ...]:
        """What its files contain."""
        return tuple(file.sha256 for file in self.files)

    def plan_again(self) -> None:
        """Make it as it was picked up: its plan and what was allowed do not count."""
        kept = Load(stamp=self.stamp, files=self.files, planned_again=self.planned_again)
        self.__dict__.update(kept.__dict__)


class DoneLoad(BaseModel):
    """A load of the rosters that was done: what the next one is compared with.

    `finished`: then, or when its content came again. `meanings`: the SHA-256 of what each mapping
    means; none where that is not known. `allowed`: the guards that a person let pass.
    """

    finished: datetime
    hashes: tuple[str, ...]
    complete: tuple[bool, ...]
    rows: int
    run: str
    files: tuple[str, ...] = ()
    meanings: tuple[str, ...] = ()
    allowed: tuple[str, ...] = ()


class Ran(BaseModel, frozen=True):
    """How the last run of a job ended.

    `file`: the SHA-256 of the job file, which was right; `gap`: how long after a load the next one
    may come; `notify`: who is notified if the file cannot be read next time.
    """

    at: datetime
    exit: Exit
    headline: str
    file: str = ""
    gap: timedelta | None = None
    notify: Notify | None = None


class Reported(BaseModel, frozen=True):
    """An incident that people were notified of `at` a time; a load that is done ends it.

    `passes`: it is expected to pass by itself. `about`: what makes it another one than those of the
    same exit code: the kind of its error and its values.
    """

    at: datetime
    exit: Exit
    passes: bool = False
    about: tuple[str, ...] = ()


COMPARED = 5
"""How many loads are kept to compare the next one with."""

_REPORTED = 20
"""How many incidents are kept, so that none is reported twice."""

_INCIDENTS = TypeAdapter(tuple[Reported, ...])

_DECISIONS = 200
"""How many decisions of people are kept."""


class JobMemory(BaseModel):
    """Everything that a job remembers; it is changed in place, and saved whole after each step.

    `job`: its file, as seen from the current folder. `open`: the load that is not finished. `loads`
    are the last ones that were done, oldest first; `feeds` are by the `from` of a roster;
    `superseded` are sentences about files that came too late, which no message had yet.
    `delivered`: runs of whose files for the SIS load Alma may not show every row yet.
    """

    version: int = JOB_STATE.number
    job: str = ""
    open: Load | None = None
    loads: tuple[DoneLoad, ...] = ()
    feeds: dict[str, Feed] = Field(default_factory=dict)
    superseded: tuple[str, ...] = ()
    decisions: tuple[LoadDecision, ...] = ()
    delivered: tuple[str, ...] = ()
    ran: Ran | None = None

    @property
    def held(self) -> Load | None:
        """The load that waits for a person."""
        return self.open if self.open is not None and self.open.step is LoadStep.HELD else None

    @property
    def active(self) -> Load | None:
        """The load that the next run continues, before any other one takes its place."""
        return self.open if self.held is None else None

    @property
    def last(self) -> DoneLoad | None:
        """The last load that was done."""
        return self.loads[-1] if self.loads else None

    @property
    def largest(self) -> int:
        """The people of the largest of the last loads, since one in which `rows` was allowed."""
        allowed = (at for at, load in enumerate(self.loads) if GuardName.ROWS in load.allowed)
        return max((load.rows for load in self.loads[max(allowed, default=0) :]), default=0)

    def is_of_another(self, job: Path) -> bool:
        """Whether this is the state of another job file than this one, which is still there."""
        return os.path.isfile(self.job) and not _leads_to(self.job, job)  # noqa: PTH113  which raises nothing

    def feed(self, address: str) -> Feed:
        """Return what is known of the files of a roster."""
        return self.feeds.get(address, Feed())


def _leads_to(name: str, job: Path) -> bool:
    """Whether a name is that of a job file."""
    return os.path.isfile(name) and job.exists() and job.samefile(name)  # noqa: PTH113


def _as_seen_here(job: Path) -> str:
    """Return the path of a job file from the current folder, through the links that it names."""
    try:
        path = os.path.relpath(job)
    except ValueError:  # on another drive of Windows
        return job.as_posix()
    return Path(path).as_posix()


class RunningError(LedgerError):
    """Another run of the job is active."""


class Store:
    """One job's state, which is empty until it is read, its file, and the folder of its files."""

    def __init__(self, name: str) -> None:
        """Use the state of a job in the current folder."""
        self.state = JobMemory()
        self._path = JOBS / f"{name}.json"
        self.folder = JOBS / name
        self._reported = self.folder / "reported.json"

    def open(self, job: Path) -> None:
        """Read the state of a job file. Raises as `read` does.

        A path through a link stays its name: the link leads to the file of each later release.
        """
        state, name = self.read(job), _as_seen_here(job)
        if _leads_to(state.job, job) and os.path.realpath(job) == os.path.abspath(job):  # noqa: PTH100  by name alone
            name = state.job
        self.state, self.state.job = state, name

    @property
    def reported(self) -> tuple[Reported, ...]:
        """The incidents that people know of; kept beside the state, which may be damaged."""
        with suppress(OSError, ValueError):
            return _INCIDENTS.validate_json(self._reported.read_bytes())
        return ()

    def add_reported(self, incident: Reported) -> None:
        """Keep that people know of an incident, if that is possible."""
        known = self.reported
        if incident not in known:
            with suppress(OSError):
                self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                kept = (*known, incident)[-_REPORTED:]
                write_atomically(self._reported, _INCIDENTS.dump_json(kept))

    def end_incidents(self) -> None:
        """Forget the incidents: what comes next is another one."""
        with suppress(OSError):
            self._reported.unlink()

    def read(self, job: Path | None = None, *, waiting_only: bool = False) -> JobMemory:
        """Return the state; an empty one before the first run. Raises LedgerError if damaged.

        `job`: the file whose state it must be, if any; raises UsageError where it is that of
        another one, as the files of one would be loaded with the mapping of the other.
        UsageError, too, for the state of another version of the importer. `waiting_only`: without
        the files that are over, which is quicker.
        """
        with suppress(PermissionError):  # also of the folder
            if not self._path.exists():
                return JobMemory()
        if not os.access(self._path, os.R_OK):
            raise self._of_another_user()
        try:
            values = json.loads(read_text_bounded(self._path, _LARGEST))
            JOB_STATE.check(self._path, values["version"])
            if waiting_only:
                for feed in values.get("feeds", {}).values():
                    feed["files"] = [
                        file for file in feed["files"] if not FileState(file["state"]).is_over
                    ]
            state = JobMemory.model_validate(values)
        except (ValidationError, UnreadableFileError, ValueError, KeyError, TypeError,
                AttributeError, RecursionError):  # fmt: skip
            msg = (
                f"{self._path} is damaged. Look in `importer runs` at what was loaded last, then "
                "delete the file; the next file is then compared with nothing."
            )
            raise LedgerError(msg) from None
        if job is not None and state.is_of_another(job):
            msg = (
                f"{job} has the name of another job of this folder, {state.job}. Rename {job}: the "
                "name of the file is the name of the job. If it has replaced the other file, "
                "delete that one instead."
            )
            raise UsageError(msg)
        return state

    def _of_another_user(self) -> LedgerError:
        return LedgerError(
            f"The memory of the job, {self._path}, belongs to another user of this computer, as "
            "after a run with `sudo`. Make the user who runs the job the owner of the folders "
            f"{JOBS}, runs and users, and of all in them (`chown -R`)."
        )

    def save(self) -> None:
        """Save the state, whole and durable, before the next step. Raises LedgerError."""
        try:
            write_atomically(self._path, self.state.model_dump_json(indent=1).encode())
        except OSError as error:
            msg = f"{self._path} cannot be written ({error.strerror}). Free some space on the disk."
            raise LedgerError(msg) from error

    def decide(self, decision: LoadDecision) -> None:
        """Save what a person decided, and what it changed. Raises LedgerError."""
        self.state.decisions = (*self.state.decisions, decision)[-_DECISIONS:]
        self.save()

    def remove_copies(self, files: Iterable[PickedFile]) -> None:
        """Delete the copies of files that were picked up."""
        for folder in {Path(file.copied_to).parent for file in files}:
            if folder.parent == self.folder:  # whatever a damaged state names
                shutil.rmtree(folder, ignore_errors=True)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Allow one run of the job at a time. Raises LedgerError, RunningError where one is."""
        lock = FileLock(JOBS / f"{self.folder.name}.lock")
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock.acquire(timeout=0)
        except Timeout:
            msg = f"The job {self.folder.name} is already running. Nothing was done."
            raise RunningError(msg) from None
        except OSError as error:
            if isinstance(error, PermissionError) and JOBS.is_dir():
                raise self._of_another_user() from None
            msg = f"The folder {self.folder} cannot be written ({error.strerror})."
            raise LedgerError(msg) from error
        try:
            yield
        finally:
            lock.release()
