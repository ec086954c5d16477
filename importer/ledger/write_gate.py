"""Whether the next write may leave: the run that it is recorded in is still the one on the disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

from importer.errors import LedgerError, UsageError
from importer.ledger.integrity import MARK
from importer.ledger.run_lock import LOCK
from importer.ledger.states import FILE, file_identity

if TYPE_CHECKING:
    from importer.ledger.journal import Journal


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
            found = file_identity(path)
            if found is None and path.name == FILE:
                raise _gone(self._journal)
            if found != opened:
                msg = (
                    f"{path} was {'deleted' if found is None else 'replaced'} while this command "
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


def _gone(journal: Journal) -> UsageError:
    return UsageError(
        f"The run's folder {journal.ledger.folder} was moved, renamed or deleted while this "
        "command was using it. Nothing more was sent. If the folder has a new name, apply that. "
        "If it was deleted, restore it from a backup and apply it again, or plan again from the "
        "roster: users who are in Alma already are found there."
    )
