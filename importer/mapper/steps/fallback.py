"""What happens where a rule gives nothing, or something bad: `default`, `required` and `bad`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from importer.mapper.findings import Level, MappingFinding
from importer.mapper.steps.rule import Rule, Value
from importer.mapper.steps.step import Needs, Policy, RulePart, Step, Widget

if TYPE_CHECKING:
    from importer.mapper.field_rule import FieldRule
    from importer.mapper.steps.work import RuleWork
    from importer.mapper.values import Values

_NEVER_DROPPED = frozenset({"primary_id", "user_identifier.value", "external_id", "password"})


class Default(Step[Rule]):
    """Another value or rule, used where all that came before is blank."""

    key = "default"
    form = Value
    widget = Widget.RULE
    position = 100
    changes = False
    bypasses = True

    @property
    def needs(self) -> Needs:
        """The other rule."""
        return Needs(rules=((("default",), self.value),))

    def check(self, part: RulePart) -> Iterator[MappingFinding]:
        """Something before it can be blank."""
        fixed = any(template.never_blank for template in part.rule.templates)
        if fixed and not any(step.leaves_blank for step in part.rule.steps):
            wrong = "is never used, because the value before it is never blank"
            yield MappingFinding((*part.steps, "default"), wrong, level=Level.HINT)

    def describe(self, said: str, part: RulePart) -> str:
        """`; if that is blank: always en`."""
        otherwise = any(step.bypasses for step in part.rule.steps if step is not self)
        when = "otherwise" if otherwise else "if that is blank"
        return f"{said}; {when}: {part.inside(self.value).describe()}"

    def run(self, values: Values, work: RuleWork) -> Values:
        """Evaluate it where the rest is blank and nothing failed."""
        blank = work.rows & ~values.filled
        blank[[row for row, _, _ in values.found]] = False
        other = work.evaluate(self.value, blank)
        return values.over(other, ~(blank & other.filled))


class Required(Policy[str]):
    """Whether a blank rejects the row (`true`), or is a warning (`warn`)."""

    key = "required"
    form = Literal["true", "warn", "false"]
    widget = Widget.CHOICE
    position = 110

    @classmethod
    def of(cls, rule: FieldRule) -> Required | None:
        """Some fields are required, whatever the mapping says."""
        return cls("true") if rule.always_required else rule.rule.get(cls)

    @property
    def phrase(self) -> str:
        """In words."""
        words = {"true": "a blank rejects the row", "warn": "a blank is a warning"}
        return words.get(self.value, "")


class Bad(Policy[str]):
    """Whether a bad value rejects its row (`reject`), or is left out with a warning (`drop`)."""

    key = "bad"
    form = Literal["reject", "drop"]
    widget = Widget.CHOICE
    position = 120

    def check_rule(self, part: RulePart) -> Iterator[MappingFinding]:
        """What every row needs is never dropped."""
        rule = part.of
        needed = rule.required == "true" or rule.field.path in _NEVER_DROPPED
        if self.value == "drop" and needed:
            wrong = f"`drop` is not for `{rule.field.name}`, which every row needs as it is"
            yield part.finding("bad", wrong)

    @property
    def phrase(self) -> str:
        """In words."""
        return "a bad value is left out with a warning" if self.value == "drop" else ""
