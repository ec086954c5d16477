"""The steps of dates: how they are read, and what is a time later."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from importer.mapper.dates import (
    END_OF_TERM,
    ORDER_WORDS,
    SWAPPED,
    Dates,
    DatesPart,
    Plus,
    Span,
    earlier,
    later,
    may_be_swapped,
    order_notice,
)
from importer.mapper.steps.step import MappingFinding, RulePart, Step
from importer.mapper.transforms import Reading
from importer.mapper.values import RuleWork, Values
from importer.model.candidates import ENDS, ROLE_END
from importer.model.fields import Field as RecordField
from importer.model.fields import Shape

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
        cells = [cell for template in part.rule.templates for cell in template.cells]
        if part.of.field.shape is not Shape.DATE or not cells:
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
        if not work.rule.templates:
            return values  # the cases have read their dates
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


class PlusStep(Step[str]):
    """A time later: `1 year`, `14 days`, `end of month` or `end of term`."""

    key = "plus"
    form = Plus
    position = 70
    of_dates = True

    def check(self, part: RulePart) -> Iterator[MappingFinding]:
        yield from super().check(part)
        if self.value == END_OF_TERM and not part.mapping.file.terms:
            yield part.finding("plus", "`end of term` needs `terms` in this mapping")

    def describe(self, said: str, part: RulePart) -> str:
        """`, plus 1 year`."""
        return f"{said}, {'at' if self.value.startswith('end') else 'plus'} {self.value}"

    def run(self, values: Values, work: RuleWork) -> Values:
        terms = work.evaluation.file.terms

        def move(day: str, _beside: str) -> Reading:
            return later(date.fromisoformat(day), self.value, terms).isoformat(), None

        values.step(move)
        return values


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

        values.step(move)
        return values
