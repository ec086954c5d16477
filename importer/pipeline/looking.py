"""Where a plan looks rows up: in the mirror of the institution, if there is one, else in Alma."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime

from importer.alma.client import Alma
from importer.alma.models import Institution
from importer.pipeline.inputs import RunRequest
from importer.users.cache import UserCache, cache_path
from importer.users.matching import AlmaMatcher, CacheMatcher, Matcher
from importer.users.refresh import catch_up


@asynccontextmanager
async def looking(
    request: RunRequest, alma: Alma, institution: Institution, note: Callable[[str], None]
) -> AsyncIterator[Matcher]:
    """The lookup of a plan, as long as the block lasts; `note` hears of the mirror.

    The mirror first reads who changed since it was refreshed, if the order says so. A mirror that
    never knew everybody is not used: it cannot tell who is not in Alma. Raises UsageError where it
    is damaged, AlmaError.
    """
    path = None
    if request.mirrors is not None:
        path = cache_path(request.mirrors, institution.code, institution.environment)
    if path is None or not path.is_file():
        yield AlmaMatcher(alma)
        return

    def now() -> datetime:
        return request.now  # what is read later is, at least, as it was then

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
        note(_told(cache))
        yield CacheMatcher(cache, alma, cache.state.as_of, now)


def _told(cache: UserCache) -> str:
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
