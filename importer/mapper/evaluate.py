"""Evaluate a compiled mapping over a roster: one column per field, and the problems on the way.

A rule is evaluated in the order of the language: when, from, clean, lookup, dates, plus, default.
Each distinct text of a column goes through a step once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pandas as pd

from importer.mapper.compiled import (
    CompiledEntry,
    CompiledField,
    CompiledMapping,
    CompiledRule,
    Filling,
    RunVariables,
    Step,
)
from importer.mapper.dates import ORDER_WORDS, Evidence, Order, Style, date_reader
from importer.mapper.lookups import code_reader
from importer.mapper.placeholders import Variable
from importer.mapper.schema import EXTERNAL_SYSTEM
from importer.mapper.transforms import Reading
from importer.model.candidates import Candidates, FieldColumn
from importer.model.catalogue import Code, Severity
from importer.model.fields import NO_CODES, CodeTables
from importer.model.problem import CellFinding, Origin, Place, Problem
from importer.model.roster import Roster
from importer.model.user import AccountType


def evaluate(mapping: CompiledMapping, roster: Roster, codes: CodeTables = NO_CODES) -> Candidates:
    """Map every row of the roster that `only` takes, in order."""
    taken = mapping.only.holds(roster.frame)
    cells = roster.frame.loc[taken].astype(object)
    work = _Evaluation(mapping, roster.source.origin, codes, Rows(cells, mapping.run))
    work.repair_ids()
    for one in mapping.scalars:
        work.evaluate_scalar(one)
    for entry in mapping.entries:
        work.evaluate_entry(entry)
    labels = list(mapping.layout.targets)
    frame = pd.DataFrame(work.columns, index=cells.index, columns=labels, dtype=object)
    skipped = tuple(roster.frame.index[~taken].tolist())
    problems = tuple(sorted(work.problems, key=lambda problem: problem.origin.row))
    return Candidates(roster.source, mapping.layout, frame, work.not_applicable, skipped, problems)


# --- rows and values ---


@dataclass(slots=True)
class Rows:
    """Some rows: their cells by position, the run, and the fields that were evaluated before.

    `countries` are those of each row's address, "" where it is not known; None for all.
    """

    cells: pd.DataFrame
    run: RunVariables
    fields: dict[str, pd.Series[str]] = field(default_factory=dict)
    countries: pd.Series[str] | None = None

    def at(self, index: pd.Index[int]) -> Rows:
        """Return some of these rows."""
        if len(index) == len(self.cells):
            return self
        return Rows(
            self.cells.loc[index],
            self.run,
            {name: texts.loc[index] for name, texts in self.fields.items()},
            None if self.countries is None else self.countries.loc[index],
        )

    def constant(self, text: str) -> pd.Series[str]:
        """Return a column with the same text in every row."""
        return pd.Series(text, index=self.cells.index, dtype=object)

    def variable(self, name: str) -> pd.Series[str]:
        """Return the column of `<@name>`."""
        match name:
            case "row":
                numbers = [str(row) for row in self.cells.index.tolist()]
                return pd.Series(numbers, index=self.cells.index, dtype=object)
            case "today":
                return self.constant(self.run.today.isoformat())
            case "file":
                return self.constant(self.run.file)
            case "sheet":
                return self.constant(self.run.sheet)
            case _:
                return self.fields[name]


@dataclass(slots=True)
class Values:
    """What a rule gives: a text per row, and what is known about it.

    `content`: whether the roster contributes anything. `applies`: whether a `when` holds. `found`:
    row, finding, and the text as it came.
    """

    texts: pd.Series[str]
    content: pd.Series[bool]
    applies: pd.Series[bool]
    found: list[tuple[int, CellFinding, str]] = field(default_factory=list)

    @classmethod
    def blank(cls, rows: Rows) -> Values:
        """Return values for rows to which no rule has been applied yet."""
        no = pd.Series(data=False, index=rows.cells.index)
        return cls(rows.constant(""), no, no.copy())

    def put(self, other: Values) -> None:
        """Put in the values of some of the rows."""
        index = other.texts.index
        if len(index) == len(self.texts):
            self.texts = other.texts
        else:
            self.texts = self.texts.copy()
            self.texts.loc[index] = other.texts
        self.content = self.content | other.content.reindex(self.content.index, fill_value=False)
        self.applies = self.applies | other.applies.reindex(self.applies.index, fill_value=False)
        self.found.extend(other.found)


def _filled(texts: pd.Series[str]) -> pd.Series[bool]:
    """By row, whether the text is not blank."""
    return texts.astype(bool)


def _fill(filling: Filling, rows: Rows) -> tuple[pd.Series[str], pd.Series[bool]]:
    """The texts of a template, and whether the roster or the record contributes anything.

    A text is blank if everything that it takes from roster and record is blank. Run variables are
    never blank; they count only if nothing else is filled in.
    """
    match filling.parts:
        case (int() as position,):
            texts: pd.Series[str] = rows.cells[position]
            return texts, _filled(texts)
        case parts:
            whole = rows.constant("")
            content = pd.Series(data=False, index=whole.index)
            optional = False
            for part in parts:
                column = _column(part, rows)
                whole = whole + column
                if isinstance(part, int) or (isinstance(part, Variable) and not part.of_run):
                    optional = True
                    content |= _filled(column)
            if len(parts) > 1 or isinstance(parts[0], Variable):
                whole = whole.map(lambda text: " ".join(text.split()))
            return (whole.where(content, "") if optional else whole), content


def _column(part: str | int | Variable, rows: Rows) -> pd.Series[str]:
    match part:
        case int():
            column: pd.Series[str] = rows.cells[part]
            return column
        case Variable(name=name):
            return rows.variable(name)
        case str():
            return rows.constant(part)


def _changed(
    texts: pd.Series[str], change: Callable[[str], Reading]
) -> tuple[pd.Series[str], dict[str, CellFinding]]:
    """The texts after a step, and what was found by text. Each distinct text is read once."""
    read = {text: change(text) for text in dict.fromkeys(texts.tolist()) if text}
    found = {text: finding for text, (_, finding) in read.items() if finding is not None}
    changes = {text: new for text, (new, _) in read.items() if new != text}
    if changes:
        values = [changes.get(text, text) for text in texts.tolist()]
        texts = pd.Series(values, index=texts.index, dtype=object)
    return texts, found


# --- the evaluation ---


@dataclass(slots=True)
class _Evaluation:
    """One roster on its way to candidates; `columns` are those done so far, by label."""

    mapping: CompiledMapping
    origin: Callable[[int], Origin]
    codes: CodeTables
    rows: Rows
    columns: dict[str, pd.Series[str]] = field(default_factory=dict)
    not_applicable: dict[str, frozenset[int]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def repair_ids(self) -> None:
        """Apply the `ids:` rules to their columns."""
        for column in self.mapping.ids:
            cells = texts = self.rows.cells[column.position]
            for step in column.steps:
                before = texts
                texts, found = _changed(texts, lambda text, step=step: step(text, ""))  # type: ignore[misc]
                for row in before.index[before.isin(list(found))].tolist():
                    finding = found[before[row]]
                    self._report(row, finding, column.label, (column.place,), cells[row])
            self.rows.cells[column.position] = texts

    def evaluate_scalar(self, one: CompiledField) -> None:
        """Evaluate a field of the record itself."""
        values = self._evaluate(one.rule, self.rows)
        self._finish(one, values)
        self._require(one, values)
        self.rows.fields[one.column.label] = values.texts

    def evaluate_entry(self, compiled: CompiledEntry) -> None:
        """Evaluate an entry: left out of rows that have nothing for it, whole in the others."""
        rows = self._located(compiled)
        values = {one.column.label: self._evaluate(one.rule, rows) for one in compiled.fields}
        there = self._there(compiled, values)
        for one in compiled.fields:
            found = values[one.column.label]
            self._require(one, found)
            found.texts = found.texts.where(there, "")
            found.found = [item for item in found.found if there[item[0]]]
            if one.column.label in compiled.needed and one.required == "false":
                self._complete(one.column, found, there, compiled)
            self._finish(one, found)

    def _located(self, compiled: CompiledEntry) -> Rows:
        """The rows with the country of the entry: its own, or for a phone that of the address."""
        parent = compiled.entry.parent
        countries = None
        if parent == "contact_info.address":
            for one in compiled.fields:
                if one.column.field.name == "country":
                    countries = self._evaluate(one.rule, self.rows).texts
                    known = self.rows.countries
                    first = countries if known is None else known.where(_filled(known), countries)
                    self.rows.countries = first
        elif parent == "contact_info.phone":
            countries = self.rows.countries
        return Rows(self.rows.cells, self.rows.run, self.rows.fields, countries)

    def _there(self, compiled: CompiledEntry, values: dict[str, Values]) -> pd.Series[bool]:
        """Which rows have the entry: something decides so, and its needed parts apply."""
        there = pd.Series(data=not compiled.deciding, index=self.rows.cells.index)
        for label in compiled.deciding:
            there = there | values[label].content
        for label in compiled.needed:
            there = there & values[label].applies
        return there

    def _evaluate(self, rule: CompiledRule, rows: Rows) -> Values:
        """Evaluate a rule: when, from, clean, lookup, dates, plus, default."""
        values = Values.blank(rows)
        holds = rule.condition.holds(rows.cells)
        if holds.any():
            values.put(self._apply(rule, rows.at(rows.cells.index[holds])))
        if rule.default is not None:
            failed = {row for row, _, _ in values.found}
            blank = values.texts.index[~_filled(values.texts) & ~values.texts.index.isin(failed)]
            if len(blank):
                values.put(self._evaluate(rule.default, rows.at(blank)))
        return values

    def _apply(self, rule: CompiledRule, rows: Rows) -> Values:
        """Apply a rule to rows that meet its condition, without its default."""
        values = self._before_dates(rule, rows)
        if rule.moment is not None:
            moment = rule.moment
            style = moment.style if moment.style.declared else self._settled(rule)
            read = date_reader(style, moment.plus, moment.terms)
            source = _fillings(rule, rows)[0]
            self._step(values, lambda text: read(text, ""), source)
        return values

    def _before_dates(self, rule: CompiledRule, rows: Rows) -> Values:
        source, content = _fillings(rule, rows)
        values = Values(source, content, pd.Series(data=True, index=source.index))
        for step in rule.steps:
            if step.located and rows.countries is not None:
                self._step_by_country(values, step, rows.countries, source)
            else:
                self._step(values, lambda text, step=step: step.change(text, ""), source)  # type: ignore[misc]
            if step.selects:
                values.content = values.content & _filled(values.texts)
        return values

    def _step(
        self, values: Values, change: Callable[[str], Reading], source: pd.Series[str]
    ) -> None:
        before = values.texts
        values.texts, found = _changed(before, change)
        if found:
            rows = before.index[before.isin(list(found))].tolist()
            values.found.extend((row, found[before[row]], source[row]) for row in rows)

    def _step_by_country(
        self, values: Values, step: Step, countries: pd.Series[str], source: pd.Series[str]
    ) -> None:
        """A step that depends on the country: the rows of each country by themselves."""
        texts = values.texts.copy()
        for country, group in values.texts.groupby(countries, sort=False):
            part = Values(group, values.content, values.applies)
            self._step(part, lambda text, there=str(country): step.change(text, there), source)  # type: ignore[misc]
            texts.loc[group.index] = part.texts
            values.found.extend(part.found)
        values.texts = texts

    def _settled(self, rule: CompiledRule) -> Style:
        """The style of dates whose order the mapping does not declare, as the column shows it.

        If the column shows no order, its dates stay ambiguous, and each is a problem.
        """
        style = rule.moment.style if rule.moment else Style()
        rows = self.rows.at(self.rows.cells.index[rule.condition.holds(self.rows.cells)])
        evidence = Evidence()
        evidence.add(set(self._before_dates(rule, rows).texts.unique()) - {""}, style)
        order = evidence.order
        if order is not None:
            self._notice_order(rule, order)
        return Style(order or "", style.pivot, style.serials)

    def _notice_order(self, rule: CompiledRule, order: Order) -> None:
        label = rule.key.replace(".default", "")
        self.problems.append(
            Problem.of(
                Code.READ_WITH_NOTICE,
                self.origin(0),
                f"was read as {ORDER_WORDS[order]}, because some dates allow no other order",
                *self.mapping.layout.targets[label].places,
                field=label,
                advice=f"If this is right, declare it in the mapping: `dates: {order}`.",
            )
        )

    def _finish(self, one: CompiledField, values: Values) -> None:
        """Write codes as Alma has them, keep the column, and report what was found."""
        column = one.column
        for row, finding, text in values.found:
            self._report(row, finding, column.label, column.places, text)
        read = code_reader(column.field, self.codes, from_cells=one.as_in_cells)
        if read is not None:
            before = values.texts
            values.texts, found = _changed(before, read)
            if found:
                for row in before.index[before.isin(list(found))].tolist():
                    text = before[row]
                    self._report(row, found[text], column.label, column.places, text)
        self.columns[column.label] = values.texts
        if not values.applies.all():
            rows = values.applies.index[~values.applies].tolist()
            self.not_applicable[column.label] = frozenset(rows)

    # --- problems ---

    def _require(self, one: CompiledField, values: Values) -> None:
        """Add a problem for each row that leaves a required field blank."""
        if one.required == "false":
            return
        reported = {row for row, _, _ in values.found}
        severity = Severity.WARNING if one.required == "warn" else None
        for row in values.texts.index[~_filled(values.texts)].tolist():
            if row not in reported:
                self._missing(row, one.column, severity)

    def _missing(self, row: int, column: FieldColumn, severity: Severity | None) -> None:
        external = self.mapping.layout.account_type is AccountType.EXTERNAL
        no_id = external and column.label == "primary_id"
        no_system = column.field.path == EXTERNAL_SYSTEM
        self.problems.append(
            Problem.of(
                Code.MISSING_EMPL_ID if no_id else Code.MISSING_VALUE,
                self.origin(row),
                "is blank, and this person is External" if no_id else "is blank",
                *column.places,
                field=column.label,
                severity=severity,
                advice=_NO_SYSTEM if no_system else "",
            )
        )

    def _complete(
        self, column: FieldColumn, values: Values, there: pd.Series[bool], compiled: CompiledEntry
    ) -> None:
        """Add a problem for each row that has the entry without a part that it needs."""
        reported = {row for row, _, _ in values.found}
        every = tuple(place for one in compiled.fields for place in one.column.places)
        for row in there.index[there & ~_filled(values.texts)].tolist():
            if row in reported:
                continue
            self.problems.append(
                Problem.of(
                    Code.MISSING_VALUE,
                    self.origin(row),
                    f"`{column.field.name}` is blank, but other parts of the same entry are not",
                    *(column.places or every),
                    field=column.label,
                    advice="Fill in the cell, or clear the other cells of this entry.",
                )
            )

    def _report(
        self, row: int, finding: CellFinding, label: str, places: tuple[Place, ...], text: str
    ) -> None:
        """Add the finding of a step as a problem of a row."""
        self.problems.append(
            Problem.of(
                finding.code,
                self.origin(row),
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


def _fillings(rule: CompiledRule, rows: Rows) -> tuple[pd.Series[str], pd.Series[bool]]:
    """The first of the rule's templates that is not blank, row by row."""
    texts, content = _fill(rule.fillings[0], rows)
    for filling in rule.fillings[1:]:
        if _filled(texts).all():
            break
        more, contributes = _fill(filling, rows)
        texts, content = texts.where(_filled(texts), more), content | contributes
    return texts, content
