"""Columns of a roster that mostly fail in one way: the cause in place of its symptoms."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from importer.mapper.dates import ORDER_WORDS, Dates, Unread
from importer.mapper.field_rule import FieldRule
from importer.mapper.lookups import LookupFile, OwnTable
from importer.mapper.placeholders import TO_CHOOSE
from importer.mapper.time_spans import END_OF_MONTH, later
from importer.mapper.yaml_source import scalar
from importer.model.candidates import FieldColumn
from importer.model.problem import CATALOGUE, KNOWN, VALUE, Code, Place, Problem, Repairs, Severity
from importer.model.text import counted
from importer.pipeline.inputs import MappedRoster
from importer.validator.code_checks import near_codes

FEWEST = 3
"""Rows with the same problem that show something about their column."""

_FITS = 0.95
"""Share of the dates of a column that another order must read."""

_TELLING = 4
"""Letters of a value that can be similar to a code by more than chance."""

_DIGIT = re.compile("[0-9]")

_NO_RECORD = 2100
"""Expiration dates of this year and later mean that a card never expires."""

_LISTED = 40
"""Values of a column that are listed; with more of them it does not contain codes."""


@dataclass(frozen=True, slots=True)
class FailingColumn:
    """A column of the roster with rows that have the same problem.

    `code`: of these problems. `texts`: its cells that are not blank. `values`: what the problems
    are about, with their rows. `advised`: of how many rows the own advice repairs the column.
    """

    mapped: MappedRoster
    place: Place
    target: FieldColumn
    code: Code
    texts: tuple[str, ...]
    values: Counter[str]
    advised: int

    @property
    def rows(self) -> int:
        """How many rows have the problem."""
        return self.values.total()

    @property
    def rule(self) -> FieldRule:
        """The mapping's rule of the field that the column feeds."""
        compiled = self.mapped.compiled
        fields = (*compiled.scalars, *(one for entry in compiled.entries for one in entry.fields))
        return next(one.rule for one in fields if one.column.label == self.target.label)

    @property
    def written(self) -> str:
        """The place of that rule in the mapping: `autumn.yaml:12: record.user_group`."""
        return self.mapped.mapping.source.place(self.rule.steps)

    def problem(self, message: str, advice: str, value: str = "") -> Problem:
        """Return the problem of the column, which is one of the whole roster."""
        return Problem.of(
            Code.MOST_OF_COLUMN,
            self.mapped.roster.source.origin(),
            message,
            self.place,
            field=self.target.label,
            value=value,
            advice=advice,
        )


def column_causes(mapped: MappedRoster, problems: Iterable[Problem]) -> Iterator[Problem]:
    """Yield a problem for each column of which most cells fail in the same way.

    Dates count as failing together if another order reads nearly all of them.
    """
    targets, cells = mapped.candidates.layout.targets, mapped.roster.frame
    found: defaultdict[tuple[Place, str, Code], Counter[str]] = defaultdict(Counter)
    advised: Counter[tuple[Place, str, Code]] = Counter()
    for problem in problems:
        target = targets.get(problem.field)
        if len(problem.places) != 1 or target is None:
            continue
        if problem.severity is Severity.REJECT or target.drop_bad:
            key = problem.places[0], problem.field, problem.code
            found[key][problem.value] += 1
            advised[key] += problem.repairs is Repairs.COLUMN
    for (place, label, code), values in found.items():
        if values.total() < FEWEST:
            continue
        texts = tuple(filter(None, cells[mapped.roster.places.index(place)].tolist()))
        target = targets[label]
        repaired = advised[place, label, code]
        column = FailingColumn(mapped, place, target, code, texts, values, repaired)
        if cause := _CAUSES.get(code, _other)(column):
            yield cause


def _most(column: FailingColumn) -> bool:
    return column.rows * 2 > len(column.texts)


def _other(column: FailingColumn) -> Problem | None:
    """Return that most cells are not right: the repeated ones as a lookup to complete.

    Cells that hardly repeat show that the column may be another field's.
    """
    if not _most(column) or not column.texts:
        return None
    what = CATALOGUE[column.code].title
    message = f"{_of_column(column)} are not right ({what[:1].lower()}{what[1:]})"
    ordered = column.values.most_common()
    if len(ordered) * 2 > column.rows or len(ordered) > _LISTED:
        return column.problem(message, f"Check which column belongs here: {column.written}.")
    lines = [f"{scalar(t)}: {scalar(TO_CHOOSE)}  # {counted(n, 'row')}" for t, n in ordered]
    what = 'the right text, or `""` for none,'
    advice = _as_lookup(column, what, [*lines, '"*": same'])
    return column.problem(f"{message}: {KNOWN}", advice, _listed(ordered))


def _dates(column: FailingColumn) -> Problem | None:
    """Return that the dates are written in another order than the mapping says."""
    file = column.mapped.mapping.file
    declared = file.dates(column.rule.dates)
    texts = column.texts

    def read_by(order: str) -> int:
        dates = declared.model_copy(update={"order": order})
        return sum(isinstance(dates.read(text), date) for text in texts)

    now = len(texts) - column.rows
    best = max(ORDER_WORDS, key=read_by)
    if best == declared.order or read_by(best) < max(_FITS * len(texts), now + FEWEST):
        return _date_words(column)
    asked = f" as {ORDER_WORDS[declared.order]}" if declared.order in ORDER_WORDS else ""
    message = (
        f"{column.rows:,} of {counted(len(texts), 'date')} cannot be read{asked}, and "
        f"{read_by(best):,} can as {ORDER_WORDS[best]}"
    )
    if now and declared.order:
        message += "; the others are probably read wrongly"
    return column.problem(message, _set_order(column, declared, best))


def _date_words(column: FailingColumn) -> Problem | None:
    """Return the texts that stand for dates, as a lookup to complete.

    Nothing if the rows' own advice repairs the column. Without any date or digit it is another
    field's column.
    """
    if not _most(column) or column.advised * 2 > column.rows:
        return None
    ordered = column.values.most_common()
    repeated = len(ordered) * 2 <= column.rows and len(ordered) <= _LISTED
    if repeated and column.target.field.path != "birth_date":
        message = f"{_of_column(column)} cannot be read as dates: {KNOWN}"
        lines = [_date_line(text, count) for text, count in ordered]
        advice = _as_lookup(column, "a date such as 2027-05-15", [*lines, '"*": same'])
        return column.problem(message, advice, _listed(ordered))
    if column.rows == len(column.texts) and not any(map(_DIGIT.search, column.values)):
        return _other(column)
    message = f"{_of_column(column)} cannot be read as dates"
    return column.problem(message, CATALOGUE[Code.UNPARSABLE_DATE].advice)


def _date_line(text: str, count: int) -> str:
    """Return the line of a lookup for a text, with the last day of a month or year."""
    month = Dates().read(f"1 {text}")
    if isinstance(month, date):
        day = later(month, END_OF_MONTH).isoformat()
    else:
        day = f"{text}-12-31" if Dates().read(text) is Unread.YEAR else TO_CHOOSE
    guess = "" if day == TO_CHOOSE else ", guess"
    return f"{scalar(text)}: {scalar(day)}  # {counted(count, 'row')}{guess}"


def _ends(column: FailingColumn) -> Problem | None:
    """Return the cells of expiration or purge dates that probably mean that there is no end."""
    if not _most(column):
        return None
    dates = column.mapped.mapping.file.dates(column.rule.dates)
    read = {text: dates.read(text) for text in dict.fromkeys(column.texts)}
    never = {
        text: column.texts.count(text)
        for text, day in read.items()
        if isinstance(day, date) and day.isoformat() in column.values and day.year >= _NO_RECORD
    }
    if sum(never.values()) < column.rows or len(never) > _LISTED:
        return _other(column)
    message = f"{_of_column(column)} are more than 100 years ahead: {KNOWN}"
    lines = [f"{scalar(text)}: 9999-12-31  # {counted(n, 'row')}" for text, n in never.items()]
    advice = _as_lookup(column, "", [*lines, '"*": same'])
    advice = f"If they mean that the card never expires, {advice[:1].lower()}{advice[1:]}"
    return column.problem(message, advice, _listed(never.items()))


def _listed(values: Iterable[tuple[str, int]]) -> str:
    return ", ".join(f"{text} ({count:,})" for text, count in values)


def _of_column(column: FailingColumn) -> str:
    return f"{column.rows:,} of {counted(len(column.texts), 'value')}"


def _as_lookup(column: FailingColumn, what: str, entries: Sequence[str]) -> str:
    """Return the advice to add entries to the field's lookup, or a lookup with these entries.

    `what` is to be written in place of each `?`; "" if there is none.
    """
    rule, file = column.rule, column.mapped.mapping.file
    name = rule.lookup if isinstance(rule.lookup, str) else _free_name(column)
    where, change, lines = f"under `{name}:` in the mapping", "", []
    if rule.lookup is None:
        where = "under `lookups:` in the mapping" if file.lookups else "at the end of the mapping"
        lines = [*([] if file.lookups else ["lookups:"]), f"  {name}:"]
        source = f"from: <{column.place.heading}>"
        change = f", and write `{{{source}, lookup: {name}}}` for the field"
        if len(rule.rule.steps) > 1:
            change = f", and add `lookup: {name}` behind `{source}`"
    else:
        if column.mapped.mapping.tables[rule.lookup].otherwise is not None:
            entries = [entry for entry in entries if not entry.startswith('"*"')]
        if isinstance(rule.lookup, LookupFile):
            where = f"as rows of `{rule.lookup.file}`"
        elif isinstance(rule.lookup, OwnTable):
            where = "in the field's own lookup"
    chosen = f", with {what} in place of each {TO_CHOOSE}" if what else ""
    advice = f"Add these lines {where}{chosen}{change} ({column.written})."
    return "\n".join((advice, *lines, *(f"    {entry}" for entry in entries)))


def _set_order(column: FailingColumn, declared: Dates, order: str) -> str:
    """Return where to write the order of dates, and how."""
    own = column.rule.dates
    parts = own or column.mapped.mapping.file.roster.dates
    kept = [f"pivot: {parts.pivot}"] if parts.pivot is not None else []
    kept += ["serials: true"] if parts.serials else []
    text = f"{{order: {order}, {', '.join(kept)}}}" if kept else order
    where = column.written if own else "under `roster:`"
    verb = "Replace the order of dates by" if declared.order else "Add"
    return f"{verb} `dates: {text}` in the mapping, {where}."


def _codes(column: FailingColumn) -> Problem | None:
    """Return the unknown values of a column, as a lookup to complete.

    A wrong code of the mapping itself has its own advice, with its line.
    """
    own = {v: n for v, n in column.values.items() if v not in column.target.mapped_codes}
    if not own:
        return None
    if not _most(column) or len(own) > _LISTED:
        return _other(column)
    rows, ordered = sum(own.values()), Counter(own).most_common()
    listed = _listed(ordered)
    rule, table = column.rule, column.target.field.facts.table
    which = f"codes of Alma's table {table}" if rule.lookup is None and table else "in the lookup"
    message = f"{rows:,} of {counted(len(column.texts), 'value')} are not {which}: "
    if len(ordered) * 2 > rows:  # hardly any is repeated: they may be names
        advice = "Write Alma's code for each value in a lookup of the mapping."
        return column.problem(message + VALUE, advice, listed)
    lines = [_line(column, text, count) for text, count in ordered]
    first, *more = _as_lookup(column, "Alma's code", lines).split("\n")
    advice = f"{first} `importer codes show {table}` lists the codes."
    return column.problem(message + KNOWN, "\n".join((advice, *more)), listed)


def _line(column: FailingColumn, text: str, count: int) -> str:
    """Return the line of a lookup for a value, with the code that is probably meant."""
    near = near_codes(text, column.target.field, column.mapped.codes)
    sure = len(near) == 1 and len(text) >= _TELLING
    code, guess = (near[0].code, ", guess") if sure else (TO_CHOOSE, "")
    return f"{scalar(text)}: {scalar(code)}  # {counted(count, 'row')}{guess}"


def _free_name(column: FailingColumn) -> str:
    """Return a name for a new lookup, made from the heading."""
    name = re.sub(r"\W+", "_", column.place.heading.lower()).strip("_") or "codes"
    taken = column.mapped.mapping.file.lookups
    names = (name, *(f"{name}_{number}" for number in range(2, len(taken) + 2)))
    return next(one for one in names if one not in taken)


def _ids(column: FailingColumn) -> Problem | None:
    """Return that IDs have another number of digits than the mapping asks for."""
    rule = column.target.id_rule
    if rule is None or not rule.digits or not _most(column):
        return _other(column)
    length, count = Counter(len(value) for value in column.values.elements()).most_common(1)[0]
    if count < _FITS * column.rows or length == rule.digits:
        return _other(column)
    message = f"{count:,} of {counted(len(column.texts), 'ID')} have {length} digits, and the "
    message += f"mapping asks for {rule.digits}"
    advice = f"If {length} is right, set `digits: {length}` for this column under `ids:`."
    if length < rule.digits:
        pad = "If the spreadsheet program removed leading zeros, set `pad: true` for this column "
        advice = f"{pad}under `ids:` in the mapping. {advice}"
    return column.problem(message, advice)


_CAUSES: dict[Code, Callable[[FailingColumn], Problem | None]] = {
    Code.UNPARSABLE_DATE: _dates,
    Code.AMBIGUOUS_DATE: _dates,
    Code.UNKNOWN_CODE: _codes,
    Code.DATE_OUT_OF_RANGE: _ends,
    Code.MALFORMED_ID: _ids,
    Code.MISSING_VALUE: lambda _column: None,
    Code.DUPLICATE_ID: lambda _column: None,
    Code.ID_LOST_DIGITS: lambda _column: None,
}
