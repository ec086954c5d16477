"""The `record:` part as a flat list of rules, by the field's path, and of entries."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import BaseModel

from importer.mapper.grammar import EntryPart, MappingFile, Rule
from importer.model.fields import FIELDS, LISTS, Field
from importer.model.policy import OnUpdate

OWNING_SYSTEM = "external_id"
"""The field that `owning_system` fills (contract 1.2)."""

CREATE_ONLY = frozenset({"password", "force_password_change", "pin_number"})
"""Fields that are sent only when the user is created, unless the mapping says otherwise."""


@dataclass(frozen=True, slots=True)
class FieldRule:
    """A field and its rule. `steps` lead to it in the mapping file."""

    field: Field
    rule: Rule
    steps: tuple[str | int, ...]

    @property
    def on_update(self) -> OnUpdate:
        """What becomes of the field of a known user."""
        usual = OnUpdate.NEVER if self.field.path in CREATE_ONLY else OnUpdate.REPLACE
        return self.rule.on_update or usual

    @property
    def cells(self) -> tuple[str, ...]:
        """The headings whose cells may become the value, also by default; each once, in order."""
        return tuple(dict.fromkeys(_cells(self.rule)))

    @property
    def volatile(self) -> bool:
        """Does it hold a run variable?"""
        return any(
            variable.of_run
            for rule in chain(self.rule)
            for template in rule.templates
            for variable in template.variables
        )


@dataclass(frozen=True, slots=True)
class EntryRules:
    """One entry of a list, as the mapping writes it."""

    parent: str
    position: int
    fields: tuple[FieldRule, ...]
    on_update: OnUpdate
    steps: tuple[str | int, ...]

    @property
    def cells(self) -> tuple[str, ...]:
        """The headings behind it, each once, in order."""
        return tuple(dict.fromkeys(name for rule in self.fields for name in rule.cells))


def steps(rule: FieldRule) -> Iterator[tuple[tuple[str | int, ...], Rule]]:
    """The rule and the defaults behind it, each with the steps that lead to it in the file."""
    path = rule.steps
    for step in chain(rule.rule):
        yield path, step
        path = (*path, "default")


def named(rule: FieldRule) -> Iterator[str]:
    """The fields of the record that the rule takes by `<@…>`."""
    for step in chain(rule.rule):
        for template in step.templates:
            yield from (part.name for part in template.variables if not part.of_run)


def chain(rule: Rule) -> Iterator[Rule]:
    """The rule and the defaults behind it."""
    step: Rule | None = rule
    while step is not None:
        yield step
        step = step.default


def _cells(rule: Rule) -> Iterator[str]:
    for step in chain(rule):
        for template in step.templates:
            yield from (cell.heading for cell in template.cells)


def scalars(file: MappingFile) -> tuple[FieldRule, ...]:
    """The fields of the record itself, `owning_system` among them."""
    rules = tuple(_field_rules(file.record, "", ("record",)))
    if file.owning_system is None:
        return rules
    owner = FieldRule(FIELDS[OWNING_SYSTEM], file.owning_system, ("owning_system",))
    return (*rules, owner)


def entries(file: MappingFile) -> tuple[EntryRules, ...]:
    """The entries of every list, in the mapping's order within each list."""
    found = []
    for parent in LISTS:
        for position, part in enumerate(_entry_parts(file, parent)):
            path: tuple[str | int, ...] = ("record", *parent.split("."), position)
            rules = tuple(_field_rules(part, parent, path))
            found.append(EntryRules(parent, position, rules, part.on_update, path))
    return tuple(found)


def _entry_parts(file: MappingFile, parent: str) -> tuple[EntryPart, ...]:
    part: object = file.record
    for name in parent.split("."):
        part = getattr(part, name, None)
    return part if isinstance(part, tuple) else ()


def _field_rules(part: BaseModel, parent: str, steps: tuple[str | int, ...]) -> Iterator[FieldRule]:
    for name in type(part).model_fields:
        rule = getattr(part, name)
        if isinstance(rule, Rule):
            path = f"{parent}.{name}" if parent else name
            yield FieldRule(FIELDS[path], rule, (*steps, name))
