"""Drafts: one row of the candidates at a time, as far as the record needs it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from importer.model.fields import FIELDS, TYPE_FIELD
from importer.model.policy import OnUpdate
from importer.planner.entries import ONLY_ADDED

if TYPE_CHECKING:
    from importer.model.candidates import Candidates, FieldColumn, ListEntry, RecordLayout
    from importer.model.problem import Origin

_REQUIRED: dict[str, tuple[str, ...]] = {
    parent: tuple(
        field.name for field in FIELDS.values() if field.parent == parent and field.facts.required
    )
    for parent in TYPE_FIELD
}
"""By list: the fields without which an entry is not an entry."""


@dataclass(frozen=True, slots=True)
class DraftEntry:
    """One entry of a list as a row has it: text by the field's own name, blanks too."""

    entry: ListEntry
    values: Mapping[str, str]
    targets: Mapping[str, FieldColumn]

    @property
    def parent(self) -> str:
        """The path of the list."""
        return self.entry.parent

    @property
    def type(self) -> str:
        """The code by which the entry is told from its neighbours; blank if it has none."""
        return self.values.get(TYPE_FIELD[self.entry.parent], "")

    @property
    def segment(self) -> str:
        """The segment that the mapping asks for; blank if it leaves that to us."""
        return self.values.get("segment_type", "").capitalize()

    def sets(self, flag: str) -> bool:
        """Whether the row sets a flag, such as `preferred`."""
        return self.values.get(flag) == "true"

    @property
    def steady(self) -> DraftEntry | None:
        """The entry without its run variables, which alone never make a row differ.

        None where nothing is left to compare: in lists that are only added to, where another text
        is another entry, and where a required part or the type changes with the run.
        """
        passing = {name for name, target in self.targets.items() if target.run_dependent}
        if not passing:
            return self
        core = {*_REQUIRED[self.parent], TYPE_FIELD[self.parent]}
        if self.parent in ONLY_ADDED or passing & core:
            return None
        values = {name: text for name, text in self.values.items() if name not in passing}
        return replace(self, values=values)

    @property
    def enforced(self) -> bool:
        """Whether every update sees to it, and not only the one that adds it."""
        return self.entry.on_update is not OnUpdate.ADD and self.steady is not None

    @property
    def for_known_users(self) -> bool:
        """Whether an update writes the entry; `on_update: never` is for new users only."""
        return self.entry.on_update is not OnUpdate.NEVER

    def without_create_only(self) -> DraftEntry:
        """Return the entry without the fields that are only given when the user is created."""
        never = {n for n, target in self.targets.items() if target.on_update is OnUpdate.NEVER}
        if not never:
            return self
        values = {name: text for name, text in self.values.items() if name not in never}
        return replace(self, values=values)

    @property
    def override(self) -> bool:
        """Whether the mapping replaces the list even where Alma protects it."""
        return any(target.override for target in self.targets.values())


@dataclass(frozen=True, slots=True)
class DraftUser:
    """One row: the texts that it gives, by label, "" where it is blank.

    `unspoken` are the labels of which the row does not speak; they are not in `values`.
    """

    row: int
    origin: Origin
    scheme: RecordLayout
    values: Mapping[str, str]
    unspoken: frozenset[str] = frozenset()

    @property
    def primary_id(self) -> str:
        """The row's primary identifier."""
        return self.values.get("primary_id", "")

    @property
    def every_identifier(self) -> tuple[tuple[str, str], ...]:
        """All identifiers of the row: `primary_id` or the type's code, and the value."""
        primary = [("primary_id", self.primary_id)] if self.primary_id else []
        others = [(item.type, item.values["value"]) for item in self.items("user_identifier")]
        return (*primary, *others)

    @property
    def identifiers(self) -> Mapping[str, str]:
        """By match key (`primary_id` or a type's code), the first value that the row has of it."""
        return dict(reversed(self.every_identifier))

    @property
    def name(self) -> tuple[str, str]:
        """First and last name."""
        return self.values.get("first_name", ""), self.values.get("last_name", "")

    @property
    def birth_date(self) -> str:
        """The birth date, ISO."""
        return self.values.get("birth_date", "")

    @property
    def emails(self) -> tuple[str, ...]:
        """The e-mail addresses, in the mapping's order."""
        return tuple(item.values["email_address"] for item in self.items("contact_info.email"))

    @property
    def user_group(self) -> str:
        """The code of the user group."""
        return self.values.get("user_group", "")

    def items(self, parent: str) -> tuple[DraftEntry, ...]:
        """The entries of a list that the row has: those with every required part.

        In the mapping's order, but those that every update sees to come first, so that where two
        entries contradict one another a later update does not undo what creating the user did.
        """
        there = (
            item
            for item in self._all_items(parent)
            if all(item.values.get(name) for name in _REQUIRED[parent])
        )
        return tuple(sorted(there, key=lambda item: not item.enforced))

    def owns(self, parent: str) -> bool:
        """Whether the row speaks for the whole list.

        Every entry of it says `on_update: replace_all`, and the row speaks of each of them; where
        entries of one list differ, none of Alma's is removed.
        """
        entries = [entry for entry in self.scheme.entries if entry.parent == parent]
        return bool(entries) and all(
            entry.on_update is OnUpdate.REPLACE_ALL and self._speaks(entry) for entry in entries
        )

    def _speaks(self, entry: ListEntry) -> bool:
        names = _REQUIRED[entry.parent]
        return not any(
            label in self.unspoken and self.scheme.targets[label].field.name in names
            for label in entry.labels
        )

    def _all_items(self, parent: str) -> Iterator[DraftEntry]:
        targets = self.scheme.targets
        for entry in self.scheme.entries:
            if entry.parent == parent:
                named = {
                    targets[label].field.name: label
                    for label in entry.labels
                    if label not in self.unspoken
                }
                yield DraftEntry(
                    entry,
                    {name: self.values.get(label, "") for name, label in named.items()},
                    {name: targets[label] for name, label in named.items()},
                )


def drafts(candidates: Candidates, rows: Collection[int]) -> Iterator[DraftUser]:
    """The drafts of some rows, in the roster's order; a row that is not there has none."""
    labels = tuple(candidates.frame.columns)
    taken = candidates.frame[candidates.frame.index.isin(list(rows))]
    for row, *cells in taken.itertuples(name=None):
        unspoken = frozenset(
            label for label, silent in candidates.not_applicable.items() if row in silent
        )
        values = dict(zip(labels, cells, strict=True))
        for label in unspoken:
            values.pop(label, None)
        yield DraftUser(row, candidates.origin(row), candidates.layout, values, unspoken)
