"""A key of a rule or an entry, in one class: what may follow it, what it needs, does and means.

Schema, compilation, evaluation, checks, `mapping show` and completion walk the keys that a mapping
has; none of them knows one by its name. A key is added by a class in this package.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from pydantic_core import core_schema

from importer.model.fields import Shape

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler

    from importer.mapper.compile import Bindings
    from importer.mapper.conditions import Condition, Subject
    from importer.mapper.lookups import LookupKey, Tables
    from importer.mapper.mapping import EntryRules, FieldRule, MappingDocument
    from importer.mapper.placeholders import Cell, Template
    from importer.mapper.steps.rule import Rule
    from importer.mapper.values import EntryWork, Rows, RuleWork, Values
    from importer.mapper.yaml_source import Source, Steps
    from importer.model.candidates import ListEntry, Removal
    from importer.model.fields import Field

    Codes = Iterable[tuple[str, Steps]]
    """Codes that a mapping can give without taking them from a cell, with their places."""


class Level(StrEnum):
    """What a finding means."""

    ERROR = "error"  # the mapping cannot be used
    TO_DO = "to do"  # a person still has to choose a column or a code
    HINT = "hint"  # worth a second look


@dataclass(frozen=True, slots=True)
class MappingFinding:
    """A finding about a mapping: the steps to the key, and what is wrong with it.

    `lacking`: a part is missing, possibly only because it could not be read.
    """

    steps: Steps
    wrong: str
    lacking: bool = False
    level: Level = Level.ERROR


def in_order(source: Source, found: list[MappingFinding]) -> tuple[str, ...]:
    """Return findings with their places, each once, by file and line."""
    marked = {}
    for one in found:
        mark, _ = source.locate(one.steps)
        marked[f"{source.place(one.steps)}: {one.wrong}"] = (mark.file, mark.line)
    return tuple(sorted(marked, key=lambda text: marked[text]))


V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Needs:
    """What a key takes: its parts are listed with the steps that lead to them from here.

    `templates`: their texts may become the value. `deciding`: the cells and variables that only
    decide what it is, beside those of `conditions`; `compared`: with these it must agree, so that
    they are as secret as it is. `rules`: those inside it.
    """

    templates: tuple[Template, ...] = ()
    deciding: tuple[Subject, ...] = ()
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
    """A rule, a case or a default, in its mapping: what a step is asked about.

    `steps` lead to it; `of` is the rule of a field to which it belongs.
    """

    mapping: MappingDocument
    of: FieldRule
    rule: Rule
    steps: Steps

    def inside(self, rule: Rule) -> RulePart:
        """Return the part of a rule inside this one, to be described."""
        return replace(self, rule=rule)

    def describe(self) -> str:
        """Return what it does, in words."""
        said = ""
        for step in self.rule.steps_for(self.of.field):
            said = step.describe(said, self)
        return said

    def finding(self, key: str, wrong: str) -> MappingFinding:
        """Return an error about one of its keys."""
        return MappingFinding((*self.steps, key), wrong)


class Step(Key[V]):
    """A key of a rule that makes the value, or another value."""

    every: ClassVar[dict[str, type[Step[Any]]]] = {}

    source: ClassVar[bool] = False
    """Whether it is where the text comes from: a rule has one such step."""
    changes: ClassVar[bool] = True
    """Whether it makes another text of a text."""
    keeps_lines: ClassVar[bool] = False
    """Whether it sees a cell's line breaks; for the others the text is in one line."""
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
    def uses_terms(self) -> bool:
        """Whether the result may be the end of a term."""
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

    def codes(self, given: Codes, steps: Steps, tables: Tables) -> Codes:
        """Return the codes that the rule can give after it, from those before it."""
        return given

    def words(self, tables: Tables) -> tuple[str, ...] | None:
        """Return the words that a cell must contain, none if all may; None if it is not known."""
        return None

    def passes(self, tables: Tables) -> bool:
        """Return whether the text of a cell can become the value."""
        return True

    # what it does

    def run(self, values: Values, work: RuleWork) -> Values:
        """Return the values of the rows after it, each distinct text changed once."""
        return values

    @property
    def emptied(self) -> tuple[str, str] | None:
        """The message and the advice where it has made nothing of a text that was needed."""
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


@dataclass(frozen=True, slots=True)
class EntryPlace:
    """An entry of a list in its mapping: what a key of it is asked about."""

    mapping: MappingDocument
    entry: EntryRules

    def finding(self, key: str, wrong: str) -> MappingFinding:
        """Return an error about one of its keys."""
        return MappingFinding((*self.entry.steps, key), wrong)


class EntryKey(Key[V]):
    """A key of an entry of a list, beside Alma's own fields."""

    every: ClassVar[dict[str, type[EntryKey[Any]]]] = {}

    # what it needs, and what it makes of the entry

    @property
    def bindings(self) -> list[Bindings]:
        """The entries that it makes of one: what a cell or value that it names stands for."""
        return []

    def removal(self, parent: str) -> Removal | None:
        """Return which entries of Alma's list it removes, in place of adding one."""
        return None

    def mark(self, entry: ListEntry) -> ListEntry:
        """Return the entry with what it says about it."""
        return entry

    @property
    def stays_blank(self) -> bool:
        """Whether rows have the entry although its cells are blank."""
        return False

    # what it is in a mapping

    def check(self, place: EntryPlace) -> Iterator[MappingFinding]:
        """Yield what is wrong with it, or worth a second look."""
        yield from ()

    # what it does

    def rows(self, rows: Rows, work: EntryWork) -> Rows:
        """Return which of the rows may have the entry."""
        return rows

    def present(self, rows: Rows, work: EntryWork) -> Rows:
        """Return which of the rows with content for the entry have it."""
        return rows
