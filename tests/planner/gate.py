"""A made-up campus that renews its cards, for the test of who a row is.

Eight pools of names as they are spread in different communities; the frequent ones first. Per year
people marry, move, change addresses, and clerks mistype; a few rows have another person's ID, and
of these some that of a relative, because families get their cards together.
"""

from __future__ import annotations

import tomllib
from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cache
from itertools import accumulate, product, zip_longest
from pathlib import Path
from random import Random

from importer.model.people import NOTHING_COMMON, email_trait, phone_trait
from importer.model.text import folded
from importer.planner.person import Person, Verdict, judge

NOTHING = NOTHING_COMMON


def _pools() -> dict[str, tuple[list[str], list[str]]]:
    """First and last names by community, and all of them mixed."""
    read = tomllib.loads(Path(__file__).with_name("names.toml").read_text("utf-8"))
    pools = {}
    for name, lists in read.items():
        syllables = lists.get("syllables", "").split()
        first = [f"{one}{other}".title() for one, other in product(syllables, syllables[:12])]
        pools[name] = (first or lists["first"].split(), lists["last"].split())
    mixed = [
        [name for names in zip_longest(*(pool[kind] for pool in pools.values())) for name in names]
        for kind in (0, 1)
    ]
    pools["mixed"] = ([*filter(None, mixed[0])], [*filter(None, mixed[1])])
    return pools


POOLS = _pools()

_A_YEAR = {
    "married": 0.012,
    "another first name": 0.0004,
    "a typing error in a name": 0.001,
    "a nickname": 0.004,
    "names exchanged": 0.001,
    "a middle name": 0.02,
    "a typing error in the birth date": 0.003,
    "another birth date": 0.0003,
    "another email": 0.1,
    "another phone": 0.06,
}
"""The share of renewals in which a person's row differs so from Alma's record."""

_RELATIVE = 0.2
"""The share of wrong IDs that are a relative's: the same last name, phone and address."""


@dataclass(frozen=True, slots=True)
class Rates:
    """What a gate does, per 20,000 renewals with 20 wrong IDs."""

    missed: float
    needless: float


@cache
def _shares(count: int) -> list[float]:
    return [*accumulate(1 / (rank + 8) for rank in range(count))]


class Campus:
    """The users of one institution, and the rows of their renewals."""

    def __init__(self, pool: str, size: int, random: Random, *, traits: bool) -> None:
        """Invent `size` users; without `traits` nobody has a birth date, an email or a phone."""
        self.random, self._traits = random, traits
        self._first, self._last = POOLS[pool]
        self.users: list[Person] = []
        while len(self.users) < size:
            self._add_family(size)
        self._by_trait: defaultdict[str, list[Person]] = defaultdict(list)
        self._by_last: defaultdict[str, list[Person]] = defaultdict(list)
        for user in self.users:
            self._by_last[user.names[0][1]].append(user)
            for key in (user.born, *user.contacts):
                self._by_trait[key].append(user)

    def _add_family(self, size: int) -> None:
        last, phone = (
            self._pick(self._last),
            f"70155501{len(self.users) % 100:02d}{len(self.users)}",
        )
        for _ in range(self.random.choice((1, 1, 1, 2, 4))):
            number = len(self.users)
            if number >= size:
                return
            born = date(1940, 1, 1) + timedelta(days=self.random.randrange(25_000))
            email = email_trait(f"{folded(last)}{number}@example.org")
            contacts = frozenset({email, phone_trait(phone)} if self._traits else ())
            born_text = born.isoformat() if self._traits else ""
            ids = frozenset({f"2900{number:06d}"})
            self.users.append(Person(((self._pick(self._first), last),), born_text, contacts, ids))

    def _pick(self, names: list[str]) -> str:
        """A name; the frequent ones come first, as in real lists."""
        return self.random.choices(names, cum_weights=_shares(len(names)))[0]

    def _happens(self, what: str) -> bool:
        return self.random.random() < _A_YEAR[what]

    def row(self, user: Person) -> Person:
        """The row of a user's renewal, as an office sends it."""
        ((first, last),) = user.names
        if self._happens("married"):
            last = self._pick(self._last)
        if self._happens("another first name"):
            first = self._pick(self._first)
        if self._happens("a typing error in a name"):
            first = self._mistyped(first)
        if self._happens("a typing error in a name"):
            last = self._mistyped(last)
        if self._happens("a nickname"):
            first = first[:1]
        if self._happens("a middle name"):
            first = f"{first} {self._pick(self._first)}"
        if self._happens("names exchanged"):
            first, last = last, first
        born, contacts = user.born, set(user.contacts)
        if born and self._happens("a typing error in the birth date"):
            born = (date.fromisoformat(born) + timedelta(days=1)).isoformat()
        if born and self._happens("another birth date"):
            born = "1999-09-09"
        for kind in ("email", "phone"):
            if self._traits and self._happens(f"another {kind}"):
                contacts = {one for one in contacts if not one.startswith(kind)}
        return Person(((first, last),), born, frozenset(contacts), user.ids)

    def _mistyped(self, name: str) -> str:
        at = self.random.randrange(len(name))
        return name[:at] + self.random.choice("aeinrst") + name[at + 1 :]

    def wrong(self, row: Person) -> Person:
        """The user whose ID a row has by mistake."""
        others = self.users
        if self.random.random() < _RELATIVE:
            ((_, last),) = row.names
            relatives = [one for one in self._by_last[last] if one.ids != row.ids]
            others = relatives or others
        while (found := self.random.choice(others)).ids == row.ids:
            pass
        return found

    def asks(self, row: Person, user: Person) -> bool:
        """Whether a person is asked before the row changes the user."""
        row = replace(row, ids=user.ids)
        keys = filter(None, (row.born, *row.contacts))
        near = {one for key in keys for one in self._by_trait[key]}
        others = (one for one in near if one.ids != user.ids)
        return judge(row, user, others, NOTHING)[1] is Verdict.ANOTHER


def measure(pool: str, renewals: int, seed: int, *, traits: bool) -> Rates:
    """Let a campus renew its cards, and give as many rows a wrong ID."""
    random = Random(seed)  # noqa: S311  not a secret
    campus = Campus(pool, 4_000, random, traits=traits)
    users = random.choices(campus.users, k=renewals)
    rows = [campus.row(user) for user in users]
    needless = sum(campus.asks(row, user) for row, user in zip(rows, users, strict=True))
    wrong = random.sample(rows, renewals // 5)
    missed = sum(not campus.asks(row, campus.wrong(row)) for row in wrong)
    return Rates(20 * missed / len(wrong), 20_000 * needless / renewals)
