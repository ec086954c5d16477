"""The roster and the mapping of a run, and what the run is asked to do."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from itertools import chain
from pathlib import Path

from importer.errors import MappingError, RosterError
from importer.ledger.ledger import Ledger, add_cells, add_columns, add_problems, excuse
from importer.loader.read import read
from importer.mapper.compile import compile_mapping
from importer.mapper.compiled import CompiledMapping, RunVariables
from importer.mapper.evaluate import evaluate
from importer.mapper.load import examine as read_mapping
from importer.mapper.mapping import Mapping
from importer.model.candidates import Candidates
from importer.model.catalogue import Code, Severity
from importer.model.codes import CodeTables
from importer.model.plan import Fate
from importer.model.problem import Origin, Problem
from importer.model.roster import NOT_KEPT, Roster
from importer.model.run import ColumnUse, RunFacts
from importer.model.text import spans
from importer.validator.code_checks import state_of_tables
from importer.validator.rules import validate


@dataclass(frozen=True, slots=True)
class RunRequest:
    """A roster, the mapping for it, and where the run goes.

    `codes_file` is where the codes are from, if a file was named. `now` has its zone; `folder` is
    None for a new one under `runs/`; `operator` is who asks, on which computer; `version` is the
    importer's. `visible_only`: rows that the sheet hides are skipped. `mirrors` is the folder of
    the directory, None where Alma is to be asked about each row; `refresh`: read first who changed
    since.
    """

    roster: Path
    mapping: Path
    codes: CodeTables
    folder: Path | None
    now: datetime
    operator: str
    version: str
    visible_only: bool = False
    mirrors: Path | None = None
    refresh: bool = True
    codes_file: Path | None = None


SAMPLES = 3
"""How many values of a column are shown beside what it was matched with."""


_SPELLED_OUT = 50  # stretches of blank rows

PASSWORD = "password"  # noqa: S105  a field's name


@dataclass(frozen=True, slots=True)
class Inputs:
    """A roster and the mapping that was compiled for its headings."""

    mapping: Mapping
    roster: Roster
    compiled: CompiledMapping
    codes: CodeTables
    today: date

    def candidates(self) -> Candidates:
        """Map every row of the roster."""
        return evaluate(self.compiled, self.roster, self.codes)

    def concerned(self, problems: Iterable[Problem]) -> Iterator[Problem]:
        """Those of the problems with cells that are about whole rows or about cells that are used.

        What stands in a column that no rule uses is not sent, so it holds nothing back.
        """
        used = {use.place for use in self.compiled.uses}
        secret = {self.roster.places[position] for position in self.passwords()}
        return (
            problem if secret.isdisjoint(problem.places) else replace(problem, value="")
            for problem in problems
            if not problem.places or not used.isdisjoint(problem.places)
        )

    def cells(self, rows: Collection[int]) -> Iterator[tuple[int, tuple[str, ...]]]:
        """Return these rows as they came, without their passwords."""
        frame = self.roster.frame
        taken = frame.index.isin(list(rows))
        cells = frame.to_numpy()[taken]
        for position in self.passwords():
            column = cells[:, position]
            column[column != ""] = NOT_KEPT
        return zip(frame.index[taken].tolist(), map(tuple, cells.tolist()), strict=True)

    def passwords(self) -> tuple[int, ...]:
        """The positions of the columns that hold passwords, which are kept nowhere."""
        secret = {use.place for use in self.compiled.uses if PASSWORD in use.labels}
        return tuple(n for n, place in enumerate(self.roster.places) if place in secret)


def open_inputs(request: RunRequest) -> Inputs:
    """The roster and the mapping of an order. Raises MappingError, RosterError."""
    return read_inputs(
        request.roster,
        request.mapping,
        request.codes,
        request.now.date(),
        visible_only=request.visible_only,
    )


def reopen_inputs(facts: RunFacts, codes: CodeTables) -> Inputs:
    """The roster of a run, read as it was then, and its mapping. Raises MappingError, RosterError.

    Whether they are still the same was looked at before.
    """
    roster, mapping = Path(facts.roster.path), Path(facts.mapping.path)
    return read_inputs(roster, mapping, codes, facts.today, visible_only=facts.roster.visible_only)


def read_inputs(
    roster: Path, mapping: Path, codes: CodeTables, today: date, *, visible_only: bool = False
) -> Inputs:
    """Read the mapping, open the roster, and compile the one for the other.

    Raises MappingError with everything that is wrong in the mapping, the headings that the roster
    lacks included, or RosterError.
    """
    document, findings = read_mapping(mapping)
    if document is None:
        raise MappingError(findings)
    try:
        opened = read(roster, replace(document.layout(), visible_only=visible_only))
    except RosterError as error:
        raise MappingError(findings) if findings else error from None
    run = RunVariables(today, opened.source.path.name, opened.source.sheet)
    try:
        compiled = compile_mapping(document, opened.places, run)
    except MappingError as error:
        raise MappingError((*findings, *error.findings)) from None
    if findings:
        raise MappingError(findings)
    return Inputs(document, opened, compiled, codes, today)


def quiet(_: int) -> None:
    """Where nobody wants to hear how far it has come."""


def examine(inputs: Inputs, ledger: Ledger, tell: Callable[[int], None] = quiet) -> dict[int, Fate]:
    """Check every row; the problems go into the ledger, the fates come back in row order.

    `tell` hears how many rows are done.
    """
    roster, candidates = inputs.roster, inputs.candidates()
    fates: dict[int, Fate] = dict.fromkeys(candidates.rows, Fate.READY)
    fates |= dict.fromkeys((*candidates.skipped, *roster.left_out), Fate.SKIPPED)
    fates |= dict.fromkeys(roster.blank, Fate.BLANK)
    tally = Tally(ledger)
    tally.add(inputs.compiled.notices)
    found = validate(candidates, inputs.codes, inputs.mapping.duplicates, inputs.today)
    tally.add(chain(inputs.concerned(roster.problems), candidates.problems, found))
    tell(len(fates))
    excuse(ledger, (row for row, fate in tally.held.items() if fate is Fate.SKIPPED))
    tally.add(roster.notices)
    origin = roster.source.origin()
    tally.add(state_of_tables(inputs.codes, origin, inputs.today))
    tally.add(_blank_rows(origin, roster.blank))
    for row, fate in tally.held.items():
        if fates.get(row) is Fate.READY:
            fates[row] = fate
    add_columns(ledger, _uses(inputs, _samples(roster)))
    return {row: fates[row] for row in sorted(fates)}


def _blank_rows(origin: Origin, rows: Sequence[int]) -> Iterator[Problem]:
    """A notice that lists the blank rows, if there are any."""
    if rows:
        count = "1 row is" if len(rows) == 1 else f"{len(rows):,} rows are"
        message = f"{count} blank: {spans(rows, _SPELLED_OUT)}"
        yield Problem.of(Code.BLANK_ROWS, origin, message)


class Tally:
    """Writes problems down and remembers which rows they hold back."""

    def __init__(self, ledger: Ledger) -> None:
        """Begin with no row held back."""
        self._ledger = ledger
        self._of_roster: set[Problem] = set()
        self.held: dict[int, Fate] = {}

    def add(self, problems: Iterable[Problem]) -> None:
        """Write problems down; a rejecting one outweighs one for review, giving way outweighs both.

        What concerns the whole roster is written once.
        """
        add_problems(self._ledger, filter(self._is_new, problems))

    def _is_new(self, problem: Problem) -> bool:
        row = problem.origin.row
        if not row:
            known = problem in self._of_roster
            self._of_roster.add(problem)
            return not known
        if problem.code is Code.GIVES_WAY:
            self.held[row] = Fate.SKIPPED
        elif problem.severity is Severity.REJECT:
            if self.held.get(row) is not Fate.SKIPPED:
                self.held[row] = Fate.REJECTED
        elif problem.severity is Severity.REVIEW:
            self.held.setdefault(row, Fate.REVIEW)
        return True


def keep_cells(inputs: Inputs, ledger: Ledger, rows: Collection[int]) -> None:
    """Put these rows into the ledger as they came."""
    add_cells(ledger, inputs.cells(rows))


def _samples(roster: Roster) -> tuple[tuple[str, ...], ...]:
    """By column, its first different values."""
    head = roster.frame.head(200)
    return tuple(
        tuple(dict.fromkeys(text for text in head[name].tolist() if text))[:SAMPLES]
        for name in head
    )


def _uses(inputs: Inputs, samples: tuple[tuple[str, ...], ...]) -> Iterator[ColumnUse]:

    used = {use.place: use for use in inputs.compiled.uses}
    passwords = inputs.passwords()
    for position, place in enumerate(inputs.roster.places):
        use = used.get(place)
        shown = position < len(samples) and position not in passwords
        values = samples[position] if shown else ()
        labels, how = (use.labels, use.how) if use else ((), "")
        yield ColumnUse(place.letter, place.heading, labels, how, values)
