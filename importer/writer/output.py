"""A file that is there whole, or not at all."""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

from importer.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def whole_file(out: Path) -> Iterator[IO[bytes]]:
    """A new file (0600) that takes its name only when the block ends well.

    Raises UsageError where a file of that name is there, or none can be written.
    """
    if out.exists():
        msg = f"{out} is there already. Name another file, or remove it."
        raise UsageError(msg)
    try:
        handle, name = tempfile.mkstemp(prefix=f".{out.name}.", dir=out.parent)
    except OSError as error:
        msg = f"{out} cannot be written: {error.strerror}."
        raise UsageError(msg) from error
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(out)
    finally:
        Path(name).unlink(missing_ok=True)
