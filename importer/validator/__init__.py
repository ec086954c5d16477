"""Checks of candidates: within each row, and for duplicates across rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date

from importer.model.candidates import Candidates
from importer.model.fields import CodeTables
from importer.model.plan import Duplicates
from importer.model.problem import Problem
from importer.validator.code_checks import codes_in_table, flags, states
from importer.validator.columns import Table
from importer.validator.duplicates import (
    RowKeys,
    duplicate_identifiers,
    duplicate_ids,
    duplicate_people,
    lost_digits,
    shared_contacts,
)
from importer.validator.fields import (
    emails,
    expired,
    forced_changes,
    out_of_range,
    passwords,
    phones,
    pins,
    purge_passed,
    purged_before_expiry,
    too_long,
    zip_codes,
)
from importer.validator.identifiers import identifiers, own_proxies, swapped_identifiers
from importer.validator.names import commas_and_titles, symbols_in_names, two_people
from importer.validator.similar_people import similar_people

CHECKS: tuple[Callable[[Table], Iterator[Problem]], ...] = (
    identifiers,
    own_proxies,
    swapped_identifiers,
    too_long,
    symbols_in_names,
    two_people,
    commas_and_titles,
    codes_in_table,
    flags,
    out_of_range,
    expired,
    purged_before_expiry,
    purge_passed,
    emails,
    phones,
    states,
    zip_codes,
    pins,
    passwords,
    forced_changes,
)
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


def duplicates(rosters: Sequence[tuple[Candidates, Duplicates]]) -> Iterator[Problem]:
    """Yield the problems across the rows of all rosters, each with the rules of its mapping.

    Kind by kind, each kind in the order of the rows.
    """
    keys = RowKeys(rosters)
    found, skipped = duplicate_ids(keys)
    yield from found
    yield from lost_digits(keys)
    yield from duplicate_identifiers(keys, skipped)
    yield from duplicate_people(keys, skipped | keys.off("same_person"))
    yield from similar_people(keys, skipped | keys.off("similar_person"))
    yield from shared_contacts(keys)
