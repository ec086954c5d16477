"""The values that loads left in Alma, as keyed hashes: those of one run, and those of all runs."""

from __future__ import annotations

import hashlib
import secrets
import sqlite3
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import TypeAdapter, ValidationError

from importer.ledger.memory import Memory
from importer.model.files import write_new
from importer.model.plan import Imprint, Imprints, UserMemory

if TYPE_CHECKING:
    from importer.ledger.ledger import Ledger

IMPRINTS: TypeAdapter[dict[str, Imprint]] = TypeAdapter(dict[str, Imprint])


def add_imprints(ledger: Ledger, imprints: Iterable[tuple[int, Imprints]]) -> None:
    """Add what is to be remembered of rows, inside a transaction of the caller."""
    ledger.connection.executemany(
        "INSERT OR REPLACE INTO imprints VALUES (?, ?)",
        ((row, IMPRINTS.dump_json({**values}).decode()) for row, values in imprints if values),
    )


def imprints_in(ledger: Ledger) -> dict[int, dict[str, Imprint]]:
    """Return what is to be remembered of the rows of a run when they were applied.

    None in a run that was made before loads were remembered.
    """
    known = [*ledger.read("SELECT 1 FROM sqlite_master WHERE name = 'imprints'")]
    rows = ledger.read("SELECT row, imprints FROM imprints") if known else ()
    return {row: IMPRINTS.validate_json(text) for row, text in rows}


@dataclass(frozen=True, slots=True)
class Remembered:
    """What a run leaves of one user.

    `primary_id`: as it is now; `before`: as it was. `mapping`: the name of the roster's mapping.
    `values`: what was written. `new`: the run created the user, so nothing older counts.
    `forgets`: paths whose values of every roster are forgotten. `seen`: of a user who was not
    written, when; a later load counts more.
    """

    primary_id: str
    before: str
    mapping: str
    values: Imprints
    new: bool = False
    forgets: frozenset[str] = frozenset()
    seen: datetime | None = None


class EditMemory(Memory):
    """The values that loads left of one institution's users, by primary ID without case.

    Hashes are made with a key that is kept elsewhere; what was made with another key is not read.
    `before` has what was remembered of each user of a run before it, which undo puts back.
    """

    path = Path("runs", "edits.sqlite")
    key_path = Path("users", "edits.key")
    tables = """
CREATE TABLE IF NOT EXISTS edits (
  institution TEXT NOT NULL, primary_id TEXT NOT NULL, mapping TEXT NOT NULL,
  imprints TEXT NOT NULL, time TEXT NOT NULL, key TEXT NOT NULL,
  PRIMARY KEY (institution, primary_id, mapping)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS before (
  institution TEXT NOT NULL, run TEXT NOT NULL, primary_id TEXT NOT NULL, mapping TEXT NOT NULL,
  imprints TEXT NOT NULL, imprinted TEXT NOT NULL, key TEXT NOT NULL, time TEXT NOT NULL,
  PRIMARY KEY (institution, run, primary_id, mapping)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS former (
  institution TEXT NOT NULL, former TEXT NOT NULL, primary_id TEXT NOT NULL,
  PRIMARY KEY (institution, former)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS runs (
  institution TEXT NOT NULL, run TEXT NOT NULL, entry INTEGER NOT NULL,
  PRIMARY KEY (institution, run)
) STRICT, WITHOUT ROWID;
"""
    times = (("before", "time"),)
    damage = ("values that were loaded", "edits that staff made before are then not known.")

    def __init__(self, institution: str = "") -> None:
        """Use the entries of this institution; make the key if there is none yet."""
        super().__init__(institution)
        self._reading: sqlite3.Connection | None = None

    @cached_property
    def key(self) -> bytes:
        """The secret of the hashes; it is made, for its owner only, if it is not there."""
        try:
            self.key_path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with suppress(FileExistsError):
                write_new(self.key_path, secrets.token_hex(32).encode())
            return bytes.fromhex(self.key_path.read_text("ascii"))
        except (OSError, ValueError) as error:
            raise self.damaged from error

    def of(self, mapping: str, primary_ids: Iterable[str]) -> UserMemory:
        """Return what is remembered of a user under the first of these IDs that is known."""
        if self._reading is None:
            if not self.path.is_file():
                return UserMemory(None, ())
            with self.opened():  # makes tables that are missing
                pass
            self._reading = sqlite3.connect(self.path)
        query = (
            "SELECT mapping, imprints FROM edits WHERE institution = ? AND primary_id = ?"
            " AND key = ? ORDER BY time DESC"
        )
        try:
            for primary_id in primary_ids:
                values = (self.institution, primary_id.casefold(), self._mark)
                rows = self._reading.execute(query, values).fetchall()
                found = {name: IMPRINTS.validate_json(text) for name, text in rows}
                if found:
                    own = found.pop(mapping, None)
                    return UserMemory(own, tuple(found.values()))
        except (sqlite3.Error, ValidationError) as error:
            raise self.damaged from error
        return UserMemory(None, ())

    def former(self) -> Mapping[str, str]:
        """Return the primary IDs of users by those that loads took from them, without case."""
        query = "SELECT former, primary_id FROM former WHERE institution = ?"
        return dict(self.read(query))

    def _replaced(self, connection: sqlite3.Connection, old: str, new: str) -> None:
        """Save that a user's primary ID is another one now."""
        connection.execute(
            "UPDATE former SET primary_id = ? WHERE institution = ? AND primary_id = ?",
            (new, self.institution, old),
        )
        connection.execute(
            "INSERT OR REPLACE INTO former VALUES (?, ?, ?)", (self.institution, old, new)
        )
        own = "DELETE FROM former WHERE institution = ? AND former = ?"
        connection.execute(own, (self.institution, new))

    @property
    def _mark(self) -> str:
        """What shows that hashes were made with the present key."""
        return hashlib.sha256(self.key).hexdigest()[:16]

    def entry(self, run: str) -> int | None:
        """Return the last entry of a run's history that is remembered; None for an unknown run."""
        rows = self.read("SELECT entry FROM runs WHERE institution = ? AND run = ?", run)
        return next((int(entry) for (entry,) in rows), None)

    def remember(self, run: str, entry: int, found: Iterable[Remembered], time: datetime) -> None:
        """Save what a run left of users, up to an entry of its history."""
        with self.opened() as connection:
            for one in found:
                self._remember(connection, run, one, time)
            connection.execute(
                "INSERT OR REPLACE INTO runs VALUES (?, ?, ?)", (self.institution, run, entry)
            )

    def _remember(
        self, connection: sqlite3.Connection, run: str, one: Remembered, time: datetime
    ) -> None:
        key, old = one.primary_id.casefold(), one.before.casefold()
        user = "institution = ? AND primary_id = ?"
        connection.execute(
            "INSERT OR IGNORE INTO before VALUES (?, ?, ?, '', '', '', '', ?)",
            (self.institution, run, key, time.isoformat()),
        )
        for known in {key, old}:
            connection.execute(
                "INSERT OR IGNORE INTO before SELECT institution, ?, ?, mapping, imprints, time,"  # noqa: S608
                f" key, ? FROM edits WHERE {user}",
                (run, key, time.isoformat(), self.institution, known),
            )
        if old != key and not one.new:
            self._replaced(connection, old, key)
        if one.seen is not None:
            query = f"SELECT 1 FROM edits WHERE {user} AND julianday(time) > julianday(?)"  # noqa: S608
            values = (self.institution, key, one.seen.isoformat())
            if connection.execute(query, values).fetchone():
                return
        if one.new:
            connection.execute(f"DELETE FROM edits WHERE {user}", (self.institution, key))  # noqa: S608
        elif old != key:
            connection.execute(
                f"UPDATE OR REPLACE edits SET primary_id = ? WHERE {user}",  # noqa: S608
                (key, self.institution, old),
            )
        rows = connection.execute(
            f"SELECT mapping, imprints FROM edits WHERE {user} AND key = ?",  # noqa: S608
            (self.institution, key, self._mark),
        ).fetchall()
        known_values = {name: IMPRINTS.validate_json(text) for name, text in rows}
        if one.values:
            known_values[one.mapping] = {**known_values.get(one.mapping, {}), **one.values}
        for name, left in known_values.items():
            kept = {k: value for k, value in left.items() if value.where.path not in one.forgets}
            if name == one.mapping or len(kept) < len(left):
                text = IMPRINTS.dump_json(kept).decode()
                connection.execute(
                    "INSERT OR REPLACE INTO edits VALUES (?, ?, ?, ?, ?, ?)",
                    (self.institution, key, name, text, time.isoformat(), self._mark),
                )

    def put_back(
        self, run: str, entry: int, undone: str, now: Mapping[str, str], kept: Collection[str]
    ) -> None:
        """Remember of users what was remembered before a run, which was undone by `run`.

        All are primary IDs as the undone run left them, without case. `now`: those that are others
        now, "" if the user was deleted. `kept`: users who are still as that run left them.
        """
        with self.opened() as connection:
            users = connection.execute(
                "SELECT DISTINCT primary_id FROM before WHERE institution = ? AND run = ?",
                (self.institution, undone),
            ).fetchall()
            for (user,) in users:
                key = now.get(user, user)
                for known in {user, key} if user not in kept else ():
                    connection.execute(
                        "DELETE FROM edits WHERE institution = ? AND primary_id = ?",
                        (self.institution, known),
                    )
                if key not in {"", user}:
                    self._replaced(connection, user, key)
                if key and user not in kept:
                    connection.execute(
                        "INSERT INTO edits SELECT institution, ?, mapping, imprints, imprinted, key"
                        " FROM before WHERE institution = ? AND run = ? AND primary_id = ?"
                        " AND mapping <> ''",
                        (key, self.institution, undone, user),
                    )
            connection.execute(
                "INSERT OR REPLACE INTO runs VALUES (?, ?, ?)", (self.institution, run, entry)
            )

    def close(self) -> None:
        """Close the file."""
        if self._reading is not None:
            self._reading.close()
