"""The steps of `clean:`, by name. Each is a function on one text."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

import phonenumbers

from importer.errors import MappingError
from importer.mapper.names import capitalise
from importer.mapper.patterns import compile_pattern
from importer.mapper.reading import Convert, ConvertThere, Finding, Idle, Reading, quietly
from importer.model.catalogue import Code
from importer.model.countries import region_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from importer.mapper.clauses import CleanStep, Replace, Split

REGEX_SECONDS = 0.5
"""How long a pattern of the mapping may take on one text."""
REGEX_CHARACTERS = 4_000
"""Texts longer than this are not searched with a pattern."""

_ZIP = re.compile(r"([0-9]{3,5})(?:[- ]?([0-9]{4}))?")
_NOT_DIGITS = re.compile(r"[^0-9]+")


def selects(step: CleanStep) -> bool:
    """Is it meant to leave parts of the text out, possibly all of it?"""
    chosen = (step.first, step.last, step.split, step.replace, step.strip)
    return any(part is not None for part in chosen)


def idle(step: CleanStep) -> Idle | None:
    """How to see at a glance that the step has nothing to do, where that pays."""
    match step.name:
        case "email":
            return _are_plain_emails
        case "lower":
            return lambda joined: joined == joined.lower()
        case "upper":
            return lambda joined: joined == joined.upper()
        case _:
            return None


def located(step: CleanStep) -> ConvertThere | None:
    """The function of a step whose result depends on the country of the address, if it does."""
    if step.name == "zip":
        return _zip
    if step.phone is not None:
        region = step.phone.region
        return lambda text, country: (_phone(text, region_of(country) or region), None)
    return None


def converter(step: CleanStep) -> Convert:  # noqa: PLR0911  a step each
    """The function of a step."""
    match step.name:
        case "upper":
            return quietly(str.upper)
        case "lower":
            return quietly(str.lower)
        case "name":
            return quietly(capitalise)
        case "digits":
            return quietly(lambda text: _NOT_DIGITS.sub("", text))
        case "email":
            return quietly(_email)
        case "zip":
            return lambda text: _zip(text, "")
        case _:
            return _with_setting(step)


def _with_setting(step: CleanStep) -> Convert:  # noqa: PLR0911  a step each
    if step.phone is not None:
        region = step.phone.region
        return quietly(lambda text: _phone(text, region))
    if step.pad is not None:
        width = step.pad
        return lambda text: padded(text, width)
    if step.first is not None:
        count = step.first
        return quietly(lambda text: text[:count].rstrip())
    if step.last is not None:
        count = step.last
        return quietly(lambda text: text[-count:].lstrip())
    if step.split is not None:
        return quietly(_splitter(step.split))
    if step.replace is not None:
        return _replacer(step.replace)
    unwanted = str.maketrans("", "", step.strip or "")
    return quietly(lambda text: text.translate(unwanted).strip())


def padded(text: str, width: int) -> Reading:
    """The text with leading zeros, if it is digits and nothing else."""
    if len(text) >= width or not (text.isascii() and text.isdigit()):
        return text, None
    message = f"{{value}} has fewer than {width} digits; zeros were put in front"
    return text.zfill(width), Finding(Code.ZEROS_RESTORED, message)


def _email(text: str) -> str:
    """Without `mailto:`, angle brackets and a closing separator; the domain in small letters."""
    inner = text.strip("<>;, ")
    if inner.lower().startswith("mailto:"):
        inner = inner[len("mailto:") :].strip()
    name, at, domain = inner.rpartition("@")
    return f"{name}{at}{domain.lower()}" if at else inner


def _are_plain_emails(joined: str) -> bool:
    """In small letters, and nothing around them?"""
    return (
        not any(mark in joined for mark in "<>;, ")
        and joined == joined.lower()
        and "mailto:" not in joined
    )


def _zip(text: str, country: str) -> Reading:
    """Return a ZIP code as 07030 or 07030-1234, if the address is in the USA."""
    if region_of(country) != "US":
        return text, None
    digits = "".join(text.split())
    match = _ZIP.fullmatch(text) or _ZIP.fullmatch(digits)
    if match is None:
        return text, None
    five = match[1].zfill(5)
    whole = f"{five}-{match[2]}" if match[2] else five
    if five == match[1]:
        return whole, None
    return whole, Finding(
        Code.ZEROS_RESTORED, "{value} is a ZIP code without its leading zeros; they were put back"
    )


@lru_cache(maxsize=65_536)
def _phone(text: str, region: str) -> str:
    """Return the number as +17015550123 if it is valid in the region; else the text as it is."""
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return text
    abroad = number.country_code != phonenumbers.country_code_for_region(region)
    if not phonenumbers.is_valid_number(number) or (abroad and not text.startswith("+")):
        return text
    whole = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return f"{whole} ext. {number.extension}" if number.extension else whole


def _splitter(split: Split) -> Callable[[str], str]:
    def take(text: str) -> str:
        parts = text.split(split.on)
        return parts[split.take - 1].strip() if split.take <= len(parts) else ""

    return take


def _replacer(replace: Replace) -> Convert:
    pattern = compile_pattern(replace.find)

    def change(text: str) -> Reading:
        if len(text) > REGEX_CHARACTERS:
            message = "{value} is too long to be searched by the mapping's pattern"
            return text, Finding(Code.CELL_TOO_LONG, message)
        try:
            return " ".join(pattern.sub(replace.text, text, timeout=REGEX_SECONDS).split()), None
        except TimeoutError:
            msg = (
                f"the pattern `{replace.find}` takes too long on a text of the roster; "
                "make it simpler, without a repetition inside a repetition"
            )
            raise MappingError((msg,)) from None

    return change
