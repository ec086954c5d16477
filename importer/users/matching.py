"""Find the Alma user of a row by its identifiers, or else possible matches by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from importer.errors import RefusedError, UnavailableError
from importer.model.people import NOBODY, PersonKeys, are_namesakes, may_be_same, person_keys
from importer.model.user import ContactInfo, User

if TYPE_CHECKING:  # loading it takes a fifth of a second, and a check asks Alma nothing
    from importer.alma.client import Alma


@dataclass(frozen=True, slots=True)
class PersonQuery:
    """What a row knows of its person.

    `identifiers` are pairs of a kind (`primary_id` or an identifier type's code) and a value.
    `by_name`: look for the same or a similar person if nobody has these identifiers; `email` and
    the names are what Alma is asked for then.
    """

    identifiers: tuple[tuple[str, str], ...]
    first_name: str = ""
    last_name: str = ""
    email: str = ""
    person: PersonKeys = NOBODY
    by_name: bool = False

    @property
    def values(self) -> tuple[str, ...]:
        """The values of the identifiers, each once: Alma keeps all kinds in one space."""
        return tuple(dict.fromkeys(value for _, value in self.identifiers))

    @property
    def searches(self) -> tuple[dict[str, str], ...]:
        """The words that Alma is asked for to find possible matches, one call for each.

        Alma finds words as they are written, so one word of the first name finds more than all of
        them; whoever has the email is found by any name.
        """
        words = self.first_name.split()
        first = next((word for word in words if len(word.strip(".")) > 1), self.first_name)
        name = {"last_name": self.last_name, "first_name": first}
        searches = ({"email": self.email}, name) if self.email else (name,)
        return searches if self.by_name else ()

    @property
    def most_calls(self) -> int:
        """The most calls that `search_alma` makes: where nobody has the identifiers.

        A name that more than a hundred users have takes more.
        """
        return len(self.values) + len(self.searches)


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

    `possible_matches` are users who may be the same person (see `may_be_same`). `namesakes` are
    the primary IDs of users of the same name of whom nothing else can be compared. `failed` is why
    the row could not be looked up; if it is not blank, nothing else is known.
    """

    users: tuple[MatchedUser, ...] = ()
    possible_matches: tuple[User, ...] = ()
    namesakes: tuple[str, ...] = ()
    failed: str = ""

    @property
    def every_user(self) -> tuple[User, ...]:
        """The users who have an identifier of the row, then the possible matches."""
        return (*(matched.user for matched in self.users), *self.possible_matches)


def identifiers(user: User) -> tuple[str, ...]:
    """Return all identifiers of a user without case, the primary ID first, each once.

    All kinds of identifiers are one space (contract 3.2).
    """
    others = (identifier.value for identifier in user.user_identifier or ())
    values = (value.casefold() for value in (user.primary_id, *others) if value)
    return tuple(dict.fromkeys(values))


def user_keys(user: User) -> PersonKeys:
    """Return what a user of Alma is compared by."""
    contacts = user.contact_info or ContactInfo()
    return person_keys(
        user.first_name or "",
        user.last_name or "",
        born=user.birth_date.isoformat() if user.birth_date else "",
        emails=[email.email_address or "" for email in contacts.email or ()],
        phones=[phone.phone_number or "" for phone in contacts.phone or ()],
        addresses=[
            (place.line1 or "", place.postal_code or "") for place in contacts.address or ()
        ],
    )


async def search_alma(alma: Alma, query: PersonQuery) -> MatchResult:
    """Ask Alma who has these identifiers and, if nobody does, who may be the same person.

    Identifiers of a user already found are not asked for again. If Alma gives no clear answer for
    this row, `failed` contains the reason. Raises errors that concern every row: AccessError,
    DailyLimitError, ThrottledError.
    """
    try:
        users = await _holders(alma, query)
        if users or not query.by_name:
            return MatchResult(tuple(MatchedUser(user, _held_by(user, query)) for user in users))
        by_id: dict[str, User] = {}
        for words in query.searches:
            by_id |= {user.primary_id or "": user for user in await alma.find_users(**words)}
        keys = {primary_id: user_keys(user) for primary_id, user in by_id.items()}
        alike = {key for key, theirs in keys.items() if may_be_same(query.person, theirs)}
        named = (key for key, theirs in keys.items() if are_namesakes(query.person, theirs))
        return MatchResult(
            (),
            tuple(user for key, user in by_id.items() if key in alike),
            tuple(key for key in named if key not in alike),
        )
    except (UnavailableError, RefusedError) as error:
        return MatchResult(failed=str(error))


async def _holders(alma: Alma, query: PersonQuery) -> list[User]:
    users: list[User] = []
    for value in query.values:
        if any(value.casefold() in identifiers(user) for user in users):
            continue
        user = await alma.get_user(value)
        if user is not None and value.casefold() in identifiers(user):
            users.append(user)
    return users


def _held_by(user: User, query: PersonQuery) -> tuple[str, ...]:
    held = identifiers(user)
    kinds = (kind for kind, value in query.identifiers if value.casefold() in held)
    return tuple(dict.fromkeys(kinds))
