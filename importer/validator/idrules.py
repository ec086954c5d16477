"""What a mapping's `ids:` rule asks of the identifiers of its column."""

from __future__ import annotations

import re
from collections.abc import Callable

from importer.errors import MappingError
from importer.model.candidates import FieldColumn
from importer.model.catalogue import Code, Mends
from importer.model.policy import IdRule
from importer.validator.columns import Finding, Judge

_PATTERN_SECONDS = 1.0

_FIXED_PATTERN = re.compile(
    r"(?:(?:\\d|[0-9A-Za-z-]|\[(?:[0-9]-[0-9]|[A-Z]-[A-Z]|[a-z]-[a-z]|[0-9A-Za-z])+\])"
    r"(?:\{[0-9]{1,2}\})?)+"
)
"""A pattern such as `2[0-9]{13}`, of one length: it cannot take long, so no clock is needed."""


def _is_fixed(pattern: str) -> bool:
    return _FIXED_PATTERN.fullmatch(pattern) is not None


_DOUBLED = bytes.maketrans(b"0123456789", b"0246813579")


def has_check_digit(text: str) -> bool:
    """Is the last digit the right one, by modulus 10? Library barcodes have it as their 14th."""
    digits = text.encode()
    total = sum(digits[-1::-2]) + sum(digits[-2::-2].translate(_DOUBLED))
    return (total - ord("0") * len(digits)) % 10 == 0


def _pattern(rule: IdRule, target: FieldColumn) -> Callable[[str], bool] | None:
    """A test for the mapping's own pattern, which ends the run if it takes too long."""
    if rule.pattern is None:
        return None
    if _is_fixed(rule.pattern):
        fixed = re.compile(rule.pattern)
        return lambda text: fixed.fullmatch(text) is not None
    import regex

    pattern = regex.compile(rule.pattern)

    def fits(text: str) -> bool:
        try:
            return pattern.fullmatch(text, timeout=_PATTERN_SECONDS) is not None
        except TimeoutError:
            headings = ", ".join(place.heading for place in target.places) or target.label
            message = (
                f"ids: {headings}: the pattern takes too long to try; "
                "write it without repetitions inside repetitions, or use `digits`"
            )
            raise MappingError((message,)) from None

    return fits


def misfit(target: FieldColumn) -> Judge | None:
    """A judge for the `ids:` rule of the column behind a target; nothing if it has none."""
    rule = target.id_rule
    if rule is None or not (rule.digits or rule.pattern or rule.check_digit):
        return None
    pattern = _pattern(rule, target)

    def judge(text: str) -> Finding | None:
        numeric = text.isascii() and text.isdigit()
        if rule.digits is not None and not numeric:
            return Finding(Code.MALFORMED_ID, f"{{value}} is not {rule.digits} digits")
        if rule.digits is not None and len(text) != rule.digits:
            return Finding(
                Code.MALFORMED_ID,
                f"{{value}} has {len(text)} digits, and its column asks for {rule.digits}",
                _PAD if _lacks_zeros(text, rule) else "",
                mends=Mends.COLUMN,
            )
        if pattern is not None and not pattern(text):
            return Finding(
                Code.MALFORMED_ID, "{value} does not have the pattern that its column asks for"
            )
        if rule.check_digit and not (numeric and has_check_digit(text)):
            return Finding(
                Code.MALFORMED_ID,
                "the last digit of {value} does not agree with the others",
                "Look for a wrong or swapped digit, or scan the barcode again.",
            )
        return None

    return judge


_PAD = (
    "If spreadsheet programs have dropped the zeros in front, set `pad: true` for this column "
    "under `ids` in the mapping; otherwise correct the identifier."
)


def _lacks_zeros(text: str, rule: IdRule) -> bool:
    """May zeros in front be all that is missing? More than half of the digits are there."""
    digits = rule.digits or 0
    return not rule.pad and len(text) < digits < 2 * len(text)


def ahead(rule: IdRule) -> str:
    """What a rule asks, as far as a pattern tells it: lookaheads, to be put before a pattern."""
    asked = [f"[0-9]{{{rule.digits}}}"] if rule.digits else []
    if rule.pattern and _is_fixed(rule.pattern):
        asked.append(rule.pattern)
    return "".join(f"(?={pattern}$)" for pattern in asked)


def asks_more(rule: IdRule) -> bool:
    """Does a rule ask for more than `ahead` tells?"""
    return bool(rule.check_digit or (rule.pattern and not _is_fixed(rule.pattern)))
