"""`check`: load, map, validate. Nothing is asked of Alma."""

from __future__ import annotations

from typing import TYPE_CHECKING

from importer.ledger.writing import add_problems, add_rows, finish
from importer.model.plan import RETURNING
from importer.pipeline.earlier import headings_changed
from importer.pipeline.front import examine, keep_cells, prepare, quiet
from importer.pipeline.runs import new_run, run_facts

if TYPE_CHECKING:
    from collections.abc import Callable

    from importer.ledger.ledger import Ledger
    from importer.model.plan import Fate
    from importer.pipeline.front import Material
    from importer.pipeline.order import Order


def check(order: Order, tell: Callable[[int], None] = quiet) -> Ledger:
    """The ledger of a dry run; `tell` hears how many rows are done.

    Raises RosterError, MappingError, UsageError, LedgerError.
    """
    material = prepare(order)
    with new_run(order) as ledger:
        add_problems(ledger, headings_changed(ledger.folder, material))
        check_into(ledger, material, order, tell)
    return ledger


def check_into(
    ledger: Ledger, material: Material, order: Order, tell: Callable[[int], None] = quiet
) -> dict[int, Fate]:
    """Check every row and write the whole run down; each row's fate, in row order."""
    fates = examine(material, ledger, tell)
    add_rows(ledger, fates.items())
    back = {row for row, fate in fates.items() if fate in RETURNING}
    keep_cells(material, ledger, back)
    finish(ledger, run_facts("check", material, order))
    return fates
