"""A field of the record, or a named value, and its rule: what it takes, needs and can give."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from dataclasses import field as default  # a rule's `field` is another thing
from typing import Any

from importer.mapper.dates import Dates
from importer.mapper.lookups import LookupKey, Tables
from importer.mapper.placeholders import (
    RUN_VARIABLES,
    TO_CHOOSE,
    VALUE,
    Cell,
    Template,
    Variable,
)
from importer.mapper.steps.dates import DatesStep
from importer.mapper.steps.lookup import Lookup
from importer.mapper.steps.policies import OnUpdateStep, Required
from importer.mapper.steps.rule import Rule, steps_in_order
from importer.mapper.steps.source import Default
from importer.mapper.steps.step import Policy
from importer.mapper.yaml_source import Steps
from importer.model.fields import Field, OnUpdate, Shape


def value_steps(name: str) -> Steps:
    """Return the steps that lead to a value, by its name with its `$`, or that of a part of it."""
    return ("values", name.removeprefix(VALUE).partition(".")[0])


_NEVER_DROPPED = frozenset({"primary_id", "user_identifier.value", "external_id", "password"})


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

    # --- its own keys ---

    @property
    def policies(self) -> Iterator[Policy[Any]]:
        """The keys about its value, as the mapping writes them or as they are by themselves."""
        for kind in steps_in_order().values():
            if issubclass(kind, Policy) and (policy := kind.of(self)) is not None:
                yield policy

    @property
    def required(self) -> str:
        """Whether a blank rejects the row ("true"), is a warning ("warn"), or is accepted."""
        return policy.value if (policy := Required.of(self)) else "false"

    @property
    def needed(self) -> bool:
        """Whether every row needs its value as it is, so that it is never left out."""
        return self.required == "true" or self.field.path in _NEVER_DROPPED

    @property
    def on_update(self) -> OnUpdate:
        """What happens to the field of a known user."""
        return policy.value if (policy := OnUpdateStep.of(self)) else OnUpdate.REPLACE

    @property
    def dates(self) -> Dates | None:
        """How its dates are read, None if the mapping says nothing of its own."""
        return step.value if (step := self.rule.get(DatesStep)) else None

    @property
    def lookup(self) -> LookupKey | None:
        """The lookup that its text goes through."""
        return step.value if (step := self.rule.get(Lookup)) else None

    # --- what it takes ---

    @property
    def parts(self) -> Iterator[tuple[Steps, Rule]]:
        """The rule and those inside it, each with the steps that lead to it."""
        return self.rule.parts(self.steps)

    @property
    def giving_parts(self) -> Iterator[tuple[Steps, Rule]]:
        """`parts`, and for those that are no more than a `<$value>` those of the value."""
        yield from self.parts
        for name in self._named:
            if any(t.lone_value == name for _, part in self.parts for t in part.templates):
                yield from self.values[name].parts(value_steps(name))

    @property
    def _named(self) -> tuple[str, ...]:
        """The values that it takes, and those that these take, each once."""
        found: dict[str, None] = {}
        rules = [self.rule]
        while rules:
            templates = [t for _, part in rules.pop().parts() for t in part.templates]
            for name in (variable.name for t in templates for variable in t.variables):
                if name in self.values and name not in found:
                    found[name] = None
                    rules.append(self.values[name])
        return tuple(found)

    @property
    def _every_part(self) -> Iterator[Rule]:
        """Every part of the rule, and of the values that it takes."""
        for rule in (self.rule, *(self.values[name] for name in self._named)):
            yield from (part for _, part in rule.parts())

    @property
    def templates(self) -> Iterator[Template]:
        """The templates of the rule, those inside it, and of the values that it takes."""
        return (template for part in self._every_part for template in part.templates)

    @property
    def cells(self) -> tuple[str, ...]:
        """The headings whose cells may become the value, also by default; each once, in order."""
        return tuple(dict.fromkeys(cell.heading for t in self.templates for cell in t.cells))

    @property
    def headings(self) -> tuple[str, ...]:
        """Those of `cells`, then those that only decide what the value is."""
        deciding = (key.heading for key in self.rule.deciding if isinstance(key, Cell))
        return tuple(dict.fromkeys((*self.cells, *deciding)))

    @property
    def compared(self) -> tuple[str, ...]:
        """The headings whose cells must agree with it."""
        steps = (step for part in self._every_part for step in part.steps)
        return tuple(cell.heading for step in steps for cell in step.needs.compared)

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields of the record that it takes by `<@…>`."""
        names = (part.name for t in self.templates for part in t.variables if not part.of_run)
        return tuple(name for name in names if not name.startswith(VALUE))

    @property
    def chooses(self) -> bool:
        """Whether it may take something else in place of every field that it takes."""
        return any(not t.variables for _, part in self.parts for t in part.templates)

    @property
    def needs(self) -> frozenset[str]:
        """The fields and the values (with their `$`) that it takes itself, or that decide it."""
        taken = (v for _, part in self.parts for t in part.templates for v in t.variables)
        deciding = (key for key in self.rule.deciding if isinstance(key, Variable))
        return frozenset(part.name for part in (*taken, *deciding) if not part.of_run)

    @property
    def run_dependent(self) -> bool:
        """Whether it contains a run variable."""
        return any(variable.of_run for t in self.templates for variable in t.variables)

    @property
    def by_row(self) -> bool:
        """Whether it contains a run variable that is not the same in all rows of a run."""
        names = {variable.name for t in self.templates for variable in t.variables}
        return not names.isdisjoint({*RUN_VARIABLES} - {"today"})

    @property
    def needs_cell(self) -> bool:
        """Whether a row without its one cell has no value, and is rejected."""
        bypassed = any(step.bypasses for step in self.rule.steps)
        return self.required == "true" and len(self.cells) == 1 and not bypassed

    # --- what it gives ---

    def as_text(self, tables: Tables) -> str:
        """Return the rule with its values and lookups; equal only where nothing was changed."""
        parts = [*self._every_part]
        names = [name for part in parts for step in part.steps for _, name in step.needs.lookups]
        return f"{parts!r} {[tables.get(name) for name in names]!r}"

    def mapped_codes(self, tables: Tables) -> dict[str, Steps]:
        """Return the codes that it can give without taking them from a cell, with their places.

        The rule, its alternatives and its defaults count, whether their `when` holds or not. A
        code in several places has the first of them. Only fields of codes give any.
        """
        found: dict[str, Steps] = {}
        for steps, part in self.giving_parts if self.field.shape is Shape.CODE else ():
            for text, where in part.codes(steps, tables):
                for code in self.field.codes(text):
                    found.setdefault(code, where)
        return {code: where for code, where in found.items() if code not in {"", TO_CHOOSE}}

    def blank_codes(self, tables: Tables) -> Iterator[Steps]:
        """Yield the steps to every blank code of its lookups that no default fills."""
        for steps, part in self.giving_parts if self.rule.get(Default) is None else ():
            if part.get(Default) is None:
                yield from (where for code, where in part.codes(steps, tables) if not code)

    def takes_cells(self, tables: Tables) -> bool:
        """Return whether a cell's text can become the value without a lookup, or through one."""
        return any(
            any(template.cells for template in part.templates)
            and all(step.passes(tables) for step in part.steps)
            for _, part in self.giving_parts
        )
