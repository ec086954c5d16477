"""The places where files are picked up and delivered; a folder of this computer is one."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from importer.errors import PlaceError
from importer.files import flush, is_full, replace

DELIVERED = 0o640
"""Mode of a file that is delivered into a folder: its group may read it."""

LOADED = ".done-"
SUPERSEDED = ".superseded-"
SKIPPED = ".skipped-"
"""In the names of files that are over; such a file is never picked up again."""

OPEN_IN_EXCEL = "~$"
"""How the name of the file begins that Excel keeps beside an open workbook."""


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file in a place: its size in bytes, and when it was changed, in seconds since 1970."""

    name: str
    size: int
    modified: float

    @property
    def changed(self) -> datetime:
        """When it was changed; a time that no calendar has is in the far future."""
        try:
            return datetime.fromtimestamp(self.modified).astimezone()
        except (OverflowError, OSError, ValueError):
            return datetime(9999, 12, 31, tzinfo=UTC)

    def __str__(self) -> str:
        """For messages: its name and time."""
        return f"{self.name} ({self.changed:%Y-%m-%d %H:%M})"


@dataclass(frozen=True, slots=True)
class LocalFolder:
    """A folder of this computer, or a network share that it has mounted.

    Every method raises PlaceError if the folder cannot be reached or refuses it.
    """

    folder: Path

    def __str__(self) -> str:
        """For messages: its path."""
        return str(self.folder)

    def files(self) -> list[FoundFile]:
        """Return the ordinary files of the folder."""
        files = []
        with self._trouble(f"The folder {self} cannot be read"):
            for path in self.folder.iterdir():
                with suppress(FileNotFoundError):  # it was renamed meanwhile
                    if path.is_file():
                        at = path.stat()
                        files.append(FoundFile(path.name, at.st_size, at.st_mtime))
        return files

    def fetch(self, name: str, target: Path) -> None:
        """Copy a file to this computer."""
        with self._trouble(f"{name} in {self} cannot be read"):
            shutil.copyfile(self.folder / name, target)

    def put(self, source: Path, name: str) -> None:
        """Copy a file into the folder. Its name always leads to the whole file or to none."""
        part = self.folder / f".{name}.part"
        with self._trouble(f"{name} in {self} cannot be written"):
            shutil.copyfile(source, part)
            flush(part, DELIVERED)
            replace(part, self.folder / name)

    def rename(self, name: str, new: str) -> None:
        """Give a file another name, in place of an earlier file of that name."""
        with self._trouble(f"{name} in {self} cannot be renamed"):
            replace(self.folder / name, self.folder / new)

    def delete(self, name: str) -> None:
        """Delete a file."""
        with self._trouble(f"{name} in {self} cannot be deleted"):
            (self.folder / name).unlink()

    @contextmanager
    def _trouble(self, what: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            why = error.strerror or os.strerror(error.errno or 0)
            msg = f"{what} ({why}). {advice_for(error)}"
            raise PlaceError(msg) from error


def advice_for(error: Exception) -> str:
    """Return what a person does about a file or folder that cannot be used."""
    return "Free some space there." if is_full(error) else "Check its name and permissions."
