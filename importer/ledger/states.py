"""The states of a ledger's steps, and what SQLite's failures mean; schema.sql has the tables."""

from __future__ import annotations

import sqlite3
from enum import StrEnum
from typing import TYPE_CHECKING

from importer.errors import LedgerError, UsageError
from importer.model.plan import Act, Result

if TYPE_CHECKING:
    from pathlib import Path

FILE = "ledger.sqlite"

FAILURES = (sqlite3.Error, UnicodeError)
"""What reading a ledger may raise; for a damaged one even SQLite's message may not be text."""


class State(StrEnum):
    """How far a planned create, update or delete has come.

    planned → intent → applied | already | refused | held | unknown; unknown → applied | planned |
    held; planned → already | held
    """

    PLANNED = "planned"
    INTENT = "intent"  # durable before a byte is sent; it may have arrived or not
    APPLIED = "applied"
    ALREADY = "already"  # Alma had it already; this run did not write it
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
    (Act.CREATE, State.ALREADY): Result.WAS_THERE,
    (Act.UPDATE, State.ALREADY): Result.WAS_SO,
    (Act.DELETE, State.ALREADY): Result.WAS_GONE,
}

DECIDED, DOUBT = "decided", "doubt"
"""Events of entries that plan a row's step again, and that doubt every step that is planned."""

GONE = "is no longer in Alma"
"""The detail of a step that needs review because its user was deleted in Alma."""

SENT = "act IN ('create', 'update', 'delete')"
"""SQL condition: the steps that are sent to Alma."""


FileIdentity = tuple[int, int]
"""The device and the number of a file; no other file has them while this one is open."""


def file_identity(path: Path) -> FileIdentity | None:
    """Return which file is at a path; None if there is none, or it cannot be looked at."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def damaged(folder: Path) -> UsageError:
    """Return the error for a ledger that contains what the importer did not write."""
    msg = (
        f"{folder / FILE} is damaged, so it is not used and nothing more is sent. If you have a "
        "backup of the run's folder, restore it and run the same command again. Otherwise plan "
        "again from the roster: users who are in Alma already are found there."
    )
    return UsageError(msg)


def unusable(folder: Path, error: sqlite3.Error | UnicodeError) -> LedgerError | UsageError:
    """Return the error for a failure of SQLite."""
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
