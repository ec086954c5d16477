"""Bring the user cache up to date: from Alma, a hundred users a call, and from an apply.

A sweep reads every user. It is made first, again when the last one is old, and whenever Alma's
total differs from the number of users known after the changes were read: only a sweep shows who
was deleted. Each page is durable, so an interrupted sweep continues where it stopped. Otherwise
only the users who changed since a day are read (contract 2.2).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from contextlib import aclosing
from datetime import UTC, date, datetime, timedelta
from math import ceil
from pathlib import Path

from importer.alma.client import PAGE, Alma
from importer.alma.models import UserPage
from importer.alma.pacing import run_concurrently
from importer.ledger.ledger import Ledger
from importer.ledger.states import GONE
from importer.model.user import User
from importer.users.cache import CacheState, UserCache, cache_path, refresh_lock
from importer.users.matching import forget_answers

SWEEP_EVERY = timedelta(days=30)
"""The age at which the next refresh reads all users again."""

ZONES = timedelta(days=1)
"""Alma counts days in its own time zone, so one day more is asked for."""

SWEEPS = 2
"""The most times that all users are read, if users are deleted while they are."""

Clock = Callable[[], datetime]
Tell = Callable[[int, int], None]
"""Receives how many calls of how many are done."""

Note = Callable[[str], None]
"""Receives a sentence for the operator."""


def sweep_due(state: CacheState, now: datetime) -> bool:
    """Return whether the next refresh reads all users."""
    if state.as_of is None or state.sweeping is not None:
        return True
    # An export shows who there is, as a sweep does.
    return now - (state.swept or state.as_of) > SWEEP_EVERY


async def refresh(
    cache: UserCache, alma: Alma, now: Clock, tell: Tell, note: Note, *, full: bool
) -> None:
    """Read the users who changed; all of them if that is due, asked for, or the totals differ.

    Raises UsageError if another command is refreshing the cache; AlmaError, after which the same
    command continues where this one stopped.
    """
    with refresh_lock(cache.path):
        if full or sweep_due(cache.state, now()):
            await _sweep(cache, alma, now, tell)
        else:
            await _catch_up(cache, alma, now, tell, note)


async def catch_up(cache: UserCache, alma: Alma, now: Clock, tell: Tell, note: Note) -> None:
    """Read the users who changed; all of them if the totals differ, not because it is due.

    Raises as `refresh` does.
    """
    with refresh_lock(cache.path):
        await _catch_up(cache, alma, now, tell, note)


async def _catch_up(cache: UserCache, alma: Alma, now: Clock, tell: Tell, note: Note) -> None:
    state = cache.state
    if state.as_of is None:
        return
    began = now()
    await _changes(cache, alma, state.as_of, now, tell)
    total = await _total(alma)
    cache.set_state(cache.state.model_copy(update={"as_of": began, "total": total}))
    if not _differs(cache):
        return
    stale = cache.stale()
    if len(stale) < len(_firsts(total)):  # cheaper than to read everybody
        await read_again(cache, alma, stale, now)
    if _differs(cache):
        note(
            f"Users in Alma: {total - state.others:,}, in the user cache: {cache.count():,}. "
            f"Reading all users again ({len(_firsts(total)):,} calls)."
        )
        await _sweep(cache, alma, now, tell)


def _differs(cache: UserCache) -> bool:
    """Return whether users were deleted in Alma, or are missing here.

    After an import the number of contacts among Alma's entries is not known yet, so only a
    surplus counts.
    """
    extra = cache.difference()
    return extra > 0 or (extra < 0 and cache.state.swept is not None)


async def _sweep(cache: UserCache, alma: Alma, now: Clock, tell: Tell) -> None:
    for last in (False,) * (SWEEPS - 1) + (True,):
        state = cache.state
        swept = state.sweeping or now()  # one that was interrupted continues
        if state.sweeping is None:
            begun = state.model_copy(update={"sweeping": swept, "sweep": state.sweep + 1})
            with cache.transaction() as connection:
                connection.execute("DELETE FROM pages")
                cache.set_state(begun)
        await _pages(cache, alma, now, tell)
        as_of = now()
        await _changes(cache, alma, swept, now, lambda _done, _of: None)
        if _end(cache, swept, as_of, await _total(alma), last=last):
            return


def _end(cache: UserCache, swept: datetime, as_of: datetime, total: int, *, last: bool) -> bool:
    """Finish the sweep; return whether every user was seen.

    If not, nobody counts as deleted, and all users are read once more unless this was the `last`
    time.
    """
    state = cache.state
    met = cache.count("sweep = ?", (state.sweep,))
    whole = _joined(cache)
    with cache.transaction() as connection:
        connection.execute("DELETE FROM pages")
        if whole:
            connection.execute("DELETE FROM users WHERE sweep < ?", (state.sweep,))
        update: dict[str, object] = {"sweeping": None, "total": total}
        if whole or last:
            update |= {"as_of": as_of, "swept": swept, "others": max(0, total - met)}
        cache.set_state(state.model_copy(update=update))
    return whole


def _joined(cache: UserCache) -> bool:
    """Return whether each page began with a user that the page before it showed.

    A deletion between the readings of two pages moves the others up a place, so that some are
    missed; a new user moves them down, which does no harm. Where contacts are, which have no
    primary identifier, the join cannot be seen.
    """
    before: tuple[list[str], int] | None = None
    for keys, others in cache.read("SELECT keys, others FROM pages ORDER BY first"):
        shown = keys.split("\n")
        if before is not None and not (others or before[1]) and shown[0] not in before[0]:
            return False
        before = shown, others
    return True


async def _pages(cache: UserCache, alma: Alma, now: Clock, tell: Tell) -> None:
    """Read the pages of the sweep that are not done."""
    done = {first for (first,) in cache.read("SELECT first FROM pages")}
    total = await _total(alma)
    firsts = _firsts(total)

    async def one(first: int) -> None:
        seen = now()
        page = await alma.list_users(first)
        # Contacts without a primary identifier, and records that are not users.
        others = max(0, min(PAGE, page.total - first) - len(page.users))
        keys = "\n".join((user.primary_id or "").casefold() for user in page.users)
        with cache.transaction() as connection:
            cache.put(page.users, seen)
            connection.execute(
                "INSERT OR REPLACE INTO pages VALUES (?, ?, ?)", (first, keys, others)
            )

    await _each(alma, [first for first in firsts if first not in done], one, tell, len(firsts))


def _firsts(total: int) -> range:
    """Return the offsets of the pages of a sweep; each shows the last user of the one before."""
    return range(0, max(1, total - 1), PAGE - 1)


async def _changes(cache: UserCache, alma: Alma, since: datetime, now: Clock, tell: Tell) -> None:
    """Read the users who changed since a time."""
    day = (since.astimezone(UTC) - ZONES).date()
    page = await _changed(cache, alma, day, 0, now)

    async def one(first: int) -> None:
        await _changed(cache, alma, day, first, now)

    await _each(alma, range(PAGE, page.total, PAGE), one, tell, max(1, ceil(page.total / PAGE)))


async def _changed(cache: UserCache, alma: Alma, day: date, first: int, now: Clock) -> UserPage:
    seen = now()
    page = await alma.list_users(first, modified_from=day)
    cache.put(page.users, seen)
    return page


async def _each(
    alma: Alma,
    todo: Iterable[int],
    one: Callable[[int], Awaitable[None]],
    tell: Tell,
    of: int,
) -> None:
    left = list(todo)
    done = of - len(left)
    tell(done, of)
    async with aclosing(run_concurrently(alma.limiter, left, one)) as pages:
        async for _ in pages:
            done += 1
            tell(done, of)


async def read_again(
    cache: UserCache, alma: Alma, primary_ids: Iterable[str], now: Callable[[], datetime]
) -> None:
    """Read these users one by one; remove those that Alma does not have. Raises AlmaError."""
    for primary_id in primary_ids:
        seen = now()
        user = await alma.get_user(primary_id)
        if user is None or (user.primary_id or "").casefold() != primary_id.casefold():
            cache.remove(primary_id)
        if user is not None:
            cache.put([user], seen)


async def calls_to_complete(alma: Alma, done: int) -> int:
    """Return how many calls `refresh` takes after `done` pages of all users were read."""
    asked_besides = 3  # twice the total, and once the changes meanwhile
    return max(0, len(_firsts(await _total(alma))) - done) + asked_besides


async def _total(alma: Alma) -> int:
    """Return the length of Alma's list of users."""
    return (await alma.list_users(0, limit=1)).total


def add_applied(ledger: Ledger, folder: Path) -> int:
    """Store the records that Alma answered an apply with; remove users that it no longer has.

    A user with a new primary ID is no longer there under the old one. Answers that were kept for a
    stopped plan no longer count.

    Return how many records were stored; none if there is no cache. Raises UsageError if the cache
    cannot be used, LedgerError.
    """
    if (alma := ledger.facts.alma) is None:
        return 0
    path = cache_path(folder, alma.institution, alma.environment)
    forget_answers(alma.key)
    if not path.is_file():
        return 0
    stored, renamed = 0, []
    with UserCache.open(path) as cache:
        with cache.transaction():
            for old_id, answered, time in ledger.read(
                "SELECT primary_id, answered, (SELECT max(time) FROM entries"
                " WHERE entries.row = images.row AND event = state)"
                " FROM images JOIN steps USING (row)"
                " WHERE state IN ('applied', 'already') AND answered <> ''"
            ):
                user = User.from_json(answered)
                cache.put([user], datetime.fromisoformat(time))
                stored += 1
                if (user.primary_id or "").casefold() != old_id.casefold():
                    renamed.append(old_id)
        gone = [
            primary_id
            for (primary_id,) in ledger.read(
                "SELECT primary_id FROM steps WHERE act = 'delete'"
                " AND state IN ('applied', 'already')"
                " OR state = 'held' AND (SELECT detail FROM entries WHERE entries.row = steps.row"
                " ORDER BY id DESC LIMIT 1) = ?",
                (GONE,),
            )
        ]
        for primary_id in (*renamed, *gone):
            cache.remove(primary_id)
    return stored
