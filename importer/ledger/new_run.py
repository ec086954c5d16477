"""Fill the ledger of a new run; each function is inside a transaction of the caller."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING

from importer.ledger.integrity import add_seal
from importer.ledger.ledger import CHANGES, COLUMNS, PLACES
from importer.model.plan import (
    Act,
    Create,
    Delete,
    Fate,
    Held,
    LeftAlone,
    Step,
    Unchanged,
    Update,
)

if TYPE_CHECKING:
    from importer.ledger.ledger import Ledger
    from importer.model.problem import Problem
    from importer.model.run import ColumnUse, RunFacts

_places_json = cache(lambda places: PLACES.dump_json(places).decode())


def add_columns(ledger: Ledger, columns: Iterable[ColumnUse]) -> None:
    """Add the roster's columns, in order."""
    uses = COLUMNS.dump_json(tuple(columns)).decode()
    ledger.connection.execute("INSERT INTO run VALUES ('columns', ?)", (uses,))


def add_rows(ledger: Ledger, fates: Iterable[tuple[int, Fate]]) -> None:
    """Add the fate of each row."""
    ledger.connection.executemany("INSERT INTO rows VALUES (?, ?)", fates)


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
            images = before.to_json(), after.to_json()
            differences = CHANGES.dump_json(changes).decode()
            return row, Act.UPDATE, primary_id, *images, differences, _json(override)
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
