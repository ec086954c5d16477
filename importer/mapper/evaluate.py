"""Evaluate a compiled mapping over a roster: one column per field, and the problems on the way.

A rule is evaluated in the order of the language: when, from, clean, lookup, dates, plus, default.
Each distinct text of a column goes through a step once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date

import pandas as pd

from importer.mapper.compile import CompiledEntry, CompiledField, CompiledMapping
from importer.mapper.dates import ORDER_WORDS, Dates, later, shown_order
from importer.mapper.lookups import code_reader
from importer.mapper.mapping import EXTERNAL_SYSTEM
from importer.mapper.placeholders import Cell, Template, Variable, heading_key
from importer.mapper.schema import Rule
from importer.mapper.transforms import TIDIED, Reading, Transform, id_transforms, transform
from importer.model.candidates import Candidates, FieldColumn
from importer.model.catalogue import Code, Severity
from importer.model.fields import NO_CODES, CodeTables, Shape
from importer.model.problem import CellFinding, Place, Problem
from importer.model.roster import Roster
from importer.model.user import AccountType


def evaluate(mapping: CompiledMapping, roster: Roster, codes: CodeTables = NO_CODES) -> Candidates:
    """Map every row of the roster that `only` takes, in order."""
    positions = {key: use.position for key, use in mapping.columns.items()}
    index = roster.frame.index
    taken = _meeting(mapping.mapping.file.roster.only, roster.frame, index, positions)
    work = _Evaluation(mapping, roster, codes, roster.frame.loc[taken].astype(object))
    work.repair_ids()
    for one in mapping.scalars:
        work.scalar(one)
    for entry in mapping.entries:
        work.entry(entry)
    labels = list(mapping.layout.targets)
    frame = pd.DataFrame(work.columns, index=taken, columns=labels, dtype=object)
    skipped = tuple(index[~index.isin(taken)].tolist())
    problems = tuple(sorted(work.problems, key=lambda problem: problem.origin.row))
    return Candidates(roster.source, mapping.layout, frame, work.not_applicable, skipped, problems)


def _meeting(
    when: Mapping[str, tuple[str, ...]],
    cells: pd.DataFrame,
    rows: pd.Index[int],
    positions: Mapping[str, int],
) -> pd.Index[int]:
    """Which of the rows meet a condition: in each of its columns, one of the words."""
    for heading, words in when.items():
        texts = cells.loc[rows, positions[heading_key(heading)]]
        keys = {heading_key(word) for word in words}
        rows = rows[texts.isin([text for text in texts.unique() if heading_key(text) in keys])]
    return rows


# --- values ---


def _filled(texts: pd.Series[str]) -> pd.Series[bool]:
    """By row, whether the text is not blank."""
    return texts.astype(bool)


@dataclass(slots=True)
class Values:
    """What a rule gives to some rows: a text for each, and what is known about it.

    `source`: the texts as they came. `content`: whether the roster contributes anything.
    `applies`: whether a `when` holds. `found`: row, finding, and the text to show.
    """

    texts: pd.Series[str]
    source: pd.Series[str]
    content: pd.Series[bool]
    applies: pd.Series[bool]
    found: list[tuple[int, CellFinding, str]] = field(default_factory=list)

    @classmethod
    def of(cls, texts: pd.Series[str], content: pd.Series[bool]) -> Values:
        """Return the values of rows to which a rule applies."""
        return cls(texts, texts, content, pd.Series(data=True, index=texts.index))

    def step(self, change: Transform, countries: pd.Series[str] | None = None) -> None:
        """Change the texts that are not blank, each distinct one (of a country) once."""
        countries = None if countries is None else countries.loc[self.texts.index]
        groups = [("", self.texts)] if countries is None else self.texts.groupby(countries)
        for country, texts in groups:
            read = {text: change(text, str(country)) for text in texts.unique() if text}
            new = {text: becomes for text, (becomes, _) in read.items() if becomes != text}
            if new:
                changed = pd.Series([new.get(text, text) for text in texts], index=texts.index)
                self.texts = self.texts.copy()
                self.texts.update(changed)
            found = {text: finding for text, (_, finding) in read.items() if finding is not None}
            hit = texts[texts.isin(list(found))]
            shown = self.source[hit.index].tolist()
            self.found += zip(hit.index.tolist(), map(found.__getitem__, hit), shown, strict=True)

    def over(self, rows: pd.Index[int]) -> Values:
        """Return the values for more rows, blank for those that are new."""
        if len(rows) == len(self.texts):
            return self
        texts, source = (s.reindex(rows, fill_value="") for s in (self.texts, self.source))
        content, applies = (s.reindex(rows, fill_value=False) for s in (self.content, self.applies))
        return Values(texts, source, content, applies, self.found)

    def or_else(self, other: Values) -> Values:
        """Return these values, and the other ones where these are blank."""
        other = other.over(self.texts.index)
        filled = _filled(self.texts)
        return Values(
            self.texts.where(filled, other.texts),
            self.source.where(filled, other.source),
            self.content | other.content,
            self.applies | other.applies,
            [*self.found, *other.found],
        )


# --- the evaluation ---


@dataclass(slots=True)
class _Evaluation:
    """One roster on its way to candidates; `columns` are those done so far, by label.

    `countries` are those of each row's address, "" where it is not known. `located`: the countries
    that the present entry is in; None if it has none.
    """

    mapping: CompiledMapping
    roster: Roster
    codes: CodeTables
    cells: pd.DataFrame
    columns: dict[str, pd.Series[str]] = field(default_factory=dict)
    countries: pd.Series[str] | None = None
    located: pd.Series[str] | None = None
    not_applicable: dict[str, frozenset[int]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def repair_ids(self) -> None:
        """Apply the `ids:` rules to their columns."""
        for heading, use in self.mapping.columns.items():
            rule = self.mapping.mapping.file.id_rule(heading)
            if rule is not None and use.labels:
                texts = self.cells[use.position]
                values = Values.of(texts, _filled(texts))
                for change in id_transforms(rule):
                    values.step(change)
                self._report(values, use.labels[0], (use.place,))
                self.cells[use.position] = values.texts

    def scalar(self, one: CompiledField) -> None:
        """Evaluate a field of the record itself, unless another one has needed it already."""
        if one.column.label not in self.columns:
            values = self._evaluate(one, one.rule.rule, self.cells.index)
            self._finish(one, values)
            self._require(one, values)

    def entry(self, compiled: CompiledEntry) -> None:
        """Evaluate an entry: left out of rows that have nothing for it, whole in the others."""
        self.located = self._countries(compiled)
        values = {
            one.column.label: self._evaluate(one, one.rule.rule, self.cells.index)
            for one in compiled.fields
        }
        self.located = None
        there = pd.Series(data=not compiled.deciding, index=self.cells.index)
        for one in compiled.deciding:
            there |= values[one.column.label].content
        needed = [one for one in compiled.fields if one.rule.field.facts.required]
        for one in needed:
            there &= values[one.column.label].applies
        for one in compiled.fields:
            found = values[one.column.label]
            self._require(one, found)
            found.texts = found.texts.where(there, "")
            found.found = [item for item in found.found if there[item[0]]]
            if one in needed and one.rule.required == "false":
                self._complete(one, found, there, compiled)
            self._finish(one, found)

    def _countries(self, compiled: CompiledEntry) -> pd.Series[str] | None:
        """The countries that an entry is in: its own, or for a phone those of the addresses."""
        if compiled.entry.parent == "contact_info.phone":
            return self.countries
        if compiled.entry.parent != "contact_info.address":
            return None
        for one in compiled.fields:
            if one.rule.field.name == "country":
                own = self._evaluate(one, one.rule.rule, self.cells.index).texts
                known = self.countries
                self.countries = own if known is None else known.where(_filled(known), own)
                return own
        return None

    # --- rules ---

    def _evaluate(self, one: CompiledField, rule: Rule, rows: pd.Index[int]) -> Values:
        """Evaluate a rule: when, from, clean, lookup, dates, plus, default."""
        met = _meeting(rule.when, self.cells, rows, one.positions)
        values = self._texts(one, rule, met)
        if one.rule.field.shape is Shape.DATE:
            values.step(self._date_reader(one, rule))
        values = values.over(rows)
        if rule.default is not None:
            failed = {row for row, _, _ in values.found}
            blank = rows[~_filled(values.texts) & ~rows.isin(failed)]
            values = values.or_else(self._evaluate(one, rule.default, blank))
        return values

    def _texts(self, one: CompiledField, rule: Rule, rows: pd.Index[int]) -> Values:
        """Apply a rule to rows that meet its condition, up to its lookup."""
        texts, content = self._fill(rule.templates[0], rows, one.positions)
        for template in rule.templates[1:]:
            more, contributes = self._fill(template, rows, one.positions)
            texts, content = texts.where(_filled(texts), more), content | contributes
        values = Values.of(texts, content)
        tidied = TIDIED.get(one.rule.field.path) if rule.lone_cells else None
        apart = any(step.split or step.replace for step in rule.clean)
        if tidied is not None and not apart:
            values.step(tidied)
        for step in rule.clean:
            values.step(transform(step), self.located)
            if step.selects:  # it may leave the text out on purpose, so that nothing is missing
                values.content &= _filled(values.texts)
        if tidied is not None and apart:
            values.step(tidied)
        if rule.lookup is not None:
            values.step(self.mapping.mapping.tables[rule.lookup].find)
        return values

    def _fill(
        self, template: Template, rows: pd.Index[int], positions: Mapping[str, int]
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
                content |= _filled(column)
        if len(template.parts) > 1 or template.variables:
            whole = whole.map(lambda text: " ".join(text.split()))
        return (whole.where(content, "") if optional else whole), content

    def _column(
        self, part: str | Cell | Variable, rows: pd.Index[int], positions: Mapping[str, int]
    ) -> pd.Series[str]:
        run = self.mapping.run
        constants = {"today": run.today.isoformat(), "file": run.file, "sheet": run.sheet}
        if isinstance(part, Cell):
            whole = self.cells[positions[heading_key(part.heading)]]
        elif isinstance(part, Variable) and not part.of_run:
            self.scalar(next(one for one in self.mapping.scalars if one.column.label == part.name))
            whole = self.columns[part.name]
        elif isinstance(part, Variable) and part.name == "row":
            whole = pd.Series([str(row) for row in rows.tolist()], index=rows, dtype=object)
        else:
            text = constants[part.name] if isinstance(part, Variable) else part
            whole = pd.Series(text, index=rows, dtype=object)
        return whole if len(rows) == len(whole) else whole.loc[rows]

    def _date_reader(self, one: CompiledField, rule: Rule) -> Transform:
        """The step that reads a date, moves it by `plus`, and writes it as ISO."""
        file = self.mapping.mapping.file
        dates = rule.dates.over(file.roster.dates) if rule.dates else file.roster.dates
        if not dates.order:
            dates = self._shown(one, rule, dates)

        def read(text: str, _country: str) -> Reading:
            day = dates.read(text)
            if not isinstance(day, date):
                return "", dates.finding(day)
            return (later(day, rule.plus, file.terms) if rule.plus else day).isoformat(), None

        return read

    def _shown(self, one: CompiledField, rule: Rule, dates: Dates) -> Dates:
        """How dates whose order the mapping does not declare are read: as the column shows it.

        If the column shows no order, its dates stay ambiguous, and each is a problem.
        """
        rows = _meeting(rule.when, self.cells, self.cells.index, one.positions)
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
        column, rule = one.column, one.rule.rule
        as_in_cells = rule.lookup is None and rule.lone_cells
        read = code_reader(column.field, self.codes, from_cells=as_in_cells)
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
        for row in _unexplained(values):
            self._problem(
                row,
                Code.MISSING_EMPL_ID if no_id else Code.MISSING_VALUE,
                "is blank, and this person is External" if no_id else "is blank",
                one.column,
                severity=severity,
                advice=_NO_SYSTEM if one.rule.field.path == EXTERNAL_SYSTEM else "",
            )

    def _complete(
        self, one: CompiledField, values: Values, there: pd.Series[bool], compiled: CompiledEntry
    ) -> None:
        """Add a problem for each row that has the entry without a part that it needs."""
        every = tuple(place for other in compiled.fields for place in other.column.places)
        for row in _unexplained(values):
            if there[row]:
                self._problem(
                    row,
                    Code.MISSING_VALUE,
                    f"`{one.rule.field.name}` is blank, but other parts of the same entry are not",
                    one.column,
                    one.column.places or every,
                    advice="Fill in the cell, or clear the other cells of this entry.",
                )

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
        for row, finding, text in values.found:
            self.problems.append(
                Problem.of(
                    finding.code,
                    self.roster.source.origin(row),
                    finding.message,
                    *places,
                    field=label,
                    value="" if label == "password" else text,
                    advice=finding.advice,
                    severity=finding.severity,
                    repairs=finding.repairs,
                )
            )


_NO_SYSTEM = (
    "Fill in the cell, or give `owning_system` in the mapping a `default`: Alma refuses an "
    "External patron without one."
)
"""The advice if the cell that `owning_system` comes from is blank."""


def _unexplained(values: Values) -> Iterator[int]:
    """Yield the rows that are blank without a finding that says why."""
    reported = {row for row, _, _ in values.found}
    blank = values.texts.index[~_filled(values.texts)].tolist()
    return (row for row in blank if row not in reported)
