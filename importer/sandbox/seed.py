"""Invented patrons, always the same: example.org addresses, 555-01xx phones."""

from __future__ import annotations

import random
import tomllib
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

from importer.sandbox.record import Record

_FILE = Path(__file__).with_name("institution.toml")
_FIRST_DAY = date(2026, 1, 1)


def people(count: int) -> Iterator[Record]:
    """Yield N users, two of three External, as bodies that a POST accepts."""
    lists = tomllib.loads(_FILE.read_text("utf-8"))["seed"]
    dice = random.Random("patrons")  # noqa: S311  reproducible on purpose
    for number in range(count):
        if number % 3:
            group, category = dice.choice(lists["external_groups"])
            barcode: Record = {"id_type": "BARCODE", "value": f"22222{number:09d}"}
            kind: Record = {
                "primary_id": f"{1_000_000 + number}",
                "account_type": "EXTERNAL",
                "external_id": "SIS",
                "user_identifier": [barcode],
            }
        else:
            group, category = dice.choice(lists["internal_groups"]), "COMMUNITY"
            kind = {"primary_id": f"21111{number:09d}", "account_type": "INTERNAL"}
        city, state, postal_code = dice.choice(lists["cities"])
        expires = _FIRST_DAY + timedelta(days=dice.randrange(200, 1200))
        address: Record = {
            "preferred": True,
            "line1": f"{dice.randrange(1, 999)} {dice.choice(lists['streets'])}",
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
        yield {
            **kind,
            "record_type": "PUBLIC",
            "first_name": dice.choice(lists["first"]),
            "last_name": dice.choice(lists["last"]),
            "birth_date": (date(1940, 1, 1) + timedelta(days=dice.randrange(24_000))).isoformat(),
            "expiry_date": expires.isoformat(),
            "purge_date": (expires + timedelta(days=365)).isoformat(),
            "user_group": group,
            "user_statistic": [{"statistic_category": category}],
            "address": [address],
            "email": [email],
            "phone": [phone],
        }
