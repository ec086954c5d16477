"""The importer as a Python library: what `import importer` offers.

Errors are those of the commands (see `importer.errors`): each is one sentence for a person, with
the exit code that the command would have. Settings come from the environment and `.env`. Every
function also works where an event loop runs already, as in a notebook.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from os import PathLike
from pathlib import Path
from typing import Literal, TypeVar

import pandas as pd

from importer.advice import Action, as_text
from importer.errors import StoppedError, UsageError
from importer.ledger.integrity import check_whole
from importer.ledger.ledger import Ledger, summarize
from importer.loader.csv_file import Rows
from importer.loader.read import read
from importer.mapper.load import MappingText, load
from importer.mapper.mapping import MappingDocument
from importer.model.fields import cells_of
from importer.model.plan import SafetyCheck
from importer.model.question import Answer, AnswerName
from importer.model.roster import Layout, Roster
from importer.model.run import Summary
from importer.model.text import read_row_label, row_label
from importer.pipeline.decisions import Decision
from importer.pipeline.inputs import Advance, AskedRun, AskedUndo, RosterRequest
from importer.report.view import RunView
from importer.service import answers, loads, plans, tables
from importer.service.check import check as check_rosters
from importer.service.connection import alone, apart
from importer.service.office import Consent, Stop, office
from importer.service.place import CODES
from importer.service.reports import write_reports
from importer.users.cache import find_all

FileName = str | PathLike[str]
RosterLike = FileName | Roster | pd.DataFrame | Iterable[Mapping[str, object]]
"""A file, what `read_roster` returns (it is read again), a DataFrame, or rows as dicts."""
MappingLike = FileName | MappingDocument | Mapping[str, object]
"""A file, its text (of several lines), what `load_mapping` returns, or its values as a dict."""

Closed = TypeVar("Closed", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a call reports its progress, and whether to stop; by default nowhere, and never.

    `rows`: rows done, and rows in all (0 if not known). `note`: a sentence for the operator.
    `cancel` is asked between two rows: an apply finishes the rows under way.

    >>> import importer
    >>> seen = []
    >>> progress = importer.Progress(rows=lambda done, of: seen.append((done, of)))
    >>> _ = importer.plan("patrons.xlsx", "community.yaml", progress=progress)
    >>> seen[-1][0] == seen[-1][1] > 0
    True
    """

    rows: Callable[[int, int], None] = lambda _done, _total: None
    note: Callable[[str], None] = lambda _sentence: None
    cancel: Callable[[], bool] = lambda: False


NO_PROGRESS = Progress()


def rosters_of(*pairs: tuple[RosterLike | None, MappingLike]) -> tuple[RosterRequest, ...]:
    """Return the rosters of a run, each with its mapping. Raises RosterError, MappingError."""
    return tuple(_roster(roster, mapping_of(mapping)) for roster, mapping in pairs)


def path_of(name: FileName | None) -> Path | None:
    """Return the path of a file or folder, None where none is named."""
    return None if name is None else Path(name)


def _roster(roster: RosterLike | None, mapping: Path | MappingText) -> RosterRequest:
    match roster:
        case None:
            return RosterRequest(None, mapping)
        case Roster():
            return RosterRequest(roster.source.path, mapping, roster.source.sheet)
        case str() | PathLike():
            return RosterRequest(Path(roster), mapping)
        case _:
            return RosterRequest(Rows.of(roster), mapping)


def mapping_of(mapping: MappingLike) -> Path | MappingText:
    """Return the file of a mapping, or its text. Raises MappingError."""
    match mapping:
        case MappingDocument():
            content = mapping.content
            return mapping.path if content is None else MappingText(content)
        case str() if "\n" in mapping:
            return MappingText(mapping.encode())
        case str() | PathLike():
            return Path(mapping)
        case _:
            return MappingText.of(mapping)


class Caller:
    """What an operation reports and asks in a program: what the call says already.

    `delete`: how many users it deletes. `production`: the code of the institution to whose
    production Alma it may write.
    """

    def __init__(self, progress: Progress, delete: int | None = None, production: str = "") -> None:
        """Take what the call says."""
        self._progress, self._delete, self._production = progress, delete, production

    def note(self, sentence: str, /, *do: Action) -> None:
        """Pass a sentence on, and those of what can be done."""
        self._progress.note(" ".join((sentence, *map(as_text, do))))

    @contextmanager
    def working(self, what: str, notice: Callable[[], str], /) -> Iterator[Advance]:  # noqa: ARG002
        """Pass the rows on."""
        yield lambda done, of, counts="": self._progress.rows(done, of)  # noqa: ARG005

    def typed(self, asked: Consent, /) -> int | None:  # noqa: ARG002
        """Return how many users are deleted."""
        return self._delete

    def agree(self, asked: Consent, /) -> None:
        """Raise UsageError unless the code of the institution was passed."""
        code = asked.production
        if self._production.casefold() != code.casefold() and code:
            msg = (
                f"This writes to the production Alma of {code}. Pass its code: "
                f"apply(run, allow_production={code!r}). Nothing was sent."
            )
            raise UsageError(msg)


@dataclass(frozen=True, slots=True)
class Run:
    """A saved run. Everything about it is read from its folder.

    >>> import importer
    >>> run = importer.check("patrons.xlsx", "community.yaml", folder="runs/checked")
    >>> importer.Run(run.folder).summary.ready == run.summary.ready
    True
    """

    folder: Path

    @property
    def summary(self) -> Summary:
        """The counts, as in `summary.json`."""
        with Ledger.open(self.folder) as ledger:
            return summarize(ledger)

    def rows(self) -> pd.DataFrame:
        """Return every row: `row, fate, act, result, primary_id`; what is not known is blank."""
        with Ledger.open(self.folder) as ledger:
            rows = [
                (row_label(row.row), row.fate, row.act or "", row.result or "", row.primary_id)
                for row in ledger.every_row()
            ]
        return frame("row fate act result primary_id", rows)

    def problems(self) -> pd.DataFrame:
        """Return every problem, by row; row 0 is the whole roster.

        The columns are `row, column, heading, field, code, severity, message, value, advice`.
        """
        with Ledger.open(self.folder) as ledger:
            rows = [
                (
                    row_label(problem.origin.row),
                    ", ".join(place.letter for place in problem.places),
                    ", ".join(place.heading for place in problem.places),
                    *(
                        problem.field,
                        problem.code,
                        problem.severity,
                        problem.sentence(),
                        problem.value,
                        problem.to_do,
                    ),
                )
                for problem in ledger.problems()
            ]
        return frame("row column heading field code severity message value advice", rows)

    def changes(self) -> pd.DataFrame:
        """Return every change of a plan: `row, primary_id, field, kind, before, after`."""
        with Ledger.open(self.folder) as ledger:
            rows = [
                (row_label(planned.row), planned.primary_id, to.path, to.kind, to.old, to.new)
                for planned in ledger.planned()
                for to in planned.changes
            ]
        return frame("row primary_id field kind before after", rows)

    def missing(self) -> pd.DataFrame:
        """Return who was in the last load with the mapping, not here: `primary_id, name`.

        The ID is without case and the name blank where the run had no user cache.
        """
        with Ledger.open(self.folder) as ledger:
            return frame("primary_id name", ledger.missing())

    def write_reports(self) -> tuple[Path, ...]:
        """Write the reports into the run's folder; return the files."""
        with Ledger.open(self.folder) as ledger:
            return write_reports(RunView(ledger, summarize(ledger)))


def open_run(folder: FileName) -> Run:
    """Return a saved run. Raises UsageError if the folder is not one, or its ledger is damaged.

    >>> import importer
    >>> importer.open_run(importer.check("patrons.xlsx", "community.yaml").folder).summary.rows > 0
    True
    """
    with Ledger.open(Path(folder)) as ledger:
        check_whole(ledger)
        return Run(ledger.folder)


def several(texts: Iterable[str]) -> tuple[str, ...]:
    """Return texts; one that is given alone is not its letters."""
    return (texts,) if isinstance(texts, str) else tuple(texts)


def one_of(kind: type[Closed], text: str) -> Closed:
    """Return a word of a closed list. Raises UsageError."""
    try:
        return kind(text)
    except ValueError:
        msg = f"{text} is none of: {', '.join(kind)}."
        raise UsageError(msg) from None


def frame(names: str, rows: Iterable[Sequence[object]]) -> pd.DataFrame:
    """Return a frame of text with these columns; words of a closed list are plain text."""
    texts = [[str(v) if isinstance(v, str) else v for v in row] for row in rows]
    return pd.DataFrame(texts, columns=names.split(), dtype=object)


@apart
def read_users(*, refresh: bool = True, progress: Progress = NO_PROGRESS) -> pd.DataFrame:
    """Return Alma's users from the user cache; `refresh`: first read who changed since.

    The columns are the fields' paths, as in a mapping with `from: alma`; the frame is personal
    data. Raises UsageError, AlmaError.

    >>> import importer
    >>> "primary_id" in importer.read_users().columns
    True
    """
    stop = Stop(progress.cancel)
    with tables.users(office(), Caller(progress), stop, refresh=refresh, full=False) as cache:
        every = [cells_of(user) for user in find_all(cache)]
    names = dict.fromkeys(("primary_id", *(name for user in every for name in user)))
    rows = [[user.get(name, "") for name in names] for user in every]
    return pd.DataFrame(rows, columns=[*names], dtype=object)


@apart
def read_codes(*, save: bool = True) -> pd.DataFrame:
    """Return Alma's code tables: `table, code, description, enabled`.

    `save`: also as `codes.json`, by which `check` and `plan` check codes from then on. Raises
    AlmaError, UsageError.

    >>> import importer
    >>> "COMM" in importer.read_codes(save=False).query("table == 'UserGroups'")["code"].tolist()
    True
    """
    read = tables.codes(office(), Caller(NO_PROGRESS), CODES if save else None)
    codes = [
        (name, row.code, row.description, row.enabled)
        for name, rows in read.tables.items()
        for row in rows
    ]
    return frame("table code description enabled", codes)


def read_roster(path: FileName, *, sheet: str = "") -> Roster:
    """Read a spreadsheet as a person sees it: text, by the row numbers that Excel shows.

    Raises RosterError.

    >>> import importer
    >>> [place.heading for place in importer.read_roster("patrons.xlsx").places][:2]
    ['Barcode', 'First Name']
    """
    return read(Path(path), Layout(sheet=sheet))


def load_mapping(mapping: MappingLike) -> MappingDocument:
    """Load a mapping. Raises MappingError with everything that is wrong in it.

    A mapping without a file needs a `name`; its lookup files are in the current folder.

    >>> import importer
    >>> importer.load_mapping("community.yaml").name
    'community'
    """
    return mapping if isinstance(mapping, MappingDocument) else load(mapping_of(mapping))


def check(
    roster: RosterLike,
    mapping: MappingLike,
    *,
    others: Sequence[tuple[RosterLike, MappingLike]] = (),
    codes: FileName | None = None,
    folder: FileName | None = None,
    progress: Progress = NO_PROGRESS,
) -> Run:
    """Check a roster offline. `others`: more rosters of the same run, each with its mapping.

    `codes`: saved code tables; default: `codes.json` in the current folder, if it is there.
    `folder`: of the new run; default: one under `runs/`. A roster or mapping without a file is
    kept there. Raises RosterError, MappingError, UsageError, StoppedError.

    >>> import importer
    >>> people = [{"ID": "20000000000001", "Name": "Ana"}, {"ID": "", "Name": "Bo"}]
    >>> ids = {"version": 1, "name": "ids", "account_type": "INTERNAL", "match": {"new": "reject"},
    ...     "record": {"primary_id": {"from": "<ID>", "required": "true"}, "first_name": "<Name>"}}
    >>> importer.check(people, ids).summary.rejected
    1
    """
    rosters = rosters_of((roster, mapping), *others)
    request = AskedRun(rosters, path_of(codes), path_of(folder))
    with check_rosters(office(), request, Caller(progress), Stop(progress.cancel)) as ledger:
        return Run(ledger.folder)


@apart
def plan(
    roster: RosterLike | None,
    mapping: MappingLike,
    *,
    others: Sequence[tuple[RosterLike, MappingLike]] = (),
    codes: FileName | None = None,
    folder: FileName | None = None,
    refresh: bool = True,
    overwrite_edits: Iterable[str] = (),
    progress: Progress = NO_PROGRESS,
) -> Run:
    """Check a roster and compare it with Alma, which is only read. As `check` otherwise.

    Code tables that are not saved yet are read from Alma first, into `codes.json`.
    `roster` is None where the mapping takes its rows from Alma. `refresh`: first read who changed
    since. `overwrite_edits`: fields that are written although staff edited them. Raises AlmaError
    as well.

    >>> import importer
    >>> run = importer.plan("patrons.xlsx", "community.yaml", folder="runs/planned")
    >>> run.rows().query("act == 'create'").shape[0] == run.summary.create
    True
    """
    rosters, edits = rosters_of((roster, mapping), *others), several(overwrite_edits)
    request = AskedRun(rosters, path_of(codes), path_of(folder), refresh, edits)
    with plans.plan(office(), request, Caller(progress), Stop(progress.cancel)) as ledger:
        return Run(ledger.folder)


@apart
def apply(
    run: Run,
    *,
    limit: int | None = None,
    allow: Iterable[str] = (),
    delete: int | None = None,
    allow_production: str = "",
    progress: Progress = NO_PROGRESS,
) -> Run:
    """Carry out a plan, or what is left of it; nobody is asked for confirmation.

    Of a plan for the SIS load, the file is written into the run's folder, and nothing is sent.

    `limit`: send at most N rows. `allow`: names of safety checks that may fail. `delete`: how many
    users it deletes, which must be the number of the plan; without it nobody is deleted.
    `allow_production`: the code of the institution, without which nothing is written to its
    production Alma. Raises UsageError, SafetyCheckError,
    StalePlanError or AlmaError before anything is sent; StoppedError if it ends early, after which
    the same call continues.

    >>> import importer
    >>> run = importer.plan("patrons.xlsx", "community.yaml")
    >>> importer.apply(run, limit=5).summary.created
    5
    """
    allowed = frozenset(one_of(SafetyCheck, check) for check in several(allow))
    if limit is not None and limit < 0:
        msg = f"limit is a number of rows, not {limit}. Nothing was sent."
        raise UsageError(msg)
    here, surface = office(), Caller(progress, delete, allow_production)
    with alone(here, run.folder) as ledger:
        stop = Stop(progress.cancel)
        done = loads.apply(here, ledger, surface, stop, loads.Approval(limit, allowed))
    if done.stopped is not None:
        if not done.begun:
            raise done.stopped
        error = StoppedError(str(done.stopped))
        error.exit = done.stopped.exit
        raise error
    return run


@apart
def undo(
    run: Run,
    *,
    delete_created: bool = False,
    folder: FileName | None = None,
    progress: Progress = NO_PROGRESS,
) -> Run:
    """Plan how to undo a run; `apply` carries it out. What staff changed since, stays.

    `delete_created`: also delete the users that the run created. Raises UsageError if the run wrote
    nothing, AlmaError, StoppedError.

    >>> import importer
    >>> run = importer.apply(importer.plan("patrons.xlsx", "community.yaml"), limit=3)
    >>> importer.undo(run, delete_created=True).summary.delete
    3
    """
    here, surface, stop = office(), Caller(progress), Stop(progress.cancel)
    asked = AskedUndo(path_of(folder), delete_created)
    with alone(here, run.folder) as done, loads.undo(here, done, surface, stop, asked) as ledger:
        return Run(ledger.folder)


@apart
def resolve(
    run: Run,
    rows: int | str | Iterable[int | str],
    how: AnswerName,
    *,
    user: str = "",
    codes: FileName | None = None,
) -> Run:
    """Answer rows that need review; later plans remember it.

    `rows`: as in the column `row` of the frames. `user`: with update or rename, the user's ID in
    Alma, if several users are in question. Raises UsageError with each row that cannot be resolved
    so, after all others are; StalePlanError, AlmaError.

    >>> import importer
    >>> run = importer.plan("patrons.xlsx", "community.yaml")
    >>> waiting = run.rows().query("fate == 'review'")["row"]
    >>> importer.resolve(run, waiting, "reject").summary.review
    0
    """
    labels, answer = [rows] if isinstance(rows, int | str) else rows, one_of(Answer, how)
    try:
        decisions = [Decision(read_row_label(str(label)), answer, user) for label in labels]
    except ValueError:
        msg = "A row is named as in the column `row` of the frames, such as 14 or 2:14."
        raise UsageError(msg) from None
    here = office()
    with alone(here, run.folder) as ledger:
        resolved = answers.resolve(
            here, ledger, decisions, Caller(NO_PROGRESS), codes=path_of(codes)
        )
    if resolved.unused:
        raise UsageError("\n".join(unused.sentence for unused in resolved.unused))
    return run


def convert(
    roster: RosterLike,
    mapping: MappingLike,
    output: FileName,
    *,
    to: Literal["jsonl", "sis-xml"] = "jsonl",
    codes: FileName | None = None,
) -> tuple[Path, ...]:
    """Write the records of the ready rows to a file, as `importer convert` does; return the files.

    Raises RosterError, MappingError, UsageError.

    >>> import importer
    >>> [path.name for path in importer.convert("patrons.xlsx", "community.yaml", "records.jsonl")]
    ['records.jsonl']
    """
    if to not in {"jsonl", "sis-xml"}:
        msg = f"{to} is no format: there are jsonl and sis-xml."
        raise UsageError(msg)
    request = AskedRun(rosters_of((roster, mapping)), path_of(codes))
    with plans.convert(office(), request, to, Path(output)) as converted:
        return converted.files
