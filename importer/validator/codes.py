"""Checks of what Alma's fields take: codes, flags, and how many characters.

Codes are compared with Alma's tables, the institution's own and the few that Alma fixes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date

from importer.model.fields import COUNTRIES, CodeRow, CodeTables, Field, Shape, country_of
from importer.model.problem import KNOWN, VALUE, CellFinding, Code, Origin, Problem, Repairs
from importer.model.text import means_one_of, similar, word_list
from importer.validator.columns import Table

_SUGGESTIONS = 3
_A_WRONG_COLUMN = 200
"""With more unknown values than this the column is wrong, and no similar code would help."""

_ACTIVITY = ("ACTIVE", "INACTIVE")
_FIXED: dict[str, Mapping[str, CodeRow]] = {
    key: {code: CodeRow(code, name) for code, name in codes.items()}
    for key, codes in {
        "AddNewUserOptions": dict.fromkeys(("PUBLIC", "STAFF", "CONTACT"), ""),
        "UserUserType": dict.fromkeys(("INTERNAL", "EXTERNAL"), ""),
        "ContentStructureStatus": dict.fromkeys(_ACTIVITY, ""),
        "CountryCodes": COUNTRIES,
        "status": dict.fromkeys(_ACTIVITY, ""),
        "block_status": dict.fromkeys(_ACTIVITY, ""),
        "segment_type": dict.fromkeys(("Internal", "External"), ""),
    }.items()
}
"""Codes that are the same in every institution (contract 1.2 and 1.3): those of tables, used if
the table is not saved, and those of fields without a table, by the field's name."""


def _rows(field: Field, codes: CodeTables) -> Mapping[str, CodeRow] | None:
    """Return the codes that a field takes, or None if they are not known."""
    table = field.facts.table
    saved = codes.known(table) if table else None
    return saved if saved is not None else _FIXED.get(table or field.name)


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
        unknown = {
            text: code
            for text in column.distinct
            for code in field.codes(text)
            if not (code in rows and rows[code].enabled)
        }
        suggest = len(unknown) <= _A_WRONG_COLUMN
        in_cell = f"Correct the cell{', or add the value to the lookup' if given else ''}."
        findings: dict[str, CellFinding] = {}
        for text, code in unknown.items():
            likely = _likely(code, field, table.codes) if suggest else ""
            place = given.get(code, "")
            # what the mapping writes and what is a word of the table is not private
            known = place or code in rows or (suggest and _is_of(code, field, rows))
            shown = KNOWN if known else VALUE
            todo = f"Correct it in the mapping, {place}." if place else in_cell
            findings[text] = CellFinding(
                Code.UNKNOWN_CODE,
                f"{shown} {_wrong(code, field, rows)}",
                f"Did you mean {likely}? {todo}" if likely else todo,
                repairs=Repairs.COLUMN if place else Repairs.VALUE,
            )
        yield from column.flag(findings)


def wrong_in_mapping(code: str, field: Field, codes: CodeTables) -> str:
    """Return what is wrong with a code that a mapping writes; "" if Alma takes it.

    Case does not matter, because codes are written as Alma has them.
    """
    rows = _rows(field, codes)
    enabled = {row.code.casefold() for row in (rows or {}).values() if row.enabled}
    if rows is None or code.casefold() in enabled:
        return ""
    likely = _likely(code, field, codes)
    meant = f"; did you mean {likely}?" if likely else ""
    return f"`{code}` {_wrong(code, field, rows)}{meant}"


def _wrong(text: str, field: Field, rows: Mapping[str, CodeRow]) -> str:
    """Return what is wrong with a text, as the rest of a sentence about it."""
    if text in rows:
        return f"is in Alma's table {field.facts.table}, but it is disabled there"
    table = field.facts.table
    return f"is not in Alma's table {table}" if table else "is not a value that Alma takes here"


def _likely(text: str, field: Field, codes: CodeTables) -> str:
    """Return the codes that may be meant, with their descriptions; "" if none is similar."""
    near = near_codes(text, field, codes)
    names = [f"{row.code} ({row.description})" if row.description else row.code for row in near]
    return word_list(names, "or") if names else ""


def _is_of(text: str, field: Field, rows: Mapping[str, CodeRow]) -> bool:
    """Return whether the text is a code or description of the table, except for its typing."""
    if field.facts.table == "CountryCodes" and country_of(text):
        return True
    return means_one_of(
        text, (word for row in rows.values() for word in (row.code, row.description))
    )


def near_codes(text: str, field: Field, codes: CodeTables) -> tuple[CodeRow, ...]:
    """Return up to three enabled codes similar to a value, by code or description, best first."""
    rows = _rows(field, codes) or {}
    if field.facts.table == "CountryCodes":
        country = rows.get(country_of(text))
        if country is not None and country.enabled:
            return (country,)
    enabled = [row for row in rows.values() if row.enabled]
    words = (word for row in enabled for word in (row.code, row.description))
    near = similar(text, words, 2 * _SUGGESTIONS)
    alike = [row for word in near for row in enabled if word in {row.code, row.description}]
    return tuple(dict.fromkeys(alike))[:_SUGGESTIONS]


def flags(table: Table) -> Iterator[Problem]:
    """Find flags that are neither `true` nor `false`."""
    finding = CellFinding(
        Code.UNKNOWN_CODE, "{value} is neither true nor false", "Write true or false."
    )
    for column in table.columns:
        if column.target.field.shape is Shape.FLAG:
            yield from column.judge(lambda text: None if text in {"true", "false"} else finding)


def too_long(table: Table) -> Iterator[Problem]:
    """Find values with more characters than Alma's field takes (contract 1.2 and 1.3)."""
    sentence = "has {:,} characters, and Alma takes {:,}"
    for column in table.columns:
        limit = column.target.field.facts.length
        if limit and max(map(len, column.distinct), default=0) > limit:
            long = (text for text in column.distinct if len(text) > limit)
            yield from column.flag(
                {t: CellFinding(Code.TOO_LONG, sentence.format(len(t), limit)) for t in long}
            )
