"""What an apply tells while it runs, and why it ended early."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from importer.errors import DailyLimitError

if TYPE_CHECKING:
    from importer.errors import Exit, ImporterError
    from importer.ledger.schema import State
    from importer.model.plan import Act


@dataclass(frozen=True, slots=True)
class Told:
    """One row's news, for progress: what was planned, and its state after a step."""

    row: int
    act: Act
    state: State


@dataclass(frozen=True, slots=True)
class Waiting:
    """So many rows are without a clear answer; Alma is asked about them in so many seconds."""

    rows: int
    seconds: float


News = Told | Waiting


@dataclass(frozen=True, slots=True)
class Stop:
    """Why an apply ended before its work was done: the exit code, and a sentence.

    `daily`: the calls of the day are used up, and come back at midnight GMT.
    """

    exit: Exit
    why: str
    daily: bool = False

    @classmethod
    def by(cls, error: ImporterError) -> Stop:
        """The stop that an error means."""
        return cls(error.exit, str(error), isinstance(error, DailyLimitError))
