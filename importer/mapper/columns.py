"""What a mapping wants of a roster, column by column: the ground for a blank one to fill in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from importer.mapper import record
from importer.mapper.template import Cell, heading_key
from importer.model.fields import ALWAYS_REQUIRED, Shape

if TYPE_CHECKING:
    from importer.mapper.document import Mapping
    from importer.mapper.record import FieldRule
    from importer.model.policy import IdRule


class Kind(StrEnum):
    """What stands in a column."""

    ID = "identifier"
    DATE = "date"
    CHOICE = "choice"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A column that the mapping uses.

    `required`: a row that is blank here is not loaded. `choices` are the words that the mapping's
    lookup knows, none where any are good; `table` is Alma's code table where the column holds
    codes itself. `dates` is the order or pattern that the mapping declares for it, "" for none.
    """

    heading: str
    fields: tuple[str, ...]
    kind: Kind
    required: bool = False
    choices: tuple[str, ...] = ()
    table: str = ""
    dates: str = ""
    id_rule: IdRule | None = None


_IDENTIFIERS = frozenset({"primary_id", "user_identifier.value"})


def wanted(mapping: Mapping) -> tuple[Wanted, ...]:
    """The columns of a roster for this mapping, in the order in which the record uses them."""
    return tuple(_wanted(mapping))


def _wanted(mapping: Mapping) -> Iterator[Wanted]:
    rules = (*mapping.scalars, *(rule for entry in mapping.entries for rule in entry.fields))
    for heading, written in _headings(mapping).items():
        feeding = [rule for rule in rules if set(written) & set(rule.cells)]
        id_rule = mapping.file.id_rule(heading)
        choices = _choices(mapping, heading, written, feeding)
        kind = _kind(feeding, id_rule, choices)
        yield Wanted(
            heading,
            tuple(dict.fromkeys(rule.field.path for rule in feeding)),
            kind,
            any(map(_required, feeding)) or _selects(mapping, heading),
            choices,
            _table(feeding) if not choices else "",
            _dates(mapping, feeding) if kind is Kind.DATE else "",
            id_rule,
        )


def _headings(mapping: Mapping) -> dict[str, list[str]]:
    """The columns' headings, each with the forms in which the mapping writes it.

    Forms that differ by case or blanks are one column, and `<Email *>` wants at least `Email`.
    """
    forms: dict[str, list[str]] = {}
    for name in mapping.headings:
        plain = name.removesuffix("*").rstrip() if Cell(name).repeats else name
        forms.setdefault(heading_key(plain), []).append(name)
    return {names[0].removesuffix("*").rstrip(): names for names in forms.values()}


def _kind(feeding: list[FieldRule], id_rule: IdRule | None, choices: tuple[str, ...]) -> Kind:
    if id_rule is not None or any(rule.field.path in _IDENTIFIERS for rule in feeding):
        return Kind.ID
    if any(rule.field.shape is Shape.DATE for rule in feeding):
        return Kind.DATE
    return Kind.CHOICE if choices or _table(feeding) else Kind.TEXT


def _selects(mapping: Mapping, heading: str) -> bool:
    """Does `only` take rows by this column?"""
    return any(heading_key(name) == heading_key(heading) for name in mapping.file.roster.only)


def _required(rule: FieldRule) -> bool:
    """Would a blank in this one column reject the row?"""
    always = rule.field.path in (*ALWAYS_REQUIRED, record.OWNING_SYSTEM)
    asked = always or rule.rule.required == "true"
    alone = len(rule.cells) == 1 and rule.rule.default is None
    return asked and alone and not rule.rule.when


def _dates(mapping: Mapping, feeding: list[FieldRule]) -> str:
    """The order or pattern that the mapping declares for the first date from the column."""
    base = mapping.file.roster.dates.style
    for rule in feeding:
        if rule.field.shape is Shape.DATE:
            return (rule.rule.dates.style.over(base) if rule.rule.dates else base).order
    return ""


def _choices(
    mapping: Mapping, heading: str, written: list[str], feeding: list[FieldRule]
) -> tuple[str, ...]:
    """The words of the lookup that the column goes through, or those that `only` takes."""
    for rule in feeding:
        for step in record.chain(rule.rule):
            lone = [template.parts for template in step.templates]
            taken = any((Cell(name),) in lone for name in written)
            if step.lookup is not None and taken and not step.clean:
                table = mapping.tables[step.lookup]
                return tuple(table.written.values()) if table.otherwise is None else ()
    for name, words in mapping.file.roster.only.items():
        if heading_key(name) == heading_key(heading):
            return words
    return ()


def _table(feeding: list[FieldRule]) -> str:
    """Alma's table of the codes that the column holds as they are."""
    for rule in feeding:
        if rule.field.shape is Shape.CODE and rule.rule.lookup is None:
            return rule.field.facts.table
    return ""
