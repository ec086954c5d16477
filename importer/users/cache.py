"""The user cache: a local copy of Alma's users, which finds them without a call.

It decides which user a row means, never what is overwritten: a record is read again before it is
changed.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Any, Self

from filelock import FileLock, Timeout
from pydantic import BaseModel, ConfigDict, ValidationError

from importer.errors import UsageError
from importer.model.people import (
    BORN,
    COMMON,
    EMAIL,
    PHONE,
    Common,
    PersonKeys,
    are_namesakes,
    are_strangers,
    may_be_same,
)
from importer.model.user import User
from importer.users.answers import answers_path
from importer.users.matching import MatchedUser, MatchResult, PersonQuery, identifiers, user_keys

VERSION = 3


_SHARED = 3
"""What more users than this share is no evidence of who one of them is."""


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
    """What a user is found by. `identifiers` are the others than the primary ID."""

    primary_id: str
    keys: PersonKeys
    identifiers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NearUser:
    """A user who has an ID of a row (`holds`), or resembles its person.

    `record`: None if it is not needed or was never read; `keys` are known all the same.
    """

    primary_id: str
    keys: PersonKeys
    record: User | None
    holds: bool


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
        """Write all or nothing; durable when the outermost block ends."""
        if self._connection.in_transaction:
            yield self._connection
            return
        with _guarded(self.path), self._connection:  # commits, or rolls back
            self._connection.execute("BEGIN IMMEDIATE")
            yield self._connection

    def read(self, query: str, values: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
        """Return the rows of a query."""
        with _guarded(self.path):
            return self._connection.execute(query, values).fetchall()

    # its state

    @property
    def state(self) -> CacheState:
        """Which Alma it is a copy of, and how complete it is."""
        rows = self.read("SELECT value FROM state")
        try:
            return CacheState.model_validate_json(rows[0][0])
        except (IndexError, ValidationError):
            raise _damaged(self.path) from None

    def set_state(self, state: CacheState) -> None:
        """Store the state."""
        with self.writing() as connection:
            connection.execute("UPDATE state SET value = ?", (state.model_dump_json(),))

    @property
    def pages_done(self) -> int:
        """Return how many pages of the sweep under way are done."""
        ((pages,),) = self.read("SELECT count(*) FROM pages")
        return int(pages)

    def count(self, condition: str = "1", values: tuple[object, ...] = ()) -> int:
        """Return the number of users; of those that meet an SQL condition of ours, if given."""
        query = f"SELECT count(*) FROM users WHERE {condition}"  # noqa: S608
        ((users,),) = self.read(query, values)
        return int(users)

    def stale(self) -> tuple[str, ...]:
        """Return the primary IDs of users whose record is missing or out of date."""
        query = "SELECT primary_id FROM users WHERE record = '' ORDER BY number"
        return tuple(primary_id for (primary_id,) in self.read(query))

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
            for number in self._with_key(_id(value)):
                by.setdefault(number, []).append(kind)
        if not by and query.by_name:
            return self._possible_matches(query.person)
        users = self._records(by)
        if isinstance(users, UnreadUsers):
            return users
        kinds = {number: tuple(dict.fromkeys(by[number])) for number in users}
        return MatchResult(
            tuple(MatchedUser(user, kinds[number]) for number, user in users.items())
        )

    def near(self, query: PersonQuery) -> list[NearUser]:
        """Return everybody who may be the person of a row, for a closer look.

        Besides the users with an ID of the row these are those of whom a part of the name is
        similar, and who share the last name or anything else with the row: the ID may be mistyped.
        """
        person = query.person
        holders = {n for _, value in query.identifiers for n in self._with_key(_id(value))}
        people = self._compared(person) | self._known(holders)
        if not any(may_be_same(person, people[n].keys) for n in holders) and person.last:
            last = "SELECT number FROM users WHERE last IN (?, ?) ORDER BY number LIMIT ?"
            names = (person.last, person.first, COMMON)
            people |= self._known({n for (n,) in self.read(last, names)} - people.keys())
        found = []
        near = {
            number: other
            for number, other in people.items()
            if number in holders or not are_strangers(person, other.keys)
        }
        for number, other in near.items():
            user = None
            if len(near) > 1:  # or there is nobody to compare with
                ((record,),) = self.read("SELECT record FROM users WHERE number = ?", (number,))
                user = self._user(record) if record else None
            found.append(NearUser(other.primary_id, other.keys, user, number in holders))
        return found

    def common(self) -> Common:
        """Return what very many users have in common: birth dates, emails and phone numbers."""
        users = self.count()
        query = (
            "SELECT key, count(*) FROM keys WHERE key LIKE ? || ' %'"
            " GROUP BY key HAVING count(*) > ?"
        )
        most = max(_SHARED, users // 100)
        born = {key.partition(" ")[2] for key, _ in self.read(query, (BORN, most))}
        contacts = (self.read(query, (kind, _SHARED)) for kind in (EMAIL, PHONE))
        return Common(frozenset(born), frozenset(key for found in contacts for key, _ in found))

    def in_groups(self, groups: Collection[str]) -> Iterator[User]:
        """Yield the users whose record has one of these user groups, by their codes without case.

        Users whose record was never read are left out; `stale` names them.
        """
        marks = ", ".join("?" * len(groups))
        query = (
            "SELECT record FROM users WHERE record <> ''"  # noqa: S608
            f" AND lower(json_extract(record, '$.user_group.value')) IN ({marks}) ORDER BY key"
        )
        for (record,) in self.read(query, tuple(groups)):
            yield self._user(record)

    def _with_key(self, key: str, most: int = -1) -> list[int]:
        query = "SELECT user FROM keys WHERE key = ? ORDER BY user LIMIT ?"
        return [number for (number,) in self.read(query, (key, most))]

    def _possible_matches(self, person: PersonKeys) -> MatchResult | UnreadUsers:
        people = self._compared(person)
        alike = [number for number, other in people.items() if may_be_same(person, other.keys)]
        users = self._records(alike)
        if isinstance(users, UnreadUsers):
            return users
        namesakes = (
            other.primary_id
            for number, other in people.items()
            if number not in users and are_namesakes(person, other.keys)
        )
        return MatchResult((), tuple(users.values()), tuple(namesakes))

    def _compared(self, person: PersonKeys) -> dict[int, KnownUser]:
        """Return whom to compare a person with: who has the same name or shares a trait.

        Of a trait that very many have, such as a made-up birth date, only the name counts.
        """
        query = (
            "SELECT number FROM users WHERE last = ?1 AND first = ?2 OR last = ?2 AND first = ?1"
        )
        named = self.read(query, (person.last, person.first)) if any(person.name) else []
        numbers = {number for (number,) in named}
        for trait in person.traits:
            group = self._with_key(trait, COMMON + 1)
            numbers.update(group if len(group) <= COMMON else ())
        return self._known(sorted(numbers))

    def _known(self, numbers: Iterable[int]) -> dict[int, KnownUser]:
        """Return what the users with these numbers are compared by."""
        people: dict[int, KnownUser] = {}
        for number in numbers:
            query = "SELECT primary_id, first, last FROM users WHERE number = ?"
            ((primary_id, first, last),) = self.read(query, (number,))
            keys = self.read("SELECT key FROM keys WHERE user = ?", (number,))
            traits = frozenset(key for (key,) in keys if not key.startswith(_id("")))
            people[number] = KnownUser(primary_id, PersonKeys(first, last, traits))
        return people

    def _records(self, numbers: Iterable[int]) -> dict[int, User] | UnreadUsers:
        """Return the users with these numbers, or those of them that must be read first."""
        users: dict[int, User] = {}
        unread: list[str] = []
        for number in numbers:
            query = "SELECT primary_id, record FROM users WHERE number = ?"
            for primary_id, record in self.read(query, (number,)):
                if record:
                    users[number] = self._user(record)
                else:
                    unread.append(primary_id)
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
            sweep = self.state.sweep
            for user in users:
                if user.primary_id:
                    known = KnownUser(user.primary_id, user_keys(user), identifiers(user))
                    self._put(known, user.to_json(), seen.timestamp(), sweep)

    def add_known(self, users: Iterable[KnownUser], seen: datetime) -> int:
        """Store users of an export, unless their record is here; return how many are new."""
        before = self.count()
        with self.writing() as connection:
            for user in users:
                query = "SELECT record FROM users WHERE key = ?"
                row = connection.execute(query, (user.primary_id.casefold(),)).fetchone()
                if row is None or not row[0]:
                    self._put(user, "", seen.timestamp(), 0)
        return self.count() - before

    def remove(self, primary_id: str) -> None:
        """Remove a user that Alma no longer has."""
        with self.writing() as connection:
            connection.execute("DELETE FROM users WHERE key = ?", (primary_id.casefold(),))

    def _put(self, user: KnownUser, record: str, seen: float, sweep: int) -> None:
        execute, key = self._connection.execute, user.primary_id.casefold()
        execute("UPDATE users SET sweep = max(sweep, ?) WHERE key = ?", (sweep, key))
        changed = execute(
            "INSERT INTO users (key, primary_id, first, last, record, seen, sweep)"
            " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (key) DO UPDATE SET"
            " primary_id = excluded.primary_id, first = excluded.first, last = excluded.last,"
            " record = excluded.record, seen = excluded.seen"
            " WHERE excluded.seen >= users.seen RETURNING number",
            (key, user.primary_id, user.keys.first, user.keys.last, record, seen, sweep),
        ).fetchall()
        for (number,) in changed:
            execute("DELETE FROM keys WHERE user = ?", (number,))
            for value in dict.fromkeys(map(_id, (user.primary_id, *user.identifiers))):
                self._take_away(value, seen)
                execute("INSERT INTO keys VALUES (?, ?)", (value, number))
            for trait in user.keys.traits:
                execute("INSERT INTO keys VALUES (?, ?)", (trait, number))

    def _take_away(self, key: str, seen: float) -> None:
        """Mark the record of the user who had the identifier before as out of date.

        This happens when a primary identifier is changed: the user is then known under both,
        until the old one is read again and not found.
        """
        holders = self._connection.execute(
            "SELECT user FROM keys JOIN users ON number = user WHERE keys.key = ? AND seen <= ?",
            (key, seen),
        ).fetchall()
        for (number,) in holders:
            self._connection.execute("DELETE FROM keys WHERE key = ? AND user = ?", (key, number))
            self._connection.execute("UPDATE users SET record = '' WHERE number = ?", (number,))


def _id(value: str) -> str:
    """Return the key of an identifier."""
    return f"id {value.casefold()}"


# its file


def cache_path(folder: Path, institution: str, environment: str) -> Path:
    """Return the path of an institution's cache; production and sandbox are two."""
    name = re.sub(r"[^\w.-]", "_", f"{institution}-{environment}", flags=re.ASCII)
    return folder / f"{name}.sqlite"


def delete_cache(path: Path) -> None:
    """Delete a cache, whatever state it is in, and what is kept beside it for a stopped plan.

    Raises UsageError if it cannot be deleted.
    """
    with refresh_lock(path):
        try:
            answers_path(path).unlink(missing_ok=True)
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
        connection.executescript(
            f"BEGIN; {_sql('schema')} PRAGMA user_version = {VERSION}; COMMIT;"
        )
    elif version == 2:
        _upgrade(connection)
    elif version != VERSION:
        msg = f"{path} was made by another version of the importer. {_REMEDY}"
        raise UsageError(msg)
    return connection


def _upgrade(connection: sqlite3.Connection) -> None:
    """Make a cache of version 2 one of this version, without a call to Alma.

    It had one name, one birth date and the emails of each user.
    """
    connection.executescript(f"BEGIN; {_sql('from_2')}")
    for number, record in connection.execute(
        "SELECT number, record FROM users WHERE record <> ''"
    ).fetchall():
        keys = user_keys(User.from_json(record))
        names = (keys.first, keys.last, number)
        connection.execute("UPDATE users SET first = ?, last = ? WHERE number = ?", names)
        traits = ((trait, number) for trait in keys.traits)
        connection.executemany("INSERT OR IGNORE INTO keys VALUES (?, ?)", traits)
    connection.execute(f"PRAGMA user_version = {VERSION}")
    connection.execute("COMMIT")


def _sql(name: str) -> str:
    return files("importer.users").joinpath(f"{name}.sql").read_text("utf-8")


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
