"""Pick up a roster: the newest file that matches, once it is whole."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from importer.errors import PlaceError, RosterError
from importer.jobs.places import LOADED, FoundFile, Place, matching
from importer.jobs.schema import RosterPart
from importer.jobs.state import PickedFile
from importer.loader.detect import LARGEST

_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
"""How a workbook or another container starts: its own reader finds out whether it is whole."""


class MissingFileError(RosterError):
    """No file matches."""


def pick_up(
    part: RosterPart,
    place: Place,
    folder: Path,
    now: Callable[[], datetime],
    sleep: Callable[[float], None],
) -> PickedFile:
    """Copy the newest file that matches into `folder`, and return it.

    Raises RosterError where there is none, or it is empty, too old, or still being written.
    """
    where, pattern = part.source, part.source.pattern
    found = matching(place, pattern)
    if not found:
        msg = f"There is no file {pattern} in {where}. Ask the office that sends it."
        raise MissingFileError(msg)
    newest = found[-1]
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


def _check_unchanged(place: Place, file: FoundFile, where: str) -> None:
    """Raise RosterError where the file is not as it was a moment ago."""
    if file not in place.files():
        msg = (
            f"The file {file.name} in {where} is still being written. The next run of the job "
            "looks again."
        )
        raise RosterError(msg)


def put_away(part: RosterPart, place: Place, file: PickedFile, stamp: str) -> None:
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


def in_words(time: timedelta) -> str:
    """Return a time in its largest whole unit: `26 hours`."""
    seconds = int(time.total_seconds())
    for unit, length in (("day", 86_400), ("hour", 3600), ("minute", 60)):
        if seconds >= length and not seconds % length:
            count = seconds // length
            return f"{count} {unit}{'' if count == 1 else 's'}"
    return f"{seconds} seconds"
