"""A rule as a chain of steps over whole columns: the one way in which values come about."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from importer.mapper.reading import Convert, ConvertThere, Finding, Idle, convert_all

if TYPE_CHECKING:
    from importer.mapper.batch import Batch

Fill = Callable[["Batch"], tuple[list[str], list[str]]]
"""Gives a template's texts, and beside them what the cells behind it say: blank, if nothing."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step, and how to see at a glance that it has nothing to do.

    `selects`: it may leave the text out on purpose, so that nothing is missing. `there`: the step
    where it depends on the country of the address.
    """

    convert: Convert
    selects: bool = False
    idle: Idle | None = None
    there: ConvertThere | None = None

    def run(self, texts: list[str], batch: Batch) -> tuple[list[str], dict[int, Finding]]:
        """The converted texts, and what was found by position."""
        if self.there is None:
            return convert_all(texts, self.convert, self.idle)
        read = [
            self.there(text, country) if text else ("", None)
            for text, country in zip(texts, batch.countries, strict=True)
        ]
        found = {at: finding for at, (_, finding) in enumerate(read) if finding is not None}
        return [text for text, _ in read], found


@dataclass(slots=True)
class Values:
    """What a chain gives: one text per row, and what is known beside it.

    `content`: a text per row, not blank where the roster says anything here. By position,
    `found`: findings with the cell's text; `unspoken`: where the rule's `when` does not hold.
    """

    texts: list[str]
    content: list[str]
    found: list[tuple[int, Finding, str]] = field(default_factory=list)
    unspoken: frozenset[int] = frozenset()

    def take(self, rows: Sequence[int], other: Values) -> None:
        """Put the values of some rows, by position, into these; `content` is only added to."""
        for at, text, said in zip(rows, other.texts, other.content, strict=True):
            self.texts[at] = text
            self.content[at] = self.content[at] or said
        self.found.extend((rows[at], finding, text) for at, finding, text in other.found)


@dataclass(frozen=True, slots=True)
class Chain:
    """A rule, ready to run.

    `when`: by column the texts, in comparison form, of which the cell must be one. `fills` are
    tried in turn until one is not blank.
    """

    fills: tuple[Fill, ...]
    steps: tuple[Step, ...] = ()
    when: tuple[tuple[int, frozenset[str]], ...] = ()
    default: Chain | None = None

    def run(self, batch: Batch) -> Values:
        """The values for every row of a batch."""
        if not self.when:
            return self._spoken(batch)
        holds = self._holds(batch)
        values = Values([""] * len(batch), [""] * len(batch))
        values.take(holds, self._spoken(batch.taken(holds)))
        others = sorted(set(range(len(batch))).difference(holds))
        if self.default is None:
            values.unspoken = frozenset(others)
        else:
            instead = self.default.run(batch.taken(others))
            values.take(others, instead)
            values.unspoken = frozenset(others[at] for at in instead.unspoken)
        return values

    def source(self, batch: Batch) -> list[str]:
        """The texts as they stand before the last step (for dates: what is to be read)."""
        rows = batch.taken(self._holds(batch)) if self.when else batch
        texts, _ = self._filled(rows)
        for step in self.steps[:-1]:
            texts, _ = step.run(texts, rows)
        return texts

    def _holds(self, batch: Batch) -> list[int]:
        holds: Sequence[int] = range(len(batch))
        for position, texts in self.when:
            cells = batch.cells(position)
            wanted = {text for text in set(cells) if " ".join(text.split()).casefold() in texts}
            holds = [at for at in holds if cells[at] in wanted]
        return list(holds)

    def _filled(self, batch: Batch) -> tuple[list[str], list[str]]:
        texts, content = self.fills[0](batch)
        for fill in self.fills[1:]:
            if all(texts):
                break
            more, said = fill(batch)
            texts = [text or other for text, other in zip(texts, more, strict=True)]
            content = [first or other for first, other in zip(content, said, strict=True)]
        return texts, content

    def _spoken(self, batch: Batch) -> Values:
        source, content = self._filled(batch)
        values = Values(source, content)
        for step in self.steps:
            values.texts, found = step.run(values.texts, batch)
            values.found.extend((at, finding, source[at]) for at, finding in found.items())
            if step.selects:
                pairs = zip(values.content, values.texts, strict=True)
                values.content = [said and text for said, text in pairs]
        if self.default is not None:
            self._fill_blanks(values, batch)
        return values

    def _fill_blanks(self, values: Values, batch: Batch) -> None:
        """The default, where everything before is blank and nothing went wrong."""
        failed = {at for at, _, _ in values.found}
        blank = [at for at, text in enumerate(values.texts) if not text and at not in failed]
        values.texts, values.content = list(values.texts), list(values.content)
        if self.default is not None and blank:
            values.take(blank, self.default.run(batch.taken(blank)))
