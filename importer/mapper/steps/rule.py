"""A rule: the keys by which a field gets its value, as the steps that they are."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    create_model,
    model_validator,
)
from pydantic.config import JsonDict
from pydantic_core import core_schema

from importer.mapper.lookups import Tables
from importer.mapper.placeholders import Template, Variable
from importer.mapper.steps.step import Key, Step
from importer.mapper.transforms import Word
from importer.model.fields import Field as RecordField
from importer.model.plan import MappingPart

if TYPE_CHECKING:
    from importer.mapper.conditions import Subject
    from importer.mapper.steps.step import Codes
    from importer.mapper.yaml_source import Steps

S = TypeVar("S", bound=Step[Any])


def _sources_in_schema(schema: JsonDict) -> None:
    schema["oneOf"] = [{"required": [key]} for key, kind in steps_in_order().items() if kind.source]


class Rule(MappingPart):
    """How a field gets its value. The steps apply in the order of these keys."""

    model_config = ConfigDict(json_schema_extra=_sources_in_schema)

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: object, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        """Validate a rule by the model that has a key for every step."""
        return handler.generate_schema(rule_model()) if cls is Rule else handler(source)

    @model_validator(mode="after")
    def _has_one_source(self) -> Rule:
        given = [f"`{step.key}`" for step in self.steps if step.source]
        if len(given) != 1:
            sentence = f"has {' and '.join(given)}; delete one" if given else "`from` is missing"
            raise ValueError(sentence)
        return self

    @property
    def steps(self) -> tuple[Step[Any], ...]:
        """The steps that the mapping writes, in the order in which they apply."""
        found = (self.__dict__.get(key) for key in steps_in_order())
        return tuple(step for step in found if step is not None)

    def steps_for(self, field: RecordField) -> Iterator[Step[Any]]:
        """Yield the steps that make a value of a field, those it has by itself included."""
        for key, kind in steps_in_order().items():
            step = self.__dict__.get(key) or kind.implied(field)
            if step is not None:
                yield step

    def get(self, kind: type[S]) -> S | None:
        """Return the step of a kind, None if the mapping does not write it."""
        step: S | None = self.__dict__.get(kind.key)
        return step

    def by_part(self, name: str) -> dict[str, Rule]:
        """Return the rule by its name, or by that of each part if its result has parts."""
        for step in self.steps:
            if step.parts:
                taking = {part: {step.key: step.taking(part)} for part in step.parts}
                return {f"{name}.{p}": self.model_copy(update=new) for p, new in taking.items()}
        return {name: self}

    def without(self, kind: type[S]) -> Rule:
        """Return the rule without a step."""
        return self.model_copy(update={kind.key: None})

    @property
    def templates(self) -> tuple[Template, ...]:
        """The templates whose text may become the value, without those of inner rules."""
        return tuple(template for step in self.steps for template in step.needs.templates)

    @property
    def everywhere(self) -> bool:
        """Whether it applies to every row."""
        return all(step.everywhere for step in self.steps)

    @property
    def constant(self) -> str | None:
        """The text that it gives to every row, if it is one and nothing is done with it."""
        as_it_is = self.everywhere and not any(step.changes for step in self.steps)
        return self.templates[0].constant if as_it_is and len(self.templates) == 1 else None

    @property
    def lone_cells(self) -> bool:
        """Whether it takes cells as they are, without any text around them."""
        return self.is_lone({})

    def is_lone(self, values: Mapping[str, Rule]) -> bool:
        """Return whether it takes cells as they are, also by those of the values that do so."""
        others = {name: rule for name, rule in values.items() if rule is not self}
        return bool(self.templates) and all(
            one.lone_cell or (one.lone_value in others and others[one.lone_value].is_lone(others))
            for one in self.templates
        )

    @property
    def lone_variable(self) -> str:
        """The name of the value or field that it takes as it is, as in `<@name>`; "" if none."""
        parts = self.templates[0].parts if len(self.templates) == 1 else ()
        return parts[0].name if len(parts) == 1 and isinstance(parts[0], Variable) else ""

    def parts(self, steps: Steps = ()) -> Iterator[tuple[Steps, Rule]]:
        """Yield the rule and those inside it, each with the steps that lead to it."""
        yield steps, self
        for step in self.steps:
            for inner, rule in step.needs.rules:
                yield from rule.parts((*steps, *inner))

    @property
    def deciding(self) -> Iterator[Subject]:
        """The cells and variables that only decide what its value is."""
        for step in (step for _, part in self.parts() for step in part.steps):
            yield from (*step.needs.deciding, *step.needs.compared)
            for _, condition in step.needs.conditions:
                yield from (subject for _, subject, _ in condition.every_test)

    def codes(self, steps: Steps, tables: Tables) -> Codes:
        """Return the codes that it can give without taking them from a cell, with their places."""
        codes: Codes = ()
        for step in self.steps:
            codes = step.codes(codes, steps, tables)
        return codes

    def words(self, tables: Tables) -> tuple[str, ...] | None:
        """Return the words that its cell must contain, none if all may; None if not known."""
        first = next((step for step in self.steps if step.changes), None)
        return first.words(tables) if first else None


def _as_rule(value: object) -> object:
    if isinstance(value, list):
        listed = ", ".join(map(str, value))
        sentence = f"must be one value, not a list; write alternatives as `{{from: [{listed}]}}`"
        raise ValueError(sentence)  # noqa: TRY004  pydantic takes ValueErrors only
    return {"from": value} if isinstance(value, str) else value


Value = Annotated[Rule, BeforeValidator(_as_rule, json_schema_input_type=Word | Rule)]
"""A value of the record: a template, or a rule."""


@functools.cache
def steps_in_order() -> dict[str, type[Step[Any]]]:
    """Return every key of a rule with its step, in the order in which they apply."""
    return dict(sorted(Step.every.items(), key=lambda item: item[1].position))


@functools.cache
def rule_model() -> type[Rule]:
    """Return the model of a rule with a key for every step."""
    return create_model("Rule", __base__=Rule, **fields_of(steps_in_order()))  # type: ignore[call-overload,no-any-return]


def fields_of(kinds: Mapping[str, type[Key[Any]]]) -> dict[str, object]:
    """Return the fields of a model that has these keys, each with its sentence for editors."""
    return {
        key: optional(kind, (inspect.getdoc(kind) or "").split("\n\n")[0].replace("\n", " "))
        for key, kind in kinds.items()
    }


def optional(form: object, description: str | None = None) -> tuple[object, object]:
    """Return the field of a model that may be missing, but is never null."""

    def without_default(schema: JsonDict) -> None:
        schema.pop("default", None)

    return form, Field(default=None, description=description, json_schema_extra=without_default)
