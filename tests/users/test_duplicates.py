"""Users of Alma who are one person: who is found among people who resemble each other."""

from __future__ import annotations

import random
import tomllib
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from importer.model.people import NICKNAMES
from importer.model.run import AlmaKey
from importer.model.user import Address, Coded, ContactInfo, Email, Phone, User, UserRole
from importer.pipeline.duplicate_users import DuplicatePair, find_pairs
from importer.users.cache import UserCache

NAMES = tomllib.loads(
    (Path(__file__).parents[1] / "planner" / "names.toml").read_text(encoding="utf-8")
)
TODAY = datetime(2026, 8, 20, tzinfo=UTC)
LAST: list[str] = [
    name for part in NAMES.values() for name in part["last"].split() if len(name) > 3
]
KINDS = ("nickname", "married", "internal-external", "typo")


def user(
    key: str,
    first: str,
    last: str,
    born: date | None,
    *,
    email: str = "",
    phone: str = "",
    street: str = "",
    kind: str = "EXTERNAL",
    **others: Any,
) -> User:
    """A user of Alma."""
    contact = ContactInfo(
        email=(Email(email_address=email, preferred=True),) if email else (),
        phone=(Phone(phone_number=phone),) if phone else (),
        address=(Address(line1=street, postal_code="94110"),) if street else (),
    )
    return User(
        primary_id=key,
        first_name=first,
        last_name=last,
        birth_date=born,
        account_type=Coded(value=kind),
        user_group=Coded(value="UGRD"),
        contact_info=contact,
        **others,
    )


def campus(chance: random.Random) -> tuple[list[User], dict[frozenset[str], str]]:
    """2,000 users: 60 planted pairs by kind, families, roommates, namesakes and strangers."""
    firsts = sorted(name for name, nick in NICKNAMES.items() if len(name) > 3 and nick)
    users: list[User] = []
    planted: dict[frozenset[str], str] = {}

    def born(first: int = 1960, last: int = 2006) -> date:
        return date(first, 1, 1) + timedelta(chance.randrange(365 * (last - first)))

    def surname() -> str:
        return chance.choice(LAST) + chance.choice(("", "", "", "son", "berg", "ez"))

    def add(first: str, last: str, day: date | None, **rest: Any) -> str:
        users.append(user(f"U{len(users):05}", first, last, day, **rest))
        return users[-1].primary_id or ""

    def pair(kind: str) -> None:
        first, last, day = chance.choice(firsts), surname(), born()
        number = len(users)
        mail, phone = f"p{number}@example.org", f"701555{number:04}"
        one = add(first, last, day, email=mail, phone=phone, street=f"{number} Elm St")
        changes: dict[str, dict[str, Any]] = {
            "nickname": {"first": chance.choice(NICKNAMES[first]), "email": f"n{mail}"},
            "married": {"last": f"{surname()}y", "email": f"m{mail}", "phone": phone},
            "internal-external": {
                "day": chance.choice((day, None)), "email": mail, "kind": "INTERNAL",
            },
            "typo": {"day": day + timedelta(1), "email": f"t{mail}", "phone": phone},
        }  # fmt: skip
        same: dict[str, Any] = {"first": first, "last": last, "day": day}
        other = add(**same | changes[kind])
        planted[frozenset({one, other})] = kind

    def family() -> None:
        """Twins, and a father with his son: all share the address, the phone and the email."""
        last, number, day = surname(), len(users), born(1998)
        home = {"email": f"home{number}@example.org", "phone": f"702555{number:04}"}
        home |= {"street": f"{number} Oak Ave"}
        father = chance.choice(firsts)
        add(father, last, born(1960, 1975), **home)
        add(father, last, day, pref_name_suffix=chance.choice(("Jr.", "")), **home)
        twin_day = born(1998)
        for name in chance.choice((("Maria", "Marie"), ("Anna", "Nora"), ("Daniel", "Denise"))):
            add(name, last, twin_day, **home | {"email": f"{name}{number}@example.org"})

    for kind in KINDS:
        for _ in range(15):
            pair(kind)
    for _ in range(60):
        family()
    for number in range(40):  # a hall of residence: one address, one phone for all
        add(chance.choice(firsts), surname(), born(), street="1 Campus Way", phone="7035550100")
        add(chance.choice(firsts), surname(), None, email=f"r{number}@example.org")
    while (number := len(users)) < 2000:
        day = born() if chance.random() < 0.8 else None
        contact = {"email": f"s{number}@example.org", "street": f"{number // 4} Pine Rd"}
        add(chance.choice(firsts), surname(), day, **contact)
    chance.shuffle(users)
    return users, planted


def pairs_of(path: Path, users: list[User]) -> list[DuplicatePair]:
    """The pairs that are found among these users."""
    with UserCache.make(
        path / "cache.sqlite", AlmaKey(institution="01INST", environment="sandbox")
    ) as cache:
        cache.put(users, TODAY)
        return list(find_pairs(cache))


def ids(pair: DuplicatePair) -> frozenset[str]:
    """The primary IDs of a pair."""
    return frozenset({pair.removed.primary_id or "", pair.kept.primary_id or ""})


@pytest.mark.parametrize("seed", range(2))
def test_one_person_with_two_records_is_found(seed: int, tmp_path: Path) -> None:
    """All of the four kinds are, and at least 95 % of what is found is right."""
    users, planted = campus(random.Random(seed))  # noqa: S311
    assert (len(users), len(planted)) == (2000, 60)
    found = {ids(pair) for pair in pairs_of(tmp_path, users)}
    assert {kind for pair, kind in planted.items() if pair not in found} == set()
    assert len(found & planted.keys()) >= 0.95 * len(found)


HOME = {"email": "home@example.org", "phone": "7025550101", "street": "1 Oak Ave"}
BORN = date(2001, 5, 6)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("Maria", "Roe", BORN), ("Marie", "Roe", BORN)),  # twins
        (("John", "Roe", date(1970, 5, 6)), ("John", "Roe", BORN)),  # a father and a son
        (("John", "Roe Sr.", None), ("John", "Roe Jr.", BORN)),
        (("Ann", "Roe", BORN), ("Bo", "Roe", BORN)),
        (("Ann", "Roe", BORN), ("Ann", "Poe", date(2001, 5, 7))),  # roommates
    ],
)
def test_a_family_is_several_people(
    one: tuple[str, str, date | None], other: tuple[str, str, date | None], tmp_path: Path
) -> None:
    """Whoever shares an address and a phone is not one person for that."""
    home: dict[str, Any] = {name: value for name, value in HOME.items() if name != "email"}
    both = [user("1", *one, **home), user("2", *other, **home)]
    assert pairs_of(tmp_path, both) == []


def test_who_stays_and_who_is_not_offered(tmp_path: Path) -> None:
    """Staff and External users stay; copies are named, deleted users are not."""
    staff = UserRole(role_type=Coded(value="221", desc="Circulation Desk Operator"))
    cases: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
        "external stays": ({"kind": "INTERNAL"}, {}),
        "staff stays": ({}, {"kind": "INTERNAL", "user_role": (staff,)}),
        "both staff": ({"user_role": (staff,)}, {"user_role": (staff,)}),
        "copy": ({"source_institution_code": "01OTHER"}, {}),
        "deleted": ({"status": Coded(value="DELETED")}, {}),
    }
    users = [
        user(
            f"{name} {at}",
            f"Ada{place}",
            f"Quill{place}",
            BORN,
            email=f"{place}@example.org",
            **own,
        )
        for place, (name, both) in enumerate(cases.items())
        for at, own in enumerate(both)
    ]
    found = {
        (pair.kept.primary_id or "").rpartition(" ")[0]: pair for pair in pairs_of(tmp_path, users)
    }
    assert found.keys() == cases.keys() - {"deleted"}
    for name in ("external stays", "staff stays"):
        assert (found[name].kept.primary_id, found[name].obstacle) == (f"{name} 1", "")
    assert found["both staff"].obstacle
    assert "01OTHER" in found["copy"].obstacle
