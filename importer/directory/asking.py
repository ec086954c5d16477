"""Finding one row's user in Alma by asking, where no mirror is kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from importer.directory.found import Found, Matched
from importer.errors import RefusedError, UnavailableError
from importer.model.names import folded, name_key

if TYPE_CHECKING:
    from importer.alma.client import Alma
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


async def ask(alma: Alma, sought: Sought) -> Found:
    """Who holds these identifiers, and, if nobody does, who looks like this person.

    An identifier that a user already found holds is not asked for again. Where Alma gives no
    clear answer for this row, that is said in the result; errors that concern every row are
    raised (AccessError, DailyLimitError, ThrottledError).
    """
    try:
        users = await _holders(alma, sought)
        if users or not sought.by_name:
            return Found(tuple(Matched(user, _held_by(user, sought)) for user in users))
        return Found(look_alikes=await _look_alikes(alma, sought))
    except (UnavailableError, RefusedError) as error:
        return Found(failed=str(error))


async def _holders(alma: Alma, sought: Sought) -> list[User]:
    """The users that hold one of the identifiers, each once."""
    users: list[User] = []
    for _, value in sought.identifiers:
        if any(value.casefold() in _identifiers(user) for user in users):
            continue
        user = await alma.get_user(value)
        if user is not None and value.casefold() in _identifiers(user):
            users.append(user)
    return users


def _held_by(user: User, sought: Sought) -> tuple[str, ...]:
    held = _identifiers(user)
    kinds = (kind for kind, value in sought.identifiers if value.casefold() in held)
    return tuple(dict.fromkeys(kinds))


def _identifiers(user: User) -> frozenset[str]:
    """Every identifier of a user, without case (contract 3.2: one space for all)."""
    others = (identifier.value for identifier in user.user_identifier or ())
    return frozenset(value.casefold() for value in (user.primary_id, *others) if value)


async def _look_alikes(alma: Alma, sought: Sought) -> tuple[User, ...]:
    """Users of the same name who share the birth date or an e-mail address."""
    if not sought.birth_date and not sought.emails:
        return ()
    named = await alma.find_users(last_name=sought.last_name, first_name=sought.first_name)
    return tuple(user for user in named if _alike(user, sought))


def _alike(user: User, sought: Sought) -> bool:
    theirs = name_key(folded(user.first_name or ""), folded(user.last_name or ""))
    if theirs != name_key(folded(sought.first_name), folded(sought.last_name)):
        return False
    born = user.birth_date.isoformat() if user.birth_date else ""
    contacts = user.contact_info.email if user.contact_info else None
    addresses = {(email.email_address or "").casefold() for email in contacts or ()}
    ours = {address.casefold() for address in sought.emails}
    return bool((born and born == sought.birth_date) or (ours & addresses))
