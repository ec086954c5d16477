"""Checks of single fields: lengths, symbols in names, dates, PIN and password."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from datetime import date

from importer.model.catalogue import Code, Severity
from importer.model.fields import Shape
from importer.model.problem import CellFinding, Problem
from importer.model.roster import NOT_KEPT
from importer.model.text import folded
from importer.model.user import AccountType
from importer.validator.columns import Table

# --- text ---

_SYMBOLS = frozenset({"So", "Co"})
"""Unicode categories of pictures, emoji among them, and of characters of a single font."""


def too_long(table: Table) -> Iterator[Problem]:
    """Find values with more characters than Alma's field takes (contract 1.2 and 1.3)."""
    for column in table.columns:
        limit = column.target.field.facts.length
        if limit:
            yield from column.flag(
                {
                    text: CellFinding(
                        Code.TOO_LONG, f"has {len(text):,} characters, and Alma takes {limit:,}"
                    )
                    for text in column.distinct
                    if len(text) > limit
                }
            )


def symbols_in_names(table: Table) -> Iterator[Problem]:
    """Find names with an emoji or another picture. Letters of every script are fine."""
    for column in table.columns:
        if column.target.field.path.endswith("_name"):
            yield from column.judge(_with_symbol)


def _with_symbol(text: str) -> CellFinding | None:
    if not text.isascii() and any(unicodedata.category(char) in _SYMBOLS for char in text):
        return CellFinding(Code.SYMBOL_IN_NAME, "{value} contains a picture, such as an emoji")
    return None


# --- dates; ISO dates sort as text ---

_FIRST, _FAR = "1900-01-01", "2200-12-31"
_OLDEST = 110  # years


def _years_before(day: date, years: int) -> str:
    """Return the same day `years` earlier as ISO text; February 29 may not exist then."""
    return f"{day.year - years:04}-{day:%m-%d}"


def out_of_range(table: Table) -> Iterator[Problem]:
    """Find unusual years, and birth dates in the future or more than 110 years ago."""
    today, oldest = table.today.isoformat(), _years_before(table.today, _OLDEST)

    def birth(text: str) -> CellFinding | None:
        if text > today:
            return CellFinding(Code.DATE_OUT_OF_RANGE, "the birth date {value} is in the future")
        if text < _FIRST:
            return CellFinding(Code.DATE_OUT_OF_RANGE, "the birth date {value} is before 1900")
        if text < oldest:
            sentence = f"the birth date {{value}} is more than {_OLDEST} years ago"
            return CellFinding(Code.DATE_OUT_OF_RANGE, sentence)
        return None

    def other(text: str) -> CellFinding | None:
        """Warn only: 2382 and 9999 are how some libraries write "never"."""
        if _FIRST <= text <= _FAR:
            return None
        which = "before 1900" if text < _FIRST else "after 2200"
        sentence = f"the date {{value}} is {which}"
        return CellFinding(Code.DATE_OUT_OF_RANGE, sentence, severity=Severity.WARNING)

    for column in table.columns:
        if column.target.field.shape is Shape.DATE:
            yield from column.judge(birth if column.target.field.path == "birth_date" else other)


def expired(table: Table) -> Iterator[Problem]:
    """Find expiry dates in the past; a patron who expires today may still borrow today."""
    today = table.today.isoformat()
    finding = CellFinding(Code.EXPIRY_PAST, "the expiry date {value} has passed")
    for column in table.of("expiry_date"):
        yield from column.judge(lambda text: finding if text < today else None)


def purged_before_expiry(table: Table) -> Iterator[Problem]:
    """Find records that Alma may purge before they expire (contract 4.2)."""
    purge, expiry = table.labelled("purge_date"), table.labelled("expiry_date")
    if purge is None or expiry is None:
        return
    finding = CellFinding(
        Code.PURGE_BEFORE_EXPIRY, "the purge date {value} is before the expiry date of this row"
    )
    for row, purged, expires in zip(table.rows, purge.texts, expiry.texts, strict=True):
        if "" < purged < expires:
            yield purge.problem(row, purged, finding, expiry)


# --- PIN and password (contract 4.1 and 4.2); their values appear in no problem ---

_PIN = re.compile(r"[0-9]{4}")
_SHORTEST = 8
_LONG_ENOUGH = 4
"""Shorter parts of a name occur in too many words to be recognized in a password."""

_COMMON = frozenset(
    {
        "00000000", "11111111", "12341234", "12345678", "123456789", "1234567890", "1q2w3e4r",
        "1qaz2wsx", "87654321", "88888888", "abc12345", "abcd1234", "abcdefgh", "administrator",
        "baseball", "changeme", "changeit", "computer", "football", "iloveyou", "internet",
        "letmein1", "library1", "liverpool", "password", "password1", "password12",
        "password123", "princess", "qwer1234", "qwerty12", "qwerty123", "qwertyuiop",
        "starwars", "sunshine", "superman", "trustno1", "welcome1", "welcome123", "whatever",
    }
)  # fmt: skip


def pins(table: Table) -> Iterator[Problem]:
    """Find PINs that a self-check machine does not take."""
    finding = CellFinding(Code.BAD_PIN, "the PIN is not four digits")
    for column in table.of("pin_number"):
        yield from column.judge(lambda text: None if _PIN.fullmatch(text) else finding)


def passwords(table: Table) -> Iterator[Problem]:
    """Find passwords that Alma refuses by its own rules, before it is asked."""
    column = table.labelled("password")
    if column is None:
        return
    internal = table.candidates.layout.account_type is AccountType.INTERNAL
    beside = [
        other.texts
        for label in ("primary_id", "first_name", "last_name")
        if (other := table.labelled(label))
    ]
    for row, text, *parts in zip(table.rows, column.texts, *beside, strict=True):
        reason = text and _unfit(text, parts, internal=internal)
        if reason:
            yield column.problem(row, text, CellFinding(Code.BAD_PASSWORD, reason))


def _unfit(password: str, parts: list[str], *, internal: bool) -> str:
    """Return why Alma refuses the password; `parts` are the person's ID and names."""
    if not internal:
        return "an External patron has no password in Alma"
    if password == NOT_KEPT:
        return "the password was not kept with the rejected row and must be typed again"
    if len(password) < _SHORTEST:
        return f"the password has fewer than {_SHORTEST} characters"
    if password.casefold() in _COMMON:
        return "the password is one of the most common ones"
    written = folded(password)
    for part in parts:
        for word in {folded(part), *map(folded, part.replace("-", " ").split())}:
            if len(word) >= _LONG_ENOUGH and word in written:
                return "the password contains the person's ID or name"
    return ""


def forced_changes(table: Table) -> Iterator[Problem]:
    """Check that `force_password_change` is TRUE or blank, for Internal patrons only."""
    internal = table.candidates.layout.account_type is AccountType.INTERNAL
    external = CellFinding(Code.BAD_PASSWORD, "an External patron has no password to be changed")
    not_true = CellFinding(
        Code.UNKNOWN_CODE, "{value} is not TRUE", "Write TRUE, or clear the cell for no."
    )

    def judge(text: str) -> CellFinding | None:
        if not internal:
            return external
        return None if text.upper() == "TRUE" else not_true

    for column in table.of("force_password_change"):
        yield from column.judge(judge)
