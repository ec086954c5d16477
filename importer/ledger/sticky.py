"""What Alma had in sticky fields at the last load, kept beside the runs.

If the roster still has the same value and Alma has another one, someone edited it there. Without
this memory every load would send the roster's value again, and undo the edit unless Alma keeps it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from importer.errors import LedgerError
from importer.ledger.schema import private_file
from importer.model.plan import Remembered

STICKY = Path("runs", "sticky.sqlite")

_TABLE = """
CREATE TABLE IF NOT EXISTS sticky (
  institution TEXT NOT NULL, primary_id TEXT NOT NULL, field TEXT NOT NULL,
  wanted TEXT NOT NULL, alma TEXT NOT NULL, reported TEXT, time TEXT NOT NULL,
  PRIMARY KEY (institution, primary_id, field)
) STRICT, WITHOUT ROWID
"""


class StickyMemory:
    """The sticky fields of one institution's users, by primary ID without case."""

    def __init__(self, path: Path, institution: str) -> None:
        """Use this file; it need not be there."""
        self.path, self.institution = path, institution
        self._reading: sqlite3.Connection | None = None

    def of(self, primary_id: str) -> Mapping[str, Remembered]:
        """Return what is remembered of a user, by field. Raises LedgerError if it is damaged."""
        if self._reading is None:
            if not self.path.is_file():
                return {}
            self._reading = sqlite3.connect(self.path)
        try:
            rows = self._reading.execute(
                "SELECT field, wanted, alma, reported FROM sticky"
                " WHERE institution = ? AND primary_id = ?",
                (self.institution, primary_id.casefold()),
            )
            return {field: Remembered(*values) for field, *values in rows}
        except sqlite3.Error as error:
            msg = f"{self.path} is damaged. Delete it, then run the same command again."
            raise LedgerError(msg) from error

    def remember(
        self, found: Iterable[tuple[str, Mapping[str, Remembered]]], time: datetime
    ) -> None:
        """Save fields by primary ID. If the file cannot be written, nothing is remembered."""
        rows = [
            (self.institution, primary_id.casefold(), field, one.wanted, one.alma, one.reported)
            for primary_id, fields in found
            for field, one in fields.items()
        ]
        if rows:
            with suppress(OSError, sqlite3.Error), private_file(self.path, _TABLE) as connection:
                query = "INSERT OR REPLACE INTO sticky VALUES (?, ?, ?, ?, ?, ?, ?)"
                connection.executemany(query, ((*row, time.isoformat()) for row in rows))

    def close(self) -> None:
        """Close the file."""
        if self._reading is not None:
            self._reading.close()


def forget_older(path: Path, limit: datetime) -> None:
    """Delete what was last seen before a time. Raises LedgerError if it cannot be deleted."""
    if not path.is_file():
        return
    try:
        with private_file(path, _TABLE) as connection:
            connection.execute("DELETE FROM sticky WHERE time < ?", (limit.isoformat(),))
    except (OSError, sqlite3.Error) as error:
        msg = f"{path} cannot be changed. Check the folder and the disk, or delete the file."
        raise LedgerError(msg) from error
