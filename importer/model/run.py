"""A saved run: what it was made from, what it counted, and what became of each row."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Literal, NamedTuple, Self

from pydantic import BaseModel, Field, PlainSerializer, PlainValidator

from importer.errors import Exit
from importer.model.people import NOTHING_COMMON, Common
from importer.model.plan import Act, Change, Fate, Result, SafetyCheck, SafetyLimits, SisRules
from importer.model.problem import Origin
from importer.model.text import RowId, is_absent, read_row_label, row_label, spans
from importer.model.user import AccountType


class Kept(BaseModel, frozen=True, extra="forbid", defer_build=True):
    """A value that is saved as JSON and loaded again; a command needs some of these only."""


RowNumber = Annotated[
    int,
    PlainValidator(lambda row: read_row_label(str(row))),
    PlainSerializer(row_label, return_type=str),
]
"""A row, which is saved as people see it: `14` or `2:14`."""


class UnusedAnswers(Kept):
    """Why answers about some rows could not be used."""

    rows: tuple[RowNumber, ...]
    why: str

    @property
    def sentence(self) -> str:
        """The rows, and why."""
        return f"{'Row' if len(self.rows) == 1 else 'Rows'} {spans(self.rows, 6)}: {self.why}"


class FileFacts(Kept):
    """A file that a run was made from: its path, and the path as it was typed.

    `kept`: what came without a file is kept by the run, in its own folder.
    """

    path: str
    typed: str = ""
    kept: bool = False

    @property
    def shown(self) -> str:
        """The path for messages: as it was typed."""
        return self.typed or self.path

    def in_folder(self, folder: Path) -> Self:
        """Return the facts with the path in a run's folder, if the run keeps the file there."""
        path = str(folder.resolve() / self.path) if self.kept else self.path
        return self.model_copy(update={"path": path})


class Corrections(FileFacts):
    """The file of corrections of a roster."""

    sha256: str


class RosterFacts(FileFacts):
    """Which roster a run was made from, and how it was read; `named`: as `BOOK[SHEET]`."""

    sha256: str
    kind: str
    sheet: str = ""
    named: bool = False
    encoding: str = ""
    delimiter: str = ""
    header: tuple[int, ...] = ()
    visible_only: bool = False
    rejects: bool = False
    corrections: Corrections | None = None

    @property
    def as_typed(self) -> str:
        """What names the roster on a command line."""
        return f"{self.shown}[{self.sheet}]" if self.named else self.shown

    def origin(self, row: int) -> Origin:
        """Return the place of a row of the run, which is in this roster."""
        file = self.path.replace("\\", "/").rpartition("/")[2]
        return Origin(file, self.sheet, row)


class MappingFacts(FileFacts):
    """Which mapping a run was made with, and its limits of the safety checks (also for an undo).

    `retires`: what it does with its rows' users by `match.retire`, "" if that is nothing.
    `if_open`: what it does then with a user who has something open. `meaning`: the SHA-256 of what
    it means, without comments and layout.
    """

    sha256: str
    meaning: str = ""
    name: str
    title: str = ""
    account_type: AccountType
    safety_limits: SafetyLimits = SafetyLimits()
    retires: str = ""
    if_open: str = ""


class OtherRoster(Kept):
    """A roster after the first, and its mapping."""

    roster: RosterFacts
    mapping: MappingFacts


class AlmaKey(Kept):
    """Which Alma: an institution's production, or its sandbox, which is another Alma."""

    institution: str
    environment: str = ""

    @property
    def key(self) -> str:
        """Its name in files that several share."""
        return f"{self.institution} {self.environment}"

    def cache(self, folder: Path) -> Path:
        """Return the path of its user cache in the folder of all."""
        name = re.sub(r"[^\w.-]", "_", f"{self.institution}-{self.environment}", flags=re.ASCII)
        return folder / f"{name}.sqlite"


class AlmaFacts(AlmaKey):
    """Which Alma a plan was compared with."""

    base_url: str
    name: str = ""

    @property
    def called(self) -> str:
        """The institution's name, its code where Alma has none."""
        return self.name or self.institution

    @property
    def is_production(self) -> bool:
        """Whether its users are real."""
        return self.environment.lower() == "production"


@dataclass(frozen=True, slots=True)
class FailedCheck:
    """A safety check that failed: how many matched users it concerns, and one sentence."""

    check: SafetyCheck
    concerned: int
    matched: int
    sentence: str


class SinceLoad(Kept):
    """How a roster differs from the last load with its mapping, found without Alma.

    `day`: of that load. `new`: people whom no load with the mapping had. `changed`: people with
    another value; `fields`: in how many of them each field or list differs. `missing`: people of
    that load who are not in the roster.
    """

    mapping: str
    day: date
    new: int
    changed: int
    fields: dict[str, int]
    missing: int


class NotInRoster(NamedTuple):
    """A person of the last load with a mapping who is not in the roster.

    The ID is without case and the name "" where there was no user cache.
    """

    primary_id: str
    name: str


class RunFacts(Kept):
    """Everything about a run that is not about a row.

    `others` are the rosters after the first. `codes` is the file of code tables, as it was typed,
    if one was named. `undoes`: of an undo plan, the folder of the undone run, and `undoes_run` its
    name. `users_stay`: the users that the undone run created
    and that the plan does not delete. `overwrite_edits`: paths of values that are written
    although staff edited them. `about_alma`: which saved facts the plan uses and which not, and
    what this Alma will not do of it. `sis`: of a plan whose rows Alma's own SIS load loads, from a
    file; None if they are sent through the API. `groups`: by roster, the user groups
    that the mapping gives, without case.
    """

    command: Literal["check", "plan", "undo"]
    version: str
    started: datetime
    today: date
    operator: str
    roster: RosterFacts
    mapping: MappingFacts
    others: tuple[OtherRoster, ...] = ()
    alma: AlmaFacts | None = None
    codes: str = ""
    codes_institution: str = ""
    codes_fetched: date | None = None
    users_as_of: datetime | None = None
    rate: float = 0
    calls_left: int | None = None
    groups: tuple[tuple[str, ...], ...] = ()
    kept_in_alma: int = 0
    overwrite_edits: tuple[str, ...] = ()
    about_alma: tuple[str, ...] = ()
    since_last_load: tuple[SinceLoad, ...] = ()
    common: Common = NOTHING_COMMON
    undoes: str = ""
    undoes_run: str = ""
    users_stay: int = 0
    sis: SisRules | None = None

    @property
    def run_name(self) -> str:
        """The name by which the run is remembered, wherever its folder is."""
        return f"{self.started.isoformat()} {self.roster.sha256[:8]}"

    @property
    def plan_alma(self) -> AlmaFacts:
        """The Alma of a plan or an undo. Raises AssertionError for a check, which has none."""
        if self.alma is None:
            msg = "a check has no Alma"
            raise AssertionError(msg)
        return self.alma

    @property
    def rosters(self) -> tuple[tuple[RosterFacts, MappingFacts], ...]:
        """Every roster with its mapping."""
        others = ((other.roster, other.mapping) for other in self.others)
        return (self.roster, self.mapping), *others

    def in_folder(self, folder: Path) -> RunFacts:
        """Return the facts with the paths of what this run keeps in its folder."""
        pairs = [
            {"roster": roster.in_folder(folder), "mapping": mapping.in_folder(folder)}
            for roster, mapping in self.rosters
        ]
        others = tuple(map(OtherRoster.model_validate, pairs[1:]))
        return self.model_copy(update={**pairs[0], "others": others})

    @property
    def lists(self) -> bool:
        """Whether a plan lists users for Alma's own jobs."""
        return any(roster.retires == "list" for _, roster in self.rosters)

    def of(self, row: int) -> tuple[RosterFacts, MappingFacts]:
        """Return the roster of a row, and its mapping."""
        return self.rosters[RowId.of(row).roster]

    def retires(self, row: int) -> str:
        """Return what the mapping of a row does with its user by `match.retire`; "" if nothing."""
        return self.of(row)[1].retires

    def holds_open(self, row: int) -> bool:
        """Return whether a loan, request or fee keeps the membership of this row's user."""
        _, mapping = self.of(row)
        return mapping.retires == "expire" and mapping.if_open == "hold" and self.command == "plan"

    def leaves(self, row: int) -> bool:
        """Return whether a write of this row ends its user's membership."""
        return is_absent(row) or bool(self.retires(row))

    def origin(self, row: int = 0) -> Origin:
        """Return the place of a row in its roster; 0 is the whole first roster."""
        return self.of(row)[0].origin(row)


class Calls(Kept):
    """How many calls to Alma it takes to apply a plan, and how many seconds at the set rate.

    `left`: how many calls could still be sent that day when the plan was made, without the
    reserve; null if Alma did not say, or once the plan is applied.
    """

    count: int
    seconds: int
    left: int | None = None

    @property
    def suffice(self) -> bool:
        """Whether enough calls are left, with one to identify the institution; yes if not known."""
        return self.left is None or not self.count or self.count < self.left


class RosterCounts(Kept):
    """The rows of one roster of several, by fate."""

    roster: str
    sheet: str
    mapping: str
    rows: int
    ready: int
    rejected: int
    review: int
    blank: int
    skipped: int


class OfThese(Kept):
    """Rows that another count of the summary has already.

    `dismissed`: of the rejected ones, those that a person decided not to send. `absent`: people in
    Alma who are missing from the roster and would be changed. `kept_in_alma`: rows in which a value
    that someone edited in Alma stays. `cannot_borrow`: rows whose users cannot borrow afterwards.
    `leaving`: updates of users who are missing from the roster; `back`: updates that take back
    what was changed because of that. Once the plan is applied, only updates that were written.
    """

    dismissed: int = 0
    absent: int = 0
    kept_in_alma: int = 0
    cannot_borrow: int = 0
    leaving: int = 0
    back: int = 0


class Summary(Kept):
    """`summary.json`: counts by fate and by problem code. Each row is in one count of a line.

    `rows = ready + rejected + review + blank + skipped`. For a plan `ready = create + update +
    unchanged + left_alone`. After an apply `create + update = created + updated + was_there +
    was_so + refused + held + unknown + not_sent`; an undo has
    `delete`, `deleted` and `was_gone` in these sums, and a plan for the SIS load `delivered`: rows
    in its file that Alma does not show yet. `was_there` were created by somebody else, `was_so` had
    the planned values already, and `was_gone` were deleted already: this run wrote none of them.
    `of_these` counts rows once more. `warnings` and `repaired` count problems of these severities.
    `rosters`: only if several. `since_last_load`: by mapping, where a load is remembered.
    """

    schema_version: Literal[2] = 2
    rows: int
    ready: int
    rejected: int
    review: int
    blank: int
    skipped: int
    warnings: int
    repaired: int
    problems: dict[str, int] = Field(default_factory=dict)
    of_these: OfThese = OfThese()
    rosters: tuple[RosterCounts, ...] | None = None
    since_last_load: tuple[SinceLoad, ...] | None = None
    create: int | None = None
    update: int | None = None
    delete: int | None = None
    unchanged: int | None = None
    left_alone: int | None = None
    calls: Calls | None = None
    failed_checks: tuple[SafetyCheck, ...] | None = None
    created: int | None = None
    updated: int | None = None
    deleted: int | None = None
    was_there: int | None = None
    was_so: int | None = None
    was_gone: int | None = None
    refused: int | None = None
    held: int | None = None
    unknown: int | None = None
    delivered: int | None = None
    not_sent: int | None = None
    run: str
    exit: Exit

    @property
    def patrons(self) -> int:
        """How many rows of the rosters contain a person."""
        return self.rows - self.blank - self.skipped - self.of_these.absent

    @property
    def to_correct(self) -> int:
        """How many rows are rejected because of a problem in them."""
        return self.rejected - self.of_these.dismissed

    @property
    def written(self) -> int:
        """How many users were created, changed or deleted by calls that were sent."""
        return sum(count or 0 for count in (self.created, self.updated, self.deleted))

    def adds_up(self) -> bool:
        """Whether every row is counted exactly once."""
        counts = self.model_dump()

        def total(ends: Iterable[str]) -> int:
            return sum(counts[end] or 0 for end in ends)

        to_send = total((Act.CREATE, Act.UPDATE, Act.DELETE))
        return (
            total(Fate) == self.rows
            and sum(roster.rows for roster in self.rosters or ()) in {0, self.rows}
            and (self.create is None or total(Act) == self.ready)
            and (self.created is None or total(Result) == to_send)
        )


@dataclass(frozen=True, slots=True)
class ColumnUse:
    """A column of a roster: the fields it fills, how it was matched, and some values.

    `choices`: the values it can have, if it takes codes; none if any value is possible.
    `roster`: the position of its roster in the run.
    """

    letter: str
    heading: str
    labels: tuple[str, ...]
    how: str
    samples: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    roster: int = 0


@dataclass(frozen=True, slots=True)
class RowHistory:
    """A row, what was planned for it, and what became of it.

    `cells` are as in the roster, by position of the heading; they are saved for every row that is
    rejected, needs review or is sent.
    """

    row: int
    fate: Fate
    act: Act | None = None
    primary_id: str = ""
    changes: tuple[Change, ...] = ()
    result: Result | None = None
    cells: tuple[str, ...] = ()

    @property
    def new_id(self) -> str:
        """The primary ID of its user after it."""
        ids = (change.new for change in self.changes if change.path == "primary_id")
        return next(ids, self.primary_id)

    @property
    def needs_review(self) -> bool:
        """Whether a person has to decide about it, before or since it was sent."""
        return self.fate is Fate.REVIEW or self.result is Result.HELD
