"""Who may write to a run: the lock of its folder, and the check before each write to Alma.

The lock lets one command at a time change a run, on this computer. The system releases it even when
the process is killed. On a network share it may have no effect: `WriteGate` notices another writer
there, and a ledger that is not the one on the disk any more.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from filelock import FileLock, Timeout

from importer.errors import LedgerError, UsageError
from importer.ledger.database import file_identity
from importer.ledger.integrity import MARK, check_whole, first_broken
from importer.ledger.journal import Journal
from importer.ledger.ledger import FILE, Ledger
from importer.model.text import moment

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
        if first_broken(ledger) is not None:
            raise ledger.damaged
        yield ledger


@contextmanager
def run_lock(folder: Path, operator: str, now: datetime) -> Iterator[None]:
    """Lock a run's folder; the system releases the lock even when this process is killed.

    Raises LedgerError with the operator who has it locked, or if the folder cannot be written.
    """
    lock, held_by = FileLock(folder / LOCK, timeout=_PROBING), folder / HOLDER
    try:
        lock.acquire()
        with suppress(OSError):  # on a full disk, which a purge is to free
            since = now.isoformat()
            held_by.write_text(json.dumps({"operator": operator, "since": since}), "utf-8")
    except Timeout as error:
        who = holder(folder) or "Another operator"
        msg = f"{who} is using this run. Wait until that command has finished."
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


@dataclass(frozen=True, slots=True)
class LockHolder:
    """Who has a run locked, and since when."""

    operator: str
    since: datetime

    def __str__(self) -> str:
        """Return `ana@desk (since Nov 26, 2:05 PM)`."""
        return f"{self.operator} (since {moment(self.since)})"


def held_since(folder: Path) -> str:
    """Return the moment since which a run is locked, which names the command; "" if unknown."""
    held = holder(folder)
    return held.since.isoformat() if held else ""


def holder(folder: Path) -> LockHolder | None:
    """Return who has a run locked, None where that is not known."""
    try:
        held = json.loads((folder / HOLDER).read_text("utf-8"))
        return LockHolder(str(held["operator"]), datetime.fromisoformat(held["since"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


class WriteGate:
    """The checks before each write of one apply; make it when the run is open and locked.

    They take a tenth of a millisecond. Called, it raises UsageError where the ledger is not
    there any more, and LedgerError where the same command can continue.
    """

    def __init__(self, journal: Journal) -> None:
        """Watch the files of the journal's ledger and of its lock, and who else writes."""
        self._journal = journal
        self._ledger = journal.ledger
        self._version = self._ledger.version_seen()
        if self._ledger.folder / LOCK not in self._ledger.files:
            msg = "a run is applied without its lock"
            raise AssertionError(msg)

    def __call__(self) -> None:
        """Check the files, the mark and the history. Raises UsageError, LedgerError."""
        folder = self._ledger.folder
        for path, opened in self._ledger.files.items():
            identity = file_identity(path)
            if identity is None and path.name == FILE:
                msg = (
                    f"The run's folder {folder} was moved, renamed or deleted while this command "
                    "was using it. Nothing more was sent. If the folder has a new name, apply "
                    "that. If it was deleted, restore it from a backup and apply it again, or plan "
                    "again from the roster: users who are in Alma already are found there."
                )
                raise UsageError(msg)
            if identity != opened:
                became = "deleted" if identity is None else "replaced"
                msg = (
                    f"{path} was {became} while this command "
                    "was using it. Nothing more was sent. Leave the run's folder alone until the "
                    "command has ended."
                )
                raise LedgerError(msg)
        if self._ledger.version_seen() != self._version:
            msg = (
                f"Another program wrote to the run in {folder} at the same time, so nothing more "
                "was sent. Make sure that nobody else applies this run; on a network share the "
                "lock may not work."
            )
            raise LedgerError(msg)
        if self._journal.mark_went_back():
            msg = (
                f"{folder / MARK} was replaced by an older copy while this command was using it. "
                "Nothing more was sent. The next apply first looks up in Alma what was sent."
            )
            raise LedgerError(msg)
