"""A plan's differences, gathered: rows that change in the same way stand on one line."""

from __future__ import annotations

from dataclasses import dataclass, field

from importer.model.plan import Change, ChangeKind
from importer.report.masking import shown
from importer.report.sentences import field_name, part_name
from importer.report.wording import number, row_numbers, rows

MOST_LINES = 200
"""Longer lists are cut, and the page says how much is left."""


@dataclass(frozen=True, slots=True)
class Difference:
    """What Alma has and what it will have, and the rows for which that is so."""

    part: str
    field: str
    path: str
    old: str
    new: str
    count: str
    rows: str


@dataclass(frozen=True, slots=True)
class Differences:
    """The differences of one kind, those of the most rows first, and how many are left out."""

    kind: ChangeKind
    total: str
    lines: tuple[Difference, ...]
    more: int

    @property
    def parts(self) -> frozenset[str]:
        """The parts of the record that are listed."""
        return frozenset(line.part for line in self.lines)


@dataclass(slots=True)
class Changes:
    """Gathers the changes of rows as they come; `told` gives them, removals first."""

    show_values: bool
    found: dict[tuple[ChangeKind, str, str, str], list[int]] = field(default_factory=dict)

    def add(self, row: int, changes: tuple[Change, ...]) -> None:
        """Take in what changes for one row."""
        for change in changes:
            old, new = (
                shown(change.path, text, show_values=self.show_values)
                for text in (change.old, change.new)
            )
            found = self.found.setdefault((change.kind, change.path, old, new), [])
            if not found or found[-1] != row:
                found.append(row)

    def told(self) -> tuple[Differences, ...]:
        """The differences by kind; kinds without any are left out."""
        return tuple(told for kind in ChangeKind if (told := self._of(kind)).lines)

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
