"""The importer as a Python library: what `import importer` offers.

Errors are those of the commands (see `importer.errors`): each is one sentence for a person, with
the exit code that the command would have. Settings come from the environment and `.env`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from importer.alma.client import Alma
from importer.cli.connection import with_alma
from importer.cli.console import USERS, operator
from importer.cli.load import run_request
from importer.cli.output import now
from importer.errors import StoppedError
from importer.ledger.integrity import check_whole
from importer.ledger.journal import Journal
from importer.ledger.ledger import Ledger, summarize
from importer.ledger.run_lock import open_alone
from importer.loader.read import read
from importer.mapper.load import load
from importer.mapper.mapping import MappingDocument
from importer.model.plan import Fate, SafetyCheck
from importer.model.problem import Problem
from importer.model.roster import Layout, Roster
from importer.model.run import RowHistory, Summary
from importer.pipeline import apply as apply_stage
from importer.pipeline.check import check as check_request
from importer.pipeline.check import save_check, validate
from importer.pipeline.convert import convert as convert_rosters
from importer.pipeline.inputs import RosterRequest, RunRequest, open_inputs
from importer.pipeline.plan import plan as plan_request
from importer.report.files import write_all
from importer.settings import Settings

FileName = str | PathLike[str]


@dataclass(frozen=True, slots=True)
class Run:
    """A saved run. Everything about it is read from its folder."""

    folder: Path

    @property
    def summary(self) -> Summary:
        """The counts, as in `summary.json`."""
        with Ledger.open(self.folder) as ledger:
            return summarize(ledger)

    def problems(self) -> tuple[Problem, ...]:
        """Return every problem, by row."""
        with Ledger.open(self.folder) as ledger:
            return tuple(ledger.problems())

    def rows(self) -> tuple[RowHistory, ...]:
        """Return every row, with what was planned for it and the result."""
        with Ledger.open(self.folder) as ledger:
            return tuple(ledger.every_row())

    def write_reports(self) -> tuple[Path, ...]:
        """Write the reports into the run's folder; return the files."""
        with Ledger.open(self.folder) as ledger:
            return write_all(ledger, summarize(ledger))


def read_roster(path: FileName, *, sheet: str = "") -> Roster:
    """Read a spreadsheet as a person sees it: text, by the row numbers that Excel shows.

    Raises RosterError.
    """
    return read(Path(path), Layout(sheet=sheet))


def load_mapping(path: FileName) -> MappingDocument:
    """Load a mapping. Raises MappingError with everything that is wrong in it."""
    return load(Path(path))


def check(
    roster: FileName,
    mapping: FileName,
    *,
    others: Sequence[tuple[FileName, FileName]] = (),
    codes: FileName | None = None,
    folder: FileName | None = None,
) -> Run:
    """Check a roster offline. `others`: more rosters of the same run, each with its mapping.

    `codes`: saved code tables; default: `codes.json` in the current folder, if it is there.
    `folder`: of the new run; default: one under `runs/`. Raises RosterError, MappingError.
    """
    with check_request(_request(((roster, mapping), *others), codes, folder)) as ledger:
        return Run(ledger.folder)


def plan(
    roster: FileName,
    mapping: FileName,
    *,
    others: Sequence[tuple[FileName, FileName]] = (),
    codes: FileName | None = None,
    folder: FileName | None = None,
) -> Run:
    """Check a roster and compare it with Alma, which is only read. As `check` otherwise.

    Raises AlmaError as well.
    """
    settings = Settings.read()
    request = _request(((roster, mapping), *others), codes, folder)

    async def use(alma: Alma) -> Run:
        with await plan_request(request, alma, settings.alma_rate) as ledger:
            return Run(ledger.folder)

    return with_alma(settings, use)


def apply(run: Run, *, limit: int | None = None, allow: Iterable[str] = ()) -> Run:
    """Carry out a plan, or what is left of it; nobody is asked for confirmation.

    `limit`: send at most N rows. `allow`: names of safety checks that may fail. Raises
    SafetyCheckError, StalePlanError or AlmaError before anything is sent; StoppedError if it ends
    early, after which the same call continues.
    """
    with open_alone(run.folder, operator(), now()) as ledger:
        if not apply_stage.left_to_do(ledger):
            return run
        settings, journal = Settings.read(), Journal(ledger, operator(), now)
        options = apply_stage.ApplyOptions(
            stopping=lambda: False,
            verify_delay=settings.alma_verify_delay,
            plan_days=settings.alma_plan_days,
            limit=limit,
            allowed=frozenset(map(SafetyCheck, allow)),
        )
        apply_stage.prepare(ledger, journal, options, now())
        stop = with_alma(
            settings,
            lambda alma: apply_stage.carry_out(ledger, alma, journal, options, lambda _event: None),
        )
        apply_stage.remember(ledger, USERS, now())
        if stop is not None:
            error = StoppedError(stop.why)
            error.exit = stop.exit
            raise error
    return run


def convert(
    roster: FileName,
    mapping: FileName,
    output: FileName,
    *,
    to: Literal["jsonl", "sis-xml"] = "jsonl",
    codes: FileName | None = None,
) -> tuple[Path, ...]:
    """Write the records of the ready rows to a file, as `importer convert` does; return the files.

    Raises RosterError, MappingError, UsageError.
    """
    with TemporaryDirectory(prefix="importer-") as scratch:
        request = _request(((roster, mapping),), codes, scratch)
        rosters = validate(open_inputs(request))
        with save_check(rosters, request) as ledger:
            ready = {row for row, fate in ledger.fates() if fate is Fate.READY}
            return convert_rosters(rosters, ready, to, Path(output))


def open_run(folder: FileName) -> Run:
    """Return a saved run. Raises UsageError if the folder is not one, or its ledger is damaged."""
    with Ledger.open(Path(folder)) as ledger:
        check_whole(ledger)
        return Run(ledger.folder)


def _request(
    pairs: Iterable[tuple[FileName, FileName]], codes: FileName | None, folder: FileName | None
) -> RunRequest:
    rosters = tuple(RosterRequest(Path(roster), Path(mapping)) for roster, mapping in pairs)
    output, file = (None if path is None else Path(path) for path in (folder, codes))
    return run_request(rosters, output, file, refresh=True, overwrite_edits=(), sis=None)
