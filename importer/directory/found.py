"""What the directory says of one row: the users that it matches, and those that look alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from importer.model.user import User


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
