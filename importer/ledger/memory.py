"""What earlier runs leave for later plans, in one private file beside the runs.

- `DecisionMemory`: what people answered about rows that need review, so nobody is asked twice. An
  answer belongs to a person and an institution, not to a roster: the next roster with the same
  person finds it.
- `EditMemory` (in `edit_memory`): what loads wrote and what Alma answered, as hashes. If the roster
  still has the same value and Alma has another one, someone edited it there, and the edit stays.
- `AbsentMemory`: who was missing from rosters, and what was changed for that. A roster counts once,
  however often it is planned. Who is in a roster again counts from the start.
- `KeptAnswers` (in `users.matching`): Alma's answers to a plan that was stopped.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any, Self

from pydantic import TypeAdapter

from importer.errors import LedgerError
from importer.ledger.database import Database, as_json, naming
from importer.ledger.ledger import Ledger
from importer.model.decisions import DECISIONS, Answer
from importer.model.plan import Written
from importer.model.problem import Code
from importer.model.user import User

PATH = Path("runs", "memory.sqlite")

_EARLIER = tuple(Path("runs", f"{name}.sqlite") for name in ("decisions", "absent", "edits"))
"""The files of earlier versions, whose tables are in one file now."""

_EDITS = (
    "INSERT OR IGNORE INTO loaded SELECT institution, primary_id, mapping, 'before ' || run,"
    " imprints, imprinted, key FROM earlier.before WHERE mapping <> ''",
    "INSERT OR IGNORE INTO loaded SELECT institution, primary_id, mapping, coalesce((SELECT run"
    " FROM earlier.before WHERE before.institution = edits.institution"
    " AND before.primary_id = edits.primary_id AND before.time = edits.time), ''),"
    " imprints, time, key FROM earlier.edits",
)
"""How `loaded` is filled from `edits`, which had the newest values, and `before`, older ones."""

_FORGET = (
    "DELETE FROM answers WHERE julianday(json_extract(resolution, '$.time')) < julianday(?)",
    *(
        f"DELETE FROM {table} WHERE julianday(time) < julianday(?)"  # noqa: S608  tables of ours
        for table in ("missing", "leavers", "lookups")
    ),
    "DELETE FROM loaded WHERE EXISTS (SELECT 1 FROM loaded AS later WHERE later.time > loaded.time"
    " AND later.institution = loaded.institution AND later.primary_id = loaded.primary_id"
    " AND later.mapping = loaded.mapping AND julianday(later.time) < julianday(?))",
)
"""What is older than a time: of values, those that were replaced before it."""


class Memory(Database):
    """What one institution's earlier runs left; the file need not be there.

    Subclasses have the methods of their tables. Each opens the file and closes it, except in a
    `with` block, which keeps it open. Every method raises LedgerError if the file is damaged or
    cannot be written.
    """

    def __init__(self, institution: str) -> None:
        """Use the entries of this institution, by its key."""
        super().__init__(PATH)
        self.institution = institution
        self._blocks = 0

    def __enter__(self) -> Self:
        """Keep the file open for the block."""
        self._blocks += 1
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file at the end of the outermost block."""
        self._blocks -= 1
        if not self._blocks:
            self.close()

    @property
    def damaged(self) -> LedgerError:
        """The error for a file that cannot be used."""
        return LedgerError(
            f"The file of what earlier runs left, {self.path}, cannot be read or written. Check "
            "the folder and the disk. If the file is damaged, delete it: you are then asked again "
            "about rows that were resolved, edits that staff made are known only as far as the "
            "runs are still there, and missing people are counted from the start."
        )

    def failure(self, error: sqlite3.Error | UnicodeError) -> LedgerError:
        """Return the error for a failure of SQLite; nothing is wrong if another command writes."""
        if getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY:
            return LedgerError(
                f"{self.path} is in use by another command of the importer, so it could not be "
                "read or written now. The next plan writes what is missing."
            )
        return self.damaged

    def make_file(self) -> None:
        """Make the file, for its owner only, if it is not there."""
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.path.touch(mode=0o600)
        except OSError as error:
            raise self.damaged from error

    def prepare(self, connection: sqlite3.Connection) -> None:
        """Make tables that are missing, and take in the files of earlier versions.

        What is deleted leaves no trace.
        """
        connection.execute("PRAGMA secure_delete = ON")
        connection.executescript(files("importer.ledger").joinpath("memory.sql").read_text("utf-8"))
        for path in filter(Path.is_file, _EARLIER):
            connection.execute("ATTACH ? AS earlier", (str(path),))
            names = "SELECT name FROM {}sqlite_master WHERE type = 'table'"
            tables = {name for (name,) in connection.execute(names.format("earlier."))}
            same = tables & {name for (name,) in connection.execute(names.format(""))}
            with connection:
                connection.execute("BEGIN IMMEDIATE")
                for table in same:
                    connection.execute(
                        f"INSERT OR IGNORE INTO {table} SELECT * FROM earlier.{table}"  # noqa: S608
                    )
                for query in _EDITS if {"edits", "before"} <= tables else ():
                    connection.execute(query)
            connection.execute("DETACH earlier")
            path.unlink(missing_ok=True)

    @property
    def exists(self) -> bool:
        """Whether anything was left so far."""
        return "connection" in self.__dict__ or any(map(Path.is_file, (self.path, *_EARLIER)))

    def read(self, query: str, values: tuple[object, ...] = ()) -> Iterator[tuple[Any, ...]]:
        """Return the rows of a query; none if there is no file yet."""
        if not self.exists:
            return iter(())
        with self:
            return iter([*super().read(query, values)])

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Write all or nothing; done when the outermost block ends."""
        with self, super().transaction() as connection:
            yield connection

    def write(self, *changes: tuple[str, Iterable[tuple[str, ...]]]) -> None:
        """Execute queries, each for rows of values before which the institution comes.

        All or nothing is written.
        """
        found = [(query, [(self.institution, *row) for row in rows]) for query, rows in changes]
        if any(rows for _, rows in found):
            with self.transaction() as connection:
                for query, rows in found:
                    connection.executemany(query, rows)


def forget(limit: datetime) -> None:
    """Delete the entries of all institutions before a time. Raises LedgerError."""
    memory = Memory("")
    if memory.exists:
        with memory.transaction() as connection:
            for query in _FORGET:
                connection.execute(query, (limit.isoformat(),))


def utc(time: datetime) -> str:
    """Return a time as text that is in the order of time."""
    return time.astimezone(UTC).isoformat()


@dataclass(frozen=True, slots=True)
class Resolution:
    """A person's answer about a primary identifier: create, reject, update or rename `user`.

    `against` are the people it was compared with, duplicates in the roster among them; all are
    casefolded primary identifiers. `doubts` are the codes of problems that were resolved with it:
    whether the user may be changed, and whose primary ID is right. `person`: a hash of the row's ID
    and person; `theirs`: one of that user's, as it was then. "" in answers of earlier versions, and
    where no user is named.
    """

    primary_id: str
    answer: Answer
    user: str
    against: frozenset[str]
    doubts: frozenset[Code]
    operator: str
    time: datetime
    person: str = ""
    theirs: str = ""

    @property
    def sentence(self) -> str:
        """For a message: who answered what, and when."""
        return f"decided by {self.operator} on {self.time:%Y-%m-%d}: {DECISIONS[self.answer]}"


_JSON = TypeAdapter(Resolution)


_ABOUT = {
    "answers": ("primary_id", "resolution"),
    "missing": ("primary_id",),
    "leavers": ("primary_id", "before", "sent", "answered"),
    "loaded": ("primary_id",),
    "former": ("former", "primary_id"),
    "lookups": ("query", "found"),
}
"""The columns of each table that can name a person: an ID, or JSON with it."""


def entries_about(ids: Collection[str], *, erase: bool = False) -> dict[str, int]:
    """Return how many entries of each table, of all institutions, name one of these IDs.

    The IDs are without case. `erase`: delete them. Raises LedgerError.
    """
    memory, found = Memory(""), dict[str, int]()
    if not memory.exists:
        return found
    with memory.transaction() as connection:
        for table, columns in _ABOUT.items():
            do = "DELETE" if erase else "SELECT 1"
            query = f"{do} FROM {table} WHERE {naming(columns)}"
            for one in ids:
                done = connection.execute(query, (one, as_json(one)))
                if count := done.rowcount if erase else len(done.fetchall()):
                    found[table] = found.get(table, 0) + count
    return found


def rows_about(ledger: Ledger, ids: Collection[str]) -> frozenset[int]:
    """Return the rows of a run that name one of these IDs, given without case, in any text."""
    columns = {
        "cells": ("cells",),
        "steps": ("primary_id", "before", "after"),
        "images": ("before", "sent", "answered"),
        "problems": ("value",),
    }
    rows: set[int] = set()
    for table, names in columns.items():
        query = f"SELECT row FROM {table} WHERE {naming(names)}"  # noqa: S608
        for one in ids:
            rows.update(row for (row,) in ledger.read(query, (one, as_json(one))))
    return frozenset(rows)


class DecisionMemory(Memory):
    """The resolutions of one institution, by primary identifier."""

    def load(self) -> dict[str, Resolution]:
        """Return the resolutions by primary identifier."""
        query = "SELECT resolution FROM answers WHERE institution = ?"
        found = self.parsed(_JSON.validate_json, query, (self.institution,))
        return {one.primary_id: one for one in found}

    def save(self, resolution: Resolution) -> None:
        """Save a resolution in place of an earlier one."""
        text = _JSON.dump_json(resolution).decode()
        query = "INSERT OR REPLACE INTO answers VALUES (?, ?, ?)"
        self.write((query, [(resolution.primary_id, text)]))

    def delete(self, primary_id: str) -> None:
        """Delete a person's resolution."""
        query = "DELETE FROM answers WHERE institution = ? AND primary_id = ?"
        if self.exists:
            self.write((query, [(primary_id.casefold(),)]))


def count_decisions(limit: datetime) -> int:
    """Count the resolutions of all institutions before a time. Raises LedgerError."""
    query = (
        "SELECT count(*) FROM answers"
        " WHERE julianday(json_extract(resolution, '$.time')) < julianday(?)"
    )
    return sum(count for (count,) in Memory("").read(query, (limit.isoformat(),)))


class AbsentMemory(Memory):
    """The missing people of one institution, by primary ID without case."""

    def counts(self, mapping: str) -> Mapping[str, int]:
        """Return from how many rosters of a mapping in a row people were missing."""
        query = (
            "SELECT primary_id, count(*) FROM missing WHERE institution = ? AND mapping = ?"
            " GROUP BY primary_id"
        )
        return dict(self.read(query, (self.institution, mapping)))

    def see(
        self,
        mapping: str,
        roster: str,
        present: Collection[str],
        missing: Iterable[str],
        time: datetime,
    ) -> None:
        """Save who is in a roster, named by its hash, and who is missing from it."""
        seen = "DELETE FROM missing WHERE institution = ? AND mapping = ? AND primary_id = ?"
        not_seen = "INSERT OR IGNORE INTO missing VALUES (?, ?, ?, ?, ?)"
        self.write(
            (seen, ((mapping, key) for key in present)),
            (not_seen, ((mapping, key, roster, utc(time)) for key in missing)),
        )

    def leavers(self, back: str = "", before: datetime | None = None) -> Mapping[str, Written]:
        """Return what was changed of users who were missing and are not back yet.

        `back`: of those instead who were back by this run. `before`: who left before this time.
        """
        query = (
            "SELECT primary_id, before, sent, answered FROM leavers"
            " WHERE institution = ? AND back = ? AND time < ?"
        )
        until = "9" if before is None else utc(before)
        return dict(self.parsed(_leaver, query, (self.institution, back, until)))

    def save_leavers(
        self, gone: Mapping[str, Written], back: Collection[str], run: str, time: datetime
    ) -> None:
        """Save who left, and of those who are back by which run."""
        records = {
            key.casefold(): [
                user.to_json() for user in (one.before, one.sent, one.answered or one.sent)
            ]
            for key, one in gone.items()
        }
        left = "INSERT OR REPLACE INTO leavers VALUES (?, ?, ?, ?, ?, '', ?)"
        returned = (
            "UPDATE leavers SET back = ?2 WHERE institution = ?1 AND primary_id = ?3 AND back = ''"
        )
        self.write(
            (left, ((key, *texts, utc(time)) for key, texts in records.items())),
            (returned, ((run, key.casefold()) for key in back)),
        )

    def take_back(self, primary_ids: Iterable[str]) -> None:
        """Count people who were back by a run, which is undone, among the leavers again."""
        gone = "UPDATE leavers SET back = '' WHERE institution = ? AND primary_id = ?"
        self.write((gone, ((key,) for key in primary_ids)))


def _leaver(primary_id: str, *records: str) -> tuple[str, Written]:
    before, sent, answered = map(User.from_json, records)
    return primary_id, Written(before, sent, answered)
