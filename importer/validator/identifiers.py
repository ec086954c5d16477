"""Identifiers: what their column asks of them, and what Alma finds again."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import partial

from importer.model.catalogue import Code, Severity
from importer.model.policy import AccountType, IdRule
from importer.model.problem import Problem
from importer.model.text import steering
from importer.validator.characters import TYPOGRAPHIC
from importer.validator.columns import Column, Finding, Judge, Table
from importer.validator.idrules import ahead, asks_more, misfit

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
_PLAIN = r"(?!0+$|9{5,}$)[0-9]+"


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
    if text != text.strip():
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


def _not_found_again(text: str) -> Finding | None:
    if sign := steering(text):
        return Finding(
            Code.MALFORMED_ID,
            f"{{value}} holds {sign}, with which Alma would not find the record again",
            "Ask who gives out the identifier for one without this sign, or strip it in the "
            "mapping under `ids`.",
        )
    return None


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
    """Identifiers that are rounded, made up, not as their column asks, or not found again."""
    internal = table.candidates.layout.account_type is AccountType.INTERNAL
    for column in _identifying(table):
        own = misfit(column.target)
        if own is None and internal and column.target.field.path == "primary_id":
            own = _empl_id
        yield from column.judged(partial(_first, own), _suspects(column, own))


def _suspects(column: Column, own: Judge | None) -> tuple[str, ...]:
    """The distinct values that are not plain digits, or that may be against the column's rule."""
    rule = column.target.id_rule or IdRule()
    fitting = f"(?!{_EMPL_ID.pattern}$)" if own is _empl_id else ahead(rule)
    suspects = column.unlike(re.compile(fitting + _PLAIN))
    if own and asks_more(rule):
        return tuple(dict.fromkeys((*suspects, *filter(own, column.distinct))))
    return suspects


def _first(own: Judge | None, text: str) -> Finding | None:
    """What is worst about an identifier; `own` is the rule of its column."""
    return (
        _lost_digits(text)
        or _placeholder(text)
        or _characters(text)
        or (own(text) if own else None)
        or _not_found_again(text)
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
    suspects = _suspects(column, own)
    strays = sum(own(text) is not None and other(text) is None for text in suspects)
    return strays > 0 and 2 * strays > len(column.distinct)
