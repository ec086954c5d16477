"""Invented patrons, from lists of names."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import date, timedelta

from importer.sandbox.configuration import SEED, PracticeCodes
from importer.sandbox.users import EXTERNAL, Record

_FIRST_DAY = date(2026, 1, 1)


def people(count: int, tables: PracticeCodes) -> Iterator[Record]:
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
