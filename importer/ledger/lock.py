"""One writer of a run at a time, and who that is."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING

from importer.errors import LedgerError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

LOCK, HOLDER = "ledger.lock", "held-by.json"


@contextmanager
def held(folder: Path, operator: str, now: datetime) -> Iterator[None]:
    """Hold a run's folder; the system lets go of it even when this process is killed.

    Raises LedgerError naming the operator who holds it, or where the folder cannot be written.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(folder / LOCK, timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        msg = f"This run is being applied by {_who(folder)}. Wait until that has ended."
        raise LedgerError(msg) from error
    except OSError as error:
        raise _unwritable(folder, error) from error
    try:
        _sign(folder, operator, now)
        yield
    finally:
        # Removed while we still hold the lock, or the next holder's name would go.
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
        return  # only the lock counts; the name is overwritten by the next holder


def _who(folder: Path) -> str:
    try:
        held_by = json.loads((folder / HOLDER).read_text("utf-8"))
        return f"{held_by['operator']}, since {held_by['since']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "another operator"


def _unwritable(folder: Path, error: OSError) -> LedgerError:
    msg = (
        f"The run's folder {folder} cannot be written ({error.strerror or 'for a reason unknown'})."
        " Nothing was sent. Make room on the disk or check the folder, then run the same command "
        "again."
    )
    return LedgerError(msg)
