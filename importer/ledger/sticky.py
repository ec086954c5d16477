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
from importer.ledger.memory import Memory
from importer.model.plan import Remembered

STICKY = Path("runs", "sticky.sqlite")


class StickyMemory(Memory):
    """The sticky fields of one institution's users, by primary ID without case."""

    tables = """
CREATE TABLE IF NOT EXISTS sticky (
  institution TEXT NOT NULL, primary_id TEXT NOT NULL, field TEXT NOT NULL,
  wanted TEXT NOT NULL, alma TEXT NOT NULL, reported TEXT, time TEXT NOT NULL,
  PRIMARY KEY (institution, primary_id, field)
) STRICT, WITHOUT ROWID
"""
    times = (("sticky", "time"),)
    damage = ("protected fields", "edits that staff made before are then not known.")

    _reading: sqlite3.Connection | None = None

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
            raise self.damaged from error

    def remember(
        self, found: Iterable[tuple[str, Mapping[str, Remembered]]], time: datetime
    ) -> None:
        """Save fields by primary ID. If the file cannot be written, nothing is remembered."""
        rows: list[tuple[str | None, ...]] = [
            (primary_id.casefold(), field, one.wanted, one.alma, one.reported, time.isoformat())
            for primary_id, fields in found
            for field, one in fields.items()
        ]
        with suppress(LedgerError):
            self.write(("INSERT OR REPLACE INTO sticky VALUES (?, ?, ?, ?, ?, ?, ?)", rows))

    def close(self) -> None:
        """Close the file."""
        if self._reading is not None:
            self._reading.close()
