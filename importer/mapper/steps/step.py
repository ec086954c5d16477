"""A key of a rule or an entry, in one class: what may follow it, what it needs, does and means.

Schema, compilation, evaluation, checks, `mapping show` and completion walk the keys that a mapping
has; none of them knows one by its name. A key is added by a class in this package. A *rule* is the
keys by which one field gets its value.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Generic, TypeVar

from pydantic import (
    BeforeValidator,
    ConfigDict,
    GetCoreSchemaHandler,
    create_model,
    model_validator,
)
from pydantic import Field as AnyField
from pydantic.config import JsonDict
from pydantic_core import core_schema

from importer.mapper.lookups import Tables
from importer.mapper.placeholders import VALUE, Steps, Template, Variable
from importer.mapper.transforms import Word
from importer.model.fields import Field, Shape
from importer.model.plan import MappingPart

if TYPE_CHECKING:
    from importer.mapper.conditions import Condition, Subject
    from importer.mapper.lookups import LookupKey
    from importer.mapper.mapping import EntryRules, FieldRule, MappingDocument
    from importer.mapper.placeholders import Cell
    from importer.mapper.values import RuleWork, Values
    from importer.mapper.yaml_source import Source
    from importer.model.candidates import ListEntry, Removal

Codes = Iterable[tuple[str | None, Steps]]
"""The codes that a rule can give, with their places; None is the text of a cell."""
Named = dict[str, "Rule | Codes"]
"""The rules that a `<$value>` stands for, by its name; in place of one its codes if known."""


class Level(StrEnum):
    """What a finding means."""

    ERROR = "error"  # the mapping cannot be used
    TO_DO = "to do"  # a person still has to choose a column or a code
    HINT = "hint"  # worth a second look


@dataclass(frozen=True, slots=True)
class MappingFinding:
    """A finding about the key at these steps; `lacking`: a part that perhaps was not read."""

    steps: Steps
    wrong: str
    lacking: bool = False
    level: Level = Level.ERROR


def in_order(source: Source, found: list[MappingFinding]) -> tuple[str, ...]:
    """Return findings with their places, each once, by line."""
    lines = {f"{source.place(one.steps)}: {one.wrong}": source.locate(one.steps) for one in found}
    return tuple(sorted(lines, key=lambda text: lines[text][0]))


V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Needs:
    """What a key takes: its parts are listed with the steps that lead to them from here.

    `templates`: their texts may become the value. `compared`: the cells with which it must agree,
    so that they are as secret as it is. `rules`: those inside it.
    """

    templates: tuple[Template, ...] = ()
    compared: tuple[Cell, ...] = ()
    conditions: tuple[tuple[Steps, Condition], ...] = ()
    lookups: tuple[tuple[Steps, LookupKey], ...] = ()
    rules: tuple[tuple[Steps, Rule], ...] = ()


@dataclass(frozen=True)
class Key(Generic[V]):
    """A key of the mapping language, with what the mapping writes after it.

    The first sentence of a class' docstring explains it in editors. `form` is a type for pydantic.
    """

    value: V

    key: ClassVar[str]
    form: ClassVar[object]
    position: ClassVar[int]
    """Its place among the keys: in this order they apply, and are explained."""
    in_words: ClassVar[str | Mapping[Any, str]] = ""
    """It in words, with its value filled in; or the words for each value that has any."""
    title: ClassVar[str] = ""
    """What a form calls it, whose choices are `choices`."""
    choices: ClassVar[Mapping[Any, str]] = {}
    """Its values in the words of a form, the usual one first."""

    every: ClassVar[dict[str, Any]] = {}
    """All of its kind, by their names."""

    def __init_subclass__(cls) -> None:
        """Register a key under its name."""
        if "key" in cls.__dict__:
            cls.every[cls.key] = cls

    @classmethod
    def __get_pydantic_core_schema__(
        cls, _source: object, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        """Validate what is written by `form`."""
        return core_schema.no_info_after_validator_function(cls, handler.generate_schema(cls.form))

    @property
    def phrase(self) -> str:
        """It in words, "" if that is a matter of course."""
        if isinstance(self.in_words, str):
            value = self.value
            return self.in_words.format(" or ".join(value) if isinstance(value, tuple) else value)
        return self.in_words.get(self.value, "")

    @property
    def needs(self) -> Needs:
        """What it takes from the roster, the record and the rest of the mapping."""
        return Needs()


@dataclass(frozen=True, slots=True)
class RulePart:
    """A rule, case or default at `steps`, of the rule `of` a field: what a step is asked about."""

    mapping: MappingDocument
    of: FieldRule
    rule: Rule
    steps: Steps

    def describe(self, inside: Rule | None = None) -> str:
        """Return what it does, in words, or what a rule inside it does."""
        said, part = "", self if inside is None else replace(self, rule=inside)
        for step in part.rule.steps_for(self.of.field):
            said = step.describe(said, part)
        return said

    def finding(self, key: str, wrong: str) -> MappingFinding:
        """Return an error about one of its keys."""
        return MappingFinding((*self.steps, key), wrong)

    def hint(self, key: str, wrong: str, *inner: int) -> MappingFinding:
        """Return a hint about one of its keys."""
        return MappingFinding((*self.steps, key, *inner), wrong, level=Level.HINT)


class Step(Key[V]):
    """A key of a rule that makes the value, or another value."""

    every: ClassVar[dict[str, type[Step[Any]]]] = {}

    source: ClassVar[bool] = False
    """Whether it is where the text comes from: a rule has one such step."""
    changes: ClassVar[bool] = True
    """Whether it makes another text of a text."""
    leaves_blank: ClassVar[bool] = False
    """Whether it may make nothing of a text, on purpose."""

    bypasses: ClassVar[bool] = False
    """Whether rows may get along without the cells of `from`."""
    parts: ClassVar[tuple[str, ...]] = ()
    """The parts of its result, which are used as `<$name.part>`."""
    of_dates: ClassVar[bool] = False
    """Whether it makes a date."""

    @classmethod
    def implied(cls, field: Field) -> Step[V] | None:
        """Return the step that is taken for a field if the mapping does not write one."""
        return None

    def taking(self, part: str) -> Step[V]:
        """Return the step that takes one of its parts."""
        return self

    @property
    def everywhere(self) -> bool:
        """Whether it lets the rule apply to every row."""
        return True

    @property
    def picks(self) -> bool:
        """Whether it may leave only a part of a text."""
        return False

    # what it is in a mapping

    def check(self, part: RulePart) -> Iterator[MappingFinding]:
        """Yield what is wrong with it, or worth a second look."""
        if self.of_dates and part.of.field.shape is not Shape.DATE:
            name = part.of.field.name
            yield part.finding(self.key, f"is for dates, but `{name}` is not a date")

    def describe(self, said: str, part: RulePart) -> str:
        """Return the sentence about the rule so far, with this step."""
        return f"{said}, {self.phrase}" if self.phrase else said

    def codes(self, given: Codes, steps: Steps, tables: Tables, named: Named) -> Codes:
        """Return the codes that the rule can give after it, from those before it."""
        return given

    # what it does

    def run(self, values: Values, work: RuleWork) -> Values:
        """Return the values of the rows after it, each distinct text changed once."""
        return values

    def emptied(self, text: str) -> tuple[str, str] | None:
        """Return the message and the advice if it makes nothing of a text that was needed."""
        return None


class Policy(Step[V]):
    """A key of a whole rule about the use of its value."""

    changes = False

    @classmethod
    def of(cls, rule: FieldRule) -> Policy[V] | None:
        """Return the policy of a rule: as the mapping writes it, or as it is by itself."""
        return rule.rule.get(cls)

    def describe(self, said: str, part: RulePart) -> str:
        """Say nothing about the value: what is done with it is said once, after it."""
        return said

    def check(self, part: RulePart) -> Iterator[MappingFinding]:
        """A case and a default have no policies of their own."""
        if part.rule is not part.of.rule:
            wrong = "belongs to the rule itself, not to a case or its default"
            yield part.finding(self.key, wrong)
        else:
            yield from self.check_rule(part)

    def check_rule(self, part: RulePart) -> Iterator[MappingFinding]:
        """Yield what is wrong with it in the rule of a field."""
        yield from ()


class EntryKey(Key[V]):
    """A key of an entry of a list, beside Alma's own fields."""

    every: ClassVar[dict[str, type[EntryKey[Any]]]] = {}
    stays_blank: ClassVar[bool] = False
    """Whether, if it is true, rows have the entry although its cells are blank."""

    # what it needs, and what it makes of the entry

    def removal(self, parent: str) -> Removal | None:
        """Return which entries of Alma's list it removes, in place of adding one."""
        return None

    def mark(self, entry: ListEntry) -> ListEntry:
        """Return the entry with what it says about it."""
        return entry

    # what it is in a mapping

    def check(self, entry: EntryRules) -> Iterator[MappingFinding]:
        """Yield what is wrong with it, or worth a second look."""
        yield from ()


S = TypeVar("S", bound=Step[Any])


def _sources_in_schema(schema: JsonDict) -> None:
    schema["oneOf"] = [{"required": [key]} for key, kind in steps_in_order().items() if kind.source]


def value_steps(name: str) -> Steps:
    """Return the steps that lead to a value, by its name with its `$`, or that of a part of it."""
    return ("values", name.removeprefix(VALUE).partition(".")[0])


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

    @functools.cached_property
    def steps(self) -> tuple[Step[Any], ...]:
        """The steps that the mapping writes, in the order in which they apply."""
        found = (self.__dict__.get(key) for key in steps_in_order())
        return tuple(step for step in found if step is not None)

    def having(self, steps: Mapping[str, Step[Any] | None]) -> Rule:
        """Return the rule with other steps for these keys."""
        copied = self.model_copy(update=steps)
        copied.__dict__.pop("steps", None)
        return copied

    def steps_for(self, field: Field) -> Iterator[Step[Any]]:
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
                return {f"{name}.{p}": self.having(new) for p, new in taking.items()}
        return {name: self}

    @property
    def templates(self) -> tuple[Template, ...]:
        """The templates whose text may become the value, without those of inner rules."""
        return tuple(template for step in self.steps for template in step.needs.templates)

    @property
    def keeps_lines(self) -> bool:
        """Whether nothing changes its text, so that line breaks in it stay."""
        return not any(step.changes for _, part in self.parts() for step in part.steps)

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
        rules, names = [self], set[str]()
        for rule in rules:  # each value once, however often others take it
            new = {one.lone_value for one in rule.templates if not one.lone_cell} - names
            if not rule.templates or not new <= values.keys():
                return False
            names |= new
            rules += map(values.__getitem__, new)
        return True

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
            yield from step.needs.compared
            for _, condition in step.needs.conditions:
                yield from (subject for _, subject, _ in condition.every_test)

    def codes(self, steps: Steps, tables: Tables, named: Named) -> Codes:
        """Return the codes that it can give."""
        codes: Codes = ()
        for step in self.steps:
            codes = step.codes(codes, steps, tables, named)
        return codes


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

    return form, AnyField(default=None, description=description, json_schema_extra=without_default)
