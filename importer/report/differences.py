"""The differences of a plan, and the fields of new users."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from importer.model.fields import fields_of
from importer.model.plan import Change, ChangeKind
from importer.model.user import User
from importer.report.masking import shown
from importer.report.wording import field_name, number, part_name, row_numbers, rows

MOST_LINES = 200
"""Lines shown of one kind; the page counts the others."""


@dataclass(frozen=True, slots=True)
class Difference:
    """What Alma has, what it will have, and the rows concerned."""

    part: str
    field: str
    path: str
    old: str
    new: str
    count: str
    rows: str


@dataclass(frozen=True, slots=True)
class Differences:
    """The differences of one kind, those of the most rows first; `more` are left out."""

    kind: ChangeKind
    total: str
    lines: tuple[Difference, ...]
    more: int

    @property
    def parts(self) -> frozenset[str]:
        """Return the parts of the record that are listed."""
        return frozenset(line.part for line in self.lines)


@dataclass(slots=True)
class Changes:
    """Collects the changes of rows."""

    show_values: bool
    found: dict[tuple[ChangeKind, str, str, str], list[int]] = field(default_factory=dict)

    def add(self, row: int, changes: tuple[Change, ...]) -> None:
        """Add the changes of one row."""
        for change in changes:
            old, new = (
                shown(change.path, text, show_values=self.show_values)
                for text in (change.old, change.new)
            )
            found = self.found.setdefault((change.kind, change.path, old, new), [])
            if not found or found[-1] != row:
                found.append(row)

    def by_kind(self) -> tuple[Differences, ...]:
        """Return the differences by kind, removals first, without empty kinds."""
        return tuple(found for kind in ChangeKind if (found := self._of(kind)).lines)

    def _of(self, kind: ChangeKind) -> Differences:
        found = [(key, found) for key, found in self.found.items() if key[0] is kind]
        found.sort(key=lambda item: (-len(item[1]), item[1][0], item[0]))
        lines = tuple(
            Difference(
                part_name(path), field_name(path), path, old, new, rows(len(at)), row_numbers(at)
            )
            for (_, path, old, new), at in found[:MOST_LINES]
        )
        total = sum(len(at) for _, at in found)
        return Differences(kind, number(total), lines, len(found) - len(lines))


MOST = 3
"""New users shown side by side; `importer show` shows those of any row."""


@dataclass(frozen=True, slots=True)
class NewUsers:
    """Some rows and, by field, the value of each row; blank where it has none."""

    rows: tuple[int, ...]
    fields: tuple[tuple[str, tuple[str, ...]], ...]


def _name(path: str) -> str:
    """Return a field in words, with the kind of its entry: `Email: Email address (work)`."""
    part = f"{part_name(path)}: " if "[" in path else ""
    return part + field_name(path)


def new_users(records: Iterable[tuple[int, User]], *, show_values: bool) -> NewUsers:
    """Return records side by side, fields in the record's order, masked unless `show_values`."""
    users = dict(records)
    held: dict[str, dict[int, list[str]]] = {}
    for row, user in users.items():
        for path, text in fields_of(user):
            value = shown(path, text, show_values=show_values)
            held.setdefault(_name(path), {}).setdefault(row, []).append(value)
    return NewUsers(
        tuple(users),
        tuple(
            (name, tuple(" · ".join(by_row.get(row, ())) for row in users))
            for name, by_row in held.items()
        ),
    )
