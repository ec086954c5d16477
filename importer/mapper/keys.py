"""The keys that make the value of a rule, a small type each.

`keys_of` yields those of a rule in the order in which they apply. What is done with them are
functions: evaluation, checks and `mapping show` match every type, and mypy fails where one is left
out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from importer.mapper.clean import CleanStep
from importer.mapper.conditions import Condition
from importer.mapper.dates import Dates
from importer.mapper.lookups import LookupKey
from importer.mapper.names import Order
from importer.mapper.placeholders import Template
from importer.mapper.rule import Rule
from importer.mapper.transforms import TIDIED
from importer.model.fields import Field, Shape


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

    order: Order


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
