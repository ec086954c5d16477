"""Records as JSON Lines: one request body per line, as `apply` would send it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from importer.errors import UsageError
from importer.model.files import exists, flush, shown, temporary_beside
from importer.model.user import User


def write_json_lines(users: Iterable[User], out: Path) -> int:
    """Write the records, one per line, and return how many there are.

    Raises UsageError if the file cannot be written or exists already.
    """
    count = 0
    with new_file(out) as file:
        for user in users:
            file.write(user.to_json().encode() + b"\n")
            count += 1
    return count


@contextmanager
def new_file(out: Path) -> Iterator[IO[bytes]]:
    """Yield a new private file that gets its name only if the block ends well.

    Raises UsageError if a file of that name exists, or none can be written.
    """
    if exists(out):
        msg = f"{shown(out)} exists already. Name another file, or remove it."
        raise UsageError(msg)
    try:
        with temporary_beside(out) as temporary:
            with temporary.open("wb") as file:
                yield file
            flush(temporary)
            temporary.replace(out)
    except OSError as error:
        msg = f"{shown(out)} cannot be written: {error.strerror}."
        raise UsageError(msg) from error
