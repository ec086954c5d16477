"""The file of the institution's code tables, which people can edit and share.

{
"fetched": "2026-08-20",
"institution": "01EX_INST",
"tables": {
"Campuses": {"MAIN": "Main campus"},
"UserGroups": {"COMM": "Community", "OLD": {"description": "Old", "enabled": false}}
}
}
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path

from importer.errors import FileMissingError, UsageError
from importer.model.codes import CodeRow, CodeTables
from importer.model.files import parse_json, read_text_bounded, write_atomically

LARGEST = 20_000_000
"""Bytes of the largest file of code tables that is read; real ones have some 100,000."""

CAMPUSES = "Campuses"
"""Not a code table: Alma has no call for its campuses (contract 0.3), so people write them down."""


def read(path: Path) -> CodeTables:
    """The tables of a file. Raises UsageError, with the line where that can be told."""
    try:
        text = read_text_bounded(path, LARGEST)
    except FileMissingError:
        msg = f"{path}: there are no code tables here. `importer codes fetch` gets them from Alma."
        raise UsageError(msg) from None
    return _tables(path, parse_json(path, text))


def write(path: Path, tables: CodeTables) -> None:
    """Save the tables; the file is whole at every moment.

    Campuses that were written down by hand are kept where `tables` has none, unless the file is
    another institution's. Raises UsageError where an existing file cannot be read, so that
    nothing written by hand is lost, and where nothing can be written.
    """
    kept = dict(tables.tables)
    if path.exists():
        old = read(path)
        same = not old.institution or old.institution == tables.institution
        if same and CAMPUSES in old.tables:
            kept.setdefault(CAMPUSES, old.tables[CAMPUSES])
    content = {
        "fetched": tables.fetched.isoformat() if tables.fetched else None,
        "institution": tables.institution,
        "tables": {name: dict(sorted(map(_entry, rows))) for name, rows in sorted(kept.items())},
    }
    text = json.dumps(content, ensure_ascii=False, indent=2) + "\n"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, text.encode())
    except OSError:
        msg = f"{path}: the code tables cannot be saved here."
        raise UsageError(msg) from None


def _entry(row: CodeRow) -> tuple[str, str | dict[str, str | bool]]:
    if row.enabled:
        return row.code, row.description
    return row.code, {"description": row.description, "enabled": False}


def _tables(path: Path, content: object) -> CodeTables:
    if not isinstance(content, dict) or not isinstance(content.get("tables"), dict):
        msg = f'{path}: the code tables must stand under "tables"; see `importer codes fetch`.'
        raise UsageError(msg)
    if strange := sorted(content.keys() - {"tables", "institution", "fetched"}):
        msg = f"{path}: {strange[0]!r} is not known here; the tables stand under 'tables'."
        raise UsageError(msg)
    institution, fetched = content.get("institution") or "", content.get("fetched")
    if not isinstance(institution, str):
        msg = f"{path}: institution: put the code in quotation marks."
        raise UsageError(msg)
    try:
        day = date.fromisoformat(fetched) if fetched is not None else None
    except (TypeError, ValueError):
        msg = f"{path}: fetched: write the day as 2026-08-20."
        raise UsageError(msg) from None
    tables = {name: _rows(path, name, rows) for name, rows in content["tables"].items()}
    return CodeTables(tables, institution, day)


def _rows(path: Path, name: str, rows: object) -> tuple[CodeRow, ...]:
    if not isinstance(rows, Mapping):
        msg = f'{path}: {name}: write the codes as "CODE": "description".'
        raise UsageError(msg)
    return tuple(_row(path, name, code, entry) for code, entry in rows.items())


def _row(path: Path, name: str, code: str, entry: object) -> CodeRow:
    match entry:
        case str():
            return CodeRow(code, entry)
        case {"description": str(description), "enabled": bool(enabled), **rest} if not rest:
            return CodeRow(code, description, enabled)
        case _:
            msg = f"{path}: {name}: {code}: write the description in quotation marks."
            raise UsageError(msg)
