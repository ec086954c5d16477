"""What the keys do that change the text of a rule, from `clean` to `minus`.

A function takes the values so far, and changes them, each distinct text once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import date

from importer.mapper.clean import CleanStep, Split, cleaned
from importer.mapper.compile import CompiledColumn, CompiledMapping, SplitCell
from importer.mapper.dates import SWAPPED, Dates, earlier, later, may_be_swapped
from importer.mapper.keys import Rule
from importer.mapper.lookups import NO_CODE, LookupKey
from importer.mapper.repairs import TIDIED, UNSEEN, Repaired
from importer.mapper.values import Texts, Values
from importer.mapper.whole_names import (
    NameOf,
    NameOrder,
    capitalize,
    has_middle_word,
    has_small_particle,
    read_name,
)
from importer.model.people import COMMA, MAY_BE_TWO, TWO_PEOPLE
from importer.model.problem import VALUE, CellFinding, Code, Severity
from importer.model.question import OF_NAME
from importer.model.text import counted, spans


@dataclass(frozen=True, slots=True)
class Work:
    """What the keys of a rule see: of a roster, the numbers of its rows and what its mapping says.

    `located`: the countries that the field's entry is in, None if it has none. `report`: adds
    findings about rows by their position, or with None about the column; with a label, or "".
    """

    mapping: CompiledMapping
    column: CompiledColumn
    rule: Rule
    located: Texts | None
    numbers: list[int]
    report: Callable[[Iterable[tuple[int | None, CellFinding, str]], str], None]

    def report_column(self, finding: CellFinding, shown: str = "") -> None:
        """Add a finding about the column."""
        self.report([(None, finding, shown)], self.column.label)


# --- clean ---

_EXAMPLES = 3
"""Names that a notice shows."""
UNTAKEN = CellFinding(
    Code.TOO_MANY_PARTS, f"{VALUE} has a part that no entry takes; it is left out"
)
"""A part of a cell that none of the entries takes."""


def clean(values: Values, steps: tuple[CleanStep, ...], work: Work) -> None:
    """Take the steps; blanks in IDs go before, or after what looks for parts."""
    mapped = work.column.mapped
    tidied = TIDIED.get(mapped.field.path) if work.rule.is_lone(mapped.values) else None
    divided = any(step.kind.divides for step in steps)
    last = max((at for at, step in enumerate(steps) if step.sees_lines), default=-1)
    if tidied is not None and not divided and values.has(UNSEEN):
        values.step(tidied)
    for at, step in enumerate(steps):
        if isinstance(step.setting, Split):
            _report_untaken(step.setting, values, work)
        if step.name == "name":
            _write_names(values, work)
            continue
        values.step(step.read, work.located)
        if at == last:
            values.fold()
        if step.kind.selects:  # it may leave the text out on purpose: nothing is missing
            values.content &= values.filled
    if tidied is not None and divided:
        values.step(tidied)


def _write_names(values: Values, work: Work) -> None:
    """Write names with capitals; report in how many a particle became small."""
    which, read = NameOf.OTHER, work.rule.read
    if read is not None:
        which = NameOf.LAST_FIRST if read.name == "last-first" else NameOf.WHOLE
    elif work.column.field.path.endswith("last_name"):
        which = NameOf.LAST
    came: list[str] = values.texts.tolist()
    values.step(lambda text, _: (capitalize(text, which), None))
    pairs = zip(came, values.texts.tolist(), strict=True)
    small = [text for old, text in pairs if text != old and has_small_particle(text)]
    if small:
        finding = CellFinding(
            Code.ODD_COLUMN,
            f"in {counted(len(small), 'name')} a particle is written small, as in {VALUE}",
            "No action needed if the names are right. Otherwise, take the step `name` out of "
            "the field's `clean` in the mapping.",
            Severity.REPAIRED,
        )
        work.report_column(finding, ", ".join([*dict.fromkeys(small)][:_EXAMPLES]))


def _report_untaken(split: Split, values: Values, work: Work) -> None:
    """If several entries of a list take parts of a cell, report the parts that none takes."""
    cell = SplitCell(work.column.field.path, work.rule.templates, split.on)
    taken = work.mapping.split_parts.get(cell, ())
    if len(taken) < 2 or split.take != taken[0]:
        return
    texts: list[str] = values.texts.tolist()
    left = {text for text in {*texts} if split.without(text, taken)}
    rows = (row for row, text in enumerate(texts) if text in left)
    work.report(((row, UNTAKEN, values.source[row]) for row in rows), "")


# --- read ---

_ROWS = 10
"""Stretches of rows that a notice names."""
_MIDDLE_WORD = (
    "If it begins the last name, as in Garcia Lopez, write `Last name, First name` in that row. "
    "Otherwise, no action needed."
)
_FEW = 10
"""Of this number of names, one may be written in another way than the others."""
_NO_COMMA = (
    "Where the last name is first, write `Last name, First name`. Otherwise, no action needed."
)
_LEFT_OUT = {"middle": Code.ODD_COLUMN, "title": Code.TITLE_IN_NAME, "suffix": Code.TITLE_IN_NAME}
"""Parts that a record may lack, and the code of the notice."""
_UNCLEAR = CellFinding(
    Code.UNCLEAR_NAME,
    f"{VALUE} cannot be divided into first and last name for certain",
    question=OF_NAME,
)


def take_part(values: Values, order: NameOrder, work: Work) -> None:
    """Take the field's part of each name. One that has several readings needs review."""
    part = work.column.field.path.rpartition(".")[2]
    if part == "last":
        _report_parts(values, order, work)

    def read(text: str, _beside: str) -> Repaired:
        name = read_name(text, order)
        two = MAY_BE_TWO if name.two and not TWO_PEOPLE.search(text) else None
        return getattr(name, part, text), two if name.certain else _UNCLEAR

    values.step(read)
    values.content = values.content & values.filled


def _report_parts(values: Values, order: NameOrder, work: Work) -> None:
    """Report which names have parts that no rule takes, or a middle name that may be none."""
    value = work.column.field.path.rpartition(".")[0]
    mapping = work.mapping.mapping
    taken = {name for mapped in (*mapping.values, *mapping.fields) for name in mapped.needs}
    texts: list[str] = values.texts.tolist()
    names = {text: read_name(text, order) for text in {*texts}}

    def report(having: set[str], finding: CellFinding) -> None:
        pairs = zip(work.numbers, texts, strict=True)
        if rows := [number for number, text in pairs if text in having]:
            message = finding.message.format(counted(len(rows), "name"), spans(rows, _ROWS))
            work.report_column(replace(finding, message=message))

    for part, code in _LEFT_OUT.items():
        if f"{value}.{part}" not in taken:
            advice = f"If it belongs in the record, map `<{value}.{part}>`."
            message = f"in {{}} the {part} is left out ({{}})"
            having = {text for text, name in names.items() if getattr(name, part) and name.certain}
            report(having, CellFinding(code, message, advice, Severity.REPAIRED))
    if order != "last-first" and f"{value}.middle" in taken:
        message = "in {} the word in the middle is taken as a middle name ({})"
        doubtful = {text for text, name in names.items() if has_middle_word(text, name)}
        report(doubtful, CellFinding(Code.ODD_COLUMN, message, _MIDDLE_WORD))
    plain = {text for text in names if " " in text and not COMMA.search(text)}
    count = sum(text in plain for text in texts)
    if order == "auto" and count <= sum(map(bool, texts)) / _FEW:
        message = "most names have a comma; in {} without one the first name is first ({})"
        report(plain, CellFinding(Code.ODD_COLUMN, message, _NO_COMMA))


# --- lookup ---


def look_up(values: Values, lookup: LookupKey, work: Work) -> None:
    """Look the texts up. One whose code is blank is blank on purpose."""
    whole = work.rule.is_lone(work.column.mapped.values) and work.rule.clean is None
    table = work.mapping.table(lookup, work.column.id_rule if whole else None)
    values.step(table.find)
    values.content[values.unexplained(values.applies)] = False


# --- dates ---


def read_dates(values: Values, dates: Dates, work: Work) -> None:
    """Read the dates; report if a program may have taken days for months."""
    if may_be_swapped(set(values.texts.tolist())):
        work.report_column(SWAPPED)
    values.step(lambda text, _: dates.iso(text))


def move_later(values: Values, plus: str, work: Work) -> None:
    """Move each date by a span of time, or to the end of its month or term."""
    terms = work.mapping.mapping.file.terms
    _move(values, lambda day: later(day, plus, terms))


def move_earlier(values: Values, span: str) -> None:
    """Move each date back by a span of time."""
    _move(values, lambda day: earlier(day, span))


def _move(values: Values, moved: Callable[[date], date]) -> None:
    values.step(lambda day, _: (moved(date.fromisoformat(day)).isoformat(), None))


# --- what leaves nothing of a text ---

ONE_PART = (
    "has one part only, so a part is missing",
    "Complete the cell, or give the field a `default:` in the mapping.",
)
"""The message and the advice if a cell that is divided has too few parts."""

CLEANED = (
    f"`clean` in the mapping leaves nothing of {VALUE}",
    "Correct the cell, or the steps of the field's `clean` in the mapping.",
)
"""The message and the advice if the steps of `clean` leave nothing of a cell."""


def emptied(rule: Rule, text: str) -> tuple[str, str] | None:
    """Return the message and the advice about the key that makes nothing of a text, if any does."""
    if rule.clean is not None and not cleaned(rule.clean, text):
        return ONE_PART if rule.splits else CLEANED
    if rule.read is not None:  # some people have one name
        return ONE_PART
    return NO_CODE if rule.lookup is not None else None
