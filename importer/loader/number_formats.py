"""Number formats: the text that Excel shows for a number.

Only three things of a format matter here: that it shows a date or a time, that it adds zeros and
fixed characters to a whole number (`00000000`, `000-00-0000`), or that it does neither.
"""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from defusedxml.ElementTree import iterparse

from importer.model.catalogue import Code

DIGITS = 15
"""Significant digits of a number that Excel keeps."""

# ECMA-376 part 1, 18.8.30: built-in formats; 27 to 58 are East Asian dates.
_BUILT_IN_DATES = frozenset((*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)))
_QUOTED = re.compile(r'"[^"]*"|\\.|_.|\*.')
_BRACKETS = re.compile(r"\[[^\]]*\]")
_ELAPSED = re.compile(r"\[(h+|m+|s+)\]", re.IGNORECASE)
_TOKEN = re.compile(r'"([^"]*)"|\\(.)|_(.)|\*(.)|(.)', re.DOTALL)
_DATE_LETTERS = re.compile(r"[dmyhs]", re.IGNORECASE)
_FIXED = frozenset("-()/+: ")
_DAYS = 2_958_466  # up to the end of the year 9999 in the 1900 system


@dataclass(frozen=True, slots=True)
class Plain:
    """A format that shows the number as it is."""


@dataclass(frozen=True, slots=True)
class Dated:
    """A format that shows a date, a time of day, or both."""


@dataclass(frozen=True, slots=True)
class Padded:
    """A format that puts the digits of a whole number into places.

    `tokens`: "0" and "#" take a digit; a fixed character has "=" in front.
    """

    tokens: tuple[str, ...]
    zeros: int


Format = Plain | Dated | Padded
PLAIN = Plain()


def read_format(number: int, code: str) -> Format:
    """Return what a number format does. Built-in ones have a number and no code."""
    if not code:
        return Dated() if number in _BUILT_IN_DATES else PLAIN
    section = _first_section(code)
    bare = _QUOTED.sub("", section)
    if _ELAPSED.search(bare):
        return PLAIN
    bare = _BRACKETS.sub("", bare)
    if bare.strip().lower() == "general":
        return PLAIN
    if _DATE_LETTERS.search(bare):
        return Dated()
    return _padded(section)


def read_styles(part: bytes) -> list[tuple[int, str]]:
    """Return the number and code of the number format of each style of an Excel workbook.

    `part` is its styles.xml, which openpyxl itself does not read if a font or fill is unusual.
    """
    codes: dict[int, str] = {}
    chosen: list[int] = []
    in_cells = False
    for event, element in iterparse(io.BytesIO(part or b"<none/>"), ("start", "end")):
        name = element.tag.rpartition("}")[2]
        if name == "cellXfs":
            in_cells = event == "start"
        elif event == "start" and name == "numFmt":
            codes[int(element.get("numFmtId"))] = element.get("formatCode", "")
        elif event == "start" and name == "xf" and in_cells:
            chosen.append(int(element.get("numFmtId", 0)))
    return [(number, codes.get(number, "")) for number in chosen]


def _first_section(code: str) -> str:
    """Return the part for positive numbers, before the first semicolon that is not quoted."""
    end = 0
    for match in _TOKEN.finditer(code):
        if match[5] == ";":
            break
        end = match.end()
    return code[:end]


def _padded(section: str) -> Format:
    if re.search(r"\[[<>=]", section):  # depends on the value, as in formats for phone numbers
        return PLAIN
    tokens: list[str] = []
    for quoted, escaped, skipped, _, char in _TOKEN.findall(_BRACKETS.sub("", section)):
        if char and char in "0#?":
            tokens.append("0" if char == "0" else "#")
        elif char and char not in _FIXED:
            return PLAIN  # decimals, thousands, percent, exponents
        elif fixed := quoted or escaped or (" " if skipped else char):
            tokens += ["=" + one for one in fixed]
    zeros = tokens.count("0")
    fixed_inside = any(token[0] == "=" and token[1:].strip() for token in tokens)
    if zeros < 2 and not (fixed_inside and ("0" in tokens or "#" in tokens)):
        return PLAIN
    return Padded(tuple(tokens), zeros)


def show(
    value: float, chosen: Format = PLAIN, *, starts_1904: bool = False
) -> tuple[str, Code | None]:
    """Return a number as its format shows it, and the code of what there is to report, if any.

    Raises ValueError if it is not a number that a spreadsheet can contain.
    """
    if isinstance(chosen, Dated):
        moment = _moment(value, starts_1904=starts_1904)
        if moment:
            return moment, None
    if 0 <= value < 10**DIGITS and value == int(value):
        return _whole(str(int(value)), chosen)
    number = Decimal(repr(value))
    if not number.is_finite() or abs(number.adjusted()) > 400:
        msg = "not a number of a spreadsheet"
        raise ValueError(msg)
    return _plain(number), Code.ID_LOST_DIGITS if abs(number) >= 10**DIGITS else None


def _whole(digits: str, chosen: Format) -> tuple[str, Code | None]:
    if not isinstance(chosen, Padded):
        return digits, None
    code = Code.ZEROS_RESTORED if len(digits) < chosen.zeros else None
    if len(chosen.tokens) == chosen.zeros:
        return digits.zfill(chosen.zeros), code
    return _in_places(digits, chosen), code


def _plain(value: Decimal) -> str:
    """Return all digits without an exponent, of a fraction at most 15 significant ones."""
    whole = value.to_integral_value()
    if whole == value:
        return format(whole, "f") if whole else "0"
    rounded = Decimal(f"{value:.{DIGITS - 1}e}")
    text = format(rounded, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _in_places(digits: str, chosen: Padded) -> str:
    """Put digits into the places of a format from the right; the remaining ones go to the left."""
    left = list(digits.zfill(chosen.zeros))
    out: list[str] = []
    places = sum(token in {"0", "#"} for token in chosen.tokens)
    for token in reversed(chosen.tokens):
        if token[0] == "=":
            out.append(token[1:])
            continue
        places -= 1
        if places == 0:
            out.extend(reversed(left))
            left = []
        elif left:
            out.append(left.pop())
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
