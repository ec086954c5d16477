"""The ledger's tables, and how its file is opened."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from importer.errors import LedgerError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

FILE = "ledger.sqlite"

VERSION = 2

FAILURES = (sqlite3.Error, UnicodeError)
"""What reading a ledger may raise; of a damaged one even SQLite's message may be no text."""

TABLES = """
CREATE TABLE run (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE columns (
  position INTEGER PRIMARY KEY, letter TEXT NOT NULL, heading TEXT NOT NULL,
  labels TEXT NOT NULL, how TEXT NOT NULL, samples TEXT NOT NULL
) STRICT;
CREATE TABLE rows (row INTEGER PRIMARY KEY, fate TEXT NOT NULL) STRICT;
CREATE TABLE cells (
  row INTEGER PRIMARY KEY REFERENCES rows DEFERRABLE INITIALLY DEFERRED, cells TEXT NOT NULL
) STRICT;
CREATE TABLE problems (
  id INTEGER PRIMARY KEY, row INTEGER NOT NULL, code TEXT NOT NULL, severity TEXT NOT NULL,
  field TEXT NOT NULL, places TEXT NOT NULL, value TEXT NOT NULL, message TEXT NOT NULL,
  advice TEXT NOT NULL, mends TEXT NOT NULL
) STRICT;
CREATE INDEX problems_by_row ON problems (row);
-- What is planned for a ready row, and how far it has come:
-- planned -> intent -> applied | refused | held | unknown; unknown -> applied | planned | held;
-- planned -> already | held
CREATE TABLE steps (
  row INTEGER PRIMARY KEY REFERENCES rows DEFERRABLE INITIALLY DEFERRED, act TEXT NOT NULL,
  primary_id TEXT NOT NULL, before TEXT NOT NULL, after TEXT NOT NULL,
  changes TEXT NOT NULL, override TEXT NOT NULL, state TEXT NOT NULL
) STRICT;
CREATE INDEX steps_by_state ON steps (state);
-- What was in Alma just before a write, and what Alma answered: the ground for an undo.
CREATE TABLE images (
  row INTEGER PRIMARY KEY REFERENCES rows DEFERRABLE INITIALLY DEFERRED, before TEXT NOT NULL,
  sent TEXT NOT NULL, answered TEXT NOT NULL
) STRICT;
-- Append-only; each hash covers the one before, so that an edit shows.
CREATE TABLE entries (
  id INTEGER PRIMARY KEY, time TEXT NOT NULL, operator TEXT NOT NULL, row INTEGER NOT NULL,
  event TEXT NOT NULL, detail TEXT NOT NULL, hash TEXT NOT NULL
) STRICT;
CREATE INDEX entries_by_row ON entries (row);
"""


def connect(path: Path) -> sqlite3.Connection:
    """A connection on which a commit is on the disk when it returns."""
    connection = sqlite3.connect(path, isolation_level=None, timeout=10)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    return connection


def create(folder: Path) -> sqlite3.Connection:
    """A new ledger in a run's folder. Raises LedgerError where it cannot be written."""
    try:
        connection = connect(folder / FILE)
        connection.executescript(TABLES)
        connection.execute(f"PRAGMA user_version = {VERSION}")
    except sqlite3.Error as error:
        raise unusable(folder, error) from error
    return connection


def open_existing(folder: Path) -> sqlite3.Connection:
    """The ledger of a run.

    Raises UsageError where there is none, where it is damaged, unfinished or of another version,
    and LedgerError where the disk or the folder does not let it be opened.
    """
    path = folder / FILE
    if not path.is_file():
        msg = f"{folder} is not a run: it holds no {FILE}. `importer runs` lists the runs."
        raise UsageError(msg)
    try:
        connection = connect(path)
        with closing(connection.execute("PRAGMA user_version")) as cursor:
            version = cursor.fetchone()[0]
    except FAILURES as error:
        raise unusable(folder, error) from error
    if version == VERSION:
        return connection
    connection.close()
    if version == 0:  # it is set last
        raise unfinished(folder)
    msg = f"{path} was made by another version of the importer. Plan again from the roster."
    raise UsageError(msg)


def unfinished(folder: Path) -> UsageError:
    """What to raise for a run that was killed while it was being made, or is being made now."""
    msg = (
        f"The run {folder} was stopped before it was complete, or is still being made. "
        "Wait for that, or plan again."
    )
    return UsageError(msg)


def damaged(folder: Path) -> UsageError:
    """What to raise where the ledger holds what we did not put there."""
    msg = f"{folder / FILE} is damaged and cannot be read. Plan again from the roster."
    return UsageError(msg)


def unusable(folder: Path, error: sqlite3.Error | UnicodeError) -> LedgerError | UsageError:
    """What to raise where SQLite cannot go on; nothing is sent without the ledger."""
    name = getattr(error, "sqlite_errorname", None) or ""
    said = str(error).lower()
    if isinstance(error, UnicodeError) or name.startswith(_DAMAGED) or "could not decode" in said:
        return damaged(folder)
    why = next((words for sign, words in _WHY.items() if sign in said), "the disk reports an error")
    msg = (
        f"The run's folder {folder} cannot be used: {why}. Nothing more was sent. "
        "Make room on the disk or check the folder, then run the same command again."
    )
    return LedgerError(msg)


_DAMAGED = ("SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_ERROR")
"""SQLite's names of what is wrong with a file; the last: a table of ours is not in it."""

_WHY = {
    "full": "the disk is full",
    "readonly": "it may only be read",
    "unable to open": "its ledger cannot be opened",
    "locked": "another program holds its ledger",
}
"""What SQLite says, by a word of it, as a librarian would."""
