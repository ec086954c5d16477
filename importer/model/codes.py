"""The institution's code tables, as far as they are known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

OLD_AFTER = 180
"""Days after which code tables count as old."""


@dataclass(frozen=True, slots=True)
class CodeRow:
    """One code of a table, as Alma spells it; Alma does not accept a disabled code."""

    code: str
    description: str = ""
    enabled: bool = True


@dataclass(frozen=True, slots=True)
class CodeTables:
    """Code tables by Alma's names (`UserGroups`, `Campuses`, …).

    Codes of a table that is not in `tables` are not checked. `fetched` is the day on which the
    tables were read from Alma; None if people wrote them.
    """

    tables: Mapping[str, tuple[CodeRow, ...]]
    institution: str = ""
    fetched: date | None = None

    def known(self, table: str) -> Mapping[str, CodeRow] | None:
        """Return the rows of a table by code, or None if the table is not known."""
        rows = self.tables.get(table)
        return None if rows is None else {row.code: row for row in rows}

    def age(self, today: date) -> int | None:
        """Return how many days ago they were read from Alma; None if people wrote them."""
        return None if self.fetched is None else (today - self.fetched).days

    def old(self, today: date) -> bool:
        """Return whether they are so old that Alma may have other codes by now."""
        age = self.age(today)
        return age is not None and age >= OLD_AFTER


NO_CODES = CodeTables({})
"""No code tables are saved."""
