"""The lock of a run's folder: one writer at a time, and who it is."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from importer.errors import LedgerError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

LOCK, HOLDER = "ledger.lock", "held-by.json"


@contextmanager
def run_lock(folder: Path, operator: str, now: datetime) -> Iterator[None]:
    """Lock a run's folder; the system releases the lock even when this process is killed.

    Raises LedgerError with the operator who has it locked, or if the folder cannot be written.
    """
    lock = FileLock(folder / LOCK, timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        msg = f"{_who(folder)} is using this run. Wait until that command has finished."
        raise LedgerError(msg) from error
    except OSError as error:
        raise _unwritable(folder, error) from error
    try:
        _sign(folder, operator, now)
        yield
    finally:
        # Removed while the lock is still ours, or the next operator's name would be removed.
        _unsign(folder)
        lock.release()


def _sign(folder: Path, operator: str, now: datetime) -> None:
    text = json.dumps({"operator": operator, "since": now.isoformat(timespec="seconds")})
    try:
        (folder / HOLDER).write_text(text, "utf-8")
    except OSError as error:
        raise _unwritable(folder, error) from error


def _unsign(folder: Path) -> None:
    try:
        (folder / HOLDER).unlink(missing_ok=True)
    except OSError:
        return  # only the lock counts; the next operator overwrites the name


def _who(folder: Path) -> str:
    try:
        held_by = json.loads((folder / HOLDER).read_text("utf-8"))
        return f"{held_by['operator']} (since {held_by['since']})"
    except (OSError, ValueError, KeyError, TypeError):
        return "Another operator"


def _unwritable(folder: Path, error: OSError) -> LedgerError:
    msg = (
        f"The run's folder {folder} cannot be written ({error.strerror or 'unknown reason'})."
        " Nothing was sent. Free some space on the disk or check the folder, then run the same "
        "command again."
    )
    return LedgerError(msg)
