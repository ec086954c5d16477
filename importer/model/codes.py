"""The institution's code tables, as far as they are known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

OLD_AFTER = 180
"""Days after which code tables count as old."""


@dataclass(frozen=True, slots=True)
class CodeRow:
    """One code of a table, by Alma's spelling; a disabled code is not accepted by Alma."""

    code: str
    description: str = ""
    enabled: bool = True


@dataclass(frozen=True, slots=True)
class CodeTables:
    """Code tables by Alma's names (`UserGroups`, `Campuses`, …).

    A table that is not in `tables` is not known, so nothing can be said about its codes.
    `fetched` is the day on which they were read from Alma, if they were.
    """

    tables: Mapping[str, tuple[CodeRow, ...]]
    institution: str = ""
    fetched: date | None = None

    def known(self, table: str) -> Mapping[str, CodeRow] | None:
        """The rows of a table by code, or None if the table is not known."""
        rows = self.tables.get(table)
        return None if rows is None else {row.code: row for row in rows}

    def age(self, today: date) -> int | None:
        """How many days ago they were read from Alma; None where people wrote them."""
        return None if self.fetched is None else (today - self.fetched).days

    def old(self, today: date) -> bool:
        """Are they so old that Alma may have other codes by now?"""
        age = self.age(today)
        return age is not None and age >= OLD_AFTER


NO_CODES = CodeTables({})
"""Where no code tables have been saved."""
