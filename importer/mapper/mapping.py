"""A mapping as it was read: its rules, its lookups, and where each key is written."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from dataclasses import field as default  # a rule's `field` is another thing
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from importer.mapper.conditions import Condition, Subject, Test
from importer.mapper.key_path import KeyPath
from importer.mapper.keys import Rule
from importer.mapper.lookups import LookupKey, Tables
from importer.mapper.placeholders import (
    DOLLAR,
    TO_CHOOSE,
    Cell,
    Template,
    Variable,
    heading_key,
)
from importer.mapper.possible_codes import Codes, codes_of, value_path
from importer.mapper.schema import EntryPart, KeepHeaviest, MappingFile, RosterPart
from importer.mapper.whole_names import PARTS
from importer.mapper.yaml_source import YamlSource
from importer.model.candidates import Removal
from importer.model.fields import (
    ALWAYS_REQUIRED,
    FIELDS,
    LISTS,
    PATRON_ROLE,
    TYPE_FIELD,
    Field,
    OnUpdate,
    Shape,
)
from importer.model.plan import Duplicates
from importer.model.problem import Code
from importer.model.roster import Layout
from importer.model.user import Facts

CREATE_ONLY = frozenset({"password", "force_password_change", "pin_number"})
"""Fields that are set only when the user is created, unless the mapping sets `on_update`."""

TYPED_TWICE = {
    "password": Code.BAD_PASSWORD,
    "pin_number": Code.BAD_PIN,
    "contact_info.email.email_address": Code.BAD_EMAIL,
}
"""Fields that people type twice, and the code of what is wrong with them."""

_NEVER_DROPPED = frozenset({"primary_id", "user_identifier.value", "external_id", "password"})


@dataclass(frozen=True)
class MappedField:
    """A field with its rule, at `at`. `values`: the rules under `values:`, by name with `$`."""

    field: Field
    rule: Rule
    at: KeyPath
    always_required: bool = False
    values: Mapping[str, Rule] = default(default_factory=dict)

    # --- its own keys ---

    @property
    def policies(self) -> dict[str, object]:
        """The keys about its value, as the mapping writes them or as they are by themselves."""
        override, bad = bool(self.rule.override), self.rule.bad or "reject"
        own = {"required": self.required, "bad": bad, "on_update": self.on_update}
        return {**own, "override": override}

    @property
    def required(self) -> str:
        """Whether a blank rejects the row ("true"), is a warning ("warn"), or is accepted."""
        return "true" if self.always_required else self.rule.required or "false"

    @property
    def needed(self) -> bool:
        """Whether every row needs its value as it is, so that it is never left out."""
        return self.required == "true" or self.field.path in _NEVER_DROPPED

    @property
    def on_update(self) -> OnUpdate:
        """What happens to the field of a known user; secrets are set only for a new one."""
        usual = OnUpdate.NEVER if self.field.path in CREATE_ONLY else OnUpdate.REPLACE
        return self.rule.on_update or usual

    @property
    def passes_lines(self) -> bool:
        """Whether it is a named value that passes on the line breaks of its cells."""
        return self.field.parent == DOLLAR and self.rule.keeps_lines

    # --- what it takes ---

    @property
    def nested(self) -> Iterator[tuple[KeyPath, Rule]]:
        """The rule and those inside it, each with the path to it."""
        return self.rule.nested(self.at)

    @property
    def nested_and_lone_values(self) -> Iterator[tuple[KeyPath, Rule]]:
        """`nested`, and for those that are no more than a `<$value>` those of the value."""
        yield from self.nested
        lone = (t.lone_value for _, rule in self.nested for t in rule.templates)
        for name in dict.fromkeys(lone):
            if name in self.values:
                yield from self.values[name].nested(value_path(name))

    @property
    def _nested_through_values(self) -> Iterator[Rule]:
        """The rule, those inside it, and those of the values that it takes, also through others."""
        whole, named = [self.rule], set[str]()
        for outer in whole:  # each value once, however often others take it
            rules = [rule for _, rule in outer.nested()]
            yield from rules
            variables = (v.name for rule in rules for t in rule.templates for v in t.variables)
            new = [name for name in dict.fromkeys(variables) if name in self.values.keys() - named]
            named.update(new)
            whole += map(self.values.__getitem__, new)

    @property
    def templates(self) -> Iterator[Template]:
        """The templates of the rule, those inside it, and of the values that it takes."""
        return (template for rule in self._nested_through_values for template in rule.templates)

    @cached_property
    def cells(self) -> tuple[str, ...]:
        """The headings whose cells may become the value, also by default; each once, in order."""
        return tuple(dict.fromkeys(cell.heading for t in self.templates for cell in t.cells))

    @cached_property
    def headings(self) -> tuple[str, ...]:
        """Those of `cells`, then those that only decide what the value is."""
        consulted = (key.heading for key in self.rule.consulted if isinstance(key, Cell))
        return tuple(dict.fromkeys((*self.cells, *consulted)))

    @property
    def compared(self) -> tuple[str, ...]:
        """The headings whose cells must agree with it."""
        return tuple(cell.heading for rule in self._nested_through_values for cell in rule.compared)

    @property
    def takes(self) -> tuple[str, ...]:
        """The fields of the record that it takes by `<@…>`."""
        names = (part.name for t in self.templates for part in t.variables if not part.of_run)
        return tuple(name for name in names if not name.startswith(DOLLAR))

    @property
    def needs(self) -> frozenset[str]:
        """The fields and the values (with their `$`) that it takes itself, or that decide it."""
        taken = (v for _, rule in self.nested for t in rule.templates for v in t.variables)
        consulted = (key for key in self.rule.consulted if isinstance(key, Variable))
        return frozenset(variable.name for variable in (*taken, *consulted) if not variable.of_run)

    @property
    def run_variables(self) -> set[str]:
        """The run variables that it contains."""
        return {v.name for t in self.templates for v in t.variables if v.of_run}

    # --- what it gives ---

    def codes(self, tables: Tables) -> Codes:
        """Return the codes that it can give any row, with their places; None is a cell's text."""
        return codes_of(self.rule, self.at, tables, {**self.values})

    def mapped_codes(self, tables: Tables) -> dict[str, KeyPath]:
        """Return the codes of a field of codes that are no cell's, each with its first place."""
        places: dict[str, KeyPath] = {}
        for text, where in self.codes(tables) if self.field.shape is Shape.CODE else ():
            for code in self.field.codes(text) if text else ():
                places.setdefault(code, where)
        return {code: where for code, where in places.items() if code not in {"", TO_CHOOSE}}

    def takes_cells(self, tables: Tables) -> bool:
        """Return whether a cell's text can become the value without a lookup, or through one."""
        return any(text is None for text, _ in self.codes(tables))


EXTERNAL_SYSTEM = "external_id"
"""The field that `owning_system` fills (contract 1.2)."""


@dataclass(frozen=True, slots=True)
class MappedEntry:
    """One entry of a list as the mapping writes it, at `at`."""

    parent: str
    position: int
    fields: tuple[MappedField, ...]
    part: EntryPart
    at: KeyPath

    @property
    def removal(self) -> Removal | None:
        """What it removes from Alma's list, in place of adding an entry."""
        if (part := self.part.remove) is None:
            return None
        kind = getattr(part, TYPE_FIELD[self.parent], None) or ""
        return Removal(self.parent, kind, part.matches or "")

    @property
    def tested(self) -> tuple[Subject, ...]:
        """The cells and variables that only decide which rows have it."""
        tests = self.part.when.every_test if self.part.when is not None else ()
        return tuple(subject for _, subject, _ in tests)


def _field_rules(
    part: BaseModel,
    fields: Mapping[str, Field],
    at: KeyPath,
    values: Mapping[str, Rule],
    needed: Collection[str] = (),
) -> tuple[MappedField, ...]:
    return tuple(
        MappedField(fields[name], rule, (*at, name), name in needed, values)
        for name, rule in part
        if isinstance(rule, Rule)
    )


def _names(name: str, rule: Rule) -> list[str]:
    """Return the names of a value: one, or that of each part of a whole name."""
    return [name] if rule.read is None else [f"{name}.{part}" for part in PARTS]


@dataclass(frozen=True)
class MappingDocument:
    """A mapping that has been read.

    `sha256` is over the file and its lookup files: equal if nothing changed. `source` knows the
    line of every key. `content`: its YAML, if it has no file. `start` leads to the record.
    """

    path: Path
    file: MappingFile
    source: YamlSource
    sha256: str = ""
    tables: Tables = default(default_factory=dict)
    content: bytes | None = None
    start: KeyPath = ("record",)

    @property
    def meaning(self) -> str:
        """The SHA-256 of all values and lookups: equal where only comments or layout changed."""
        tables = [[str(key), *table.as_list] for key, table in self.tables.items()]
        return hashlib.sha256(json.dumps([self.source.values, tables]).encode()).hexdigest()

    @cached_property
    def _named(self) -> dict[str, Rule]:
        return {
            name: rule
            for value, rule in self.file.values.items()
            for name in _names(f"{DOLLAR}{value}", rule)
        }

    @cached_property
    def values(self) -> tuple[MappedField, ...]:
        """The rules of `values:`, as fields of no record."""
        rules = []
        for name, rule in self._named.items():
            dated = any(inner.of_dates for _, inner in rule.nested())
            shape = Shape.DATE if dated else Shape.TEXT
            pseudo = Field(name, DOLLAR, name, shape, Facts(0))
            rules.append(MappedField(pseudo, rule, value_path(name), values=self._named))
        return tuple(rules)

    @cached_property
    def scalars(self) -> tuple[MappedField, ...]:
        """The rules of the record's own fields, of `owning_system` and of `patron_role`.

        A mapping that creates nobody may lack what only a new user needs. `required: warn` accepts
        people with one name.
        """
        file, values = self.file, self._named
        needed = {*ALWAYS_REQUIRED} if file.match.creates and self.start == ("record",) else set()
        first = getattr(file.record, "first_name", None)
        one_name = first is not None and first.required == "warn"
        needed -= {"first_name"} if one_name else set()
        rules = _field_rules(file.record, FIELDS, self.start, values, needed)
        if (owner := file.owning_system) is not None:
            field, at = FIELDS[EXTERNAL_SYSTEM], ("owning_system",)
            rules += (MappedField(field, owner, at, always_required=True, values=values),)
        if file.patron_role is not None:
            path = (*self.start[:-1], "patron_role")
            rules += _field_rules(file.patron_role, PATRON_ROLE, path, values)
        return rules

    @cached_property
    def entries(self) -> tuple[MappedEntry, ...]:
        """The entries of every list of the record, in the mapping's order within each list."""
        return tuple(entry for entry in self.every_entry if entry.removal is None)

    @property
    def removals(self) -> tuple[MappedEntry, ...]:
        """The items by which entries of known users go."""
        return tuple(entry for entry in self.every_entry if entry.removal is not None)

    @cached_property
    def every_entry(self) -> tuple[MappedEntry, ...]:
        """The entries and the removals, in the mapping's order within each list."""
        entries = []
        for parent in LISTS:
            part: Any = self.file.record
            for name in parent.split("."):
                part = getattr(part, name, None)
            fields = {f.name: f for f in FIELDS.values() if f.parent == parent}
            for position, entry in enumerate(part or ()):
                at = (*self.start, *parent.split("."), position)
                rules = _field_rules(entry, fields, at, self._named)
                entries.append(MappedEntry(parent, position, rules, entry, at))
        return tuple(entries)

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
        other = None if lookup.otherwise is None else int(lookup.otherwise)
        rest = part.model_dump(exclude={"same_id"})
        return Duplicates(same_id="keep heaviest", weights=weights, other_weight=other, **rest)

    @property
    def match_keys(self) -> set[str | None]:
        """By what the mapped IDs can find users; None stands for a type that the roster gives."""
        primary = {mapped.field.path for mapped in self.scalars} & {"primary_id"}
        types = (mapped for mapped in self.fields if mapped.field.path == "user_identifier.id_type")
        return {*primary, *(mapped.rule.constant for mapped in types)}

    @cached_property
    def leaving(self) -> MappingDocument | None:
        """What users get who leave, as a mapping without a roster; None if they get nothing.

        Of `values:` it has those that it needs: others may take cells, which they do not have.
        """
        name, part = self.file.match.leaving or ("", None)
        if part is None or part.record is None:
            return None
        change = {"roster": RosterPart(), "record": part.record, "owning_system": None}
        file = self.file.model_copy(update=change | {"patron_role": part.patron_role})
        leaving = replace(self, file=file, start=("match", name, "set"))
        named = {mapped.field.path: mapped for mapped in leaving.values}
        rules = [*leaving.fields]
        for mapped in rules:
            rules += [named.pop(name) for name in mapped.needs & named.keys()]
        kept = {mapped.at[-1] for mapped in rules if mapped.field.parent == DOLLAR}
        values = {name: rule for name, rule in file.values.items() if name in kept}
        return replace(leaving, file=file.model_copy(update={"values": values}))

    @property
    def with_leaving(self) -> tuple[MappingDocument, ...]:
        """Itself and, as another mapping, what it sets for users who leave."""
        return (self,) if self.leaving is None else (self, self.leaving)

    @property
    def needed_by_new_users(self) -> frozenset[str]:
        """Fields whose blank cells reject new users only; `required: true` rejects all."""
        return frozenset(
            mapped.field.path
            for mapped in self.scalars
            if mapped.always_required and replace(mapped, always_required=False).required != "true"
        )

    @property
    def from_alma(self) -> bool:
        """Whether its rows are users of Alma, under the headings of `model.fields.cells_of`."""
        return self.file.roster.source == "alma"

    @property
    def maps_password(self) -> bool:
        """Whether it sets passwords, which are read from the roster again when they are sent."""
        return any(mapped.field.path == "password" for mapped in self.scalars)

    @cached_property
    def fields(self) -> tuple[MappedField, ...]:
        """Every mapped field: those of the record itself, then those of the entries."""
        return (*self.scalars, *(mapped for entry in self.entries for mapped in entry.fields))

    @property
    def nested_rules(self) -> Iterator[tuple[MappedField, KeyPath, Rule]]:
        """Every rule, its cases and defaults, also of `values`, with the path to it."""
        for mapped in (*self.values, *self.fields):
            for at, rule in mapped.nested:
                yield mapped, at, rule

    @property
    def constants(self) -> Iterator[tuple[MappedField, KeyPath, str]]:
        """Every constant of a field that takes free text, with the path to its rule."""
        for mapped, at, rule in self.nested_rules:
            for template in rule.templates:
                if template.constant is not None and mapped.field.shape is Shape.TEXT:
                    yield mapped, at, template.constant

    @property
    def open_codes(self) -> Iterator[tuple[KeyPath, str]]:
        """The path to every constant that a person still has to choose, and what to do."""
        for mapped, at, rule in self.nested_rules:
            if any(template.constant == TO_CHOOSE for template in rule.templates):
                yield at, to_choose(mapped.field)

    @property
    def tests(self) -> Iterator[tuple[KeyPath, Subject, Test]]:
        """Every test of a condition, those of the rows first, with the path to its key."""
        skips = enumerate(self.file.roster.skip)
        conditions: list[tuple[KeyPath, Condition]] = [(("roster", "only"), self.file.roster.only)]
        conditions += [(("roster", "skip", at, "when"), skip.when) for at, skip in skips]
        having = [(entry.at, entry.part.when) for entry in self.entries]
        having += [(path, rule.when) for _, path, rule in self.nested_rules]
        conditions += [((*path, "when"), when) for path, when in having if when is not None]
        for path, condition in conditions:
            yield from (((*path, name), of, test) for name, of, test in condition.every_test)

    @property
    def lookups(self) -> Iterator[tuple[KeyPath, LookupKey]]:
        """Every use of a lookup, with the path to it."""
        for _, at, rule in self.nested_rules:
            if rule.lookup is not None:
                yield (*at, "lookup"), rule.lookup
        if isinstance(same_id := self.file.duplicates.same_id, KeepHeaviest):
            yield ("duplicates", "same_id", "keep heaviest"), same_id.weights
        for at, _, test in self.tests:
            yield from (((*at, "in"), file) for file in test.files)

    @cached_property
    def headings(self) -> tuple[str, ...]:
        """Every heading that a rule uses, as the mapping writes it; each once, in order."""
        headings = [
            heading for mapped in (*self.fields, *self.values) for heading in mapped.headings
        ]
        tested = (subject.heading for _, subject, _ in self.tests if isinstance(subject, Cell))
        return tuple(dict.fromkeys((*headings, *tested)))

    def name_of(self, heading: str) -> str:
        """Return the name that `headings:` gives to a heading of the roster, else the heading."""
        key, names = heading_key(heading), self.file.headings.items()
        return next((name for name, more in names if key in map(heading_key, more)), heading)

    def layout(self) -> Layout:
        """Return what the loader needs to know. `expected` has every heading in all spellings."""
        roster = self.file.roster
        other = (name for names in self.file.headings.values() for name in names)
        expected = frozenset((*self.headings, *other))
        more = len(expected) - len(self.headings)
        return Layout(roster.sheet or "", roster.encoding, roster.header, expected, more)


def label(mapping: MappingDocument, mapped: MappedField) -> str:
    """Return the path of a field, in an entry with its type if that is a constant."""
    entry = next((entry for entry in mapping.entries if mapped in entry.fields), None)
    return entry_label(entry, mapped.field.name) if entry else mapped.field.path


def entry_label(entry: MappedEntry, name: str) -> str:
    """Return the path of a field of an entry, with the entry's type or its position."""
    kinds = (mapped.rule.constant for mapped in entry.fields if mapped.field.name.endswith("_type"))
    return f"{entry.parent}[{next(filter(None, kinds), entry.position)}].{name}"


def to_choose(field: Field) -> str:
    """Return what a person writes for a field, or in its lookup, where a mapping has `?`."""
    if field.shape is Shape.DATE:
        return f"write the date, such as 2099-12-31, instead of `{TO_CHOOSE}`"
    listed = f"; `importer codes show {field.facts.table}` lists the codes"
    return f"write Alma's code instead of `{TO_CHOOSE}`{listed if field.facts.table else ''}"
