"""Files that are kept beside the runs, with what earlier runs leave for later plans."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar

from importer.errors import LedgerError


class Memory:
    """What one institution's earlier runs left in a file; the file need not be there.

    `tables` is the SQL that makes its tables, and `times` the SQL of an entry's time by table.
    `damage`: what a damaged file contains, and what is lost with it. Every method raises
    LedgerError if the file is damaged or cannot be written.
    """

    tables: ClassVar[str]
    times: ClassVar[tuple[tuple[str, str], ...]]
    damage: ClassVar[tuple[str, str]]

    def __init__(self, path: Path, institution: str = "") -> None:
        """Use this file; the institution does not matter to `count` and `forget`."""
        self.path, self.institution = path, institution

    @contextmanager
    def opened(self) -> Iterator[sqlite3.Connection]:
        """Open the file for one transaction.

        It is made, for its owner only, if it is not there. What is deleted leaves no trace.
        """
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.path.touch(mode=0o600)
            with closing(sqlite3.connect(self.path)) as connection, connection:
                connection.execute("PRAGMA secure_delete = ON")
                connection.executescript(self.tables)
                yield connection
        except (OSError, sqlite3.Error) as error:
            raise self.damaged from error

    @property
    def damaged(self) -> LedgerError:
        """The error for a file that cannot be used."""
        contents, loss = self.damage
        return LedgerError(
            f"The file of {contents}, {self.path}, cannot be read or written. Check the folder and "
            f"the disk. If the file is damaged, delete it: {loss}"
        )

    def read(self, query: str, *values: str) -> list[tuple[Any, ...]]:
        """Return the rows of a query whose first value is the institution; none without a file."""
        if not self.path.is_file():
            return []
        with self.opened() as connection:
            return connection.execute(query, (self.institution, *values)).fetchall()

    def write(self, *changes: tuple[str, list[tuple[str | None, ...]]]) -> None:
        """Execute queries, each for rows of values before which the institution comes.

        All or nothing is written.
        """
        if any(rows for _, rows in changes):
            with self.opened() as connection:
                for query, rows in changes:
                    connection.executemany(query, ((self.institution, *row) for row in rows))

    def count(self, limit: datetime) -> int:
        """Count the entries of all institutions before a time."""
        return sum(self._each_table("SELECT count(*)", limit))

    def forget(self, limit: datetime) -> None:
        """Delete the entries of all institutions before a time."""
        self._each_table("DELETE", limit)

    def _each_table(self, verb: str, limit: datetime) -> list[int]:
        if not self.path.is_file():
            return []
        with self.opened() as connection:
            return [
                value
                for table, time in self.times
                for (value,) in connection.execute(
                    f"{verb} FROM {table} WHERE julianday({time}) < julianday(?)",
                    (limit.isoformat(),),
                )
            ]
