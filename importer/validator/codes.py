"""Codes against Alma's tables: the institution's own, and the few that Alma fixes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from importer.model.catalogue import Code, Reach
from importer.model.codes import CodeRow, CodeTables
from importer.model.fields import Field, Shape
from importer.model.problem import KNOWN, VALUE, Problem
from importer.validator.columns import Finding, Table
from importer.validator.countries import COUNTRIES, country_of

_SUGGESTIONS = 3
_NEAR = 60.0
"""Of 100; below it a suggestion misleads more often than it helps."""
_A_WRONG_COLUMN = 200
"""With more unknown values than this the column is wrong, and no near code would help."""


def _fixed(*codes: str) -> tuple[CodeRow, ...]:
    return tuple(CodeRow(code) for code in codes)


_ACTIVITY = _fixed("ACTIVE", "INACTIVE")
_FIXED_TABLES: dict[str, tuple[CodeRow, ...]] = {
    "AddNewUserOptions": _fixed("PUBLIC", "STAFF", "CONTACT"),
    "UserUserType": _fixed("INTERNAL", "EXTERNAL"),
    "ContentStructureStatus": _ACTIVITY,
    "CountryCodes": tuple(CodeRow(code, name) for code, name in COUNTRIES.items()),
}
"""Tables that are the same in every institution (contract 1.2 and 1.3), where none is saved."""

_FIXED_FIELDS: dict[str, tuple[CodeRow, ...]] = {
    "user_identifier.status": _ACTIVITY,
    "user_block.block_status": _ACTIVITY,
}
"""Fields without a table whose values Alma fixes."""

_SEGMENTS = _fixed("Internal", "External")


def _rows(field: Field, codes: CodeTables) -> Mapping[str, CodeRow] | None:
    """The codes that a field takes, or None where nothing is known about them."""
    if field.name == "segment_type":
        fixed: tuple[CodeRow, ...] | None = _SEGMENTS
    elif field.facts.table:
        known = codes.known(field.facts.table)
        if known is not None:
            return known
        fixed = _FIXED_TABLES.get(field.facts.table)
    else:
        fixed = _FIXED_FIELDS.get(field.path)
    return None if fixed is None else {row.code: row for row in fixed}


def codes_in_table(table: Table) -> Iterator[Problem]:
    """Codes that Alma's table does not have, or has and does not accept."""
    for column in table.columns:
        field = column.target.field
        rows = _rows(field, table.codes)
        if rows is None:
            continue
        unknown = [text for text in column.distinct if not (text in rows and rows[text].enabled)]
        suggest = len(unknown) <= _A_WRONG_COLUMN
        found = {text: _unknown(text, field, rows, suggest=suggest) for text in unknown}
        yield from column.flagged(found)


def _unknown(text: str, field: Field, rows: Mapping[str, CodeRow], *, suggest: bool) -> Finding:
    whose = f"Alma's table {field.facts.table}" if field.facts.table else "what Alma takes here"
    near = _near(text, field, rows) if suggest else ()
    message = f"{KNOWN if near else VALUE} is not in {whose}"
    if text in rows:
        message = f"{KNOWN} is in {whose}, but it is disabled there"
    if not near:
        return Finding(Code.UNKNOWN_CODE, message)
    names = [f"{row.code} ({row.description})" if row.description else row.code for row in near]
    listed = " or ".join((", ".join(names[:-1]), names[-1])) if len(names) > 1 else names[0]
    return Finding(
        Code.UNKNOWN_CODE,
        message,
        f"Perhaps {listed} is meant: correct the cell, or add the value to the lookup.",
        reach=Reach.VALUE,
    )


def _near(text: str, field: Field, rows: Mapping[str, CodeRow]) -> tuple[CodeRow, ...]:
    """Up to three enabled codes that resemble a value, by code or by description, best first."""
    if field.facts.table == "CountryCodes":
        country = rows.get(country_of(text))
        if country is not None and country.enabled:
            return (country,)
    from rapidfuzz import fuzz

    written = text.casefold()
    scored = (
        (
            max(
                fuzz.ratio(written, row.code.casefold()),
                fuzz.WRatio(written, row.description.casefold()) if row.description else 0.0,
            ),
            row,
        )
        for row in rows.values()
        if row.enabled
    )
    best = sorted(
        (pair for pair in scored if pair[0] >= _NEAR), key=lambda pair: (-pair[0], pair[1].code)
    )
    return tuple(row for _, row in best[:_SUGGESTIONS])


def flags(table: Table) -> Iterator[Problem]:
    """Flags that are neither `true` nor `false`."""
    finding = Finding(
        Code.UNKNOWN_CODE, "{value} is neither true nor false", "Write true or false."
    )
    for column in table.columns:
        if column.target.field.shape is Shape.FLAG:
            yield from column.judged(lambda text: None if text in {"true", "false"} else finding)
