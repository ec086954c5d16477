"""The institution's code tables: fetched from Alma, and kept in a file that people can edit.

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
from datetime import date
from pathlib import Path

from pydantic import BaseModel, ValidationError

from importer.advice import Do
from importer.errors import FileMissingError, UsageError
from importer.files import parse_json, read_text_bounded, write_atomically
from importer.model.fields import FIELDS, CodeRow, CodeTables

LARGEST = 20_000_000
"""Bytes of the largest file of code tables that is read; real ones have some 100,000."""

CAMPUSES = "Campuses"
"""Not a code table: Alma has no call for its campuses (contract 0.3), so people write them down."""

LIBRARIES = "Libraries"  # Alma's libraries, which have a call of their own

TABLES: tuple[str, ...] = tuple(
    sorted({field.facts.table for field in FIELDS.values()} - {"", CAMPUSES})
)
"""The tables that the record's fields refer to, as far as Alma gives them."""


class _Code(BaseModel, extra="forbid", strict=True, defer_build=True):
    """A code that is written with more than its description."""

    description: str
    enabled: bool


class _File(BaseModel, extra="forbid", strict=True, defer_build=True):
    """The file, as it is written."""

    tables: dict[str, dict[str, str | _Code]]
    institution: str | None = None
    fetched: date | None = None


_ADVICE = {
    "tables": 'write the codes of a table as "CODE": "description", under "tables".',
    "institution": "put the code in quotation marks.",
    "fetched": "write the day as 2026-08-20.",
}
"""What to do about an error, by the key that it is in."""


def read_file(path: Path) -> CodeTables:
    """Read the tables of a file. Raises UsageError, with the place where it is known."""
    try:
        text = read_text_bounded(path, LARGEST)
    except FileMissingError:
        msg = f"{path}: there are no code tables."
        raise UsageError(msg).advising(Do.FETCH_CODES) from None
    try:
        parse_json(path, text)
        file = _File.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        place = [str(part) for part in first["loc"]][:3]
        known = place[0] if place else "tables"
        where = ": ".join(part for part in place if part != "tables") or "tables"
        advice = _ADVICE.get(known, "this key is not known. The tables belong under 'tables'.")
        msg = f"{path}: {where}: {advice}"
        raise UsageError(msg) from None
    tables = {
        name: tuple(
            CodeRow(code, entry)
            if isinstance(entry, str)
            else CodeRow(code, entry.description, entry.enabled)
            for code, entry in codes.items()
        )
        for name, codes in file.tables.items()
    }
    return CodeTables(tables, file.institution or "", file.fetched)


def write_file(path: Path, tables: CodeTables) -> frozenset[str]:
    """Save the tables; the file is whole at every moment. Return the tables that are kept.

    Campuses and other codes that Alma does not give are kept if `tables` has none of their table,
    unless the file is another institution's. Raises UsageError where an existing file cannot be
    read, so that nothing that was written by hand is lost, and where nothing can be written.
    """
    kept, known = dict(tables.tables), frozenset[str]()
    if path.exists():
        try:
            old = read_file(path)
        except UsageError as error:
            msg = (
                f"{error} Or delete the file, if no code in it was added by hand, and fetch again."
            )
            raise UsageError(msg) from None
        if old.institution in {"", tables.institution}:
            known = frozenset({CAMPUSES, *TABLES} & old.tables.keys() - kept.keys())
            kept |= {name: old.tables[name] for name in known}
    content = {
        "fetched": tables.fetched.isoformat() if tables.fetched else None,
        "institution": tables.institution,
        "tables": {
            name: {
                row.code: row.description
                if row.enabled
                else {"description": row.description, "enabled": False}
                for row in sorted(rows, key=lambda row: row.code)
            }
            for name, rows in sorted(kept.items())
        },
    }
    text = json.dumps(content, ensure_ascii=False, indent=2) + "\n"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, text.encode())
    except OSError:
        msg = f"{path}: the code tables cannot be saved here."
        raise UsageError(msg) from None
    return known


def plain(codes: CodeTables) -> dict[str, dict[str, str]]:
    """Return the codes in use with their descriptions, by table."""
    return {
        name: {row.code: row.description for row in rows if row.enabled}
        for name, rows in codes.tables.items()
    }
