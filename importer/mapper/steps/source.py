"""Where a rule's value comes from: `when`, `from`, `cases` and `default`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated

import numpy as np
from pydantic import BeforeValidator, Field

from importer.mapper.conditions import Condition
from importer.mapper.dates import is_iso
from importer.mapper.lookups import Tables
from importer.mapper.placeholders import Steps, Template, Written
from importer.mapper.steps.clean import KINDS, Clean, Lookup
from importer.mapper.steps.dates import DatesStep
from importer.mapper.steps.step import (
    Codes,
    Level,
    MappingFinding,
    Named,
    Needs,
    Rule,
    RulePart,
    Step,
    Value,
    value_steps,
)
from importer.mapper.transforms import Word, one_or_more
from importer.mapper.values import Rows, RuleWork, Values, changed
from importer.model.candidates import ENDS, ID_FIELDS, NEVER, ROLE_END, wrong_end
from importer.model.fields import Shape
from importer.model.problem import CellFinding
from importer.model.text import one_line

_CURLY = re.compile(r"([“‘„]).*([”’“])")
_PIPED = re.compile(rf"\s*\|\s*({'|'.join(KINDS)})\b.*")


class When(Step[Condition]):
    """The rows to which the rule applies; in others the `default` is used."""

    key = "when"
    form = Condition
    position = 10
    changes = False
    leaves_blank = True
    bypasses = True

    @property
    def needs(self) -> Needs:
        return Needs(conditions=((("when",), self.value),))

    @property
    def everywhere(self) -> bool:
        return not self.value

    def describe(self, said: str, part: RulePart) -> str:
        """`if Type is Staff: `."""
        return f"{said}if {self.value}: " if self.value else said

    def run(self, values: Values, work: RuleWork) -> Values:
        return values.only(work.meeting(self.value, values.applies))


class From(Step[tuple[Template, ...]]):
    """A template, or several: the first one that is not blank."""

    key = "from"
    form = Annotated[
        tuple[Written, ...],
        Field(min_length=1),
        BeforeValidator(one_or_more, json_schema_input_type=Word | list[Word]),
    ]
    position = 20
    source = True
    changes = False

    @property
    def needs(self) -> Needs:
        return Needs(templates=self.value)

    def check(self, part: RulePart) -> Iterator[MappingFinding]:
        """A constant fits its field; nothing comes after one; a text is no command."""
        shape, constant = part.of.field.shape, part.rule.constant
        if part.of.field.path in {*ENDS, ROLE_END} and not any(s.changes for s in part.rule.steps):
            today = datetime.now(UTC).date()
            for text in {one.constant or "" for one in self.value} - {NEVER}:
                if is_iso(text) and (why := wrong_end(text, today)):
                    wrong = f"`{text}` is {why}; for a record that never ends, write `{NEVER}`"
                    yield MappingFinding(part.steps, wrong)
        if shape is Shape.DATE and constant is not None and not is_iso(constant):
            wrong = f"`{constant}` is not a date; write it as 2027-05-15"
            yield MappingFinding(part.steps, wrong)
        if shape is Shape.FLAG and constant not in {None, "true", "false"}:
            yield MappingFinding(part.steps, f"must be `true` or `false`, not `{constant}`")
        for fixed in [t for t in self.value[:-1] if t.never_blank][:1]:
            yield part.hint("from", f"nothing after `{fixed.text}` is ever used")
        for template in self.value:
            texts = [text for text in template.parts if isinstance(text, str)]
            if template.cells and (marks := _CURLY.fullmatch(template.text)):
                wrong = (
                    f"`{marks[1]}` and `{marks[2]}` are text here and would be sent; delete them"
                )
                yield MappingFinding(part.steps, wrong, level=Level.HINT)
            if template.cells and (piped := _PIPED.fullmatch(texts[-1] if texts else "")):
                value = template.text.removesuffix(piped[0])
                wrong = f"`{piped[0].strip()}` is a text here and would be sent"
                wrong += f"; write `{{from: {value}, clean: [{piped[1]}]}}`"
                yield MappingFinding(part.steps, wrong, level=Level.HINT)

    def describe(self, said: str, part: RulePart) -> str:
        """`<Called> or else always none`."""
        ways = (t.text if "<" in t.text else f"always `{t.text}`" for t in self.value)
        return said + " or else ".join(ways)

    def codes(self, given: Codes, steps: Steps, tables: Tables, named: Named) -> Codes:
        """The constants, the cells, and what the named values give."""
        for template in self.value:
            if (one := named.get(name := template.lone_value)) is not None:
                if isinstance(one, Rule):  # found once; one that takes itself gives no more
                    named[name] = ()
                    found = one.codes(value_steps(name), tables, named)
                    named[name] = one = tuple(dict.fromkeys(found))
                yield from one
            elif template.cells or template.constant:
                yield template.constant, steps

    def run(self, values: Values, work: RuleWork) -> Values:
        evaluation, clean = work.evaluation, work.rule.get(Clean)
        lines = work.one.rule.passes_lines or (clean is not None and clean.sees_lines)
        texts, content = work.fill(self.value[0], lines=lines)
        for template in self.value[1:]:
            more, contributes = work.fill(template, lines=lines)
            texts, content = np.where(texts != "", texts, more), content | contributes
        found = Values.of(texts, content, values.applies)
        if lines:
            found.source = changed(found.texts, one_line)
        dashed = np.logical_or.reduce([evaluation.dashed_in(one) for one in self.value])
        found.dashed = dashed & found.applies & ~found.filled
        if work.one.column.id_rule is None and work.one.rule.field.path in ID_FIELDS:
            found.found += self._wrong_ids(work, found.applies)
        return found

    def _wrong_ids(self, work: RuleWork, rows: Rows) -> Iterator[tuple[int, CellFinding, str]]:
        """Find the IDs that are not as the rule of the one column asks that they are from.

        The checks know only rules that all columns of a field have. An ID is judged as `clean`
        leaves it.
        """
        clean, mapping = work.rule.get(Clean) or Clean(()), work.evaluation.mapping
        for template in self.value:
            texts, _ = work.fill(template, lines=clean.sees_lines)
            cells = (cell for cell in template.cells if template.lone_cell)
            for rule in filter(None, map(mapping.id_rule, cells)):
                left = {text: clean.of(text) for text in {*texts[rows]}}
                bad = {text: rule.wrong(one_line(word)) for text, word in left.items() if word}
                for row in np.flatnonzero(rows).tolist():
                    if finding := bad.get(texts[row]):
                        yield row, finding, one_line(texts[row])
            rows = rows & (texts == "")


class Cases(Step[tuple[Rule, ...]]):
    """Several rules in place of `from`: the first whose `when` is met is used."""

    key = "cases"
    form = Annotated[tuple[Value, ...], Field(min_length=1)]
    position = 30
    source = True
    changes = False
    leaves_blank = True
    bypasses = True

    @property
    def needs(self) -> Needs:
        return Needs(rules=tuple((("cases", at), case) for at, case in enumerate(self.value)))

    @property
    def everywhere(self) -> bool:
        return any(case.everywhere for case in self.value)

    def check(self, part: RulePart) -> Iterator[MappingFinding]:
        """Nothing comes after a case for every row; a case of a date reads its own texts."""
        for kind in (Clean, Lookup, DatesStep) if part.of.field.shape is Shape.DATE else ():
            if part.rule.get(kind) is not None:
                wrong = "each case of a date reads its own cell; write this inside the cases"
                yield part.finding(kind.key, wrong)
        open_ended = [at for at, case in enumerate(self.value[:-1]) if case.get(When) is None]
        for at in open_ended[:1]:
            wrong = "no case after this one is ever used; give it a `when`, or write it last"
            yield part.hint("cases", wrong, at)

    def describe(self, said: str, part: RulePart) -> str:
        """`if Type is Staff: <Dept> – otherwise: always OTHER`."""
        ways = (
            ("" if case.get(When) else "otherwise: ") + part.describe(case) for case in self.value
        )
        return said + " – ".join(ways)

    def codes(self, given: Codes, steps: Steps, tables: Tables, named: Named) -> Codes:
        for at, case in enumerate(self.value):
            yield from case.codes((*steps, "cases", at), tables, named)

    def run(self, values: Values, work: RuleWork) -> Values:
        """Evaluate for each row the first case that is for it."""
        rows = values.applies
        found = values.only(np.zeros_like(rows))
        for case in self.value:
            when = case.get(When)
            met = work.meeting(when.value, rows) if when else rows
            found = work.evaluate(case.having({When.key: None}), met).over(found, met)
            rows = rows & ~met
        return found


class Default(Step[Rule]):
    """Another value or rule, used where all that came before is blank."""

    key = "default"
    form = Value
    position = 100
    changes = False
    bypasses = True

    @property
    def needs(self) -> Needs:
        return Needs(rules=((("default",), self.value),))

    def check(self, part: RulePart) -> Iterator[MappingFinding]:
        """Something before it can be blank."""
        fixed = any(template.never_blank for template in part.rule.templates)
        if fixed and not any(step.leaves_blank for step in part.rule.steps):
            wrong = "is never used, because the value before it is never blank"
            yield part.hint("default", wrong)

    def describe(self, said: str, part: RulePart) -> str:
        """`; if that is blank: always en`."""
        otherwise = any(step.bypasses for step in part.rule.steps if step is not self)
        when = "otherwise" if otherwise else "if that is blank"
        return f"{said}; {when}: {part.describe(self.value)}"

    def codes(self, given: Codes, steps: Steps, tables: Tables, named: Named) -> Codes:
        """Those before it that are not blank, and its own."""
        yield from (one for one in given if one[0] != "")
        yield from self.value.codes((*steps, "default"), tables, named)

    def run(self, values: Values, work: RuleWork) -> Values:
        """Evaluate it where the rest is blank and nothing failed."""
        blank = work.rows & ~values.filled & ~values.failed
        other = work.evaluate(self.value, blank)
        values.dashed = values.dashed | other.dashed
        return values.over(other, ~(blank & other.filled))
