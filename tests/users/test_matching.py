"""Finding people in the cache: the same as asking Alma, and more where Alma's search is blind."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from importer.alma.client import Alma
from importer.model.people import PersonKeys, person_keys
from importer.model.run import AlmaKey
from importer.model.user import User
from importer.pipeline.lookup import Users
from importer.sandbox.server import Options
from importer.users.cache import (
    UnreadUsers,
    UserCache,
    find_in_groups,
    find_record_types,
    find_users,
)
from importer.users.matching import MatchResult, PersonQuery, search_alma
from tests.sandbox.alma import practice
from tests.users.conftest import World, now

FIRST = ("Ada", "Zoë", "José María", "Noor")
LAST = ("Núñez", "Almeida", "Ivanova")
BORN = ("1990-03-01", "2001-12-31")
Person = tuple[str, tuple[str, ...], str, str, str, str]
IDS = tuple(f"{letter}{number}" for letter in "aB" for number in range(6))


@st.composite
def person(draw: st.DrawFn) -> Person:
    """Identifiers, name, birth date and e-mail, of few, so that people meet."""
    ids = draw(st.lists(st.sampled_from(IDS), min_size=1, max_size=3, unique=True))
    return (
        ids[0],
        tuple(ids[1:]),
        draw(st.sampled_from(FIRST)),
        draw(st.sampled_from(LAST)),
        draw(st.sampled_from(BORN)),
        draw(st.sampled_from(("one@example.org", "two@example.org"))),
    )


def body(who: Person) -> User:
    """The person as Alma takes it."""
    primary_id, others, first, last, born, email = who
    entries = [
        {"id_type": {"value": kind}, "value": value}
        for kind, value in zip(("BARCODE", "UNIV_ID"), others, strict=False)
    ]
    mail = {"email_address": email, "email_type": [{"value": "personal"}], "preferred": True}
    return User.model_validate(
        {
            "record_type": {"value": "PUBLIC"},
            "account_type": {"value": "INTERNAL"},
            "primary_id": primary_id,
            "first_name": first,
            "last_name": last,
            "birth_date": f"{born}Z",
            "user_group": {"value": "COMM"},
            "user_identifier": entries,
            "contact_info": {"email": [mail]},
        }
    )


def row(who: Person, *, upper: bool) -> PersonQuery:
    """The person as a row of a roster, in small or large letters."""
    primary_id, others, first, last, born, email = who
    kinds = zip(("primary_id", "BARCODE", "UNIV_ID"), (primary_id, *others), strict=False)
    return PersonQuery(
        tuple((kind, value.upper() if upper else value.lower()) for kind, value in kinds),
        first.upper() if upper else first,
        last,
        email.upper() if upper else email,
        person_keys(first, last, born=born, emails=[email]),
        by_name=True,
    )


def new_person(first: str, last: str, **traits: Any) -> PersonQuery:
    """A row of a person whose identifier nobody has."""
    person = person_keys(first, last, **traits)
    return PersonQuery((("primary_id", "9"),), first, last, "", person, by_name=True)


def said(found: MatchResult) -> tuple[list[tuple[User, tuple[str, ...]]], list[str]]:
    """What was found, comparable: the possible matches have no order."""
    alike = sorted(user.to_json() for user in found.possible_matches)
    return [(matched.user, matched.by) for matched in found.users], alike


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One sandbox without users for all examples."""
    with practice(Options(rate=0, daily=10**9)) as alma:
        yield World(alma, tmp_path_factory.mktemp("d") / "directory" / "m.sqlite")


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(people=st.lists(person(), max_size=6), rows=st.lists(person(), min_size=1, max_size=6),
       upper=st.booleans())  # fmt: skip
def test_the_mirror_says_what_alma_says(
    empty: World,
    people: Sequence[Person],
    rows: Sequence[Person],
    upper: bool,  # noqa: FBT001
) -> None:
    """For every population and row: the same users by the same IDs, and possible matches."""
    query = [row(who, upper=upper) for who in rows]
    taken: set[str] = set()
    added: list[User] = []
    for who in people:
        ids = {value.casefold() for value in (who[0], *who[1])}
        if not ids & taken:
            taken |= ids
            added.append(body(who))

    async def both(alma: Alma) -> list[MatchResult]:
        for user in added:
            await alma.create_user(user)
        return [await search_alma(alma, one) for one in query]

    asked = empty.asked(both)
    empty.path.unlink(missing_ok=True)
    try:
        with empty.cache() as cache:
            empty.refresh(cache)
            for one, answer in zip(query, asked, strict=True):
                found = find_users(cache, one)
                assert isinstance(found, MatchResult)
                assert said(found) == said(answer)
    finally:
        for user in added:
            empty.delete(user.primary_id or "")


@pytest.mark.parametrize(
    ("first", "last"), [("Nunez", "Jose"), ("José-María", "O’Leary"), ("JOSEMARIA", "OLeary")]
)
def test_names_are_found_however_they_are_written(tmp_path: Path, first: str, last: str) -> None:
    """Exchanged, joined, without accent: the cache sees what a search by words does not."""
    people = {"1": ("José", unicodedata.normalize("NFD", "Núñez")), "2": ("Jose Maria", "O'Leary")}
    with UserCache.make(tmp_path / "m.sqlite", AlmaKey(institution="I")) as cache:
        for key, (given_name, family) in people.items():
            cache.put([body((key, (), given_name, family, BORN[0], "one@example.org"))], now())
        answer = find_users(cache, new_person(first, last, born=BORN[0]))
        assert isinstance(answer, MatchResult)
        assert len(answer.possible_matches) == 1
        other = find_users(cache, new_person(first, last, born=BORN[1]))
        assert other == MatchResult()


def test_a_changed_primary_identifier_is_found_out(world: World) -> None:
    """The user under the old identifier is read again and removed, without reading everybody."""
    with world.cache() as cache:
        world.refresh(cache)
        sandbox_id = "1000001"
        world.back("PATCH", f"/users/{sandbox_id}", {"primary_id": "1999999"})
        calls = world.refresh(cache)
        assert calls[-1].startswith(f"GET /almaws/v1/users/{sandbox_id}")
        assert cache.count() == 250
        barcode = PersonQuery((("BARCODE", "22222000000001"),))
        by_barcode = find_users(cache, barcode)
        assert isinstance(by_barcode, MatchResult)
        assert [found.user.primary_id for found in by_barcode.users] == ["1999999"]
        old = PersonQuery((("primary_id", sandbox_id),))
        assert find_users(cache, old) == MatchResult()


def test_a_record_out_of_date_is_read_when_a_row_needs_it(world: World) -> None:
    """A user whose identifier another one has by now is read again, and removed if it is gone."""
    with world.cache() as cache:
        world.refresh(cache)
        taker = body(("P1", ("1000001",), "Ada", "Almeida", BORN[0], "one@example.org"))
        cache.put([taker], now())
        world.delete("1000001")
        old = PersonQuery((("BARCODE", "22222000000001"),))
        assert find_users(cache, old) == UnreadUsers(("1000001",))
        assert world.asked(lambda alma: Users(alma, now, cache).find(old)) == MatchResult()
        assert find_users(cache, old) == MatchResult()


def test_identifiers_that_differ_in_case_only_end(world: World) -> None:
    """In an Alma that tells case apart two users may hold them; the lookup comes to an end."""
    one = body(("P1", ("abc",), "Ada", "Almeida", BORN[0], "one@example.org"))
    two = body(("P2", ("ABC",), "Zoë", "Ivanova", BORN[1], "two@example.org"))
    with world.cache() as cache:
        world.refresh(cache)
        cache.put([one], now())
        cache.put([two], now())
        both = PersonQuery((("primary_id", "P1"), ("BARCODE", "abc")))
        found = world.asked(lambda alma: Users(alma, now, cache).find(both))
        assert not found.failed


@pytest.mark.parametrize(
    ("identifiers", "email", "by_name", "calls"),
    [
        (("z1",), "nobody@example.org", True, 3),
        (("z1", "z2", "z3"), "", True, 4),
        (("z1", "z1"), "", True, 2),
        (("z1",), "nobody@example.org", False, 1),
    ],
)
def test_a_new_person_takes_most_calls(
    empty: World,
    identifiers: tuple[str, ...],
    email: str,
    by_name: bool,  # noqa: FBT001
    calls: int,
) -> None:
    """One for each identifier, which is asked for once, and one for the name: as is foretold."""
    pairs = tuple(("primary_id", value) for value in identifiers)
    query = PersonQuery(pairs, "Nobody", "Here", email, PersonKeys("nobody", "here"), by_name)
    empty.calls()
    empty.asked(lambda alma: search_alma(alma, query))
    assert len(empty.calls()) == query.most_calls == calls


def test_a_group_is_found_however_it_is_written(tmp_path: Path) -> None:
    """Codes are compared without case, letters beyond A to Z too."""
    user = body(("1", (), "Ada", "Vex", BORN[0], "one@example.org"))
    code = "ÉTUDIANT"
    record = user.to_json().replace("COMM", code)
    with UserCache.make(
        tmp_path / "m.sqlite", AlmaKey(institution="INST", environment="sandbox")
    ) as cache:
        cache.put([User.from_json(record)], now())
        assert [one.primary_id for one in find_in_groups(cache, {code.casefold()})] == ["1"]
        assert find_record_types(cache) == {code.casefold(): ("PUBLIC",)}
