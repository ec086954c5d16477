"""The differences of a plan, and the fields of new users."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from importer.model.fields import fields_of
from importer.model.plan import Change, ChangeKind
from importer.model.user import User
from importer.report.masking import shown, shown_change
from importer.report.wording import field_name, part_name

MOST_LINES = 200
"""Lines shown of one kind; the table of all rows has the others."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference as it may be shown: the field's path, what Alma has and what it will have."""

    kind: ChangeKind
    path: str
    old: str
    new: str

    @property
    def name(self) -> str:
        """The field in words."""
        return field_name(self.path)

    @property
    def part(self) -> str:
        """The part of the record in words."""
        return part_name(self.path)

    @property
    def change(self) -> str:
        """Both values: `Lee → Leeson`."""
        return f"{self.old or 'nothing'} → {self.new or 'nothing'}"

    def __str__(self) -> str:
        """Return `Last name: Lee → Leeson`."""
        return f"{self.name}: {self.change}"


def differences(changes: Iterable[Change], *, show_values: bool) -> Iterator[Difference]:
    """Yield the differences of a row, masked unless `show_values`."""
    for change in changes:
        old, new = shown_change(change.path, change.old, change.new, show_values=show_values)
        yield Difference(change.kind, change.path, old, new)


@dataclass(frozen=True, slots=True)
class Differences:
    """The differences of one kind with their rows, most rows first; `more` are left out.

    Those of one row each are in the order of their fields.
    """

    kind: ChangeKind
    total: int
    lines: tuple[tuple[Difference, tuple[int, ...]], ...]
    more: int


def by_kind(found: Mapping[Difference, Sequence[int]]) -> tuple[Differences, ...]:
    """Return the differences by kind, removals first, without empty kinds."""
    ordered = sorted(
        found.items(),
        key=lambda item: (
            -len(item[1]),
            item[0].name if len(item[1]) == 1 else "",
            item[1][0],
            item[0].path,
        ),
    )
    kinds = []
    for kind in ChangeKind:
        lines = [(one, tuple(dict.fromkeys(rows))) for one, rows in ordered if one.kind is kind]
        if lines:
            total = sum(len(rows) for _, rows in lines)
            kinds.append(
                Differences(kind, total, tuple(lines[:MOST_LINES]), len(lines[MOST_LINES:]))
            )
    return tuple(kinds)


def by_field(found: Mapping[Difference, Sequence[int]]) -> list[tuple[str, Counter[Difference]]]:
    """Return the fields that change, each with the number of rows of each change.

    Those of most rows come first.
    """
    fields: dict[str, Counter[Difference]] = {}
    for one, rows in found.items():
        fields.setdefault(one.name, Counter())[one] = len(set(rows))
    return sorted(fields.items(), key=lambda field: (-field[1].total(), field[0]))


MOST_USERS = 3
"""New users shown side by side; `importer show` shows those of any row."""


@dataclass(frozen=True, slots=True)
class NewUsers:
    """Some rows and, by path and name of the field, the value of each row; "" if it has none."""

    rows: tuple[int, ...]
    fields: tuple[tuple[str, str, tuple[str, ...]], ...]


def new_users(records: Iterable[tuple[int, User]], *, show_values: bool) -> NewUsers:
    """Return records side by side, fields in the record's order, masked unless `show_values`."""
    users = dict(records)
    found: dict[str, dict[int, list[str]]] = {}
    for row, user in users.items():
        for path, text in fields_of(user):
            value = shown(path, text, show_values=show_values)
            found.setdefault(path, {}).setdefault(row, []).append(value)
    return NewUsers(
        tuple(users),
        tuple(
            (path, field_name(path), tuple(" · ".join(by_row.get(row, ())) for row in users))
            for path, by_row in found.items()
        ),
    )
