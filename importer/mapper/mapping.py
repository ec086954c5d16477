"""A mapping as it was read: its rules, its lookups, and where each key is written."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from dataclasses import field as default  # a rule's `field` is another thing
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel

from importer.mapper.conditions import Condition
from importer.mapper.lookups import OTHERWISE, KeyFile, Lookup
from importer.mapper.placeholders import TO_CHOOSE, VALUE, Cell, Template, Variable
from importer.mapper.schema import (
    EntryPart,
    KeepHeaviest,
    MappingFile,
    PlusBy,
    RosterPart,
    Rule,
)
from importer.mapper.transforms import transform
from importer.mapper.yaml_source import Source, Steps
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
from importer.model.roster import Layout
from importer.model.user import Facts

EXTERNAL_SYSTEM = "external_id"
"""The field that `owning_system` fills (contract 1.2)."""

CREATE_ONLY = frozenset({"password", "force_password_change", "pin_number"})
"""Fields that are set only when the user is created, unless the mapping sets `on_update`."""


@dataclass(frozen=True, slots=True)
class FieldRule:
    """A field and its rule. `steps` lead to it in the mapping file.

    `values` are the rules under `values:` of the mapping, by name with its `$`.
    """

    field: Field
    rule: Rule
    steps: Steps
    always_required: bool = False
    values: Mapping[str, Rule] = default(default_factory=dict)

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
    def parts(self) -> Iterator[tuple[Steps, Rule]]:
        """The rule, its cases and defaults, each with the steps that lead to it."""
        return self.rule.parts(self.steps)

    @property
    def giving_parts(self) -> Iterator[tuple[Steps, Rule]]:
        """`parts`, and for those that are no more than a `<$value>` those of the value."""
        yield from self.parts
        for name in _named(self.rule, self.values):
            if any(t.lone_value == name for _, part in self.parts for t in part.templates):
                yield from self.values[name].parts(("values", name.removeprefix(VALUE)))

    @property
    def templates(self) -> Iterator[Template]:
        """The templates of the rule, its cases, its defaults, and of the values that it takes."""
        return (t for rule in self._rules for _, part in rule.parts() for t in part.templates)

    @property
    def _rules(self) -> tuple[Rule, ...]:
        """The rule, and those of the values that it takes."""
        return (self.rule, *(self.values[name] for name in _named(self.rule, self.values)))

    @property
    def cells(self) -> tuple[str, ...]:
        """The headings whose cells may become the value, also by default; each once, in order."""
        return tuple(dict.fromkeys(cell.heading for t in self.templates for cell in t.cells))

    @property
    def headings(self) -> tuple[str, ...]:
        """Those of `cells`, then those that only decide what the value is."""
        deciding = (key.heading for key in _deciding(self.rule) if isinstance(key, Cell))
        return tuple(dict.fromkeys((*self.cells, *deciding)))

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields of the record that it takes by `<@…>`."""
        names = (part.name for t in self.templates for part in t.variables if not part.of_run)
        return tuple(name for name in names if not name.startswith(VALUE))

    def as_text(self, tables: Tables) -> str:
        """Return the rule with its values and lookups; equal only where nothing was changed."""
        parts = [part for rule in self._rules for _, part in rule.parts()]
        lookups = [part.lookup for part in parts if part.lookup is not None]
        lookups += [part.plus.lookup for part in parts if isinstance(part.plus, PlusBy)]
        return f"{self._rules!r} {[tables.get(name) for name in lookups]!r}"

    @property
    def needs(self) -> frozenset[str]:
        """The fields and the values (with their `$`) that it takes itself, or that decide it."""
        templates = (t for _, part in self.parts for t in part.templates)
        taken = (part for t in templates for part in t.variables)
        deciding = (key for key in _deciding(self.rule) if isinstance(key, Variable))
        return frozenset(part.name for part in (*taken, *deciding) if not part.of_run)

    @property
    def run_dependent(self) -> bool:
        """Whether it contains a run variable."""
        return any(variable.of_run for t in self.templates for variable in t.variables)

    def mapped_codes(self, tables: Tables) -> dict[str, Steps]:
        """Return the codes that it can give without taking them from a cell, with their places.

        The rule, its alternatives and its defaults count, whether their `when` holds or not. A
        code in several places has the first of them. Only fields of codes give any.
        """
        found: dict[str, Steps] = {}
        for steps, part in self.giving_parts if self.field.shape is Shape.CODE else ():
            for text, where in _codes(part, steps, tables):
                for code in self.field.codes(text):
                    found.setdefault(code, where)
        return {code: where for code, where in found.items() if code not in {"", TO_CHOOSE}}

    def blank_codes(self, tables: Tables) -> Iterator[Steps]:
        """Yield the steps to every blank code of its lookups that no default fills."""
        for steps, part in self.giving_parts if self.rule.default is None else ():
            if part.lookup is not None and part.default is None:
                yield from (where for code, where in _codes(part, steps, tables) if not code)

    def takes_cells(self, tables: Tables) -> bool:
        """Return whether a cell's text can become the value without a lookup, or through one."""
        return any(
            any(template.cells for template in part.templates)
            and (part.lookup is None or (table := tables.get(part.lookup)) is None or table.passes)
            for _, part in self.giving_parts
        )


def _codes(part: Rule, steps: Steps, tables: Tables) -> Iterator[tuple[str, Steps]]:
    """The constants; or the lookup's codes, each at its key or where the lookup's file is named."""
    if part.lookup is None:
        for template in part.templates:
            text = template.constant or ""
            for step in part.clean:
                text = transform(step)(text, "")[0] if text else ""
            yield text, steps
    elif (table := tables.get(part.lookup)) is not None:
        keys = {table.written[key]: code for key, code in table.codes.items()}
        if table.otherwise is not None and not table.passes:
            keys[OTHERWISE] = table.otherwise
        for key, code in keys.items():
            named = isinstance(part.lookup, str)
            yield code, ("lookups", str(part.lookup), key) if named else (*steps, "lookup")


def _named(rule: Rule, values: Mapping[str, Rule]) -> tuple[str, ...]:
    """The values that a rule takes, and those that these take, each once."""
    found: dict[str, None] = {}
    rules = [rule]
    while rules:
        templates = [t for _, part in rules.pop().parts() for t in part.templates]
        for name in (variable.name for t in templates for variable in t.variables):
            if name in values and name not in found:
                found[name] = None
                rules.append(values[name])
    return tuple(found)


def _deciding(rule: Rule) -> Iterator[Cell | Variable]:
    """Yield the cells and variables of a rule's conditions, and those by which `plus` is found."""
    for _, part in rule.parts():
        yield from (key for _, key, _ in part.when.every_test)
        if isinstance(part.plus, PlusBy):
            yield from part.plus.by.cells
            yield from part.plus.by.variables


@dataclass(frozen=True, slots=True)
class EntryRules:
    """One entry of a list as the mapping writes it.

    `when`: the rows that may have it. `placeholder`: these have it even if its cells are blank.
    """

    parent: str
    position: int
    fields: tuple[FieldRule, ...]
    part: EntryPart
    steps: Steps

    @property
    def cells(self) -> tuple[str, ...]:
        """The headings behind it, each once, in order."""
        return tuple(dict.fromkeys(name for rule in self.fields for name in rule.cells))


def _field_rules(
    part: BaseModel,
    fields: Mapping[str, Field],
    steps: Steps,
    values: Mapping[str, Rule],
    needed: Collection[str] = (),
) -> tuple[FieldRule, ...]:
    return tuple(
        FieldRule(fields[name], rule, (*steps, name), name in needed, values)
        for name, rule in part
        if isinstance(rule, Rule)
    )


Tables = Mapping[str | KeyFile, Lookup]
"""Every lookup of the mapping that can be used, by its name or its file."""


_ABSENT: Steps = ("match", "absent", "set")


@dataclass(frozen=True)
class MappingDocument:
    """A mapping that has been read.

    `sha256` is over the file, the mappings it extends and its lookup files: equal if nothing
    changed. `source` knows the line of every key. `changes`: what it sets for users who are missing
    from the roster, if it is about these; see `absent`.
    """

    path: Path
    file: MappingFile
    source: Source
    sha256: str = ""
    tables: Tables = default(default_factory=dict)
    changes: BaseModel | None = None

    @cached_property
    def _named(self) -> dict[str, Rule]:
        return {f"{VALUE}{name}": rule for name, rule in self.file.values.items()}

    @cached_property
    def values(self) -> tuple[FieldRule, ...]:
        """The rules of `values:`, as fields of no record; for missing users, those they need."""
        found = {}
        for name, rule in self._named.items():
            shape = Shape.DATE if rule.dates or rule.plus else Shape.TEXT
            pseudo = Field(name, VALUE, name, shape, Facts(0))
            found[name] = FieldRule(pseudo, rule, ("values", name[1:]), values=self._named)
        if self.changes is None:
            return tuple(found.values())
        needed: set[str] = set()
        rules = [*self.rules]
        while rules:
            new = (rules.pop().needs & found.keys()) - needed
            needed |= new
            rules += (found[name] for name in new)
        return tuple(rule for name, rule in found.items() if name in needed)

    @cached_property
    def scalars(self) -> tuple[FieldRule, ...]:
        """The rules of the record's own fields, of `owning_system` and of `patron_role`.

        A mapping that creates nobody may lack what only a new user needs. `required: warn` accepts
        people with one name.
        """
        if self.changes is not None:
            return _field_rules(self.changes, FIELDS, _ABSENT, self._named)
        file, values = self.file, self._named
        needed = {*ALWAYS_REQUIRED} if file.match.creates else set()
        first_name = getattr(file.record, "first_name", None)
        if first_name is not None and first_name.required == "warn":
            needed.discard("first_name")
        rules = _field_rules(file.record, FIELDS, ("record",), values, needed)
        if (owner := file.owning_system) is not None:
            field, steps = FIELDS[EXTERNAL_SYSTEM], ("owning_system",)
            rules += (FieldRule(field, owner, steps, always_required=True, values=values),)
        if file.patron_role is not None:
            rules += _field_rules(file.patron_role, PATRON_ROLE, ("patron_role",), values)
        return rules

    @cached_property
    def entries(self) -> tuple[EntryRules, ...]:
        """The entries of every list of the record, in the mapping's order within each list."""
        found = []
        for parent, position, steps, entry in self._every_entry():
            if entry.remove is None:
                fields = {f.name: f for f in FIELDS.values() if f.parent == parent}
                rules = _field_rules(entry, fields, steps, self._named)
                found.append(EntryRules(parent, position, rules, entry, steps))
        return tuple(found)

    def _every_entry(self) -> Iterator[tuple[str, int, Steps, EntryPart]]:
        """Yield the entries of every list, each with the list's path, its position and steps."""
        start = ("record",) if self.changes is None else _ABSENT
        for parent in LISTS:
            part: Any = self.changes or self.file.record
            for name in parent.split("."):
                part = getattr(part, name, None)
            for position, entry in enumerate(part or ()):
                yield parent, position, (*start, *parent.split("."), position), entry

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
    def match_keys(self) -> set[str | None]:
        """By what the mapped IDs can find users; None stands for a type that the roster gives."""
        mapped = {rule.field.path for rule in self.scalars} & {"primary_id"}
        types = (rule for rule in self.rules if rule.field.path == "user_identifier.id_type")
        return {*mapped, *(rule.rule.constant for rule in types)}

    @property
    def removals(self) -> Iterator[tuple[Steps, EntryPart, Removal]]:
        """What goes from the lists of known users, with the steps that lead to the entry."""
        for parent, _, steps, entry in self._every_entry():
            if (part := entry.remove) is not None:
                kind = getattr(part, TYPE_FIELD[parent], None) or ""
                yield steps, entry, Removal(parent, kind, part.matches or "")

    @property
    def absent(self) -> MappingDocument | None:
        """What `match.absent` sets, as a mapping without a roster; None if it sets nothing."""
        if self.file.match.absent is None:
            return None
        file = self.file.model_copy(update={"roster": RosterPart()})
        return replace(self, file=file, changes=self.file.match.absent.changes)

    @property
    def with_absent(self) -> tuple[MappingDocument, ...]:
        """Itself and, as another mapping, what it sets for users missing from the roster."""
        return (self,) if self.absent is None else (self, self.absent)

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
        """Every rule of a field: of the record's own fields, then of the entries."""
        return (*self.scalars, *(rule for entry in self.entries for rule in entry.fields))

    @property
    def parts(self) -> Iterator[tuple[FieldRule, Steps, Rule]]:
        """Every rule, its cases and defaults, also of `values`, with the steps that lead to it."""
        for rule in (*self.values, *self.rules):
            for steps, part in rule.parts:
                yield rule, steps, part

    @property
    def constants(self) -> Iterator[tuple[FieldRule, Steps, str]]:
        """Every constant of a field that takes free text, with the steps that lead to its rule."""
        for rule, steps, part in self.parts:
            for template in part.templates:
                if template.constant is not None and rule.field.shape is Shape.TEXT:
                    yield rule, steps, template.constant

    @property
    def open_codes(self) -> Iterator[tuple[Steps, str]]:
        """The steps to every constant that a person still has to choose, and what to do."""
        for rule, steps, part in self.parts:
            if any(template.constant == TO_CHOOSE for template in part.templates):
                table = rule.field.facts.table
                listed = f"; `importer codes show {table}` lists the codes" if table else ""
                yield steps, f"write Alma's code instead of `{TO_CHOOSE}`{listed}"

    @property
    def conditions(self) -> Iterator[tuple[Steps, Condition]]:
        """Every condition, those of the rows first, with the steps that lead to it."""
        yield ("roster", "only"), self.file.roster.only
        for at, skip in enumerate(self.file.roster.skip):
            yield ("roster", "skip", at, "when"), skip.when
        for entry in self.entries:
            yield (*entry.steps, "when"), entry.part.when
        for _, steps, part in self.parts:
            yield (*steps, "when"), part.when

    @property
    def lookups(self) -> Iterator[tuple[Steps, str | KeyFile]]:
        """Every use of a lookup, by its name or its file, with the steps that lead to it."""
        for _, steps, part in self.parts:
            if part.lookup is not None:
                yield (*steps, "lookup"), part.lookup
            if isinstance(part.plus, PlusBy):
                yield (*steps, "plus", "lookup"), part.plus.lookup
        if isinstance(same_id := self.file.duplicates.same_id, KeepHeaviest):
            yield ("duplicates", "same_id", "keep heaviest"), same_id.weights
        for steps, condition in self.conditions:
            for key, _, test in condition.every_test:
                yield from (((*steps, key, "in"), file) for file in test.files)

    @property
    def headings(self) -> tuple[str, ...]:
        """Every heading that a rule uses, as the mapping writes it; each once, in order."""
        found = [heading for rule in (*self.rules, *self.values) for heading in rule.headings]
        conditions = (heading for _, condition in self.conditions for heading in condition.headings)
        return tuple(dict.fromkeys((*found, *conditions)))

    def layout(self) -> Layout:
        """Return what the loader needs to know. `expected` has every heading in all spellings."""
        roster = self.file.roster
        other = (name for names in self.file.headings.values() for name in names)
        single = (heading for heading in self.headings if "*" not in heading)
        expected = frozenset((*single, *other))
        return Layout(roster.sheet or "", roster.encoding, roster.header, expected)
