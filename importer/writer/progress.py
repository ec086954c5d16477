"""What an apply reports while it runs, and why it ended early."""

from __future__ import annotations

from dataclasses import dataclass

from importer.errors import DailyLimitError, Exit, ImporterError
from importer.ledger.schema import State
from importer.model.plan import Act


@dataclass(frozen=True, slots=True)
class RowDone:
    """A row was tried: what was planned for it, and its state now."""

    row: int
    act: Act
    state: State


@dataclass(frozen=True, slots=True)
class Waiting:
    """Rows without a clear reply, and the seconds until Alma is asked about them."""

    rows: int
    seconds: float


Progress = RowDone | Waiting


@dataclass(frozen=True, slots=True)
class Stop:
    """Why an apply ended before its work was done: the exit code, and a sentence.

    `daily`: today's API calls are used up; there are new ones after midnight GMT.
    """

    exit: Exit
    why: str
    daily: bool = False

    @classmethod
    def by(cls, error: ImporterError) -> Stop:
        """Return the stop that an error means."""
        return cls(error.exit, str(error), isinstance(error, DailyLimitError))
