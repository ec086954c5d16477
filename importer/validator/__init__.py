"""Checks of candidates within each row. Those across rows are in `duplicates`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date

from importer.model.candidates import Candidates
from importer.model.fields import CodeTables
from importer.model.problem import Problem
from importer.validator import codes as in_table
from importer.validator import contacts, dates, ids, names, passwords, steward
from importer.validator.columns import Table

CHECKS: tuple[Callable[[Table], Iterator[Problem]], ...] = (
    ids.identifiers, ids.own_proxies, ids.swapped_identifiers, in_table.too_long,
    names.symbols_in_names, names.two_people, names.commas_and_titles,
    in_table.codes_in_table, in_table.flags, dates.out_of_range, dates.expired,
    dates.purged_before_expiry, dates.purge_passed, contacts.emails, contacts.phones,
    contacts.states, contacts.zip_codes, passwords.pins, passwords.passwords,
    passwords.forced_changes,
    steward.odd_columns, steward.odd_names, steward.test_people, steward.markup,
)  # fmt: skip
"""The checks within rows, in the order in which their problems are reported."""


def check_rows(
    candidates: Candidates, codes: CodeTables, today: date, *, creates: bool
) -> Iterator[Problem]:
    """Yield what is wrong within the rows, check by check.

    A code table that is not in `codes` is not checked against, except for the few whose values
    Alma fixes. `creates`: whether the mapping creates users. Raises MappingError if a pattern
    under `ids:` takes too long.
    """
    table = Table(candidates, codes, today, creates)
    for check in CHECKS:
        yield from check(table)
