"""What people decided about held rows, kept beside the runs so that nobody is asked twice.

It is keyed by the row's primary identifier and the institution, not by a roster: the next roster
of the same person finds it.
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
CREATE TABLE IF NOT EXISTS decisions (
  institution TEXT NOT NULL, primary_id TEXT NOT NULL, how TEXT NOT NULL, user TEXT NOT NULL,
  against TEXT NOT NULL, doubts TEXT NOT NULL, operator TEXT NOT NULL, time TEXT NOT NULL,
  PRIMARY KEY (institution, primary_id)
) STRICT
"""


class How(StrEnum):
    """How a held row is settled."""

    CREATE = "create"
    UPDATE = "update"
    REJECT = "reject"


_TOLD = {
    How.CREATE: "another person",
    How.UPDATE: "the same person",
    How.REJECT: "not to be sent",
}


@dataclass(frozen=True, slots=True)
class Decision:
    """What is done about a person: created, not sent, or updated as a user of Alma (`user`).

    `against` are those who were in question, the row's twins among them; all are primary
    identifiers without case. `doubts` are the other things that were asked about them.
    """

    primary_id: str
    how: How
    user: str
    against: frozenset[str]
    doubts: frozenset[Code]
    operator: str
    time: datetime

    @property
    def told(self) -> str:
        """For a message, who decided what and when."""
        return f"decided by {self.operator} on {self.time:%Y-%m-%d}: {_TOLD[self.how]}"


def recall(path: Path, institution: str) -> dict[str, Decision]:
    """The decisions of an institution by primary identifier; none where no file is yet.

    Raises LedgerError where the file is damaged.
    """
    if not path.is_file():
        return {}
    try:
        with closing(sqlite3.connect(path)) as connection:
            found = connection.execute(
                "SELECT primary_id, how, user, against, doubts, operator, time FROM decisions"
                " WHERE institution = ?",
                (institution,),
            ).fetchall()
    except sqlite3.Error as error:
        raise _unusable(path) from error
    return {
        primary_id: Decision(
            primary_id,
            How(how),
            user,
            frozenset(json.loads(against)),
            frozenset(map(Code, json.loads(doubts))),
            operator,
            datetime.fromisoformat(time),
        )
        for primary_id, how, user, against, doubts, operator, time in found
    }


def remember(path: Path, institution: str, decision: Decision) -> None:
    """Keep a decision in the place of an earlier one. Raises LedgerError if it cannot be kept."""
    _write(
        path,
        "INSERT OR REPLACE INTO decisions VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            institution,
            decision.primary_id,
            decision.how,
            decision.user,
            json.dumps(sorted(decision.against), ensure_ascii=False),
            json.dumps(sorted(decision.doubts)),
            decision.operator,
            decision.time.isoformat(),
        ),
    )


def forget(path: Path, institution: str, primary_id: str) -> None:
    """Let a person be asked about again. Raises LedgerError if the file cannot be written."""
    if path.is_file():
        query = "DELETE FROM decisions WHERE institution = ? AND primary_id = ?"
        _write(path, query, (institution, primary_id.casefold()))


def decided_before(path: Path, limit: datetime) -> int:
    """How many decisions are older. Raises LedgerError where the file is damaged."""
    return len(_older(path, limit))


def forget_before(path: Path, limit: datetime) -> None:
    """Forget the decisions that are older, so that nothing of them stays in the file.

    Raises LedgerError if the file cannot be written.
    """
    older = _older(path, limit)
    try:
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute("PRAGMA secure_delete = ON")
            connection.executemany("DELETE FROM decisions WHERE time = ?", older)
    except (OSError, sqlite3.Error) as error:
        raise _unusable(path) from error


def _older(path: Path, limit: datetime) -> list[tuple[str]]:
    """The times of the decisions before a time, as they stand in the file."""
    if not path.is_file():
        return []
    try:
        with closing(sqlite3.connect(path)) as connection:
            times = connection.execute("SELECT time FROM decisions").fetchall()
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
        f"The file of decisions {path} cannot be read or written. Check the folder and the disk; "
        "if the file is damaged, delete it: the questions are then asked again."
    )
    return LedgerError(msg)
