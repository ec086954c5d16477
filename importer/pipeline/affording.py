"""What looking rows up takes of the institution's calls: told before, and not begun in vain.

Only where no directory is kept; with one hardly a call is needed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from importer.alma.pacing import RateLimiter
from importer.errors import DailyLimitError

MANY = 200
"""Calls for looking up one roster, from which on it is worth a word that a directory saves them."""

_DIRECTORY = (
    "`importer users refresh` takes one call for each hundred users of Alma, and with a "
    "directory a plan takes hardly any"
)


@contextmanager
def afforded(
    rows: int, most: int, limiter: RateLimiter, note: Callable[[str], None]
) -> Iterator[None]:
    """Let rows be looked up in this block, which takes up to `most` calls; `note` hears of it.

    Raises DailyLimitError before the first call where so many are not left today: a plan that
    stops on the way has spent what is everybody's, and is worth nothing. Where others take the
    calls meanwhile, the error says that nothing is kept.
    """
    if not most:
        yield
        return
    note(_told(rows, most, limiter))
    before = limiter.calls
    try:
        yield
    except DailyLimitError as error:
        msg = f"{error} A plan that is not whole is not kept, so it begins anew. {_DIRECTORY}."
        raise DailyLimitError(
            msg, code=error.code, tracking_id=error.tracking_id, said=error.said
        ) from error
    spent = limiter.calls - before
    if spent >= MANY:
        note(f"Looking the rows up took {_counted(spent, 'call')}. {_DIRECTORY}.")


def _told(rows: int, most: int, limiter: RateLimiter) -> str:
    """What is to be expected. Raises DailyLimitError where it cannot be afforded."""
    calls, left = _counted(most, "call"), limiter.available
    if left is None:
        return f"Without a directory Alma is asked about each row: up to {calls}."
    reserve = f" beside the reserve of {limiter.reserve:,}" if limiter.reserve else ""
    of_day = f"{left:,} {'is' if left == 1 else 'are'} left today{reserve}"
    if most > left:
        msg = (
            f"Without a directory, asking Alma about {_counted(rows, 'row')} may take {calls}, and "
            f"{of_day}. Nothing was planned. {_DIRECTORY}. Or plan a smaller roster, or after "
            "midnight GMT."
        )
        raise DailyLimitError(msg)
    return f"Without a directory Alma is asked about each row: up to {calls}; {of_day}."


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"
