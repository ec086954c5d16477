"""The code tables and libraries of the institution, `institution.toml` (contract 1.4)."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TypeAlias

from importer.sandbox.answers import refuse
from importer.sandbox.record import Json

_FILE = tomllib.loads(Path(__file__).with_name("institution.toml").read_text("utf-8"))
INSTITUTION: tuple[str, str] = (_FILE["institution"]["code"], _FILE["institution"]["name"])
LIBRARIES: list[dict[str, Json]] = _FILE["libraries"]
_VENDOR_ONLY: dict[str, list[str]] = _FILE["vendor_only"]
# Not code tables in Alma: campuses and libraries have menus of their own.
_UNLISTED = frozenset({"Campuses", "Libraries", "Scopes"})
Rows: TypeAlias = "dict[str, str]"


class CodeTables:
    """The code tables, to which an institution can add rows."""

    def __init__(self) -> None:
        """Start with the rows of `institution.toml`."""
        libraries = {library["code"]: library["name"] for library in _FILE["libraries"]}
        self._tables: dict[str, Rows] = {
            **{name: dict(rows) for name, rows in _FILE["tables"].items()},
            "Libraries": libraries,
            "Scopes": dict([INSTITUTION]) | libraries,
        }

    def has(self, table: str, code: str) -> bool:
        """Return whether the code is in the table; case matters."""
        return code in self._tables.get(table, {})

    def describe(self, table: str, code: str) -> str:
        """Return the description of a code; blank if the table does not have it."""
        return self._tables.get(table, {}).get(code, "")

    def allowed(self, table: str, code: str, record_type: str) -> bool:
        """Return whether users of this record type may have this code of the table."""
        return record_type == "CONTACT" or code not in _VENDOR_ONLY.get(table, [])

    def add(self, table: str, rows: Rows) -> bool:
        """Add rows to a table; return False if there is no such table."""
        if table not in self._tables:
            return False
        self._tables[table].update(rows)
        return True

    def names(self) -> list[str]:
        """Return the names of the tables that the configuration API shows."""
        return sorted(self._tables.keys() - _UNLISTED)

    def show(self, name: str, language: str) -> Json:
        """Return a table as GET /conf/code-tables/{name} shows it."""
        if name not in self.names():
            refuse("no_table", value=name)
        rows: list[Json] = [
            {"code": code, "description": words, "default": index == 0, "enabled": True}
            for index, (code, words) in enumerate(self._tables[name].items())
        ]
        words = self.describe("UserPreferredLanguage", language)
        return {
            "name": name,
            "description": name,
            "sub_system": {"value": "INFRA", "desc": "Infrastructure"},
            "patron_facing": True,
            "language": {"value": language, "desc": words},
            "scope": {"institution_id": {"value": INSTITUTION[0], "desc": INSTITUTION[1]}},
            "row": rows,
        }
