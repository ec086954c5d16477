"""What the keys of an entry or a rule see while it is evaluated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from importer.mapper.compile import Bindings, CompiledField
    from importer.mapper.conditions import Condition
    from importer.mapper.evaluate import Evaluation
    from importer.mapper.placeholders import Cell, Template, Variable
    from importer.mapper.steps.rule import Rule
    from importer.mapper.steps.step import Step
    from importer.mapper.values import Rows, Texts, Values


@dataclass(frozen=True, slots=True)
class EntryWork:
    """An entry or a rule that is evaluated, as its keys see it.

    `bound`: what headings stand for in it.
    """

    evaluation: Evaluation
    bound: Bindings

    def meeting(self, condition: Condition, rows: Rows) -> Rows:
        """Return which of the rows meet a condition."""
        return self.evaluation.meeting(condition, rows, self.bound)

    def column(self, part: str | Cell | Variable) -> Texts:
        """Return the texts of a cell, a variable or a constant."""
        return self.evaluation.column(part, self.bound, lines=False)

    def fill(self, template: Template, *, lines: bool) -> tuple[Texts, Rows]:
        """Return the texts of a template, with `lines` in several ones, and whom they are of."""
        return self.evaluation.fill(template, self.bound, lines=lines)


@dataclass(frozen=True, slots=True)
class RuleWork(EntryWork):
    """A rule that is evaluated for some rows.

    `located`: the countries that the field's entry is in, None if it has none.
    """

    one: CompiledField
    rule: Rule
    rows: Rows
    located: Texts | None

    def evaluate(self, rule: Rule, rows: Rows) -> Values:
        """Evaluate a rule inside this one."""
        return self.evaluation.evaluate(self.one, rule, rows, self.located)

    def whole_column(self, before: Step[Any]) -> Values:
        """Evaluate the steps before one for every row to which the rule applies."""
        every = self.evaluation.every
        return self.evaluation.evaluate(self.one, self.rule, every, self.located, before)
