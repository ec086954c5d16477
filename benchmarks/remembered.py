"""How large `runs/memory.sqlite` is after many loads: `python -m benchmarks.remembered [PEOPLE]`.

What a load of ten values a person leaves is remembered as `apply` does it: once of a roster that
stays as it is, once of one of which 5 % of the people change each time. Nothing is sent. Beside it
is what the runs have, which are deleted some day: what the last load replaced. The limit: the loads
after the tenth add less than a tenth.
"""

from __future__ import annotations

import os
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

from importer.memory.loads import EditMemory, Remembered
from importer.memory.memory import BEFORE, PATH
from importer.model.plan import Imprint, InRecord

LOADS = (1, 10, 100)
CHANGED = 20
"""One of so many people changes at each load."""

_STREET = ("line1", "line2", "city", "state_province", "postal_code", "country")
_FIELDS = ("first_name", "middle_name", "last_name", "user_group", "birth_date", "expiry_date")
_WHERE = {name: InRecord(name) for name in (*_FIELDS, "purge_date")} | {
    "contact_info.address[home]1": InRecord("contact_info.address", "", ("home",), _STREET),
    "contact_info.address.preferred": InRecord(
        "contact_info.address", "preferred", (), (*_STREET, "address_type")
    ),
    "contact_info.email[school]1": InRecord(
        "contact_info.email", "", ("school",), ("email_address",)
    ),
}
_START = datetime(2026, 1, 1, tzinfo=UTC)


def _hash(*parts: object) -> str:
    return sha256(repr(parts).encode()).hexdigest()[:16]


def _left(user: int, version: int, day: str) -> dict[str, Imprint]:
    """Return what a load left of a user; the last name has a version."""
    found: dict[str, Imprint] = {}
    for name, where in _WHERE.items():
        made = _hash(user, name, version if name == "last_name" else 0)
        found[name] = Imprint(where, made, _hash(name), made, made, day)
    return found


def _load(memory: EditMemory, number: int, people: int, *, changes: bool) -> Path:
    """Remember a load, and return its folder."""
    time = _START + timedelta(days=number)
    found: list[Remembered] = []
    for user in range(people):
        version = (number + user) // CHANGED if changes else 0
        wrote = number == 0 or (changes and (number + user) % CHANGED == 0)
        values = _left(user, version, f"{time:%Y-%m-%d}")
        key = f"2000123{user:07}"
        found.append(Remembered(key, key, "m", values, number == 0, seen=None if wrote else time))
    folder = Path("runs", str(number))
    folder.mkdir(parents=True)
    memory.remember(str(number), found, time, {"m"}, folder)
    return folder


def main(people: int) -> int:
    """Measure both rosters; return 1 if the memory grows with loads."""
    worst = 0.0
    for changes in (False, True):
        with tempfile.TemporaryDirectory(dir=".") as folder:
            home = Path.cwd()
            os.chdir(folder)
            sizes, run = list[int](), Path()
            for number in range(LOADS[-1]):
                run = _load(EditMemory("INST sandbox"), number, people, changes=changes)
                if number + 1 in LOADS:
                    sizes.append(PATH.stat().st_size)
            before = run / BEFORE
            replaced = before.stat().st_size if before.exists() else 0
            os.chdir(home)
        what = "of which 5 % change" if changes else "that stays as it is"
        shown = ", ".join(f"{size:,}" for size in sizes)
        print(f"A roster of {people:,} people {what}: {shown} bytes after {LOADS} loads")
        print(
            f"  {sizes[-1] / people:,.0f} bytes a person; the last load's run: {replaced:,} bytes"
        )
        worst = max(worst, sizes[-1] / sizes[1])
    return int(worst > 1.1)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 500))
