"""A rule and its keys, by which one field gets its value.

Keys that make the value come first, in the order in which they apply. Each has a field of `Rule`,
a small type, and its place in `keys_of`. What is done with them are functions: evaluation, checks,
codes and `mapping show` match every type, and mypy fails where one is left out. Keys about the
whole rule, such as `required`, are in words in `POLICIES`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BeforeValidator, ConfigDict, model_validator
from pydantic import Field as AnyField
from pydantic.config import JsonDict

from importer.mapper.clean import CleanStep, Split
from importer.mapper.conditions import Condition, Subject
from importer.mapper.dates import Dates, Plus, Span, WrittenDates
from importer.mapper.key_path import KeyPath
from importer.mapper.lookups import LookupKey, LookupName
from importer.mapper.placeholders import Cell, Template, Variable, Written
from importer.mapper.repairs import TIDIED
from importer.mapper.whole_names import NameOrder, NamePart
from importer.mapper.written import Given, Word, key, one_or_more
from importer.model.candidates import Yes
from importer.model.fields import Field, OnUpdate, Shape
from importer.model.plan import MappingPart

# --- the rule ---


def _sources_in_schema(schema: JsonDict) -> None:
    schema.pop("description", None)
    schema["oneOf"] = [{"required": ["from"]}, {"required": ["cases"]}]


class Rule(MappingPart):
    """How a field gets its value. These keys apply in their order."""

    model_config = ConfigDict(json_schema_extra=_sources_in_schema)

    when: Given[Condition] = key(
        "The rows to which the rule applies; in others the `default` is used."
    )
    templates: Annotated[
        tuple[Written, ...],
        AnyField(min_length=1),
        BeforeValidator(one_or_more, json_schema_input_type=Word | list[Word]),
    ] = key("A template, or several: the first one that is not blank.", "from", ())
    agrees_with: Given[Written] = key(
        "A second column that must have the same text, such as a password typed again."
    )
    cases: Annotated[tuple[Value, ...], AnyField(min_length=1)] = key(
        "Several rules in place of `from`: the first whose `when` is met is used.", default=()
    )
    clean: Given[tuple[CleanStep, ...]] = key("Named steps on the text, in order.")
    read: Given[NamePart] = key(
        "A whole name, of which each part is used as `<$name.first>`, `.middle` or `.last`."
    )
    lookup: Given[LookupName] = key(
        "A table under `lookups:` or in place, or a CSV file beside the mapping, with Alma's codes."
    )
    dates: Given[WrittenDates] = key(
        "How the dates of this column are read: mdy, dmy, ymd, or a pattern such as `%d %b %Y`."
    )
    plus: Given[Plus] = key("A time later: `1 year`, `14 days`, `end of month` or `end of term`.")
    minus: Given[Span] = key("A time earlier: `2 years`, `6 months`, `14 days`.")
    default: Given[Value] = key("Another value or rule, used where all that came before is blank.")

    required: Given[Literal["true", "warn", "false"]] = key(
        "Whether a blank rejects the row (`true`), or is a warning (`warn`)."
    )
    bad: Given[Literal["reject", "drop"]] = key(
        "Whether a bad value rejects its row (`reject`), or is left out with a warning (`drop`)."
    )
    on_update: Given[OnUpdate] = key("What happens to the field of a user whom Alma already has.")
    override: Given[Yes] = key(
        "Whether the field is replaced even if somebody edited it by hand in Alma."
    )

    @model_validator(mode="after")
    def _has_one_source(self) -> Rule:
        if bool(self.templates) == bool(self.cases):
            both = "has `from` and `cases`; delete one"
            raise ValueError(both if self.cases else "`from` is missing")
        return self

    def nested(self, path: KeyPath = ()) -> Iterator[tuple[KeyPath, Rule]]:
        """Yield the rule and those inside it, each with the path to it."""
        yield path, self
        for at, case in enumerate(self.cases):
            yield from case.nested((*path, "cases", at))
        if self.default is not None:
            yield from self.default.nested((*path, "default"))

    @property
    def changes(self) -> bool:
        """Whether it makes another text of its text, apart from the rules inside it."""
        return any(getattr(self, name) is not None for name in CHANGING)

    @property
    def of_dates(self) -> bool:
        """Whether it makes a date, apart from the rules inside it."""
        return any(value is not None for value in (self.dates, self.plus, self.minus))

    @property
    def chooses(self) -> bool:
        """Whether rows differ in where their value comes from."""
        return self.when is not None or bool(self.cases)

    @property
    def picks(self) -> bool:
        """Whether it may leave only a part of a text."""
        return self.read is not None or any(step.kind.selects for step in self.clean or ())

    @property
    def keeps_lines(self) -> bool:
        """Whether nothing changes its text, so that line breaks in it stay."""
        return not any(rule.changes for _, rule in self.nested())

    @property
    def sees_lines(self) -> bool:
        """Whether its `clean` looks for line breaks."""
        return any(step.sees_lines for step in self.clean or ())

    @property
    def splits(self) -> tuple[Split, ...]:
        """The steps of its `clean` that take one part of several."""
        settings = (step.setting for step in self.clean or ())
        return tuple(setting for setting in settings if isinstance(setting, Split))

    @property
    def everywhere(self) -> bool:
        """Whether it applies to every row."""
        anywhere = not self.cases or any(case.everywhere for case in self.cases)
        return not self.when and anywhere

    @property
    def constant(self) -> str | None:
        """The text that it gives to every row, if it is one and nothing is done with it."""
        as_it_is = self.everywhere and not self.changes
        return self.templates[0].constant if as_it_is and len(self.templates) == 1 else None

    @property
    def lone_cells(self) -> bool:
        """Whether it takes cells as they are, without any text around them."""
        return self.is_lone({})

    def is_lone(self, values: Mapping[str, Rule]) -> bool:
        """Return whether it takes cells as they are, also by those of the values that do so."""
        rules, names = [self], set[str]()
        for rule in rules:  # each value once, however often others take it
            new = {
                template.lone_value for template in rule.templates if not template.lone_cell
            } - names
            if not rule.templates or not new <= values.keys():
                return False
            names |= new
            rules += map(values.__getitem__, new)
        return True

    @property
    def lone_variable(self) -> str:
        """The name of the value or field that it takes as it is, as in `<@name>`; "" if none."""
        pieces = self.templates[0].pieces if len(self.templates) == 1 else ()
        return pieces[0].name if len(pieces) == 1 and isinstance(pieces[0], Variable) else ""

    @property
    def compared(self) -> tuple[Cell, ...]:
        """The cells with which its own must agree."""
        return self.agrees_with.cells if self.agrees_with is not None else ()

    @property
    def consulted(self) -> Iterator[Subject]:
        """The cells and variables that only decide what its value is."""
        for _, rule in self.nested():
            if rule.when is not None:
                yield from (subject for _, subject, _ in rule.when.every_test)
            yield from rule.compared


def _as_rule(value: object) -> object:
    if isinstance(value, list):
        listed = ", ".join(map(str, value))
        sentence = f"must be one value, not a list; write alternatives as `{{from: [{listed}]}}`"
        raise ValueError(sentence)  # noqa: TRY004  pydantic takes ValueErrors only
    return {"from": value} if isinstance(value, str) else value


Value = Annotated[Rule, BeforeValidator(_as_rule, json_schema_input_type=Word | Rule)]
"""A value of the record: a template, or a rule."""
Rule.model_rebuild()


# --- the keys about the whole rule ---


POLICIES: Mapping[str, Mapping[object, str]] = {
    "required": {"true": "a blank rejects the row", "warn": "a blank is a warning"},
    "bad": {"drop": "a bad value is left out with a warning"},
    "on_update": {
        OnUpdate.KEEP: "for a known user only if Alma has nothing",
        OnUpdate.ERASE: "a blank cell clears it in Alma",
        OnUpdate.LATER: "for a known user never earlier than Alma's date",
        OnUpdate.NEVER: "only when the user is created",
        OnUpdate.ADD: "added to those in Alma",
        OnUpdate.REPLACE_ALL: "in place of all those in Alma",
    },
    "override": {True: "also over a value that was edited by hand in Alma"},
}
"""The keys about the use of a value, in their order, with the words of `mapping show`.

Values that are a matter of course have none. An entry has an `on_update` as well.
"""

_TAKING = {"when", "templates", "agrees_with", "cases", "default"}
CHANGING = tuple(name for name in Rule.model_fields if name not in _TAKING | POLICIES.keys())
"""The keys that make another text of what a rule takes: all that are not known to leave it."""


# --- the keys that make the value ---


@dataclass(frozen=True, slots=True)
class When:
    """Rows that do not meet the condition get nothing, or the default."""

    condition: Condition


@dataclass(frozen=True, slots=True)
class From:
    """The text is the first of these templates that is not blank."""

    templates: tuple[Template, ...]


@dataclass(frozen=True, slots=True)
class AgreesWith:
    """The text as it came must be that of this template."""

    template: Template


@dataclass(frozen=True, slots=True)
class Cases:
    """The value is that of the first of these rules whose `when` is met."""

    rules: tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class Clean:
    """These steps change the text, one after the other."""

    steps: tuple[CleanStep, ...]


@dataclass(frozen=True, slots=True)
class ReadName:
    """The text is a whole name in this order; a part of it is taken."""

    order: NameOrder


@dataclass(frozen=True, slots=True)
class LookUp:
    """The text becomes its code in a lookup."""

    lookup: LookupKey


@dataclass(frozen=True, slots=True)
class ReadDates:
    """The text becomes a date, as ISO."""

    dates: Dates


@dataclass(frozen=True, slots=True)
class Later:
    """The date moves by a span of time, or to the end of the month or term."""

    plus: str


@dataclass(frozen=True, slots=True)
class Earlier:
    """The date moves back by a span of time."""

    span: str


@dataclass(frozen=True, slots=True)
class Default:
    """Where all that came before is blank, the value is that of this rule."""

    rule: Rule


Key = (
    When | From | AgreesWith | Cases | Clean | ReadName | LookUp | ReadDates | Later | Earlier
    | Default
)  # fmt: skip
"""A key that makes the value of a rule."""


def keys_of(rule: Rule) -> Iterator[Key]:
    """Yield the keys that make a rule's value, in the order in which they apply."""
    if rule.when is not None:
        yield When(rule.when)
    if rule.templates:
        yield From(rule.templates)
    if rule.agrees_with is not None:
        yield AgreesWith(rule.agrees_with)
    if rule.cases:
        yield Cases(rule.cases)
    if rule.clean is not None:
        yield Clean(rule.clean)
    if rule.read is not None:
        yield ReadName(rule.read.name)
    if rule.lookup is not None:
        yield LookUp(rule.lookup)
    if rule.dates is not None:
        yield ReadDates(rule.dates)
    if rule.plus is not None:
        yield Later(rule.plus)
    if rule.minus is not None:
        yield Earlier(rule.minus)
    if rule.default is not None:
        yield Default(rule.default)


def keys_for(rule: Rule, field: Field) -> Iterator[Key]:
    """Yield the keys of a rule and those that its field has by itself: dates are read."""
    implied: dict[str, object] = {}
    if rule.clean is None and field.path in TIDIED:
        implied["clean"] = ()
    if rule.dates is None and field.shape is Shape.DATE:
        implied["dates"] = Dates()
    return keys_of(rule.model_copy(update=implied))
