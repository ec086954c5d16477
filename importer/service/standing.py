"""Where a run stands; nothing is changed."""

from __future__ import annotations

from dataclasses import dataclass

from importer.errors import StalePlanError
from importer.ledger.journal import next_deletes
from importer.ledger.ledger import Ledger, RunValue
from importer.model.run import FailedCheck
from importer.pipeline.apply import stopping_checks
from importer.pipeline.still_good import check_unchanged


@dataclass(frozen=True, slots=True)
class Standing:
    """What an apply of a run would do and ask now.

    `began`: it was approved before. `left`: rows that it still has to work on. `seal`: of the
    planned steps; another one after any was changed. `deletions`: users whom it deletes; the number
    is typed each time. `checks`: failed safety checks that nobody let pass as they are now.
    """

    began: bool
    left: int
    seal: str
    deletions: int
    checks: tuple[FailedCheck, ...]


def standing(run: Ledger) -> Standing:
    """Return where a run stands; of a check, nothing is left."""
    return Standing(
        run.was_applied,
        run.left,
        run.value(RunValue.SEAL) or "",
        next_deletes(run, None),
        tuple(stopping_checks(run)),
    )


def why_stale(run: Ledger) -> StalePlanError | None:
    """Return why a run can be neither applied nor answered any more, None if it can."""
    try:
        check_unchanged(run)
    except StalePlanError as error:
        return error
    return None
