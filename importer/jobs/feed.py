"""The feed of a roster: its files in sequence, and how the next one is picked up and put away.

The files of a roster are ordered by time, or by name where the job file has `order: name`. A file
that is older than the last load is superseded: it is put away and never loaded.
"""

from __future__ import annotations

import hashlib
import re
import sys
import tempfile
import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self, TypeAlias

from pydantic import BaseModel, ConfigDict

from importer.errors import Cause, PlaceError, RosterError, UsageError
from importer.jobs.places import (
    LOADED,
    OPEN_IN_EXCEL,
    SKIPPED,
    SUPERSEDED,
    FoundFile,
    LocalFolder,
)
from importer.jobs.schema import Every, Job, Location, Login, Order, RosterPart
from importer.loader.detect import LARGEST
from importer.model.text import counted

if TYPE_CHECKING:
    from importer.jobs.sftp import RemoteFolder

RosterFolder: TypeAlias = "LocalFolder | RemoteFolder"
"""A folder where files are picked up or delivered."""

_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
"""How a workbook or another container starts: its own reader finds out whether it is whole."""

_AHEAD = timedelta(days=1)
"""How far in the future a file may be: clocks and time zones of servers are not always right."""

_REMEMBERED = 10_000
"""The most files that are remembered for a roster."""

_NAMED = 5
"""The most superseded files that a message names."""


class MissingFileError(RosterError):
    """No file matches."""


class WrongFileError(RosterError):
    """A file can never be loaded as it is."""

    def __init__(self, sentence: str, file: FoundFile) -> None:
        """Keep the file beside the sentence for people."""
        super().__init__(sentence)
        self.file = file


class _KeptFile(BaseModel):
    model_config = ConfigDict(frozen=True)

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


class Feed(BaseModel):
    """What a job remembers of the files of one roster, in the order in which they were decided."""

    model_config = ConfigDict(frozen=True)

    files: tuple[FeedFile, ...] = ()

    @property
    def last(self) -> FeedFile | None:
        """The file that was loaded last."""
        return next((one for one in reversed(self.files) if one.state is FileState.LOADED), None)

    def known(self, file: FoundFile) -> FeedFile | None:
        """Return what is remembered of a file of a place, if it is still as it was."""
        return self._by_file.get(file)

    def state(self, file: FoundFile) -> FileState:
        """Return the state of a file of a place."""
        return one.state if (one := self.known(file)) else FileState.SEEN

    @cached_property
    def _by_file(self) -> dict[FoundFile, FeedFile]:
        return {one.found: one for one in self.files}

    def came(self, file: FoundFile) -> float:
        """Return since when a file waits: one that replaces a held or refused file, as long as it.

        Else its older values would be loaded after those of the files behind it.
        """
        if (one := self.known(file)) is not None and one.since is not None:
            return one.since
        stopped = [f.modified for f in self.files if f.name == file.name and f.state.stops]
        return min(stopped, default=file.modified)

    def looked(self, there: Collection[FoundFile], now: datetime) -> Self:
        """Return the feed after a look at its place: new files wait, and those gone do not.

        Of a refused file that is gone, one of its name takes the place.
        """
        present = dict.fromkeys(there)
        names = {file.name for file in there}
        kept = [
            one.model_copy(update={"state": FileState.GONE})
            if one.state is FileState.REFUSED and one.name not in names
            else one
            for one in self.files
            if one.found in present or one.state is not FileState.SEEN
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
        found = [one.found for one in changed]
        over = {one.name for one in changed if state.is_over}
        kept = (one for one in self.files if not (one.name in over and one.state.stops))
        return self._with((*(one for one in kept if one.found not in found), *changed))

    def repeats(self, file: PickedFile) -> FeedFile | None:
        """Return the last earlier file whose content a file has again; None where it is new."""
        over = (one for one in reversed(self.files) if one.state.is_over)
        return next((one for one in over if one.sha256 == file.sha256), None)

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

    found = [
        file
        for file in place.files()
        if fnmatchcase(same(file.name), same(pattern))
        and not file.name.startswith((".", OPEN_IN_EXCEL))
        and not any(mark in file.name for mark in (LOADED, SUPERSEDED, SKIPPED))
        and file.name.isprintable()
        and not set(file.name) & set("/\\:")
    ]
    return sorted(found, key=lambda file: (file.modified, file.name))


def _letters(name: str) -> str:
    return "".join(filter(str.isalpha, name.casefold()))


@dataclass
class Inbox:
    """The open place of a roster, and what its job remembers of the files.

    `folder`: that of the job, in which files are read to compare them; `patterns`: those of all
    its rosters.
    """

    part: RosterPart
    place: RosterFolder
    every: Every
    feed: Feed
    folder: Path
    patterns: tuple[str, ...] = ()

    def files(self) -> list[FoundFile]:
        """Return the files that are there, in the order of the feed. Raises PlaceError."""
        return sorted(matching(self.place, self.part.source.pattern), key=self._position)

    def _position(self, file: FoundFile) -> tuple[object, ...]:
        return position(file, self.part.order, self.every, self.feed)

    def superseded(self, there: Iterable[FoundFile]) -> tuple[list[FoundFile], list[FeedFile]]:
        """Return the files that are over, and those of them that are superseded only now.

        A file is superseded if it is older than the last load, or if its name and content are those
        of a file before it: then only its time is new, as after a copy of the whole folder. The
        last load itself is not over. Raises PlaceError.
        """
        feed, last = self.feed, self.feed.last
        if last is None:
            return [file for file in there if feed.state(file).is_over], []
        over = [one for one in feed.files if one.state.is_over and one.name != last.name]
        contents = {(one.name, one.sha256) for one in over}
        names = {one.name for one in over}
        old, new = [], []
        for file in there:
            known = feed.known(file)
            if known is not None and (known.name, known.sha256) == (last.name, last.sha256):
                continue  # also with a time that it had before
            if feed.state(file).is_over:
                old.append(file)
                continue
            older = self._position(file) < self._position(last.found)
            if not older and file.name not in names:
                continue
            digest = digest_of(self.place, file, self.folder)
            if (file.name, digest) == (last.name, last.sha256):  # only its time was changed
                continue
            if older or (digest and (file.name, digest) in contents):
                old.append(file)
                new.append(FeedFile.of(file, digest))
        return old, new

    def pick_up(
        self,
        there: list[FoundFile],
        folder: Path,
        now: Callable[[], datetime],
        sleep: Callable[[float], None],
    ) -> PickedFile:
        """Copy the file that is to be loaded into `folder`, and return it.

        `there` are the files that are not over. The newest of them is taken, or the oldest one that
        waits if the job loads `every` file. Where none waits, it is the last one that was loaded,
        if it is still there. Raises RosterError where there is none, or it is empty, too old, of a
        future time, or still being written.
        """
        part, feed, where = self.part, self.feed, self.part.source
        if not there:
            new = "new " if feed.files else ""
            msg = f"There is no {new}file {where.pattern} in {where}. {self._misnamed()}Ask the "
            msg += "office that sends it."
            raise MissingFileError(msg)
        newest = there[-1]
        waiting = (file for file in there if not feed.state(file).is_over)
        chosen = next(waiting, newest) if self.every == "file" else newest
        if part.order == "time" and chosen.changed - now() > _AHEAD:
            msg = (
                f"The file {chosen} is from the future. So it is not known which file in {where} "
                "is the newest. Check the clock of the computer that writes the file, and that of "
                "this one. Then ask the office to send the file again."
            )
            raise WrongFileError(msg, chosen)
        if part.max_age is not None and now() - newest.changed > part.max_age:
            was = "was" if feed.state(newest) is FileState.LOADED else "was not"
            msg = (
                f"There is no file of the last {in_words(part.max_age)} (`max_age`) in {where}. "
                f"The newest one is {newest}, which {was} loaded. Ask the office that sends it."
            )
            raise RosterError(msg)
        seen = feed.known(chosen)
        seen_for = now() - (seen.at if seen is not None and seen.at is not None else now())
        wait = part.unchanged_for - max(seen_for, timedelta())  # a clock that was ahead is set back
        sleep(max(wait, timedelta()).total_seconds())
        _check_unchanged(self.place, chosen, where=str(where))
        if not chosen.size:
            msg = f"The file {chosen} is empty. Ask the office to send it to {where} again."
            raise WrongFileError(msg, chosen)
        if chosen.size > LARGEST:
            msg = f"The file {chosen} is too large for a roster. Ask the office for another, in "
            msg += f"{where}."
            raise WrongFileError(msg, chosen)
        return copied(self.place, chosen, folder, where=str(where))

    def _misnamed(self) -> str:
        """Return a sentence about a new file whose name begins as those of this roster, or "".

        It has another name in spite of that, and is of no other roster of the job.
        """
        pattern, last = self.part.source.pattern, self.feed.last
        begins = _letters(re.split(r"[*?\[]", pattern)[0])
        found = [
            file.name
            for file in matching(self.place, f"*{Path(pattern).suffix}")
            if begins and _letters(file.name).startswith(begins)
            and file.modified > (last.modified if last is not None else 0)
            and not any(fnmatchcase(file.name, other) for other in self.patterns)
        ]  # fmt: skip
        return f"A file under another name is there: {found[-1]}. " if found else ""

    def put_away(self, file: PickedFile, stamp: str) -> None:
        """Rename or delete a file that was loaded, unless it was replaced by another one since.

        Raises PlaceError where that is not possible.
        """
        if self.part.after == "keep" or file.found not in self.place.files():
            return
        try:
            if self.part.after == "rename":
                self.place.rename(file.name, f"{file.name}{LOADED}{stamp}")
            else:
                self.place.delete(file.name)
        except PlaceError as error:
            msg = f"{error} The file was loaded; move it away by hand."
            raise PlaceError(msg) from error

    def put_aside(self, old: list[FoundFile], stamp: str) -> None:
        """Rename files that are superseded or skipped, unless the job keeps files.

        They are not deleted, as nobody has loaded them. Raises PlaceError where one is not
        possible.
        """
        if self.part.after == "keep":
            return
        for file in old:
            mark = SKIPPED if self.feed.state(file) is FileState.SKIPPED else SUPERSEDED
            self.place.rename(file.name, f"{file.name}{mark}{stamp}")


def digest_of(place: RosterFolder, file: FoundFile, folder: Path) -> str:
    """Return the SHA-256 of a file, which is read in `folder`; blank where that cannot be done."""
    if file.size > LARGEST:
        return ""
    with tempfile.TemporaryDirectory(dir=folder) as copies, suppress(PlaceError):
        place.fetch(file.name, copy := Path(copies) / file.name)
        return hashlib.sha256(copy.read_bytes()).hexdigest()
    return ""


def in_one_line(part: RosterPart, files: list[FeedFile], last: FeedFile, *, replaced: bool) -> str:
    """Return what is reported about files that were superseded, and how to load one after all.

    `replaced`: the newer file was loaded only now, and has everybody; nobody has to act.
    """
    shown = [str(file.found) for file in files[-_NAMED:]]
    more = f", and {len(files) - _NAMED:,} more" if len(files) > _NAMED else ""
    one, was = ("it", "was") if len(files) == 1 else ("one of them", "were")
    told = f"{counted(len(files), 'older file')} {was} not loaded: {', '.join(shown)}{more}. "
    told += f"Newer: {last.found}. "
    if replaced:
        return (
            f"{told}Nothing needs to be done: the newer file replaces {one.replace('one of ', '')}."
        )
    place = "with the time of now"
    if part.order == "name":  # one after all names would make each later file an older one
        place = f"comes after {last.name} and before the name of the next file"
    return (
        f"{told}If the newer file has everybody, nothing needs to be done. Else, to load {one} "
        f"although its older values replace newer ones, copy it in {part.source} to a new name "
        f"that matches {part.source.pattern}, {place}, and run the job."
    )


def copied(place: RosterFolder, file: FoundFile, folder: Path, where: str) -> PickedFile:
    """Copy a file into `folder`. Raises RosterError where it changes meanwhile, PlaceError."""
    target = folder / file.name
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    place.fetch(file.name, target)
    _check_unchanged(place, file, where)
    content = target.read_bytes()
    return PickedFile(
        name=file.name,
        size=file.size,
        modified=file.modified,
        sha256=hashlib.sha256(content).hexdigest(),
        copied_to=str(target),
        complete=content.startswith(_WORKBOOKS) or content.endswith((b"\n", b"\r", b"\n\0")),
    )


def _check_unchanged(place: RosterFolder, file: FoundFile, where: str) -> None:
    """Raise RosterError where the file is not as it was a moment ago."""
    if file not in place.files():
        msg = (
            f"The file {file.name} in {where} is still being written. The next run of the job "
            "looks again. Nothing needs to be done, unless this is reported again."
        )
        raise RosterError(msg, cause=Cause.PASSES)


def in_words(time: timedelta) -> str:
    """Return a time in its largest whole unit: `26 hours`."""
    seconds = int(time.total_seconds())
    for unit, length in (("day", 86_400), ("hour", 3600), ("minute", 60)):
        if seconds >= length and not seconds % length:
            count = seconds // length
            return f"{count} {unit}{'' if count == 1 else 's'}"
    return f"{seconds} seconds"
