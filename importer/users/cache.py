"""The user cache: a local copy of Alma's users, and the questions that it answers.

It decides which user a row means, never what is overwritten: a record is read again before it is
changed.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache, partial
from math import inf
from pathlib import Path

from filelock import FileLock, Timeout

from importer.advice import Do
from importer.errors import Cause, LedgerError, UsageError
from importer.ledger.database import Database
from importer.model.formats import USER_CACHE
from importer.model.people import (
    BORN,
    COMMON,
    EMAIL,
    PHONE,
    Common,
    PersonKeys,
    are_namesakes,
    may_be_same,
)
from importer.model.run import AlmaKey
from importer.model.user import User
from importer.users.matching import MatchedUser, MatchResult, PersonQuery, identifiers, user_keys

_HAS_ID = "(key = ?1 OR number IN (SELECT user FROM keys WHERE keys.key = 'id ' || ?1))"
_BORROWS_FOR = "instr(folded(record), '\"primary_id\":\"' || ?1 || '\"')"
"""SQL conditions: a user has the ID ?1, which is without case, or borrows for who has it."""

AHEAD = timedelta(days=1)
"""How far a time may lie ahead: clocks differ a little."""


class CacheState(AlmaKey):
    """Which Alma a cache is a copy of, and how complete it is.

    Every change in Alma before `as_of` is known; None until all users were read once. `swept` is
    when the last sweep (a reading of all users) began, and `sweeping` when the one under way did.
    `total` is the length of Alma's own list when last asked, `others` how many of its entries are
    contacts, not users.
    """

    as_of: datetime | None = None
    swept: datetime | None = None
    sweeping: datetime | None = None
    sweep: int = 0
    total: int | None = None
    others: int = 0


@dataclass(frozen=True, slots=True)
class KnownUser:
    """What a user is found by. `identifiers` are the others than the primary ID."""

    primary_id: str
    keys: PersonKeys
    identifiers: tuple[str, ...] = ()


class NoCacheError(UsageError):
    """There is no user cache, or only a file that was cut off while it was made."""


class UserCache(Database):
    """The user cache of one institution.

    Every method raises UsageError if its file is damaged, LedgerError if the disk prevents it.
    """

    durable = False  # what a power cut takes away is read again
    tables = (USER_CACHE, "users/schema.sql")

    @classmethod
    def open(cls, path: Path) -> UserCache:
        """Open an existing cache. Raises NoCacheError, or UsageError if it cannot be used."""
        cache = cls(path)
        if path.is_file():
            if any(cache.read("SELECT 1 FROM state")):
                return cache
            cache.close()
        msg = "There is no user cache here."
        raise NoCacheError(msg).advising(Do.REFRESH_USERS)

    @classmethod
    def make(cls, path: Path, alma: AlmaKey) -> UserCache:
        """Open the cache of an Alma; make it if there is none yet, or it was cut off."""
        cache = cls(path)
        with cache.transaction() as connection:
            state = CacheState(institution=alma.institution, environment=alma.environment)
            connection.execute(
                "INSERT OR IGNORE INTO state VALUES (1, ?)", (state.model_dump_json(),)
            )
        return cache

    @property
    def damaged(self) -> UsageError:
        """The error for a file that contains what the importer did not write."""
        error = UsageError(f"The user cache {self.path} is damaged.")
        return error.advising(Do.DELETE_USERS).advising(Do.REFRESH_USERS)

    def failure(self, error: sqlite3.Error | UnicodeError) -> UsageError | LedgerError:
        """Return the error for a failure of SQLite; nothing is wrong if the disk is full."""
        if not isinstance(error, sqlite3.OperationalError):
            return self.damaged
        return LedgerError(
            f"The user cache {self.path} cannot be used now ({error}). Check the disk and the "
            "folder, and try again."
        )

    # its state

    @property
    def state(self) -> CacheState:
        """Which Alma it is a copy of, and how complete it is."""
        saved = self.parsed(CacheState.model_validate_json, "SELECT value FROM state")
        if (state := next(saved, None)) is None:
            raise self.damaged
        return state

    def set_state(self, state: CacheState) -> None:
        """Store the state."""
        with self.transaction() as connection:
            connection.execute("UPDATE state SET value = ?", (state.model_dump_json(),))

    @property
    def pages_done(self) -> int:
        """Return how many pages of the sweep under way are done."""
        ((pages,),) = self.read("SELECT count(*) FROM pages")
        return int(pages)

    def forget_future(self, now: datetime) -> bool:
        """Count what was seen at a time to come, by a clock that was ahead, as seen now.

        Return whether it was ahead by more than AHEAD: then it is not known since when users
        changed, and the cache counts as never read whole.
        """
        state, limit = self.state, now + AHEAD
        with self.transaction() as connection:
            ((latest,),) = self.read("SELECT coalesce(max(seen), 0) FROM users")
            connection.execute("UPDATE users SET seen = ?1 WHERE seen > ?1", (now.timestamp(),))
            times = filter(None, (state.as_of, state.swept, state.sweeping))
            if latest <= limit.timestamp() and all(time <= limit for time in times):
                return False
            never = dict.fromkeys(("as_of", "swept", "sweeping"))
            self.set_state(state.model_copy(update=never))
        return True

    def count(self, condition: str = "1", values: tuple[object, ...] = ()) -> int:
        """Return the number of users; of those that meet an SQL condition of ours, if given."""
        query = f"SELECT count(*) FROM users WHERE {condition}"  # noqa: S608
        ((users,),) = self.read(query, values)
        return int(users)

    def stale(self) -> tuple[str, ...]:
        """Return the primary IDs of users whose record is missing or out of date."""
        query = "SELECT primary_id FROM users WHERE record = '' ORDER BY number"
        return tuple(primary_id for (primary_id,) in self.read(query))

    def missed(self) -> tuple[str, ...]:
        """Return the primary IDs of users whom the sweep under way did not meet."""
        query = "SELECT primary_id FROM users WHERE sweep < ? ORDER BY number"
        return tuple(primary_id for (primary_id,) in self.read(query, (self.state.sweep,)))

    def difference(self) -> int:
        """Return how many users it has beyond those that Alma had when last asked.

        Negative if users are missing; 0 if Alma's total is unknown.
        """
        state = self.state
        return 0 if state.total is None else self.count() - (state.total - state.others)

    # storing

    def put(self, users: Iterable[User], seen: datetime) -> None:
        """Store users as Alma showed them at a time; what is known from later stays."""
        with self.transaction():
            sweep = self.state.sweep
            for user in users:
                if user.primary_id:
                    known = KnownUser(user.primary_id, user_keys(user), identifiers(user))
                    self._put(known, user.to_json(), seen.timestamp(), sweep)

    def put_unread(self, primary_ids: Iterable[str], seen: datetime) -> None:
        """Store that Alma has these users, whose records could not be understood."""
        with self.transaction() as connection:
            sweep, none = self.state.sweep, PersonKeys("", "")
            stale = (
                "UPDATE users SET record = '', seen = ?1, sweep = ?2 WHERE key = ?3 AND seen <= ?1"
            )
            for primary_id in primary_ids:
                values = (seen.timestamp(), sweep, primary_id.casefold())
                if not connection.execute(stale, values).rowcount:
                    self._put(KnownUser(primary_id, none), "", seen.timestamp(), sweep)

    def remove(self, primary_id: str, until: datetime | None = None) -> None:
        """Remove a user that Alma no longer has; unless it was seen after `until`, if given."""
        seen = inf if until is None else until.timestamp()
        with self.transaction() as connection:
            connection.execute(
                "DELETE FROM users WHERE key = ? AND seen <= ?", (primary_id.casefold(), seen)
            )

    def names(self, ids: Iterable[str]) -> bool:
        """Return whether a user has one of these IDs, without case, or borrows for one who has."""
        return any(self.count(f"{_HAS_ID} OR {_BORROWS_FOR}", (user_id,)) for user_id in ids)

    def erase(self, ids: Iterable[str]) -> None:
        """Remove the users with these IDs, without case, so that nothing of them is in the file.

        Who may borrow for one of them is read again, and so is a page of the sweep under way.
        """
        with self.transaction() as connection:
            for change in (
                f"DELETE FROM users WHERE {_HAS_ID}",  # noqa: S608
                f"UPDATE users SET record = '' WHERE {_BORROWS_FOR}",  # noqa: S608
                "DELETE FROM pages WHERE instr(keys, ?1)",
            ):
                connection.executemany(change, ((user_id,) for user_id in ids))
        tuple(self.read("VACUUM"))

    def _put(self, user: KnownUser, record: str, seen: float, sweep: int) -> None:
        execute, key = self.connection.execute, user.primary_id.casefold()
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
            for value in dict.fromkeys(map(id_key, (user.primary_id, *user.identifiers))):
                self._take_away(value, seen)
                execute("INSERT INTO keys VALUES (?, ?)", (value, number))
            for trait in user.keys.traits:
                execute("INSERT INTO keys VALUES (?, ?)", (trait, number))

    def _take_away(self, key: str, seen: float) -> None:
        """Mark the record of the user who had the identifier before as out of date.

        This happens when a primary identifier is changed: the user is then known under both,
        until the old one is read again and not found.
        """
        holders = self.connection.execute(
            "SELECT user FROM keys JOIN users ON number = user WHERE keys.key = ? AND seen <= ?",
            (key, seen),
        ).fetchall()
        for (number,) in holders:
            self.connection.execute("DELETE FROM keys WHERE key = ? AND user = ?", (key, number))
            self.connection.execute("UPDATE users SET record = '' WHERE number = ?", (number,))


def id_key(value: str) -> str:
    """Return the key of an identifier."""
    return f"id {value.casefold()}"


def delete_cache(path: Path) -> None:
    """Delete a cache, whatever state it is in. Raises UsageError if it cannot be deleted.

    LedgerError while another command refreshes it.
    """
    with refresh_lock(path, WAIT):
        try:
            for suffix in ("", "-wal", "-shm"):
                path.with_name(path.name + suffix).unlink(missing_ok=True)
        except OSError as error:
            msg = f"{path} cannot be deleted ({error.strerror}). Close the program that uses it."
            raise UsageError(msg) from error
    path.with_suffix(".lock").unlink(missing_ok=True)


WAIT = 60.0
"""Seconds in which another command has read who changed; to read all users takes longer."""


@contextmanager
def refresh_lock(path: Path, wait: float = 0) -> Iterator[None]:
    """Keep other commands from refreshing this cache; wait some seconds for one that does.

    Raises LedgerError if it takes longer, UsageError if the folder cannot be written.
    """
    lock = FileLock(path.with_suffix(".lock"), timeout=wait)
    try:
        lock.acquire()
    except Timeout as error:
        msg = "Another command is refreshing the user cache. Wait until it has finished."
        busy = LedgerError(msg).advising(Do.USE_CACHE, "To plan now")
        busy.cause = Cause.PASSES
        raise busy from error
    except OSError as error:
        msg = f"{path.parent} cannot be written ({error.strerror}). Check the folder and the disk."
        raise UsageError(msg) from error
    try:
        yield
    finally:
        lock.release()


_SHARED = 3
"""What more users than this share is no evidence of who one of them is."""


@dataclass(frozen=True, slots=True)
class UnreadUsers:
    """Users that a row leads to, whose records must be read before more can be said."""

    primary_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NearUser:
    """A user who has an ID of a row (`holds`), or resembles its person.

    `record`: None if it is not needed or was never read; `keys` are known all the same.
    """

    primary_id: str
    keys: PersonKeys
    record: User | None
    holds: bool


def find_users(cache: UserCache, query: PersonQuery) -> MatchResult | UnreadUsers:
    """Return who has these identifiers and, if nobody does, who may be the same person."""
    by: dict[int, list[str]] = {}
    for kind, value in query.identifiers:
        for number in _with_key(cache, id_key(value)):
            by.setdefault(number, []).append(kind)
    if not by and query.by_name:
        return _possible_matches(cache, query.person)
    users = _records(cache, by)
    if isinstance(users, UnreadUsers):
        return users
    kinds = {number: tuple(dict.fromkeys(by[number])) for number in users}
    return MatchResult(tuple(MatchedUser(user, kinds[number]) for number, user in users.items()))


def find_read(
    cache: UserCache, identifiers: tuple[tuple[str, str], ...]
) -> tuple[MatchedUser, ...]:
    """Return who has these identifiers; nobody if the record of one of them was never read."""
    result = find_users(cache, PersonQuery(identifiers))
    return result.users if isinstance(result, MatchResult) else ()


def find_near(cache: UserCache, query: PersonQuery) -> list[NearUser]:
    """Return everybody who may be the person of a row, for a closer look.

    Besides the users with an ID of the row these are those who share the last name, perhaps with
    two letters transposed, or anything else with the row: the ID may be mistyped.
    """
    person = query.person
    holders = {n for _, value in query.identifiers for n in _with_key(cache, id_key(value))}
    people = _compared(cache, person) | _known(cache, holders)
    if not any(may_be_same(person, people[n].keys) for n in holders) and person.last:
        names = {person.first, *_transposed(person.last)}
        marks = ", ".join("?" * len(names))
        last = f"SELECT number FROM users WHERE last IN ({marks}) ORDER BY number LIMIT ?"  # noqa: S608
        read = cache.read(last, (*names, COMMON))
        people |= _known(cache, {n for (n,) in read} - people.keys())

    alone = people.keys() == holders and len(people) == 1  # there is nobody to compare with
    return [
        NearUser(
            person.primary_id,
            person.keys,
            None if alone else _record(cache, number),
            number in holders,
        )
        for number, person in people.items()
    ]


def _transposed(name: str) -> set[str]:
    """Return a name, and it with any two letters in the wrong order."""
    swaps = (name[:at] + name[at + 1] + name[at] + name[at + 2 :] for at in range(len(name) - 1))
    return {name, *swaps}


def find_common(cache: UserCache) -> Common:
    """Return what very many users have in common: birth dates, emails and phone numbers."""
    query = (
        "SELECT key, count(*) FROM keys WHERE key LIKE ? || ' %' GROUP BY key HAVING count(*) > ?"
    )
    born = cache.read(query, (BORN, max(_SHARED, cache.count() // 100)))
    contacts = (cache.read(query, (kind, _SHARED)) for kind in (EMAIL, PHONE))
    return Common(
        frozenset(key.partition(" ")[2] for key, _ in born),
        frozenset(key for contact in contacts for key, _ in contact),
    )


def find_record_types(cache: UserCache) -> dict[str, tuple[str, ...]]:
    """Return the record types of the users of each group, by the group's code without case."""
    query = (
        "SELECT DISTINCT folded(json_extract(record, '$.user_group.value')),"
        " json_extract(record, '$.record_type.value') FROM users WHERE record <> ''"
    )
    by_group: dict[str, set[str]] = {}
    for group, record_type in cache.read(query):
        if group and record_type:
            by_group.setdefault(group, set()).add(record_type)
    return {group: tuple(sorted(types)) for group, types in by_group.items()}


def find_in_groups(cache: UserCache, groups: Collection[str]) -> Iterator[User]:
    """Yield the users whose record has one of these user groups, by their codes without case.

    Users whose record was never read are left out; `UserCache.stale` names them.
    """
    marks = ", ".join("?" * len(groups))
    query = (
        "SELECT record FROM users WHERE record <> ''"  # noqa: S608
        f" AND folded(json_extract(record, '$.user_group.value')) IN ({marks}) ORDER BY key"
    )
    return cache.parsed(User.from_json, query, tuple(groups))


def find_sharing(cache: UserCache) -> Iterator[tuple[User, User]]:
    """Yield the pairs of users who share a birth date, email, phone number or address.

    A trait that very many have leads to no pair, nor does a user whose record was never read.
    """
    pairs = cache.read(
        "SELECT DISTINCT one.user, other.user FROM keys AS one JOIN keys AS other"
        " ON one.key = other.key AND one.user < other.user WHERE one.key IN (SELECT key FROM keys"
        " WHERE key NOT LIKE 'id %' GROUP BY key HAVING count(*) BETWEEN 2 AND ?) ORDER BY 1, 2",
        (COMMON,),
    )

    record = lru_cache(maxsize=100_000)(partial(_record, cache))
    for numbers in pairs:
        one, other = map(record, numbers)
        if one is not None and other is not None:
            yield one, other


def users_with_id(cache: UserCache, value: str) -> Iterator[tuple[str, User | None]]:
    """Yield the primary ID of each user with this ID, and the record if it was read."""
    query = f"SELECT primary_id, record FROM users WHERE {_HAS_ID}"  # noqa: S608
    return cache.parsed(_read, query, (value.casefold(),))


def find_all(cache: UserCache) -> Iterator[User]:
    """Yield every user whose record was read, by primary ID; `UserCache.stale` names the others."""
    query = "SELECT record FROM users WHERE record <> '' ORDER BY key"
    return cache.parsed(User.from_json, query)


def _with_key(cache: UserCache, key: str, most: int = -1) -> list[int]:
    query = "SELECT user FROM keys WHERE key = ? ORDER BY user LIMIT ?"
    return [number for (number,) in cache.read(query, (key, most))]


def _possible_matches(cache: UserCache, person: PersonKeys) -> MatchResult | UnreadUsers:
    people = _compared(cache, person)
    alike = [number for number, other in people.items() if may_be_same(person, other.keys)]
    users = _records(cache, alike)
    if isinstance(users, UnreadUsers):
        return users
    namesakes = (
        other.primary_id
        for number, other in people.items()
        if number not in users and are_namesakes(person, other.keys)
    )
    return MatchResult((), tuple(users.values()), tuple(namesakes))


def _compared(cache: UserCache, person: PersonKeys) -> dict[int, KnownUser]:
    """Return whom to compare a person with: who has the same name or shares a trait.

    Of a trait that very many have, such as a made-up birth date, only the name counts.
    """
    query = "SELECT number FROM users WHERE last = ?1 AND first = ?2 OR last = ?2 AND first = ?1"
    named = cache.read(query, (person.last, person.first)) if any(person.name) else ()
    numbers = {number for (number,) in named}
    for trait in person.traits:
        group = _with_key(cache, trait, COMMON + 1)
        numbers.update(group if len(group) <= COMMON else ())
    return _known(cache, sorted(numbers))


def _known(cache: UserCache, numbers: Iterable[int]) -> dict[int, KnownUser]:
    people: dict[int, KnownUser] = {}
    for number in numbers:
        query = "SELECT primary_id, first, last FROM users WHERE number = ?"
        ((primary_id, first, last),) = cache.read(query, (number,))
        keys = cache.read("SELECT key FROM keys WHERE user = ?", (number,))
        traits = frozenset(key for (key,) in keys if not key.startswith(id_key("")))
        people[number] = KnownUser(primary_id, PersonKeys(first, last, traits))
    return people


def _records(cache: UserCache, numbers: Iterable[int]) -> dict[int, User] | UnreadUsers:
    """Return the users with these numbers, or those of them that must be read first."""
    query = "SELECT primary_id, record FROM users WHERE number = ?"
    users: dict[int, User] = {}
    unread: list[str] = []
    for number in numbers:
        for primary_id, user in cache.parsed(_read, query, (number,)):
            if user is None:
                unread.append(primary_id)
            else:
                users[number] = user
    return UnreadUsers(tuple(unread)) if unread else users


def _record(cache: UserCache, number: int) -> User | None:
    query = "SELECT record FROM users WHERE number = ? AND record <> ''"
    return next(cache.parsed(User.from_json, query, (number,)), None)


def _read(primary_id: str, record: str) -> tuple[str, User | None]:
    return primary_id, User.from_json(record) if record else None
