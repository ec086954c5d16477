"""Codes against Alma's tables: the institution's own, and the few that Alma fixes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date

from rapidfuzz import fuzz

from importer.model.catalogue import Code, Repairs
from importer.model.fields import COUNTRIES, CodeRow, CodeTables, Field, Shape, country_of
from importer.model.problem import KNOWN, VALUE, CellFinding, Origin, Problem
from importer.model.text import means_one_of
from importer.validator.columns import Table

_SUGGESTIONS = 3
_NEAR = 60.0
"""Of 100; below it a suggestion misleads more often than it helps."""
_A_WRONG_COLUMN = 200
"""With more unknown values than this the column is wrong, and no similar code would help."""


def _fixed(*codes: str) -> tuple[CodeRow, ...]:
    return tuple(CodeRow(code) for code in codes)


_ACTIVITY = _fixed("ACTIVE", "INACTIVE")
_FIXED_TABLES: dict[str, tuple[CodeRow, ...]] = {
    "AddNewUserOptions": _fixed("PUBLIC", "STAFF", "CONTACT"),
    "UserUserType": _fixed("INTERNAL", "EXTERNAL"),
    "ContentStructureStatus": _ACTIVITY,
    "CountryCodes": tuple(CodeRow(code, name) for code, name in COUNTRIES.items()),
}
"""Tables that are the same in every institution (contract 1.2 and 1.3), if none is saved."""

_FIXED_FIELDS: dict[str, tuple[CodeRow, ...]] = {
    "user_identifier.status": _ACTIVITY,
    "user_block.block_status": _ACTIVITY,
}
"""Fields without a table whose values Alma fixes."""

_SEGMENTS = _fixed("Internal", "External")


def _rows(field: Field, codes: CodeTables) -> Mapping[str, CodeRow] | None:
    """Return the codes that a field takes, or None if they are not known."""
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


def state_of_tables(codes: CodeTables, origin: Origin, today: date) -> Iterator[Problem]:
    """Yield why code checks cannot be trusted; `origin` is that of the whole roster."""
    if not codes.tables:
        sentence = "the codes were not checked, because no code tables are saved here"
        yield Problem.of(Code.CODES_NOT_CHECKED, origin, sentence)
    elif codes.old(today):
        age = f"{codes.age(today):,} days old (of {codes.fetched})"
        yield Problem.of(Code.OLD_CODE_TABLES, origin, f"the saved code tables are {age}")


def codes_in_table(table: Table) -> Iterator[Problem]:
    """Find codes that are not in Alma's table, or are disabled there."""
    for column in table.columns:
        field, given = column.target.field, column.target.mapped_codes
        rows = _rows(field, table.codes)
        if rows is None:
            continue
        unknown = [text for text in column.distinct if not (text in rows and rows[text].enabled)]
        suggest = len(unknown) <= _A_WRONG_COLUMN
        found: dict[str, CellFinding] = {}
        for text in unknown:
            likely = _likely(text, field, rows) if suggest else ""
            place = given.get(text, "")
            # what the mapping writes and what is a word of the table is not private
            known = place or text in rows or (suggest and _is_of(text, field, rows))
            shown = KNOWN if known else VALUE
            found[text] = CellFinding(
                Code.UNKNOWN_CODE,
                f"{shown} {_wrong(text, field, rows)}",
                _advice(likely, place),
                repairs=Repairs.COLUMN if place else Repairs.VALUE,
            )
        yield from column.flag(found)


def wrong_in_mapping(code: str, field: Field, codes: CodeTables) -> str:
    """Return what is wrong with a code that a mapping writes; "" if Alma takes it.

    Case does not matter, because codes are written as Alma has them.
    """
    rows = _rows(field, codes)
    enabled = {row.code.casefold() for row in (rows or {}).values() if row.enabled}
    if rows is None or code.casefold() in enabled:
        return ""
    likely = _likely(code, field, rows)
    wrong = f"`{code}` {_wrong(code, field, rows)}"
    return f"{wrong}; did you mean {likely}?" if likely else wrong


def _wrong(text: str, field: Field, rows: Mapping[str, CodeRow]) -> str:
    """Return what is wrong with a text, as the rest of a sentence about it."""
    if text in rows:
        return f"is in Alma's table {field.facts.table}, but it is disabled there"
    table = field.facts.table
    return f"is not in Alma's table {table}" if table else "is not a value that Alma takes here"


def _advice(likely: str, place: str) -> str:
    """Return what to do, "" for the catalogue's advice. `place`: where the mapping has the code."""
    if place:
        todo = f"Correct it in the mapping, {place}."
    elif likely:
        todo = "Correct the cell, or add the value to the lookup."
    else:
        return ""
    return f"Did you mean {likely}? {todo}" if likely else todo


def _likely(text: str, field: Field, rows: Mapping[str, CodeRow]) -> str:
    """Return the codes that may be meant, with their descriptions; "" if none is similar."""
    near = _near(text, field, rows)
    names = [f"{row.code} ({row.description})" if row.description else row.code for row in near]
    return " or ".join((", ".join(names[:-1]), names[-1])) if len(names) > 1 else "".join(names)


def _is_of(text: str, field: Field, rows: Mapping[str, CodeRow]) -> bool:
    """Return whether the text is a code or description of the table, except for its typing."""
    if field.facts.table == "CountryCodes" and country_of(text):
        return True
    return means_one_of(
        text, (word for row in rows.values() for word in (row.code, row.description))
    )


def _near(text: str, field: Field, rows: Mapping[str, CodeRow]) -> tuple[CodeRow, ...]:
    """Return up to three enabled codes similar to a value, by code or description, best first."""
    if field.facts.table == "CountryCodes":
        country = rows.get(country_of(text))
        if country is not None and country.enabled:
            return (country,)
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
    """Find flags that are neither `true` nor `false`."""
    finding = CellFinding(
        Code.UNKNOWN_CODE, "{value} is neither true nor false", "Write true or false."
    )
    for column in table.columns:
        if column.target.field.shape is Shape.FLAG:
            yield from column.judge(lambda text: None if text in {"true", "false"} else finding)
