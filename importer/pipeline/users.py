"""How a plan finds users: in the user cache, or by asking Alma about each row."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime

from importer.alma.client import Alma
from importer.alma.models import Institution
from importer.alma.pacing import RateLimiter
from importer.errors import DailyLimitError
from importer.model.text import counted
from importer.pipeline.inputs import RunRequest
from importer.users.cache import UserCache, cache_path
from importer.users.matching import AlmaMatcher, CacheMatcher, Matcher
from importer.users.refresh import catch_up

MANY = 200
"""From this many calls on, the operator is reminded that a user cache saves them."""

_CACHE = (
    "`importer users refresh` takes one call per hundred users of Alma, and with a user cache "
    "a plan takes hardly any"
)


@asynccontextmanager
async def open_users(
    request: RunRequest, alma: Alma, institution: Institution, note: Callable[[str], None]
) -> AsyncIterator[Matcher]:
    """Open the user cache of the institution, or Alma itself, for the block.

    The cache first reads who changed since its last refresh, unless the request turns that off.
    An incomplete cache is not used: it does not know who is missing in Alma. `note` gets a
    sentence about the cache. Raises UsageError if it is damaged, AlmaError.
    """
    path = None
    if request.users_folder is not None:
        path = cache_path(request.users_folder, institution.code, institution.environment)
    if path is None or not path.is_file():
        yield AlmaMatcher(alma)
        return

    def now() -> datetime:
        return request.now  # what is read later is at least as new

    with UserCache.open(path) as cache:
        if cache.state.as_of is None:
            note(
                "The user cache is not complete, so Alma is asked about each row. "
                "`importer users refresh` completes it."
            )
            yield AlmaMatcher(alma)
            return
        if request.refresh:
            await catch_up(cache, alma, now, lambda _done, _of: None, note)
        note(_described(cache))
        yield CacheMatcher(cache, alma, cache.state.as_of, now)


def _described(cache: UserCache) -> str:
    """Describe the cache in one sentence."""
    state, known = cache.state, cache.count()
    as_of = f"{state.as_of:%Y-%m-%d %H:%M}" if state.as_of else ""
    text = f"Looked up in the user cache of {known:,} users, as of {as_of}."
    if state.total is not None and known < state.total - state.others:
        text += (
            f" Alma has {state.total - state.others:,}: "
            "`importer users refresh --full` reads those that are missing."
        )
    return text


@contextmanager
def check_call_budget(
    rows: int, most: int, limiter: RateLimiter, note: Callable[[str], None]
) -> Iterator[None]:
    """Allow up to `most` calls in the block, if today's limit covers them.

    Raises DailyLimitError before the first call if it does not: an incomplete plan is not saved,
    and its calls would be wasted. The same error follows if others use the calls meanwhile. `note`
    gets a sentence before and, after many calls, one that a user cache would save them.
    """
    if not most:
        yield
        return
    note(_budget(rows, most, limiter))
    before = limiter.calls
    try:
        yield
    except DailyLimitError as error:
        msg = f"{error} An incomplete plan is not saved, so plan again from the start. {_CACHE}."
        raise DailyLimitError(
            msg, code=error.code, tracking_id=error.tracking_id, said=error.said
        ) from error
    spent = limiter.calls - before
    if spent >= MANY:
        note(f"Looking the rows up took {counted(spent, 'call')}. {_CACHE}.")


def _budget(rows: int, most: int, limiter: RateLimiter) -> str:
    """Return how many calls it may take. Raises DailyLimitError if too few are left today."""
    calls, left = counted(most, "call"), limiter.available
    if left is None:
        return f"Without a user cache Alma is asked about each row: up to {calls}."
    reserve = f", besides the reserve of {limiter.reserve:,}" if limiter.reserve else ""
    remaining = f"{left:,} {'is' if left == 1 else 'are'} left today{reserve}"
    if most > left:
        msg = (
            f"Without a user cache, asking Alma about {counted(rows, 'row')} may take {calls}, "
            f"and {remaining}. Nothing was planned. {_CACHE}. Or plan a smaller roster, or plan "
            "after midnight GMT."
        )
        raise DailyLimitError(msg)
    return f"Without a user cache Alma is asked about each row: up to {calls}; {remaining}."
