"""The checks within rows: what a dry run is for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date

from importer.model.candidates import Candidates
from importer.model.codes import CodeTables
from importer.model.problem import Problem
from importer.validator.characters import symbols_in_names
from importer.validator.codes import codes_in_table, flags
from importer.validator.columns import Table
from importer.validator.contacts import emails, phones, states, zip_codes
from importer.validator.dates import expired, out_of_range, purged_before_expiry
from importer.validator.identifiers import identifiers, swapped_identifiers
from importer.validator.lengths import too_long
from importer.validator.secrets import forced_changes, passwords, pins

CHECKS: tuple[Callable[[Table], Iterator[Problem]], ...] = (
    identifiers,
    swapped_identifiers,
    too_long,
    symbols_in_names,
    codes_in_table,
    flags,
    out_of_range,
    expired,
    purged_before_expiry,
    emails,
    phones,
    states,
    zip_codes,
    pins,
    passwords,
    forced_changes,
)
"""Every check, in the order in which its problems are told."""


def check(candidates: Candidates, codes: CodeTables, today: date) -> Iterator[Problem]:
    """What is wrong within the rows, check by check and column by column.

    A code table that is not in `codes` is not checked against, except for the few whose values
    Alma fixes. Raises MappingError where a pattern under `ids:` takes too long to try.
    """
    table = Table(candidates, codes, today)
    for one in CHECKS:
        yield from one(table)
