"""A SQLite file of the importer: how it is opened, read, and written in transactions."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any, ClassVar, Self, TypeVar

from importer.errors import ImporterError
from importer.model.formats import Format

T = TypeVar("T")

FAILURES = (sqlite3.Error, UnicodeError)
"""What reading a file may raise; for a damaged one even SQLite's message may not be text."""

FileIdentity = tuple[int, int]
"""The device and the number of a file; no other file has them while this one is open."""


def file_identity(path: Path) -> FileIdentity | None:
    """Return which file is at a path; None if there is none, or it cannot be looked at."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def journal_of(path: Path) -> Path:
    """Return where SQLite keeps what was written to a file last, while it is open."""
    return path.with_name(f"{path.name}-wal")


def merge_journal(path: Path) -> None:
    """Take into a file what a killed process left in its journal; its age stays.

    Nothing is done where there is none, a process has the file open, or it is damaged.
    """
    with suppress(OSError, sqlite3.Error):
        changed = max(file.stat().st_mtime for file in (path, journal_of(path)))
        with closing(sqlite3.connect(path, timeout=0)) as database:
            database.execute("PRAGMA journal_mode = DELETE")
        os.utime(path, (changed, changed))


def as_json(value: object) -> str:
    """Return a value as the JSON that our tables have."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _folded(value: object) -> str | None:
    """Return a value without case, as SQLite's `lower` does for A to Z only."""
    return None if value is None else str(value).casefold()


def naming(columns: Iterable[str]) -> str:
    """Return the SQL: a column is an ID without case, `?1`, or has it as JSON, `?2`."""
    return " OR ".join(f"folded({name}) = ?1 OR instr(folded({name}), ?2)" for name in columns)


class Database:
    """One SQLite file, opened when it is first used. What is deleted in it leaves no trace.

    Subclasses say what its failures mean. `durable`: a commit is on the disk when it returns;
    otherwise a power cut takes whole transactions away. `tables`: the format of the file, and the
    script that makes its tables when it is opened; None where its maker does.
    """

    durable: ClassVar[bool] = True
    tables: ClassVar[tuple[Format, str] | None] = None

    def __init__(self, path: Path) -> None:
        """Use the file at a path."""
        self.path = path

    @property
    def damaged(self) -> ImporterError:
        """The error for a file that contains what the importer did not write."""
        raise NotImplementedError

    def failure(self, error: sqlite3.Error | UnicodeError) -> ImporterError:  # noqa: ARG002
        """Return the error for a failure of SQLite, where it is not the same."""
        return self.damaged

    def make_file(self) -> None:
        """Make the file and its folder, for their owner only, where they are not there."""
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.path.touch(mode=0o600)
        except OSError as error:
            raise self.failure(sqlite3.OperationalError(error.strerror)) from error

    def _make_tables(self, connection: sqlite3.Connection) -> None:
        """Make the tables of a new file. Raises UsageError for another format."""
        if self.tables is None:
            return
        made, script = self.tables
        # the tables and the number come at once, so whoever sees tables then sees the number
        there = [*connection.execute("SELECT 1 FROM sqlite_master LIMIT 1")]
        ((number,),) = connection.execute("PRAGMA user_version")
        if there or number:
            made.check(self.path, number)
            return
        text = files("importer").joinpath(script).read_text("utf-8")
        connection.executescript(
            f"BEGIN IMMEDIATE; {text} PRAGMA user_version = {made.number}; COMMIT;"
        )

    @cached_property
    def connection(self) -> sqlite3.Connection:
        """The open file. Raises the subclass' error if it cannot be used."""
        self.make_file()
        try:
            connection = sqlite3.connect(self.path, isolation_level=None, timeout=10)
            try:
                connection.create_function("folded", 1, _folded, deterministic=True)
                connection.execute("PRAGMA secure_delete = ON")
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute(f"PRAGMA synchronous = {'FULL' if self.durable else 'NORMAL'}")
                connection.execute("PRAGMA foreign_keys = ON")
                self._make_tables(connection)
            except BaseException:
                connection.close()
                raise
        except FAILURES as error:
            raise self.failure(error) from error
        return connection

    def close(self) -> None:
        """Close the file."""
        if connection := self.__dict__.pop("connection", None):
            connection.close()

    def __enter__(self) -> Self:
        """Close at the end of the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self.close()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Write all or nothing; done when the outermost block ends."""
        if self.connection.in_transaction:
            yield self.connection
            return
        try:
            with self.connection:  # commits, or rolls back
                self.connection.execute("BEGIN IMMEDIATE")
                yield self.connection
        except sqlite3.Error as error:
            if isinstance(error.__context__, GeneratorExit):
                return  # stopped at once: the file was closed before the block was left
            raise self.failure(error) from error

    def read(self, query: str, values: tuple[object, ...] = ()) -> Iterator[tuple[Any, ...]]:
        """Return the rows of a query, one by one."""
        try:
            # not `yield from`: after Ctrl-C it would close a cursor of a closed connection
            for row in self.connection.execute(query, values):
                if bytes in map(type, row):  # there are none in our files
                    raise self.damaged
                yield row
        except FAILURES as error:
            raise self.failure(error) from error

    def parsed(
        self, make: Callable[..., T], query: str, values: tuple[object, ...] = ()
    ) -> Iterator[T]:
        """Return what `make` makes of each row, one by one; a value that it refuses is damage."""
        for row in self.read(query, values):
            try:
                made = make(*row)
            except (ValueError, TypeError):  # pydantic's and JSON's errors are some
                raise self.damaged from None
            yield made
