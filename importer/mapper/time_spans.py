"""Spans of time, and dates some time later."""

from __future__ import annotations

import calendar
import re
from bisect import bisect_right
from datetime import date, datetime, timedelta
from typing import Annotated

from pydantic import AfterValidator

from importer.mapper.dates import is_iso
from importer.model.plan import MappingPart
from importer.model.problem import CellFinding, Code, Repairs

END_OF_MONTH = "end of month"
END_OF_TERM = "end of term"
_SPAN = re.compile(r"([0-9]{1,4}) (day|week|month|year)s?")
_UNITS = {"day": (0, 1), "week": (0, 7), "month": (1, 0), "year": (12, 0)}
"""The months and days of each."""


def _checked_span(
    text: str, known: tuple[str, ...] = (), example: str = "`14 days` or `1 month`"
) -> str:
    plain = " ".join(text.split()).lower()
    if plain not in known and not _SPAN.fullmatch(plain):
        sentence = f"`{text}` is not a span of time; write {example}"
        raise ValueError(sentence)
    return plain


def _plus(text: str) -> str:
    example = "`1 year`, `6 months`, `14 days`, `end of month` or `end of term`"
    return _checked_span(text, (END_OF_MONTH, END_OF_TERM), example)


def as_plus_or_date(text: str) -> str:
    """Return a `plus` of a lookup, which may also be a date. Raises ValueError."""
    return text if is_iso(text) else _plus(text)


def _ends(text: str) -> str:
    try:
        datetime.strptime(f"2000-{text}", "%Y-%m-%d")  # noqa: DTZ007  a date has no zone
    except ValueError:
        sentence = f"`{text}` is not a day of the year; write month and day, as in `05-15`"
        raise ValueError(sentence) from None
    return text


Span = Annotated[str, AfterValidator(_checked_span)]
"""A span of time, such as `14 days`."""

Plus = Annotated[str, AfterValidator(_plus)]
"""A span of time, or the end of the month or term."""


class Term(MappingPart):
    """When a term ends, and how long patrons may borrow after it."""

    ends: Annotated[str, AfterValidator(_ends)]
    grace: Span = "0 days"

    def end(self, year: int) -> date:
        """Return its end in a year; February 29 becomes the 28th in other years."""
        month, day = map(int, self.ends.split("-"))
        return date(year, month, min(day, calendar.monthrange(year, month)[1]))


Terms = tuple[Term, ...] | dict[str, tuple[Term, ...]]
"""The terms, for everybody or by user group, in any case; those of `*` are for all others."""


def moved(day: date, plus: str, terms: Terms) -> tuple[str, CellFinding | None]:
    """Return a date moved by `plus` as ISO, or the finding that the group has no terms.

    `plus` is a span, the end of a month or term (with the group, if terms depend on it), a date
    that is taken instead, or blank: then there is no date.
    """
    if plus.startswith(END_OF_TERM) and isinstance(terms, dict):
        group = plus.removeprefix(END_OF_TERM).strip()
        by_key = {key.casefold(): each for key, each in terms.items()}
        own = terms.get(group) or by_key.get(group.casefold()) or terms.get("*")
        if own is None:
            message = f"cannot be computed, because no terms are set for the user group {group}"
            advice = "Add the group under `terms:` in the mapping."
            return "", CellFinding(Code.UNKNOWN_CODE, message, advice, repairs=Repairs.VALUE)
        return later(day, END_OF_TERM, own).isoformat(), None
    if is_iso(plus) or not plus:
        return plus, None
    return later(day, plus, terms if isinstance(terms, tuple) else ()).isoformat(), None


def first_later(span: str, today: date) -> str:
    """Return, as ISO, the first day whose date after a span of time is later than today."""
    days = range(1, date.max.toordinal())
    at = bisect_right(days, today, key=lambda day: later(date.fromordinal(day), span))
    return date.fromordinal(at + 1).isoformat()


def later(day: date, plus: str, terms: tuple[Term, ...] = ()) -> date:
    """Return a date moved by `plus`, at most the last day there is.

    February 29 becomes the 28th in other years. The end of the term is that of the first one
    that ends on or after the day.
    """
    if plus == END_OF_MONTH:
        return day.replace(day=calendar.monthrange(day.year, day.month)[1])
    if plus == END_OF_TERM:
        years = (day.year, min(day.year + 1, date.max.year))
        ends = [(term.end(year), term.grace) for year in years for term in terms]
        end, grace = min(
            (one for one in ends if one[0] >= day),
            key=lambda one: one[0],
            default=(date.max, "0 days"),
        )
        return later(end, grace)
    return _shifted(day, plus, 1)


def earlier(day: date, span: str) -> date:
    """Return a date moved back by a span of time, at least the first day there is."""
    return _shifted(day, span, -1)


def _shifted(day: date, span: str, sign: int) -> date:
    number, unit = span.rstrip("s").split()
    months, days = (sign * int(number) * each for each in _UNITS[unit])
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    try:
        last = calendar.monthrange(year, month + 1)[1]
        moved = date(year, month + 1, min(day.day, last))
        return moved + timedelta(days)
    except (ValueError, OverflowError):
        return date.max if sign > 0 else date.min
