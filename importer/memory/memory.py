"""What earlier runs leave for later plans: one private file beside the runs, and what it forgets.

What a run replaces in it is saved in the run's folder, in `BEFORE`: an undo takes that with it when
it is planned, and puts it back.

By subject, each in a module: `answers` of people about rows, `loads` and what they wrote,
`last_seen`, when each person was last in a roster, and `one_person`, all that is kept of somebody.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple, Self

from pydantic import BaseModel

from importer.errors import LedgerError
from importer.files import RUNS, write_atomically
from importer.ledger.database import Database
from importer.model.formats import MEMORY

PATH = RUNS / "memory.sqlite"

_FORGET = (
    "DELETE FROM answers WHERE julianday(json_extract(resolution, '$.time')) < julianday(?)",
    "DELETE FROM seen WHERE julianday(time) < julianday(?) - 400 AND time < (SELECT"
    " max(rosters.time) FROM rosters WHERE rosters.institution = seen.institution"
    " AND rosters.mapping = seen.mapping)",
    "DELETE FROM rosters WHERE julianday(time) < julianday(?) - 400 AND EXISTS (SELECT 1 FROM"
    " rosters AS later WHERE later.time > rosters.time"
    " AND later.institution = rosters.institution AND later.mapping = rosters.mapping)",
    "DELETE FROM loaded WHERE EXISTS (SELECT 1 FROM leavers WHERE back = '' AND"
    " leavers.institution = loaded.institution AND leavers.primary_id = loaded.primary_id"
    " AND julianday(leavers.time) < julianday(?))",
    "DELETE FROM leavers WHERE julianday(time) < julianday(?)",
    "DELETE FROM loads WHERE julianday(time) < julianday(?) AND EXISTS (SELECT 1 FROM loads"
    " AS later WHERE later.time > loads.time AND later.institution = loads.institution"
    " AND later.mapping = loads.mapping)",
)
"""What is older than a time; of what loads wrote nothing, because plans need it.

But of who left before it and is not back, all values: what the leaving changed is no edit by staff.

When somebody was last seen is kept for 400 days more, and longer if in a mapping's last load.
"""


LOST = (
    "edits that staff made are then not known until the next load, you are asked again about rows "
    "that were resolved, and missing people are counted from the start."
)
"""What a folder without its memory lacks."""


class Memory(Database):
    """What one institution's earlier runs left; the file need not be there.

    Subclasses have the methods of their tables. Each opens the file and closes it, except in a
    `with` block, which keeps it open. Every method raises LedgerError if the file is damaged or
    cannot be written.
    """

    tables = (MEMORY, "memory/schema.sql")

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
            "the folder and the disk. If the file is damaged, restore it from a backup. "
            f"Without one, move it away: {LOST}"
        )

    def failure(self, error: sqlite3.Error | UnicodeError) -> LedgerError:
        """Return the error for a failure of SQLite; nothing is wrong if another command writes."""
        if getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY:
            return LedgerError(
                f"{self.path} is in use by another command of the importer, so it could not be "
                "read or written now. The next plan writes what is missing."
            )
        return self.damaged

    @property
    def exists(self) -> bool:
        """Whether anything was left so far."""
        return "connection" in self.__dict__ or self.path.is_file()

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
        queries = [(query, [(self.institution, *row) for row in rows]) for query, rows in changes]
        if any(rows for _, rows in queries):
            with self.transaction() as connection:
                for query, rows in queries:
                    connection.executemany(query, rows)

    def next_time(self, table: str, now: datetime) -> datetime:
        """Return the time of a load now: after every other one, also if a clock was wrong then."""
        query = f"SELECT max(time) FROM {table} WHERE institution = ?"  # noqa: S608
        last = next(self.read(query, (self.institution,)), (None,))[0]
        return max(now, datetime.fromisoformat(last) + timedelta(microseconds=2)) if last else now


BEFORE = "memory-before.json"
"""The file in a run's folder with what was remembered before it."""


class Entry(NamedTuple):
    """What is kept of a user and mapping: the columns of the table `loaded` after the user's ID."""

    mapping: str
    run: str
    imprints: str
    time: str
    key: str
    writer: str
    wrote: str


class Before(BaseModel, frozen=True, extra="forbid"):
    """What was remembered before a run of those whom it changed in the memory.

    `loaded`: by the primary ID without case that the run left. `seen`: by mapping and primary ID
    without case, when somebody was last in a roster, "" if never.
    """

    loaded: dict[str, list[Entry]] = {}
    seen: dict[str, dict[str, str]] = {}


def read_before(folder: Path) -> Before:
    """Return what was remembered before the run in a folder. Raises LedgerError."""
    path = folder / BEFORE
    try:
        return Before.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return Before()
    except (OSError, ValueError) as error:
        msg = f"{path} cannot be read. Restore it from a backup, then run the same command again."
        raise LedgerError(msg) from error


def add_before(folder: Path, before: Before) -> None:
    """Save what a run replaces beside what it replaced earlier, which stays. Raises LedgerError.

    It is done before the memory is written: a command that is killed in between changes nothing.
    """
    saved = read_before(folder)
    both = Before(loaded=before.loaded | saved.loaded, seen=before.seen | saved.seen)
    try:
        if both != saved:
            write_atomically(folder / BEFORE, both.model_dump_json().encode())
    except OSError as error:
        msg = f"{folder / BEFORE} cannot be written ({error.strerror}). Check the folder."
        raise LedgerError(msg) from error


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
