"""An output file that is written whole or not at all."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

from importer.errors import UsageError
from importer.model.files import exists, flush, shown, temporary_beside

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def whole_file(out: Path) -> Iterator[IO[bytes]]:
    """Yield a new private file (0600) that gets its name only when the block ends well.

    Raises UsageError where a file of that name exists, or none can be written.
    """
    if exists(out):
        msg = f"{shown(out)} already exists. Name another file, or remove it."
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
