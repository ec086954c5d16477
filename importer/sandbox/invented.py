"""Invented patrons: from lists of names, or in the shape and proportions of real users.

What is like real users are the counts and codes of an institution, and the forms of values: as many
letters and digits, other ones. No value of a real user is repeated.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date, timedelta

from importer.sandbox.configuration import SEED, CodeTables
from importer.sandbox.users import EXTERNAL, SOURCE, USER, Part, Record, entries, text

_FIRST_DAY = date(2026, 1, 1)
_FEW = 10  # fewer users than this of one kind are drawn from all users
_SHIFT = 400  # days by which a date is moved at most; never 0
_CODES = frozenset({"external_id", "segment_type", "status", "force_password_change", "scope"})
"""Fields of text that hold codes."""

_TOGETHER = {"purge_date": "expiry_date"}  # fields that are taken from one user

_LEFT_OUT = frozenset({"full_name", "status_date", "password", "proxy_for_user", *SOURCE})
_VOWELS, _CONSONANTS = "aeiou", "bdfghjklmnprstvz"


def people(count: int, tables: CodeTables) -> Iterator[Record]:
    """Yield N users, two of three External, as bodies that a POST accepts."""
    dice = random.Random("patrons")  # noqa: S311  reproducible on purpose

    def usable(table: str, code: str) -> str:
        return code if tables.has(table, code) else tables.first(table)

    for number in range(count):
        if number % 3:
            group, category = dice.choice(SEED["external_groups"])
            id_type = usable("UserIdentifierTypes", "BARCODE")
            barcode: Record = {"id_type": id_type, "value": f"22222{number:09d}"}
            kind: Record = {
                "primary_id": f"{1_000_000 + number}",
                "account_type": EXTERNAL,
                "external_id": "SIS",
                "user_identifier": [barcode],
            }
        else:
            group, category = dice.choice(SEED["internal_groups"]), "COMMUNITY"
            kind = {"primary_id": f"21111{number:09d}", "account_type": "INTERNAL"}
        city, state, postal_code = dice.choice(SEED["cities"])
        expires = _FIRST_DAY + timedelta(days=dice.randrange(200, 1200))
        address: Record = {
            "preferred": True,
            "line1": f"{dice.randrange(1, 999)} {dice.choice(SEED['streets'])}",
            "city": city,
            "state_province": state,
            "postal_code": postal_code,
            "country": usable("CountryCodes", "USA"),
            "address_type": [usable("UserAddressTypes", "home")],
        }
        email: Record = {
            "preferred": True,
            "email_address": f"patron{number}@example.org",
            "email_type": [usable("UserEmailTypes", "personal")],
        }
        phone: Record = {
            "preferred": True,
            "phone_number": f"701-555-01{number % 100:02d}",
            "phone_type": [usable("UserPhoneTypes", "home")],
        }
        statistic: Record = {"statistic_category": usable("UserStatCategories", category)}
        yield {
            **kind,
            "record_type": "PUBLIC",
            "first_name": dice.choice(SEED["first"]),
            "last_name": dice.choice(SEED["last"]),
            "birth_date": (date(1940, 1, 1) + timedelta(days=dice.randrange(24_000))).isoformat(),
            "expiry_date": expires.isoformat(),
            "purge_date": (expires + timedelta(days=365)).isoformat(),
            "user_group": usable("UserGroups", group),
            "user_statistic": [statistic],
            "address": [address],
            "email": [email],
            "phone": [phone],
        }


def people_like(count: int, models: Sequence[Record]) -> Iterator[Record]:
    """Yield N users in the shape and proportions of others, as bodies that a POST accepts.

    A new user is of the kind of a random model: account type, group, external system and source.
    Each other field or list has the form of another model's of that kind, so no person is
    described.
    """
    dice = random.Random("patrons")  # noqa: S311  reproducible on purpose
    kinds: dict[tuple[str, str], list[Record]] = defaultdict(list)
    for model in models:
        kinds[_kind(model)].append(model)
    invented = _Invented(dice, set(_texts(models)))
    fixed = ("account_type", "user_group", "external_id", "record_type", SOURCE[0])
    for model in dice.choices(models, k=count) if models else ():
        same = kinds[_kind(model)]
        donors = same if len(same) >= _FEW else models
        invented.days = dice.choice((-1, 1)) * dice.randint(1, _SHIFT)
        chosen: dict[str, Record] = {}
        record: Record = {}
        for name in (*USER.fields, *USER.parts):
            donor = chosen.setdefault(_TOGETHER.get(name, name), dice.choice(donors))
            if donor.get(name) and name not in _LEFT_OUT:
                record |= invented.like({name: donor[name]}, USER)
        record |= {name: model[name] for name in fixed if model.get(name)}
        if record.get(SOURCE[0]):
            record[SOURCE[1]] = invented.text("00000000", "value")
        yield record


def _kind(model: Record) -> tuple[str, str]:
    return text(model, "account_type"), text(model, "user_group")


def _texts(models: Sequence[Record]) -> Iterator[str]:
    """Yield every text of the models and their entries, without case."""
    for model in models:
        for value in model.values():
            if isinstance(value, str):
                yield value.casefold()
            elif isinstance(value, list):
                yield from _texts([entry for entry in value if isinstance(entry, dict)])


class _Invented:
    """Makes values that no model has; each ID and email once. `days`: what dates are moved by."""

    def __init__(self, dice: random.Random, taken: set[str]) -> None:
        self._dice = dice
        self._taken = taken
        self.days = 1

    def like(self, model: Record, part: Part) -> Record:
        """Return a user's fields or an entry in the form of another one; codes stay."""
        made: Record = {}
        for name, field in part.fields.items():
            value = model.get(name)
            if not isinstance(value, str) or not value or field.kind == "code" or name in _CODES:
                if value:
                    made[name] = value
            elif field.kind in {"date", "time"}:
                made[name] = self._moved(value[:10]) + value[10:]
            else:
                made[name] = self.text(value, name)
        for name, inner in part.parts.items():
            if rows := entries(model, name):
                made[name] = [self.like(row, inner) for row in rows]
        return made

    def text(self, value: str, name: str) -> str:
        """Return another text of the same form, longer where that form is used up."""
        for attempt in range(1000):
            form = f"{value}{'0' * (attempt // 10)}" if value[-1:].isdigit() else value
            form += "" if form[-1:].isdigit() else "a" * (attempt // 10)
            local, at, _domain = form.partition("@")
            made = "".join(map(self._letter, range(len(local)), local))
            made += "@example.org" if at else ""
            if made.casefold() not in self._taken:
                if name in {"primary_id", "value", "email_address"}:
                    self._taken.add(made.casefold())
                return made
        raise AssertionError

    def _letter(self, place: int, letter: str) -> str:
        if letter.isdigit():
            return self._dice.choice("0123456789")
        if not letter.isalpha():
            return letter
        made = self._dice.choice(_VOWELS if place % 2 else _CONSONANTS)
        return made.upper() if letter.isupper() else made

    def _moved(self, day: str) -> str:
        try:
            return (date.fromisoformat(day) + timedelta(days=self.days)).isoformat()
        except (ValueError, OverflowError):
            return _FIRST_DAY.isoformat()
