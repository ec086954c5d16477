"""A mapping as it was read: its rules, its lookups, and where each key is written."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from collections.abc import Mapping as MappingOf
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel

from importer.mapper.lookups import Lookup, LookupFile
from importer.mapper.placeholders import Template
from importer.mapper.schema import KeepHeaviest, MappingFile, Rule
from importer.mapper.yaml_source import Source, Steps
from importer.model.fields import ALWAYS_REQUIRED, FIELDS, LISTS, PATRON_ROLE, Field, OnUpdate
from importer.model.plan import Duplicates
from importer.model.roster import Layout

EXTERNAL_SYSTEM = "external_id"
"""The field that `owning_system` fills (contract 1.2)."""

CREATE_ONLY = frozenset({"password", "force_password_change", "pin_number"})
"""Fields that are set only when the user is created, unless the mapping sets `on_update`."""


@dataclass(frozen=True, slots=True)
class FieldRule:
    """A field and its rule. `steps` lead to it in the mapping file."""

    field: Field
    rule: Rule
    steps: Steps
    always_required: bool = False

    @property
    def required(self) -> Literal["true", "warn", "false"]:
        """Whether a blank rejects the row, is a warning, or is accepted."""
        return "true" if self.always_required else self.rule.required

    @property
    def on_update(self) -> OnUpdate:
        """What happens to the field of a known user."""
        usual = OnUpdate.NEVER if self.field.path in CREATE_ONLY else OnUpdate.REPLACE
        return self.rule.on_update or usual

    @property
    def templates(self) -> Iterator[Template]:
        """The templates of the rule and of its defaults."""
        return (template for rule in self.rule.chain for template in rule.templates)

    @property
    def cells(self) -> tuple[str, ...]:
        """The headings whose cells may become the value, also by default; each once, in order."""
        return tuple(dict.fromkeys(cell.heading for t in self.templates for cell in t.cells))

    @property
    def headings(self) -> tuple[str, ...]:
        """Those of `cells`, and those of its conditions."""
        conditions = (heading for rule in self.rule.chain for heading in rule.when)
        return tuple(dict.fromkeys((*self.cells, *conditions)))

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields of the record that it takes by `<@…>`."""
        return tuple(part.name for t in self.templates for part in t.variables if not part.of_run)

    @property
    def run_dependent(self) -> bool:
        """Whether it contains a run variable."""
        return any(variable.of_run for t in self.templates for variable in t.variables)

    @property
    def parts(self) -> Iterator[tuple[Steps, Rule]]:
        """The rule and the defaults behind it, each with the steps that lead to it."""
        for depth, rule in enumerate(self.rule.chain):
            yield (*self.steps, *("default",) * depth), rule


@dataclass(frozen=True, slots=True)
class EntryRules:
    """One entry of a list as the mapping writes it."""

    parent: str
    position: int
    fields: tuple[FieldRule, ...]
    on_update: OnUpdate
    steps: Steps

    @property
    def cells(self) -> tuple[str, ...]:
        """The headings behind it, each once, in order."""
        return tuple(dict.fromkeys(name for rule in self.fields for name in rule.cells))


def scalar_rules(file: MappingFile) -> tuple[FieldRule, ...]:
    """Return the rules of the record's own fields, of `owning_system` and of `patron_role`.

    A mapping that creates nobody may lack what only a new user needs.
    """
    needed = ALWAYS_REQUIRED if file.match.creates else ()
    rules = _field_rules(file.record, FIELDS, ("record",), needed)
    if (owner := file.owning_system) is not None:
        rules += (
            FieldRule(FIELDS[EXTERNAL_SYSTEM], owner, ("owning_system",), always_required=True),
        )
    if file.patron_role is not None:
        rules += _field_rules(file.patron_role, PATRON_ROLE, ("patron_role",))
    return rules


def entry_rules(record: BaseModel, start: Steps = ("record",)) -> tuple[EntryRules, ...]:
    """Return the entries of every list of a record, in the mapping's order within each list."""
    found = []
    for parent in LISTS:
        part: Any = record
        for name in parent.split("."):
            part = getattr(part, name, None)
        for position, entry in enumerate(part or ()):
            steps: Steps = (*start, *parent.split("."), position)
            fields = {f.name: f for f in FIELDS.values() if f.parent == parent}
            rules = _field_rules(entry, fields, steps)
            found.append(EntryRules(parent, position, rules, entry.on_update, steps))
    return tuple(found)


def _field_rules(
    part: BaseModel, fields: MappingOf[str, Field], steps: Steps, needed: Collection[str] = ()
) -> tuple[FieldRule, ...]:
    return tuple(
        FieldRule(fields[name], rule, (*steps, name), name in needed)
        for name, rule in part
        if isinstance(rule, Rule)
    )


Tables = MappingOf[str | LookupFile, Lookup]
"""Every lookup of the mapping that can be used, by its name or its file."""


@dataclass(frozen=True, slots=True)
class Mapping:
    """A mapping that has been read.

    `sha256` is over the file, the mappings it extends and its lookup files: equal if nothing
    changed. `source` knows the line of every key.
    """

    path: Path
    sha256: str
    file: MappingFile
    tables: Tables
    scalars: tuple[FieldRule, ...]
    entries: tuple[EntryRules, ...]
    source: Source

    @property
    def name(self) -> str:
        """Its short name; that of the file if it gives none."""
        return self.file.name or self.path.stem

    @property
    def title(self) -> str:
        """Its name for people."""
        return self.file.title or self.name

    @property
    def duplicates(self) -> Duplicates:
        """What happens to duplicates, with the groups' weights from their lookup."""
        part = self.file.duplicates
        if not isinstance(part.same_id, KeepHeaviest):
            return Duplicates.model_validate(part.model_dump())
        lookup = self.tables[part.same_id.weights]
        weights = {lookup.written[key]: int(code) for key, code in lookup.codes.items()}
        rest = part.model_dump(exclude={"same_id"})
        return Duplicates(same_id="keep heaviest", weights=weights, **rest)

    @property
    def absent(self) -> Mapping | None:
        """What `match.absent` sets, as a mapping without a roster; None if it sets nothing."""
        if self.file.match.absent is None:
            return None
        steps, record = ("match", "absent", "set"), self.file.match.absent.changes
        scalars = _field_rules(record, FIELDS, steps)
        return replace(self, scalars=scalars, entries=entry_rules(record, steps))

    @property
    def needed_by_new_users(self) -> frozenset[str]:
        """Fields whose blank cells reject new users only; `required: true` rejects all."""
        return frozenset(
            rule.field.path
            for rule in self.scalars
            if rule.always_required and rule.rule.required != "true"
        )

    @property
    def maps_password(self) -> bool:
        """Whether it sets passwords, which are read from the roster again when they are sent."""
        return any(rule.field.path == "password" for rule in self.scalars)

    @property
    def rules(self) -> tuple[FieldRule, ...]:
        """Every rule: of the record's own fields, then of the entries."""
        return (*self.scalars, *(rule for entry in self.entries for rule in entry.fields))

    @property
    def headings(self) -> tuple[str, ...]:
        """Every heading that a rule uses, as the mapping writes it; each once, in order."""
        found = (heading for rule in self.rules for heading in rule.headings)
        return tuple(dict.fromkeys((*found, *self.file.roster.only)))

    def layout(self) -> Layout:
        """Return what the loader needs to know. `expected` has every heading in all spellings."""
        roster = self.file.roster
        other = (name for names in self.file.headings.values() for name in names)
        single = (heading for heading in self.headings if "*" not in heading)
        expected = frozenset((*single, *other))
        return Layout(roster.sheet or "", roster.encoding, roster.header, expected)
