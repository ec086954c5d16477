"""A new run: all that a check or a plan writes into its ledger, at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path

from importer.ledger.database import as_json
from importer.ledger.integrity import add_seal, mark_paths
from importer.ledger.ledger import CHANGES, COLUMNS, IMPRINTS, PLACES, Ledger
from importer.model.plan import (
    Act,
    Create,
    Delete,
    Fate,
    Held,
    Imprints,
    LeftAlone,
    Step,
    Unchanged,
    Update,
)
from importer.model.problem import Problem
from importer.model.run import ColumnUse, RunFacts

_places_json = cache(lambda places: PLACES.dump_json(places).decode())


def write_run(
    folder: Path,
    facts: RunFacts,
    fates: Mapping[int, Fate],
    *,
    problems: Iterable[Problem] = (),
    steps: Iterable[Step] = (),
    imprints: Iterable[tuple[int, Imprints]] = (),
    columns: Iterable[ColumnUse] = (),
    cells: Iterable[tuple[int, tuple[str, ...]]] = (),
) -> Ledger:
    """Write the ledger of a new run, in one transaction. Raises LedgerError if it cannot be.

    `fates`, `imprints` and `cells` are by row, `columns` in the order of the rosters. Facts and
    steps are sealed. Problems added later are those of resolve and apply.
    """
    ledger = Ledger.create(folder)
    with suppress(OSError):
        mark_paths(folder)[1].unlink(missing_ok=True)  # of a run that was here before
    write = ledger.connection.executemany
    values = {
        "columns": COLUMNS.dump_json(tuple(columns)).decode(),
        "facts": facts.model_dump_json(),
        "finished": facts.started.isoformat(),
    }
    try:
        with ledger.transaction():
            write("INSERT INTO run VALUES (?, ?)", values.items())
            # for a member of an enumeration SQLite's library looks for an adapter, each time
            words = map(str.__str__, fates.values())
            write("INSERT INTO rows VALUES (?, ?)", zip(fates, words, strict=True))
            write(
                "INSERT INTO cells VALUES (?, ?)", ((row, as_json(texts)) for row, texts in cells)
            )
            add_problems(ledger, problems)
            add_steps(ledger, steps)
            add_imprints(ledger, imprints)
            add_seal(ledger)
            ledger.connection.execute(
                "INSERT INTO run SELECT 'last problem', CAST(coalesce(max(id), 0) AS TEXT)"
                " FROM problems"
            )
    except BaseException:
        ledger.close()
        raise
    return ledger


def add_problems(ledger: Ledger, problems: Iterable[Problem]) -> None:
    """Add problems, inside a transaction of the caller."""
    ledger.connection.executemany(
        "INSERT INTO problems (row, code, severity, field, places, value, message, advice, repairs)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            (
                one.origin.row, one.code.value, one.severity.value, one.field,
                _places_json(one.places), one.value, one.message, one.advice, one.repairs.value,
            )
            for one in problems
        ),
    )  # fmt: skip


def add_steps(ledger: Ledger, steps: Iterable[Step]) -> None:
    """Add what is planned for ready rows, inside a transaction of the caller.

    A row that needs review has only its problems.
    """
    ledger.connection.executemany(
        "INSERT INTO steps VALUES (?, ?, ?, ?, ?, ?, ?, 'planned')",
        (_columns_of(step) for step in steps if not isinstance(step, Held)),
    )


def add_imprints(ledger: Ledger, imprints: Iterable[tuple[int, Imprints]]) -> None:
    """Add what is to be remembered of rows, inside a transaction of the caller."""
    ledger.connection.executemany(
        "INSERT OR REPLACE INTO imprints VALUES (?, ?)",
        ((row, IMPRINTS.dump_json({**values}).decode()) for row, values in imprints if values),
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
            return row, Act.UPDATE, primary_id, *images, differences, as_json(override)
        case Delete(row, primary_id, before):
            image = before.to_json()
            return row, Act.DELETE, primary_id, image, image, "[]", "[]"
        case Unchanged(row, primary_id):
            return row, Act.UNCHANGED, primary_id, "", "", "[]", "[]"
        case LeftAlone(row):
            return row, Act.LEFT_ALONE, "", "", "", "[]", "[]"
