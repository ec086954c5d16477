"""The feed of a roster: its files in sequence, and how the newest one is picked up and put away.

The files of a roster are ordered by time, and by name where the times are the same. A file that is
older than the last load is superseded: it is put away and never loaded.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict

from importer.errors import PlaceError, RosterError, UsageError
from importer.jobs.places import LOADED, SUPERSEDED, FoundFile, LocalFolder, RosterFolder, matching
from importer.jobs.schema import Location, Login, RosterPart
from importer.loader.detect import LARGEST

_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
"""How a workbook or another container starts: its own reader finds out whether it is whole."""

_AHEAD = timedelta(days=1)
"""How far in the future a file may be: clocks and time zones of servers are not always right."""

_REMEMBERED = 10_000
"""The most earlier files that are remembered for a roster."""

_NAMED = 5
"""The most superseded files that a message names."""


class MissingFileError(RosterError):
    """No file matches."""


class PickedFile(BaseModel):
    """A file as it was when it was picked up, and the copy of it."""

    model_config = ConfigDict(frozen=True)

    name: str
    size: int
    modified: float
    sha256: str
    copied_to: str
    complete: bool
    """Whether it ends with a line break; true for a workbook."""

    def __str__(self) -> str:
        """For messages: its name, time and size."""
        return f"{FoundFile(self.name, self.size, self.modified)}, {self.size:,} bytes"


class SeenFile(BaseModel):
    """A file that was loaded or superseded; `sha256` is blank where nobody read it."""

    model_config = ConfigDict(frozen=True)

    name: str
    modified: float
    sha256: str


class Feed(BaseModel):
    """What a job remembers of the files of one roster: the last that was loaded, and earlier ones.

    `earlier` are those that were loaded before, and those that were superseded and reported.
    """

    model_config = ConfigDict(frozen=True)

    last: SeenFile | None = None
    earlier: tuple[SeenFile, ...] = ()

    def after_loading(self, file: PickedFile) -> Self:
        """Return the feed after a load."""
        last = SeenFile(name=file.name, modified=file.modified, sha256=file.sha256)
        before = () if self.last in {None, last} else (self.last,)
        return self._with_earlier(before).model_copy(update={"last": last})

    def after_superseding(self, files: Iterable[SeenFile]) -> Self:
        """Return the feed after files were reported as superseded."""
        return self._with_earlier(files)

    def _with_earlier(self, files: Iterable[SeenFile | None]) -> Self:
        earlier = (*self.earlier, *files)[-_REMEMBERED:]
        return self.model_copy(update={"earlier": earlier})


@contextmanager
def opened(location: Location, login: Login) -> Iterator[RosterFolder]:
    """Open the place of a location. Raises PlaceError, AccessError, UsageError."""
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
    with connected(location, login) as place:
        yield place


def superseded(
    part: RosterPart, place: RosterFolder, feed: Feed, folder: Path
) -> tuple[list[FoundFile], list[SeenFile]]:
    """Return the files that match and are superseded, and those of them not seen as such before.

    A file is superseded if it is older than the last load, or if its name and content are those of
    a file before it: then only its time is new, as after a copy of the whole folder. Files are
    read in `folder` for this. Raises PlaceError.
    """
    last = feed.last
    if last is None:
        return [], []
    known = {(seen.name, seen.modified) for seen in feed.earlier}
    contents = {(seen.name, seen.sha256) for seen in feed.earlier if seen.name != last.name}
    names = {name for name, _ in contents}
    old, new = [], []
    for file in matching(place, part.source.pattern):
        if (file.name, file.modified) in known:
            old.append(file)
            continue
        older = (file.modified, file.name) < (last.modified, last.name)
        repeated = not older and file.name in names
        read = repeated or (older and part.after == "keep")
        seen = SeenFile(
            name=file.name,
            modified=file.modified,
            sha256=_digest(place, file, folder) if read else "",
        )
        if older or (repeated and seen.sha256 and (seen.name, seen.sha256) in contents):
            old.append(file)
            new.append(seen)
    return old, new


def _digest(place: RosterFolder, file: FoundFile, folder: Path) -> str:
    """Return the hash of a file's content; blank where it cannot be read or is no roster."""
    if file.size > LARGEST:
        return ""
    with tempfile.TemporaryDirectory(dir=folder) as copies, suppress(PlaceError):
        place.fetch(file.name, copy := Path(copies) / file.name)
        return hashlib.sha256(copy.read_bytes()).hexdigest()
    return ""


def in_one_line(files: list[SeenFile], last: SeenFile) -> str:
    """Return the sentence about files that were superseded."""
    shown = [str(FoundFile(file.name, 0, file.modified)) for file in files[-_NAMED:]]
    more = f", and {len(files) - _NAMED:,} more" if len(files) > _NAMED else ""
    newer = FoundFile(last.name, 0, last.modified)
    return f"Not loaded, as {newer} is newer: {', '.join(shown)}{more}."


def pick_up(
    part: RosterPart,
    place: RosterFolder,
    passed_over: list[FoundFile],
    folder: Path,
    now: Callable[[], datetime],
    sleep: Callable[[float], None],
) -> PickedFile:
    """Copy the newest file that matches into `folder`, and return it.

    `passed_over` are the files that are superseded. Raises RosterError where there is no other
    one, or it is empty, too old, of a future time, or still being written.
    """
    where, pattern = part.source, part.source.pattern
    found = [file for file in matching(place, pattern) if file not in passed_over]
    if not found:
        msg = f"There is no {'new ' if passed_over else ''}file {pattern} in {where}. Ask the "
        msg += "office that sends it."
        raise MissingFileError(msg)
    newest = found[-1]
    if newest.changed - now() > _AHEAD:
        msg = (
            f"The file {newest} in {where} is from the future, so it is not known which file is "
            "the newest. Check the clock of the computer that writes the file, and that of this "
            "one. Then ask the office to send the file again."
        )
        raise RosterError(msg)
    if part.max_age is not None and now() - newest.changed > part.max_age:
        msg = (
            f"The newest file in {where}, {newest.name}, is from {newest.changed:%Y-%m-%d %H:%M}, "
            f"and the job takes files of the last {in_words(part.max_age)} (`max_age`). Ask the "
            "office that sends it."
        )
        raise RosterError(msg)
    sleep(part.unchanged_for.total_seconds())
    target = folder / newest.name
    _check_unchanged(place, newest, where=str(where))
    if not newest.size:
        msg = f"The file {newest.name} in {where} is empty. Ask the office to send it again."
        raise RosterError(msg)
    if newest.size > LARGEST:
        msg = f"The file {newest.name} in {where} is too large for a roster. Is it the right file?"
        raise RosterError(msg)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    place.fetch(newest.name, target)
    _check_unchanged(place, newest, where=str(where))
    content = target.read_bytes()
    return PickedFile(
        name=newest.name,
        size=newest.size,
        modified=newest.modified,
        sha256=hashlib.sha256(content).hexdigest(),
        copied_to=str(target),
        complete=content.startswith(_WORKBOOKS) or content.endswith((b"\n", b"\r", b"\n\0")),
    )


def _check_unchanged(place: RosterFolder, file: FoundFile, where: str) -> None:
    """Raise RosterError where the file is not as it was a moment ago."""
    if file not in place.files():
        msg = (
            f"The file {file.name} in {where} is still being written. The next run of the job "
            "looks again."
        )
        raise RosterError(msg)


def put_away(part: RosterPart, place: RosterFolder, file: PickedFile, stamp: str) -> None:
    """Rename or delete a file that was loaded, unless it was replaced by another one since.

    Raises PlaceError where that is not possible.
    """
    there = FoundFile(file.name, file.size, file.modified)
    if part.after == "keep" or there not in place.files():
        return
    try:
        if part.after == "rename":
            place.rename(file.name, f"{file.name}{LOADED}{stamp}")
        else:
            place.delete(file.name)
    except PlaceError as error:
        msg = f"{error} The file was loaded; move it away by hand."
        raise PlaceError(msg) from error


def put_aside(part: RosterPart, place: RosterFolder, old: list[FoundFile], stamp: str) -> None:
    """Rename files that are superseded, unless the job keeps files.

    They are not deleted, as nobody has loaded them. Raises PlaceError where one is not possible.
    """
    if part.after == "keep":
        return
    for file in old:
        place.rename(file.name, f"{file.name}{SUPERSEDED}{stamp}")


def in_words(time: timedelta) -> str:
    """Return a time in its largest whole unit: `26 hours`."""
    seconds = int(time.total_seconds())
    for unit, length in (("day", 86_400), ("hour", 3600), ("minute", 60)):
        if seconds >= length and not seconds % length:
            count = seconds // length
            return f"{count} {unit}{'' if count == 1 else 's'}"
    return f"{seconds} seconds"
