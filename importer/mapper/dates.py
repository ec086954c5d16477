"""Dates typed as text.

ISO dates (2027-05-15) and dates with the month's name are read in every column. Digits alone are
read in the order or by the pattern that the mapping declares (`mdy`, `dmy`, `ymd`). If it declares
none, the column may show its order (`Evidence`); a date that still reads two ways is a problem.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import Enum
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from importer.mapper.periods import TermEnd, later
from importer.mapper.transforms import Reading
from importer.model.candidates import Yes
from importer.model.catalogue import Code, Repairs
from importer.model.plan import MappingPart
from importer.model.problem import CellFinding

Order = Literal["mdy", "dmy", "ymd"]
ORDERS: tuple[Order, ...] = ("mdy", "dmy", "ymd")
ORDER_WORDS = {"mdy": "month/day/year", "dmy": "day/month/year", "ymd": "year/month/day"}
PATTERN_LETTERS = "dmyYbBaAj"
"""The letters of a pattern: day, month, year, names of month and weekday, day of year."""

_MIDNIGHT = re.compile(r"[T ](?:00?:00(?::00(?:\.0+)?)?|12:00(?::00)? ?AM)Z?", re.IGNORECASE)
_ISO = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
_THREE = re.compile(r"([0-9]{1,4})([-/. ])([0-9]{1,2})\2([0-9]{1,4})")
_EIGHT = re.compile(r"[0-9]{8}")
_SEVEN = re.compile(r"[0-9]{7}")
_RUN_TOGETHER = re.compile(r"%[dmyYj]%[dmyYj]")
_DIGITS = {"d": 2, "m": 2, "y": 2, "Y": 4, "j": 3}
_NAMED = re.compile(
    r"(?:([0-9]{1,2})[-/. ]+([a-z]{3,9})|([a-z]{3,9})[-/. ]+([0-9]{1,2}))\.?,?[-/. ]+"
    r"([0-9]{4}|[0-9]{2})",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"[0-9]{1,5}")
_MONTHS = (
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
)
_EPOCH = date(1899, 12, 30)
_LAST_SERIAL = 80_000  # the year 2119


class Unread(Enum):
    """Why a text is not a date: the sentence, the advice ("" for the catalogue's), its reach."""

    UNKNOWN = ("is not a date that can be read", "", Repairs.ROW)
    TWO_WAYS = ("reads both as month/day and as day/month", "", Repairs.ROW)
    NO_SUCH_DAY = ("is a day that does not exist", "Correct the date.", Repairs.ROW)
    SHORT_YEAR = (
        "has a year of two digits",
        "Type the year with four digits, or set in the mapping up to which year they are 20xx: "
        "`dates: {pivot: 30}`.",
        Repairs.COLUMN,
    )
    SERIAL = (
        "is a plain number, perhaps a day number of the spreadsheet program",
        "Format the column as a date, or allow day numbers in the mapping: "
        "`dates: {serials: true}`.",
        Repairs.COLUMN,
    )


@dataclass(frozen=True, slots=True)
class Style:
    """How the dates of one column are read.

    `order`: an Order, a pattern, or "" if the mapping declares none. `pivot`: two-digit years
    below it are 20xx, the others 19xx. `serials`: day numbers of spreadsheet programs are read.
    """

    order: str = ""
    pivot: int | None = None
    serials: bool = False

    @property
    def declared(self) -> bool:
        """Whether it says if the month or the day comes first."""
        return bool(self.order)

    def over(self, base: Style) -> Style:
        """Return this style, completed by that of the roster."""
        return Style(
            self.order or base.order,
            base.pivot if self.pivot is None else self.pivot,
            self.serials or base.serials,
        )

    def read(self, text: str) -> date | Unread:
        """Return the date of a text that is not blank, or why it is none."""
        text = _MIDNIGHT.sub("", text) if ":" in text else text
        if "%" in self.order:
            return self._by_pattern(text)
        if three := _THREE.fullmatch(text):
            return self._by_order(three[1], three[3], three[4])
        if _NUMBER.fullmatch(text):
            return self._serial(int(text))
        if _SEVEN.fullmatch(text) and self.order in {"mdy", "dmy"}:
            text = f"0{text}"  # a number has no zero in front
        if _EIGHT.fullmatch(text):
            return self._eight(text)
        if named := _NAMED.fullmatch(text):
            return self._named(named)
        return Unread.UNKNOWN

    def _by_pattern(self, text: str) -> date | Unread:
        if iso := _ISO.fullmatch(text):
            return _day(int(iso[1]), int(iso[2]), int(iso[3]))
        if _RUN_TOGETHER.search(self.order):
            text = _whole(text, self.order)
        try:
            found = datetime.strptime(text, self.order).date()  # noqa: DTZ007  a date has no zone
        except ValueError:
            return self._serial(int(text)) if _NUMBER.fullmatch(text) else Unread.UNKNOWN
        if "%y" in self.order and self.pivot is not None:
            return _day(self._century(found.year % 100), found.month, found.day)
        return found

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
        if self.declared:
            return _day(full, int(month), int(day))
        ways = {_day(full, int(month), int(day)), _day(full, int(day), int(month))}
        dates = [way for way in ways if isinstance(way, date)]
        if len(dates) == 2:
            return Unread.TWO_WAYS
        return dates[0] if dates else Unread.NO_SUCH_DAY

    def _eight(self, text: str) -> date | Unread:
        match self.order:
            case "mdy":
                return _day(int(text[4:]), int(text[:2]), int(text[2:4]))
            case "dmy":
                return _day(int(text[4:]), int(text[2:4]), int(text[:2]))
            case "ymd":
                return _day(int(text[:4]), int(text[4:6]), int(text[6:]))
            case _:
                return Unread.UNKNOWN

    def _named(self, named: re.Match[str]) -> date | Unread:
        name = (named[2] or named[3]).lower()
        months = [n for n, month in enumerate(_MONTHS, 1) if month.startswith(name)]
        if name == "sept":
            months = [9]
        if len(months) != 1:
            return Unread.UNKNOWN
        year = int(named[5])
        if len(named[5]) == 2:
            if self.pivot is None:
                return Unread.SHORT_YEAR
            year = self._century(year)
        return _day(year, months[0], int(named[1] or named[4]))

    def _serial(self, number: int) -> date | Unread:
        if not self.serials:
            return Unread.SERIAL
        if not 0 < number <= _LAST_SERIAL or number == 60:  # 60 is a 29 February 1900
            return Unread.UNKNOWN
        return _EPOCH + timedelta(number + 1 if number < 60 else number)

    def _century(self, year: int) -> int:
        return (2000 if year < (self.pivot or 0) else 1900) + year


def _whole(text: str, pattern: str) -> str:
    """Return the text if every part of the pattern has its full number of digits; else "".

    Without a sign between two parts, 1121980 would read as 11/2/1980 and as 01/12/1980. A number
    has lost the zero in front, which is put back.
    """
    parts = re.split(r"%(.)", pattern)
    digits = [
        f"[0-9]{{{_DIGITS[letter]}}}" if letter in _DIGITS else ".+" for letter in parts[1::2]
    ]
    shape = "".join(
        re.escape(literal) + part for literal, part in zip(parts[::2], [*digits, ""], strict=True)
    )
    numbers = (text, f"0{text}") if pattern[1:2] in {"d", "m"} else (text,)
    return next((number for number in numbers if re.fullmatch(shape, number)), "")


def _day(year: int, month: int, day: int) -> date | Unread:
    try:
        return date(year, month, day)
    except ValueError:
        return Unread.NO_SUCH_DAY


@dataclass(slots=True)
class Evidence:
    """What a whole column shows about its order: how many texts are dates in one order only."""

    mdy: int = 0
    dmy: int = 0

    def add(self, texts: set[str], style: Style) -> None:
        """Count the texts that only one of the two orders can read."""
        first, second = replace(style, order="mdy"), replace(style, order="dmy")
        for text in texts:
            as_mdy = isinstance(first.read(text), date)
            as_dmy = isinstance(second.read(text), date)
            self.mdy += as_mdy and not as_dmy
            self.dmy += as_dmy and not as_mdy

    @property
    def order(self) -> Order | None:
        """The order that the column shows, if nothing in it contradicts."""
        if self.mdy and not self.dmy:
            return "mdy"
        return "dmy" if self.dmy and not self.mdy else None


def pattern_fault(pattern: str) -> str:
    """Return what is wrong with a date pattern, or ""."""
    letters = re.findall(r"%(.?)", pattern.replace("%%", ""))
    unknown = [letter for letter in letters if letter not in PATTERN_LETTERS or not letter]
    if unknown:
        return f"`%{unknown[0]}` is not a part of a date; write a pattern such as `%d %b %Y`"
    kinds = {"d": "dj", "m": "mbBj", "y": "yY"}
    if any(not set(letters) & set(kind) for kind in kinds.values()):
        return "a pattern needs day, month and year, as in `%d %b %Y`"
    try:
        datetime.strptime("", pattern)  # noqa: DTZ007  only the pattern is of interest
    except ValueError as error:
        return "" if "does not match" in str(error) else "the pattern has a part twice"
    except re.error:
        return "the pattern has a part twice"
    return ""


# --- how the mapping writes it ---


class Dates(MappingPart):
    """How the dates of a column are read."""

    order: str = ""
    pivot: Annotated[int, Field(ge=0, le=99)] | None = None
    serials: Yes = False

    @property
    def style(self) -> Style:
        """The same for reading."""
        return Style(self.order, self.pivot, self.serials)

    def model_post_init(self, _context: object, /) -> None:
        """Check the order or pattern."""
        wrong = pattern_fault(self.order) if "%" in self.order else ""
        if self.order and "%" not in self.order and self.order not in ORDERS:
            wrong = (
                f"`{self.order}` is not an order of dates; write mdy, dmy, ymd or a pattern "
                "such as `%d %b %Y`"
            )
        if wrong:
            raise ValueError(wrong)


DatesPart = Annotated[
    Dates,
    BeforeValidator(
        lambda value: {"order": value} if isinstance(value, str) else value,
        json_schema_input_type=str | Dates,
    ),
]


# --- a date as a step ---


def date_reader(
    style: Style, plus: str | None, terms: tuple[TermEnd, ...]
) -> Callable[[str, str], Reading]:
    """Return the step that reads a date, moves it by `plus`, and writes it as ISO."""
    move: Callable[[date], date] = later(plus, terms) if plus else lambda day: day

    def read(text: str, _country: str = "") -> Reading:
        day = style.read(text)
        if isinstance(day, date):
            return move(day).isoformat(), None
        return "", _unread(day, style)

    return read


def _unread(why: Unread, style: Style) -> CellFinding:
    sentence, advice, repairs = why.value
    message = f"{{value}} {sentence}"
    if why is Unread.TWO_WAYS:
        return CellFinding(Code.AMBIGUOUS_DATE, message, advice, repairs=repairs)
    if why is Unread.NO_SUCH_DAY and style.order in ORDER_WORDS:
        message += f", read as {ORDER_WORDS[style.order]}"
    return CellFinding(Code.UNPARSABLE_DATE, message, advice, repairs=repairs)
