"""Finding one row's user in Alma by asking, where no mirror is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from importer.directory.found import Found, Matched, Sought, marks_of, marks_sought
from importer.errors import RefusedError, UnavailableError

if TYPE_CHECKING:
    from importer.alma.client import Alma
    from importer.model.user import User


async def ask(alma: Alma, sought: Sought) -> Found:
    """Who holds these identifiers, and, if nobody does, who looks like this person.

    An identifier that a user already found holds is not asked for again. Where Alma gives no
    clear answer for this row, that is said in the result; errors that concern every row are
    raised (AccessError, DailyLimitError, ThrottledError).
    """
    try:
        users = await _holders(alma, sought)
        if users or not _worth_a_search(sought):
            return Found(tuple(Matched(user, _held_by(user, sought)) for user in users))
        return Found(look_alikes=await _look_alikes(alma, sought))
    except (UnavailableError, RefusedError) as error:
        return Found(failed=str(error))


def most_calls(sought: Sought) -> int:
    """How many calls `ask` takes where nobody holds the identifiers, which is when it takes most.

    A name that more than a hundred users have takes more.
    """
    return len(_values(sought)) + _worth_a_search(sought)


def _values(sought: Sought) -> tuple[str, ...]:
    """The values of the identifiers, each once: Alma keeps them in one space."""
    return tuple(dict.fromkeys(value for _, value in sought.identifiers))


def _worth_a_search(sought: Sought) -> bool:
    """Can people of the same name be told apart?"""
    return sought.by_name and bool(sought.birth_date or sought.emails)


async def _holders(alma: Alma, sought: Sought) -> list[User]:
    """The users that hold one of the identifiers, each once."""
    users: list[User] = []
    for value in _values(sought):
        if any(value.casefold() in marks_of(user).identifiers for user in users):
            continue
        user = await alma.get_user(value)
        if user is not None and value.casefold() in marks_of(user).identifiers:
            users.append(user)
    return users


def _held_by(user: User, sought: Sought) -> tuple[str, ...]:
    held = marks_of(user).identifiers
    kinds = (kind for kind, value in sought.identifiers if value.casefold() in held)
    return tuple(dict.fromkeys(kinds))


async def _look_alikes(alma: Alma, sought: Sought) -> tuple[User, ...]:
    """Users of the same name who share the birth date or an e-mail address."""
    marks = marks_sought(sought)
    named = await alma.find_users(last_name=sought.last_name, first_name=sought.first_name)
    return tuple(user for user in named if marks_of(user).alike(marks))
