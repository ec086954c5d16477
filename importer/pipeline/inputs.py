"""The rosters and mappings of a run, and what the run is asked to do."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import Protocol, Self

from importer.advice import Advice, Note
from importer.alma.facts import MeasuredFacts
from importer.errors import (
    ImporterError,
    MappingError,
    RosterError,
    UsageError,
)
from importer.files import read_bounded
from importer.ledger.ledger import FILE, Ledger
from importer.loader.corrections import correct, read_corrections
from importer.loader.csv_file import Rows, read_rows
from importer.loader.detect import LARGEST
from importer.loader.read import read
from importer.mapper.compile import CompiledMapping, RunVariables, compile_mapping
from importer.mapper.evaluate import evaluate
from importer.mapper.load import NO_FILE, MappingText, examine
from importer.mapper.mapping import MappingDocument
from importer.mapper.placeholders import heading_key
from importer.mapper.schema import MatchPart
from importer.mapper.secret_cells import misplaced, secret_columns, without_secrets
from importer.model.candidates import Candidates
from importer.model.fields import SECRETS, CodeTables
from importer.model.plan import Fate, Match
from importer.model.problem import KNOWN, VALUE, Code, Origin, Place, Problem
from importer.model.roster import NOT_KEPT, Layout, Roster
from importer.model.run import ColumnUse, MappingFacts
from importer.model.text import RowId
from importer.planner.drafts import DraftUser, drafts
from importer.report.needed_columns import needed_columns

SAMPLES = 3
"""How many values of a column are shown with what it was matched to."""

_SAMPLED_ROWS = 200

PASSWORD = "password"  # noqa: S105  a field's name


@dataclass(frozen=True, slots=True)
class RosterRequest:
    """A roster, the mapping for it, and the file with its corrections, if any.

    `roster`: its file, its rows where there is no file, or None where the mapping takes them from
    Alma (see `lookup.with_rows`). `mapping`: its file, or its text. `sheet`: of a workbook, in
    place of the mapping's. `visible_only`: rows that the sheet hides are skipped.
    """

    roster: Path | Rows | None
    mapping: Path | MappingText
    sheet: str = ""
    corrections: Path | None = None
    visible_only: bool = False


@dataclass(frozen=True, slots=True)
class AskedRun:
    """The rosters of a run, each with its mapping, and where the run goes.

    `codes`: a file of code tables, None for the saved ones. `folder`: None for a new one under
    `runs/`. `refresh`: a plan first reads who changed in Alma since. `overwrite_edits`: fields that
    are written although staff edited them in Alma. `sis`: plan for Alma's SIS load.
    """

    rosters: tuple[RosterRequest, ...]
    codes: Path | None = None
    folder: Path | None = None
    refresh: bool = True
    overwrite_edits: tuple[str, ...] = ()
    sis: bool = False

    @property
    def name(self) -> str:
        """The names of the rosters, or of mappings whose roster has no file, for the folder."""
        files = (
            next(
                (path.stem for path in (asked.roster, asked.mapping) if isinstance(path, Path)), ""
            )
            for asked in self.rosters
        )
        return "-".join(filter(None, dict.fromkeys(files)))


@dataclass(frozen=True, slots=True)
class AskedUndo:
    """What is asked of an undo: in which `folder`, None for a new one under `runs/`.

    `delete_created`: also delete the users that the run created.
    """

    folder: Path | None
    delete_created: bool


@dataclass(frozen=True, slots=True)
class Occasion:
    """Who makes a run, when, and with what.

    `operator`: who asks, on which computer. `now` has its time zone. `version` is the importer's.
    `measured`: what was measured of an Alma, by file.
    """

    operator: str
    now: datetime
    version: str
    measured: Mapping[Path, MeasuredFacts]


@dataclass(frozen=True, slots=True)
class RunRequest:
    """What is asked of a run, on which occasion, and with which code tables.

    `users_folder`: that of the user cache, None to ask Alma about each row.
    """

    asked: AskedRun
    occasion: Occasion
    codes: CodeTables
    users_folder: Path | None


class Advance(Protocol):
    """Reports progress: items done, items in all (0: not known), and their results in words."""

    def __call__(self, done: int, of: int, counts: str = "") -> None:
        """Report."""


@dataclass(frozen=True, slots=True)
class Listener:
    """Where a long command reports how far it is, and one sentence for the operator."""

    advance: Advance
    note: Note


SILENT = Listener(lambda done, of, counts="": None, lambda _sentence, *_do: None)  # noqa: ARG005

Reader = Callable[[Path, Layout], Roster]
"""What reads a roster's file; it raises RosterError."""


@dataclass(frozen=True, slots=True)
class MappedRoster:
    """A roster, the mapping that was compiled for its headings, and the mapped rows.

    `secret`: the positions of the columns with passwords or PINs, which are kept nowhere.
    """

    asked: RosterRequest
    mapping: MappingDocument
    roster: Roster
    compiled: CompiledMapping
    candidates: Candidates
    codes: CodeTables
    today: date
    secret: frozenset[int]

    @property
    def match(self) -> MatchPart:
        """How a row finds its user in Alma."""
        return self.mapping.file.match

    @property
    def kept(self) -> dict[str, bytes]:
        """What the run keeps in its folder, because it has no file, by the name that it gets."""
        rows, position = self.asked.roster, self.roster.source.position
        kept = {numbered(ROWS, position): rows.content} if isinstance(rows, Rows) else {}
        if self.mapping.content is not None:
            kept[numbered(NO_FILE.name, position)] = self.mapping.content
        return kept

    def problem(self, code: Code, message: str, advice: str | Advice = "") -> Problem:
        """Return a problem of the roster as a whole."""
        return Problem.of(code, self.roster.source.origin(), message, advice=advice)

    def rows(self) -> dict[int, Fate]:
        """Every row of the roster, in order: ready so far, blank, or skipped."""
        rows = dict.fromkeys(self.candidates.rows, Fate.READY)
        rows |= dict.fromkeys((*self.candidates.skipped, *self.roster.left_out), Fate.SKIPPED)
        rows |= dict.fromkeys(self.roster.blank, Fate.BLANK)
        return {row: rows[row] for row in sorted(rows)}

    def without_secrets(self, problems: Iterable[Problem]) -> Iterator[Problem]:
        """Return the problems without the values that may be passwords or PINs."""
        secret = {self.roster.places[position] for position in self.secret}
        rows = misplaced(self.roster, self.secret)
        return (
            without_value(problem)
            if problem.origin.row in rows or not secret.isdisjoint(problem.places)
            else problem
            for problem in problems
        )

    def cells(
        self, rows: Collection[int], *, lines: bool = False
    ) -> Iterator[tuple[int, tuple[str, ...]]]:
        """Return these rows without passwords and PINs; `lines`: with the line breaks in cells."""
        frame = self.roster.frame
        kept = without_secrets(self.roster, frame[frame.index.isin(list(rows))], self.secret)
        if lines:
            kept = self.roster.with_lines(kept)
        return zip(kept.index.tolist(), map(tuple, kept.to_numpy().tolist()), strict=True)

    def columns(self) -> Iterator[ColumnUse]:
        """The roster's columns, what they were matched to, and some values of each."""
        used = {use.place: use for use in self.compiled.uses}
        choices = {
            heading_key(column.heading): tuple(row.code for row in column.choices)
            for column in needed_columns(self.mapping, self.codes)
        }
        head = without_secrets(self.roster, self.roster.frame.head(_SAMPLED_ROWS), self.secret)
        for position, place in enumerate(self.roster.places):
            use = used.get(place)
            samples = tuple(dict.fromkeys(filter(None, head[position].tolist())))[:SAMPLES]
            labels, how = (use.labels, use.how) if use else ((), "")
            words = choices.get(heading_key(place.heading), ()) if use else ()
            number = self.roster.source.position
            yield ColumnUse(place.letter, place.heading, labels, how, samples, words, number)

    def unused(self) -> tuple[Place, ...]:
        """The columns that neither a rule nor `unused:` names."""
        notices = (n for n in self.compiled.notices if n.code is Code.UNUSED_COLUMN)
        return tuple(place for notice in notices for place in notice.places)

    def sample(self) -> tuple[int, dict[str, str]] | None:
        """A row's number and its fields by label, without blank ones; None if there are no rows.

        It is the first of the rows with most fields that are not rejected.
        """
        hidden = misplaced(self.roster, self.secret)
        held = {p.origin.row for p in self.candidates.problems if p.severity.holds}
        head = self.candidates.frame.head(_SAMPLED_ROWS)
        rows = [
            (
                row,
                {
                    label: NOT_KEPT if label in SECRETS else text
                    for label, text in zip(head.columns, texts, strict=True)
                    if text
                },
            )
            for row, *texts in head.itertuples(name=None)
            if row not in hidden
        ]
        return max(rows, key=lambda pair: (pair[0] not in held, len(pair[1])), default=None)


def without_value(problem: Problem) -> Problem:
    """Return a problem without its value, which may be a password or a PIN."""
    message = problem.message.replace(KNOWN, VALUE)
    for before in (": ", "the ID "):
        message = message.replace(f"{before}{VALUE}", f"{before}{NOT_KEPT}")
    return replace(problem, message=message.replace(VALUE, "the cell"), value="")


class Rosters(tuple[MappedRoster, ...]):
    """The rosters of a run, in order; nearly always one. Each has row numbers of its own."""

    __slots__ = ()

    def of(self, row: int) -> MappedRoster:
        """Return the roster that has this row."""
        return self[RowId.of(row).roster]

    def match(self, row: int) -> Match:
        """Return how this row finds its user in Alma."""
        return self.of(row).match

    def origin(self, row: int) -> Origin:
        """Return the place of this row."""
        return self.of(row).roster.source.origin(row)

    def by_mapping(self) -> list[list[MappedRoster]]:
        """Return the rosters by their mappings; those of one mapping are parts of a whole."""
        parts: dict[tuple[str, str], list[MappedRoster]] = {}
        for mapped in self:
            parts.setdefault((mapped.mapping.name, mapped.mapping.sha256), []).append(mapped)
        return [*parts.values()]

    def rows(self) -> dict[int, Fate]:
        """Return every row, in order: ready so far, blank, or skipped."""
        return {row: fate for mapped in self for row, fate in mapped.rows().items()}


class CheckedRosters(Rosters):
    """Rosters that were checked, without the values that `bad: drop` leaves out.

    Records are made of these only. `problems`: all that can be found without Alma, in the order of
    reports.
    """

    problems: tuple[Problem, ...]

    def __new__(cls, rosters: Iterable[MappedRoster], problems: Iterable[Problem]) -> Self:
        """Use `check.validate` instead."""
        made = super().__new__(cls, rosters)
        made.problems = tuple(problems)
        return made

    def drafts(
        self, rows: Collection[int], missing: Mapping[int, tuple[Problem, ...]]
    ) -> Iterator[DraftUser]:
        """Yield the draft users of these rows, in order, with what a new user lacks, by row."""
        for mapped in self:
            yield from drafts(mapped.candidates, rows, missing)


def open_inputs(request: RunRequest) -> Rosters:
    """Read the rosters and mappings of a request. Raises MappingError, RosterError."""
    return read_all(request.asked.rosters, request.codes, request.occasion.now.date())


def read_all(asked: Iterable[RosterRequest], codes: CodeTables, today: date) -> Rosters:
    """Read rosters and their mappings.

    Raise UsageError if a roster without a file, which the run keeps, has passwords or PINs.
    """
    every = [read_inputs(roster, codes, today, position) for position, roster in enumerate(asked)]
    mappings = [mapped.mapping for mapped in every]
    rosters = Rosters(
        replace(inputs, secret=secret_columns(inputs.roster.places, inputs.mapping, mappings))
        for inputs in every
    )
    for mapped in rosters:
        columns = [str(mapped.roster.places[position]) for position in sorted(mapped.secret)]
        if not isinstance(mapped.asked.roster, Rows) or not (
            columns or mapped.mapping.maps_password
        ):
            continue
        what = f"Column {' and '.join(columns)} has" if columns else "The mapping sets"
        msg = (
            f"{what} passwords or PINs. The rows of a roster without a file are kept in the run's "
            "folder, and passwords are not. Leave them out, or save the roster as a file."
        )
        raise UsageError(msg)
    return rosters


def mapping_of(facts: MappingFacts) -> Path | MappingText:
    """Return the mapping of a run: its file, or what the run keeps where there is none."""
    path = Path(facts.path)
    return MappingText(read_bounded(path, LARGEST)) if facts.kept else path


def read_inputs(
    asked: RosterRequest, codes: CodeTables, today: date, position: int = 0, reader: Reader = read
) -> MappedRoster:
    """Read a mapping and its roster with its corrections, and map every row, all of it once.

    `position`: of the roster in its run. `reader`: where the file may have been read already.
    Raises MappingError with everything that is wrong in the mapping, including headings that the
    roster lacks, or RosterError.
    """
    document, findings = examine(asked.mapping)
    if document is None:
        raise MappingError(findings)
    try:
        opened = _opened(asked, document, numbered(ROWS, position), reader)
        if position:
            opened = opened.at_position(position)
        secret = secret_columns(opened.places, document, ())
        if asked.corrections is not None:
            made = read_corrections(asked.corrections)
            opened = correct(opened, made, asked.corrections.name, secret)
    except RosterError as error:
        raise MappingError(findings) if findings else error from None
    run = RunVariables(today, opened.source.path.name, opened.source.sheet)
    try:
        compiled = compile_mapping(document, opened.places, run)
    except MappingError as error:
        others = better_mappings(asked.mapping, opened, run)
        kind = MappingError if findings else type(error)
        raise kind((*findings, *error.findings, *others)) from None
    if findings:
        raise MappingError(findings)
    candidates = evaluate(compiled, opened, codes)
    return MappedRoster(asked, document, opened, compiled, candidates, codes, today, secret)


ROWS = "roster.csv"
"""The file in which a run keeps a roster that came without one; see `numbered`."""


def numbered(name: str, position: int) -> str:
    """Return the name of the roster at this position: `roster.csv`, `roster-2.csv`."""
    path = Path(name)
    return f"{path.stem}-{position + 1}{path.suffix}" if position else name


def _opened(asked: RosterRequest, mapping: MappingDocument, kept: str, reader: Reader) -> Roster:
    """Return the roster of a file or of rows. Raises RosterError, UsageError."""
    match asked.roster:
        case Rows() as rows:
            return read_rows(Path(kept), rows)
        case Path() as path:
            layout = mapping.layout()
            sheet = asked.sheet or layout.sheet
            return reader(path, replace(layout, sheet=sheet, visible_only=asked.visible_only))
        case None:
            msg = f"The mapping {mapping.name} needs a roster. Name its file."
            if mapping.from_alma:
                msg = f"The mapping {mapping.name} takes its rows from Alma, for a plan only."
            raise UsageError(msg)


_TRIED = 20
"""Mappings in the same folder that are tried on a roster that the named one does not fit."""


def better_mappings(
    mapping: Path | MappingText, opened: Roster, run: RunVariables
) -> Iterator[str]:
    """Name the mapping that a roster belongs to: that of its run, or one that has its headings."""
    if isinstance(mapping, MappingText):
        return
    own, path = mapping.resolve(), opened.source.path
    name = path.name
    if name.startswith("rejects") and (path.parent / FILE).is_file():
        with suppress(ImporterError), Ledger.open(path.parent) as ledger:
            used = {Path(mapping.path).resolve() for _, mapping in ledger.facts.rosters}
            if own not in used:
                names = ", ".join(f"`{path.name}`" for path in sorted(used))
                yield f"{name}: these are the rejects of a run with {names}; use it with -m"
            return
    fitting = []
    for other in sorted(own.parent.glob("*.y*ml"))[:_TRIED]:
        document, wrong = examine(other) if other.resolve() != own else (None, ())
        if document is not None and not wrong:
            with suppress(MappingError):
                compile_mapping(document, opened.places, run)
                fitting.append(f"`{other.name}`")
    if fitting:
        which = f"mapping {fitting[0]}; use it" if len(fitting) == 1 else ""
        which = which or f"mappings {', '.join(fitting)}; use one of them"
        yield f"{name}: its headings match the {which} with -m"
