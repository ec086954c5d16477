"""Candidates for the tests, as a mapping would give them: one roster column for each field."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path

import pandas as pd

from importer.model.candidates import Candidates, FieldColumn, IdRule, RecordLayout
from importer.model.fields import FIELDS, NO_CODES, CodeTables
from importer.model.plan import Duplicates
from importer.model.problem import Place, Problem
from importer.model.roster import Source, letter
from importer.model.user import AccountType
from importer.validator import CHECKS
from importer.validator.columns import Table
from importer.validator.duplicates import find_duplicates

TODAY = date(2026, 8, 20)
FIRST_ROW = 2

BARCODE = "20001234567893"
"""A barcode with the right check digit."""

PERSON: dict[str, str] = {
    "primary_id": BARCODE,
    "first_name": "Ana",
    "last_name": "Ruiz",
    "user_group": "COMM",
    "birth_date": "1990-03-01",
    "expiry_date": "2027-05-15",
    "purge_date": "2029-05-15",
    "contact_info.address[0].line1": "12 Cherry St",
    "contact_info.address[0].city": "Vermillion",
    "contact_info.address[0].state_province": "SD",
    "contact_info.address[0].postal_code": "57069",
    "contact_info.address[0].country": "USA",
    "contact_info.address[0].preferred": "true",
    "contact_info.email[0].email_address": "ana.ruiz@example.org",
    "contact_info.phone[0].phone_number": "605-555-0123",
    "user_identifier[0].value": "OB-17",
}
"""A row that nothing is wrong with."""


def candidates(
    *people: Mapping[str, str],
    rows: Sequence[int] | None = None,
    account_type: AccountType = AccountType.INTERNAL,
    rules: Mapping[str, IdRule] | None = None,
    constants: Iterable[str] = (),
) -> Candidates:
    """Mapped rows, numbered from 2 unless `rows` numbers them; missing values are blank."""
    labels = list(dict.fromkeys(label for person in people for label in person))
    fixed = set(constants)
    targets = {
        label: FieldColumn(
            label,
            FIELDS[re.sub(r"\[[0-9]+\]", "", label)],
            () if label in fixed else (Place(letter(position), label),),
            id_rule=(rules or {}).get(label),
        )
        for position, label in enumerate(labels)
    }
    numbers = range(FIRST_ROW, FIRST_ROW + len(people)) if rows is None else rows
    columns = {label: [person.get(label, "") for person in people] for label in labels}
    frame = pd.DataFrame(columns, index=list(numbers), dtype=object)
    source = Source(Path("autumn.csv"), "", "csv")
    cells = frame.set_axis(range(len(labels)), axis="columns")
    return Candidates(source, RecordLayout(account_type, "PUBLIC", targets), frame, cells)


def with_values(**changes: str) -> dict[str, str]:
    """The clean row with other values; `email`, `phone`, `state`, `zip`, … are the short names."""
    return PERSON | {SHORT.get(name, name): value for name, value in changes.items()}


SHORT = {
    "id": "primary_id",
    "first": "first_name",
    "last": "last_name",
    "birth": "birth_date",
    "email": "contact_info.email[0].email_address",
    "phone": "contact_info.phone[0].phone_number",
    "street": "contact_info.address[0].line1",
    "city": "contact_info.address[0].city",
    "state": "contact_info.address[0].state_province",
    "zip": "contact_info.address[0].postal_code",
    "country": "contact_info.address[0].country",
    "barcode": "user_identifier[0].value",
}


def found(problems: Iterable[Problem]) -> list[tuple[str, int, str]]:
    """Code, row and field of each problem."""
    return [(problem.code.value, problem.origin.row, problem.field) for problem in problems]


def checked(
    person: Mapping[str, str],
    codes: CodeTables = NO_CODES,
    *,
    account_type: AccountType = AccountType.INTERNAL,
    rules: Mapping[str, IdRule] | None = None,
) -> list[Problem]:
    """The problems within one row."""
    table = candidates(person, account_type=account_type, rules=rules)
    return within(table, codes)


def within(mapped: Candidates, codes: CodeTables = NO_CODES) -> list[Problem]:
    """The problems that the checks within rows find."""
    table = Table(mapped, codes, TODAY, creates=True)
    return [problem for check in CHECKS for problem in check(table)]


def across_rows(*people: Mapping[str, str], policy: Duplicates | None = None) -> list[Problem]:
    """The problems of rows that have to do with other rows."""
    return [problem for problem in across(*people, policy=policy) if problem.origin.row]


def across(*people: Mapping[str, str], policy: Duplicates | None = None) -> list[Problem]:
    """All that is found across some rows, what concerns the whole roster included."""
    return list(find_duplicates([(candidates(*people), policy or Duplicates())]))
