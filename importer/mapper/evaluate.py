"""Evaluate a compiled mapping over a roster: one column per field, and the problems on the way.

The keys of a rule make its values one after the other.
"""

from __future__ import annotations

import operator
from collections.abc import Collection, Hashable, Iterable, Iterator
from dataclasses import replace
from functools import partial, reduce
from itertools import compress
from typing import Any, assert_never

import numpy as np
import pandas as pd

from importer.mapper import keys, text_keys
from importer.mapper.clean import cleaned, each_line, in_each_part
from importer.mapper.compile import CompiledColumn, CompiledEntry, CompiledMapping
from importer.mapper.conditions import Condition, Subject
from importer.mapper.dates import Dates, Orders, order_notice, shown_order
from importer.mapper.headings import Use
from importer.mapper.keys import Rule
from importer.mapper.lookups import Tables, code_reader
from importer.mapper.mapping import EXTERNAL_SYSTEM, TYPED_TWICE
from importer.mapper.placeholders import DOLLAR, Cell, Template, Variable, heading_key, key_of
from importer.mapper.repairs import id_transforms, is_dash, repaired_id
from importer.mapper.secret_cells import without_marks
from importer.mapper.text_keys import Work
from importer.mapper.values import UNREAD, Mask, Texts, Values, changed, texts_of, tidied
from importer.model.candidates import ID_FIELDS, NAMES, Candidates
from importer.model.fields import NO_CODES, SECRETS, TYPE_FIELD, CodeTables, OnUpdate, Shape
from importer.model.problem import KNOWN, VALUE, CellFinding, Code, Place, Problem, Severity
from importer.model.roster import NOT_KEPT, Roster
from importer.model.text import ROSTER_ROWS, RowId, counted, one_line, spans
from importer.model.user import AccountType


def _without_dash(words: Collection[str], text: str) -> str:
    return "" if is_dash(text) and heading_key(text) not in words else text


UNMET = "Correct the cell, or give the rule in the mapping a case for it or a `default`."
"""The advice if a field is needed in a row to which its rule does not apply."""

NO_SYSTEM = (
    "Fill in the cell, or give `owning_system` in the mapping a `default`: Alma refuses an "
    "External patron without one."
)
"""The advice if the cell that `owning_system` comes from is blank."""


def evaluate(
    mapping: CompiledMapping,
    roster: Roster,
    codes: CodeTables = NO_CODES,
    orders: Orders | None = None,
) -> Candidates:
    """Map every row of the roster that `only` takes and no `skip` leaves out, in order.

    `orders`: those that the columns of the whole roster show, where this is a part of it.
    """
    evaluation = Evaluation(mapping, roster, codes)
    evaluation.orders |= orders or {}
    evaluation.select_rows()
    for column in mapping.scalars:  # in the record's order, but each after those that it takes
        evaluation.scalar(column)
    for entry in mapping.entries:
        evaluation.entry(entry)
    columns = {label: evaluation.columns[label] for label in mapping.layout.targets}
    frame = pd.DataFrame(columns, index=evaluation.numbers, dtype=object)
    # a country's rule is evaluated twice
    each_once = dict.fromkeys(evaluation.problems)
    return Candidates(
        source=roster.source,
        layout=mapping.layout,
        frame=frame,
        cells=roster.frame,
        not_applicable=evaluation.not_applicable,
        skipped=tuple(roster.frame.index.difference(frame.index, sort=False).tolist()),
        problems=tuple(sorted(each_once, key=lambda problem: problem.origin.row)),
        orders=evaluation.orders,
        behind={
            name: evaluation.behind[name].tolist() for name in NAMES if name in evaluation.behind
        },
    )


def taken(mapping: CompiledMapping, roster: Roster) -> list[int]:
    """Return the numbers of the rows that `roster.only` takes."""
    evaluation = Evaluation(mapping, roster, NO_CODES)
    rows = evaluation.meeting(evaluation.file.roster.only, evaluation.every, unread=True)
    return list(compress(evaluation.numbers, rows))


class Evaluation:
    """One roster on its way to candidates."""

    def __init__(self, mapping: CompiledMapping, roster: Roster, codes: CodeTables) -> None:
        """Take the cells that the mapping uses, without its words for a blank, and repair IDs."""
        self.mapping, self.file = mapping, mapping.mapping.file
        self.roster, self.codes, self.tables = roster, codes, mapping.mapping.tables
        self.numbers: list[int] = roster.frame.index.tolist()
        """Those of the rows that are mapped."""
        self.every: Mask = np.ones(len(self.numbers), dtype=bool)
        """All of these rows."""
        self.cells: dict[str, Texts] = {}
        """The columns of the roster that the mapping uses, by `heading_key`."""
        self.lines: dict[str, Texts] = {}
        """Those of `cells` and of named values with line breaks in them, where there are any."""
        self.columns: dict[str, Texts] = {}
        """The fields and values so far, by label."""
        self.dates: dict[Subject, Texts] = {}
        """What conditions compare as dates."""
        self.unread: dict[Subject, list[tuple[int, CellFinding, str]]] = {}
        """What was found where `dates` were read."""
        self.orders: Orders = {}
        """The orders of dates that columns show."""
        self.countries: Texts | None = None
        """Those of each row's address, "" where it is not known; None without any rule for them."""
        self.not_applicable: dict[str, frozenset[int]] = {}
        """By label, the numbers of the rows about which the rule says nothing."""
        self.dashes: dict[str, Mask] = {}
        """By `heading_key`, the cells with a dash that means blank."""
        self.dashed: dict[str, Mask] = {}
        """By label, the values that are blank by a dash."""
        self.behind: dict[str, Texts] = {}
        """By label, the texts before the rule's keys changed them."""
        self.problems: list[Problem] = []
        whole = roster.with_lines(roster.frame)
        for heading, use in mapping.columns.items():
            self.cells[heading] = self._read_cells(heading, use, whole)
        self.cells |= dict.fromkeys(mapping.missing, self.same(""))

    def _read_cells(self, heading: str, use: Use, whole: pd.DataFrame) -> Texts:
        """Return a column's texts, without words for a blank, with repaired IDs.

        `whole`: the roster with its line breaks.
        """
        came: Texts = self.roster.frame[use.position].to_numpy()
        texts, blank = came, {heading_key(word) for word in self.file.roster.blank}
        if NOT_KEPT in texts.tolist():
            texts, findings = without_marks(texts, self.every, use.labels)
            self.report(findings, "".join(use.labels[:1]), (use.place,))
        if blank:
            texts = changed(texts, lambda text: "" if heading_key(text) in blank else text)
        if use.dashed:
            typed, texts = texts, changed(texts, partial(_without_dash, use.words))
            self.dashes[heading] = texts != typed
        if use.position in self.roster.lines:
            several: Texts = whole[use.position].to_numpy()
            self.lines[heading] = np.where(texts == came, several, texts)
        if use.id_rule is None or not use.labels:
            return texts
        values = Values.of(self.lines.get(heading, texts), self.every, self.every)
        values.source = texts
        for change, sign in id_transforms(use.id_rule):
            if use.separators or sign is None or values.has(sign):
                values.step(in_each_part(change, use.separators))
        self.report(values.findings, use.labels[0], (use.place,))
        self.lines |= {heading: values.texts} if heading in self.lines else {}
        values.fold()
        return values.texts

    # --- rows ---

    def select_rows(self) -> None:
        """Leave out rows by `only` and `skip`, but none by a date that cannot be read."""
        part = self.file.roster
        rows = self.meeting(part.only, self.every, unread=True)
        for skip in part.skip:
            out = self.meeting(skip.when, rows, unread=False)
            rows = rows & ~out
            if left_out := [RowId.of(row).number for row in compress(self.numbers, out)]:
                count, listed = counted(len(left_out), "row"), spans(left_out, 50)
                message = f"skipped {count} ({listed}): {skip.reason}"
                origin = self.roster.source.origin()
                self.problems.append(Problem.of(Code.ROWS_SKIPPED, origin, message))
        if rows.all():
            return
        while self.unread:  # by the rows of the whole roster: they are read again
            del self.dates[self.unread.popitem()[0]]
        by_row: list[dict[Any, Any]] = [self.cells, self.lines, self.columns, self.dates]
        for columns in (*by_row, self.dashes, self.dashed, self.behind):
            columns.update({key: column[rows] for key, column in columns.items()})
        self.numbers, self.every = list(compress(self.numbers, rows)), self.every[rows]
        kept = {self.roster.source.origin().row, *self.numbers}
        self.problems = [problem for problem in self.problems if problem.origin.row in kept]
        self.not_applicable = {k: v & kept for k, v in self.not_applicable.items()}

    def meeting(self, condition: Condition, rows: Mask, *, unread: bool) -> Mask:
        """Return which of the rows meet a condition; `unread`: also by a date that is not read."""
        today = self.mapping.run.today
        for _, key, test in sorted(condition.tests, key=lambda item: item[2].of_date):
            column = self._as_dates(key, rows) if test.of_date else self.column(key, lines=False)
            texts: list[str] = column.tolist()
            rule = self.mapping.id_rule(key) if isinstance(key, Cell) else None
            if rule is not None and test.files and not test.of_date:
                ids = {text: repaired_id(text, rule) for text in {*texts}}
                texts = [ids[text] for text in texts]
            tables: Tables = {file: self.mapping.table(file, rule) for file in test.files}
            accepted = test.accepted({*texts} - {UNREAD}, today, tables)
            accepted |= {UNREAD} if unread else set()
            rows = rows & np.fromiter(map(accepted.__contains__, texts), bool, len(texts))
        if condition.any:
            ways = [self.meeting(way, rows, unread=unread) for way in condition.any]
            rows = np.logical_or.reduce(ways)
        return rows

    def _as_dates(self, key: Subject, rows: Mask) -> Texts:
        """Return a column's dates as ISO, UNREAD or blank; these rows report what is not read."""
        texts = self.column(key, lines=False)
        if key not in self.dates:
            self._read_dates(key, texts)
        findings = (finding for finding in self.unread.get(key, ()) if rows[finding[0]])
        self.report(findings, "", self.places(key))
        return self.dates[key]

    def _read_dates(self, key: Subject, texts: Texts) -> None:
        """Read the dates of a column or value as `dates` under `roster:` says."""
        values = Values.of(texts, self.every, self.every)
        dates = self._in_order(self.file.roster.dates, key, texts)
        values.step(lambda text, _: dates.iso(text))
        self.unread[key] = values.findings
        self.dates[key] = values.marked

    def places(self, key: Subject) -> tuple[Place, ...]:
        """Return the roster's columns behind a cell or a variable."""
        if isinstance(key, Variable):
            return self.mapping.named[key.name].places
        use = self.mapping.columns.get(key_of(key))
        return (use.place,) if use else ()

    def _in_order(self, dates: Dates, column: Hashable, texts: Texts) -> Dates:
        """Return how dates are read: without an order, in the one that their column shows.

        The few rows of a rejects file show none.
        """
        if not dates.order and column not in self.orders:
            shown = None if self.roster.rejects else shown_order({*texts} - {""}, dates)
            self.orders[column] = shown
        order = dates.order or self.orders[column]
        return dates.model_copy(update={"order": order}) if order else dates

    # --- fields and entries ---

    def scalar(self, column: CompiledColumn) -> None:
        """Evaluate a field of the record itself, unless another one has needed it already."""
        if column.label not in self.columns:
            values = self.values_of(column, column.mapped.rule, self.every, None)
            self._require(column, values, self.every)
            self._finish(column, values)

    def entry(self, compiled: CompiledEntry) -> None:
        """Evaluate an entry: left out of rows that have nothing for it, whole in the others.

        It is left out, with a warning, of rows in which only its main part is blank.
        """
        rows, when = self.every, compiled.part.when
        if when is not None:
            rows = self.meeting(when, rows, unread=False)
        located = self._countries(compiled, rows)
        values = {
            column.label: self.values_of(column, column.mapped.rule, rows, located)
            for column in compiled.columns
        }
        made_by = () if compiled.part.placeholder else compiled.made_by
        there = np.zeros_like(rows) if made_by else rows
        for column in made_by:
            there = there | values[column.label].content
        there = there & rows
        needed = [column for column in compiled.columns if column.field.facts.required]
        for column in needed:
            there = there & values[column.label].applies
        for column in needed:
            if column.mapped.required == "false":
                there = self._complete(column, values[column.label], there, compiled)
        for column in compiled.columns:
            own = values[column.label]
            self._require(column, own, rows)
            if not there.all():
                own.texts = np.where(there, own.texts, "")
            own.findings = [item for item in own.findings if there[item[0]]]
            self._finish(column, own)

    def _countries(self, compiled: CompiledEntry, rows: Mask) -> Texts | None:
        """The countries that an entry is in: its own, or for a phone those of the addresses."""
        if compiled.parent == "contact_info.phone":
            return self.countries
        for column in compiled.columns:
            if column.field.path == "contact_info.address.country":
                own = self.values_of(column, column.mapped.rule, rows, None).texts
                known = self.countries
                self.countries = own if known is None else np.where(known != "", known, own)
                return own
        return None

    # --- rules ---

    def values_of(  # noqa: PLR0912  a case for each key
        self,
        column: CompiledColumn,
        rule: Rule,
        rows: Mask,
        located: Texts | None,
        *,
        before_dates: bool = False,
    ) -> Values:
        """Evaluate a rule for these rows, each key after the other; or, unreported, before `dates`.

        `located`: the countries that the field's entry is in, None if it has none.
        """
        report = (lambda *_: None) if before_dates else partial(self.report, places=column.places)
        work = Work(self.mapping, column, rule, located, self.numbers, report)
        values = Values.of(self.same(""), np.zeros_like(rows), rows)
        for key in keys.keys_for(rule, column.field):
            match key:
                case keys.When(condition):
                    values = values.only(self.meeting(condition, values.applies, unread=False))
                case keys.From():
                    values = self._filled(work, values.applies)
                case keys.AgreesWith(template):
                    self._compare(work, template, values)
                case keys.Cases():
                    values = self._of_cases(work, values)
                case keys.Clean(steps):
                    text_keys.clean(values, steps, work)
                case keys.ReadName(order):
                    text_keys.take_part(values, order, work)
                case keys.LookUp(lookup):
                    text_keys.look_up(values, lookup, work)
                case keys.ReadDates() if before_dates:
                    return values
                case keys.ReadDates(dates):
                    if rule.templates:  # else the cases have read their dates
                        text_keys.read_dates(values, self._dates_of(work, dates), work)
                case keys.Later(plus):
                    text_keys.move_later(values, plus, work)
                case keys.Earlier(span):
                    text_keys.move_earlier(values, span)
                case keys.Default(default):
                    values = self._or_else(work, default, values, rows)
                case _:
                    assert_never(key)
        return values

    def _filled(self, work: Work, rows: Mask) -> Values:
        """Return, by row, the text of the first template that is not blank."""
        column, templates = work.column, work.rule.templates
        lines = column.mapped.passes_lines or work.rule.sees_lines
        texts, content = self.fill(templates[0], lines=lines)
        for template in templates[1:]:
            more, contributes = self.fill(template, lines=lines)
            texts, content = np.where(texts != "", texts, more), content | contributes
        values = Values.of(texts, content, rows)
        if lines:
            values.source = changed(values.texts, one_line)
        dashed = np.logical_or.reduce([self.dashed_in(template) for template in templates])
        values.dashed = dashed & rows & ~values.filled
        if column.id_rule is None and column.field.path in ID_FIELDS:
            values.findings += self._wrong_ids(work.rule, rows)
        return values

    def _wrong_ids(self, rule: Rule, rows: Mask) -> Iterator[tuple[int, CellFinding, str]]:
        """Find the IDs that are not as the rule of the one column asks that they are from.

        The checks know only rules that all columns of a field have. An ID is judged as `clean`
        leaves it.
        """
        for template in rule.templates:
            texts, _ = self.fill(template, lines=rule.sees_lines)
            cells = (cell for cell in template.cells if template.lone_cell)
            for id_rule in filter(None, map(self.mapping.id_rule, cells)):
                left = {text: cleaned(rule.clean or (), text) for text in {*texts[rows]}}
                bad = {text: id_rule.wrong(one_line(word)) for text, word in left.items() if word}
                for row in np.flatnonzero(rows).tolist():
                    if finding := bad.get(texts[row]):
                        yield row, finding, one_line(texts[row])
            rows = rows & (texts == "")

    def _compare(self, work: Work, template: Template, values: Values) -> None:
        """Compare the cells as they came, before any other key."""
        other, _ = self.fill(template, lines=False)
        finding = CellFinding(
            TYPED_TWICE[work.column.field.path],
            f"is not the same as the cell under {template.text}",
            "Ask the person, and correct one of the two cells.",
            Severity.REJECT,
        )
        differs = (values.applies & (values.source != other)).nonzero()[0]
        values.findings += [(int(row), finding, "") for row in differs]

    def _of_cases(self, work: Work, values: Values) -> Values:
        """Evaluate for each row the first case that is for it."""
        rows = values.applies
        chosen = values.only(np.zeros_like(rows))
        for case in work.rule.cases:
            met = rows if case.when is None else self.meeting(case.when, rows, unread=False)
            always = case.model_copy(update={"when": None})
            chosen = self.values_of(work.column, always, met, work.located).over(chosen, met)
            rows = rows & ~met
        return chosen

    def _or_else(self, work: Work, default: Rule, values: Values, rows: Mask) -> Values:
        """Evaluate the default where the rest is blank and nothing failed."""
        blank = rows & ~values.filled & ~values.failed
        other = self.values_of(work.column, default, blank, work.located)
        values.dashed = values.dashed | other.dashed
        return values.over(other, ~(blank & other.filled))

    def _dates_of(self, work: Work, own: Dates) -> Dates:
        """Return how the dates of a rule are read; report an order that only the column shows."""
        dates = self.file.dates(own)
        if dates.order:
            return dates
        always = work.rule.model_copy(update={"when": None})  # the whole column shows it
        every = self.values_of(work.column, always, self.every, work.located, before_dates=True)
        ordered = self._in_order(dates, (work.column.label, *work.rule.templates), every.texts)
        if ordered.order:
            work.report_column(order_notice(ordered.order, dates))
        return ordered

    def fill(self, template: Template, *, lines: bool) -> tuple[Texts, Mask]:
        """The texts of a template, and whether the roster or the record contributes anything.

        A text is blank if everything that it takes from roster and record is blank. Run variables
        are never blank; they count only if nothing else is filled in. `lines`: with line breaks.
        """
        pieces = template.pieces
        columns = [self.column(piece, lines=lines) for piece in pieces]
        if template.lone_cell:
            return columns[0], columns[0].astype(bool)
        whole = reduce(operator.add, columns)
        if len(columns) > 1 or template.variables:
            whole = tidied(whole, each_line if lines else one_line)
        given = [
            column.astype(bool)
            for piece, column in zip(pieces, columns, strict=True)
            if isinstance(piece, Cell) or (isinstance(piece, Variable) and not piece.of_run)
        ]
        content = reduce(operator.or_, given, np.zeros(len(whole), dtype=bool))
        return (np.where(content, whole, "") if given else whole), content

    def column(self, piece: str | Cell | Variable, *, lines: bool) -> Texts:
        """Return the texts of a cell or variable, perhaps with lines; a text is one for all."""
        run = self.mapping.run
        if isinstance(piece, str):
            return self.same(piece)
        if isinstance(piece, Cell) or not piece.of_run:
            key = key_of(piece)
            if isinstance(piece, Variable):
                self.scalar(self.mapping.named[key])
            texts = (self.cells if isinstance(piece, Cell) else self.columns)[key]
            return self.lines.get(key, texts) if lines else texts
        if piece.name == "row":
            return texts_of(map(str, (np.array(self.numbers) % ROSTER_ROWS).tolist()))
        known = {"today": run.today.isoformat(), "file": run.file, "sheet": run.sheet}
        return self.same(known[piece.name])

    def dashed_in(self, template: Template) -> Mask:
        """Return the rows in which a template is blank because of a dash."""
        lone = template.pieces[0] if len(template.pieces) == 1 else ""
        nothing = ~self.every
        if isinstance(lone, Cell):
            return self.dashes.get(key_of(lone), nothing)
        return self.dashed.get(lone.name, nothing) if isinstance(lone, Variable) else nothing

    def same(self, text: str) -> Texts:
        """Return a text for every row."""
        return np.broadcast_to(np.array(text, dtype=object), len(self.numbers))

    def _finish(self, column: CompiledColumn, values: Values) -> None:
        """Write codes as Alma has them, keep the column, and report what was found."""
        read = code_reader(column.field, self.codes, from_cells=column.from_cells)
        if read is not None:
            values.source = values.texts
            values.step(lambda text, _: read(text))
        self.report(values.findings, column.label, column.places)
        if self.lines and column.mapped.passes_lines:
            self.lines[column.label] = values.texts
            values.fold()
        self.columns[column.label] = values.texts
        if column.field.shape is Shape.DATE:
            # `only` takes no row by a date that `bad: drop` left out
            self.dates[Variable(column.label)] = values.texts if column.drop_bad else values.marked
        self.dashed[column.label] = values.dashed
        self.behind[column.label] = self.behind.get(column.mapped.rule.lone_variable, values.source)
        silent = ~values.applies
        if column.mapped.on_update is OnUpdate.ERASE:
            silent = silent | values.dashed
        if silent.any():
            self.not_applicable[column.label] = frozenset(compress(self.numbers, silent))

    # --- problems ---

    def _require(self, column: CompiledColumn, values: Values, rows: Mask) -> None:
        """Add a problem for each of the rows that leaves a required field blank."""
        if column.mapped.required == "false":
            return
        severity = Severity.WARNING if column.mapped.required == "warn" else None
        no_id = column.label == "primary_id" and self.file.account_type is AccountType.EXTERNAL
        code = Code.MISSING_EMPL_ID if no_id else Code.MISSING_VALUE
        message = "is blank, and this person is External" if no_id else "is blank"
        advice = NO_SYSTEM if column.field.path == EXTERNAL_SYSTEM else ""
        self._blank(column, values, rows, CellFinding(code, message, advice, severity))

    def _complete(
        self, column: CompiledColumn, values: Values, there: Mask, compiled: CompiledEntry
    ) -> Mask:
        """Add a problem for each row whose entry lacks a part; return the rows that keep it."""
        name = column.field.name
        main = name != TYPE_FIELD[compiled.parent]
        left_out = "; the entry is left out" if main else ""
        message = f"`{name}` is blank, but other parts of the same entry are not"
        advice = "Fill in the cell, or clear the other cells of this entry."
        severity = Severity.WARNING if main else None
        finding = CellFinding(Code.MISSING_VALUE, f"{message}{left_out}", advice, severity)
        left = there.copy()
        left[self._blank(column, values, there, finding, left_out, compiled.columns)] &= not main
        return left

    def _blank(
        self,
        column: CompiledColumn,
        values: Values,
        rows: Mask,
        finding: CellFinding,
        left_out: str = "",
        beside: Iterable[CompiledColumn] = (),
    ) -> list[int]:
        """Add a finding for each of the rows that is blank without another; return them.

        With the reason, if the text became a blank. `beside`: in whose columns it is, else.
        """
        every = tuple(place for other in beside for place in other.places)
        blank = values.unexplained(rows)
        for row in blank:
            shown, reason = self._emptied(column, values, row)
            places = column.places or every
            if not values.applies[row]:
                reason = f"no `when` of the rule for `{column.mapped.at[-1]}` is met", UNMET
                keys = (key for key in column.mapped.rule.consulted if isinstance(key, Cell))
                of_when = (place for key in keys for place in self.places(key))
                places = tuple(dict.fromkeys(of_when)) or places
            why = finding
            if reason:
                why = replace(finding, message=reason[0] + left_out, advice=reason[1])
            self.report([(row, why, shown)], column.label, places)
        return blank

    def _emptied(
        self, column: CompiledColumn, values: Values, row: int
    ) -> tuple[str, tuple[str, str] | None]:
        """Return why a text became blank, by values, rule or cases, and the text if it is said."""
        text = str(self.behind.get(column.mapped.rule.lone_variable, values.source)[row])
        rules = column.mapped.nested_and_lone_values if text else ()
        ordered = sorted(rules, key=lambda pair: ("cases" in pair[0], pair[0][0] != "values"))
        reasons = (text_keys.emptied(rule, text) for _, rule in ordered)
        reason = next(filter(None, reasons), None)
        return text if reason and VALUE in reason[0] else "", reason

    def report(
        self,
        findings: Iterable[tuple[int | None, CellFinding, str]],
        label: str,
        places: tuple[Place, ...],
    ) -> None:
        """Add findings, without secrets, as problems of their rows; None is the whole roster."""
        for row, finding, text in findings:
            origin = self.roster.source.origin(0 if row is None else self.numbers[row])
            shown, why = text, finding
            if label in SECRETS:
                message = finding.message.replace(KNOWN, VALUE).replace(VALUE, "the cell")
                shown, why = "", replace(finding, message=message)
            field = label.partition(".")[0] if label.startswith(DOLLAR) else label
            field = self.mapping.droppable.get(label, field)
            self.problems.append(why.problem(origin, *places, field=field, value=shown))
