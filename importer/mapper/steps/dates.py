"""The steps of dates: how they are read, and what is a time later."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import date
from typing import Annotated

import numpy as np
from pydantic import Discriminator, Tag

from importer.mapper.dates import (
    END_OF_TERM,
    ORDER_WORDS,
    SWAPPED,
    Dates,
    DatesPart,
    Plus,
    Span,
    Terms,
    as_plus_or_date,
    earlier,
    may_be_swapped,
    moved,
    order_notice,
)
from importer.mapper.lookups import AS_TABLE, AS_TEXT, LookupName, form
from importer.mapper.placeholders import Written, written_template
from importer.mapper.steps.clean import about
from importer.mapper.steps.step import MappingFinding, Needs, RulePart, Step
from importer.mapper.transforms import Reading
from importer.mapper.values import RuleWork, Values
from importer.model.candidates import ENDS, ROLE_END
from importer.model.fields import Field as RecordField
from importer.model.fields import Shape
from importer.model.plan import MappingPart
from importer.model.problem import VALUE, CellFinding, Code, Repairs

_ENDS = frozenset({*ENDS, ROLE_END})
ONLY_ENDS = "`month` and `year` are for expiry and purge dates; write them in the rules of these"


class DatesStep(Step[Dates]):
    """How the dates of this column are read: mdy, dmy, ymd, or a pattern such as `%d %b %Y`."""

    key = "dates"
    form = DatesPart
    position = 60
    of_dates = True

    @classmethod
    def implied(cls, field: RecordField) -> DatesStep | None:
        return cls(Dates()) if field.shape is Shape.DATE else None

    def check(self, part: RulePart) -> Iterator[MappingFinding]:
        yield from super().check(part)
        if (self.value.month or self.value.year) and part.of.field.path not in _ENDS:
            yield part.finding("dates", ONLY_ENDS)

    def describe(self, said: str, part: RulePart) -> str:
        """`, read as month/day/year`."""
        templates = (t for _, rule in part.rule.parts() for t in rule.templates)
        if part.of.field.shape is not Shape.DATE or not any(t.cells for t in templates):
            return said
        dates = part.mapping.file.dates(self.value)
        order = ORDER_WORDS.get(dates.order, dates.order)
        said += f", read as {order or 'the column itself shows'}"
        if dates.pivot is not None:
            said += f", with years of two digits below {dates.pivot:02} as 20xx"
        for key, given in (("month", dates.month), ("year", dates.year)):
            said += f", with a {key} as its last day" if given else ""
        return f"{said}, also from day numbers" if dates.serials else said

    def run(self, values: Values, work: RuleWork) -> Values:
        dates = work.evaluation.file.dates(self.value)
        if not dates.order:
            dates = self._shown(dates, work)
        if may_be_swapped(set(values.texts.tolist())):
            column = work.one.column
            work.evaluation.report([(None, SWAPPED, "")], column.label, column.places)
        values.step(lambda text, _: dates.iso(text))
        return values

    def _shown(self, dates: Dates, work: RuleWork) -> Dates:
        """Return how dates are read whose order only the column shows; else they stay ambiguous."""
        column, evaluation = work.one.column, work.evaluation
        every = evaluation.evaluate(work.one, work.rule, evaluation.every, work.located, self)
        read_by = (column.label, *work.rule.templates)
        order = evaluation.order_of(read_by, every.texts, dates)
        if order is None:
            return dates
        evaluation.report([(None, order_notice(order, dates), "")], column.label, column.places)
        return dates.model_copy(update={"order": order})


class SpanBy(MappingPart):
    """A span of time, or a date, by a lookup of this text."""

    by: Written
    lookup: LookupName


_GROUP = written_template("<@user_group>")
_NO_TERMS = "`end of term` needs `terms` in this mapping"
_NO_SPAN = CellFinding(
    Code.UNKNOWN_CODE,
    f"{VALUE} is not a span of time such as 1 year, nor a date",
    "Correct the cell, or add the value to the lookup.",
    repairs=Repairs.VALUE,
)


class PlusStep(Step[str | SpanBy]):
    """A time later: `1 year`, `14 days`, `end of month`, `end of term`, or a span by a lookup."""

    key = "plus"
    form = Annotated[
        Annotated[Plus, Tag(AS_TEXT)] | Annotated[SpanBy, Tag(AS_TABLE)], Discriminator(form)
    ]
    position = 70
    of_dates = True

    @property
    def needs(self) -> Needs:
        if not isinstance(self.value, SpanBy):
            return Needs()
        by = self.value.by
        lookup = (("plus", "lookup"), self.value.lookup)
        return Needs(deciding=(*by.cells, *by.variables), lookups=(lookup,))

    @property
    def uses_terms(self) -> bool:
        return self.value == END_OF_TERM or isinstance(self.value, SpanBy)

    def check(self, part: RulePart) -> Iterator[MappingFinding]:
        yield from super().check(part)
        terms, steps = part.mapping.file.terms, (*part.steps, "plus")
        if self.value == END_OF_TERM and not terms:
            yield MappingFinding(steps, _NO_TERMS)
        if isinstance(self.value, SpanBy) and self.value.lookup in part.mapping.tables:
            for code in sorted(part.mapping.tables[self.value.lookup].every_code):
                try:
                    if as_plus_or_date(code) == END_OF_TERM and not terms:
                        yield MappingFinding((*steps, "lookup"), _NO_TERMS)
                except ValueError as error:
                    yield MappingFinding((*steps, "lookup"), str(error))

    def describe(self, said: str, part: RulePart) -> str:
        """`, plus 1 year`."""
        if isinstance(self.value, SpanBy):
            table = about(self.value.lookup, part.mapping.tables)
            return f"{said}, plus the span for {self.value.by.text}, looked up in {table}"
        return f"{said}, {'at' if self.value.startswith('end') else 'plus'} {self.value}"

    def run(self, values: Values, work: RuleWork) -> Values:
        terms, plus = work.evaluation.file.terms, self.value if isinstance(self.value, str) else ""
        spans = self._spans(values, work)

        def move(day: str, span: str) -> Reading:
            return moved(date.fromisoformat(day), span or plus, terms)

        values.step(move, spans.texts if spans else None, writes=True)
        values.found += spans.found if spans else ()
        return values

    def _spans(self, values: Values, work: RuleWork) -> Values | None:
        """Return the span of each row if they differ; that of a term may end in the row's group."""
        rows, terms = values.applies & values.filled, work.evaluation.file.terms
        by_group = isinstance(terms, dict)
        if isinstance(self.value, SpanBy):
            spans = Values.of(*work.fill(self.value.by, lines=False), rows)
            spans.step(work.evaluation.tables[self.value.lookup].find)
            spans.step(lambda text, _: _as_span(text, terms))
        elif self.value == END_OF_TERM and by_group:
            spans = Values.of(work.evaluation.same(END_OF_TERM), rows, rows)
        else:
            return None
        if by_group:
            groups = work.fill(_GROUP, lines=False)[0]
            spans.texts = spans.texts + np.where(spans.texts == END_OF_TERM, " " + groups, "")
        return spans


def _as_span(text: str, terms: Terms) -> Reading:
    """Return a span or date that was looked up, or a finding if it is none."""
    with suppress(ValueError):
        if (span := as_plus_or_date(text)) != END_OF_TERM or terms:
            return span, None
    return "", _NO_SPAN


class MinusStep(Step[str]):
    """A time earlier: `2 years`, `6 months`, `14 days`."""

    key = "minus"
    in_words = "minus {}"
    form = Span
    position = 80
    of_dates = True

    def run(self, values: Values, work: RuleWork) -> Values:

        def move(day: str, _beside: str) -> Reading:
            return earlier(date.fromisoformat(day), self.value).isoformat(), None

        values.step(move, writes=True)
        return values
