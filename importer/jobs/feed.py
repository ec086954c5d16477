"""The files of a feed: where they are, in which sequence, and what became of them.

The files of a roster are ordered by time, or by name where the job file has `order: name`.
"""

from __future__ import annotations

import hashlib
import re
import sys
import tempfile
import unicodedata
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from enum import StrEnum
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self, TypeAlias

from pydantic import BaseModel

from importer.errors import Cause, PlaceError, RosterError, UsageError
from importer.jobs.places import LOADED, OPEN_IN_EXCEL, SKIPPED, SUPERSEDED, FoundFile, LocalFolder
from importer.jobs.schema import Every, Job, Location, Login, Order
from importer.loader.detect import LARGEST

if TYPE_CHECKING:
    from importer.jobs.sftp import RemoteFolder

RosterFolder: TypeAlias = "LocalFolder | RemoteFolder"
"""A folder where files are picked up or delivered."""

_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
"""How a workbook or another container starts: its own reader finds out whether it is whole."""

_REMEMBERED = 10_000
"""The most files that are remembered for a roster."""


class MissingFileError(RosterError):
    """No file matches."""


class WrongFileError(RosterError):
    """A file can never be loaded as it is."""


class _KeptFile(BaseModel, frozen=True):
    name: str
    modified: float
    size: int = 0
    sha256: str = ""

    @property
    def found(self) -> FoundFile:
        """The file as it was in its place."""
        return FoundFile(self.name, self.size, self.modified)


class PickedFile(_KeptFile):
    """A file as it was when it was picked up, and the copy of it."""

    copied_to: str
    complete: bool
    """Whether it ends with a line break; true for a workbook."""

    def __str__(self) -> str:
        """For messages: its name, time and size."""
        return f"{self.found}, {self.size:,} bytes"


class FileState(StrEnum):
    """What became of a file of a feed."""

    SEEN = "seen"  # it waits
    HELD = "held"  # by guards
    REFUSED = "refused"  # it could not be read or planned; each run tries again
    GONE = "gone"  # it was refused, and is not there any more: nobody has to skip it
    LOADED = "loaded"
    SUPERSEDED = "superseded"
    SKIPPED = "skipped"  # by a person

    @property
    def stops(self) -> bool:
        """Whether a person, or another file, has to come first."""
        return self in {FileState.HELD, FileState.REFUSED, FileState.GONE}

    @property
    def is_over(self) -> bool:
        """Whether the file is never loaded again."""
        return self in {FileState.LOADED, FileState.SUPERSEDED, FileState.SKIPPED}


class FeedFile(_KeptFile):
    """A file of a feed, in its state `at` a time. `sha256`: once it was read; `since`: if over."""

    state: FileState = FileState.SEEN
    at: datetime | None = None
    since: float | None = None

    @classmethod
    def of(cls, file: FoundFile, sha256: str = "", at: datetime | None = None) -> Self:
        """Return what is to be remembered of a file of a place."""
        return cls(name=file.name, modified=file.modified, size=file.size, sha256=sha256, at=at)


class Feed(BaseModel, frozen=True):
    """What a job remembers of the files of one roster, in the order in which they were decided."""

    files: tuple[FeedFile, ...] = ()

    @property
    def last(self) -> FeedFile | None:
        """The file that was loaded last."""
        return next((file for file in reversed(self.files) if file.state is FileState.LOADED), None)

    def known(self, file: FoundFile) -> FeedFile | None:
        """Return what is remembered of a file of a place, if it is still as it was."""
        return self._by_file.get(file)

    def state(self, file: FoundFile) -> FileState:
        """Return the state of a file of a place."""
        return known.state if (known := self.known(file)) else FileState.SEEN

    @cached_property
    def _by_file(self) -> dict[FoundFile, FeedFile]:
        return {file.found: file for file in self.files}

    def came(self, file: FoundFile) -> float:
        """Return since when a file waits: one that replaces a held or refused file, as long as it.

        Else its older values would be loaded after those of the files behind it.
        """
        if (known := self.known(file)) is not None and known.since is not None:
            return known.since
        stopped = [f.modified for f in self.files if f.name == file.name and f.state.stops]
        return min(stopped, default=file.modified)

    def looked(self, there: Collection[FoundFile], now: datetime) -> Self:
        """Return the feed after a look at its place: new files wait, and those gone do not.

        Of a refused file that is gone, one of its name takes the place.
        """
        present = dict.fromkeys(there)
        names = {file.name for file in there}
        kept = [
            file.model_copy(update={"state": FileState.GONE})
            if file.state is FileState.REFUSED and file.name not in names
            else file
            for file in self.files
            if file.found in present or file.state is not FileState.SEEN
        ]
        seen = [FeedFile.of(file, at=now) for file in present if self.known(file) is None]
        return self._with((*kept, *seen))

    def marked(
        self, files: Iterable[PickedFile | FeedFile], state: FileState, now: datetime
    ) -> Self:
        """Return the feed with these files in another state.

        What stopped under the name of one that is over was replaced by it.
        """
        changed = [
            FeedFile(**file.model_dump(include={"name", "modified", "size", "sha256"}),
                     state=state, at=now, since=self.came(file.found) if state.is_over else None)
            for file in files
        ]  # fmt: skip
        names = [file.found for file in changed]
        over = {file.name for file in changed if state.is_over}
        kept = (file for file in self.files if not (file.name in over and file.state.stops))
        return self._with((*(file for file in kept if file.found not in names), *changed))

    def repeats(self, file: PickedFile) -> FeedFile | None:
        """Return the last earlier file whose content a file has again; None where it is new."""
        over = (file for file in reversed(self.files) if file.state.is_over)
        return next((known for known in over if known.sha256 == file.sha256), None)

    def _with(self, files: tuple[FeedFile, ...]) -> Self:
        return self.__class__(files=files[-_REMEMBERED:])


def position(file: FoundFile, order: Order, every: Every, feed: Feed) -> tuple[object, ...]:
    """Return what the files of a feed are sorted by; numbers in a name count as numbers.

    `feed`: where every file is loaded, for the place of one that replaces another.
    """
    parts = re.split(r"(\d+)", file.name)
    name = (tuple(int(text) if at % 2 else text for at, text in enumerate(parts)), file.name)
    modified = feed.came(file) if every == "file" else file.modified
    return (modified, name) if order == "time" else (name, modified)


@contextmanager
def opened(job: Job, location: Location) -> Iterator[RosterFolder]:
    """Open the place of a location of a job. Raises PlaceError, AccessError, UsageError."""
    if not location.host:
        yield LocalFolder(Path(location.folder))
        return
    try:
        from importer.jobs.sftp import connected  # an optional extra
    except ImportError:
        msg = (
            "SFTP needs the extra `sftp` of the importer. Install it, for example with: "
            'pip install "alma-roster-importer[sftp]"'
        )
        raise UsageError(msg) from None
    with connected(location, job.file.sftp.get(location.host, Login())) as place:
        yield place


def matching(place: RosterFolder, pattern: str) -> list[FoundFile]:
    """Return the files that match, oldest first; hidden ones and those put away do not.

    Neither does a name that could lead to another folder, whatever a server lists. A letter counts
    as the same with its accent inside or beside it, and in any case where the disk ignores case.
    """
    ignores_case = isinstance(place, LocalFolder) and sys.platform in {"win32", "darwin"}

    def same(text: str) -> str:
        text = unicodedata.normalize("NFC", text)
        return text.lower() if ignores_case else text

    files = [
        file
        for file in place.files()
        if fnmatchcase(same(file.name), same(pattern))
        and not file.name.startswith((".", OPEN_IN_EXCEL))
        and not any(mark in file.name for mark in (LOADED, SUPERSEDED, SKIPPED))
        and file.name.isprintable()
        and not set(file.name) & set("/\\:")
    ]
    return sorted(files, key=lambda file: (file.modified, file.name))


def digest_of(place: RosterFolder, file: FoundFile, folder: Path) -> str:
    """Return the SHA-256 of a file, which is read in `folder`; blank where that cannot be done."""
    if file.size > LARGEST:
        return ""
    with tempfile.TemporaryDirectory(dir=folder) as copies, suppress(PlaceError):
        place.fetch(file.name, copy := Path(copies) / file.name)
        return hashlib.sha256(copy.read_bytes()).hexdigest()
    return ""


def copied(place: RosterFolder, file: FoundFile, folder: Path) -> PickedFile:
    """Copy a file into `folder`. Raises RosterError where it changes meanwhile, PlaceError."""
    target = folder / file.name
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    place.fetch(file.name, target)
    check_unchanged(place, file)
    content = target.read_bytes()
    return PickedFile(
        name=file.name,
        size=file.size,
        modified=file.modified,
        sha256=hashlib.sha256(content).hexdigest(),
        copied_to=str(target),
        complete=content.startswith(_WORKBOOKS) or content.endswith((b"\n", b"\r", b"\n\0")),
    )


def check_unchanged(place: RosterFolder, file: FoundFile) -> None:
    """Raise RosterError where the file is not as it was a moment ago."""
    if file not in place.files():
        msg = (
            f"The file {file.name} in {place} is still being written. The next run of the job "
            "looks again. Nothing needs to be done, unless this is reported again."
        )
        raise RosterError(msg, cause=Cause.PASSES)
