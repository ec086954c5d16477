"""Identifiers: what their column asks of them, and what Alma can work with (contract 3.2)."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from functools import partial

from importer.errors import MappingError
from importer.model.candidates import Target
from importer.model.catalogue import Code, Severity
from importer.model.policy import AccountType, IdRule
from importer.model.problem import Problem
from importer.validator.characters import TYPOGRAPHIC
from importer.validator.columns import Column, Finding, Judge, Table

_PATTERN_SECONDS = 1.0

_PLACEHOLDERS = frozenset(
    {
        "n/a", "na", "n.a.", "none", "null", "nil", "tbd", "tba", "tbc", "unknown", "pending",
        "missing", "blank", "empty", "not available", "#n/a", "x", "xx", "xxx", "xxxx", "?", "??",
        "???", "-", "--", "---", ".",
    }
)  # fmt: skip
_FILLING = re.compile(r"0+|9{5,}")
_ROUNDED = re.compile(r"[0-9](?:[.,][0-9]+)?[Ee]\+[0-9]{1,3}|[0-9][.,][0-9]+[Ee][0-9]{1,3}")
_EMPL_ID = re.compile(r"[0-9]{7,9}")
_PLAIN = re.compile(r"(?!0+$|9{5,}$)[0-9]+")
_AWKWARD = re.compile(r"[/\\%?#;]")


def _lost_digits(text: str) -> Finding | None:
    if _ROUNDED.fullmatch(text):
        return Finding(
            Code.ID_LOST_DIGITS, "{value} is what the spreadsheet program left of a longer number"
        )
    return None


def _placeholder(text: str) -> Finding | None:
    if _FILLING.fullmatch(text) or text.casefold() in _PLACEHOLDERS:
        return Finding(
            Code.MALFORMED_ID,
            "{value} stands for an identifier that is not there",
            "Fill in the person's own identifier, or clear the cell.",
        )
    return None


def _characters(text: str) -> Finding | None:
    """Characters that no identifier has, however its column is ruled."""
    if text in {".", ".."} or text != text.strip():
        return Finding(Code.MALFORMED_ID, "{value} begins or ends as no identifier can")
    if text.isascii() and text.isprintable():
        return None
    for mark in text:
        if unicodedata.category(mark) in {"Cc", "Cf", "Cs", "Zl", "Zp"}:
            return Finding(Code.MALFORMED_ID, "{value} holds a character that cannot be seen")
        if not mark.isascii() and mark.isnumeric():
            return Finding(
                Code.MALFORMED_ID,
                "{value} holds digits other than 0 to 9",
                "Type the identifier again with the digits 0 to 9.",
            )
        if mark in TYPOGRAPHIC:
            return Finding(
                Code.MALFORMED_ID,
                "{value} holds a typographic dash or quotation mark",
                "Type the identifier again, with the plain characters of the keyboard.",
            )
    return None


def _awkward(text: str) -> Finding | None:
    if mark := _AWKWARD.search(text):
        return Finding(
            Code.MALFORMED_ID,
            f"{{value}} holds {mark[0]}, with which Alma may not find the identifier again",
            "Check the identifier. The row is sent all the same.",
            Severity.WARNING,
        )
    return None


_FIXED_PATTERN = re.compile(
    r"(?:(?:\\d|[0-9A-Za-z-]|\[(?:[0-9]-[0-9]|[A-Z]-[A-Z]|[a-z]-[a-z]|[0-9A-Za-z])+\])"
    r"(?:\{[0-9]{1,2}\})?)+"
)
"""A pattern such as `2[0-9]{13}`, of one length: it cannot take long, so no clock is needed."""

_DOUBLED = bytes.maketrans(b"0123456789", b"0246813579")


def has_check_digit(text: str) -> bool:
    """Is the last digit the right one, by modulus 10? Library barcodes have it as their 14th."""
    digits = text.encode()
    total = sum(digits[-1::-2]) + sum(digits[-2::-2].translate(_DOUBLED))
    return (total - ord("0") * len(digits)) % 10 == 0


def _pattern(rule: IdRule, target: Target) -> Callable[[str], bool] | None:
    """A test for the mapping's own pattern, which ends the run if it takes too long."""
    if rule.pattern is None:
        return None
    if _FIXED_PATTERN.fullmatch(rule.pattern):
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


def misfit(target: Target) -> Judge | None:
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


def _empl_id(text: str) -> Finding | None:
    if _EMPL_ID.fullmatch(text):
        return Finding(
            Code.LOOKS_LIKE_EMPL_ID, "{value} looks like an EMPL ID, and the record is Internal"
        )
    return None


def _identifying(table: Table) -> Iterator[Column]:
    """The columns that hold identifiers, whatever their type."""
    yield from table.of("primary_id")
    yield from table.of("user_identifier.value")


def identifiers(table: Table) -> Iterator[Problem]:
    """Identifiers that are rounded, made up, not as their column asks, or hard on Alma."""
    internal = table.candidates.scheme.account_type is AccountType.INTERNAL
    for column in _identifying(table):
        own = misfit(column.target)
        if own is None and internal and column.target.field.path == "primary_id":
            own = _empl_id
        suspects = [
            text
            for text in column.distinct
            if not _PLAIN.fullmatch(text) or (own is not None and own(text))
        ]
        yield from column.judged(partial(_first, own), suspects)


def _first(own: Judge | None, text: str) -> Finding | None:
    """What is worst about an identifier; `own` is the rule of its column."""
    return (
        _lost_digits(text)
        or _placeholder(text)
        or _characters(text)
        or (own(text) if own else None)
        or _awkward(text)
    )


def swapped_identifiers(table: Table) -> Iterator[Problem]:
    """A hint for the whole roster where most values of two columns fit each other's rule.

    The rows are rejected one by one for their malformed identifiers; this says the cause. It
    holds no figures, so that every chunk of one roster says the same.
    """
    ruled = [(column, judge) for column in _identifying(table) if (judge := misfit(column.target))]
    for number, (left, of_left) in enumerate(ruled):
        for right, of_right in ruled[number + 1 :]:
            if left.target.places == right.target.places:
                continue
            if _most(left, of_left, of_right) and _most(right, of_right, of_left):
                names = " and ".join(
                    str(place) for column in (left, right) for place in column.target.places
                )
                yield Problem.of(
                    Code.MALFORMED_ID,
                    table.candidates.source.origin(),
                    f"most identifiers of {names} have the form that the other column asks for",
                    *left.target.places,
                    *right.target.places,
                    field=left.target.label,
                    advice="The two columns seem to be swapped. Put each under its own heading.",
                    severity=Severity.WARNING,
                )


def _most(column: Column, own: Judge, other: Judge) -> bool:
    """Do more than half of a column's values miss its own rule and fit another column's?"""
    strays = sum(own(text) is not None and other(text) is None for text in column.distinct)
    return 2 * strays > len(column.distinct)
