"""The lock of a run's folder: one command at a time changes a run, on this computer.

The system releases the lock even when the process is killed. On a network share it may have no
effect: `write_gate` notices another writer there.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from filelock import FileLock, Timeout

from importer.errors import LedgerError
from importer.ledger.integrity import check_history, check_whole
from importer.ledger.ledger import Ledger
from importer.ledger.states import file_identity

LOCK, HOLDER = "ledger.lock", "held-by.json"

_PROBING = 0.5
"""Seconds to wait for the lock: the local page takes it for a moment to see whether it is free."""


@contextmanager
def open_alone(folder: Path, operator: str, now: datetime) -> Iterator[Ledger]:
    """Open the ledger of a run that no other command may use during the block, if it is whole.

    Raises UsageError where there is no run or it is damaged, LedgerError where it is in use.
    """
    with Ledger.open(folder) as ledger, run_lock(folder, operator, now):
        ledger.files[folder / LOCK] = file_identity(folder / LOCK)
        check_whole(ledger)
        check_history(ledger)
        yield ledger


@contextmanager
def run_lock(folder: Path, operator: str, now: datetime) -> Iterator[None]:
    """Lock a run's folder; the system releases the lock even when this process is killed.

    Raises LedgerError with the operator who has it locked, or if the folder cannot be written.
    """
    lock, held_by = FileLock(folder / LOCK, timeout=_PROBING), folder / HOLDER
    try:
        lock.acquire()
        since = now.isoformat()
        held_by.write_text(json.dumps({"operator": operator, "since": since}), "utf-8")
    except Timeout as error:
        msg = f"{holder(folder)} is using this run. Wait until that command has finished."
        raise LedgerError(msg) from error
    except OSError as error:
        lock.release()
        msg = (
            f"The run's folder {folder} cannot be written ({error.strerror or 'unknown reason'})."
            " Nothing was sent. Free some space on the disk or check the folder, then run the same "
            "command again."
        )
        raise LedgerError(msg) from error
    try:
        yield
    finally:
        # Removed while the lock is still ours, or the next operator's name would be removed.
        with suppress(OSError):  # only the lock counts; the next operator overwrites the name
            held_by.unlink(missing_ok=True)
        lock.release()


def holder(folder: Path) -> str:
    """Return who has a run locked, and since when: `ana@desk (since 2026-11-26 14:05)`."""
    operator, since = _held_by(folder)
    return f"{operator} (since {since:%Y-%m-%d %H:%M})" if since else "Another operator"


def held_since(folder: Path) -> str:
    """Return the moment since which a run is locked, which names the command; "" if unknown."""
    _, since = _held_by(folder)
    return since.isoformat() if since else ""


def _held_by(folder: Path) -> tuple[str, datetime | None]:
    try:
        held_by = json.loads((folder / HOLDER).read_text("utf-8"))
        return str(held_by["operator"]), datetime.fromisoformat(held_by["since"])
    except (OSError, ValueError, KeyError, TypeError):
        return "", None
