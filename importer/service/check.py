"""Check rosters without Alma."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from importer.ledger.ledger import Ledger
from importer.pipeline.check import check as check_rosters
from importer.pipeline.inputs import RosterRequest, RunRequest
from importer.service.office import Office, Stop, Surface, saved_codes, saved_facts, working
from importer.service.place import USERS


@dataclass(frozen=True, slots=True)
class Request:
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

    def of(self, office: Office) -> RunRequest:
        """Return the request with what is saved in the folder. Raises UsageError."""
        return RunRequest(
            rosters=self.rosters,
            codes=saved_codes(self.codes),
            codes_file=self.codes,
            facts=saved_facts(),
            folder=self.folder,
            now=office.now(),
            operator=office.operator,
            version=office.version,
            users_folder=USERS,
            refresh=self.refresh,
            overwrite_edits=self.overwrite_edits,
            sis=self.sis,
        )


def check(office: Office, request: Request, surface: Surface, stop: Stop) -> Ledger:
    """Return the saved check of the rosters, open; Alma is not needed.

    Raises RosterError, MappingError, UsageError, LedgerError, StoppedError.
    """
    asked = request.of(office)
    with working(surface, "Checking", stop) as progress:
        return check_rosters(asked, progress)
