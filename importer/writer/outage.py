"""Whether Alma fails at some rows only, or at everything."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from typing import Literal

from importer.alma.client import Alma
from importer.errors import RefusedError, UnavailableError

FAILURES_IN_A_ROW = 5
"""Calls in a row without a clear reply after which a call about nobody decides."""

MOST_FAILURES = 25
"""Rows in a row at which Alma fails for the first time after which that is an outage in any case.

Each row takes several calls of the daily limit.
"""


@dataclass(slots=True)
class Failures:
    """Calls in a row without a clear reply.

    `method`: of the call about nobody. `reasons`: why Alma failed last, by row, with "" for rows at
    which it failed in an earlier apply.
    """

    alma: Alma
    method: Literal["GET", "POST"]
    reasons: dict[int, str] = field(default_factory=dict)
    in_a_row: int = 0
    _new: int = 0

    def answered(self) -> None:
        """Count from the start, because Alma replied."""
        self.in_a_row = self._new = 0

    async def count(self, row: int, reason: str) -> None:
        """Count a failure at a row. Raises UnavailableError if it is not the rows, AlmaError."""
        self.in_a_row += 1
        self._new += row not in self.reasons
        self.reasons[row] = reason
        if self.in_a_row % FAILURES_IN_A_ROW:
            return
        if self._new < MOST_FAILURES:
            with suppress(UnavailableError):
                await self.check_others()
                return
        msg = (
            f"Alma gave no clear reply {self.in_a_row} times in a row, so no more calls were made. "
            f"The last reason: {reason}"
        )
        raise UnavailableError(msg)

    async def check_others(self) -> None:
        """Raise AlmaError if Alma also fails at a call about nobody."""
        with suppress(RefusedError):
            await self.alma.check_access(self.method)
