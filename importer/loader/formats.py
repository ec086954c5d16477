"""Number formats: what a person sees of a number that a workbook holds.

Only three things of a format matter here: that it shows a date or a time, that it adds zeros and
fixed characters to a whole number (`00000000`, `000-00-0000`), or that it does neither.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, NamedTuple

from importer.model.catalogue import Code

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

DIGITS = 15
"""Significant digits that a spreadsheet program keeps of a number."""

# ECMA-376 part 1, 18.8.30: formats that are known by number alone; 27 to 58 are East Asian dates.
_BUILT_IN_DATES = frozenset((*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)))
_QUOTED = re.compile(r'"[^"]*"|\\.|_.|\*.')
_BRACKETS = re.compile(r"\[[^\]]*\]")
_ELAPSED = re.compile(r"\[(h+|m+|s+)\]", re.IGNORECASE)
_TOKEN = re.compile(r'"([^"]*)"|\\(.)|_(.)|\*(.)|(.)', re.DOTALL)
_DATE_LETTERS = re.compile(r"[dmyhs]", re.IGNORECASE)
_FIXED = frozenset("-()/+: ")
_DAYS = 2_958_466  # up to the end of the year 9999 in the 1900 system


class NoNumberError(Exception):
    """The file holds as a number what is none."""


@dataclass(frozen=True, slots=True)
class Plain:
    """Shows the number as it is."""


@dataclass(frozen=True, slots=True)
class Dated:
    """Shows a date, a time of day, or both."""


@dataclass(frozen=True, slots=True)
class Padded:
    """Shows a whole number in places: `0` and `#` take its digits, all else is as it stands."""

    tokens: tuple[str, ...]  # "0", "#", or a fixed character with a mark in front
    zeros: int


Format = Plain | Dated | Padded
PLAIN = Plain()


def read_format(number: int, code: str) -> Format:
    """What a number format does; `code` is blank for those known by number alone."""
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


def _first_section(code: str) -> str:
    """The part for positive numbers, before the first semicolon that is not quoted."""
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


class Shown(NamedTuple):
    """A number as text, and what there is to say about it: a code, or nothing."""

    text: str
    code: Code | None = None


@dataclass(frozen=True, slots=True)
class Styles:
    """The formats of a workbook's cells, by style number."""

    formats: Sequence[Format] = ()
    starts_1904: bool = False

    def show(self, raw: str, style: int) -> Shown:
        """The number that the file holds as `raw`, as a person sees it.

        Raises NoNumberError where `raw` is no number.
        """
        chosen = self.formats[style] if style < len(self.formats) else PLAIN
        return show(raw, chosen, starts_1904=self.starts_1904)


def read_styles(
    cell_formats: Sequence[int], codes: Mapping[int, str], *, starts_1904: bool
) -> Styles:
    """The styles of a workbook: a number format's id for each, and the codes by id."""
    known = {number: read_format(number, codes.get(number, "")) for number in set(cell_formats)}
    return Styles([known[number] for number in cell_formats], starts_1904)


def show(raw: str, chosen: Format, *, starts_1904: bool = False) -> Shown:
    """The number as that format shows it. Raises NoNumberError where `raw` is no number."""
    if _is_short_whole(raw) and not isinstance(chosen, Dated):
        return _whole(raw, chosen)
    try:
        value = Decimal(raw.strip())
    except InvalidOperation:
        raise NoNumberError from None
    if not value.is_finite() or abs(value.adjusted()) > 400:
        raise NoNumberError
    if isinstance(chosen, Dated):
        moment = _moment(float(value), starts_1904=starts_1904)
        if moment:
            return Shown(moment)
    text = _plain(value)
    if abs(value) >= Decimal(10) ** DIGITS:
        return Shown(text, Code.ID_LOST_DIGITS)
    return _whole(text, chosen) if text.isdecimal() else Shown(text)


def _is_short_whole(raw: str) -> bool:
    return raw.isdecimal() and raw.isascii() and len(raw) <= DIGITS and raw[0] != "0"


def _whole(digits: str, chosen: Format) -> Shown:
    if not isinstance(chosen, Padded):
        return Shown(digits)
    code = Code.ZEROS_RESTORED if len(digits) < chosen.zeros else None
    if len(chosen.tokens) == chosen.zeros:
        return Shown(digits.zfill(chosen.zeros), code)
    return Shown(_in_places(digits, chosen), code)


def _plain(value: Decimal) -> str:
    """The digits that a spreadsheet program would show: at most 15 that count, no exponent."""
    whole = value.to_integral_value()
    if whole == value:
        return format(whole, "f") if whole else "0"
    rounded = Decimal(f"{value:.{DIGITS - 1}e}")
    text = format(rounded, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _in_places(digits: str, chosen: Padded) -> str:
    """The digits from the right into the places of a format; what is over goes to the left."""
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
    """A day count as an ISO date, with the time if it is not midnight; blank where it is none.

    Day 60 of the 1900 system is the 29 February 1900 that never was; programs show it, so it is
    given, and no date check will take it.
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
