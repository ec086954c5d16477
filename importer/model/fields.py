"""The fields that a mapping may set, derived from the record itself, and the codes they take.

A field's path is Alma's own, without positions: `user_group`, `contact_info.email.email_address`.
"""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from importlib.resources import files
from typing import get_args

from importer.model.text import folded
from importer.model.user import (
    Code,
    Coded,
    Codes,
    ContactInfo,
    Facts,
    Flag,
    Reach,
    RecordPart,
    Text,
    User,
)


class Shape(StrEnum):
    """What kind of value a field takes. In candidates each is text: see `model.candidates`."""

    TEXT = "text"
    CODE = "code"
    DATE = "date"
    FLAG = "true or false"


class OnUpdate(StrEnum):
    """What happens to a field, or a list, of a user whom Alma already has."""

    REPLACE = "replace"  # the roster's value, where it has one
    KEEP = "keep"  # only where Alma's is blank
    ERASE = "erase"  # as replace, and a blank cell clears it
    LATER = "later"  # dates: never earlier than Alma's
    NEVER = "never"  # only when the user is created
    ADD = "add"  # lists: only add
    REPLACE_ALL = "replace_all"  # lists: the roster owns the whole list


@dataclass(frozen=True, slots=True)
class Field:
    """One field of the record: its path, its list or "", its facts; `several`: of joined codes."""

    path: str
    parent: str
    name: str
    shape: Shape
    facts: Facts
    several: bool = False

    def codes(self, joined: str) -> tuple[str, ...]:
        """Return the codes of a candidate's text: one, or several for a field that takes them."""
        return tuple(filter(None, joined.split(JOINED))) if self.several else (joined,)


SECRETS = frozenset({"password", "pin_number"})
"""Fields whose value is never shown, and whose columns are kept nowhere."""

JOINED = "+"  # what is between several codes in one text


_SHAPES: dict[object, Shape] = {
    Text: Shape.TEXT,
    Code: Shape.CODE,
    Codes: Shape.CODE,
    Flag: Shape.FLAG,
    date | None: Shape.DATE,
}


def _fields(part: type[RecordPart], parent: str) -> Iterator[Field]:
    for name, info in part.model_fields.items():
        facts = next((item for item in info.metadata if isinstance(item, Facts)), None)
        shape = _SHAPES.get(info.annotation)
        if facts is not None and shape is not None and facts.reach is not Reach.OUTPUT:
            path = f"{parent}.{name}" if parent else name
            yield Field(path, parent, name, shape, facts, info.annotation == Codes)


def _lists() -> Iterator[tuple[str, type[RecordPart]]]:
    for owner, prefix in ((ContactInfo, "contact_info."), (User, "")):
        for name, info in owner.model_fields.items():
            entry = get_args(get_args(info.annotation)[0])  # of `tuple[Part, ...] | None`
            if entry and any(_fields(entry[0], name)):
                yield prefix + name, entry[0]


LISTS: dict[str, type[RecordPart]] = dict(_lists())
"""The lists whose entries a mapping may set, by path: `contact_info.address`, `user_note`, …"""

FIELDS: dict[str, Field] = {
    field.path: field
    for field in (
        *_fields(User, ""),
        *(field for parent, entry in LISTS.items() for field in _fields(entry, parent)),
    )
}
"""Every field that a mapping may set, by path, in the record's order."""

PATRON_ROLE: dict[str, Field] = {
    "expiry": Field("patron_role.expiry", "patron_role", "expiry", Shape.DATE, Facts(0)),
    "scope": Field("patron_role.scope", "patron_role", "scope", Shape.CODE, Facts()),
}
"""The fields of the Patron role that a mapping may set. They belong to no list of `LISTS`."""

PATRON = "200"  # Alma's code of the Patron role (contract 1.3, user_role)

ROLE = "user_role[Patron]"
"""The path of the Patron role in a list of changes."""

IDS = "user_identifier"

OVERRIDE_NAMES = {"rs_library": "rs_libraries", "library_notice": "library_notices"}
"""Alma's names of protected lists in `override`, which differ from the field's name."""

STICKY = (
    *(field.name for field in FIELDS.values() if field.facts.sticky and not field.parent),
    *OVERRIDE_NAMES,
)
"""Fields and lists that Alma protects in External users if someone edited them (contract 3.1)."""

ALWAYS_REQUIRED = ("primary_id", "first_name", "last_name", "user_group")
"""Every record needs these, whatever the mapping says (contract 4.1, the library's own rule)."""

TYPE_FIELD: dict[str, str] = {
    "contact_info.address": "address_type",
    "contact_info.email": "email_type",
    "contact_info.phone": "phone_type",
    "user_identifier": "id_type",
    "user_note": "note_type",
    "user_block": "block_type",
    "user_statistic": "statistic_category",
    "proxy_for_user": "proxy_type",
    "rs_library": "code",
    "library_notice": "code",
}
"""The field that distinguishes the entries of a list."""


def text(value: object) -> str:
    """Return a value of the record as candidates write it: ISO dates, `true` or `false`, codes.

    Several codes are joined by `+`; "" is blank, in whatever way the record has it blank.
    """
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case date():
            return value.isoformat()
        case Coded():
            return value.value or ""
        case tuple():
            return JOINED.join(text(part) for part in value)
        case _:
            return str(value)


def fields_of(user: User) -> Iterator[tuple[str, str]]:
    """Yield path and text of every field that is not blank; an entry's path names its type."""
    yield from _texts_of(user, "")
    for parent, kind, part in _entries_of(user):
        fields = tuple(_texts_of(part, f"{parent}[{kind}].", TYPE_FIELD[parent]))
        yield from fields or ((parent, kind),)


def cells_of(user: User) -> dict[str, str]:
    """Return the record as the cells of a row, without blank ones, passwords and PINs.

    The headings are the fields' paths, in an entry with its type:
    `contact_info.email[work].email_address`. The second entry of a type has ` 2` at the end, and
    one of several types is there under each. The Patron role is the one that expires first.
    """
    cells = {path: shown for path, shown in _texts_of(user, "") if path not in SECRETS}
    roles = [
        (role.expiry_date or "", text(role.scope))
        for role in user.user_role or ()
        if text(role.role_type) == PATRON
    ]
    if roles:
        expiry, scope = min(roles, key=lambda role: (not role[0], role))
        cells |= {"patron_role.expiry": expiry[:10], "patron_role.scope": scope}
    numbers: Counter[str] = Counter()
    for parent, kinds, part in _entries_of(user):
        for kind in kinds.split(JOINED):
            entry = f"{parent}[{kind}]"
            numbers[entry] += 1
            end = f" {numbers[entry]}" if numbers[entry] > 1 else ""
            cells |= {f"{path}{end}": shown for path, shown in _texts_of(part, f"{entry}.")}
    return cells


_OF_ENTRY = re.compile(r"([\w.]+)\[[^\[\]]+\]\.(\w+)(?: (?:[2-9]|[1-9]\d+))?")


def is_cell(heading: str) -> bool:
    """Return whether `cells_of` a user can have this heading."""
    if of_entry := _OF_ENTRY.fullmatch(heading.strip()):
        parent, name = of_entry.groups()
        return parent in LISTS and name in LISTS[parent].model_fields
    return heading.strip() in CELLS


def _entries_of(user: User) -> Iterator[tuple[str, str, RecordPart]]:
    """Yield the entries of every list, with the list's path and the types, joined by `+`."""
    for parent in LISTS:
        holder, _, name = parent.rpartition(".")
        owner = getattr(user, holder) if holder else user
        for part in (getattr(owner, name) if owner is not None else None) or ():
            yield parent, text(getattr(part, TYPE_FIELD[parent])), part


CELLS: tuple[str, ...] = (
    *(
        name
        for name, info in User.model_fields.items()
        if info.annotation in _SHAPES and name not in SECRETS
    ),
    *(field.path for field in PATRON_ROLE.values()),
)
"""The headings of `cells_of` that are no entry's."""


def _texts_of(part: RecordPart, prefix: str, but: str = "") -> Iterator[tuple[str, str]]:
    for name in type(part).model_fields:
        value = getattr(part, name)
        parts = value if isinstance(value, tuple) else (value,)
        deeper = any(isinstance(part, RecordPart) and not isinstance(part, Coded) for part in parts)
        if name == but or deeper or isinstance(value, ContactInfo) or value is False:
            continue
        if shown := text(value):
            yield prefix + name, shown


# --- codes ---


@dataclass(frozen=True, slots=True)
class CodeRow:
    """One code of a table, as Alma spells it; Alma does not accept a disabled code."""

    code: str
    description: str = ""
    enabled: bool = True


@dataclass(frozen=True, slots=True)
class CodeTables:
    """Code tables by Alma's names (`UserGroups`, `Campuses`, …).

    Codes of a table that is not in `tables` are not checked. `fetched` is the day on which the
    tables were read from Alma; None if people wrote them.
    """

    tables: Mapping[str, tuple[CodeRow, ...]]
    institution: str = ""
    fetched: date | None = None

    def known(self, table: str) -> Mapping[str, CodeRow] | None:
        """Return the rows of a table by code, or None if the table is not known."""
        rows = self.tables.get(table)
        return None if rows is None else {row.code: row for row in rows}

    def enabled(self, table: str) -> tuple[CodeRow, ...]:
        """Return the rows of a table that Alma accepts, in its order; none if it is not known."""
        return tuple(row for row in self.tables.get(table, ()) if row.enabled)

    def age(self, today: date) -> int | None:
        """Return how many days ago they were read from Alma; None if people wrote them."""
        return None if self.fetched is None else (today - self.fetched).days

    def old(self, today: date) -> bool:
        """Return whether they are so old that Alma may have other codes by now."""
        return (self.age(today) or 0) >= 180


NO_CODES = CodeTables({})


# --- countries ---

_TABLES = tomllib.loads(files("importer.model").joinpath("countries.toml").read_text("utf-8"))
_ISO: dict[str, tuple[str, str]] = _TABLES["countries"]

COUNTRIES: dict[str, str] = {code: name for code, (_, name) in _ISO.items()}
"""Every country's name in English, by the code that Alma takes (contract 1.3, CountryCodes)."""

_BY_OTHER: dict[str, str] = {
    **{folded(name): code for code, name in COUNTRIES.items()},
    **{folded(short): code for code, (short, _) in _ISO.items()},
    **{folded(code): code for code in COUNTRIES},
    **{folded(name): code for name, code in _TABLES["other_names"].items()},
}


def country_of(text: str) -> str:
    """Return the code of a country that is written in any way, or "" if it is not known."""
    return _BY_OTHER.get(folded(text), "")


def region_of(country: str) -> str:
    """Return the two letters of a country that is written in any way, or ""."""
    return _ISO.get(country_of(country), ("", ""))[0]
