"""A mapping compiled for the headings of one roster."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from importer.mapper.batch import Batch, RunVariables
from importer.mapper.coding import Coder
from importer.mapper.dates import Evidence, Order, Style
from importer.mapper.lines import Group, IdColumn, Line
from importer.mapper.work import Work
from importer.model.candidates import Candidates, RecordLayout
from importer.model.codes import NO_CODES, CodeTables
from importer.model.problem import Place, Problem

if TYPE_CHECKING:
    from importer.mapper.chain import Chain
    from importer.model.roster import Roster


@dataclass(frozen=True, slots=True)
class Use:
    """A column of the roster that the mapping uses: which labels it feeds, and how it was found."""

    place: Place
    labels: tuple[str, ...]
    how: str


@dataclass(frozen=True, slots=True)
class Undeclared:
    """A date rule whose order the mapping does not declare; `key` is where its chain stands."""

    key: str
    label: str
    chain: Chain
    style: Style


@dataclass(frozen=True, slots=True)
class Compiled:
    """A mapping ready for one roster. It keeps nothing: a row's values depend on that row alone.

    `only`: by position the texts, in comparison form, of rows that are taken. `undeclared` are
    dates for which `settle` may find the order. `scalars` stand in the order of their needs.
    """

    scheme: RecordLayout
    run: RunVariables
    scalars: tuple[Line, ...]
    groups: tuple[Group, ...]
    ids: tuple[IdColumn, ...]
    only: tuple[tuple[int, frozenset[str]], ...]
    undeclared: tuple[Undeclared, ...]
    uses: tuple[Use, ...]
    notices: tuple[Problem, ...]
    again: Callable[[Mapping[str, Order]], Compiled]

    def settle(self, roster: Roster) -> Compiled:
        """This mapping, with the order of undeclared dates as the whole roster's columns show it.

        Where a column shows no order, its dates stay ambiguous, and each is a problem.
        """
        if not self.undeclared:
            return self
        evidence = {item.key: Evidence() for item in self.undeclared}
        batch, _ = self._batch(roster)
        for line in self.scalars:  # what other rules may need
            batch.set_field(line.target.label, line.chain.run(batch).texts)
        for item in self.undeclared:
            evidence[item.key].add(set(item.chain.source(batch)) - {""}, item.style)
        orders = {key: found.order for key, found in evidence.items() if found.order is not None}
        return self.again(orders)

    def map(self, roster: Roster, codes: CodeTables = NO_CODES) -> Candidates:
        """The candidates of a roster: every row of its frame that `only` takes, in order."""
        batch, skipped = self._batch(roster)
        work = Work(self.scheme.account_type, batch, roster.source, Coder(codes))
        work.repair(self.ids)
        for line in self.scalars:
            values = work.run(line)
            batch.set_field(line.target.label, values.texts)
        for group in self.groups:
            work.enter(group)
        columns = {label: work.texts[label] for label in self.scheme.targets}
        frame = pd.DataFrame(columns, index=list(batch.rows), dtype=object)
        problems = tuple(sorted(work.problems, key=lambda problem: problem.origin.row))
        return Candidates(roster.source, self.scheme, frame, work.unspoken, skipped, problems)

    def _batch(self, roster: Roster) -> tuple[Batch, tuple[int, ...]]:
        """The rows that are taken, as columns, and the numbers of those that are not."""
        frame = roster.frame
        numbers: list[int] = frame.index.tolist()
        taken: list[int] | None = None
        for position, texts in self.only:
            cells = frame[position].tolist()
            wanted = {text for text in set(cells) if " ".join(text.split()).casefold() in texts}
            rows = range(len(cells)) if taken is None else taken
            taken = [at for at in rows if cells[at] in wanted]
        whole = Batch(numbers, self.run, lambda position: frame[position].tolist())
        if taken is None or len(taken) == len(numbers):
            return whole, ()
        kept = set(taken)
        skipped = tuple(number for at, number in enumerate(numbers) if at not in kept)
        return whole.taken(taken), skipped
