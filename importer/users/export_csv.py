"""Fill the user cache from a CSV export of all users, for example from Alma Analytics.

It costs no call and shows who there is; a user's record is read when a row first needs it.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path

from importer.errors import UsageError
from importer.model.files import check_regular
from importer.model.people import person_keys
from importer.model.text import folded
from importer.users.cache import KnownUser, UserCache

PRIMARY_ID, FIRST, LAST, BORN, EMAIL, IDENTIFIER = (
    "Primary Identifier", "First Name", "Last Name", "Birth Date", "Email", "Barcode",
)  # fmt: skip

HEADINGS: Mapping[str, str] = {
    folded(heading): column
    for column, headings in {
        PRIMARY_ID: (PRIMARY_ID, "Primary ID", "User Primary Identifier", "User Primary ID"),
        FIRST: (FIRST, "Given Name", "Forename", "User First Name"),
        LAST: (LAST, "Surname", "Family Name", "User Last Name"),
        BORN: (BORN, "Birthdate", "Date of Birth", "DOB", "User Birth Date"),
        EMAIL: (EMAIL, "E-mail Address", "Email Address", "Preferred Email", "User Email"),
        IDENTIFIER: (
            IDENTIFIER, "Identifier 1", "Identifier 2", "Identifier 3", "Identifier 4",
            "Additional Identifier", "Identifier Value", "Barcode Number", "University ID",
        ),
    }.items()
    for heading in headings
}  # fmt: skip
"""Column by folded heading; exports use several headings for the same column."""

_ISO = re.compile(r"(\d{4}-\d{2}-\d{2})(?:[T ]\d{2}:\d{2}.*)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Export:
    """The users of an export, and how much of it could not be used.

    `nameless` counts rows without a primary identifier, `dateless` users whose birth date is not
    written like 1990-03-01.
    """

    users: tuple[KnownUser, ...]
    nameless: int
    dateless: int


def read_export(path: Path) -> Export:
    """Read an export of all users.

    Raises UsageError if it cannot be read or lacks the primary identifier or the names.
    """
    rows = _rows(path)
    columns = [HEADINGS.get(folded(heading), "") for heading in next(rows, [])]
    if missing := [name for name in (PRIMARY_ID, FIRST, LAST) if name not in columns]:
        msg = (
            f"{path} has no column {', '.join(missing)}. An export needs the headings "
            f"{PRIMARY_ID}, {FIRST} and {LAST}, and may also have {BORN}, {EMAIL} and {IDENTIFIER}."
        )
        raise UsageError(msg)
    users: dict[str, KnownUser] = {}
    undated: set[str] = set()
    nameless = 0
    for cells in rows:
        known, dated = _known(columns, cells)
        key = known.primary_id.casefold()
        if not key:
            nameless += any(cells)
            continue
        if not dated:
            undated.add(key)
        users[key] = _joined(users[key], known) if key in users else known
    return Export(tuple(users.values()), nameless, len(undated))


def add_export(cache: UserCache, export: Export, as_of: datetime) -> int:
    """Add the users of an export, which shows Alma at a time; return how many are new."""
    new = cache.add_known(export.users, as_of)
    state = cache.state
    if state.as_of is None:
        cache.set_state(state.model_copy(update={"as_of": as_of}))
    return new


def _known(columns: Sequence[str], cells: Sequence[str]) -> tuple[KnownUser, bool]:
    """Return a row's user, and whether its birth date, if any, could be read."""
    texts: dict[str, list[str]] = {}
    for column, cell in zip(columns, cells, strict=False):
        if column and cell.strip():
            texts.setdefault(column, []).append(cell.strip())
    primary_id, first, last, born = (
        next(iter(texts.get(column, ())), "") for column in (PRIMARY_ID, FIRST, LAST, BORN)
    )
    day = _day(born)
    keys = person_keys(first, last, born=day, emails=texts.get(EMAIL, ()))
    known = KnownUser(primary_id, keys, tuple(texts.get(IDENTIFIER, ())))
    return known, bool(day) or not born


def _joined(one: KnownUser, more: KnownUser) -> KnownUser:
    """Combine two rows of one user; exports have a row for each address or identifier."""
    keys = replace(one.keys, traits=one.keys.traits | more.keys.traits)
    return replace(one, keys=keys, identifiers=(*one.identifiers, *more.identifiers))


def _day(text: str) -> str:
    """Return an ISO day; blank for any other notation, which could be read in two ways."""
    found = _ISO.fullmatch(text)
    try:
        return date.fromisoformat(found[1]).isoformat() if found else ""
    except ValueError:
        return ""


def _rows(path: Path) -> Iterator[list[str]]:
    """Read the rows as text: UTF-8, or UTF-16 as in tab-separated exports."""
    check_regular(path)
    try:
        with path.open("rb") as file:
            encoding = "utf-16" if file.read(2) in {b"\xff\xfe", b"\xfe\xff"} else "utf-8-sig"
        with path.open(encoding=encoding, newline="") as lines:
            heading = lines.readline()
            delimiter = max(",;\t", key=heading.count)
            lines.seek(0)
            yield from csv.reader(lines, delimiter=delimiter)
    except OSError as error:
        msg = f"{path} cannot be read ({error.strerror}). Name the CSV file of the export."
        raise UsageError(msg) from error
    except (UnicodeError, csv.Error):
        msg = f"{path} cannot be read as CSV text in UTF-8. Save the export as CSV again."
        raise UsageError(msg) from None
