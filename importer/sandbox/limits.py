"""How many calls the institution may make: a second and a day (contract 2.5)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime

from importer.sandbox.refusal import Said


@dataclass(slots=True)
class Limits:
    """One bucket and one counter for all keys. `rate` is calls a second, 0 for no limit.

    A call over the rate counts nowhere. The day turns at midnight GMT.
    """

    rate: float
    daily: int
    _tokens: float = 0
    _filled: float | None = None
    _used: int = field(default=0)
    _day: date | None = None

    @property
    def remaining(self) -> int:
        """Calls left today."""
        return max(0, self.daily - self._used)

    def set_remaining(self, calls: int) -> None:
        """Pretend that only this many calls are left today."""
        self._used = self.daily - calls

    def take(self, monotonic: float, now: datetime) -> None:
        """Count one call, or refuse it (429)."""
        if self._day != now.date():
            if self._day is not None:
                self._used = 0
            self._day = now.date()
        if self.rate > 0:
            capacity = max(1.0, self.rate)
            passed = capacity if self._filled is None else (monotonic - self._filled) * self.rate
            self._tokens = min(capacity, self._tokens + passed)
            self._filled = monotonic
            if self._tokens < 1:
                raise Said.PER_SECOND.refuse()
        if self._used >= self.daily:
            raise Said.DAILY.refuse()
        if self.rate > 0:
            self._tokens -= 1
        self._used += 1
