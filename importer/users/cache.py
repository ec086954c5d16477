"""The user cache: a local copy of Alma's users, which finds them without a call.

It decides which user a row means, never what is overwritten: a record is read again before it is
changed.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Self

from filelock import FileLock, Timeout
from pydantic import BaseModel, ConfigDict, ValidationError

from importer.errors import UsageError
from importer.model.user import User
from importer.users.matching import MatchedUser, MatchKeys, MatchResult, match_keys

if TYPE_CHECKING:
    from pathlib import Path

    from importer.users.matching import PersonQuery

VERSION = 2

TABLES = """
CREATE TABLE state (only INTEGER PRIMARY KEY CHECK (only = 1), value TEXT NOT NULL) STRICT;
-- Values are casefolded, names folded. A blank record was never read, or is known to be out of
-- date. `seen` is in seconds since 1970; `sweep` is the number of the last sweep with the user.
CREATE TABLE users (
  number INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, primary_id TEXT NOT NULL,
  name TEXT NOT NULL, born TEXT NOT NULL, record TEXT NOT NULL, seen REAL NOT NULL,
  sweep INTEGER NOT NULL
) STRICT;
CREATE INDEX users_by_name ON users (name);
CREATE TABLE identifiers (
  value TEXT NOT NULL, user INTEGER NOT NULL REFERENCES users ON DELETE CASCADE,
  PRIMARY KEY (value, user)
) STRICT, WITHOUT ROWID;
CREATE INDEX identifiers_by_user ON identifiers (user);
CREATE TABLE emails (
  user INTEGER NOT NULL REFERENCES users ON DELETE CASCADE, address TEXT NOT NULL,
  PRIMARY KEY (user, address)
) STRICT, WITHOUT ROWID;
-- The finished pages of the sweep under way: the keys of their users, one a line, and how many of
-- their entries are not users.
CREATE TABLE pages (
  first INTEGER PRIMARY KEY, keys TEXT NOT NULL, others INTEGER NOT NULL
) STRICT;
"""


class CacheState(BaseModel):
    """Which Alma a cache is a copy of, and how complete it is.

    Every change in Alma before `as_of` is known; None until all users were read once. `swept` is
    when the last sweep (a reading of all users) began, and `sweeping` when the one under way did.
    `total` is the length of Alma's own list when last asked, `others` how many of its entries are
    contacts, not users.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    institution: str
    environment: str
    as_of: datetime | None = None
    swept: datetime | None = None
    sweeping: datetime | None = None
    sweep: int = 0
    total: int | None = None
    others: int = 0


@dataclass(frozen=True, slots=True)
class UnreadUsers:
    """Users that a row leads to, whose records must be read before more can be said."""

    primary_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class KnownUser:
    """A user as an export has it: its match keys only."""

    primary_id: str
    keys: MatchKeys


class UserCache:
    """The user cache of one institution. Every method raises UsageError if its file is damaged."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        """Use `open` or `make` instead."""
        self.path = path
        self._connection = connection

    @classmethod
    def open(cls, path: Path) -> UserCache:
        """Open an existing cache. Raises UsageError if there is none, or it cannot be used."""
        if not path.is_file():
            msg = "There is no user cache here. `importer users refresh` makes one."
            raise UsageError(msg)
        return cls(path, _connect(path))

    @classmethod
    def make(cls, path: Path, institution: str, environment: str) -> UserCache:
        """Open the cache of an institution; make it if there is none yet."""
        cache = cls(path, _connect(path))
        with cache.writing():
            state = CacheState(institution=institution, environment=environment)
            cache._connection.execute(
                "INSERT OR IGNORE INTO state VALUES (1, ?)", (state.model_dump_json(),)
            )
        return cache

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def __enter__(self) -> Self:
        """Close at the end of the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self.close()

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Write all or nothing; durable when the block ends."""
        with _guarded(self.path):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def read(self, query: str, values: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
        """Return the rows of a query."""
        with _guarded(self.path):
            return self._connection.execute(query, values).fetchall()

    # its state

    @property
    def state(self) -> CacheState:
        """Which Alma it is a copy of, and how complete it is."""
        rows = self.read("SELECT value FROM state")
        try:
            return CacheState.model_validate_json(str(rows[0][0]))
        except (IndexError, ValidationError):
            raise _damaged(self.path) from None

    def set_state(self, state: CacheState) -> None:
        """Store the state; inside `writing` if it belongs to other changes."""
        with _guarded(self.path):
            self._connection.execute("UPDATE state SET value = ?", (state.model_dump_json(),))

    @property
    def pages_done(self) -> int:
        """Return how many pages of the sweep under way are done."""
        return int(str(self.read("SELECT count(*) FROM pages")[0][0]))

    def count(self, condition: str = "1", values: tuple[object, ...] = ()) -> int:
        """Return the number of users; of those that meet an SQL condition of ours, if given."""
        rows = self.read(f"SELECT count(*) FROM users WHERE {condition}", values)  # noqa: S608
        return int(str(rows[0][0]))

    def stale(self) -> tuple[str, ...]:
        """Return the primary IDs of users whose record is missing or out of date."""
        query = "SELECT primary_id FROM users WHERE record = '' ORDER BY number"
        return tuple(str(primary_id) for (primary_id,) in self.read(query))

    def difference(self) -> int:
        """Return how many users it has beyond those that Alma had when last asked.

        Negative if users are missing; 0 if Alma's total is unknown.
        """
        state = self.state
        return 0 if state.total is None else self.count() - (state.total - state.others)

    # finding

    def find(self, query: PersonQuery) -> MatchResult | UnreadUsers:
        """Return who has these identifiers and, if nobody does, who may be the same person."""
        by: dict[int, list[str]] = {}
        for kind, value in query.identifiers:
            holders = "SELECT user FROM identifiers WHERE value = ?"
            for (number,) in self.read(holders, (value.casefold(),)):
                by.setdefault(int(str(number)), []).append(kind)
        if not by and query.by_name:
            alike = self._records(self._possible_matches(query.keys))
            if isinstance(alike, UnreadUsers):
                return alike
            return MatchResult(possible_matches=tuple(alike.values()))
        users = self._records(by)
        if isinstance(users, UnreadUsers):
            return users
        kinds = {number: tuple(dict.fromkeys(by[number])) for number in users}
        return MatchResult(
            tuple(MatchedUser(user, kinds[number]) for number, user in users.items())
        )

    def _possible_matches(self, keys: MatchKeys) -> list[int]:
        if not any(keys.name):
            return []
        marked = ", ".join("?" * len(keys.emails))
        query = (
            "SELECT number FROM users WHERE name = ? AND (born <> '' AND born = ?"  # noqa: S608
            f" OR EXISTS (SELECT 1 FROM emails WHERE user = number AND address IN ({marked})))"
        )
        values = (_name(keys), keys.birth_date, *sorted(keys.emails))
        return [int(str(number)) for (number,) in self.read(query, values)]

    def _records(self, numbers: Iterable[int]) -> dict[int, User] | UnreadUsers:
        """Return the users with these numbers, or those of them that must be read first."""
        users: dict[int, User] = {}
        unread: list[str] = []
        for number in numbers:
            query = "SELECT primary_id, record FROM users WHERE number = ?"
            for primary_id, record in self.read(query, (number,)):
                if record:
                    users[number] = self._user(str(record))
                else:
                    unread.append(str(primary_id))
        return UnreadUsers(tuple(unread)) if unread else users

    def _user(self, record: str) -> User:
        try:
            return User.from_json(record)
        except ValidationError:
            raise _damaged(self.path) from None

    # storing

    def put(self, users: Iterable[User], seen: datetime) -> None:
        """Store users as Alma showed them at a time; what is known from later stays."""
        with self.writing():
            self.put_within(users, seen)

    def put_within(self, users: Iterable[User], seen: datetime) -> None:
        """Store users inside `writing`, as `put` does."""
        sweep = self.state.sweep
        for user in users:
            if user.primary_id:
                self._put(
                    user.primary_id, match_keys(user), user.to_json(), seen.timestamp(), sweep
                )

    def add_known(self, users: Iterable[KnownUser], seen: datetime) -> int:
        """Store users of an export, unless their record is here; return how many are new."""
        before = self.count()
        with self.writing() as connection:
            for user in users:
                query = "SELECT record FROM users WHERE key = ?"
                row = connection.execute(query, (user.primary_id.casefold(),)).fetchone()
                if row is None or not row[0]:
                    self._put(user.primary_id, user.keys, "", seen.timestamp(), 0)
        return self.count() - before

    def remove(self, primary_id: str) -> None:
        """Remove a user that Alma no longer has."""
        with self.writing() as connection:
            connection.execute("DELETE FROM users WHERE key = ?", (primary_id.casefold(),))

    def _put(self, primary_id: str, keys: MatchKeys, record: str, seen: float, sweep: int) -> None:
        execute, key = self._connection.execute, primary_id.casefold()
        execute("UPDATE users SET sweep = max(sweep, ?) WHERE key = ?", (sweep, key))
        changed = execute(
            "INSERT INTO users (key, primary_id, name, born, record, seen, sweep)"
            " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (key) DO UPDATE SET"
            " primary_id = excluded.primary_id, name = excluded.name, born = excluded.born,"
            " record = excluded.record, seen = excluded.seen"
            " WHERE excluded.seen >= users.seen RETURNING number",
            (key, primary_id, _name(keys), keys.birth_date, record, seen, sweep),
        ).fetchall()
        for (number,) in changed:
            execute("DELETE FROM identifiers WHERE user = ?", (number,))
            execute("DELETE FROM emails WHERE user = ?", (number,))
            for value in keys.identifiers:
                self._take_away(value, seen)
                execute("INSERT INTO identifiers VALUES (?, ?)", (value, number))
            for address in keys.emails:
                execute("INSERT INTO emails VALUES (?, ?)", (number, address))

    def _take_away(self, value: str, seen: float) -> None:
        """Mark the record of the user who had the identifier before as out of date.

        This happens when a primary identifier is changed: the user is then known under both,
        until the old one is read again and not found.
        """
        holders = self._connection.execute(
            "SELECT user FROM identifiers JOIN users ON number = user"
            " WHERE value = ? AND seen <= ?",
            (value, seen),
        ).fetchall()
        for (number,) in holders:
            where = (value, number)
            self._connection.execute("DELETE FROM identifiers WHERE value = ? AND user = ?", where)
            self._connection.execute("UPDATE users SET record = '' WHERE number = ?", (number,))


def _name(keys: MatchKeys) -> str:
    """Return a name's key as one text; folded names contain no space."""
    return " ".join(keys.name)


# its file


def cache_path(folder: Path, institution: str, environment: str) -> Path:
    """Return the path of an institution's cache; production and sandbox are two."""
    name = re.sub(r"[^\w.-]", "_", f"{institution}-{environment}", flags=re.ASCII)
    return folder / f"{name}.sqlite"


def delete_cache(path: Path) -> None:
    """Delete a cache, whatever state it is in. Raises UsageError if it cannot be deleted."""
    with refresh_lock(path):
        try:
            for suffix in ("", "-wal", "-shm"):
                path.with_name(path.name + suffix).unlink(missing_ok=True)
        except OSError as error:
            msg = f"{path} cannot be deleted ({error.strerror}). Close the program that uses it."
            raise UsageError(msg) from error
    path.with_suffix(".lock").unlink(missing_ok=True)


@contextmanager
def refresh_lock(path: Path) -> Iterator[None]:
    """Keep other commands from refreshing this cache. Raises UsageError if one does."""
    try:
        with FileLock(path.with_suffix(".lock"), timeout=0):
            yield
    except Timeout as error:
        msg = (
            "Another command is refreshing the user cache. Wait until it has finished, or plan "
            "with --no-refresh."
        )
        raise UsageError(msg) from error


def _connect(path: Path) -> sqlite3.Connection:
    """Open the file; make it, for its owner only, if it is not there.

    Raises UsageError if it is damaged, of another version, or cannot be written.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch(mode=0o600)
    except OSError as error:
        msg = f"{path.parent} cannot be written ({error.strerror}). Check the folder's permissions."
        raise UsageError(msg) from error
    with _guarded(path):
        connection = sqlite3.connect(path, isolation_level=None, timeout=10)
        try:
            return _prepared(path, connection)
        except BaseException:
            connection.close()
            raise


def _prepared(path: Path, connection: sqlite3.Connection) -> sqlite3.Connection:
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    connection.execute("PRAGMA journal_mode = WAL")
    # What a power cut takes away is read again: only whole transactions matter.
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA foreign_keys = ON")
    if version == 0:
        connection.executescript(f"BEGIN; {TABLES} PRAGMA user_version = {VERSION}; COMMIT;")
    elif version != VERSION:
        msg = f"{path} was made by another version of the importer. {_REMEDY}"
        raise UsageError(msg)
    return connection


_REMEDY = "Run `importer users delete`, then `importer users refresh`."


@contextmanager
def _guarded(path: Path) -> Iterator[None]:
    """Turn errors of SQLite into UsageError with what to do."""
    try:
        yield
    except sqlite3.OperationalError as error:
        msg = f"The user cache {path} cannot be used now ({error}). Check the disk and try again."
        raise UsageError(msg) from error
    except sqlite3.DatabaseError as error:
        raise _damaged(path) from error


def _damaged(path: Path) -> UsageError:
    return UsageError(f"The user cache {path} is damaged. {_REMEDY}")
