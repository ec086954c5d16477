"""Invented patrons, always the same: example.org addresses, 555-01xx phones."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import date, timedelta

from importer.sandbox.record import Record

_FIRST = (
    "Ada", "Amir", "Beatriz", "Bao", "Carmen", "Chidi", "Dagmar", "Dmitri", "Elena", "Esi",
    "Fatima", "Felix", "Grace", "Hana", "Hugo", "Ines", "Ivo", "Jamila", "Jonas", "Keiko",
    "Kofi", "Lara", "Liam", "Mara", "Mateo", "Nadia", "Noor", "Oskar", "Priya", "Quentin",
    "Rosa", "Ruben", "Saoirse", "Sven", "Tala", "Tomás", "Uma", "Viktor", "Wen", "Zoë",
)  # fmt: skip
_LAST = (
    "Abara", "Almeida", "Bergström", "Boateng", "Castillo", "Chowdhury", "Dvořák", "Eriksen",
    "Farouk", "Fischer", "García", "Haddad", "Ivanova", "Jensen", "Kim", "Kowalski", "Lindqvist",
    "Mbeki", "Moreau", "Muñoz", "Nakamura", "Nguyen", "O'Leary", "Okafor", "Petrov", "Quispe",
    "Rossi", "Sato", "Schneider", "Silva", "Tanaka", "Ueda", "Vargas", "Wójcik", "Yilmaz", "Zhou",
)  # fmt: skip
_STREETS = ("Elm Street", "Cedar Avenue", "Prairie Road", "Library Lane", "College Drive")
_CITIES = (("Riverton", "ND", "58001"), ("Lakeside", "SD", "57001"), ("Fairview", "MN", "55001"))
_INTERNAL_GROUPS = ("COMM", "FRIEND", "SPEC", "RECIP")
_EXTERNAL_GROUPS = (
    ("UGRD", "STUDENT"), ("GRAD", "STUDENT"), ("FACULTY", "FACULTY"), ("STAFF", "STAFF"),
)  # fmt: skip
_FIRST_DAY = date(2026, 1, 1)


def people(count: int) -> Iterator[Record]:
    """Yield N users, two of three External, as bodies that a POST accepts."""
    dice = random.Random("patrons")  # noqa: S311  reproducible on purpose
    for number in range(count):
        yield _external(number, dice) if number % 3 else _internal(number, dice)


def _internal(number: int, dice: random.Random) -> Record:
    barcode = f"21111{number:09d}"
    statistic: Record = {"statistic_category": "COMMUNITY"}
    return {
        **_common(number, dice),
        "primary_id": barcode,
        "account_type": "INTERNAL",
        "user_group": dice.choice(_INTERNAL_GROUPS),
        "user_statistic": [statistic],
    }


def _external(number: int, dice: random.Random) -> Record:
    group, category = dice.choice(_EXTERNAL_GROUPS)
    barcode: Record = {"id_type": "BARCODE", "value": f"22222{number:09d}"}
    statistic: Record = {"statistic_category": category}
    return {
        **_common(number, dice),
        "primary_id": f"{1_000_000 + number}",
        "account_type": "EXTERNAL",
        "external_id": "SIS",
        "user_group": group,
        "user_identifier": [barcode],
        "user_statistic": [statistic],
    }


def _common(number: int, dice: random.Random) -> Record:
    first, last = dice.choice(_FIRST), dice.choice(_LAST)
    city, state, postal_code = dice.choice(_CITIES)
    born = date(1940, 1, 1) + timedelta(days=dice.randrange(24_000))
    expires = _FIRST_DAY + timedelta(days=dice.randrange(200, 1200))
    address: Record = {
        "preferred": True,
        "line1": f"{dice.randrange(1, 999)} {dice.choice(_STREETS)}",
        "city": city,
        "state_province": state,
        "postal_code": postal_code,
        "country": "USA",
        "address_type": ["home"],
    }
    email: Record = {
        "preferred": True,
        "email_address": f"patron{number}@example.org",
        "email_type": ["personal"],
    }
    phone: Record = {
        "preferred": True,
        "phone_number": f"701-555-01{number % 100:02d}",
        "phone_type": ["home"],
    }
    return {
        "record_type": "PUBLIC",
        "first_name": first,
        "last_name": last,
        "birth_date": born.isoformat(),
        "expiry_date": expires.isoformat(),
        "purge_date": (expires + timedelta(days=365)).isoformat(),
        "address": [address],
        "email": [email],
        "phone": [phone],
    }
