"""What people decided about look-alikes, kept beside the runs so that nobody is asked twice.

It is keyed by the row's primary identifier and the institution, not by a roster: the next roster
of the same person finds it.
"""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from importer.errors import LedgerError

if TYPE_CHECKING:
    from pathlib import Path

_TABLE = """
CREATE TABLE IF NOT EXISTS decisions (
  institution TEXT NOT NULL, primary_id TEXT NOT NULL, user TEXT NOT NULL,
  against TEXT NOT NULL, operator TEXT NOT NULL, time TEXT NOT NULL,
  PRIMARY KEY (institution, primary_id)
) STRICT
"""


@dataclass(frozen=True, slots=True)
class Decision:
    """Who a person is: a user of Alma (`user`), or, where that is blank, none of those `against`.

    All are primary identifiers without case; `against` are those that were in question.
    """

    primary_id: str
    user: str
    against: frozenset[str]
    operator: str
    time: datetime

    @property
    def told(self) -> str:
        """For a message, who decided what and when."""
        what = "the same person" if self.user else "another person"
        return f"decided by {self.operator} on {self.time:%Y-%m-%d}: {what}"


def recall(path: Path, institution: str) -> dict[str, Decision]:
    """The decisions of an institution by primary identifier; none where no file is yet.

    Raises LedgerError where the file is damaged.
    """
    if not path.is_file():
        return {}
    try:
        with closing(sqlite3.connect(path)) as connection:
            found = connection.execute(
                "SELECT primary_id, user, against, operator, time FROM decisions"
                " WHERE institution = ?",
                (institution,),
            ).fetchall()
    except sqlite3.Error as error:
        raise _unusable(path) from error
    return {
        primary_id: Decision(
            primary_id, user, frozenset(json.loads(against)), operator, datetime.fromisoformat(time)
        )
        for primary_id, user, against, operator, time in found
    }


def remember(path: Path, institution: str, decision: Decision) -> None:
    """Keep a decision in the place of an earlier one. Raises LedgerError if it cannot be kept."""
    _write(
        path,
        "INSERT OR REPLACE INTO decisions VALUES (?, ?, ?, ?, ?, ?)",
        (
            institution,
            decision.primary_id,
            decision.user,
            json.dumps(sorted(decision.against), ensure_ascii=False),
            decision.operator,
            decision.time.isoformat(),
        ),
    )


def forget(path: Path, institution: str, primary_id: str) -> None:
    """Let a person be asked about again.

    It is the row of this identifier, or one that was decided to be this user. Raises LedgerError
    if the file cannot be written.
    """
    if path.is_file():
        query = "DELETE FROM decisions WHERE institution = ? AND ? IN (primary_id, user)"
        _write(path, query, (institution, primary_id.casefold()))


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
        f"The file of decisions {path} cannot be read or written. Check the folder and the disk; "
        "if the file is damaged, delete it: the questions are then asked again."
    )
    return LedgerError(msg)
