"""What people answered about rows that need review, kept beside the runs so nobody is asked twice.

A resolution belongs to the row's primary identifier and the institution, not to a roster: the next
roster with the same person finds it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from importer.errors import LedgerError
from importer.ledger.schema import private_file
from importer.model.catalogue import Code
from importer.model.decisions import DECISIONS, Answer

_TABLE = """
CREATE TABLE IF NOT EXISTS answers (
  institution TEXT NOT NULL, primary_id TEXT NOT NULL, resolution TEXT NOT NULL,
  PRIMARY KEY (institution, primary_id)
) STRICT
"""


@dataclass(frozen=True, slots=True)
class Resolution:
    """A person's answer about a primary identifier: create, reject, update or rename `user`.

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
        return f"decided by {self.operator} on {self.time:%Y-%m-%d}: {DECISIONS[self.answer]}"


_JSON = TypeAdapter(Resolution)


def load_resolutions(path: Path, institution: str) -> dict[str, Resolution]:
    """Return an institution's resolutions by primary identifier; none if there is no file yet.

    Raises LedgerError if the file is damaged.
    """
    return {
        resolution.primary_id: resolution for of, resolution in _every(path) if of == institution
    }


def save_resolution(path: Path, institution: str, resolution: Resolution) -> None:
    """Save a resolution in place of an earlier one. Raises LedgerError if it cannot be saved."""
    text = _JSON.dump_json(resolution).decode()
    with _opened(path) as connection:
        row = (institution, resolution.primary_id, text)
        connection.execute("INSERT OR REPLACE INTO answers VALUES (?, ?, ?)", row)


def delete_resolution(path: Path, institution: str, primary_id: str) -> None:
    """Delete a person's resolution. Raises LedgerError if the file cannot be written."""
    if path.is_file():
        _delete(path, [(institution, primary_id.casefold())])


def count_older(path: Path, limit: datetime) -> int:
    """Count the resolutions before a time. Raises LedgerError if the file is damaged."""
    return sum(resolution.time < limit for _, resolution in _every(path))


def delete_older(path: Path, limit: datetime) -> None:
    """Delete the resolutions before a time so that nothing of them stays in the file.

    Raises LedgerError if the file cannot be written.
    """
    if path.is_file():
        _delete(path, [(of, one.primary_id) for of, one in _every(path) if one.time < limit])


def _delete(path: Path, keys: list[tuple[str, str]]) -> None:
    with _opened(path) as connection:
        query = "DELETE FROM answers WHERE institution = ? AND primary_id = ?"
        connection.executemany(query, keys)


def _every(path: Path) -> Iterator[tuple[str, Resolution]]:
    """Return all resolutions, each with its institution."""
    if path.is_file():
        with _opened(path) as connection:
            for institution, text in connection.execute(
                "SELECT institution, resolution FROM answers"
            ):
                yield institution, _JSON.validate_json(text)


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    """Open the file for one transaction. Raises LedgerError."""
    try:
        with private_file(path, _TABLE) as connection:
            yield connection
    except (OSError, sqlite3.Error, ValidationError) as error:
        msg = (
            f"The file of resolutions {path} cannot be read or written. Check the folder and the "
            "disk. If the file is damaged, delete it: you are then asked about these rows again."
        )
        raise LedgerError(msg) from error
