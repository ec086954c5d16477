"""The blank roster of a mapping: what the mapping wants, with what Alma's tables offer."""

from __future__ import annotations

import re
from datetime import date
from functools import partial
from typing import TYPE_CHECKING

from importer.errors import MappingError, UsageError
from importer.mapper.explain import Kind as Wants
from importer.mapper.explain import needed_columns
from importer.mapper.placeholders import TO_CHOOSE
from importer.model.fields import FIELDS
from importer.model.files import exists, shown
from importer.report.roster_template import Blank, BlankColumn, Kind, write_template

if TYPE_CHECKING:
    from pathlib import Path

    from importer.mapper.explain import NeededColumn
    from importer.mapper.mapping import Mapping
    from importer.model.fields import CodeTables

_ORDERS = {"mdy": "mm/dd/yyyy", "dmy": "dd/mm/yyyy", "ymd": "yyyy-mm-dd", "": "yyyy-mm-dd"}
_PARTS = {"d": "dd", "m": "mm", "Y": "yyyy", "y": "yy", "b": "mmm", "B": "mmmm", "a": "ddd",
          "A": "dddd"}  # fmt: skip
_TOKEN = re.compile(r"%(.)|([^%])", re.DOTALL)

_EXAMPLES = {
    "first_name": "Maria",
    "middle_name": "B.",
    "last_name": "Sample",
    "pref_first_name": "Mia",
    "email_address": "maria.sample@example.org",
    "phone_number": "605-555-0123",
    "line1": "100 Maple St",
    "line2": "Apt 4",
    "city": "Northfield",
    "state_province": "SD",
    "postal_code": "57001",
    "note_text": "a note",
}
"""By a field's last name; the person is invented."""
_BIRTH, _EXPIRY = date(2001, 4, 30), date(2035, 8, 31)


def write_blank(mapping: Mapping, codes: CodeTables, path: Path) -> Blank:
    """Write a new workbook to be filled in, and give what it holds.

    Raises MappingError where a column is still to be chosen, UsageError where the file is there
    already or cannot be written.
    """
    made = blank(mapping, codes)
    if exists(path):
        msg = f"{shown(path)} already exists. Name a new file."
        raise UsageError(msg)
    try:
        write_template(made, path)
    except OSError as error:
        reason = error.strerror or "the folder is missing or cannot be written to"
        msg = f"{shown(path)} cannot be written: {reason}."
        raise UsageError(msg) from error
    return made


def blank(mapping: Mapping, codes: CodeTables) -> Blank:
    """What the workbook is to hold. Raises MappingError where a column is still to be chosen."""
    if TO_CHOOSE in mapping.headings:
        msg = f"{mapping.path.name}: some columns are still `<?>`; write their headings first"
        raise MappingError((msg,))
    columns = tuple(map(partial(_column, codes=codes), needed_columns(mapping)))
    if not columns:
        msg = f"{mapping.path.name}: no rule takes a column, so there is nothing to fill in"
        raise MappingError((msg,))
    header = mapping.file.roster.header
    return Blank(
        title=mapping.title,
        sheet=mapping.file.roster.sheet or "",
        heading_row=header[-1] if header else 1,
        columns=columns,
        version=f"{mapping.name} {mapping.sha256[:12]}",
    )


def _column(column: NeededColumn, *, codes: CodeTables) -> BlankColumn:
    choices = tuple((word, "") for word in column.choices)
    table = codes.known(column.table) if column.table else None
    if not choices and table:
        choices = tuple((row.code, row.description) for row in table.values() if row.enabled)
    date_format = excel_date(column.dates) if column.kind is Wants.DATE else ""
    return BlankColumn(
        heading=column.heading,
        note=_note(column, choices, date_format),
        required=column.required,
        kind=_KINDS[column.kind],
        example=_example(column, choices),
        choices=choices,
        date_format=date_format,
        longest=_longest(column),
    )


_KINDS = {Wants.ID: Kind.ID, Wants.DATE: Kind.DATE, Wants.CHOICE: Kind.TEXT, Wants.TEXT: Kind.TEXT}


def excel_date(order: str) -> str:
    """The spreadsheet program's format for an order or a pattern of dates."""
    if order in _ORDERS:
        return _ORDERS[order]
    parts = [
        _PARTS.get(match[1], "") if match[1] else _literal(match[2])
        for match in _TOKEN.finditer(order)
    ]
    whole = "".join(parts)
    known = {"d", "m", "y"} <= set(whole) and "%j" not in order
    return whole if known else _ORDERS[""]


def _literal(char: str) -> str:
    return char if char in "-/. ," else f"\\{char}"


def _longest(column: NeededColumn) -> int:
    rule = column.id_rule
    if rule is not None:
        return rule.digits if rule.digits and not rule.strip else 0
    lengths = [FIELDS[path].facts.length for path in column.fields]
    return min(lengths) if len(lengths) == 1 and column.kind is Wants.TEXT else 0


def _note(column: NeededColumn, choices: tuple[tuple[str, str], ...], date_format: str) -> str:
    parts = [_becomes(column)]
    if rule := column.id_rule:
        if rule.digits and rule.pad:
            parts.append(f"Up to {rule.digits} digits; missing zeros are put in front.")
        elif rule.digits:
            parts.append(f"{rule.digits} digits, leading zeros included.")
        elif rule.pattern:
            parts.append("Type it exactly as on the card or in the list it comes from.")
    if date_format:
        parts.append(f"A date, shown as {date_format}.")
    if choices:
        parts.append("Choose from the list.")
    elif column.table:
        parts.append(f"A code of Alma's table {column.table}.")
    return " ".join(parts)


def _becomes(column: NeededColumn) -> str:
    """The fields in words: `email: email address`."""
    names = [
        ": ".join(part.replace("_", " ") for part in path.split(".")[-2:]) for path in column.fields
    ]
    return f"In Alma: {', '.join(names)}." if names else "Shows which rows are loaded."


def _example(column: NeededColumn, choices: tuple[tuple[str, str], ...]) -> str | date:
    if column.kind is Wants.DATE:
        return _BIRTH if "birth_date" in column.fields else _EXPIRY
    if choices:
        return choices[0][0]
    if column.kind is Wants.ID:
        digits = column.id_rule.digits if column.id_rule else None
        return "0123456789"[:digits] if digits and digits <= 10 else "20001234567890"
    names = [path.rpartition(".")[2] for path in column.fields]
    return next((_EXAMPLES[name] for name in names if name in _EXAMPLES), "")
