"""Checks of candidates within each row. Those across rows are in `duplicates`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date

from importer.model.candidates import Candidates
from importer.model.fields import CodeTables
from importer.model.problem import Problem
from importer.validator import codes, contacts, dates, ids, names, oddities, passwords
from importer.validator.columns import Table

CHECKS: tuple[Callable[[Table], Iterator[Problem]], ...] = (
    ids.identifiers, ids.own_proxies, codes.too_long,
    names.symbols_in_names, names.two_people, names.commas_and_titles,
    codes.codes_in_table, codes.flags, dates.out_of_range, dates.expired,
    dates.purged_before_expiry, dates.purge_passed, contacts.emails, contacts.phones,
    contacts.states, contacts.zip_codes, passwords.pins, passwords.passwords,
    passwords.forced_changes,
    oddities.odd_columns, oddities.odd_names, oddities.test_people, oddities.markup,
)  # fmt: skip
"""The checks within rows, in the order in which their problems are reported."""


def check_rows(
    candidates: Candidates, tables: CodeTables, today: date, *, creates: bool
) -> Iterator[Problem]:
    """Yield what is wrong within the rows, check by check.

    A code table that is not in `tables` is not checked against, except for the few whose values
    Alma fixes. `creates`: whether the mapping creates users. Raises MappingError if a pattern
    under `ids:` takes too long.
    """
    table = Table(candidates, tables, today, creates)
    for check in CHECKS:
        yield from check(table)
