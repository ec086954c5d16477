"""Checks of candidates within each row. Those across rows are in `duplicates`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date

from importer.model.candidates import Candidates
from importer.model.fields import CodeTables
from importer.model.problem import Problem
from importer.validator import fields, steward
from importer.validator.fields import Table

CHECKS: tuple[Callable[[Table], Iterator[Problem]], ...] = (
    fields.identifiers, fields.own_proxies, fields.swapped_identifiers, fields.too_long,
    fields.symbols_in_names, fields.two_people, fields.commas_and_titles,
    fields.codes_in_table, fields.flags, fields.out_of_range, fields.expired,
    fields.purged_before_expiry, fields.purge_passed, fields.emails, fields.phones,
    fields.states, fields.zip_codes, fields.pins, fields.passwords, fields.forced_changes,
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
    table = Table(candidates, codes, today, creates=creates)
    for check in CHECKS:
        yield from check(table)
