"""Draft users: the candidates row by row, with what a record needs of each."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

from importer.model.candidates import Candidates, FieldColumn, ListEntry, RecordLayout
from importer.model.fields import FIELDS, TYPE_FIELD, OnUpdate
from importer.model.people import PersonKeys, person_keys
from importer.model.problem import Code, Origin, Problem, Severity
from importer.planner.entries import ONLY_ADDED

_REQUIRED: dict[str, tuple[str, ...]] = {
    parent: tuple(
        field.name for field in FIELDS.values() if field.parent == parent and field.facts.required
    )
    for parent in TYPE_FIELD
}
"""By list: the fields that an entry must have."""


@dataclass(frozen=True, slots=True)
class DraftEntry:
    """One entry of a list as a row gives it: text by field name, blanks included.

    `is_blank`: it lacks a required part, so the row has no such entry.
    """

    entry: ListEntry
    values: Mapping[str, str]
    targets: Mapping[str, FieldColumn]
    is_blank: bool

    @property
    def parent(self) -> str:
        """The path of the list."""
        return self.entry.parent

    @property
    def types(self) -> tuple[str, ...]:
        """The codes of the entry's types; an address, email or phone may have several."""
        name = TYPE_FIELD[self.entry.parent]
        held = self.values.get(name, "")
        return self.targets[name].field.codes(held) if held else ()

    @property
    def segment(self) -> str:
        """The segment that the mapping sets; blank if it sets none."""
        return self.values.get("segment_type", "").capitalize()

    @property
    def compared(self) -> DraftEntry | None:
        """The entry as every update of a known user compares it; None if none does.

        That is without its run variables, which alone are no reason for an update.
        """
        known, passing = self.for_known_users(), self.passing(())
        if known is None or not passing:
            return known
        if passing >= self.targets.keys():
            return None
        values = {name: text for name, text in known.values.items() if name not in passing}
        return replace(known, values=values)

    def passing(self, beside: Collection[str]) -> frozenset[str]:
        """Return the fields that have a run variable, or are of the columns `beside`.

        All fields if a required one or the type is among them, and in lists that are only added to,
        where another text is another entry.
        """
        columns = self.targets.items()
        names = {name for name, column in columns if column.run_dependent or column.label in beside}
        core = {*_REQUIRED[self.parent], TYPE_FIELD[self.parent]}
        is_whole = names & core or (names and self.parent in ONLY_ADDED)
        return frozenset(self.targets if is_whole else names)

    def for_known_users(self) -> DraftEntry | None:
        """Return the entry without the fields that only new users get; None if it is for them."""
        if self.entry.on_update is OnUpdate.NEVER:
            return None
        never = {n for n, target in self.targets.items() if target.on_update is OnUpdate.NEVER}
        values = {name: text for name, text in self.values.items() if name not in never}
        return replace(self, values=values)

    @property
    def override(self) -> bool:
        """Whether the mapping replaces the list even if Alma protects it."""
        return any(target.override for target in self.targets.values())


@dataclass(frozen=True, slots=True)
class DraftUser:
    """One row: its texts by label, "" for blanks.

    `not_applicable` are the labels that the mapping leaves out for this row (`when`); they are not
    in `values`, and their fields stay unchanged. `cells` are the row as it came, by position.
    `lacks` are the problems that hold the row only if Alma has no such user, such as that of a
    blank cell that only a new user needs.
    """

    row: int
    origin: Origin
    layout: RecordLayout
    values: Mapping[str, str]
    cells: tuple[str, ...]
    not_applicable: frozenset[str]
    lacks: tuple[Problem, ...]

    @property
    def key(self) -> str:
        """The ID by which answers about this row are remembered, without case."""
        return next((value.casefold() for _, value in self.every_identifier), "")

    @property
    def primary_id(self) -> str:
        """The row's primary identifier."""
        return self.values.get("primary_id", "")

    @property
    def every_identifier(self) -> tuple[tuple[str, str], ...]:
        """All identifiers of the row, as pairs of `primary_id` or a type's code, and a value."""
        primary = [("primary_id", self.primary_id)] if self.primary_id else []
        others = [
            (item.values["id_type"], item.values["value"])
            for item in self.entries("user_identifier")
        ]
        return (*primary, *others)

    @property
    def ids(self) -> frozenset[str]:
        """The values of all identifiers, without case."""
        return frozenset(value.casefold() for _, value in self.every_identifier)

    @property
    def name(self) -> tuple[str, str]:
        """First and last name."""
        return self.values.get("first_name", ""), self.values.get("last_name", "")

    @property
    def emails(self) -> tuple[str, ...]:
        """The email addresses, in the mapping's order."""
        return tuple(item.values["email_address"] for item in self.entries("contact_info.email"))

    @property
    def person(self) -> PersonKeys:
        """What the row's person is compared by."""
        places = [item.values for item in self.entries("contact_info.address")]
        return person_keys(
            *self.name,
            born=self.values.get("birth_date", ""),
            emails=self.emails,
            phones=[item.values["phone_number"] for item in self.entries("contact_info.phone")],
            addresses=[(place["line1"], place.get("postal_code", "")) for place in places],
        )

    def problem(
        self,
        code: Code,
        message: str,
        label: str = "",
        value: str = "",
        severity: Severity | None = None,
        advice: str = "",
    ) -> Problem:
        """Return a problem of the row, at the columns of a label."""
        places = self.layout.places(label)
        return Problem.of(
            code,
            self.origin,
            message,
            *places,
            field=label,
            value=value,
            severity=severity,
            advice=advice,
        )

    def without(self, labels: Collection[str]) -> DraftUser:
        """Return the row as if it did not have these labels: their fields stay unchanged."""
        if not labels:
            return self
        values = {label: text for label, text in self.values.items() if label not in labels}
        return replace(self, values=values, not_applicable=self.not_applicable | {*labels})

    def label_of(self, key: str) -> str:
        """Return the label of an ID of the row: `primary_id`, or an identifier by its type."""
        labels = (
            item.targets["value"].label
            for item in self.entries("user_identifier")
            if item.values["id_type"] == key and "value" in item.targets
        )
        return key if key == "primary_id" else next(labels, "")

    def entries(self, parent: str) -> tuple[DraftEntry, ...]:
        """Return the row's entries of a list that have every required part."""
        return tuple(entry for entry in self.every_entry(parent) if not entry.is_blank)

    def every_entry(self, parent: str) -> list[DraftEntry]:
        """Return the row's entries of a list, and those that are blank in it, as in `_columns`."""
        every, get, kind = [], self.values.get, TYPE_FIELD[parent]
        for entry, columns in _columns(self.layout, self.not_applicable).get(parent, ()):
            values = {name: get(column.label, "") for name, column in columns.items()}
            is_blank = not all(map(values.get, _REQUIRED[parent]))
            if is_blank and kind in columns:
                values[kind] = values[kind] or entry.constants.get(columns[kind].label, "")
            every.append(DraftEntry(entry, values, columns, is_blank))
        return every

    def sets_whole_list(self, parent: str) -> bool:
        """Return whether the row sets the whole list.

        Every entry of it has `on_update: replace_all` and applies to the row; if entries of one
        list have different rules, none of Alma's is removed.
        """
        entries = [entry for entry in self.layout.entries if entry.parent == parent]
        return bool(entries) and all(
            entry.on_update is OnUpdate.REPLACE_ALL
            and not any(
                label in self.not_applicable
                and self.layout.targets[label].field.name in _REQUIRED[parent]
                for label in entry.labels
            )
            for entry in entries
        )


@lru_cache(maxsize=1024)
def _columns(
    layout: RecordLayout, not_applicable: frozenset[str]
) -> Mapping[str, list[tuple[ListEntry, Mapping[str, FieldColumn]]]]:
    """Return the entries of each list, each with its columns that apply by field name.

    They are the same for many rows. In the mapping's order, but those that every update compares
    come first, and of these those that it applies, so that a later update finds what creating the
    user made.
    """

    def rank(pair: tuple[ListEntry, Mapping[str, FieldColumn]]) -> tuple[bool, bool]:
        entry, columns = pair
        compared = DraftEntry(entry, {}, columns, is_blank=False).compared
        return not compared, entry.on_update is OnUpdate.ADD

    lists: dict[str, list[tuple[ListEntry, Mapping[str, FieldColumn]]]] = {}
    for entry in layout.entries:
        columns = (layout.targets[label] for label in entry.labels if label not in not_applicable)
        by_name = {column.field.name: column for column in columns}
        lists.setdefault(entry.parent, []).append((entry, by_name))
    return {parent: sorted(pairs, key=rank) for parent, pairs in lists.items()}


def drafts(
    candidates: Candidates,
    rows: Collection[int],
    lacks: Mapping[int, tuple[Problem, ...]],
) -> Iterator[DraftUser]:
    """Return the draft users of these rows, in the roster's order; `lacks` by row."""
    labels = tuple(candidates.frame.columns)
    taken = candidates.frame[candidates.frame.index.isin(list(rows))]
    came = candidates.cells.loc[taken.index].itertuples(index=False, name=None)
    for (row, *texts), cells in zip(taken.itertuples(name=None), came, strict=True):
        not_applicable = frozenset(
            label for label, silent in candidates.not_applicable.items() if row in silent
        )
        values = dict(zip(labels, texts, strict=True))
        for label in not_applicable:
            values.pop(label, None)
        yield DraftUser(
            row,
            candidates.origin(row),
            candidates.layout,
            values,
            cells,
            not_applicable,
            lacks.get(row, ()),
        )
