"""What people answered about rows that need review, kept beside the runs so nobody is asked twice.

A resolution belongs to the row's primary identifier and the institution, not to a roster: the next
roster with the same person finds it.
"""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from importer.errors import LedgerError
from importer.model.catalogue import Code

if TYPE_CHECKING:
    from pathlib import Path

_TABLE = """
CREATE TABLE IF NOT EXISTS resolutions (
  institution TEXT NOT NULL, primary_id TEXT NOT NULL, answer TEXT NOT NULL, user TEXT NOT NULL,
  against TEXT NOT NULL, doubts TEXT NOT NULL, operator TEXT NOT NULL, time TEXT NOT NULL,
  PRIMARY KEY (institution, primary_id)
) STRICT
"""


class Answer(StrEnum):
    """What a person wants done with a row that needs review."""

    CREATE = "create"
    UPDATE = "update"
    REJECT = "reject"


_IN_WORDS = {
    Answer.CREATE: "another person",
    Answer.UPDATE: "the same person",
    Answer.REJECT: "not to be sent",
}


@dataclass(frozen=True, slots=True)
class Resolution:
    """A person's answer about a primary identifier: create, reject, or update `user` in Alma.

    `against` are the people it was compared with, duplicates in the roster among them; all are
    casefolded primary identifiers. `doubts` are the codes of other problems that were resolved
    with it.
    """

    primary_id: str
    answer: Answer
    user: str
    against: frozenset[str]
    doubts: frozenset[Code]
    operator: str
    time: datetime

    @property
    def sentence(self) -> str:
        """For a message: who answered what, and when."""
        return f"decided by {self.operator} on {self.time:%Y-%m-%d}: {_IN_WORDS[self.answer]}"


def load_resolutions(path: Path, institution: str) -> dict[str, Resolution]:
    """Return an institution's resolutions by primary identifier; none if there is no file yet.

    Raises LedgerError if the file is damaged.
    """
    if not path.is_file():
        return {}
    try:
        with closing(sqlite3.connect(path)) as connection:
            found = connection.execute(
                "SELECT primary_id, answer, user, against, doubts, operator, time FROM resolutions"
                " WHERE institution = ?",
                (institution,),
            ).fetchall()
    except sqlite3.Error as error:
        raise _unusable(path) from error
    return {
        primary_id: Resolution(
            primary_id,
            Answer(answer),
            user,
            frozenset(json.loads(against)),
            frozenset(map(Code, json.loads(doubts))),
            operator,
            datetime.fromisoformat(time),
        )
        for primary_id, answer, user, against, doubts, operator, time in found
    }


def save_resolution(path: Path, institution: str, resolution: Resolution) -> None:
    """Save a resolution in place of an earlier one. Raises LedgerError if it cannot be saved."""
    _write(
        path,
        "INSERT OR REPLACE INTO resolutions VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            institution,
            resolution.primary_id,
            resolution.answer,
            resolution.user,
            json.dumps(sorted(resolution.against), ensure_ascii=False),
            json.dumps(sorted(resolution.doubts)),
            resolution.operator,
            resolution.time.isoformat(),
        ),
    )


def delete_resolution(path: Path, institution: str, primary_id: str) -> None:
    """Delete a person's resolution. Raises LedgerError if the file cannot be written."""
    if path.is_file():
        query = "DELETE FROM resolutions WHERE institution = ? AND primary_id = ?"
        _write(path, query, (institution, primary_id.casefold()))


def count_older(path: Path, limit: datetime) -> int:
    """Count the resolutions before a time. Raises LedgerError if the file is damaged."""
    return len(_older(path, limit))


def delete_older(path: Path, limit: datetime) -> None:
    """Delete the resolutions before a time so that nothing of them stays in the file.

    Raises LedgerError if the file cannot be written.
    """
    older = _older(path, limit)
    try:
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute("PRAGMA secure_delete = ON")
            connection.executemany("DELETE FROM resolutions WHERE time = ?", older)
    except (OSError, sqlite3.Error) as error:
        raise _unusable(path) from error


def _older(path: Path, limit: datetime) -> list[tuple[str]]:
    """Return the times of the resolutions before a time, as they are in the file."""
    if not path.is_file():
        return []
    try:
        with closing(sqlite3.connect(path)) as connection:
            times = connection.execute("SELECT time FROM resolutions").fetchall()
    except sqlite3.Error as error:
        raise _unusable(path) from error
    return [(time,) for (time,) in times if datetime.fromisoformat(time) < limit]


def _write(path: Path, query: str, values: tuple[str, ...]) -> None:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch(mode=0o600)
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute(_TABLE)
            connection.execute(query, values)
    except (OSError, sqlite3.Error) as error:
        raise _unusable(path) from error


def _unusable(path: Path) -> LedgerError:
    msg = (
        f"The file of resolutions {path} cannot be read or written. Check the folder and the disk. "
        "If the file is damaged, delete it: you are then asked about these rows again."
    )
    return LedgerError(msg)
