"""Find people in the user cache: who has the IDs of a row, who may be its person, whole groups."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from importer.model.people import (
    BORN,
    COMMON,
    EMAIL,
    PHONE,
    Common,
    PersonKeys,
    are_namesakes,
    may_be_same,
)
from importer.model.user import User
from importer.users.cache import KnownUser, UserCache, id_key
from importer.users.matching import MatchedUser, MatchResult, PersonQuery

_SHARED = 3
"""What more users than this share is no evidence of who one of them is."""


@dataclass(frozen=True, slots=True)
class UnreadUsers:
    """Users that a row leads to, whose records must be read before more can be said."""

    primary_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NearUser:
    """A user who has an ID of a row (`holds`), or resembles its person.

    `record`: None if it is not needed or was never read; `keys` are known all the same.
    """

    primary_id: str
    keys: PersonKeys
    record: User | None
    holds: bool


def find_users(cache: UserCache, query: PersonQuery) -> MatchResult | UnreadUsers:
    """Return who has these identifiers and, if nobody does, who may be the same person."""
    by: dict[int, list[str]] = {}
    for kind, value in query.identifiers:
        for number in _with_key(cache, id_key(value)):
            by.setdefault(number, []).append(kind)
    if not by and query.by_name:
        return _possible_matches(cache, query.person)
    users = _records(cache, by)
    if isinstance(users, UnreadUsers):
        return users
    kinds = {number: tuple(dict.fromkeys(by[number])) for number in users}
    return MatchResult(tuple(MatchedUser(user, kinds[number]) for number, user in users.items()))


def find_read(
    cache: UserCache, identifiers: tuple[tuple[str, str], ...]
) -> tuple[MatchedUser, ...]:
    """Return who has these identifiers; nobody if the record of one of them was never read."""
    found = find_users(cache, PersonQuery(identifiers))
    return found.users if isinstance(found, MatchResult) else ()


def find_near(cache: UserCache, query: PersonQuery) -> list[NearUser]:
    """Return everybody who may be the person of a row, for a closer look.

    Besides the users with an ID of the row these are those who share the last name or anything else
    with the row: the ID may be mistyped.
    """
    person = query.person
    holders = {n for _, value in query.identifiers for n in _with_key(cache, id_key(value))}
    people = _compared(cache, person) | _known(cache, holders)
    if not any(may_be_same(person, people[n].keys) for n in holders) and person.last:
        last = "SELECT number FROM users WHERE last IN (?, ?) ORDER BY number LIMIT ?"
        names = (person.last, person.first, COMMON)
        people |= _known(cache, {n for (n,) in cache.read(last, names)} - people.keys())

    def record(number: int) -> User | None:
        query = "SELECT record FROM users WHERE number = ? AND record <> ''"
        return next(cache.parsed(User.from_json, query, (number,)), None)

    alone = people.keys() == holders and len(people) == 1  # there is nobody to compare with
    return [
        NearUser(one.primary_id, one.keys, None if alone else record(number), number in holders)
        for number, one in people.items()
    ]


def find_common(cache: UserCache) -> Common:
    """Return what very many users have in common: birth dates, emails and phone numbers."""
    query = (
        "SELECT key, count(*) FROM keys WHERE key LIKE ? || ' %' GROUP BY key HAVING count(*) > ?"
    )
    born = cache.read(query, (BORN, max(_SHARED, cache.count() // 100)))
    contacts = (cache.read(query, (kind, _SHARED)) for kind in (EMAIL, PHONE))
    return Common(
        frozenset(key.partition(" ")[2] for key, _ in born),
        frozenset(key for found in contacts for key, _ in found),
    )


def find_record_types(cache: UserCache) -> dict[str, tuple[str, ...]]:
    """Return the record types of the users of each group, by the group's code without case."""
    query = (
        "SELECT DISTINCT folded(json_extract(record, '$.user_group.value')),"
        " json_extract(record, '$.record_type.value') FROM users WHERE record <> ''"
    )
    found: dict[str, set[str]] = {}
    for group, record_type in cache.read(query):
        if group and record_type:
            found.setdefault(group, set()).add(record_type)
    return {group: tuple(sorted(types)) for group, types in found.items()}


def find_in_groups(cache: UserCache, groups: Collection[str]) -> Iterator[User]:
    """Yield the users whose record has one of these user groups, by their codes without case.

    Users whose record was never read are left out; `UserCache.stale` names them.
    """
    marks = ", ".join("?" * len(groups))
    query = (
        "SELECT record FROM users WHERE record <> ''"  # noqa: S608
        f" AND folded(json_extract(record, '$.user_group.value')) IN ({marks}) ORDER BY key"
    )
    return cache.parsed(User.from_json, query, tuple(groups))


def find_sharing(cache: UserCache) -> Iterator[tuple[User, User]]:
    """Yield the pairs of users who share a birth date, email, phone number or address.

    A trait that very many have leads to no pair, nor does a user whose record was never read.
    """
    pairs = cache.read(
        "SELECT DISTINCT one.user, other.user FROM keys AS one JOIN keys AS other"
        " ON one.key = other.key AND one.user < other.user WHERE one.key IN (SELECT key FROM keys"
        " WHERE key NOT LIKE 'id %' GROUP BY key HAVING count(*) BETWEEN 2 AND ?) ORDER BY 1, 2",
        (COMMON,),
    )

    @lru_cache(maxsize=100_000)
    def record(number: int) -> User | None:
        query = "SELECT record FROM users WHERE number = ? AND record <> ''"
        return next(cache.parsed(User.from_json, query, (number,)), None)

    for numbers in pairs:
        one, other = map(record, numbers)
        if one is not None and other is not None:
            yield one, other


def holders(cache: UserCache, value: str) -> Iterator[tuple[str, User | None]]:
    """Yield the primary ID of each user with this ID, and the record if it was read."""
    query = "SELECT primary_id, record FROM users JOIN keys ON user = number WHERE keys.key = ?"
    return cache.parsed(_read, query, (id_key(value),))


def find_all(cache: UserCache) -> Iterator[User]:
    """Yield every user whose record was read, by primary ID; `UserCache.stale` names the others."""
    query = "SELECT record FROM users WHERE record <> '' ORDER BY key"
    return cache.parsed(User.from_json, query)


def _with_key(cache: UserCache, key: str, most: int = -1) -> list[int]:
    query = "SELECT user FROM keys WHERE key = ? ORDER BY user LIMIT ?"
    return [number for (number,) in cache.read(query, (key, most))]


def _possible_matches(cache: UserCache, person: PersonKeys) -> MatchResult | UnreadUsers:
    people = _compared(cache, person)
    alike = [number for number, other in people.items() if may_be_same(person, other.keys)]
    users = _records(cache, alike)
    if isinstance(users, UnreadUsers):
        return users
    namesakes = (
        other.primary_id
        for number, other in people.items()
        if number not in users and are_namesakes(person, other.keys)
    )
    return MatchResult((), tuple(users.values()), tuple(namesakes))


def _compared(cache: UserCache, person: PersonKeys) -> dict[int, KnownUser]:
    """Return whom to compare a person with: who has the same name or shares a trait.

    Of a trait that very many have, such as a made-up birth date, only the name counts.
    """
    query = "SELECT number FROM users WHERE last = ?1 AND first = ?2 OR last = ?2 AND first = ?1"
    named = cache.read(query, (person.last, person.first)) if any(person.name) else ()
    numbers = {number for (number,) in named}
    for trait in person.traits:
        group = _with_key(cache, trait, COMMON + 1)
        numbers.update(group if len(group) <= COMMON else ())
    return _known(cache, sorted(numbers))


def _known(cache: UserCache, numbers: Iterable[int]) -> dict[int, KnownUser]:
    """Return what the users with these numbers are compared by."""
    people: dict[int, KnownUser] = {}
    for number in numbers:
        query = "SELECT primary_id, first, last FROM users WHERE number = ?"
        ((primary_id, first, last),) = cache.read(query, (number,))
        keys = cache.read("SELECT key FROM keys WHERE user = ?", (number,))
        traits = frozenset(key for (key,) in keys if not key.startswith(id_key("")))
        people[number] = KnownUser(primary_id, PersonKeys(first, last, traits))
    return people


def _records(cache: UserCache, numbers: Iterable[int]) -> dict[int, User] | UnreadUsers:
    """Return the users with these numbers, or those of them that must be read first."""
    query = "SELECT primary_id, record FROM users WHERE number = ?"
    users: dict[int, User] = {}
    unread: list[str] = []
    for number in numbers:
        for primary_id, user in cache.parsed(_read, query, (number,)):
            if user is None:
                unread.append(primary_id)
            else:
                users[number] = user
    return UnreadUsers(tuple(unread)) if unread else users


def _read(primary_id: str, record: str) -> tuple[str, User | None]:
    return primary_id, User.from_json(record) if record else None
