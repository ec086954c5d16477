"""Dates that cannot be right, and dates that have passed. ISO dates sort as text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

from importer.model.catalogue import Code, Severity
from importer.model.fields import Shape
from importer.model.problem import Problem
from importer.validator.columns import Column, Finding, Judge, Table

_FIRST, _FAR = "1900-01-01", "2200-12-31"
_OLDEST = 110


def _years_before(day: date, years: int) -> str:
    """The same day so many years ago, as ISO text; 29 February may not exist then."""
    return f"{day.year - years:04}-{day:%m-%d}"


def out_of_range(table: Table) -> Iterator[Problem]:
    """Years that no record has, birth dates to come, and births more than 110 years ago."""
    today, oldest = table.today.isoformat(), _years_before(table.today, _OLDEST)

    def no_birth(text: str) -> Finding | None:
        if text > today:
            return Finding(Code.DATE_OUT_OF_RANGE, "the birth date {value} is in the future")
        if text < _FIRST:
            return Finding(Code.DATE_OUT_OF_RANGE, "the birth date {value} is before 1900")
        if text < oldest:
            return Finding(
                Code.DATE_OUT_OF_RANGE, f"the birth date {{value}} is more than {_OLDEST} years ago"
            )
        return None

    def no_year(text: str) -> Finding | None:
        """Unusual, but sent: 2382 and 9999 are how some libraries write "never"."""
        if _FIRST <= text <= _FAR:
            return None
        which = "before 1900" if text < _FIRST else "after 2200"
        message = f"the date {{value}} is {which}"
        return Finding(Code.DATE_OUT_OF_RANGE, message, severity=Severity.WARNING)

    for column in table.columns:
        if column.target.field.shape is Shape.DATE:
            birth = column.target.field.path == "birth_date"
            judge = no_birth if birth else no_year
            yield from column.judged(judge, _beyond(column, judge))


def _beyond(column: Column, judge: Judge) -> Sequence[str]:
    """The values to judge: none where nothing is wrong with the first day and the last."""
    days = list(filter(None, column.values))
    return days if days and (judge(min(days)) or judge(max(days))) else ()


def expired(table: Table) -> Iterator[Problem]:
    """Expiry dates that have passed; whoever expires today may still borrow today."""
    today = table.today.isoformat()
    finding = Finding(Code.EXPIRY_PAST, "the expiry date {value} has passed")

    def passed(text: str) -> Finding | None:
        return finding if text < today else None

    for column in table.of("expiry_date"):
        yield from column.judged(passed, _beyond(column, passed))


def purged_before_expiry(table: Table) -> Iterator[Problem]:
    """Records that Alma may purge before they expire (contract 4.2)."""
    purge, expiry = table.labelled("purge_date"), table.labelled("expiry_date")
    if purge is None or expiry is None:
        return
    finding = Finding(
        Code.PURGE_BEFORE_EXPIRY, "the purge date {value} is before the expiry date of this row"
    )
    for row, purged, expires in zip(table.rows, purge.texts, expiry.texts, strict=True):
        if "" < purged < expires:
            yield purge.problem(row, purged, finding, expiry)
