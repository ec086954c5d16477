"""The users in SQLite: one row each, one index of all identifiers, one index of words.

Primary and additional identifiers share one index, because Alma keeps them unique together
(contract 3.2). The server calls `commit` several times a second and when it stops.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from importer.errors import UsageError
from importer.sandbox.record import Record, entries, text

_VERSION = 2
# Search field → list and the field of its entries; a list of "" is the user itself.
_PLAIN = (
    "primary_id", "first_name", "last_name", "middle_name", "job_category", "birth_date",
    "user_group", "campus_code",
)  # fmt: skip
_WORDS = {
    **{name: ("", name) for name in _PLAIN},
    "email": ("email", "email_address"),
    "phone_number": ("phone", "phone_number"),
    "identifiers": ("user_identifier", "value"),
    "block_type": ("user_block", "block_type"),
    "id_type": ("user_identifier", "id_type"),
    "note_text": ("user_note", "note_text"),
    "note_type": ("user_note", "note_type"),
    "statistic_category": ("user_statistic", "statistic_category"),
}
SEARCH_FIELDS = tuple(_WORDS)
# Fields to sort and to select by.
_COLUMNS = ("primary_id", "first_name", "last_name", "source_institution_code", "source_link_id")
_SCHEMA = f"""
CREATE TABLE users (
    number INTEGER PRIMARY KEY,
    record TEXT NOT NULL,
    modified TEXT NOT NULL,
    edited TEXT NOT NULL,
    secret TEXT NOT NULL,
    loans INTEGER NOT NULL,
    {", ".join(f"{name} TEXT AS (json_extract(record, '$.{name}'))" for name in _COLUMNS)}
);
CREATE INDEX by_name ON users (last_name, first_name, primary_id);
CREATE INDEX by_first_name ON users (first_name, primary_id);
CREATE INDEX by_primary_id ON users (primary_id);
CREATE TABLE identifiers (
    key TEXT PRIMARY KEY,
    type TEXT NOT NULL,
    value TEXT NOT NULL,
    active INTEGER NOT NULL,
    number INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX by_number ON identifiers (number);
CREATE VIRTUAL TABLE words USING fts5 ({", ".join(SEARCH_FIELDS)});
CREATE TABLE added_codes (
    code_table TEXT NOT NULL, code TEXT NOT NULL, words TEXT NOT NULL,
    PRIMARY KEY (code_table, code)
);
PRAGMA user_version = {_VERSION};
"""
_INSERT_WORDS = (
    f"INSERT INTO words (rowid, {', '.join(SEARCH_FIELDS)})"  # noqa: S608  our own column names
    f" VALUES (?{', ?' * len(SEARCH_FIELDS)})"
)


@dataclass(frozen=True, slots=True)
class Stored:
    """A stored user; `number` is None before it is stored.

    `edited` has the sticky fields that staff changed in Alma itself, by their names in `override`,
    with their values before.
    """

    number: int | None
    record: Record
    modified: str = ""
    edited: Record = field(default_factory=dict)
    secret: str = ""
    loans: int = 0


@dataclass(frozen=True, slots=True)
class Claim:
    """An identifier of a user. `type` is blank for the primary one."""

    key: str
    type: str
    value: str
    active: bool = True


class Store:
    """Users, their identifiers and their words. For one thread."""

    def __init__(self, path: Path | None) -> None:
        """Open or create the file, or use memory; UsageError if the file cannot be used."""
        try:
            self._db = sqlite3.connect(path or ":memory:", isolation_level=None)
            version = self._db.execute("PRAGMA user_version").fetchone()[0]
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = NORMAL")
            if version == 0:
                self._db.executescript(_SCHEMA)
        except sqlite3.Error as error:
            msg = f"{path}: cannot be used as the practice Alma's file ({error}); name another one"
            raise UsageError(msg) from error
        if version not in {0, _VERSION}:
            msg = f"{path}: was made by another version of the practice Alma; name a new file"
            raise UsageError(msg)
        self._db.execute("BEGIN")

    def commit(self) -> None:
        """Make all changes so far durable."""
        self._db.execute("COMMIT")
        self._db.execute("BEGIN")

    def close(self) -> None:
        """Commit and close the file."""
        self._db.execute("COMMIT")
        self._db.close()

    def find(self, key: str) -> tuple[Claim, int] | None:
        """Return the identifier under this key and the number of its user."""
        row = self._db.execute(
            "SELECT key, type, value, active, number FROM identifiers WHERE key = ?", (key,)
        ).fetchone()
        return None if row is None else (Claim(row[0], row[1], row[2], bool(row[3])), row[4])

    def get(self, number: int) -> Stored:
        """Return the user with this number."""
        return self.page("number = ?", (number,), "number", 1, 0)[0]

    def save(self, user: Stored, claims: Iterable[Claim]) -> Stored:
        """Store a new or a changed user with all its identifiers; return it with its number."""
        if user.number is not None:
            self.remove(user.number)
        record, edited = (
            json.dumps(part, ensure_ascii=False) for part in (user.record, user.edited)
        )
        number = self._db.execute(
            "INSERT INTO users (number, record, modified, edited, secret, loans)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (user.number, record, user.modified, edited, user.secret, user.loans),
        ).lastrowid
        self._db.executemany(
            "INSERT INTO identifiers (key, type, value, active, number) VALUES (?, ?, ?, ?, ?)",
            ((claim.key, claim.type, claim.value, claim.active, number) for claim in claims),
        )
        self._db.execute(_INSERT_WORDS, (number, *_words(user.record)))
        return replace(user, number=number)

    def remove(self, number: int) -> None:
        """Delete a user."""
        self._db.execute("DELETE FROM users WHERE number = ?", (number,))
        self._db.execute("DELETE FROM identifiers WHERE number = ?", (number,))
        self._db.execute("DELETE FROM words WHERE rowid = ?", (number,))

    def page(
        self, where: str, values: tuple[str | int, ...], order: str, limit: int, offset: int
    ) -> list[Stored]:
        """Return the users that meet an SQL condition, in an SQL order."""
        rows = self._db.execute(
            "SELECT number, record, modified, edited, secret, loans FROM users"  # noqa: S608
            f" WHERE {where} ORDER BY {order} LIMIT ? OFFSET ?",
            (*values, limit, offset),
        )
        return [
            Stored(number, json.loads(record), modified, json.loads(edited), secret, loans)
            for number, record, modified, edited, secret, loans in rows
        ]

    def count(self, where: str = "1", values: tuple[str | int, ...] = ()) -> int:
        """Return the number of users that meet an SQL condition."""
        row = self._db.execute(f"SELECT count(*) FROM users WHERE {where}", values).fetchone()  # noqa: S608
        return int(row[0])

    def added_codes(self) -> list[tuple[str, str, str]]:
        """Return the added code table rows: table, code, description."""
        return self._db.execute("SELECT code_table, code, words FROM added_codes").fetchall()

    def add_code(self, table: str, code: str, words: str) -> None:
        """Store an added code table row."""
        self._db.execute(
            "INSERT OR REPLACE INTO added_codes VALUES (?, ?, ?)", (table, code, words)
        )


def _words(record: Record) -> list[str]:
    """Return the searchable text of a record, in the order of SEARCH_FIELDS."""
    return [
        " ".join(text(entry, key) for entry in (entries(record, name) if name else [record]))
        for name, key in _WORDS.values()
    ]
