"""What checking, planning and undoing write into a ledger, inside one transaction of theirs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from functools import cache
from typing import TYPE_CHECKING

from importer.ledger.integrity import add_seal
from importer.model.catalogue import Code, Severity
from importer.model.plan import Act, Create, Delete, Held, LeftAlone, Unchanged, Update

if TYPE_CHECKING:
    from importer.ledger.ledger import Ledger
    from importer.model.plan import Fate, Step
    from importer.model.problem import Place, Problem
    from importer.model.run import ColumnUse, RunFacts

ROWS = """
WITH RECURSIVE stretch (row) AS (SELECT ?1 UNION ALL SELECT row + 1 FROM stretch WHERE row < ?2)
INSERT INTO rows SELECT row, ?3 FROM stretch
"""
"""Rows from one number to another, all of one fate."""


def add_columns(ledger: Ledger, columns: Iterable[ColumnUse]) -> None:
    """The roster's columns, in order."""
    ledger.connection.executemany(
        "INSERT INTO columns VALUES (?, ?, ?, ?, ?, ?)",
        (
            (n, use.letter, use.heading, _json(use.labels), use.how, _json(use.samples))
            for n, use in enumerate(columns)
        ),
    )


def add_rows(ledger: Ledger, fates: Iterable[tuple[int, Fate]]) -> None:
    """What became of each row; quickest in row order, where most share the fate of the last."""
    ledger.connection.executemany(ROWS, _stretches(fates))


def _stretches(fates: Iterable[tuple[int, Fate]]) -> Iterator[tuple[int, int, str]]:
    """The first and the last of rows that follow one another and share a fate, and that fate."""
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
    """Rows as they came, by number."""
    ledger.connection.executemany(
        "INSERT INTO cells VALUES (?, ?)", ((row, _json(texts)) for row, texts in cells)
    )


def add_problems(ledger: Ledger, problems: Iterable[Problem]) -> None:
    """What is wrong, or worth knowing."""
    ledger.connection.executemany(
        "INSERT INTO problems (row, code, severity, field, places, value, message, advice, mends)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            (
                problem.origin.row,
                problem.code.value,
                problem.severity.value,
                problem.field,
                _places(problem.places),
                problem.value,
                problem.message,
                problem.advice,
                problem.mends.value,
            )
            for problem in problems
        ),
    )


@cache  # of a roster's columns, and few of their combinations
def _places(places: tuple[Place, ...]) -> str:
    return _json([(place.letter, place.heading) for place in places])


def add_steps(ledger: Ledger, steps: Iterable[Step]) -> None:
    """What is planned for ready rows; a held one is only known by its problems."""
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


def ease(ledger: Ledger, row: int, code: Code, said: str) -> None:
    """Let problems of a row that hold it for review be warnings, and say why behind them."""
    ledger.connection.execute(
        "UPDATE problems SET severity = ?, message = message || ?"
        " WHERE row = ? AND code = ? AND severity = ?",
        (Severity.WARNING, said, row, code, Severity.REVIEW),
    )


def excuse(ledger: Ledger, rows: Iterable[int]) -> None:
    """Let whatever holds these rows be warnings: they are not to be sent, so need no correction."""
    ledger.connection.executemany(
        "UPDATE problems SET severity = ? WHERE row = ? AND severity IN (?, ?)",
        ((Severity.WARNING, row, Severity.REJECT, Severity.REVIEW) for row in rows),
    )


def finish(ledger: Ledger, facts: RunFacts) -> None:
    """Say that the run is complete, and everything about it that is not about a row.

    The steps must be there by now: they are sealed. Problems that are written down from now on
    are later ones.
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
