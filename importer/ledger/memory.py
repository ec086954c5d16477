"""What earlier runs leave for later plans, in files beside the runs.

- `DecisionMemory`: what people answered about rows that need review, so nobody is asked twice. An
  answer belongs to a person and an institution, not to a roster: the next roster with the same
  person finds it.
- `EditMemory`: what loads wrote and what Alma answered, as hashes. If the roster still has the same
  value and Alma has another one, someone edited it there, and the edit stays.
- `AbsentMemory`: who was missing from rosters, and what was changed for that. A roster counts once,
  however often it is planned. Who is in a roster again counts from the start.
"""

from __future__ import annotations

import hashlib
import secrets
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

from pydantic import TypeAdapter, ValidationError

from importer.errors import LedgerError
from importer.model.catalogue import Code
from importer.model.decisions import DECISIONS, Answer
from importer.model.files import write_new
from importer.model.plan import Imprint, Imprints, UserMemory, Written
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


@dataclass(frozen=True, slots=True)
class Remembered:
    """What a run leaves of one user.

    `primary_id`: as it is now; `before`: as it was. `mapping`: the name of the roster's mapping.
    `values`: what was written. `new`: the run created the user, so nothing older counts.
    `forgets`: paths whose values of every roster are forgotten. `seen`: of a user who was not
    written, when; a later load counts more.
    """

    primary_id: str
    before: str
    mapping: str
    values: Imprints
    new: bool = False
    forgets: frozenset[str] = frozenset()
    seen: datetime | None = None


IMPRINTS: TypeAdapter[dict[str, Imprint]] = TypeAdapter(dict[str, Imprint])


class EditMemory(Memory):
    """The values that loads left of one institution's users, by primary ID without case.

    Hashes are made with a key that is kept elsewhere; what was made with another key is not read.
    `before` has what was remembered of each user of a run before it, which undo puts back.
    """

    path = Path("runs", "edits.sqlite")
    key_path = Path("users", "edits.key")
    tables = """
CREATE TABLE IF NOT EXISTS edits (
  institution TEXT NOT NULL, primary_id TEXT NOT NULL, mapping TEXT NOT NULL,
  imprints TEXT NOT NULL, time TEXT NOT NULL, key TEXT NOT NULL,
  PRIMARY KEY (institution, primary_id, mapping)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS before (
  institution TEXT NOT NULL, run TEXT NOT NULL, primary_id TEXT NOT NULL, mapping TEXT NOT NULL,
  imprints TEXT NOT NULL, imprinted TEXT NOT NULL, key TEXT NOT NULL, time TEXT NOT NULL,
  PRIMARY KEY (institution, run, primary_id, mapping)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS runs (
  institution TEXT NOT NULL, run TEXT NOT NULL, entry INTEGER NOT NULL,
  PRIMARY KEY (institution, run)
) STRICT, WITHOUT ROWID;
"""
    times = (("before", "time"),)
    damage = ("values that were loaded", "edits that staff made before are then not known.")

    def __init__(self, institution: str = "") -> None:
        """Use the entries of this institution; make the key if there is none yet."""
        super().__init__(institution)
        self._reading: sqlite3.Connection | None = None

    @cached_property
    def key(self) -> bytes:
        """The secret of the hashes; it is made, for its owner only, if it is not there."""
        try:
            self.key_path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with suppress(FileExistsError):
                write_new(self.key_path, secrets.token_hex(32).encode())
            return bytes.fromhex(self.key_path.read_text("ascii"))
        except (OSError, ValueError) as error:
            raise self.damaged from error

    def of(self, mapping: str, primary_ids: Iterable[str]) -> UserMemory:
        """Return what is remembered of a user under the first of these IDs that is known."""
        if self._reading is None:
            if not self.path.is_file():
                return UserMemory(None, ())
            with self.opened():  # makes tables that are missing
                pass
            self._reading = sqlite3.connect(self.path)
        query = (
            "SELECT mapping, imprints FROM edits WHERE institution = ? AND primary_id = ?"
            " AND key = ? ORDER BY time DESC"
        )
        try:
            for primary_id in primary_ids:
                values = (self.institution, primary_id.casefold(), self._mark)
                rows = self._reading.execute(query, values).fetchall()
                found = {name: IMPRINTS.validate_json(text) for name, text in rows}
                if found:
                    own = found.pop(mapping, None)
                    return UserMemory(own, tuple(found.values()))
        except (sqlite3.Error, ValidationError) as error:
            raise self.damaged from error
        return UserMemory(None, ())

    @property
    def _mark(self) -> str:
        """What shows that hashes were made with the present key."""
        return hashlib.sha256(self.key).hexdigest()[:16]

    def entry(self, run: str) -> int | None:
        """Return the last entry of a run's history that is remembered; None for an unknown run."""
        rows = self.read("SELECT entry FROM runs WHERE institution = ? AND run = ?", run)
        return next((int(entry) for (entry,) in rows), None)

    def remember(self, run: str, entry: int, found: Iterable[Remembered], time: datetime) -> None:
        """Save what a run left of users, up to an entry of its history."""
        with self.opened() as connection:
            for one in found:
                self._remember(connection, run, one, time)
            connection.execute(
                "INSERT OR REPLACE INTO runs VALUES (?, ?, ?)", (self.institution, run, entry)
            )

    def _remember(
        self, connection: sqlite3.Connection, run: str, one: Remembered, time: datetime
    ) -> None:
        key, old = one.primary_id.casefold(), one.before.casefold()
        user = "institution = ? AND primary_id = ?"
        connection.execute(
            "INSERT OR IGNORE INTO before VALUES (?, ?, ?, '', '', '', '', ?)",
            (self.institution, run, key, time.isoformat()),
        )
        for known in {key, old}:
            connection.execute(
                "INSERT OR IGNORE INTO before SELECT institution, ?, ?, mapping, imprints, time,"  # noqa: S608
                f" key, ? FROM edits WHERE {user}",
                (run, key, time.isoformat(), self.institution, known),
            )
        if one.seen is not None:
            query = f"SELECT 1 FROM edits WHERE {user} AND julianday(time) > julianday(?)"  # noqa: S608
            values = (self.institution, key, one.seen.isoformat())
            if connection.execute(query, values).fetchone():
                return
        if one.new:
            connection.execute(f"DELETE FROM edits WHERE {user}", (self.institution, key))  # noqa: S608
        elif old != key:
            connection.execute(
                f"UPDATE OR REPLACE edits SET primary_id = ? WHERE {user}",  # noqa: S608
                (key, self.institution, old),
            )
        rows = connection.execute(
            f"SELECT mapping, imprints FROM edits WHERE {user} AND key = ?",  # noqa: S608
            (self.institution, key, self._mark),
        ).fetchall()
        known_values = {name: IMPRINTS.validate_json(text) for name, text in rows}
        if one.values:
            known_values[one.mapping] = {**known_values.get(one.mapping, {}), **one.values}
        for name, left in known_values.items():
            kept = {k: value for k, value in left.items() if value.where.path not in one.forgets}
            if name == one.mapping or len(kept) < len(left):
                text = IMPRINTS.dump_json(kept).decode()
                connection.execute(
                    "INSERT OR REPLACE INTO edits VALUES (?, ?, ?, ?, ?, ?)",
                    (self.institution, key, name, text, time.isoformat(), self._mark),
                )

    def put_back(
        self, run: str, entry: int, undone: str, now: Mapping[str, str], kept: Collection[str]
    ) -> None:
        """Remember of users what was remembered before a run, which was undone by `run`.

        All are primary IDs as the undone run left them, without case. `now`: those that are others
        now, "" if the user was deleted. `kept`: users who are still as that run left them.
        """
        with self.opened() as connection:
            users = connection.execute(
                "SELECT DISTINCT primary_id FROM before WHERE institution = ? AND run = ?",
                (self.institution, undone),
            ).fetchall()
            for (user,) in users:
                key = now.get(user, user)
                for known in {user, key} if user not in kept else ():
                    connection.execute(
                        "DELETE FROM edits WHERE institution = ? AND primary_id = ?",
                        (self.institution, known),
                    )
                if key and user not in kept:
                    connection.execute(
                        "INSERT INTO edits SELECT institution, ?, mapping, imprints, imprinted, key"
                        " FROM before WHERE institution = ? AND run = ? AND primary_id = ?"
                        " AND mapping <> ''",
                        (key, self.institution, undone, user),
                    )
            connection.execute(
                "INSERT OR REPLACE INTO runs VALUES (?, ?, ?)", (self.institution, run, entry)
            )

    def close(self) -> None:
        """Close the file."""
        if self._reading is not None:
            self._reading.close()


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
