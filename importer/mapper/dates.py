"""Dates typed as text, and dates some time later.

ISO dates (2027-05-15, 20270515) and dates with the month's name are read in every column. Other
digits are read in the order or by the pattern that the mapping declares (`mdy`, `dmy`, `ymd`). If
it declares none, the column may show its order (`shown_order`); a date that still reads two ways is
a problem.
A clock time behind a date is left out: the day is the one written, in whatever time zone. Only a
time in UTC may be of another day here, and is a problem.
"""

from __future__ import annotations

import calendar
import re
import tomllib
import unicodedata
from bisect import bisect_right
from collections.abc import Collection, Hashable, Iterable, Mapping
from datetime import date, datetime, timedelta
from enum import StrEnum, auto
from importlib.resources import files
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from importer.model.candidates import Yes
from importer.model.plan import MappingPart
from importer.model.problem import CellFinding, Code, Repairs
from importer.model.text import folded

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
    """Return a span of time as `plus` has it, or a date. Raises ValueError."""
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

    def __str__(self) -> str:
        """In words."""
        return f"{self.ends} (and {self.grace})"


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
            (ending for ending in ends if ending[0] >= day),
            key=lambda ending: ending[0],
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


Order = Literal["mdy", "dmy", "ymd"]
ORDER_WORDS = {"mdy": "month/day/year", "dmy": "day/month/year", "ymd": "year/month/day"}
PATTERN_LETTERS = "dmyYbBaAj"
"""The letters of a pattern: day, month, year, names of month and weekday, day of year."""

_CLOCK = re.compile(
    r"(?:T|,? )([01]?[0-9]|2[0-3]):([0-5][0-9])(?::[0-5][0-9](?:[.,][0-9]+)?)?"
    r"(?: ?([AP])\.?M\.?)?(?: ?(?:(Z|UTC|GMT|[+-]00(?::?00)?)|[+-][0-9]{2}(?::?[0-9]{2})?))?\Z",
    re.IGNORECASE,
)
_ISO = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_THREE = re.compile(r"([0-9]{1,4})([-/. ])([0-9]{1,2})\2([0-9]{1,4})")
_EIGHT = re.compile(r"[0-9]{8}")
_SEVEN = re.compile(r"[0-9]{7}")
_RUN_TOGETHER = re.compile(r"%[dmyYj]%[dmyYj]")
_DIGITS = {"d": 2, "m": 2, "y": 2, "Y": 4, "j": 3}
# in front of a date, as Excel writes a long one
_WEEKDAY = re.compile(
    r"\A(?:mon|tues?|wed(?:nes)?|thu(?:rs?)?|fri|sat(?:ur)?|sun)(?:day)?\.?,? ", re.IGNORECASE
)
_NAMED = re.compile(
    r"(?:([0-9]{1,2})(?:st|nd|rd|th|er|º)?|([^\W\d_]{3,12})\.?)[-/. ]+(?:(?:de|of) )?"
    r"(?:([^\W\d_]{3,12})\.?|([0-9]{1,2})(?:st|nd|rd|th)?),?[-/. ]+(?:de )?"
    r"([0-9]{4}|[0-9]{2})(?: г\.?)?",
    re.IGNORECASE,
)
_MONTH = re.compile(
    r"(?:(?P<name>[^\W\d_]{3,12})\.?,?|(?P<number>[0-9]{1,2}))(?: ?[-/. ] ?)(?:(?:de|of) )?"
    r"(?P<year>[0-9]{4}|[0-9]{2})"
)
_YEAR_FIRST = re.compile(r"\A([0-9]{4})[-/.]([0-9]{1,2})\Z")
_EAST_ASIAN = re.compile(
    r"([^\W\d]{2})?([0-9]{1,4}|元) ?[年년] ?([0-9]{1,2}) ?[月월] ?([0-9]{1,2}) ?[日일]?"
)
_DOTTED = re.compile(r"([0-9]{1,4})\. ?([0-9]{1,2})\. ?([0-9]{1,4})\.?")
_DOT = re.compile(r"(\.) (?=%)|\.\Z")  # what a pattern has beside dates that are read as 15.5.2027
_NUMBER = re.compile(r"[0-9]{1,5}")
_TABLES = tomllib.loads((files(__package__) / "dates.toml").read_text("utf-8"))
_MONTHS: list[list[str]] = _TABLES["months"]
_ERAS: dict[str, int] = _TABLES["eras"]
_EPOCH = date(1899, 12, 30)
_FIRST_SERIAL, _LAST_SERIAL = 9_999, 80_000  # of the years 1927 and 2119
_LAST_NEAR = 68
"""The last year of two digits that is 20xx where a mapping has no `pivot`, as by `%y`."""
YEARS = range(1900, 2101)
"""Numbers that are years, and no day numbers: those would be days of 1905."""


class Unread(StrEnum):
    """Why a text is not a date; the words of each are in `dates.toml`."""

    UNKNOWN = auto()
    TWO_WAYS = auto()
    NO_SUCH_DAY = auto()
    SHORT_YEAR = auto()
    MOMENT = auto()
    YEAR = auto()
    MONTH = auto()
    SERIAL = auto()


class Dates(MappingPart):
    """How the dates of a column are read."""

    order: str = ""
    """An Order, a pattern, or "" if the mapping declares none."""
    pivot: Annotated[int, Field(ge=0, le=99)] | None = None
    """Two-digit years below it are 20xx, the others 19xx."""
    serials: Yes = False
    """Whether day numbers of spreadsheet programs are read."""
    month: Literal["end"] | None = None
    """`end`: a month with its year is its last day."""
    year: Literal["end"] | None = None
    """`end`: a year is its last day."""

    def model_post_init(self, _context: object, /) -> None:
        """Check the order or pattern."""
        wrong = pattern_fault(self.order) if "%" in self.order else ""
        if self.order and "%" not in self.order and self.order not in ORDER_WORDS:
            wrong = (
                f"`{self.order}` is not an order of dates; write mdy, dmy, ymd or a pattern "
                "such as `%d %b %Y`"
            )
        if wrong:
            raise ValueError(wrong)

    def over(self, base: Dates) -> Dates:
        """Return these settings, completed by those of the roster."""
        return base.model_copy(update=self.model_dump(exclude_defaults=True))

    def written(self, change: Mapping[str, object]) -> str:
        """Return these settings with a change, as a mapping writes them."""
        settings = self.model_dump(exclude_defaults=True, exclude={"serials"})
        settings |= ({"serials": "true"} if self.serials else {}) | dict(change)
        if [*settings] == ["order"]:
            return str(settings["order"])
        if "%" in self.order:
            settings["order"] = f'"{self.order}"'
        return f"{{{', '.join(f'{key}: {value}' for key, value in settings.items())}}}"

    def read(self, text: str) -> date | Unread:
        """Return the date of a text that is not blank, or why it is none."""
        text = _plain(text)
        clock = _CLOCK.search(text) if ":" in text else None
        if clock is None:
            return self._read(text)
        day = self._read(text[: clock.start()])
        return Unread.MOMENT if isinstance(day, date) and _is_moment(clock) else day

    def _read(self, text: str) -> date | Unread:
        if _EIGHT.fullmatch(text) and not _RUN_TOGETHER.search(self.order):
            iso = f"{text[:4]}-{text[4:6]}-{text[6:]}"
            text = iso if is_iso(iso) else text  # its year in another order is before 1232
        if "%" in self.order:
            return self._by_pattern(_western(text))
        three = _THREE.fullmatch(text)  # as most are
        if three is None:
            text = _WEEKDAY.sub("", _western(text))
            three = _THREE.fullmatch(text)
        if three:
            return self._by_order(three[1], three[3], three[4])
        if _NUMBER.fullmatch(text):
            return self._serial(int(text))
        if _SEVEN.fullmatch(text) and self.order in {"mdy", "dmy"}:
            text = f"0{text}"  # a number has no zero in front
        if _EIGHT.fullmatch(text) and self.order:
            at = 4 if self.order == "ymd" else 2
            return self._by_order(text[:at], text[at : at + 2], text[at + 2 :])
        if named := _NAMED.fullmatch(text):
            return self._named(named)
        return self._month(text)

    def _by_pattern(self, text: str) -> date | Unread:
        if _ISO.fullmatch(text):
            return _day(*map(int, text.split("-")))
        pattern = _CLOCK.sub("", self.order)
        if _RUN_TOGETHER.search(pattern):
            text = _whole(text, pattern)
        if _DOTTED.fullmatch(text):
            pattern = _DOT.sub(r"\1", pattern)
        try:
            parsed = datetime.strptime(text, pattern).date()  # noqa: DTZ007  a date has no zone
        except ValueError:
            return self._serial(int(text)) if _NUMBER.fullmatch(text) else self._month(text)
        if "%y" in self.order and self.pivot is not None:
            return _day(self._century(parsed.year % 100), parsed.month, parsed.day)
        return parsed

    def _by_order(self, first: str, second: str, third: str) -> date | Unread:
        if len(first) == 4:
            return _day(int(first), int(second), int(third)) if len(third) < 3 else Unread.UNKNOWN
        if self.order == "ymd":
            year, month, day = first, second, third
        elif self.order == "dmy":
            year, month, day = third, second, first
        else:
            year, month, day = third, first, second
        if len(day) > 2 or len(month) > 2 or len(year) not in {2, 4}:
            return Unread.UNKNOWN
        if len(year) == 2 and self.pivot is None:
            return Unread.SHORT_YEAR
        full = int(year) if len(year) == 4 else self._century(int(year))
        if self.order:
            return _day(full, int(month), int(day))
        ways = {_day(full, int(month), int(day)), _day(full, int(day), int(month))}
        dates = [way for way in ways if isinstance(way, date)]
        if len(dates) == 2:
            return Unread.TWO_WAYS
        return dates[0] if dates else Unread.NO_SUCH_DAY

    def _named(self, named: re.Match[str]) -> date | Unread:
        first, before, behind, second, written = named.groups()
        if (first is None) == (second is None):
            return Unread.UNKNOWN
        if not (month := _month_of(before or behind)):
            return Unread.UNKNOWN
        year = int(written)
        if len(written) == 2:
            if self.pivot is None:
                return Unread.SHORT_YEAR
            year = self._century(year)
        return _day(year, month, int(first or second))

    def _month(self, text: str) -> date | Unread:
        """Return the last day of a month; its number with a year of two digits only by `month`."""
        match = _MONTH.fullmatch(_YEAR_FIRST.sub(r"\2/\1", text))
        if match is None or (len(match["year"]) == 2 and (self.month is None or match["name"])):
            return Unread.UNKNOWN
        month = _month_of(match["name"]) if match["name"] else int(match["number"])
        if not 1 <= month <= 12:
            return Unread.UNKNOWN
        if self.month is None:
            return Unread.MONTH
        year = int(match["year"])
        if len(match["year"]) == 2 and self.pivot is None and year > _LAST_NEAR:
            return Unread.SHORT_YEAR
        if len(match["year"]) == 2:
            year = self._century(year) if self.pivot is not None else 2000 + year
        return date(year, month, calendar.monthrange(year, month)[1]) if year else Unread.UNKNOWN

    def _serial(self, number: int) -> date | Unread:
        if number in YEARS:
            return date(number, 12, 31) if self.year else Unread.YEAR
        if not self.serials:  # with fewer digits, it would be one of a day before 1927
            return Unread.SERIAL if number > _FIRST_SERIAL else Unread.UNKNOWN
        if not 0 < number <= _LAST_SERIAL or number == 60:  # 60 is a 29 February 1900
            return Unread.UNKNOWN
        return _EPOCH + timedelta(number + 1 if number < 60 else number)

    def _century(self, year: int) -> int:
        return (2000 if year < (self.pivot or 0) else 1900) + year

    def iso(self, text: str) -> tuple[str, CellFinding | None]:
        """Return the date of a text that is not blank as ISO, or the finding why it is none."""
        day = self.read(text)
        if not isinstance(day, Unread):
            return day.isoformat(), None
        sentence, advice, repairs, setting = _TABLES["unread"][day]
        dmy = self.written({"order": "dmy"})
        advice = advice.format(self.written(setting), dmy=dmy)
        message = f"{{value}} {sentence}"
        code = Code.AMBIGUOUS_DATE if day is Unread.TWO_WAYS else Code.UNPARSABLE_DATE
        if day is Unread.NO_SUCH_DAY and self.order in ORDER_WORDS:
            message += f", read as {ORDER_WORDS[self.order]}"
            others = (self.model_copy(update={"order": order}) for order in ORDER_WORDS)
            if other := next(
                (dates for dates in others if isinstance(dates.read(text), date)), None
            ):
                typed = f"If the column has {ORDER_WORDS[other.order]}"
                advice += f" {typed}, set `dates: {other.written({})}` in the mapping."
        return "", CellFinding(code, message, advice, repairs=Repairs[repairs])


WrittenDates = Annotated[
    Dates,
    BeforeValidator(
        lambda value: {"order": value} if isinstance(value, str) else value,
        json_schema_input_type=str | Dates,
    ),
]


def _month_of(name: str) -> int:
    """Return the month of a name or its beginning; 0 if it is not one month's."""
    name = folded(name)
    months = [
        number
        for number, names in enumerate(_MONTHS, 1)
        if any(month.startswith(name) or name == month[:4] for month in names)
    ]
    return months[0] if len(months) == 1 else 0


def _whole(text: str, pattern: str) -> str:
    """Return the text if every part of the pattern has its full number of digits; else "".

    Without a sign between two parts, 1121980 would read as 11/2/1980 and as 01/12/1980. A number
    has lost the zero in front, which is put back.
    """
    literal, *parts = re.split(r"%(.)", pattern)
    shape = re.escape(literal)
    for letter, after in zip(parts[::2], parts[1::2], strict=True):
        shape += f"[0-9]{{{_DIGITS[letter]}}}" if letter in _DIGITS else ".+"
        shape += re.escape(after)
    numbers = (text, f"0{text}") if pattern[1:2] in {"d", "m"} else (text,)
    return next((number for number in numbers if re.fullmatch(shape, number)), "")


def _plain(text: str) -> str:
    """Return the text with the digits 0 to 9."""
    if text.isascii():
        return text
    composed = unicodedata.normalize("NFKC", text)
    return "".join(str(int(char)) if char.isdecimal() else char for char in composed)


def _western(text: str) -> str:
    """Return East Asian dates as ISO, and dots without blanks behind them."""
    match = None if text.isascii() else _EAST_ASIAN.fullmatch(text)
    if match and (match[1] or "") in {"", *_ERAS}:
        year = _ERAS.get(match[1] or "", 0) + (1 if match[2] == "元" else int(match[2]))
        return f"{year:04}-{match[3]:0>2}-{match[4]:0>2}"
    return _DOTTED.sub(r"\1.\2.\3", text)


def _is_moment(clock: re.Match[str]) -> bool:
    """Return whether a time is one of UTC within a day, so that the local day may be another."""
    hour, minute, half, utc = clock.groups()
    hours = int(hour) % 12 + 12 * (half.upper() == "P") if half else int(hour)
    return utc is not None and (hours, int(minute)) not in {(0, 0), (23, 59)}


def _day(year: int, month: int, day: int) -> date | Unread:
    try:
        return date(year, month, day)
    except ValueError:
        return Unread.NO_SUCH_DAY


def is_iso(text: str) -> bool:
    """Return whether a text is a date as 2027-05-15."""
    return bool(_ISO.fullmatch(text)) and isinstance(_day(*map(int, text.split("-"))), date)


def iso_day(text: str) -> str:
    """Return a date as 2027-05-15, for pydantic. Raises ValueError for anything else."""
    if not is_iso(text):
        sentence = f"`{text}` is not a date; write it as 2027-05-15"
        raise ValueError(sentence)
    return text


def is_any_date(text: str) -> bool:
    """Return whether a text is a date in some order, also one that reads two ways."""
    read = [Dates(order=order).read(text) for order in ORDER_WORDS]
    dated = {Unread.TWO_WAYS, Unread.SHORT_YEAR, Unread.MOMENT, Unread.SERIAL}
    return any(isinstance(day, date) or day in dated for day in read)


def shown_order(texts: Iterable[str], dates: Dates) -> Order | None:
    """Return the order that a column shows: some texts fit it only, and none only the other."""
    first, second = (dates.model_copy(update={"order": order}) for order in ("mdy", "dmy"))
    fits = {
        (isinstance(first.read(text), date), isinstance(second.read(text), date)) for text in texts
    }
    as_mdy, as_dmy = (True, False) in fits, (False, True) in fits
    if as_mdy == as_dmy:
        return None
    return "mdy" if as_mdy else "dmy"


Orders = dict[Hashable, str | None]
"""The orders that columns show, None where they show none, by what reads the column."""


def order_notice(order: str, dates: Dates) -> CellFinding:
    """Return the notice that dates, which the mapping reads so, were read as their column shows."""
    message = f"was read as {ORDER_WORDS[order]}, because some dates allow no other order"
    advice = (
        f"If this is right, declare it in the mapping: `dates: {dates.written({'order': order})}`."
    )
    return CellFinding(Code.READ_WITH_NOTICE, message, advice)


_FEWEST = 3
"""Dates of a kind from which a column shows something."""
SWAPPED = CellFinding(
    Code.ODD_COLUMN,
    "all dates that are text have a day above 12, and all others a day up to 12: a spreadsheet "
    "program may have taken days for months in the others",
    "Compare some dates with the office's own list. If they are wrong, export the column as text.",
)


def may_be_swapped(texts: Collection[str]) -> bool:
    """Return whether a program may have taken days for months: it leaves those above 12 as text."""
    typed = [three for three in map(_THREE.fullmatch, texts) if three and len(three[1]) < 3]
    days = [max(int(three[1]), int(three[3])) for three in typed]
    if min(days, default=0) <= 12:
        return False
    read = [int(text[8:]) for text in texts if is_iso(text[:10]) and len(text) == 10]
    return min(len(days), len(read)) >= _FEWEST and max(read) <= 12


def pattern_fault(pattern: str) -> str:
    """Return what is wrong with a date pattern, or ""."""
    letters = re.findall(r"%(.?)", pattern.replace("%%", ""))
    unknown = [letter for letter in letters if letter not in PATTERN_LETTERS or not letter]
    if unknown:
        return f"`%{unknown[0]}` is not a part of a date; write a pattern such as `%d %b %Y`"
    if any(not set(letters) & set(kind) for kind in ("dj", "mbBj", "yY")):
        return "a pattern needs day, month and year, as in `%d %b %Y`"
    try:
        datetime.strptime("", pattern)  # noqa: DTZ007  only the pattern is of interest
    except (ValueError, re.error) as error:
        return "" if "does not match" in str(error) else "the pattern has a part twice"
    return ""
