"""Putting a file in place: whole or not at all, private, and never over somebody's work."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from importer.errors import LedgerError

if TYPE_CHECKING:
    from datetime import datetime

Write = Callable[[Path], None]
"""What puts the content into the file of this path."""

SAME_TIME = 2
"""Some file systems keep times to two seconds only."""


def place(wanted: Path, write: Write, stamp: datetime | None = None) -> Path:
    """Write a file and put it under its name, or under a free one beside it; gives its path.

    Another name is taken where another program holds the file open. With a `stamp` the file's
    time is set to it, which tells `edited` whether anybody has changed it since; an edited file
    is not replaced either. Raises LedgerError where the folder cannot be written.
    """
    try:
        handle, name = tempfile.mkstemp(dir=wanted.parent, prefix=f".{wanted.name}.")
        os.close(handle)
        unfinished = Path(name)
        try:
            write(unfinished)
            _settle(unfinished, stamp)
            return _put(unfinished, wanted, stamp)
        finally:
            unfinished.unlink(missing_ok=True)
    except OSError as error:
        msg = (
            f"The report {wanted} cannot be written ({error.strerror or error}). The run itself is "
            "safe in its ledger. Make room on the disk or check the folder, then type: "
            f"importer report {wanted.parent}"
        )
        raise LedgerError(msg) from error


def _settle(path: Path, stamp: datetime | None) -> None:
    path.chmod(0o600)
    with path.open("rb+") as file:
        os.fsync(file.fileno())
    if stamp is not None:
        os.utime(path, (stamp.timestamp(), stamp.timestamp()))


def _put(unfinished: Path, wanted: Path, stamp: datetime | None) -> Path:
    for path in _names(wanted):
        if path.exists() and (_held_open(path) or (stamp is not None and edited(path, stamp))):
            continue
        try:
            unfinished.replace(path)
        except (PermissionError, IsADirectoryError):
            if not path.exists():
                raise
        else:
            return path
    raise AssertionError  # pragma: no cover  the names never end


def _names(wanted: Path) -> Iterator[Path]:
    yield wanted
    for number in count(2):
        yield wanted.with_stem(f"{wanted.stem}-{number}")


def generations(wanted: Path) -> tuple[Path, ...]:
    """The files that are there under this name, and beside it under a free one, in order."""
    name = re.compile(rf"{re.escape(wanted.stem)}(?:-(\d+))?{re.escape(wanted.suffix)}")
    found = (
        (int(hit[1] or 1), path)
        for path in wanted.parent.iterdir()
        if (hit := name.fullmatch(path.name)) and path.is_file()
    )
    return tuple(path for _, path in sorted(found))


def edited(path: Path, stamp: datetime) -> bool:
    """Was the file changed by somebody since it was placed with this stamp?"""
    return abs(path.stat().st_mtime - stamp.timestamp()) >= SAME_TIME


def remove(path: Path) -> None:
    """Remove a file that is no longer true, unless another program holds it open."""
    if not _held_open(path):
        try:
            path.unlink(missing_ok=True)
        except PermissionError:
            return


def _held_open(path: Path) -> bool:
    """LibreOffice and Excel leave a file of these names beside the one that they have open."""
    return any(path.with_name(name).exists() for name in (f".~lock.{path.name}#", f"~${path.name}"))
