"""The institution's code tables, as Alma has them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from importer.alma.codes import CAMPUSES
from importer.alma.pacing import run_concurrently
from importer.model.codes import CodeTables
from importer.model.fields import FIELDS

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

    from importer.alma.client import Alma
    from importer.model.codes import CodeRow

LIBRARIES = "Libraries"
"""Alma's libraries, by a call of their own."""

TABLES: tuple[str, ...] = tuple(
    sorted(({field.facts.table for field in FIELDS.values()} | {LIBRARIES}) - {"", CAMPUSES})
)
"""The tables that the record's fields refer to, as far as Alma gives them."""


async def fetch(alma: Alma, tables: Iterable[str], today: date) -> CodeTables:
    """The tables as Alma has them, a call each; one that Alma does not have is left out.

    Raises AlmaError.
    """
    institution = await alma.general()

    async def one(name: str) -> tuple[str, tuple[CodeRow, ...] | None]:
        if name == LIBRARIES:
            return name, await alma.libraries()
        return name, await alma.code_table(name)

    found = {
        name: rows async for name, rows in run_concurrently(alma.limiter, sorted(set(tables)), one)
    }
    return CodeTables(
        {name: rows for name, rows in sorted(found.items()) if rows is not None},
        institution.code,
        today,
    )
