"""A row that a person is asked about, and whether the question is open."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from importer.errors import UsageError
from importer.ledger.decisions import How
from importer.ledger.ledger import Ledger
from importer.model.catalogue import Code
from importer.model.plan import Fate, Result

if TYPE_CHECKING:
    from importer.model.run import RowLife, RunFacts


@dataclass(frozen=True, slots=True)
class Question:
    """A row of a run, and who settles it."""

    ledger: Ledger
    row: int
    operator: str
    now: Callable[[], datetime]

    @property
    def facts(self) -> RunFacts:
        """Of the run."""
        return self.ledger.facts


def check_open(question: Question, how: How) -> None:
    """Raises UsageError where the row is not held, or cannot be settled in this way."""
    ledger, row = question.ledger, question.row
    if question.facts.command == "check":
        msg = (
            f"{ledger.folder} is a check, which knows nothing of Alma. Make a plan with "
            "`importer plan`, then decide."
        )
        raise UsageError(msg)
    life = ledger.life(row)
    if life is None:
        msg = f"The roster of this run has no row {row}."
        raise UsageError(msg)
    wrong = _closed(life, decided=row in ledger.rows_with(Code.DECIDED))
    if not wrong and how is How.CREATE and life.result is Result.HELD:
        wrong = "was held when it was sent; say --as update with the user's identifier, or reject"
    if not wrong and how is How.CREATE and question.facts.command == "undo":
        wrong = "is on the way back, which creates nobody by decision; say --as update or reject"
    if wrong:
        msg = f"Row {row} {wrong}."
        raise UsageError(msg)


def _closed(life: RowLife, *, decided: bool) -> str:
    """Why a row cannot be decided; blank where it can."""
    match life.result:
        case Result.HELD:
            return ""
        case Result.REFUSED:
            return "was refused by Alma; correct it in the rejects and plan those rows again"
        case None | Result.NOT_SENT:
            pass
        case _:
            return "is done already; it cannot be decided any more"
    if life.fate is Fate.REVIEW or (decided and life.fate in {Fate.READY, Fate.REJECTED}):
        return ""
    if life.fate is Fate.REJECTED:
        return "is wrong, and no decision makes it right; correct it and plan it again"
    return "is not held for review; there is nothing to decide"
