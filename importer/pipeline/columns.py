"""Columns of which most cells fail in one way: one problem of the whole roster, with what to do."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain

from importer.advice import Advice, ByHand, Choice, ListCodes, Where
from importer.mapper.lookups import LookupFile, OwnTable
from importer.mapper.mapping import MappedField
from importer.mapper.placeholders import TO_CHOOSE
from importer.mapper.secret_cells import misplaced
from importer.mapper.yaml_source import scalar
from importer.model.candidates import FieldColumn
from importer.model.fields import SECRETS
from importer.model.problem import CATALOGUE, KNOWN, VALUE, Code, Place, Problem, Repairs, Severity
from importer.model.text import counted
from importer.pipeline.inputs import MappedRoster
from importer.validator.codes import near_codes

FEWEST = 3
"""Rows with the same problem that show something about their column."""

_COMMONEST = 5
"""Values of a failing column that are shown."""

_TELLING = 4
"""Letters of a value that can be similar to a code by more than chance."""

_LISTED = 40
"""Values of a column that are listed as a lookup; with more of them it does not contain codes."""

_OF_ROWS = frozenset({Code.MISSING_VALUE, Code.DUPLICATE_ID, Code.ID_LOST_DIGITS})
"""Problems of which the rows' own advice is right, however many have them."""


@dataclass(frozen=True, slots=True)
class FailingColumn:
    """A column of the roster of which most cells have the same problem.

    `code`: of these problems. `filled`: how many of its cells are not blank. `values`: what the
    problems are about, with their rows.
    """

    mapped: MappedRoster
    place: Place
    target: FieldColumn
    code: Code
    filled: int
    values: Counter[str]

    @property
    def rule(self) -> MappedField:
        """The mapping's rule of the field that the column feeds."""
        compiled = self.mapped.compiled
        entries = chain.from_iterable(entry.columns for entry in compiled.entries)
        return next(
            column.mapped
            for column in chain(compiled.scalars, entries)
            if column.label == self.target.label
        )

    def problem(self) -> Problem:
        """Return the problem of the column, which is one of the whole roster.

        It has the share of its cells that fail and the five commonest of them, and for codes a
        lookup to paste.
        """
        title = CATALOGUE[self.code].title
        title = title if title[1:2].isupper() else title[:1].lower() + title[1:]
        total = self.values.total()
        message = f"{total:,} of {counted(self.filled, 'value')} are not right ({title})"
        common = [f"{text} ({n:,})" for text, n in self.values.most_common(_COMMONEST)]
        value = "" if self.target.label in SECRETS else ", ".join(common)
        repeated = len(self.values) * 2 <= total  # else they may be people's
        if value:
            message += f": {KNOWN if repeated else VALUE}"
        written = self.mapped.mapping.source.place(self.rule.at)
        advice: str | Advice = (
            f"Check which column belongs here, and its rule in the mapping: {written}."
        )
        if self.code is Code.UNKNOWN_CODE and repeated and len(self.values) <= _LISTED:
            advice = self._lookup(written)
        problem = self.mapped.problem(Code.MOST_OF_COLUMN, message, advice)
        return replace(problem, places=(self.place,), field=self.target.label, value=value)

    def _lookup(self, written: str) -> Advice:
        """Return the advice to add the values to the field's lookup, or a lookup with them."""
        rule, lookups = self.rule.rule, self.mapped.mapping.file.lookups
        entries = [f"    {self._line(text, n)}" for text, n in self.values.most_common()]
        if rule.lookup is None:
            name = re.sub(r"\W+", "_", self.place.heading.lower()).strip("_") or "codes"
            names = (name, *(f"{name}_{number}" for number in range(2, len(lookups) + 2)))
            name = next(name for name in names if name not in lookups)
            where = "under `lookups:` in the mapping" if lookups else "at the end of the mapping"
            added = f", and write `{{from: <{self.place.heading}>, lookup: {name}}}` for the field"
            entries = [*([] if lookups else ["lookups:"]), f"  {name}:", *entries]
        else:
            where, added = f"under `{rule.lookup}:` in the mapping", ""
            if isinstance(rule.lookup, LookupFile):
                where = f"as rows of `{rule.lookup.file}`"
            elif isinstance(rule.lookup, OwnTable):
                where = "in the field's own lookup"
        chosen = f"with Alma's code in place of each {TO_CHOOSE}"
        first = f"Add these lines {where}, {chosen}{added} ({written})."
        lines = "\n".join((first, *entries))
        table = ListCodes(self.target.field.facts.table)
        return (Choice(table), Choice(ByHand(lines, Where.MAPPING)))

    def _line(self, text: str, count: int) -> str:
        """Return the line of a lookup for a value, with the code that is probably meant."""
        near = near_codes(text, self.target.field, self.mapped.codes)
        sure = len(near) == 1 and len(text) >= _TELLING
        code, guess = (near[0].code, ", guess") if sure else (TO_CHOOSE, "")
        return f"{scalar(text)}: {scalar(code)}  # {counted(count, 'row')}{guess}"


def column_causes(mapped: MappedRoster, problems: Iterable[Problem]) -> Iterator[Problem]:
    """Yield a problem for each column of which most cells fail in the same way."""
    targets, wrong = mapped.candidates.layout.targets, misplaced(mapped.roster, mapped.secret)
    cells = mapped.roster.frame.drop(index=[*wrong]) if wrong else mapped.roster.frame
    failing: defaultdict[tuple[Place, str, Code], Counter[str]] = defaultdict(Counter)
    for problem in problems:
        target = targets.get(problem.field)
        if len(problem.places) != 1 or target is None or problem.origin.row in wrong:
            continue
        of_mapping = problem.code is Code.UNKNOWN_CODE and problem.value in target.mapped_codes
        if problem.code in _OF_ROWS or problem.repairs is Repairs.COLUMN or of_mapping:
            continue  # its own advice is right
        if problem.severity is Severity.REJECT or target.drop_bad:
            failing[problem.places[0], problem.field, problem.code][problem.value] += 1
    for (place, label, code), values in failing.items():
        filled = sum(map(bool, cells[mapped.roster.places.index(place)].tolist()))
        if values.total() >= max(FEWEST, filled // 2 + 1) and filled:
            yield FailingColumn(mapped, place, targets[label], code, filled, values).problem()
