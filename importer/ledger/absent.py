"""Who was missing from rosters, and what was changed for that; kept beside the runs.

A roster counts once, however often it is planned. Who is in a roster again counts from the start.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from importer.errors import LedgerError
from importer.ledger.schema import private_file
from importer.model.user import User

ABSENT = Path("runs", "absent.sqlite")

_TABLES = """
CREATE TABLE IF NOT EXISTS missing (
  institution TEXT NOT NULL, mapping TEXT NOT NULL, primary_id TEXT NOT NULL, roster TEXT NOT NULL,
  time TEXT NOT NULL, PRIMARY KEY (institution, mapping, primary_id, roster)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS leavers (
  institution TEXT NOT NULL, primary_id TEXT NOT NULL, before TEXT NOT NULL, sent TEXT NOT NULL,
  answered TEXT NOT NULL, back TEXT NOT NULL, time TEXT NOT NULL,
  PRIMARY KEY (institution, primary_id)
) STRICT, WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Leaver:
    """What was changed of a user who left: those fields and lists before, as sent, as answered."""

    before: User
    sent: User
    answered: User


class AbsentMemory:
    """The missing people of one institution, by primary ID without case.

    Every method raises LedgerError if the file is damaged or cannot be written.
    """

    def __init__(self, path: Path, institution: str) -> None:
        """Use this file; it need not be there."""
        self.path, self.institution = path, institution

    def counts(self, mapping: str) -> Mapping[str, int]:
        """Return from how many rosters of a mapping in a row people were missing."""
        query = (
            "SELECT primary_id, count(*) FROM missing WHERE institution = ? AND mapping = ?"
            " GROUP BY primary_id"
        )
        return {str(key): int(str(count)) for key, count in self._read(query, mapping)}

    def see(
        self,
        mapping: str,
        roster: str,
        present: Collection[str],
        missing: Iterable[str],
        time: datetime,
    ) -> None:
        """Save who is in a roster, named by its hash, and who is missing from it."""
        with self.opened() as connection:
            connection.executemany(
                "DELETE FROM missing WHERE institution = ? AND mapping = ? AND primary_id = ?",
                ((self.institution, mapping, key) for key in present),
            )
            connection.executemany(
                "INSERT OR IGNORE INTO missing VALUES (?, ?, ?, ?, ?)",
                ((self.institution, mapping, key, roster, time.isoformat()) for key in missing),
            )

    def leavers(self) -> Mapping[str, Leaver]:
        """Return the users who were changed because they were missing, and are not back yet."""
        query = (
            "SELECT primary_id, before, sent, answered FROM leavers"
            " WHERE institution = ? AND back = ''"
        )
        return {
            str(key): Leaver(*(User.from_json(str(record)) for record in records))
            for key, *records in self._read(query)
        }

    def save_leavers(
        self, gone: Mapping[str, Leaver], back: Collection[str], run: str, time: datetime
    ) -> None:
        """Save who left, and of those who are back by which run."""
        if not gone and not back:
            return
        with self.opened() as connection:
            connection.executemany(
                "INSERT OR REPLACE INTO leavers VALUES (?, ?, ?, ?, ?, '', ?)",
                (
                    (
                        self.institution,
                        key.casefold(),
                        leaver.before.to_json(),
                        leaver.sent.to_json(),
                        leaver.answered.to_json(),
                        time.isoformat(),
                    )
                    for key, leaver in gone.items()
                ),
            )
            connection.executemany(
                "UPDATE leavers SET back = ?"
                " WHERE institution = ? AND primary_id = ? AND back = ''",
                ((run, self.institution, key.casefold()) for key in back),
            )

    def take_back(self, run: str, primary_ids: Collection[str]) -> set[str]:
        """Count people who were back by a run, which is undone, among the leavers again.

        Return those of these people, by primary ID without case.
        """
        query = "SELECT primary_id FROM leavers WHERE institution = ? AND back = ?"
        were_back = {str(key) for (key,) in self._read(query, run)}
        again = were_back.intersection(map(str.casefold, primary_ids))
        if again:
            with self.opened() as connection:
                connection.executemany(
                    "UPDATE leavers SET back = '' WHERE institution = ? AND primary_id = ?",
                    ((self.institution, key) for key in again),
                )
        return again

    def _read(self, query: str, *values: str) -> list[tuple[object, ...]]:
        if not self.path.is_file():
            return []
        with self.opened() as connection:
            return connection.execute(query, (self.institution, *values)).fetchall()

    @contextmanager
    def opened(self) -> Iterator[sqlite3.Connection]:
        """Open the file for one transaction. Raises LedgerError."""
        try:
            with private_file(self.path, _TABLES) as connection:
                yield connection
        except (OSError, sqlite3.Error) as error:
            msg = (
                f"The file of people who left, {self.path}, cannot be read or written. Check the "
                "folder and the disk. If the file is damaged, delete it: who is missing is then "
                "counted from the start, and who comes back is changed only by the roster."
            )
            raise LedgerError(msg) from error


def forget_absent(path: Path, limit: datetime) -> None:
    """Delete what was saved of missing people before a time. Raises LedgerError."""
    if path.is_file():
        with AbsentMemory(path, "").opened() as connection:
            for table in ("missing", "leavers"):
                connection.execute(
                    f"DELETE FROM {table} WHERE time < ?",  # noqa: S608
                    (limit.isoformat(),),
                )
