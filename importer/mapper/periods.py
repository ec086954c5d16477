"""`plus` and `terms`: a date some time later, or at the end of the month or term."""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Annotated

from pydantic import AfterValidator

from importer.model.plan import MappingPart

LAST_DAY = date.max
END_OF_MONTH = "end of month"
END_OF_TERM = "end of term"
_PERIOD = re.compile(r"([0-9]{1,4}) (day|week|month|year)s?")


@dataclass(frozen=True, slots=True)
class Period:
    """Months and days."""

    months: int = 0
    days: int = 0

    def after(self, day: date) -> date:
        """Return the day that much later; February 29 becomes the 28th in other years."""
        months = day.year * 12 + day.month - 1 + self.months
        year, month = months // 12, months % 12 + 1
        if year > LAST_DAY.year:
            return LAST_DAY
        last = calendar.monthrange(year, month)[1]
        moved = date(year, month, min(day.day, last))
        return LAST_DAY if (LAST_DAY - moved).days < self.days else moved + timedelta(self.days)


@dataclass(frozen=True, slots=True)
class TermEnd:
    """A day of the year on which a term ends, and how long patrons may borrow after it."""

    month: int
    day: int
    grace: Period = Period()

    def in_year(self, year: int) -> date:
        """Return its date in a year; February 29 becomes the 28th in other years."""
        return date(year, self.month, min(self.day, calendar.monthrange(year, self.month)[1]))


def period(text: str) -> Period | None:
    """Read `1 year`, `6 months`, `2 weeks` or `14 days`; None if it is something else."""
    match = _PERIOD.fullmatch(" ".join(text.split()).lower())
    if match is None:
        return None
    count = int(match[1])
    match match[2]:
        case "year":
            return Period(months=12 * count)
        case "month":
            return Period(months=count)
        case "week":
            return Period(days=7 * count)
        case _:
            return Period(days=count)


def month_day(text: str) -> tuple[int, int] | None:
    """Read `05-15` as month and day; None if even a leap year has no such day."""
    match = re.fullmatch(r"([0-9]{1,2})-([0-9]{1,2})", text)
    if match is None:
        return None
    month, day = int(match[1]), int(match[2])
    if not 1 <= month <= 12 or not 1 <= day <= calendar.monthrange(2000, month)[1]:
        return None
    return month, day


def later(plus: str, terms: tuple[TermEnd, ...]) -> Callable[[date], date]:
    """Return what a `plus` does to a date. Both were checked when the mapping was read."""
    text = " ".join(plus.split()).lower()
    if text == END_OF_MONTH:
        return _end_of_month
    if text == END_OF_TERM:
        return lambda day: _end_of_term(day, terms)
    span = period(text)
    if span is None:
        msg = f"`{plus}` was not checked"
        raise ValueError(msg)
    return span.after


def _end_of_month(day: date) -> date:
    return day.replace(day=calendar.monthrange(day.year, day.month)[1])


def _end_of_term(day: date, terms: tuple[TermEnd, ...]) -> date:
    """Return the first term's end on or after the day, plus its grace."""
    years = (day.year, min(day.year + 1, LAST_DAY.year))
    ends = ((term.in_year(year), term.grace) for year in years for term in terms)
    end, grace = min(
        ((end, grace) for end, grace in ends if end >= day),
        key=lambda found: found[0],
        default=(LAST_DAY, Period()),
    )
    return grace.after(end)


def _plus(text: str) -> str:
    plain = " ".join(text.split()).lower()
    if plain not in {END_OF_MONTH, END_OF_TERM} and period(plain) is None:
        sentence = (
            f"`{text}` is not a span of time; write `1 year`, `6 months`, `14 days`, "
            "`end of month` or `end of term`"
        )
        raise ValueError(sentence)
    return plain


def _grace(text: str) -> str:
    if period(text) is None:
        sentence = f"`{text}` is not a span of time; write `14 days` or `1 month`"
        raise ValueError(sentence)
    return text


def _ends(text: str) -> str:
    if month_day(text) is None:
        sentence = f"`{text}` is not a day of the year; write month and day, as in `05-15`"
        raise ValueError(sentence)
    return text


Plus = Annotated[str, AfterValidator(_plus)]
"""A span of time, or the end of the month or term."""


class Term(MappingPart):
    """When a term ends, and how long patrons may borrow after it."""

    ends: Annotated[str, AfterValidator(_ends)]
    grace: Annotated[str, AfterValidator(_grace)] | None = None

    @property
    def end(self) -> TermEnd:
        """The same for the calculation of dates."""
        month, day = month_day(self.ends) or (1, 1)
        grace = period(self.grace) if self.grace else None
        return TermEnd(month, day, grace or Period())
