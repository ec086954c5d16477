"""Users as the practice Alma keeps them: the table of their fields, `record.toml`, and SQLite.

A `Record` contains fields by Alma's names and nothing that was not given: text (codes and ISO dates
too), booleans, lists of codes (`address_type`) and lists of further records (`address`, ...). An
absent key and an empty value mean the same. The contact lists are kept beside the other lists;
`contact_info` exists in JSON and XML only.
"""

from __future__ import annotations

import json
import sqlite3
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, TypeAlias

from pydantic import BaseModel, TypeAdapter

from importer.errors import UsageError

Value: TypeAlias = "str | bool | list[str] | list[Record]"
Record: TypeAlias = "dict[str, Value]"
Switches: TypeAlias = "Mapping[str, str]"
Json: TypeAlias = "str | bool | int | float | Mapping[str, Json] | Sequence[Json] | None"

INTERNAL = "INTERNAL"
EXTERNAL = "EXTERNAL"
SOURCE = ("source_institution_code", "source_link_id")
"""What a copy of another institution's user has."""


class RecordField(BaseModel, frozen=True, extra="forbid"):
    """One field; `record.toml` explains the keys."""

    kind: Literal["text", "code", "codes", "date", "time", "bool"] = "text"
    length: int = 255
    table: str = ""
    type: str = ""
    empty: Literal["blank", "null", "null-value", "absent"] = "blank"
    attribute: bool = False
    required: bool = False
    output: bool = False
    sticky: bool = False
    single: bool = False


class PracticePart(BaseModel, frozen=True, extra="forbid"):
    """A user, or a list of entries."""

    fields: dict[str, RecordField]
    parts: dict[str, PracticePart] = {}
    wrapper: str = ""
    key: str = ""
    contact: bool = False
    segmented: bool = True
    sticky: bool = False
    absent: bool = False

    def model_post_init(self, _context: object) -> None:
        """Give the entries of segmented lists their class."""
        if self.segmented:
            self.fields["segment_type"] = RecordField(length=10, empty="absent", attribute=True)


def _load() -> PracticePart:
    text = Path(__file__).with_name("record.toml").read_text("utf-8")
    parts = TypeAdapter(dict[str, PracticePart]).validate_python(tomllib.loads(text))
    user = parts.pop("user")
    return user.model_copy(update={"parts": parts})


USER = _load()
SEGMENTED = tuple(name for name, part in USER.parts.items() if part.segmented)
OUTPUT_ONLY = tuple(name for name, field in USER.fields.items() if field.output)
# Name in `override` → field.
STICKY = {
    **{name: name for name, field in USER.fields.items() if field.sticky},
    **{part.wrapper: name for name, part in USER.parts.items() if part.sticky},
}


def text(record: Record, name: str) -> str:
    """Return the text, code or date of a field; blank if there is none."""
    value = record.get(name, "")
    return value if isinstance(value, str) else ""


def flag(record: Record, name: str) -> bool:
    """Return whether a boolean field is set."""
    return record.get(name) is True


def codes(record: Record, name: str) -> list[str]:
    """Return the code of a field, or the codes of a list such as `address_type`."""
    value = record.get(name, [])
    listed = value if isinstance(value, list) else [value]
    return [entry for entry in listed if entry and isinstance(entry, str)]


def entries(record: Record, name: str) -> list[Record]:
    """Return the entries of a list such as `user_identifier`."""
    value = record.get(name, [])
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def all_entries(record: Record) -> Iterator[tuple[str, PracticePart, Record]]:
    """Yield the name, the description and each entry of each list."""
    for name, part in USER.parts.items():
        for entry in entries(record, name):
            yield name, part, entry


def full_name(record: Record) -> str:
    """Return first, middle and last name; Alma shows at most 600 characters."""
    names = (text(record, name) for name in ("first_name", "middle_name", "last_name"))
    return " ".join(name for name in names if name)[:600]


def timestamp(moment: datetime) -> str:
    """Return a moment as Alma prints it, such as 2026-08-20T09:30:00.000Z."""
    utc = moment.astimezone(UTC).replace(tzinfo=None)
    return f"{utc.isoformat(timespec='milliseconds')}Z"


# --- the users in SQLite: one row each, one index of all identifiers, one index of words ---
#
# Primary and additional identifiers share one index, because Alma keeps them unique together
# (contract 3.2). The server calls `commit` several times a second and when it stops.

_VERSION = 4
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
_COLUMNS = ("primary_id", "first_name", "last_name", *SOURCE)
_SCHEMA = f"""
CREATE TABLE users (
    number INTEGER PRIMARY KEY,
    record TEXT NOT NULL,
    modified TEXT NOT NULL,
    edited TEXT NOT NULL,
    activity TEXT NOT NULL,
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
PRAGMA user_version = {_VERSION};
"""
_INSERT_WORDS = (
    f"INSERT INTO words (rowid, {', '.join(SEARCH_FIELDS)})"  # noqa: S608  our own column names
    f" VALUES (?{', ?' * len(SEARCH_FIELDS)})"
)


@dataclass(frozen=True, slots=True)
class Activity:
    """What a user has open: the numbers of loans and requests, and the fees as the API shows them.

    A fee has an `id`, a `balance` and a `status`.
    """

    loans: int = 0
    requests: int = 0
    fees: Sequence[dict[str, Json]] = ()

    @property
    def owed(self) -> float:
        """The sum of the balances of the fees."""
        return sum(due for fee in self.fees if isinstance(due := fee.get("balance"), int | float))


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
    activity: Activity = Activity()


@dataclass(frozen=True, slots=True)
class Claim:
    """An identifier of a user. `type` is blank for the primary one."""

    key: str
    type: str
    value: str
    active: bool = True


def is_unusable(path: Path) -> bool:
    """Return whether a file is another version's practice Alma, or none; a busy one is not."""
    if not path.is_file():
        return False
    try:
        with closing(sqlite3.connect(path)) as database:
            version: int = database.execute("PRAGMA user_version").fetchone()[0]
    except sqlite3.OperationalError:
        return False
    except sqlite3.Error:
        return True
    return version not in {0, _VERSION}


class UserStore:
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
        except sqlite3.OperationalError as error:  # busy, or out of reach
            msg = (
                f"{path} cannot be used now ({error}). Close the program that uses it, or name "
                "another file."
            )
            raise UsageError(msg) from error
        except sqlite3.Error as error:
            msg = f"{path} is no practice Alma ({error}). Delete it or name another one."
            raise UsageError(msg) from error
        if version not in {0, _VERSION}:
            msg = f"{path} is another version's practice Alma. Delete it or name another one."
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
        record, edited, activity = (
            json.dumps(part, ensure_ascii=False)
            for part in (user.record, user.edited, asdict(user.activity))
        )
        number = self._db.execute(
            "INSERT INTO users (number, record, modified, edited, activity) VALUES (?, ?, ?, ?, ?)",
            (user.number, record, user.modified, edited, activity),
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
            "SELECT number, record, modified, edited, activity FROM users"  # noqa: S608
            f" WHERE {where} ORDER BY {order} LIMIT ? OFFSET ?",
            (*values, limit, offset),
        )
        return [
            Stored(
                number,
                json.loads(record),
                modified,
                json.loads(edited),
                Activity(**json.loads(activity)),
            )
            for number, record, modified, edited, activity in rows
        ]

    def count(self, where: str = "1", values: tuple[str | int, ...] = ()) -> int:
        """Return the number of users that meet an SQL condition."""
        row = self._db.execute(f"SELECT count(*) FROM users WHERE {where}", values).fetchone()  # noqa: S608
        return int(row[0])


def _words(record: Record) -> list[str]:
    """Return the searchable text of a record, in the order of SEARCH_FIELDS."""
    return [
        " ".join(text(entry, key) for entry in (entries(record, name) if name else [record]))
        for name, key in _WORDS.values()
    ]
