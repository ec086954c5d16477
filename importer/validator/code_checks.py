"""Codes against Alma's tables, the institution's own and the few that Alma fixes; flags; states."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date

from rapidfuzz import fuzz

from importer.model.fields import COUNTRIES, CodeRow, CodeTables, Field, Shape, country_of
from importer.model.problem import (
    KNOWN,
    VALUE,
    CellFinding,
    Code,
    Origin,
    Problem,
    Repairs,
    Severity,
)
from importer.model.text import means_one_of
from importer.validator.fields import STATES, Table

_SUGGESTIONS = 3
_NEAR = 60.0
"""Of 100; below it a suggestion misleads more often than it helps."""
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
    for column in table.columns.values():
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
        found: dict[str, CellFinding] = {}
        for text, code in unknown.items():
            likely = _likely(code, field, table.codes) if suggest else ""
            place = given.get(code, "")
            # what the mapping writes and what is a word of the table is not private
            known = place or code in rows or (suggest and _is_of(code, field, rows))
            shown = KNOWN if known else VALUE
            found[text] = CellFinding(
                Code.UNKNOWN_CODE,
                f"{shown} {_wrong(code, field, rows)}",
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
    likely = _likely(code, field, codes)
    wrong = f"`{code}` {_wrong(code, field, rows)}"
    return f"{wrong}; did you mean {likely}?" if likely else wrong


def _wrong(text: str, field: Field, rows: Mapping[str, CodeRow]) -> str:
    """Return what is wrong with a text, as the rest of a sentence about it."""
    if text in rows:
        return f"is in Alma's table {field.facts.table}, but it is disabled there"
    table = field.facts.table
    return f"is not in Alma's table {table}" if table else "is not a value that Alma takes here"


def _advice(likely: str, place: str) -> str:
    """Return what to do, "" for the catalog's advice. `place`: where the mapping has the code."""
    if place:
        todo = f"Correct it in the mapping, {place}."
    elif likely:
        todo = "Correct the cell, or add the value to the lookup."
    else:
        return ""
    return f"Did you mean {likely}? {todo}" if likely else todo


def _likely(text: str, field: Field, codes: CodeTables) -> str:
    """Return the codes that may be meant, with their descriptions; "" if none is similar."""
    near = near_codes(text, field, codes)
    names = [f"{row.code} ({row.description})" if row.description else row.code for row in near]
    return " or ".join((", ".join(names[:-1]), names[-1])) if len(names) > 1 else "".join(names)


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
    for column in table.columns.values():
        if column.target.field.shape is Shape.FLAG:
            yield from column.judge(lambda text: None if text in {"true", "false"} else finding)


_STATE_BY_NAME = {name.casefold(): code for code, name in STATES.items()}


def states(table: Table) -> Iterator[Problem]:
    """Find states of the United States that are not written with their two letters.

    Without a country, only the name of a state is recognized as one.
    """
    for column in table.of("contact_info.address.state_province"):
        found = {text: _not_a_state(text) for text in column.distinct if text not in STATES}
        pairs = zip(table.countries(column), column.texts, strict=True)
        in_usa = (at == "USA" or bool(not at and text and _state_of(text)) for at, text in pairs)
        yield from column.flag(found, in_usa)


def _not_a_state(text: str) -> CellFinding:
    code = _state_of(text)
    return CellFinding(
        Code.UNKNOWN_CODE,
        "{value} is not the two-letter code of a state",
        f"Write {code}." if code else "Write the state with its two letters, as in NE.",
        severity=Severity.WARNING,
    )


def _state_of(text: str) -> str:
    """Return the code of a state written with its name or in lower case; "" if it is not one."""
    plain = " ".join(text.replace(".", "").split())
    upper = plain.upper()
    return _STATE_BY_NAME.get(plain.casefold()) or (upper if upper in STATES else "")
