"""The mirror: Alma's users in a file beside the runs, found without a call.

It decides whom a row means, never what is overwritten: a record is read again before it is changed.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from importer.directory import schema
from importer.directory.found import Found, Marks, Matched, marks_of, marks_sought
from importer.errors import UsageError
from importer.model.user import User

if TYPE_CHECKING:
    from pathlib import Path

    from importer.directory.found import Sought


class Standing(BaseModel):
    """What a mirror is of, and how far it goes.

    Every change in Alma before `as_of` is known; None until all users were read once. `swept` is
    when the last whole reading began, and `sweeping` when the one under way did. `total` is the
    length of Alma's own list when it was last asked, `others` how many of its entries are no users
    but contacts.
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
class Unread:
    """The row leads to these users, whose records must be read before more can be said."""

    primary_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Known:
    """A user as an export knows it: by its marks only."""

    primary_id: str
    marks: Marks


class Mirror:
    """One institution's mirror. Every method raises UsageError where the file is damaged."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        """Use `open` or `make` instead."""
        self.path = path
        self._connection = connection

    @classmethod
    def open(cls, path: Path) -> Mirror:
        """An existing mirror. Raises UsageError where there is none, or it cannot be used."""
        if not path.is_file():
            msg = "No directory is kept here. `importer directory refresh` makes one."
            raise UsageError(msg)
        return cls(path, schema.connect(path))

    @classmethod
    def make(cls, path: Path, institution: str, environment: str) -> Mirror:
        """The mirror of an institution, made where there is none yet."""
        mirror = cls(path, schema.connect(path))
        with mirror.writing():
            standing = Standing(institution=institution, environment=environment)
            mirror._connection.execute(
                "INSERT OR IGNORE INTO standing VALUES (1, ?)", (standing.model_dump_json(),)
            )
        return mirror

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
        """All or nothing, and durable when the block ends."""
        with schema.guarded(self.path):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def read(self, query: str, values: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
        """The rows of a query."""
        with schema.guarded(self.path):
            return self._connection.execute(query, values).fetchall()

    # how far it goes

    @property
    def standing(self) -> Standing:
        """What it is of, and how far it goes."""
        rows = self.read("SELECT value FROM standing")
        try:
            return Standing.model_validate_json(str(rows[0][0]))
        except (IndexError, ValidationError):
            raise schema.damaged(self.path) from None

    def stand(self, standing: Standing) -> None:
        """Write down how far it goes; inside `writing` where that belongs to other changes."""
        with schema.guarded(self.path):
            self._connection.execute("UPDATE standing SET value = ?", (standing.model_dump_json(),))

    @property
    def pages_done(self) -> int:
        """How many pages of the sweep under way are done."""
        return int(str(self.read("SELECT count(*) FROM pages")[0][0]))

    def count(self, condition: str = "1", values: tuple[object, ...] = ()) -> int:
        """How many users it knows; those for whom an SQL condition of ours holds."""
        rows = self.read(f"SELECT count(*) FROM users WHERE {condition}", values)  # noqa: S608
        return int(str(rows[0][0]))

    def stale(self) -> tuple[str, ...]:
        """Return the primary identifiers of users whose record is missing or out of date."""
        query = "SELECT primary_id FROM users WHERE record = '' ORDER BY number"
        return tuple(str(primary_id) for (primary_id,) in self.read(query))

    # finding

    def find(self, sought: Sought) -> Found | Unread:
        """Who holds these identifiers, and, if nobody does, who looks like this person."""
        by: dict[int, list[str]] = {}
        for kind, value in sought.identifiers:
            query = "SELECT user FROM identifiers WHERE value = ?"
            for (number,) in self.read(query, (value.casefold(),)):
                by.setdefault(int(str(number)), []).append(kind)
        if not by and sought.by_name:
            alike = self._records(self._look_alikes(marks_sought(sought)))
            return alike if isinstance(alike, Unread) else Found(look_alikes=tuple(alike.values()))
        users = self._records(by)
        if isinstance(users, Unread):
            return users
        kinds = {number: tuple(dict.fromkeys(by[number])) for number in users}
        return Found(tuple(Matched(user, kinds[number]) for number, user in users.items()))

    def _look_alikes(self, marks: Marks) -> list[int]:
        if not any(marks.name):
            return []
        marked = ", ".join("?" * len(marks.emails))
        query = (
            "SELECT number FROM users WHERE name = ? AND (born <> '' AND born = ?"  # noqa: S608
            f" OR EXISTS (SELECT 1 FROM emails WHERE user = number AND address IN ({marked})))"
        )
        values = (_name(marks), marks.birth_date, *sorted(marks.emails))
        return [int(str(number)) for (number,) in self.read(query, values)]

    def _records(self, numbers: Iterable[int]) -> dict[int, User] | Unread:
        """The users with these numbers, or those of them that must be read first."""
        users: dict[int, User] = {}
        unread: list[str] = []
        for number in numbers:
            query = "SELECT primary_id, record FROM users WHERE number = ?"
            for primary_id, record in self.read(query, (number,)):
                if record:
                    users[number] = self._user(str(record))
                else:
                    unread.append(str(primary_id))
        return Unread(tuple(unread)) if unread else users

    def _user(self, record: str) -> User:
        try:
            return User.from_json(record)
        except ValidationError:
            raise schema.damaged(self.path) from None

    # learning

    def put(self, users: Iterable[User], seen: datetime) -> None:
        """Keep users as Alma showed them at a time; what is known from later stays."""
        with self.writing():
            self.put_within(users, seen)

    def put_within(self, users: Iterable[User], seen: datetime) -> None:
        """The same, inside `writing`."""
        sweep = self.standing.sweep
        for user in users:
            if user.primary_id:
                self._put(user.primary_id, marks_of(user), user.to_json(), seen.timestamp(), sweep)

    def add_known(self, users: Iterable[Known], seen: datetime) -> int:
        """Keep users of an export, unless their record is here; how many are new."""
        before = self.count()
        with self.writing() as connection:
            for user in users:
                query = "SELECT record FROM users WHERE key = ?"
                row = connection.execute(query, (user.primary_id.casefold(),)).fetchone()
                if row is None or not row[0]:
                    self._put(user.primary_id, user.marks, "", seen.timestamp(), 0)
        return self.count() - before

    def remove(self, primary_id: str) -> None:
        """Forget a user that Alma does not have any more."""
        with self.writing() as connection:
            connection.execute("DELETE FROM users WHERE key = ?", (primary_id.casefold(),))

    def _put(self, primary_id: str, marks: Marks, record: str, seen: float, sweep: int) -> None:
        execute, key = self._connection.execute, primary_id.casefold()
        execute("UPDATE users SET sweep = max(sweep, ?) WHERE key = ?", (sweep, key))
        changed = execute(
            "INSERT INTO users (key, primary_id, name, born, record, seen, sweep)"
            " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (key) DO UPDATE SET"
            " primary_id = excluded.primary_id, name = excluded.name, born = excluded.born,"
            " record = excluded.record, seen = excluded.seen"
            " WHERE excluded.seen >= users.seen RETURNING number",
            (key, primary_id, _name(marks), marks.birth_date, record, seen, sweep),
        ).fetchall()
        for (number,) in changed:
            execute("DELETE FROM identifiers WHERE user = ?", (number,))
            execute("DELETE FROM emails WHERE user = ?", (number,))
            for value in marks.identifiers:
                self._take_away(value, seen)
                execute("INSERT INTO identifiers VALUES (?, ?)", (value, number))
            for address in marks.emails:
                execute("INSERT INTO emails VALUES (?, ?)", (number, address))

    def _take_away(self, value: str, seen: float) -> None:
        """Whoever held the identifier before has lost it, so that record is out of date.

        So it is where a primary identifier was changed: the user is then known under both, until
        the old one is read again and not found.
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


def _name(marks: Marks) -> str:
    """A name's key as one text; folded names hold no blank."""
    return " ".join(marks.name)
