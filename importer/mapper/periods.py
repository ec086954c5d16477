"""`plus`: a date some time later, at the end of the month, or at the end of the term."""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

LAST_DAY = date.max
END_OF_MONTH = "end of month"
END_OF_TERM = "end of term"
_PERIOD = re.compile(r"([0-9]{1,4}) (day|week|month|year)s?")


@dataclass(frozen=True, slots=True)
class Period:
    """So many months and days."""

    months: int = 0
    days: int = 0

    def after(self, day: date) -> date:
        """The day that much later; the 29 February gives the 28th where there is none."""
        months = day.year * 12 + day.month - 1 + self.months
        year, month = months // 12, months % 12 + 1
        if year > LAST_DAY.year:
            return LAST_DAY
        last = calendar.monthrange(year, month)[1]
        moved = date(year, month, min(day.day, last))
        return LAST_DAY if (LAST_DAY - moved).days < self.days else moved + timedelta(self.days)


@dataclass(frozen=True, slots=True)
class TermEnd:
    """A day of the year on which a term ends, and how long borrowing goes on after it."""

    month: int
    day: int
    grace: Period = Period()

    def in_year(self, year: int) -> date:
        """Its date in a year; the 29 February is the 28th where there is none."""
        return date(year, self.month, min(self.day, calendar.monthrange(year, self.month)[1]))


def period(text: str) -> Period | None:
    """`1 year`, `6 months`, `2 weeks`, `14 days`; None where it is something else."""
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
    """`05-15` as month and day; None where there is no such day in a leap year."""
    match = re.fullmatch(r"([0-9]{1,2})-([0-9]{1,2})", text)
    if match is None:
        return None
    month, day = int(match[1]), int(match[2])
    if not 1 <= month <= 12 or not 1 <= day <= calendar.monthrange(2000, month)[1]:
        return None
    return month, day


def later(plus: str, terms: tuple[TermEnd, ...]) -> Callable[[date], date]:
    """What a `plus` does to a date. Both were checked when the mapping was read."""
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
    """The first term's end on or after the day, and its grace on top."""
    years = (day.year, min(day.year + 1, LAST_DAY.year))
    ends = ((term.in_year(year), term.grace) for year in years for term in terms)
    end, grace = min(
        ((end, grace) for end, grace in ends if end >= day),
        key=lambda found: found[0],
        default=(LAST_DAY, Period()),
    )
    return grace.after(end)
