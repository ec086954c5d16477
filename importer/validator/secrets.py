"""PIN and password (contract 4.1 and 4.2). Their values stand in no problem."""

from __future__ import annotations

import re
from collections.abc import Iterator

from importer.model.catalogue import Code
from importer.model.policy import AccountType
from importer.model.problem import Problem
from importer.model.roster import NOT_KEPT
from importer.model.text import folded
from importer.validator.columns import Finding, Table

_PIN = re.compile(r"[0-9]{4}")
_SHORTEST = 8
_TELLING = 4
"""Parts of a name shorter than this stand in too many words to be told from them."""

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
    """PINs that a self-check machine does not take."""
    finding = Finding(Code.BAD_PIN, "the PIN is not four digits")
    for column in table.of("pin_number"):
        yield from column.judged(lambda text: None if _PIN.fullmatch(text) else finding)


def passwords(table: Table) -> Iterator[Problem]:
    """Passwords that Alma refuses, with its own rules and before it is asked."""
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
            yield column.problem(row, text, Finding(Code.BAD_PASSWORD, reason))


def _unfit(password: str, parts: list[str], *, internal: bool) -> str:
    """Why Alma would not take the password of a person with this identifier and these names."""
    if not internal:
        return "an External patron has no password in Alma"
    if password == NOT_KEPT:
        return "the password was not kept with the rejected row and must be typed again"
    if len(password) < _SHORTEST:
        return f"the password has less than {_SHORTEST} characters"
    if password.casefold() in _COMMON:
        return "the password is one of those that are tried first"
    written = folded(password)
    for part in parts:
        for word in {folded(part), *map(folded, part.replace("-", " ").split())}:
            if len(word) >= _TELLING and word in written:
                return "the password holds the person's identifier or name"
    return ""


def forced_changes(table: Table) -> Iterator[Problem]:
    """`force_password_change` is TRUE or blank, and for Internal patrons only (contract 1.2)."""
    internal = table.candidates.layout.account_type is AccountType.INTERNAL
    external = Finding(Code.BAD_PASSWORD, "an External patron has no password to be changed")
    not_true = Finding(
        Code.UNKNOWN_CODE, "{value} is not TRUE", "Write TRUE, or clear the cell for no."
    )

    def judge(text: str) -> Finding | None:
        if not internal:
            return external
        return None if text.upper() == "TRUE" else not_true

    for column in table.of("force_password_change"):
        yield from column.judged(judge)
