"""A mapping made ready for one roster's headings: chunks in, candidates out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from importer.mapper.batch import Batch, RunVariables
from importer.mapper.coding import Coder
from importer.mapper.dates import Evidence, Order, Style
from importer.mapper.reading import Convert, Finding, convert_all
from importer.model.candidates import Candidates, Entry, Scheme, Target
from importer.model.catalogue import Code, Severity
from importer.model.codes import NO_CODES, CodeTables
from importer.model.policy import AccountType
from importer.model.problem import Place, Problem

if TYPE_CHECKING:
    from importer.mapper.chain import Chain, Values
    from importer.model.roster import Chunk, Roster, Source

Required = Literal["true", "warn", "false"]


@dataclass(frozen=True, slots=True)
class Line:
    """A target, its chain, and whether it may be blank.

    `from_cells`: its text stands in the roster as it is, so blanks inside a code are a slip.
    """

    target: Target
    chain: Chain
    required: Required = "false"
    from_cells: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """An entry's lines. `asks`: something of the roster or the record is filled in somewhere.

    `needed` are the labels without which it is no entry.
    """

    entry: Entry
    lines: tuple[Line, ...]
    asks: bool
    needed: tuple[str, ...]


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
class IdColumn:
    """A column with an `ids:` rule: its position and what is done to its cells."""

    position: int
    place: Place
    label: str
    steps: tuple[Convert, ...]


@dataclass(frozen=True, slots=True)
class Compiled:
    """A mapping ready for one roster. It keeps nothing: a row's values depend on that row alone.

    `only`: by position the texts, in comparison form, of rows that are taken. `undeclared` are
    dates for which `settle` may find the order. `scalars` stand in the order of their needs.
    """

    scheme: Scheme
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

        The roster is read once more only if there is such a column. Where a column shows no
        order, its dates stay ambiguous, and each is a problem.
        """
        if not self.undeclared:
            return self
        evidence = {item.key: Evidence() for item in self.undeclared}
        for chunk in roster.chunks():
            batch, _ = self._batch(chunk)
            for line in self.scalars:  # what other rules may need
                batch.set_field(line.target.label, line.chain.run(batch).texts)
            for item in self.undeclared:
                evidence[item.key].add(set(item.chain.source(batch)) - {""}, item.style)
        orders = {key: found.order for key, found in evidence.items() if found.order is not None}
        return self.again(orders)

    def map(self, chunk: Chunk, source: Source, codes: CodeTables = NO_CODES) -> Candidates:
        """The candidates of a chunk: every row of its frame that `only` takes, in order."""
        import pandas as pd

        batch, skipped = self._batch(chunk)
        work = _Work(self, batch, source, Coder(codes))
        work.repair_ids()
        for line in self.scalars:
            values = work.run(line)
            batch.set_field(line.target.label, values.texts)
            work.require(line, values)
        for group in self.groups:
            work.enter(group)
        ordered = {label: work.texts[label] for label in self.scheme.targets}
        frame = pd.DataFrame(ordered, index=list(batch.rows), dtype=object)
        problems = tuple(sorted(work.problems, key=lambda problem: problem.origin.row))
        return Candidates(source, self.scheme, frame, work.unspoken, skipped, problems)

    def _batch(self, chunk: Chunk) -> tuple[Batch, tuple[int, ...]]:
        """The rows that are taken, as columns, and the numbers of those that are not."""
        frame = chunk.frame
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


class _Work:
    """One chunk on its way to candidates."""

    def __init__(self, compiled: Compiled, batch: Batch, source: Source, coder: Coder) -> None:
        self.compiled = compiled
        self.batch = batch
        self.source = source
        self.coder = coder
        self.texts: dict[str, list[str]] = {}
        self.unspoken: dict[str, frozenset[int]] = {}
        self.problems: list[Problem] = []

    def repair_ids(self) -> None:
        """Apply the `ids:` rules to their columns."""
        for column in self.compiled.ids:
            cells = texts = self.batch.cells(column.position)
            for step in column.steps:
                texts, found = convert_all(texts, step)
                for at, finding in found.items():
                    self.report(at, finding, column.label, (column.place,), cells[at])
            self.batch.set_cells(column.position, texts)

    def run(self, line: Line) -> Values:
        """A line's values; their findings become problems."""
        values = line.chain.run(self.batch)
        target = line.target
        for at, finding, text in values.found:
            self.report(at, finding, target.label, target.places, text)
        step = self.coder.step(target.field, from_cells=line.from_cells)
        if step is not None:
            before = values.texts
            values.texts, found = convert_all(before, step)
            for at, finding in found.items():
                self.report(at, finding, target.label, target.places, before[at])
                values.found.append((at, finding, before[at]))
        self.texts[target.label] = values.texts
        if values.unspoken:
            self.unspoken[target.label] = frozenset(self.batch.rows[at] for at in values.unspoken)
        return values

    def require(self, line: Line, values: Values) -> None:
        """A problem for each row that leaves a required field blank."""
        if line.required == "false" or all(values.texts):
            return
        told = {at for at, _, _ in values.found} | values.unspoken
        severity = Severity.WARNING if line.required == "warn" else None
        for at, text in enumerate(values.texts):
            if not text and at not in told:
                self._missing(at, line.target, severity)

    def _missing(self, at: int, target: Target, severity: Severity | None) -> None:
        external = self.compiled.scheme.account_type is AccountType.EXTERNAL
        no_empl_id = external and target.label == "primary_id"
        self.problems.append(
            Problem.of(
                Code.MISSING_EMPL_ID if no_empl_id else Code.MISSING_VALUE,
                self.source.origin(self.batch.rows[at]),
                "is blank, and this person is External" if no_empl_id else "is blank",
                *target.places,
                field=target.label,
                severity=severity,
            )
        )

    def enter(self, group: Group) -> None:
        """An entry: left out of the rows that have nothing for it, whole in the others."""
        lines = {line.target.label: line for line in group.lines}
        values = {label: self.run(line) for label, line in lines.items()}
        for label, line in lines.items():
            self.require(line, values[label])
        unspoken = {at for label in group.needed for at in values[label].unspoken}
        columns = [found.content for found in values.values()]
        rows = zip(*columns, strict=True) if group.asks else ([True] for _ in self.batch.rows)
        there = [at not in unspoken and any(row) for at, row in enumerate(rows)]
        for label, found in values.items():
            if label in group.needed and lines[label].required == "false":
                told = {at for at, _, _ in found.found}
                for at, text in enumerate(found.texts):
                    if there[at] and not text and at not in told:
                        self._incomplete(at, lines[label].target, group)
            if not all(there):
                texts = [
                    text if here else "" for text, here in zip(found.texts, there, strict=True)
                ]
                self.texts[label] = texts

    def _incomplete(self, at: int, target: Target, group: Group) -> None:
        places = target.places or tuple(p for line in group.lines for p in line.target.places)
        self.problems.append(
            Problem.of(
                Code.MISSING_VALUE,
                self.source.origin(self.batch.rows[at]),
                f"`{target.field.name}` is blank, but other parts of the same entry are not",
                *places,
                field=target.label,
                advice="Fill in the cell, or clear the other cells of this entry.",
            )
        )

    def report(
        self, at: int, finding: Finding, label: str, places: tuple[Place, ...], text: str
    ) -> None:
        """A finding of a step becomes a problem of a row."""
        private = label == "password"
        self.problems.append(
            Problem.of(
                finding.code,
                self.source.origin(self.batch.rows[at]),
                finding.message,
                *places,
                field=label,
                value="" if private else text,
                advice=finding.advice,
            )
        )
