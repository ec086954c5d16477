"""Checks of IDs within a row; those of the same ID in several rows are in `duplicates`."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from functools import partial

from importer.model.candidates import ID_FIELDS
from importer.model.problem import CellFinding, Code, Problem
from importer.model.text import DOTS, STEERING, is_several_words, steering
from importer.model.user import AccountType
from importer.validator.columns import (
    A_TYPOGRAPHIC_MARK,
    NO_LETTER,
    TYPOGRAPHIC,
    WORDS,
    Judge,
    Table,
    odd,
)

_PLACEHOLDERS = frozenset(WORDS["placeholders"])
_FILLING = re.compile(f"0+|9{{5,}}|{NO_LETTER}")
_ROUNDED = re.compile(r"[0-9](?:[.,][0-9]+)?[Ee]\+[0-9]{1,3}|[0-9][.,][0-9]+[Ee][0-9]{1,3}")
_ZEROS = re.compile(r"[1-9][0-9]{4,}0{4,}")
_PEOPLE = 3
"""People who have the same long ID because it was rounded, and not by a mistake in one row."""

_DECIMAL = re.compile(r"[0-9]+\.00?")
_THOUSANDS = re.compile(r"[0-9]{1,3}(?:,[0-9]{3})+")
EMPL_ID = re.compile(r"[0-9]{7,9}")
_STRANGE = re.compile(r"[^\n!-&(-DF-df-~]")
"""Blanks, characters that no ID has, apostrophes, and the E of a rounded number."""

_NO_DIGIT = re.compile(r"^[^\d\n]+$", re.MULTILINE)
_FEW = 0.05
"""The share of IDs without a digit up to which they are unlike the other IDs of their column."""

_PROXY = "proxy_for_user.primary_id"


def rounded_ids(columns: Sequence[Sequence[str]], names: Sequence[int]) -> frozenset[str]:
    """Return the long IDs that end in zeros and that rows of three or more names share.

    Excel shows 20001123450011 as `2.00011E+13`; saved so and opened again, it is 20001100000000.
    `names`: by row, a number, as the texts of each column of IDs.
    """
    holders: defaultdict[str, set[int]] = defaultdict(set)
    for texts in columns:
        long = {*filter(_ZEROS.fullmatch, texts)}
        for text, name in zip(texts, names, strict=True):
            if text in long:
                holders[text].add(name)
    return frozenset(text for text, people in holders.items() if len(people) >= _PEOPLE)


def identifiers(table: Table) -> Iterator[Problem]:
    """Find IDs that are rounded, made up, not as their column's rule asks, or not found again."""
    internal = table.candidates.layout.account_type is AccountType.INTERNAL
    for column in table.of(*ID_FIELDS, _PROXY):
        judge: Judge = _of_a_number
        if (rule := column.target.id_rule) and rule.has_form:
            judge = rule.wrong
        elif internal and column.target.field.path == "primary_id":
            judge = _internal_id
        strange = column.having(_STRANGE, STEERING) | column.among(_PLACEHOLDERS | DOTS)
        strange.update(*(filter(test, column.distinct) for test in (_FILLING.fullmatch, judge)))
        words = column.having(_NO_DIGIT)
        words = words if len(words) <= _FEW * len(column.distinct) else set()
        yield from column.judge(partial(_worst, judge, words), strange | words)


def _worst(rule: Judge, words: Collection[str], text: str) -> CellFinding | None:
    """Return the gravest finding about an ID; `rule` judges for its column.

    `words`: the few IDs without a digit in a column of IDs with digits.
    """
    wrong = rule(text)
    wrong = wrong and (_of_a_number(text) or wrong)
    sure = no_id(text) or _characters(text) or wrong or _not_found_again(text)
    unlike = odd("has no digit, as nearly all IDs of its column have")
    return sure or (unlike if text in words else None)


def no_id(text: str) -> CellFinding | None:
    """Return a finding for a text that stands for a missing or a rounded ID: it is nobody's."""
    if _ROUNDED.fullmatch(text):
        sentence = "Excel shortened this number to {value}; the last digits are lost"
        return CellFinding(Code.ID_LOST_DIGITS, sentence)
    why = ""
    if _FILLING.fullmatch(text) or text.casefold() in _PLACEHOLDERS:
        why = "stands for a missing ID"
    elif is_several_words(text):
        why = "is several words, and no ID"
    advice = "Enter the person's own ID, or clear the cell."
    return CellFinding(Code.MALFORMED_ID, f"{{value}} {why}", advice) if why else None


def _characters(text: str) -> CellFinding | None:
    """Return a finding for characters that no ID has, whatever the rule of its column."""
    if text != text.strip():
        return CellFinding(
            Code.MALFORMED_ID, "{value} begins or ends with a blank or an invisible character"
        )
    if text.startswith("'"):
        advice = "Delete the apostrophe, which only keeps a cell as text."
        return CellFinding(Code.MALFORMED_ID, "{value} begins with an apostrophe", advice)
    if text.isascii() and text.isprintable():
        return None
    for mark in text:
        what = advice = ""
        if unicodedata.category(mark) in {"Cc", "Cf", "Cs", "Zl", "Zp"}:
            what = "an invisible character"
        elif not mark.isascii() and mark.isnumeric():
            what, advice = "digits other than 0 to 9", "Type the ID again with the digits 0 to 9."
        elif mark in TYPOGRAPHIC:
            what = A_TYPOGRAPHIC_MARK
            advice = "Type the ID again, with the plain characters of the keyboard."
        if what:
            return CellFinding(Code.MALFORMED_ID, f"{{value}} contains {what}", advice)
    return None


def _not_found_again(text: str) -> CellFinding | None:
    if sign := steering(text):
        return CellFinding(
            Code.MALFORMED_ID,
            f"{{value}} contains {sign}, with which Alma would not find the record again",
            "Ask whoever assigns the ID for one without this character, or strip it in the "
            "mapping under `ids`.",
        )
    return None


def _of_a_number(text: str) -> CellFinding | None:
    commas = _THOUSANDS.fullmatch(text)
    if commas or _DECIMAL.fullmatch(text):
        what = "commas" if commas else "decimals"
        return CellFinding(
            Code.MALFORMED_ID,
            f"{{value}} has {what}, so a program took the ID for a number",
            f"Export the column as text again, or delete the {what}. Compare one ID with the "
            "person's card: zeros in front may be missing, too.",
        )
    return None


def _internal_id(text: str) -> CellFinding | None:
    """Return a finding about the primary ID of an Internal user whose column has no rule."""
    if EMPL_ID.fullmatch(text):
        return CellFinding(
            Code.LOOKS_LIKE_EMPL_ID, "{value} looks like an EMPL ID, and the record is Internal"
        )
    return _of_a_number(text)


def own_proxies(table: Table) -> Iterator[Problem]:
    """Find patrons who would be their own proxy."""
    finding = CellFinding(
        Code.MALFORMED_ID,
        "{value} is an ID of this row too, and nobody borrows for themselves as a proxy",
        "Enter the primary ID of the person for whom the patron may borrow, or clear the cell.",
    )
    own = [column.texts for column in table.of(*ID_FIELDS)]
    for column in table.of(_PROXY):
        for row, text, *ids in zip(table.candidates.rows, column.texts, *own, strict=True):
            if text and text.casefold() in map(str.casefold, ids):
                yield column.problem(row, text, finding)
