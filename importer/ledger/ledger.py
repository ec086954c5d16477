"""One run's ledger: what a check or plan writes into it, and what is read from it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from typing import TYPE_CHECKING, Any, Self

from pydantic import TypeAdapter, ValidationError

from importer.ledger import schema
from importer.ledger.integrity import add_seal
from importer.ledger.schema import RESULTS, SENT, State
from importer.model.catalogue import Code, Repairs, Severity
from importer.model.plan import (
    Act,
    Change,
    ChangeKind,
    Create,
    Delete,
    Fate,
    Held,
    LeftAlone,
    Result,
    Unchanged,
    Update,
)
from importer.model.problem import Origin, Place, Problem
from importer.model.run import ColumnUse, RowHistory, RunFacts
from importer.model.user import User

if TYPE_CHECKING:
    from pathlib import Path

    from importer.model.plan import Step

TEXTS: TypeAdapter[tuple[str, ...]] = TypeAdapter(tuple[str, ...])
PAIRS: TypeAdapter[tuple[tuple[str, str], ...]] = TypeAdapter(tuple[tuple[str, str], ...])
QUADS: TypeAdapter[tuple[tuple[str, str, str, str], ...]] = TypeAdapter(
    tuple[tuple[str, str, str, str], ...]
)


_INTEGER_BITS = 64
"""The size of SQLite's integers, with their sign; it takes no greater one, not even to compare."""


class Ledger:
    """The ledger of one run, in its folder."""

    def __init__(self, folder: Path, connection: sqlite3.Connection) -> None:
        """Use `create` or `open` instead."""
        self.folder = folder
        self.connection = connection

    @classmethod
    def create(cls, folder: Path) -> Ledger:
        """Create an empty ledger. Raises LedgerError if the folder cannot be written."""
        return cls(folder, schema.create(folder))

    @classmethod
    def open(cls, folder: Path) -> Ledger:
        """Open the ledger of an earlier run.

        Raises UsageError if there is none, or it is damaged or was not finished; LedgerError if
        the disk or the folder prevents it.
        """
        ledger = cls(folder, schema.open_existing(folder))
        try:
            finished = ledger.value("finished")
        except BaseException:
            ledger.close()
            raise
        if finished is None:
            ledger.close()
            raise schema.unfinished(folder)
        return ledger

    def close(self) -> None:
        """Close the file."""
        self.connection.close()

    def __enter__(self) -> Self:
        """Close at the end of the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Write all or nothing, durable when the block ends. Raises LedgerError."""
        try:
            self.connection.execute("BEGIN IMMEDIATE")
            yield
            self.connection.execute("COMMIT")
        except sqlite3.Error as error:
            self._roll_back()
            raise schema.unusable(self.folder, error) from error
        except BaseException:
            self._roll_back()
            raise

    def _roll_back(self) -> None:
        # SQLite may have rolled back by itself, or be unable to: the next to open it does then.
        with suppress(sqlite3.Error):
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK")

    def read(self, query: str, parameters: tuple[object, ...] = ()) -> Iterator[tuple[Any, ...]]:
        """Return the rows of a query, one by one. Raises errors as `open` does."""
        try:
            yield from self.connection.execute(query, parameters)
        except schema.FAILURES as error:
            raise schema.unusable(self.folder, error) from error

    def value(self, name: str) -> str | None:
        """Return a value of the run by its name; None where there is none. Raises as `open`."""
        found = next(self.read("SELECT value FROM run WHERE name = ?", (name,)), None)
        return None if found is None else str(found[0])

    @property
    def facts(self) -> RunFacts:
        """Everything about the run that is not about a row. Raises UsageError if damaged."""
        try:
            return RunFacts.model_validate_json(self.value("facts") or "")
        except ValidationError:
            raise schema.damaged(self.folder) from None

    @property
    def was_applied(self) -> bool:
        """Whether `apply` has been started."""
        return self.value("applied") is not None

    def columns(self) -> tuple[ColumnUse, ...]:
        """Return the roster's columns, in order."""
        return tuple(
            ColumnUse(
                letter, heading, TEXTS.validate_json(labels), how, TEXTS.validate_json(samples)
            )
            for letter, heading, labels, how, samples in self.read(
                "SELECT letter, heading, labels, how, samples FROM columns ORDER BY position"
            )
        )

    def problems(self, row: int | None = None) -> Iterator[Problem]:
        """Return problems by row, in the order found; those of the whole roster first."""
        return self._problems("?1 IS NULL OR row = ?1", row)

    def later_problems(self) -> Iterator[Problem]:
        """Return problems found after the run was made, by resolve and apply, by row."""
        last = "(SELECT CAST(value AS INTEGER) FROM run WHERE name = 'last problem')"
        return self._problems(f"id > {last}")

    def _problems(self, condition: str, *values: int | None) -> Iterator[Problem]:
        roster = self.facts.roster
        file = roster.path.replace("\\", "/").rpartition("/")[2]
        for number, code, severity, field, places, value, message, advice, repairs in self.read(
            "SELECT row, code, severity, field, places, value, message, advice, repairs"  # noqa: S608
            " FROM problems"
            f" WHERE {condition} ORDER BY row, id",
            values,
        ):
            origin = Origin(file, roster.sheet, number)
            yield Problem(
                Code(code), origin, Severity(severity), message, advice, field, _places(places),
                value, Repairs(repairs),
            )  # fmt: skip

    def fates(self) -> Iterator[tuple[int, Fate]]:
        """Return the fate of each row, in row order."""
        for row, fate in self.read("SELECT row, fate FROM rows ORDER BY row"):
            yield row, Fate(fate)

    def rows_with(self, code: Code) -> tuple[int, ...]:
        """Return the rows with a problem of this code, in order."""
        query = "SELECT DISTINCT row FROM problems WHERE code = ? ORDER BY row"
        return tuple(row for (row,) in self.read(query, (code,)))

    def dismissed(self) -> int:
        """Count the rows that a person decided not to send."""
        query = "SELECT count(DISTINCT row) FROM problems WHERE code = ? AND severity = ?"
        return next(int(count) for (count,) in self.read(query, (Code.RESOLVED, Severity.REJECT)))

    def life(self, row: int) -> RowHistory | None:
        """Return a row with what was planned for it and the result; None if there is none."""
        if row.bit_length() >= _INTEGER_BITS:
            return None
        return next(self._lives("rows.row = ?", row), None)

    def returning(self) -> Iterator[RowHistory]:
        """Return the rows to correct or resolve, in row order."""
        held = "fate IN ('rejected', 'review')"
        if self.was_applied:
            held += f" OR ({SENT} AND state IN ('refused', 'held'))"
        return self._lives(held)

    def planned(self) -> Iterator[RowHistory]:
        """Return the rows for which something was planned, in row order."""
        return self._lives("act IS NOT NULL")

    def _lives(self, condition: str, *values: int) -> Iterator[RowHistory]:
        applied = self.was_applied
        for number, fate, cells, act, primary_id, changes, state in self.read(
            "SELECT rows.row, fate, cells, act, primary_id, changes, state FROM rows"  # noqa: S608
            " LEFT JOIN cells USING (row) LEFT JOIN steps USING (row)"
            f" WHERE {condition} ORDER BY rows.row",
            values,
        ):
            planned = None if act is None else Act(act)
            yield RowHistory(
                number,
                Fate(fate),
                planned,
                primary_id or "",
                tuple(
                    Change(ChangeKind(kind), path, old, new)
                    for kind, path, old, new in QUADS.validate_json(changes or "[]")
                ),
                RESULTS.get((planned, State(state))) if planned and applied else None,
                TEXTS.validate_json(cells) if cells else (),
            )

    def results(self) -> dict[Result, int]:
        """Count the steps that are sent by result."""
        counts: dict[Result, int] = {}
        for act, state, count in self.read(
            "SELECT act, state, count(*) FROM steps GROUP BY act, state"
        ):
            result = RESULTS.get((Act(act), State(state)))
            if result is not None:
                counts[result] = counts.get(result, 0) + count
        return counts

    def count(self, table: str, column: str) -> dict[str, int]:
        """Count the values of a column of one of the ledger's tables."""
        query = f"SELECT {column}, count(*) FROM {table} GROUP BY 1 ORDER BY 1"  # noqa: S608
        return {str(value): int(count) for value, count in self.read(query)}

    def progress(self) -> dict[State, int]:
        """Count the steps that are sent by state."""
        query = (
            f"SELECT state, count(*) FROM steps WHERE {SENT}"  # noqa: S608
            " GROUP BY state ORDER BY state"
        )
        return {State(state): int(count) for state, count in self.read(query)}


@cache  # a roster has few combinations of columns
def _places(text: str) -> tuple[Place, ...]:
    return tuple(Place(*pair) for pair in PAIRS.validate_json(text))


def to_create(ledger: Ledger, row: int | None = None, most: int = -1) -> Iterator[tuple[int, User]]:
    """Return rows and the records planned for them, in row order, without passwords.

    Of all rows with a create or of one; `most` rows at most.
    """
    query = (
        "SELECT row, after FROM steps WHERE act = ?1 AND (?2 IS NULL OR row = ?2)"
        " ORDER BY row LIMIT ?3"
    )
    for number, after in ledger.read(query, (Act.CREATE, row, most)):
        yield number, User.from_json(after)


# writing, inside one transaction of the caller

ROWS = """
WITH RECURSIVE stretch (row) AS (SELECT ?1 UNION ALL SELECT row + 1 FROM stretch WHERE row < ?2)
INSERT INTO rows SELECT row, ?3 FROM stretch
"""
"""SQL: insert the rows from one number to another, all of one fate."""


def add_columns(ledger: Ledger, columns: Iterable[ColumnUse]) -> None:
    """Add the roster's columns, in order."""
    ledger.connection.executemany(
        "INSERT INTO columns VALUES (?, ?, ?, ?, ?, ?)",
        (
            (n, use.letter, use.heading, _json(use.labels), use.how, _json(use.samples))
            for n, use in enumerate(columns)
        ),
    )


def add_rows(ledger: Ledger, fates: Iterable[tuple[int, Fate]]) -> None:
    """Add the fate of each row; quickest in row order, as most share the fate of the last one."""
    ledger.connection.executemany(ROWS, _stretches(fates))


def _stretches(fates: Iterable[tuple[int, Fate]]) -> Iterator[tuple[int, int, str]]:
    """Return the first and last row of each stretch with the same fate, and that fate."""
    first = last = 0
    shared: Fate | None = None
    for row, fate in fates:
        if fate is not shared or row != last + 1:
            if shared is not None:
                yield first, last, shared.value
            first, shared = row, fate
        last = row
    if shared is not None:
        yield first, last, shared.value


def add_cells(ledger: Ledger, cells: Iterable[tuple[int, tuple[str, ...]]]) -> None:
    """Add the cells of rows as they came, by row number."""
    ledger.connection.executemany(
        "INSERT INTO cells VALUES (?, ?)", ((row, _json(texts)) for row, texts in cells)
    )


def add_problems(ledger: Ledger, problems: Iterable[Problem]) -> None:
    """Add problems."""
    ledger.connection.executemany(
        "INSERT INTO problems (row, code, severity, field, places, value, message, advice, repairs)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            (
                problem.origin.row,
                problem.code.value,
                problem.severity.value,
                problem.field,
                _places_json(problem.places),
                problem.value,
                problem.message,
                problem.advice,
                problem.repairs.value,
            )
            for problem in problems
        ),
    )


@cache  # a roster has few combinations of columns
def _places_json(places: tuple[Place, ...]) -> str:
    return _json([(place.letter, place.heading) for place in places])


def add_steps(ledger: Ledger, steps: Iterable[Step]) -> None:
    """Add what is planned for ready rows; a row that needs review has only its problems."""
    ledger.connection.executemany(
        "INSERT INTO steps VALUES (?, ?, ?, ?, ?, ?, ?, 'planned')",
        (_columns_of(step) for step in steps if not isinstance(step, Held)),
    )


def _columns_of(
    step: Create | Update | Delete | Unchanged | LeftAlone,
) -> tuple[int, str, str, str, str, str, str]:
    match step:
        case Create(row, user):
            return row, Act.CREATE, user.primary_id or "", "", user.to_json(), "[]", "[]"
        case Update(row, primary_id, before, after, changes, override):
            quads = _json([(c.kind, c.path, c.old, c.new) for c in changes])
            images = before.to_json(), after.to_json()
            return row, Act.UPDATE, primary_id, *images, quads, _json(override)
        case Delete(row, primary_id, before):
            image = before.to_json()
            return row, Act.DELETE, primary_id, image, image, "[]", "[]"
        case Unchanged(row, primary_id):
            return row, Act.UNCHANGED, primary_id, "", "", "[]", "[]"
        case LeftAlone(row):
            return row, Act.LEFT_ALONE, "", "", "", "[]", "[]"


def finish(ledger: Ledger, facts: RunFacts) -> None:
    """Store the run's facts and mark it as complete, after everything else was added.

    Facts and steps are sealed. Problems added from now on are later ones.
    """
    ledger.connection.executemany(
        "INSERT INTO run VALUES (?, ?)",
        (("facts", facts.model_dump_json()), ("finished", facts.started.isoformat())),
    )
    add_seal(ledger)
    ledger.connection.execute(
        "INSERT INTO run SELECT 'last problem', CAST(coalesce(max(id), 0) AS TEXT) FROM problems"
    )


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
