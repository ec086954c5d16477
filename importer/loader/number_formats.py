"""Number formats: the text that Excel shows for a number.

Of a format matters here that it shows a date or a time, that it adds zeros and fixed characters to
a whole number (`00000000`, `000-00-0000`), and that it shows nothing for 0 (`0;-0;;@`).
"""

from __future__ import annotations

import io
import re
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from functools import lru_cache
from xml.etree.ElementTree import iterparse

from importer.model.problem import CellFinding, Code

DIGITS = 15
"""Significant digits of a number that Excel keeps."""

_QUOTED = re.compile(r'"[^"]*"|\\.|_.|\*.')
_BRACKETS = re.compile(r"\[[^\[\]]*+\]")
_ELAPSED = re.compile(r"\[(h+|m+|s+)\]", re.IGNORECASE)
_CONDITION = re.compile(r"\[[<>=]")
_TOKEN = re.compile(r'"([^"]*)"|\\(.)|_(.)|\*(.)|(.)', re.DOTALL)
_SECTION = re.compile(r'(?:^|;)((?:"[^"]*"|[\\_*].|[^;])*)', re.DOTALL)
_DATE_LETTERS = re.compile(r"[dmyhs]", re.IGNORECASE)
_FIXED = frozenset("-()/+: ")
_SHORT = re.compile(r"-?(?=.{3,15}$)[0-9]+\.[0-9]*[1-9]")  # no more digits than Excel keeps
_DAYS = 2_958_466  # up to the end of the year 9999 in the 1900 system


Shown = tuple[str, CellFinding | None]
"""The text of a cell, and what is wrong with it."""


@dataclass(frozen=True, slots=True)
class NumberFormat:
    """What a number format does. `is_month`: it shows a month and its year, and no day.

    `hides_zero`: in a column of formulas, people often hide with it what is blank elsewhere.
    `places`: into which the digits of a whole number go. "0" and "#" take a digit; a fixed
    character has "=" in front. Without places, the number is shown as it is.
    """

    is_date: bool = False
    is_month: bool = False
    places: tuple[str, ...] = ()
    hides_zero: bool = False


PLAIN = NumberFormat()
DATED, MONTHS = NumberFormat(is_date=True), NumberFormat(is_date=True, is_month=True)

# ECMA-376 part 1, 18.8.30: built-in formats; 27 to 58 are East Asian dates, 46 is elapsed time.
_BUILT_IN = dict.fromkeys((*range(14, 23), *range(27, 37), 45, 47, *range(50, 59)), DATED)
_BUILT_IN[17] = MONTHS  # May-27


@lru_cache(maxsize=1_000)
def read_format(number: int, code: str) -> NumberFormat:
    """Return what a number format does. Built-in ones have a number and no code."""
    if not code:
        return _BUILT_IN.get(number, PLAIN)
    positive, *others = _SECTION.findall(code)
    hides = positive != "" and others[1:] != [] and not others[1].replace('"', "").strip()
    if _CONDITION.search(code):  # with which 0 may be in another section
        hides = False
    return replace(_of_section(positive), hides_zero=hides)


def _of_section(section: str) -> NumberFormat:
    """Return what the section for positive numbers does."""
    bare = _QUOTED.sub("", section)
    shown = _BRACKETS.sub("", bare)
    if _ELAPSED.search(bare) or shown.strip().lower() == "general":
        return PLAIN
    if letters := {*map(str.lower, _DATE_LETTERS.findall(shown))}:
        return MONTHS if letters == {"m", "y"} else DATED
    if _CONDITION.search(section):  # depends on the value, as in formats for phone numbers
        return PLAIN
    places: list[str] = []
    for quoted, escaped, skipped, _, char in _TOKEN.findall(_BRACKETS.sub("", section)):
        if char and char in "0#?":
            places.append("0" if char == "0" else "#")
        elif char and char not in _FIXED:
            return PLAIN  # decimals, thousands, percent, exponents
        else:
            places += ["=" + char for char in quoted or escaped or (" " if skipped else char)]
    fixed = any(place[0] == "=" and place[1:].strip() for place in places)
    adds = places.count("0") > 1 or (fixed and not {"0", "#"}.isdisjoint(places))
    return NumberFormat(places=tuple(places)) if adds else PLAIN


def read_styles(part: bytes) -> list[NumberFormat]:
    """Return the number format of each style of an Excel workbook.

    `part` is its styles.xml, which openpyxl itself does not read if a font or fill is unusual.
    """
    codes: dict[int, str] = {}
    chosen: list[int] = []
    in_cells = False
    events = iterparse(io.BytesIO(part or b"<none/>"), ("start", "end"))  # noqa: S314  no DOCTYPE
    for event, element in events:
        name = element.tag.rpartition("}")[2]
        if name == "cellXfs":
            in_cells = event == "start"
        elif event == "start" and name == "numFmt":
            codes[int(element.get("numFmtId", ""))] = element.get("formatCode", "")
        elif event == "start" and name == "xf" and in_cells:
            chosen.append(int(element.get("numFmtId", 0)))
    return [read_format(number, codes.get(number, "")) for number in chosen]


def show(value: float, chosen: NumberFormat = PLAIN, *, starts_1904: bool = False) -> Shown:
    """Return a number as its format shows it, and what there is to report.

    Raises ValueError if it is not a number that a spreadsheet can contain.
    """
    if chosen.hides_zero and not value:
        return "", None
    if chosen.is_date and (moment := _moment(value, starts_1904=starts_1904)):
        # the first day is what a spreadsheet program makes of a month that somebody types
        whole = not (chosen.is_month and moment.endswith("-01"))
        return moment if whole else moment.removesuffix("-01"), None
    if 0 <= value < 10**DIGITS and value == int(value):
        return _whole(str(int(value)), chosen.places)
    text = repr(value)
    if _SHORT.fullmatch(text):
        return text, None
    number = Decimal(text)
    if not number.is_finite() or abs(number.adjusted()) > 400:
        msg = "not a number of a spreadsheet"
        raise ValueError(msg)
    text = _all_digits(number)
    if abs(number) < 10**DIGITS:
        return text, None
    message = "{value} is a number of more than 15 digits, and Excel keeps only 15"
    return text, CellFinding(Code.ID_LOST_DIGITS, message, value=text)


def _whole(digits: str, places: tuple[str, ...]) -> Shown:
    """Return a whole number in the places of its format, and whether that adds zeros."""
    text = _in_places(digits, places) if places else digits
    if len(digits) >= places.count("0"):
        return text, None
    message = "{value} is stored without the zeros that its number format shows"
    return text, CellFinding(Code.ZEROS_RESTORED, message, value=text)


def _all_digits(value: Decimal) -> str:
    """Return all digits without an exponent, of a fraction at most 15 significant ones."""
    whole = value.to_integral_value()
    if whole == value:
        return format(whole, "f") if whole else "0"
    text = format(Decimal(f"{value:.{DIGITS - 1}e}"), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _in_places(digits: str, places: tuple[str, ...]) -> str:
    """Put digits into the places of a format from the right; the remaining ones go to the left."""
    zeros = places.count("0")
    digits = digits.zfill(zeros)
    if zeros == len(places):
        return digits
    out: list[str] = []
    free = sum(place in {"0", "#"} for place in places)
    for place in reversed(places):
        if place[0] == "=":
            out.append(place[1:])
            continue
        free -= 1
        taken = 1 if free else len(digits)
        out.append(digits[-taken:])
        digits = digits[:-taken]
    return "".join(reversed(out))


def _moment(serial: float, *, starts_1904: bool) -> str:
    """Return a day count as an ISO date, with the time if it is not midnight; "" if out of range.

    Day 60 of the 1900 system is February 29, 1900, which never was. Excel shows it, so it is
    returned, and every date check rejects it.
    """
    if not 0 <= serial < _DAYS:
        return ""
    days, seconds = divmod(round(serial * 86_400), 86_400)
    clock = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    if not days and seconds:
        return clock
    if starts_1904:
        day = date(1904, 1, 1) + timedelta(days)
    else:
        day = date(1899, 12, 31 if days < 60 else 30) + timedelta(days)
    text = "1900-02-29" if days == 60 and not starts_1904 else day.isoformat()
    return f"{text} {clock}" if seconds else text
