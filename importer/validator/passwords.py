"""Checks of PINs and passwords (contract 4.1 and 4.2), whose values appear in no problem."""

from __future__ import annotations

import re
from collections.abc import Iterator

from importer.model.problem import CellFinding, Code, Problem
from importer.model.text import folded
from importer.model.user import AccountType
from importer.validator.columns import WORDS, Table

_PIN = re.compile(r"[0-9]{4}")
_SHORTEST = 8
_LONG_ENOUGH = 4
"""Shorter parts of a name occur in too many words to be recognized in a password."""

_COMMON = frozenset(WORDS["passwords"])


def pins(table: Table) -> Iterator[Problem]:
    """Find PINs that a self-check machine does not take."""
    finding = CellFinding(Code.BAD_PIN, "the PIN is not four digits")
    return table.judge(lambda text: None if _PIN.fullmatch(text) else finding, "pin_number")


def passwords(table: Table) -> Iterator[Problem]:
    """Find passwords that Alma refuses by its own rules, before it is asked."""
    internal = table.candidates.layout.account_type is AccountType.INTERNAL
    parts = (table.candidates.texts(label) for label in ("primary_id", "first_name", "last_name"))
    for column in table.of("password"):
        for row, text, *person in zip(table.candidates.rows, column.texts, *parts, strict=True):
            if text and (reason := _unfit(text, person, internal=internal)):
                yield column.problem(row, text, CellFinding(Code.BAD_PASSWORD, reason))


def _unfit(password: str, person: list[str], *, internal: bool) -> str:
    """Return why Alma refuses the password; `person` is the ID and the names."""
    if not internal:
        return "an External patron has no password in Alma"
    if len(password) < _SHORTEST:
        return f"the password has fewer than {_SHORTEST} characters"
    if password.casefold() in _COMMON:
        return "the password is one of the most common ones"
    words = {folded(word) for part in person for word in (part, *part.replace("-", " ").split())}
    if any(len(word) >= _LONG_ENOUGH and word in folded(password) for word in words):
        return "the password contains the person's ID or name"
    return ""


def forced_changes(table: Table) -> Iterator[Problem]:
    """Check that `force_password_change` is TRUE or blank, for Internal patrons only."""
    internal = table.candidates.layout.account_type is AccountType.INTERNAL
    external = CellFinding(Code.BAD_PASSWORD, "an External patron has no password to be changed")
    not_true = CellFinding(
        Code.UNKNOWN_CODE, "{value} is not TRUE", "Write TRUE, or clear the cell for no."
    )
    finding = not_true if internal else external
    return table.judge(
        lambda text: None if internal and text.upper() == "TRUE" else finding,
        "force_password_change",
    )
