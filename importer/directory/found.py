"""What the directory is asked about one row, and what it says: matches and look-alikes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from importer.model.text import folded, name_key

if TYPE_CHECKING:
    from importer.model.user import User


@dataclass(frozen=True, slots=True)
class Sought:
    """What is known of a row's person.

    `identifiers` are pairs of a kind (`primary_id` or an identifier type) and a value. `by_name`:
    is it worth a search, should nobody have these identifiers?
    """

    identifiers: tuple[tuple[str, str], ...]
    first_name: str
    last_name: str
    birth_date: str
    emails: tuple[str, ...]
    by_name: bool


@dataclass(frozen=True, slots=True)
class Matched:
    """A user of Alma that holds one or more of the row's identifiers.

    `by` names the row's identifiers that are this user's: `primary_id`, or an identifier type
    by Alma's code. It is never empty.
    """

    user: User
    by: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """Every user that holds one of the row's identifiers, once each, and the look-alikes.

    `look_alikes` are other users of the same name and birth date or e-mail. `failed` says why
    the row could not be looked up; where it is not blank, nothing else is known.
    """

    users: tuple[Matched, ...] = ()
    look_alikes: tuple[User, ...] = ()
    failed: str = ""


NOBODY = Found()
"""Alma was asked, and has no such user."""


@dataclass(frozen=True, slots=True)
class Marks:
    """What people are told apart by.

    Identifiers and e-mail addresses are without case, the name is folded, the birth date ISO, or
    blank where there is none.
    """

    identifiers: tuple[str, ...]
    name: tuple[str, str]
    birth_date: str
    emails: frozenset[str]

    def alike(self, other: Marks) -> bool:
        """Whether the two have one name, and one birth date or e-mail address."""
        born = self.birth_date and self.birth_date == other.birth_date
        return self.name == other.name and bool(born or self.emails & other.emails)


def marks_of(user: User) -> Marks:
    """By what a user of Alma is told apart (contract 3.2: one space for all identifiers)."""
    others = (identifier.value for identifier in user.user_identifier or ())
    contacts = user.contact_info.email if user.contact_info else None
    return Marks(
        _without_case(user.primary_id, *others),
        name_key(folded(user.first_name or ""), folded(user.last_name or "")),
        user.birth_date.isoformat() if user.birth_date else "",
        frozenset(_without_case(*(email.email_address for email in contacts or ()))),
    )


def marks_sought(sought: Sought) -> Marks:
    """By what a row's person is told apart."""
    return Marks(
        _without_case(*(value for _, value in sought.identifiers)),
        name_key(folded(sought.first_name), folded(sought.last_name)),
        sought.birth_date,
        frozenset(_without_case(*sought.emails)),
    )


def _without_case(*values: str | None) -> tuple[str, ...]:
    return tuple(dict.fromkeys(value.casefold() for value in values if value))
