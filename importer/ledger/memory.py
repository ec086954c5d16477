"""What earlier runs leave for later plans, in files beside the runs.

- `DecisionMemory`: what people answered about rows that need review, so nobody is asked twice. An
  answer belongs to a person and an institution, not to a roster: the next roster with the same
  person finds it.
- `EditMemory` (in `edit_memory`): what loads wrote and what Alma answered, as hashes. If the roster
  still has the same value and Alma has another one, someone edited it there, and the edit stays.
- `AbsentMemory`: who was missing from rosters, and what was changed for that. A roster counts once,
  however often it is planned. Who is in a roster again counts from the start.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar

from pydantic import TypeAdapter, ValidationError

from importer.errors import LedgerError
from importer.model.decisions import DECISIONS, Answer
from importer.model.plan import Written
from importer.model.problem import Code
from importer.model.user import User


class Memory:
    """What one institution's earlier runs left in a file; the file need not be there.

    `tables` is the SQL that makes its tables, and `times` the SQL of an entry's time by table.
    `damage`: what a damaged file contains, and what is lost with it. Every method raises
    LedgerError if the file is damaged or cannot be written.
    """

    path: ClassVar[Path]
    tables: ClassVar[str]
    times: ClassVar[tuple[tuple[str, str], ...]]
    damage: ClassVar[tuple[str, str]]

    def __init__(self, institution: str = "") -> None:
        """Use the entries of this institution, by its key; `count` and `forget` need none."""
        self.institution = institution

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


@dataclass(frozen=True, slots=True)
class Resolution:
    """A person's answer about a primary identifier: create, reject, update or rename `user`.

    `against` are the people it was compared with, duplicates in the roster among them; all are
    casefolded primary identifiers. `doubts` are the codes of other problems that were resolved
    with it. `person`: a hash of the row's ID and person, "" in answers of earlier versions.
    """

    primary_id: str
    answer: Answer
    user: str
    against: frozenset[str]
    doubts: frozenset[Code]
    operator: str
    time: datetime
    person: str = ""

    @property
    def sentence(self) -> str:
        """For a message: who answered what, and when."""
        return f"decided by {self.operator} on {self.time:%Y-%m-%d}: {DECISIONS[self.answer]}"


_JSON = TypeAdapter(Resolution)


class DecisionMemory(Memory):
    """The resolutions of one institution, by primary identifier."""

    path = Path("runs", "decisions.sqlite")
    tables = """
CREATE TABLE IF NOT EXISTS answers (
  institution TEXT NOT NULL, primary_id TEXT NOT NULL, resolution TEXT NOT NULL,
  PRIMARY KEY (institution, primary_id)
) STRICT
"""
    times = (("answers", "json_extract(resolution, '$.time')"),)
    damage = ("resolutions", "you are then asked about these rows again.")

    def load(self) -> dict[str, Resolution]:
        """Return the resolutions by primary identifier; none if there is no file yet."""
        query = "SELECT primary_id, resolution FROM answers WHERE institution = ?"
        try:
            return {key: _JSON.validate_json(text) for key, text in self.read(query)}
        except ValidationError as error:
            raise self.damaged from error

    def save(self, resolution: Resolution) -> None:
        """Save a resolution in place of an earlier one."""
        text = _JSON.dump_json(resolution).decode()
        query = "INSERT OR REPLACE INTO answers VALUES (?, ?, ?)"
        self.write((query, [(resolution.primary_id, text)]))

    def delete(self, primary_id: str) -> None:
        """Delete a person's resolution."""
        if self.path.is_file():
            query = "DELETE FROM answers WHERE institution = ? AND primary_id = ?"
            self.write((query, [(primary_id.casefold(),)]))


class AbsentMemory(Memory):
    """The missing people of one institution, by primary ID without case."""

    path = Path("runs", "absent.sqlite")
    tables = """
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
    times = (("missing", "time"), ("leavers", "time"))
    damage = (
        "people who left",
        "who is missing is then counted from the start, and who comes back is changed only by the "
        "roster.",
    )

    def counts(self, mapping: str) -> Mapping[str, int]:
        """Return from how many rosters of a mapping in a row people were missing."""
        query = (
            "SELECT primary_id, count(*) FROM missing WHERE institution = ? AND mapping = ?"
            " GROUP BY primary_id"
        )
        return dict(self.read(query, mapping))

    def see(
        self,
        mapping: str,
        roster: str,
        present: Collection[str],
        missing: Iterable[str],
        time: datetime,
    ) -> None:
        """Save who is in a roster, named by its hash, and who is missing from it."""
        seen = "DELETE FROM missing WHERE institution = ? AND mapping = ? AND primary_id = ?"
        not_seen = "INSERT OR IGNORE INTO missing VALUES (?, ?, ?, ?, ?)"
        self.write(
            (seen, [(mapping, key) for key in present]),
            (not_seen, [(mapping, key, roster, time.isoformat()) for key in missing]),
        )

    def leavers(self) -> Mapping[str, Written]:
        """Return what was changed of users who were missing and are not back yet."""
        query = (
            "SELECT primary_id, before, sent, answered FROM leavers"
            " WHERE institution = ? AND back = ''"
        )
        return {
            key: Written(User.from_json(before), User.from_json(sent), User.from_json(answered))
            for key, before, sent, answered in self.read(query)
        }

    def save_leavers(
        self, gone: Mapping[str, Written], back: Collection[str], run: str, time: datetime
    ) -> None:
        """Save who left, and of those who are back by which run."""
        records = {
            key.casefold(): [
                user.to_json() for user in (one.before, one.sent, one.answered or one.sent)
            ]
            for key, one in gone.items()
        }
        left = "INSERT OR REPLACE INTO leavers VALUES (?, ?, ?, ?, ?, '', ?)"
        returned = (
            "UPDATE leavers SET back = ?2 WHERE institution = ?1 AND primary_id = ?3 AND back = ''"
        )
        self.write(
            (left, [(key, *texts, time.isoformat()) for key, texts in records.items()]),
            (returned, [(run, key.casefold()) for key in back]),
        )

    def take_back(self, run: str, primary_ids: Collection[str]) -> set[str]:
        """Count people who were back by a run, which is undone, among the leavers again.

        Return those of these people, by primary ID without case.
        """
        query = "SELECT primary_id FROM leavers WHERE institution = ? AND back = ?"
        were_back = {key for (key,) in self.read(query, run)}
        again = were_back.intersection(map(str.casefold, primary_ids))
        gone = "UPDATE leavers SET back = '' WHERE institution = ? AND primary_id = ?"
        self.write((gone, [(key,) for key in again]))
        return again
