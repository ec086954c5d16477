"""The mirror's file: its place, its tables, and how it is opened."""

from __future__ import annotations

import re
import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING

from importer.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

VERSION = 1

TABLES = """
CREATE TABLE standing (only INTEGER PRIMARY KEY CHECK (only = 1), value TEXT NOT NULL) STRICT;
-- Values are without case, names folded. A blank record is one that was never read, or is known to
-- be out of date. `seen` is in seconds since 1970; `sweep` is the last one that met the user.
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
-- The pages of the sweep under way that are done: whom they showed, a key a line, and how many of
-- their entries were no users.
CREATE TABLE pages (
  first INTEGER PRIMARY KEY, keys TEXT NOT NULL, others INTEGER NOT NULL
) STRICT;
"""


def mirror_path(folder: Path, institution: str, environment: str) -> Path:
    """Where the mirror of an institution's Alma stands: production and sandbox are two."""
    name = re.sub(r"[^\w.-]", "_", f"{institution}-{environment}", flags=re.ASCII)
    return folder / f"{name}.sqlite"


def connect(path: Path) -> sqlite3.Connection:
    """The file, opened; made, for its owner only, where it is not there.

    Raises UsageError where it is damaged, of another version, or cannot be written.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch(mode=0o600)
    except OSError as error:
        msg = f"The folder {path.parent} cannot be written ({error.strerror}). Check its rights."
        raise UsageError(msg) from error
    with guarded(path):
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


_REMEDY = "Type `importer directory forget`, then `importer directory refresh`."


@contextmanager
def guarded(path: Path) -> Iterator[None]:
    """Say what to do where the file fails. Raises UsageError."""
    try:
        yield
    except sqlite3.OperationalError as error:
        msg = f"The directory {path} cannot be used now ({error}). Check the disk, and try again."
        raise UsageError(msg) from error
    except sqlite3.DatabaseError as error:
        raise damaged(path) from error


def damaged(path: Path) -> UsageError:
    """What to raise where the file holds what we did not put there; it can be made anew."""
    return UsageError(f"The directory {path} is damaged. {_REMEDY}")


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Be the only one who refreshes this mirror. Raises UsageError where another one does."""
    from filelock import FileLock, Timeout

    try:
        with FileLock(path.with_suffix(".lock"), timeout=0):
            yield
    except Timeout as error:
        msg = (
            "The directory is being refreshed by another command. Wait until that has ended, or "
            "plan with --no-refresh."
        )
        raise UsageError(msg) from error


def forget(path: Path) -> None:
    """Remove a mirror, whatever state it is in. Raises UsageError where it cannot be."""
    with held(path):
        try:
            for suffix in ("", "-wal", "-shm"):
                path.with_name(path.name + suffix).unlink(missing_ok=True)
        except OSError as error:
            msg = f"{path} cannot be removed ({error.strerror}). Close what has it open."
            raise UsageError(msg) from error
    path.with_suffix(".lock").unlink(missing_ok=True)
