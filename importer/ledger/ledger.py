"""One run's ledger: its file, and what it tells. What is written into it stands in `writing`."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from typing import TYPE_CHECKING, Any, Self

from pydantic import TypeAdapter, ValidationError

from importer.ledger import schema
from importer.ledger.states import RESULTS, SENT, State
from importer.model.catalogue import Code, Mends, Severity
from importer.model.plan import Act, Change, ChangeKind, Fate, Result
from importer.model.problem import Origin, Place, Problem
from importer.model.run import ColumnUse, RowLife, RunFacts

if TYPE_CHECKING:
    from pathlib import Path

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
        """A new, empty ledger. Raises LedgerError where the folder cannot be written."""
        return cls(folder, schema.create(folder))

    @classmethod
    def open(cls, folder: Path) -> Ledger:
        """The ledger of an earlier run.

        Raises UsageError where there is none, where it is damaged or was not finished, and
        LedgerError where the disk or the folder does not let it be opened.
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
        """All or nothing, on the disk when the block ends. Raises LedgerError if it cannot be."""
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
        """The rows of a query, one by one. Raises LedgerError or UsageError as `open` does."""
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
        """Has `apply` been run at all?"""
        return self.value("applied") is not None

    def columns(self) -> tuple[ColumnUse, ...]:
        """The roster's columns, in order."""
        return tuple(
            ColumnUse(
                letter, heading, TEXTS.validate_json(labels), how, TEXTS.validate_json(samples)
            )
            for letter, heading, labels, how, samples in self.read(
                "SELECT letter, heading, labels, how, samples FROM columns ORDER BY position"
            )
        )

    def problems(self, row: int | None = None) -> Iterator[Problem]:
        """The problems by row, in the order found; those of the whole roster first."""
        return self._problems("?1 IS NULL OR row = ?1", row)

    def later_problems(self) -> Iterator[Problem]:
        """Those that came up after the run was made, in deciding and applying; by row."""
        last = "(SELECT CAST(value AS INTEGER) FROM run WHERE name = 'last problem')"
        return self._problems(f"id > {last}")

    def _problems(self, condition: str, *values: int | None) -> Iterator[Problem]:
        roster = self.facts.roster
        file = roster.path.replace("\\", "/").rpartition("/")[2]
        for number, code, severity, field, places, value, message, advice, mends in self.read(
            "SELECT row, code, severity, field, places, value, message, advice, mends"  # noqa: S608
            " FROM problems"
            f" WHERE {condition} ORDER BY row, id",
            values,
        ):
            origin = Origin(file, roster.sheet, number)
            yield Problem(
                Code(code), origin, Severity(severity), message, advice, field, _places(places),
                value, Mends(mends),
            )  # fmt: skip

    def fates(self) -> Iterator[tuple[int, Fate]]:
        """What became of each row, in row order."""
        for row, fate in self.read("SELECT row, fate FROM rows ORDER BY row"):
            yield row, Fate(fate)

    def rows_with(self, code: Code) -> tuple[int, ...]:
        """The rows that have a problem of this code, in order."""
        query = "SELECT DISTINCT row FROM problems WHERE code = ? ORDER BY row"
        return tuple(row for (row,) in self.read(query, (code,)))

    def dismissed(self) -> int:
        """How many rows a person decided not to send."""
        query = "SELECT count(DISTINCT row) FROM problems WHERE code = ? AND severity = ?"
        return next(int(count) for (count,) in self.read(query, (Code.DECIDED, Severity.REJECT)))

    def holds(self, row: int) -> bool:
        """Has the row a problem that keeps it from being sent?"""
        query = "SELECT 1 FROM problems WHERE row = ? AND severity IN (?, ?)"
        return any(self.read(query, (row, Severity.REJECT, Severity.REVIEW)))

    def life(self, row: int) -> RowLife | None:
        """A row with what was planned for it and what became of it, or None if there is none."""
        if row.bit_length() >= _INTEGER_BITS:
            return None
        return next(self._lives("rows.row = ?", row), None)

    def returning(self) -> Iterator[RowLife]:
        """The rows that come back, to be corrected or decided, in row order."""
        held = "fate IN ('rejected', 'review')"
        if self.was_applied:
            held += f" OR ({SENT} AND state IN ('refused', 'held'))"
        return self._lives(held)

    def planned(self) -> Iterator[RowLife]:
        """The rows for which something was planned, in row order."""
        return self._lives("act IS NOT NULL")

    def _lives(self, condition: str, *values: int) -> Iterator[RowLife]:
        applied = self.was_applied
        for number, fate, cells, act, primary_id, changes, state in self.read(
            "SELECT rows.row, fate, cells, act, primary_id, changes, state FROM rows"  # noqa: S608
            " LEFT JOIN cells USING (row) LEFT JOIN steps USING (row)"
            f" WHERE {condition} ORDER BY rows.row",
            values,
        ):
            planned = None if act is None else Act(act)
            yield RowLife(
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
        """How many of the steps that are sent came to which result."""
        counts: dict[Result, int] = {}
        for act, state, count in self.read(
            "SELECT act, state, count(*) FROM steps GROUP BY act, state"
        ):
            result = RESULTS.get((Act(act), State(state)))
            if result is not None:
                counts[result] = counts.get(result, 0) + count
        return counts

    def count(self, table: str, column: str) -> dict[str, int]:
        """How often each value stands in a column of a table of the ledger."""
        query = f"SELECT {column}, count(*) FROM {table} GROUP BY 1 ORDER BY 1"  # noqa: S608
        return {str(value): int(count) for value, count in self.read(query)}

    def progress(self) -> dict[State, int]:
        """How many of the steps that are sent have come to each state."""
        query = (
            f"SELECT state, count(*) FROM steps WHERE {SENT}"  # noqa: S608
            " GROUP BY state ORDER BY state"
        )
        return {State(state): int(count) for state, count in self.read(query)}


@cache  # of a roster's columns, and few of their combinations
def _places(text: str) -> tuple[Place, ...]:
    return tuple(Place(*pair) for pair in PAIRS.validate_json(text))
