"""What a job remembers: `jobs/NAME.json` with the open load and the last one, and a lock."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Self

from filelock import FileLock, Timeout
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from importer.errors import Exit, LedgerError, UnreadableFileError
from importer.jobs.feed import Feed, PickedFile
from importer.model.files import read_text_bounded, write_atomically
from importer.model.run import Summary

JOBS = Path("jobs")
"""The folder of the jobs' states and of the files that they picked up."""

_LARGEST = 10_000_000
"""The most bytes of a state."""


class Step(StrEnum):
    """How far a load is; each step can be taken again."""

    PICKED_UP = "picked-up"
    PLANNED = "planned"
    HELD = "held"  # by guards, until a person allows them
    DONE = "done"  # applied, planned or delivered
    PUT_AWAY = "put-away"  # the picked-up files are renamed or deleted


class _Kept(BaseModel):
    model_config = ConfigDict(frozen=True)


class Load(_Kept):
    """One load, from the pick-up of its files until everybody was notified."""

    stamp: str
    files: tuple[PickedFile, ...]
    step: Step = Step.PICKED_UP
    run: str = ""
    summary: Summary | None = None
    allowed: tuple[str, ...] = ()
    zips: tuple[str, ...] = ()
    delivered: tuple[str, ...] = ()
    trouble: tuple[str, ...] = ()
    planned_again: bool = False
    notified: tuple[str, ...] = ()

    @property
    def hashes(self) -> tuple[str, ...]:
        """What its files contain."""
        return tuple(file.sha256 for file in self.files)

    @property
    def to_plan_again(self) -> Self:
        """This load as it was picked up: its plan, what was allowed and its zip do not count."""
        kept = {"stamp": self.stamp, "files": self.files, "planned_again": self.planned_again}
        return self.__class__.model_validate(kept)


class LastLoad(_Kept):
    """The last load that was done: what the next one is compared with."""

    finished: datetime
    hashes: tuple[str, ...]
    complete: tuple[bool, ...]
    rows: int
    run: str


class Reported(_Kept):
    """The last trouble without a finished load that was reported, so that it is not repeated."""

    at: datetime
    exit: Exit
    sentence: str


class State(_Kept):
    """Everything that a job remembers.

    `feeds` are by the `from` of a roster; `superseded` are sentences that no message had yet.
    """

    version: int = 1
    open: Load | None = None
    last: LastLoad | None = None
    reported: Reported | None = None
    feeds: dict[str, Feed] = Field(default_factory=dict)
    superseded: tuple[str, ...] = ()

    def feed(self, address: str) -> Feed:
        """Return what is known of the files of a roster."""
        return self.feeds.get(address, Feed())


class Store:
    """The file of one job's state, and the folder of its files."""

    def __init__(self, name: str) -> None:
        """Use the state of a job in the current folder."""
        self._path = JOBS / f"{name}.json"
        self.folder = JOBS / name

    def read(self) -> State:
        """Return the state; an empty one before the first run. Raises LedgerError if damaged."""
        if not self._path.exists():
            return State()
        try:
            return State.model_validate_json(read_text_bounded(self._path, _LARGEST))
        except (ValidationError, UnreadableFileError):
            msg = (
                f"{self._path} is damaged. Look in `importer runs` at what was loaded last, then "
                "delete the file; the next file is then compared with nothing."
            )
            raise LedgerError(msg) from None

    def write(self, state: State) -> None:
        """Save the state, whole and durable. Raises LedgerError if the disk prevents it."""
        try:
            write_atomically(self._path, state.model_dump_json(indent=1).encode())
        except OSError as error:
            msg = f"{self._path} cannot be written ({error.strerror}). Free some space on the disk."
            raise LedgerError(msg) from error

    def remove_copies(self, files: Iterable[PickedFile]) -> None:
        """Delete the copies of files that were picked up."""
        for folder in {Path(file.copied_to).parent for file in files}:
            if folder.parent == self.folder:  # whatever a damaged state names
                shutil.rmtree(folder, ignore_errors=True)

    def remove_copies_before(self, oldest: datetime) -> None:
        """Delete copies that are older than this."""
        for folder in self.folder.iterdir():
            with suppress(OSError):
                if folder.is_dir() and folder.stat().st_mtime < oldest.timestamp():
                    shutil.rmtree(folder)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Allow one run of the job at a time. Raises LedgerError where another one is active."""
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            msg = f"The folder {self.folder} cannot be made ({error.strerror})."
            raise LedgerError(msg) from error
        lock = FileLock(JOBS / f"{self.folder.name}.lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            msg = f"The job {self.folder.name} is already running. Nothing was done."
            raise LedgerError(msg) from None
        try:
            yield
        finally:
            lock.release()
