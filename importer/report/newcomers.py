"""What the first of the users who are to be created would hold, field by field."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from importer.model.fields import fields_of
from importer.report.masking import shown
from importer.report.sentences import field_name, part_name

if TYPE_CHECKING:
    from importer.model.user import User

MOST = 3
"""So many stand beside one another on the page; `importer show` tells those of any row."""


@dataclass(frozen=True, slots=True)
class Newcomers:
    """Some rows, and by field what each of them gives, blank where it gives nothing."""

    rows: tuple[int, ...]
    fields: tuple[tuple[str, tuple[str, ...]], ...]


def _name(path: str) -> str:
    """A field in words, with the kind of entry that it is of: `Email: Email address (work)`."""
    part = f"{part_name(path)}: " if "[" in path else ""
    return part + field_name(path)


def newcomers(records: Iterable[tuple[int, User]], *, show_values: bool) -> Newcomers:
    """The records side by side; fields in the record's order, masked unless values are shown."""
    users = dict(records)
    held: dict[str, dict[int, list[str]]] = {}
    for row, user in users.items():
        for path, text in fields_of(user):
            value = shown(path, text, show_values=show_values)
            held.setdefault(_name(path), {}).setdefault(row, []).append(value)
    return Newcomers(
        tuple(users),
        tuple(
            (name, tuple(" · ".join(by_row.get(row, ())) for row in users))
            for name, by_row in held.items()
        ),
    )
