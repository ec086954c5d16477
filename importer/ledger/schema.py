"""The ledger's tables, the states of its steps, and how its file is opened."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from enum import StrEnum
from typing import TYPE_CHECKING

from importer.errors import LedgerError, UsageError
from importer.model.plan import Act, Result

if TYPE_CHECKING:
    from pathlib import Path

FILE = "ledger.sqlite"

VERSION = 3

FAILURES = (sqlite3.Error, UnicodeError)
"""What reading a ledger may raise; for a damaged one even SQLite's message may not be text."""


class State(StrEnum):
    """How far a planned create, update or delete has come.

    planned → intent → applied | refused | held | unknown; unknown → applied | planned | held;
    planned → already | held
    """

    PLANNED = "planned"
    INTENT = "intent"  # durable before a byte is sent; it may have arrived or not
    APPLIED = "applied"
    ALREADY = "already"  # Alma had these values already; nothing was sent
    REFUSED = "refused"
    HELD = "held"  # needs review
    UNKNOWN = "unknown"


RESULTS: dict[tuple[Act, State], Result] = {
    (act, state): result
    for act, applied in (
        (Act.CREATE, Result.CREATED),
        (Act.UPDATE, Result.UPDATED),
        (Act.DELETE, Result.DELETED),
    )
    for state, result in (
        (State.PLANNED, Result.NOT_SENT),
        (State.INTENT, Result.UNKNOWN),
        (State.APPLIED, applied),
        (State.REFUSED, Result.REFUSED),
        (State.HELD, Result.HELD),
        (State.UNKNOWN, Result.UNKNOWN),
    )
} | {
    (Act.UPDATE, State.ALREADY): Result.WAS_SO,
    (Act.DELETE, State.ALREADY): Result.WAS_GONE,
}

GONE = "is no longer in Alma"
"""The detail of a step that needs review because its user was deleted in Alma."""

SENT = "act IN ('create', 'update', 'delete')"
"""SQL condition: the steps that are sent to Alma."""

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
  advice TEXT NOT NULL, repairs TEXT NOT NULL
) STRICT;
CREATE INDEX problems_by_row ON problems (row);
-- What is planned for a ready row, and its State.
CREATE TABLE steps (
  row INTEGER PRIMARY KEY REFERENCES rows DEFERRABLE INITIALLY DEFERRED, act TEXT NOT NULL,
  primary_id TEXT NOT NULL, before TEXT NOT NULL, after TEXT NOT NULL,
  changes TEXT NOT NULL, override TEXT NOT NULL, state TEXT NOT NULL
) STRICT;
CREATE INDEX steps_by_state ON steps (state);
-- Alma's record just before a write, what was sent, and what Alma answered; undo needs them.
CREATE TABLE images (
  row INTEGER PRIMARY KEY REFERENCES rows DEFERRABLE INITIALLY DEFERRED, before TEXT NOT NULL,
  sent TEXT NOT NULL, answered TEXT NOT NULL
) STRICT;
-- The history, only added to; each hash covers the one before, so that an edit shows.
CREATE TABLE entries (
  id INTEGER PRIMARY KEY, time TEXT NOT NULL, operator TEXT NOT NULL, row INTEGER NOT NULL,
  event TEXT NOT NULL, detail TEXT NOT NULL, hash TEXT NOT NULL
) STRICT;
CREATE INDEX entries_by_row ON entries (row);
"""


def connect(path: Path) -> sqlite3.Connection:
    """Open a connection on which a commit is on the disk when it returns."""
    connection = sqlite3.connect(path, isolation_level=None, timeout=10)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    return connection


def create(folder: Path) -> sqlite3.Connection:
    """Create a ledger in a run's folder. Raises LedgerError if it cannot be written."""
    try:
        connection = connect(folder / FILE)
        connection.executescript(TABLES)
        connection.execute(f"PRAGMA user_version = {VERSION}")
    except sqlite3.Error as error:
        raise unusable(folder, error) from error
    return connection


def open_existing(folder: Path) -> sqlite3.Connection:
    """Open the ledger of a run.

    Raises UsageError if there is none, or it is damaged, unfinished or of another version;
    LedgerError if the disk or the folder prevents it.
    """
    path = folder / FILE
    if not path.is_file():
        msg = f"{folder} is not a run: it contains no {FILE}. `importer runs` lists the runs."
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
    """Return the error for a run that was killed while it was being made, or is being made now."""
    msg = (
        f"The run {folder} was stopped before it was complete, or is still being made. "
        "Wait until it is complete, or plan again."
    )
    return UsageError(msg)


def damaged(folder: Path) -> UsageError:
    """Return the error for a ledger that contains what the importer did not write."""
    msg = f"{folder / FILE} is damaged and cannot be read. Plan again from the roster."
    return UsageError(msg)


def unusable(folder: Path, error: sqlite3.Error | UnicodeError) -> LedgerError | UsageError:
    """Return the error for a failure of SQLite; nothing is sent without the ledger."""
    name = getattr(error, "sqlite_errorname", None) or ""
    said = str(error).lower()
    if isinstance(error, UnicodeError) or name.startswith(_DAMAGED) or "could not decode" in said:
        return damaged(folder)
    why = next((words for sign, words in _WHY.items() if sign in said), "the disk reports an error")
    msg = (
        f"The run's folder {folder} cannot be used: {why}. Nothing more was sent. "
        "Free some space on the disk or check the folder, then run the same command again."
    )
    return LedgerError(msg)


_DAMAGED = ("SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_ERROR")
"""SQLite's names for a damaged file; the last one: a table of ours is missing."""

_WHY = {
    "full": "the disk is full",
    "readonly": "it is read-only",
    "unable to open": "its ledger cannot be opened",
    "locked": "another program is using its ledger",
}
"""SQLite's reason in a librarian's words, by a word of it."""
