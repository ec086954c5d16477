"""Check rosters without Alma."""

from __future__ import annotations

from importer.ledger.ledger import Ledger
from importer.pipeline.check import check as check_rosters
from importer.pipeline.inputs import AskedRun
from importer.service.office import Office, Stop, Surface, working


def check(office: Office, asked: AskedRun, surface: Surface, stop: Stop) -> Ledger:
    """Return the saved check of the rosters, open; Alma is not needed.

    Raises RosterError, MappingError, UsageError, LedgerError, StoppedError.
    """
    request = office.request(asked)
    with working(surface, "Checking", stop) as progress:
        return check_rosters(request, progress)
