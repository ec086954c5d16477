"""Evaluate a compiled mapping over a roster: one column per field, and the problems on the way.

A rule is evaluated in the order of the language: when, from or cases, clean, lookup, dates, plus,
default. Each distinct text of a column goes through a step once.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date
from functools import reduce
from itertools import compress

import numpy as np
import pandas as pd

from importer.mapper.compile import (
    Bindings,
    CellsOf,
    CompiledEntry,
    CompiledField,
    CompiledMapping,
    cells_of,
)
from importer.mapper.conditions import EVERY_ROW, Condition
from importer.mapper.dates import END_OF_TERM, Dates, Orders, moved, order_notice, order_of
from importer.mapper.lookups import NO_CODE, code_reader
from importer.mapper.mapping import EXTERNAL_SYSTEM
from importer.mapper.placeholders import Cell, Template, Variable, heading_key
from importer.mapper.schema import PlusBy, Rule
from importer.mapper.secret_columns import without_marks
from importer.mapper.transforms import TIDIED, Reading, Transform, id_transforms, transform
from importer.mapper.values import NO_SYSTEM, ONE_PART, Rows, Texts, Values, changed, texts_of
from importer.model.candidates import ENDS, NAMES, Candidates
from importer.model.fields import NO_CODES, SECRETS, TYPE_FIELD, CodeTables, Shape
from importer.model.problem import CellFinding, Code, Place, Problem, Severity
from importer.model.roster import NOT_KEPT, Roster
from importer.model.text import RowId, counted, spans
from importer.model.user import AccountType


def evaluate(
    mapping: CompiledMapping,
    roster: Roster,
    codes: CodeTables = NO_CODES,
    orders: Orders | None = None,
) -> Candidates:
    """Map every row of the roster that `only` takes and no `skip` leaves out, in order.

    `orders`: those that the columns of the whole roster show, where this is a part of it.
    """
    work = _Evaluation(mapping, roster, codes)
    work.orders |= orders or {}
    work.select_rows()
    work.report_more_parts()
    for one in mapping.scalars:
        work.scalar(one)
    for entry in mapping.entries:
        work.entry(entry)
    columns = {label: work.columns[label] for label in mapping.layout.targets}
    frame = pd.DataFrame(columns, index=work.numbers, dtype=object)
    skipped = tuple(roster.frame.index.difference(frame.index, sort=False).tolist())
    problems = tuple(sorted(work.problems, key=lambda problem: problem.origin.row))
    behind = {name: work.behind[name].tolist() for name in NAMES if name in work.behind}
    own = {name: work.own[name].tolist() for name in ENDS if name in work.own}
    silent, orders = work.not_applicable, work.orders
    return Candidates(
        roster.source,
        mapping.layout,
        frame,
        roster.frame,
        silent,
        skipped,
        problems,
        orders,
        behind,
        own,
    )


class _Evaluation:
    """One roster on its way to candidates.

    `numbers`: those of the rows that are mapped. `cells`: the columns of the roster that the
    mapping uses, by `heading_key`. `columns`: the fields and values so far, by label. `dates`: what
    conditions compare as dates. `orders`: of the dates in columns, as they show it. `countries` are
    those of each row's address, "" where it is not known. `located`: the countries that the present
    entry is in; None if it has none. `own`: by label, see `Values.own`.
    `behind`: by label, the texts before the rule's steps.
    """

    def __init__(self, mapping: CompiledMapping, roster: Roster, codes: CodeTables) -> None:
        """Take the cells that the mapping uses, without its words for a blank, and repair IDs."""
        self.mapping, self.file = mapping, mapping.mapping.file
        self.roster, self.codes = roster, codes
        self.numbers: list[int] = roster.frame.index.tolist()
        self.every: Rows = np.ones(len(self.numbers), dtype=bool)
        self.cells: dict[str, Texts] = {}
        self.columns: dict[str, Texts] = {}
        self.dates: dict[CellsOf | str, Texts] = {}
        self.orders: Orders = {}
        self.countries: Texts | None = None
        self.located: Texts | None = None
        self.not_applicable: dict[str, frozenset[int]] = {}
        self.own: dict[str, Rows] = {}
        self.behind: dict[str, Texts] = {}
        self.problems: list[Problem] = []
        blank = {heading_key(word) for word in self.file.roster.blank}
        for heading, use in mapping.columns.items():
            texts: Texts = roster.frame[use.position].to_numpy()
            if NOT_KEPT in texts:
                texts, found = without_marks(texts, self.every, use.labels)
                self._report(found, "".join(use.labels[:1]), (use.place,))
            if blank:
                texts = changed(texts, lambda text: "" if heading_key(text) in blank else text)
            rule = self.file.id_rule(heading)
            if rule is not None and use.labels:
                values = Values.of(texts, self.every, self.every)
                for change in id_transforms(rule):
                    values.step(change)
                self._report(values.found, use.labels[0], (use.place,))
                texts = values.texts
            self.cells[heading] = texts

    # --- rows ---

    def select_rows(self) -> None:
        """Leave out the rows that `roster.only` does not take, and those of `roster.skip`."""
        part = self.file.roster
        rows = self._meeting(part.only, self.every, {})
        for skip in part.skip:
            out = self._meeting(skip.when, rows, {})
            rows = rows & ~out
            if left_out := [RowId.of(row).number for row in compress(self.numbers, out)]:
                count, listed = counted(len(left_out), "row"), spans(left_out, 50)
                message = f"skipped {count} ({listed}): {skip.reason}"
                origin = self.roster.source.origin()
                self.problems.append(Problem.of(Code.ROWS_SKIPPED, origin, message))
        if rows.all():
            return
        self.cells = {key: texts[rows] for key, texts in self.cells.items()}
        self.columns = {label: texts[rows] for label, texts in self.columns.items()}
        self.dates = {key: texts[rows] for key, texts in self.dates.items()}
        self.numbers, self.every = list(compress(self.numbers, rows)), self.every[rows]
        kept = {self.roster.source.origin().row, *self.numbers}
        self.problems = [one for one in self.problems if one.origin.row in kept]
        self.not_applicable = {k: v & kept for k, v in self.not_applicable.items()}

    def report_more_parts(self) -> None:
        """Report the cells that have more parts than `each` makes entries of."""
        for each in {entry.part.each for entry in self.mapping.entries if entry.part.each}:
            key = heading_key(each.heading)
            values = Values.of(self.cells[key], self.every, self.every)
            values.step(each.checked)
            self._report(values.found, "", (self.mapping.columns[key].place,))

    def _meeting(self, condition: Condition, rows: Rows, bound: Bindings) -> Rows:
        """Return which of the rows meet a condition."""
        today, tables = self.mapping.run.today, self.mapping.mapping.tables
        for _, key, test in condition.tests:
            as_dates = test.of_date
            column = self._as_dates(key, bound) if as_dates else self._column(key, bound)
            texts: list[str] = column.tolist()
            accepted = test.accepted({*texts}, today, tables)
            rows = rows & np.fromiter(map(accepted.__contains__, texts), bool, len(texts))
        if condition.any:
            ways = [self._meeting(one, rows, bound) for one in condition.any]
            rows = np.logical_or.reduce(ways)
        return rows

    def _as_dates(self, key: Cell | Variable, bound: Bindings) -> Texts:
        """Return the dates of a whole column as ISO, blank where there is none, read once."""
        texts, places = self._column(key, bound), tuple[Place, ...]()
        at = key.name if isinstance(key, Variable) else cells_of(key, bound)
        if at in self.dates:
            return self.dates[at]
        if isinstance(key, Cell):
            places = (self.mapping.columns[heading_key(key.heading)].place,)
        elif self.mapping.named[key.name].rule.field.shape is Shape.DATE:
            return texts
        values = Values.of(texts, self.every, self.every)
        dates = self.file.roster.dates
        order = None if dates.order else order_of(at, texts, dates, self.orders)
        dates = dates.model_copy(update={"order": order}) if order else dates
        values.step(lambda text, _: dates.iso(text))
        self._report(values.found, "", places)
        self.dates[at] = values.texts
        return values.texts

    # --- fields and entries ---

    def scalar(self, one: CompiledField) -> None:
        """Evaluate a field of the record itself, unless another one has needed it already."""
        if one.column.label not in self.columns:
            values = self._evaluate(one, one.rule.rule, self.every)
            self._require(one, values, self.every)
            self._finish(one, values)

    def entry(self, compiled: CompiledEntry) -> None:
        """Evaluate an entry: left out of rows that have nothing for it, whole in the others.

        It is left out, with a warning, of rows in which only its main part is blank.
        """
        part, bound = compiled.part, compiled.fields[0].bound
        rows = self._meeting(part.when, self.every, bound)
        self.located = self._countries(compiled, rows)
        values = {
            one.column.label: self._evaluate(one, one.rule.rule, rows) for one in compiled.fields
        }
        self.located = None
        deciding = () if part.placeholder else compiled.deciding
        there = np.zeros_like(rows) if deciding else rows
        for one in deciding:
            there = there | values[one.column.label].content
        if part.each is not None:
            there = there & self._column(part.each.template.cells[0], bound).astype(bool)
        needed = [one for one in compiled.fields if one.rule.field.facts.required]
        for one in needed:
            there = there & values[one.column.label].applies
        for one in needed:
            if one.rule.required == "false":
                there = self._complete(one, values[one.column.label], there, compiled)
        for one in compiled.fields:
            found = values[one.column.label]
            self._require(one, found, rows)
            found.texts = np.where(there, found.texts, "")
            found.found = [item for item in found.found if there[item[0]]]
            self._finish(one, found)

    def _countries(self, compiled: CompiledEntry, rows: Rows) -> Texts | None:
        """The countries that an entry is in: its own, or for a phone those of the addresses."""
        if compiled.entry.parent == "contact_info.phone":
            return self.countries
        for one in compiled.fields:
            if one.rule.field.path == "contact_info.address.country":
                own = self._evaluate(one, one.rule.rule, rows).texts
                known = self.countries
                self.countries = own if known is None else np.where(known != "", known, own)
                return own
        return None

    # --- rules ---

    def _evaluate(self, one: CompiledField, rule: Rule, rows: Rows) -> Values:
        """Evaluate a rule: when, from or cases, clean, lookup, dates, plus, default.

        A default is used where the rest is blank and nothing failed.
        """
        values = self._texts(one, rule, self._meeting(rule.when, rows, one.bound))
        if one.rule.field.shape is Shape.DATE:
            spans = self._spans(one, rule, values.applies)
            beside, read = spans.texts if spans else None, self._date_reader(one, rule)
            values.step(read, beside, writes=rule.plus is not None)
            values.found += spans.found if spans else ()
        if rule.default is None:
            return values
        blank = rows & ~values.filled
        blank[[row for row, _, _ in values.found]] = False
        other = self._evaluate(one, rule.default, blank)
        return values.over(other, ~(blank & other.filled))

    def _texts(self, one: CompiledField, rule: Rule, rows: Rows) -> Values:
        """Apply a rule to rows that meet its condition, up to its lookup."""
        if rule.cases:
            values = self._case(one, rule.cases, rows)
        else:
            texts, content = self._fill(rule.templates[0], one.bound)
            for template in rule.templates[1:]:
                more, contributes = self._fill(template, one.bound)
                texts, content = np.where(texts != "", texts, more), content | contributes
            values = Values.of(texts, content, rows)
            values.own = values.own & self.own.get(rule.lone_variable, self.every)
        tidied = TIDIED.get(one.rule.field.path) if rule.lone_cells else None
        apart = any(step.split or step.replace or step.extract for step in rule.clean)
        if tidied is not None and not apart:
            values.step(tidied)
        for step in rule.clean:
            values.step(transform(step), self.located)
            if step.selects:  # it may leave the text out on purpose, so that nothing is missing
                values.content &= values.filled
        if tidied is not None and apart:
            values.step(tidied)
        if rule.lookup is not None:
            values.step(self.mapping.mapping.tables[rule.lookup].find, writes=True)
            values.content[values.unexplained(values.applies)] = False  # blank on purpose, too
        return values

    def _case(self, one: CompiledField, cases: Sequence[Rule], rows: Rows) -> Values:
        """Evaluate for each row the first case whose `when` is met."""
        nothing = np.zeros_like(rows)
        values = Values.of(self._same(""), nothing, nothing)
        for case in cases:
            met = self._meeting(case.when, rows, one.bound)
            unconditional = case.model_copy(update={"when": EVERY_ROW})
            values = self._evaluate(one, unconditional, met).over(values, met)
            rows = rows & ~met
        return values

    def _fill(self, template: Template, bound: Bindings) -> tuple[Texts, Rows]:
        """The texts of a template, and whether the roster or the record contributes anything.

        A text is blank if everything that it takes from roster and record is blank. Run variables
        are never blank; they count only if nothing else is filled in.
        """
        columns = [self._column(part, bound) for part in template.parts]
        whole = reduce(operator.add, columns)
        if len(columns) > 1 or template.variables:
            whole = changed(whole, lambda text: " ".join(text.split()))
        given = [
            column.astype(bool)
            for part, column in zip(template.parts, columns, strict=True)
            if isinstance(part, Cell) or (isinstance(part, Variable) and not part.of_run)
        ]
        content = reduce(operator.or_, given, np.zeros_like(self.every))
        return (np.where(content, whole, "") if given else whole), content

    def _column(self, part: str | Cell | Variable, bound: Bindings) -> Texts:
        run = self.mapping.run
        if isinstance(part, Cell):
            key, each, number = cells_of(part, bound)
            texts = self.cells[key]
            return changed(texts, lambda text: each.part(text, number)) if each else texts
        if isinstance(part, str):
            return self._same(part)
        if not part.of_run:
            self.scalar(self.mapping.named[part.name])
            return self.columns[part.name]
        if part.name == "row":
            return texts_of(str(RowId.of(row).number) for row in self.numbers)
        known = {"today": run.today.isoformat(), "file": run.file, "sheet": run.sheet}
        return self._same(known[part.name])

    def _same(self, text: str) -> Texts:
        return np.broadcast_to(np.array(text, dtype=object), len(self.numbers))

    def _spans(self, one: CompiledField, rule: Rule, rows: Rows) -> Values | None:
        """The `plus` of each row if it differs from row to row.

        That of a term whose dates depend on the group is followed by the row's group.
        """
        by_group = isinstance(self.file.terms, dict)
        if isinstance(rule.plus, PlusBy):
            spans = Values.of(*self._fill(rule.plus.by, one.bound), rows)
            spans.step(self.mapping.mapping.tables[rule.plus.lookup].find)
        elif rule.plus == END_OF_TERM and by_group:
            spans = Values.of(self._same(END_OF_TERM), rows, rows)
        else:
            return None
        if by_group:
            groups = " " + self._column(Variable("user_group"), one.bound)
            spans.texts = spans.texts + np.where(spans.texts == END_OF_TERM, groups, "")
        return spans

    def _date_reader(self, one: CompiledField, rule: Rule) -> Transform:
        """The step that reads a date, moves it by `plus`, and writes it as ISO."""
        dates = self.file.dates(rule)
        if not dates.order and not rule.cases:
            dates = self._shown(one, rule, dates)
        plus = rule.plus if isinstance(rule.plus, str) else ""

        def read(text: str, span: str) -> Reading:
            day, finding = dates.iso(text)
            if not day or rule.plus is None:
                return day, finding
            return moved(date.fromisoformat(day), span or plus, self.file.terms)

        return read

    def _shown(self, one: CompiledField, rule: Rule, dates: Dates) -> Dates:
        """How dates whose order the mapping does not declare are read: as the column shows it.

        If the column shows no order, its dates stay ambiguous, and each is a problem.
        """
        rows = self._meeting(rule.when, self.every, one.bound)
        texts = self._texts(one, rule, rows).texts
        order = order_of((one.column.label, *rule.templates), texts, dates, self.orders)
        if order is None:
            return dates
        self._report([(None, order_notice(order), "")], one.column.label, one.column.places)
        return dates.model_copy(update={"order": order})

    def _finish(self, one: CompiledField, values: Values) -> None:
        """Write codes as Alma has them, keep the column, and report what was found."""
        column = one.column
        read = code_reader(column.field, self.codes, from_cells=column.from_cells)
        if read is not None:
            values.source = values.texts
            values.step(lambda text, _: read(text))
        self._report(values.found, column.label, column.places)
        self.columns[column.label] = values.texts
        self.own[column.label] = values.own
        self.behind[column.label] = self.behind.get(one.rule.rule.lone_variable, values.source)
        if silent := frozenset(compress(self.numbers, ~values.applies)):
            self.not_applicable[column.label] = silent

    # --- problems ---

    def _require(self, one: CompiledField, values: Values, rows: Rows) -> None:
        """Add a problem for each of the rows that leaves a required field blank."""
        if one.rule.required == "false":
            return
        severity = Severity.WARNING if one.rule.required == "warn" else None
        no_id = one.column.label == "primary_id" and self.file.account_type is AccountType.EXTERNAL
        code = Code.MISSING_EMPL_ID if no_id else Code.MISSING_VALUE
        split = any(step.split for step in one.rule.rule.clean)
        cells = [cell for t in one.rule.templates for cell in t.cells] if split else []
        for row in values.unexplained(rows):
            message = "is blank, and this person is External" if no_id else "is blank"
            advice = NO_SYSTEM if one.rule.field.path == EXTERNAL_SYSTEM else ""
            if without_code := self._without_code(one, values, row):
                message, advice = NO_CODE
            elif any(self._column(cell, one.bound)[row] for cell in cells):
                message, advice = "has one part only, so a part is missing", ONE_PART
            finding = CellFinding(code, message, advice, severity)
            self._report([(row, finding, without_code)], one.column.label, one.column.places)

    def _complete(
        self, one: CompiledField, values: Values, there: Rows, compiled: CompiledEntry
    ) -> Rows:
        """Add a problem for each row that has the entry without a part that it needs.

        Return the rows that still have it: those without its main part do not.
        """
        name = one.rule.field.name
        main = name != TYPE_FIELD[compiled.entry.parent]
        every = tuple(place for other in compiled.fields for place in other.column.places)
        left_out = "; the entry is left out" if main else ""
        message = f"`{name}` is blank, but other parts of the same entry are not{left_out}"
        advice = "Fill in the cell, or clear the other cells of this entry."
        severity = Severity.WARNING if main else None
        finding = CellFinding(Code.MISSING_VALUE, message, advice, severity)
        blank = values.unexplained(there)
        no_code = replace(finding, message=f"{NO_CODE[0]}{left_out}", advice=NO_CODE[1])
        texts = [(row, self._without_code(one, values, row)) for row in blank]
        found = [(row, no_code if text else finding, text) for row, text in texts]
        self._report(found, one.column.label, one.column.places or every)
        left = there.copy()
        left[blank] &= not main
        return left

    def _without_code(self, one: CompiledField, values: Values, row: int) -> str:
        """Return the text of a row for which a lookup gives a blank; "" if there is none."""
        looked_up = any(part.lookup is not None for _, part in one.rule.parts)
        return str(values.source[row]) if looked_up else ""

    def _report(
        self,
        found: Iterable[tuple[int | None, CellFinding, str]],
        label: str,
        places: tuple[Place, ...],
    ) -> None:
        """Add findings about cells as problems of their rows; None is the whole roster."""
        for row, finding, text in found:
            origin = self.roster.source.origin(0 if row is None else self.numbers[row])
            shown = "" if label in SECRETS else text
            self.problems.append(finding.problem(origin, *places, field=label, value=shown))
