"""Who may call, and how often: keys, calls a second, calls a day, and calls by web pages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from urllib.parse import urlsplit

from importer.sandbox.refusals import Refusal


@dataclass(slots=True)
class Limits:
    """One token bucket and one daily count for all keys. `rate` is calls a second, 0: no limit.

    A refused call counts nowhere. The day starts at midnight GMT (contract 2.5).
    """

    rate: float
    daily: int
    _tokens: float = 0
    _filled: float | None = None
    _used: int = 0
    _day: date | None = None

    @property
    def remaining(self) -> int:
        """Calls left today."""
        return max(0, self.daily - self._used)

    def set_remaining(self, calls: int) -> None:
        """Pretend that only N calls are left today."""
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
                raise Refusal.PER_SECOND.error()
        if self._used >= self.daily:
            raise Refusal.DAILY.error()
        if self.rate > 0:
            self._tokens -= 1
        self._used += 1


def check_key(given: str, key: str, *, area: str, writes: bool) -> None:
    """Refuse a key that is missing or lacks a right (400) or is wrong (403), contract 2.1.

    `--key K` makes four keys: K may do everything, K-read-only may only read, K-users knows the
    users area only, K-conf the configuration area only.
    """
    areas = {
        key: {"users", "conf"},
        f"{key}-read-only": {"users", "conf"},
        f"{key}-users": {"users"},
        f"{key}-conf": {"conf"},
    }
    if given and given not in areas:
        raise Refusal.WRONG_KEY.error()
    reads_only = given == f"{key}-read-only"
    if not given or area not in areas[given] or (reads_only and writes):
        raise Refusal.NO_RIGHT.error()


def key_in_header(headers: Mapping[str, str]) -> str:
    """Return the key of the header `Authorization: apikey KEY`, blank if there is none."""
    scheme, _, given = headers.get("Authorization", "").strip().partition(" ")
    return given.strip() if scheme.lower() == "apikey" else ""


def is_from_a_web_page(headers: Mapping[str, str]) -> bool:
    """Return whether a page of another site sent this call, by Host, Origin or Sec-Fetch-Site.

    A page can make a browser call 127.0.0.1, or a host name of its own that resolves to it.
    """
    urls = [f"//{headers['Host']}"] if "Host" in headers else []
    if "Origin" in headers:
        urls.append(headers["Origin"])
    return headers.get("Sec-Fetch-Site") == "cross-site" or not all(map(_is_loopback, urls))


def _is_loopback(url: str) -> bool:
    try:
        return urlsplit(url).hostname in {"127.0.0.1", "localhost", "::1"}
    except ValueError:
        return False
