"""What a careful reader of a roster would ask about: values that no person has, and odd columns.

All of it is a warning. What clean rosters have must not be found: tests count false alarms.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from functools import partial

from importer.model.candidates import NAMES
from importer.model.people import NICKNAMES, NO_NAME
from importer.model.problem import KNOWN, CellFinding, Code, Problem, Repairs
from importer.model.roster import FORMULA_ERRORS, NULLS
from importer.model.text import counted
from importer.validator.columns import NO_LETTER, WORDS, Column, Table, odd

_NO_NAMES, _NOBODY = frozenset(WORDS["no_names"]), frozenset(WORDS["nobody"])
_TEST_WORDS = frozenset({"test", "tester", "dummy", "demo", "mustermann"})
_TELLING = _TEST_WORDS.union(*map(str.split, _NOBODY))
_BRACKETED = re.compile(r"(?<![*#])[(\[{*#<]+\s*([^)\]}*#>]+)")
_REMARK = re.compile("|".join(map(re.escape, WORDS["remarks"])), re.IGNORECASE)
_REMARK_WORDS = frozenset(WORDS["remark_words"])
_EMAIL_IN = re.compile(r"\S@\w[\w-]*\.")
_LOST = re.compile(r"\w[?¿]|[?¿]\w")
_MARKS_ONLY = re.compile(NO_LETTER)
_NO_WORD = re.compile(f"{NO_LETTER}|.")
_DIGIT_IN_NAME = re.compile(r"(?<!\d)\d++(?!(?:st|nd|rd|th)\b)")
_MARKUP = re.compile(r"</?[a-z][^<>]*>|&(?:amp|nbsp|lt|gt|quot|#\d+);|\A=[A-Z]+\(", re.IGNORECASE)
_MONTH = re.compile("-(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)", re.IGNORECASE)
_EXCEL_DAY = re.compile(rf"\d{{1,2}}{_MONTH.pattern}", re.IGNORECASE)
_MARKS = re.compile("[<&=@]")
"""One of them is in whatever contains HTML, a formula or an email address."""
_TEXTS = (
    *NAMES,
    "contact_info.address.line1",
    "contact_info.address.line2",
    "contact_info.address.city",
    "job_description",
    "user_title",
    "pref_name_suffix",
)
_MANY = 10
"""Rows from which a column as a whole can be odd."""
_GIVEN = frozenset(NICKNAMES).union(*NICKNAMES.values())
_OFTEN, _SELDOM = 0.4, 0.15
"""Shares of usual English given names in a column of first names, and in one of last names."""

_NULL = CellFinding(
    Code.ODD_VALUE,
    f"{KNOWN} is what databases write for a blank cell",
    "Set `blank: [NULL]`, with this word, under `roster:` in the mapping; or, if people are called "
    "so, add the step `{unless: [NULL]}` to `clean` in the rule of this field instead.",
    repairs=Repairs.COLUMN,
)


def _names(table: Table) -> Iterator[tuple[Column, Column]]:
    return zip(table.of("first_name"), table.of("last_name"), strict=False)


# --- values ---


def odd_names(table: Table) -> Iterator[Problem]:
    """Find names that are placeholders, remarks or a single letter, or contain digits or marks."""
    for column in table.of(*NAMES):
        last = column.target.field.name == "last_name"
        texts = column.among(_NO_NAMES) | {*filter(_NO_WORD.fullmatch, column.distinct)}
        texts |= column.having(_BRACKETED, _REMARK, _LOST, NO_NAME, _DIGIT_IN_NAME)
        yield from column.judge(partial(_odd_name, last=last), texts)


def _odd_name(text: str, *, last: bool) -> CellFinding | None:
    bracketed = " ".join(_BRACKETED.findall(text)).casefold().split()
    reasons = {
        "stands where a name should be": text.casefold() in _NO_NAMES
        or _MARKS_ONLY.fullmatch(text),
        "contains a remark": _REMARK.search(text) or not _REMARK_WORDS.isdisjoint(bracketed),
        "contains a question mark, perhaps in place of a lost letter": _LOST.search(text),
        "contains a mark that no name has": NO_NAME.search(text),
        "contains a digit": _DIGIT_IN_NAME.search(text),
        "is a single letter": last and len(text) == 1 and text.isascii(),
    }
    why = next((sentence for sentence, holds in reasons.items() if holds), "")
    # for an error of a formula the row is rejected
    return odd(why) if why and text not in FORMULA_ERRORS else None


def test_people(table: Table) -> Iterator[Problem]:
    """Find names of nobody, such as Test Student and Mickey Mouse."""
    for first, last in _names(table):
        first_names, last_names = (
            column.with_word(lambda word: word.casefold() in _TELLING) for column in (first, last)
        )
        for row, given, own in zip(table.candidates.rows, first.texts, last.texts, strict=True):
            if given not in first_names and own not in last_names:
                continue
            name = f"{given} {own}".casefold()
            words = {*name.split()} & _TEST_WORDS
            if name in _NOBODY or (words and not {given.casefold(), own.casefold()} & _NO_NAMES):
                yield last.problem(row, f"{given} {own}", odd("is no name of a person"), first)


def markup(table: Table) -> Iterator[Problem]:
    """Find HTML, formulas, emails, words for a blank, and street numbers that became dates."""
    for column in table.of(*_TEXTS):
        path = column.target.field.path
        judge = partial(_markup, address=path.startswith("contact_info"))
        yield from column.judge(judge, column.having(_MARKS, _MONTH))
        nulls = column.among(NULLS)  # people are called Null
        alone = (text for text in nulls if not (path == "last_name" and text.isalpha()))
        yield from column.flag(dict.fromkeys(alone, _NULL))


def _markup(text: str, *, address: bool) -> CellFinding | None:
    if _MARKUP.search(text):
        return odd("contains HTML or a formula")
    if _EMAIL_IN.search(text):
        return odd("contains an email address")
    if address and _EXCEL_DAY.fullmatch(text):
        return odd("looks like a date of the spreadsheet program")
    return None


# --- whole columns ---


def odd_columns(table: Table) -> Iterator[Problem]:
    """Find columns that are odd as a whole: swapped names, and one January 1 for many births."""
    for first, last in _names(table):
        if _is_of_first_names(last.counts) and not _is_of_first_names(first.counts, _SELDOM):
            sentence = "most cells look like first names: the columns of the names may be swapped"
            yield _of_column(table, last, sentence)
    for column in table.of("birth_date"):
        filled = column.counts.total()
        firsts = (day for day in column.distinct if day.endswith("-01-01"))
        day = max(firsts, key=column.counts.__getitem__, default="")
        count = column.counts[day]
        if filled >= _MANY and count >= max(3, filled / 20):
            sentence = f"{counted(count, 'row')} of {filled:,} have the birth date {KNOWN}"
            yield _of_column(table, column, sentence, day)


def _is_of_first_names(counts: Counter[str], share: float = _OFTEN) -> bool:
    known = sum(n for text, n in counts.items() if text.casefold().split()[0] in _GIVEN)
    return counts.total() >= _MANY and known >= share * counts.total()


def _of_column(table: Table, column: Column, sentence: str, value: str = "") -> Problem:
    """Return the problem of a column, which is one of the whole roster."""
    finding = CellFinding(Code.ODD_COLUMN, sentence, value=value)
    origin = table.candidates.source.origin()
    return finding.problem(origin, *column.target.places, field=column.target.label)
