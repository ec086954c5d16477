"""Find the Alma user of a row by its identifiers, or else possible matches by name.

A row is looked up in the user cache if there is one, else in Alma itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from importer.errors import RefusedError, UnavailableError
from importer.model.text import folded, name_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from importer.alma.client import Alma
    from importer.model.user import User
    from importer.users.cache import UserCache

READINGS = 3
"""How many times a row may need records read into the cache before Alma is asked instead."""


@dataclass(frozen=True, slots=True)
class PersonQuery:
    """What a row knows of its person.

    `identifiers` are pairs of a kind (`primary_id` or an identifier type's code) and a value.
    `by_name`: search by name if nobody has these identifiers.
    """

    identifiers: tuple[tuple[str, str], ...]
    first_name: str
    last_name: str
    birth_date: str
    emails: tuple[str, ...]
    by_name: bool

    @property
    def values(self) -> tuple[str, ...]:
        """The values of the identifiers, each once: Alma keeps all kinds in one space."""
        return tuple(dict.fromkeys(value for _, value in self.identifiers))

    @property
    def keys(self) -> MatchKeys:
        """The match keys of the row's person."""
        return MatchKeys(
            _without_case(*(value for _, value in self.identifiers)),
            name_key(folded(self.first_name), folded(self.last_name)),
            self.birth_date,
            frozenset(_without_case(*self.emails)),
        )

    @property
    def worth_a_search(self) -> bool:
        """Whether a search by name could decide anything."""
        return self.by_name and bool(self.birth_date or self.emails)

    @property
    def most_calls(self) -> int:
        """The most calls that `search_alma` makes: where nobody has the identifiers.

        A name that more than a hundred users have takes more.
        """
        return len(self.values) + self.worth_a_search


@dataclass(frozen=True, slots=True)
class MatchedUser:
    """A user of Alma with one or more of the row's identifiers.

    `by` lists the kinds of those identifiers: `primary_id`, or a type's code. It is never empty.
    """

    user: User
    by: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MatchResult:
    """The users with one of the row's identifiers, each once; if none, the possible matches.

    `possible_matches` are users of the same name and birth date or email address. `failed` is why
    the row could not be looked up; if it is not blank, nothing else is known.
    """

    users: tuple[MatchedUser, ...] = ()
    possible_matches: tuple[User, ...] = ()
    failed: str = ""


@dataclass(frozen=True, slots=True)
class MatchKeys:
    """The values by which people are compared.

    Identifiers and email addresses are casefolded, the name is folded, the birth date is ISO or
    blank.
    """

    identifiers: tuple[str, ...]
    name: tuple[str, str]
    birth_date: str
    emails: frozenset[str]

    def may_be_same(self, other: MatchKeys) -> bool:
        """Return whether both have the same name, and the same birth date or email address."""
        born = self.birth_date and self.birth_date == other.birth_date
        return self.name == other.name and bool(born or self.emails & other.emails)


def match_keys(user: User) -> MatchKeys:
    """Return the match keys of a user; all kinds of identifiers are one space (contract 3.2)."""
    others = (identifier.value for identifier in user.user_identifier or ())
    contacts = user.contact_info.email if user.contact_info else None
    return MatchKeys(
        _without_case(user.primary_id, *others),
        name_key(folded(user.first_name or ""), folded(user.last_name or "")),
        user.birth_date.isoformat() if user.birth_date else "",
        frozenset(_without_case(*(email.email_address for email in contacts or ()))),
    )


def _without_case(*values: str | None) -> tuple[str, ...]:
    return tuple(dict.fromkeys(value.casefold() for value in values if value))


class Matcher(Protocol):
    """Finds the users of rows. `as_of` is the time of the user cache, None where Alma is asked."""

    @property
    def as_of(self) -> datetime | None:
        """The time before which every change in Alma is known; None where Alma is asked."""

    async def find(self, query: PersonQuery) -> MatchResult:
        """Return matches and possible matches. Raises AlmaError if it concerns every row."""


@dataclass(frozen=True, slots=True)
class AlmaMatcher:
    """Asks Alma about each row: one call per identifier, and one for a new person's name."""

    alma: Alma
    as_of: datetime | None = None

    async def find(self, query: PersonQuery) -> MatchResult:
        """Return matches and possible matches, as Alma has them now."""
        return await search_alma(self.alma, query)


@dataclass(frozen=True, slots=True)
class CacheMatcher:
    """Asks the user cache, and Alma only for records that the cache does not have."""

    cache: UserCache
    alma: Alma
    as_of: datetime | None
    now: Callable[[], datetime]

    async def find(self, query: PersonQuery) -> MatchResult:
        """Return matches and possible matches, as the cache has them."""
        for _ in range(READINGS):
            found = self.cache.find(query)
            if isinstance(found, MatchResult):
                return found
            try:
                await read_again(self.cache, self.alma, found.primary_ids, self.now)
            except (UnavailableError, RefusedError) as error:
                return MatchResult(failed=str(error))
        # Identifiers that differ only in case, in an Alma that distinguishes them.
        return await search_alma(self.alma, query)


async def read_again(
    cache: UserCache, alma: Alma, primary_ids: Iterable[str], now: Callable[[], datetime]
) -> None:
    """Read these users one by one; remove those that Alma does not have. Raises AlmaError."""
    for primary_id in primary_ids:
        seen = now()
        user = await alma.get_user(primary_id)
        if user is None or (user.primary_id or "").casefold() != primary_id.casefold():
            cache.remove(primary_id)
        if user is not None:
            cache.put([user], seen)


async def search_alma(alma: Alma, query: PersonQuery) -> MatchResult:
    """Ask Alma who has these identifiers and, if nobody does, who may be the same person.

    Identifiers of a user already found are not asked for again. If Alma gives no clear answer for
    this row, `failed` contains the reason. Raises errors that concern every row: AccessError,
    DailyLimitError, ThrottledError.
    """
    try:
        users = await _holders(alma, query)
        if users or not query.worth_a_search:
            return MatchResult(tuple(MatchedUser(user, _held_by(user, query)) for user in users))
        named = await alma.find_users(last_name=query.last_name, first_name=query.first_name)
        alike = (user for user in named if match_keys(user).may_be_same(query.keys))
        return MatchResult(possible_matches=tuple(alike))
    except (UnavailableError, RefusedError) as error:
        return MatchResult(failed=str(error))


async def _holders(alma: Alma, query: PersonQuery) -> list[User]:
    """Return the users that have one of the identifiers, each once."""
    users: list[User] = []
    for value in query.values:
        if any(value.casefold() in match_keys(user).identifiers for user in users):
            continue
        user = await alma.get_user(value)
        if user is not None and value.casefold() in match_keys(user).identifiers:
            users.append(user)
    return users


def _held_by(user: User, query: PersonQuery) -> tuple[str, ...]:
    held = match_keys(user).identifiers
    kinds = (kind for kind, value in query.identifiers if value.casefold() in held)
    return tuple(dict.fromkeys(kinds))
