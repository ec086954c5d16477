"""Evaluate a compiled mapping over a roster: one column per field, and the problems on the way.

A rule is evaluated in the order of the language: when, from or cases, clean, lookup, dates, plus,
default.
Each distinct text of a column goes through a step once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

import pandas as pd

from importer.mapper.compile import CompiledEntry, CompiledField, CompiledMapping, Position
from importer.mapper.conditions import Condition
from importer.mapper.dates import END_OF_TERM, ORDER_WORDS, Dates, moved, shown_order
from importer.mapper.lookups import KeyFile, code_reader
from importer.mapper.mapping import EXTERNAL_SYSTEM
from importer.mapper.placeholders import Cell, Template, Variable, heading_key
from importer.mapper.schema import PlusBy, Rule
from importer.mapper.transforms import TIDIED, Reading, Transform, id_transforms, transform
from importer.mapper.values import Values, filled
from importer.model.candidates import Candidates, FieldColumn
from importer.model.catalogue import Code, Severity
from importer.model.fields import NO_CODES, TYPE_FIELD, CodeTables, Shape
from importer.model.problem import CellFinding, Place, Problem
from importer.model.roster import Roster
from importer.model.text import ROSTER_ROWS, counted, spans
from importer.model.user import AccountType


def evaluate(mapping: CompiledMapping, roster: Roster, codes: CodeTables = NO_CODES) -> Candidates:
    """Map every row of the roster that `only` takes and no `skip` leaves out, in order."""
    work = _Evaluation(mapping, roster, codes, roster.frame.astype(object))
    work.blank_words()
    work.repair_ids()
    work.select_rows()
    work.report_more_parts()
    for one in mapping.scalars:
        work.scalar(one)
    for entry in mapping.entries:
        work.entry(entry)
    index, taken = roster.frame.index, work.cells.index
    labels = list(mapping.layout.targets)
    columns = {label: work.columns[label] for label in labels}
    frame = pd.DataFrame(columns, index=taken, columns=labels, dtype=object)
    skipped = tuple(index[~index.isin(taken)].tolist())
    problems = tuple(sorted(work.problems, key=lambda problem: problem.origin.row))
    return Candidates(roster.source, mapping.layout, frame, work.not_applicable, skipped, problems)


# --- the evaluation ---


@dataclass(slots=True)
class _Evaluation:
    """One roster on its way to candidates; `columns` are those done so far, by label.

    `countries` are those of each row's address, "" where it is not known. `located`: the countries
    that the present entry is in; None if it has none. `dates`: what conditions compare as dates.
    """

    mapping: CompiledMapping
    roster: Roster
    codes: CodeTables
    cells: pd.DataFrame
    columns: dict[str, pd.Series[str]] = field(default_factory=dict)
    countries: pd.Series[str] | None = None
    located: pd.Series[str] | None = None
    dates: dict[Cell | Variable, pd.Series[str]] = field(default_factory=dict)
    not_applicable: dict[str, frozenset[int]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    # --- rows ---

    def blank_words(self) -> None:
        """Blank the cells that contain a word of `roster.blank`."""
        words = {heading_key(word) for word in self.mapping.mapping.file.roster.blank}
        for use in self.mapping.columns.values() if words else ():
            texts = self.cells[use.position]
            found = [text for text in texts.unique() if heading_key(text) in words]
            self.cells[use.position] = texts.where(~texts.isin(found), "")

    def repair_ids(self) -> None:
        """Apply the `ids:` rules to their columns."""
        for heading, use in self.mapping.columns.items():
            rule = self.mapping.mapping.file.id_rule(heading)
            if rule is not None and use.labels:
                texts = self.cells[use.position]
                values = Values.of(texts, filled(texts))
                for change in id_transforms(rule):
                    values.step(change)
                self._report(values, use.labels[0], (use.place,))
                self.cells[use.position] = values.texts

    def select_rows(self) -> None:
        """Leave out the rows that `roster.only` does not take, and those of `roster.skip`."""
        part = self.mapping.mapping.file.roster
        rows = self._meeting(part.only, self.cells.index, self.mapping.positions)
        for skip in part.skip:
            out = self._meeting(skip.when, rows, self.mapping.positions)
            rows = rows.difference(out, sort=False)
            if len(out):
                numbers = spans([row % ROSTER_ROWS for row in out.tolist()], 50)
                message = f"skipped {counted(len(out), 'row')} ({numbers}): {skip.reason}"
                origin = self.roster.source.origin()
                self.problems.append(Problem.of(Code.ROWS_SKIPPED, origin, message))
        if len(rows) < len(self.cells):
            self.cells = self.cells.loc[rows]
            self.columns = {label: texts.loc[rows] for label, texts in self.columns.items()}
            self.dates = {key: texts.loc[rows] for key, texts in self.dates.items()}
            kept = {self.roster.source.origin().row, *rows.tolist()}
            self.problems = [one for one in self.problems if one.origin.row in kept]
            self.not_applicable = {k: v & kept for k, v in self.not_applicable.items()}

    def report_more_parts(self) -> None:
        """Report the cells that have more parts than `each` makes entries of."""
        for each in {entry.part.each for entry in self.mapping.entries if entry.part.each}:
            use = self.mapping.columns[heading_key(each.heading)]
            texts = self.cells[use.position]
            for row, text in zip(texts.index.tolist(), texts.tolist(), strict=True):
                if len(each.parts(text)) > each.most:
                    origin = self.roster.source.origin(row)
                    message = f"{{value}} has more than {each.most} parts; the others are left out"
                    self.problems.append(
                        Problem.of(Code.TOO_MANY_PARTS, origin, message, use.place, value=text)
                    )

    def _meeting(
        self, condition: Condition, rows: pd.Index[int], positions: Mapping[str, Position]
    ) -> pd.Index[int]:
        """Return which of the rows meet a condition."""
        if not condition:
            return rows
        return rows[self._meets(condition, rows, positions)]

    def _meets(
        self, condition: Condition, rows: pd.Index[int], positions: Mapping[str, Position]
    ) -> list[bool]:
        """Return, row by row, whether it meets a condition; each distinct text is tested once."""
        met = [True] * len(rows)
        for key, test in condition.tests:
            texts = self._column(key, rows, positions)
            if test.of_date:
                texts = self._as_dates(key, positions)
                texts = texts if len(texts) == len(rows) else texts.loc[rows]
            every = texts.tolist()
            accepted = test.accepted(set(every), self.mapping.run.today, self._listed)
            met = [so_far and text in accepted for so_far, text in zip(met, every, strict=True)]
        if condition.any:
            ways = zip(*(self._meets(one, rows, positions) for one in condition.any), strict=True)
            met = [so_far and any(one) for so_far, one in zip(met, ways, strict=True)]
        return met

    def _as_dates(self, key: Cell | Variable, positions: Mapping[str, Position]) -> pd.Series[str]:
        """Return the dates of a whole column as ISO, blank where there is none, read once."""
        if key not in self.dates:
            texts = self._column(key, self.cells.index, positions)
            named = self.mapping.named.get(key.name) if isinstance(key, Variable) else None
            if named is not None and named.rule.field.shape is Shape.DATE:
                return texts
            values = Values.of(texts, filled(texts))
            dates = self.mapping.mapping.file.roster.dates
            order = shown_order({*texts.unique()} - {""}, dates) if not dates.order else None
            dates = dates.model_copy(update={"order": order}) if order else dates
            values.step(lambda text, _: _read_date(text, dates))
            use = isinstance(key, Cell) and self.mapping.columns[heading_key(key.heading)]
            self._report(values, "", (use.place,) if use else ())
            self.dates[key] = values.texts
        return self.dates[key]

    def _listed(self, file: KeyFile, text: str) -> bool:
        """Whether a text is in a file."""
        return heading_key(text) in self.mapping.mapping.tables[file].codes

    # --- fields and entries ---

    def scalar(self, one: CompiledField) -> None:
        """Evaluate a field of the record itself, unless another one has needed it already."""
        if one.column.label not in self.columns:
            values = self._evaluate(one, one.rule.rule, self.cells.index)
            self._finish(one, values)
            self._require(one, values)

    def entry(self, compiled: CompiledEntry) -> None:
        """Evaluate an entry: left out of rows that have nothing for it, whole in the others.

        It is left out, with a warning, of rows in which only its main part is blank.
        """
        self.located = self._countries(compiled)
        whole = self.cells.index
        part = compiled.part
        rows = self._meeting(part.when, whole, self.mapping.positions)
        values = {
            one.column.label: self._evaluate(one, one.rule.rule, rows) for one in compiled.fields
        }
        self.located = None
        deciding = () if part.placeholder else compiled.deciding
        there = pd.Series(data=not deciding, index=rows)
        for one in deciding:
            there |= values[one.column.label].content
        if part.each is not None:
            position = compiled.fields[0].positions[heading_key(part.each.heading)]
            there &= filled(self._cells(position).loc[rows])
        needed = [one for one in compiled.fields if one.rule.field.facts.required]
        for one in needed:
            there &= values[one.column.label].applies
        for one in needed:
            if one.rule.required == "false":
                self._complete(one, values[one.column.label], there, compiled)
        there = there.reindex(whole, fill_value=False)
        for one in compiled.fields:
            found = values[one.column.label]
            self._require(one, found)
            found = found.over(whole)
            found.texts = found.texts.where(there, "")
            found.found = [item for item in found.found if there[item[0]]]
            self._finish(one, found)

    def _countries(self, compiled: CompiledEntry) -> pd.Series[str] | None:
        """The countries that an entry is in: its own, or for a phone those of the addresses."""
        if compiled.entry.parent == "contact_info.phone":
            return self.countries
        if compiled.entry.parent != "contact_info.address":
            return None
        for one in compiled.fields:
            if one.rule.field.name == "country":
                rows = self._meeting(compiled.part.when, self.cells.index, self.mapping.positions)
                own = self._evaluate(one, one.rule.rule, rows).over(self.cells.index).texts
                known = self.countries
                self.countries = own if known is None else known.where(filled(known), own)
                return own
        return None

    # --- rules ---

    def _evaluate(self, one: CompiledField, rule: Rule, rows: pd.Index[int]) -> Values:
        """Evaluate a rule: when, from or cases, clean, lookup, dates, plus, default."""
        met = self._meeting(rule.when, rows, one.positions)
        return self._or_default(one, rule, self._given(one, rule, met).over(rows))

    def _or_default(self, one: CompiledField, rule: Rule, values: Values) -> Values:
        """Return what a rule gave, and its default where that is blank and nothing failed."""
        if rule.default is None:
            return values
        rows = values.texts.index
        failed = {row for row, _, _ in values.found}
        blank = rows[~filled(values.texts) & ~rows.isin(failed)]
        return values.or_else(self._evaluate(one, rule.default, blank))

    def _given(self, one: CompiledField, rule: Rule, rows: pd.Index[int]) -> Values:
        """Apply a rule to rows that meet its condition, without its default."""
        values = self._texts(one, rule, rows)
        if one.rule.field.shape is Shape.DATE:
            spans, found = self._spans(one, rule, rows)
            values.step(self._date_reader(one, rule), spans)
            values.found += found
        return values

    def _texts(self, one: CompiledField, rule: Rule, rows: pd.Index[int]) -> Values:
        """Apply a rule to rows that meet its condition, up to its lookup."""
        if rule.cases:
            values = self._case(one, rule.cases, rows)
        else:
            texts, content = self._fill(rule.templates[0], rows, one.positions)
            for template in rule.templates[1:]:
                more, contributes = self._fill(template, rows, one.positions)
                texts, content = texts.where(filled(texts), more), content | contributes
            values = Values.of(texts, content)
        tidied = TIDIED.get(one.rule.field.path) if rule.lone_cells else None
        apart = any(step.split or step.replace or step.extract for step in rule.clean)
        if tidied is not None and not apart:
            values.step(tidied)
        for step in rule.clean:
            values.step(transform(step), self.located)
            if step.selects:  # it may leave the text out on purpose, so that nothing is missing
                values.content &= filled(values.texts)
        if tidied is not None and apart:
            values.step(tidied)
        if rule.lookup is not None:
            values.step(self.mapping.mapping.tables[rule.lookup].find)
        return values

    def _case(self, one: CompiledField, cases: Sequence[Rule], rows: pd.Index[int]) -> Values:
        """Evaluate for each row the first case whose `when` is met."""
        taken, left = [], rows
        for case in cases:
            met = self._meeting(case.when, left, one.positions)
            taken.append(self._or_default(one, case, self._given(one, case, met)))
            left = left[~left.isin(met)]
        return Values.together(taken, rows)

    def _fill(
        self, template: Template, rows: pd.Index[int], positions: Mapping[str, Position]
    ) -> tuple[pd.Series[str], pd.Series[bool]]:
        """The texts of a template, and whether the roster or the record contributes anything.

        A text is blank if everything that it takes from roster and record is blank. Run variables
        are never blank; they count only if nothing else is filled in.
        """
        content = pd.Series(data=False, index=rows)
        whole = pd.Series("", index=rows, dtype=object)
        optional = False
        for part in template.parts:
            column = self._column(part, rows, positions)
            whole = column if len(template.parts) == 1 else whole + column
            if isinstance(part, Cell) or (isinstance(part, Variable) and not part.of_run):
                optional = True
                content |= filled(column)
        if len(template.parts) > 1 or template.variables:
            whole = whole.map(lambda text: " ".join(text.split()))
        return (whole.where(content, "") if optional else whole), content

    def _column(
        self, part: str | Cell | Variable, rows: pd.Index[int], positions: Mapping[str, Position]
    ) -> pd.Series[str]:
        run = self.mapping.run
        constants = {"today": run.today.isoformat(), "file": run.file, "sheet": run.sheet}
        if isinstance(part, Cell):
            whole = self._cells(positions[heading_key(part.heading)])
        elif isinstance(part, Variable) and not part.of_run:
            self.scalar(self.mapping.named[part.name])
            whole = self.columns[part.name]
        elif isinstance(part, Variable) and part.name == "row":
            whole = pd.Series(
                [str(row % ROSTER_ROWS) for row in rows.tolist()], index=rows, dtype=object
            )
        else:
            text = constants[part.name] if isinstance(part, Variable) else part
            whole = pd.Series(text, index=rows, dtype=object)
        return whole if len(rows) == len(whole) else whole.loc[rows]

    def _cells(self, position: Position) -> pd.Series[str]:
        """A column of the roster, or one part of each of its cells."""
        if isinstance(position, int):
            return self.cells[position]
        at, each, number = position
        return self.cells[at].map(lambda text: each.part(text, number))

    def _spans(
        self, one: CompiledField, rule: Rule, rows: pd.Index[int]
    ) -> tuple[pd.Series[str] | None, list[tuple[int, CellFinding, str]]]:
        """The `plus` of each row if it differs from row to row, and what was found.

        That of a term whose dates depend on the group is followed by the row's group.
        """
        found: list[tuple[int, CellFinding, str]] = []
        by_group = isinstance(self.mapping.mapping.file.terms, dict)
        if isinstance(rule.plus, PlusBy):
            values = Values.of(*self._fill(rule.plus.by, rows, one.positions))
            values.step(self.mapping.mapping.tables[rule.plus.lookup].find)
            spans, found = values.texts, values.found
        elif rule.plus == END_OF_TERM and by_group:
            spans = pd.Series(END_OF_TERM, index=rows, dtype=object)
        else:
            return None, found
        if by_group:
            groups = self._column(Variable("user_group"), rows, one.positions)
            spans = spans.where(spans != END_OF_TERM, f"{END_OF_TERM} " + groups)
        return spans, found

    def _date_reader(self, one: CompiledField, rule: Rule) -> Transform:
        """The step that reads a date, moves it by `plus`, and writes it as ISO."""
        file = self.mapping.mapping.file
        dates = rule.dates.over(file.roster.dates) if rule.dates else file.roster.dates
        if not dates.order and not rule.cases:
            dates = self._shown(one, rule, dates)
        plus = rule.plus if isinstance(rule.plus, str) else ""

        def read(text: str, span: str) -> Reading:
            day, finding = _read_date(text, dates)
            if not day or rule.plus is None:
                return day, finding
            return moved(date.fromisoformat(day), span or plus, file.terms)

        return read

    def _shown(self, one: CompiledField, rule: Rule, dates: Dates) -> Dates:
        """How dates whose order the mapping does not declare are read: as the column shows it.

        If the column shows no order, its dates stay ambiguous, and each is a problem.
        """
        rows = self._meeting(rule.when, self.cells.index, one.positions)
        order = shown_order(set(self._texts(one, rule, rows).texts.unique()) - {""}, dates)
        if order is None:
            return dates
        self._problem(
            0,
            Code.READ_WITH_NOTICE,
            f"was read as {ORDER_WORDS[order]}, because some dates allow no other order",
            one.column,
            advice=f"If this is right, declare it in the mapping: `dates: {order}`.",
        )
        return dates.model_copy(update={"order": order})

    def _finish(self, one: CompiledField, values: Values) -> None:
        """Write codes as Alma has them, keep the column, and report what was found."""
        column = one.column
        read = code_reader(column.field, self.codes, from_cells=column.from_cells)
        if read is not None:
            values.source = values.texts
            values.step(lambda text, _: read(text))
        self._report(values, column.label, column.places)
        self.columns[column.label] = values.texts
        if not values.applies.all():
            rows = values.applies.index[~values.applies].tolist()
            self.not_applicable[column.label] = frozenset(rows)

    # --- problems ---

    def _require(self, one: CompiledField, values: Values) -> None:
        """Add a problem for each row that leaves a required field blank."""
        if one.rule.required == "false":
            return
        severity = Severity.WARNING if one.rule.required == "warn" else None
        external = self.mapping.layout.account_type is AccountType.EXTERNAL
        no_id = external and one.column.label == "primary_id"
        split = any(step.split for step in one.rule.rule.clean)
        for row in values.unexplained():
            message = "is blank, and this person is External" if no_id else "is blank"
            advice = _NO_SYSTEM if one.rule.field.path == EXTERNAL_SYSTEM else ""
            if split and any(self._column(cell, self.cells.index, one.positions)[row]
                             for t in one.rule.templates for cell in t.cells):  # fmt: skip
                message, advice = "has one part only, so a part is missing", _ONE_PART
            self._problem(
                row,
                Code.MISSING_EMPL_ID if no_id else Code.MISSING_VALUE,
                message,
                one.column,
                severity=severity,
                advice=advice,
            )

    def _complete(
        self, one: CompiledField, values: Values, there: pd.Series[bool], compiled: CompiledEntry
    ) -> None:
        """Add a problem for each row that has the entry without a part that it needs.

        A row without the entry's main part is no longer `there`.
        """
        field, list_name = one.rule.field, compiled.entry.parent
        main = field.name != TYPE_FIELD[list_name]
        every = tuple(place for other in compiled.fields for place in other.column.places)
        message = f"`{field.name}` is blank, but other parts of the same entry are not"
        if main:
            message += "; the entry is left out"
        for row in values.unexplained(there):
            self._problem(
                row,
                Code.MISSING_VALUE,
                message,
                one.column,
                one.column.places or every,
                advice="Fill in the cell, or clear the other cells of this entry.",
                severity=Severity.WARNING if main else None,
            )
            there[row] = there[row] and not main

    def _problem(
        self,
        row: int,
        code: Code,
        message: str,
        column: FieldColumn,
        places: tuple[Place, ...] | None = None,
        *,
        advice: str,
        severity: Severity | None = None,
    ) -> None:
        self.problems.append(
            Problem.of(
                code,
                self.roster.source.origin(row),
                message,
                *(column.places if places is None else places),
                field=column.label,
                advice=advice,
                severity=severity,
            )
        )

    def _report(self, values: Values, label: str, places: tuple[Place, ...]) -> None:
        """Add what the steps found as problems of their rows."""
        self.problems += values.problems(self.roster.source, label, places)


_ONE_PART = "Complete the cell, or give the field a `default:` in the mapping."
"""The advice if a cell that is split has too few parts."""

_NO_SYSTEM = (
    "Fill in the cell, or give `owning_system` in the mapping a `default`: Alma refuses an "
    "External patron without one."
)
"""The advice if the cell that `owning_system` comes from is blank."""


def _read_date(text: str, dates: Dates) -> Reading:
    """Return a date as ISO, or the finding why it is none."""
    day = dates.read(text)
    return (day.isoformat(), None) if isinstance(day, date) else ("", dates.finding(day))
