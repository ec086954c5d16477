"""Bringing the mirror up to date: a hundred users a call, several calls under way.

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
from typing import TYPE_CHECKING

from importer.alma.client import PAGE
from importer.alma.spread import spread
from importer.directory.schema import held

if TYPE_CHECKING:
    from importer.alma.client import Alma
    from importer.alma.readers import UserPage
    from importer.directory.mirror import Mirror, Standing

SWEEP_EVERY = timedelta(days=30)
"""After so long, everything is read again."""

ZONES = timedelta(days=1)
"""Alma counts days in its own zone; one day more than is needed is asked for."""

SWEEPS = 2
"""How often everything is read at most, where users are deleted while it is."""

Clock = Callable[[], datetime]
Tell = Callable[[int, int], None]
"""Hears how many calls of how many are done."""

Note = Callable[[str], None]
"""Hears a sentence for the operator."""


def sweep_due(standing: Standing, now: datetime) -> bool:
    """Whether the next refresh reads everything."""
    if standing.as_of is None or standing.sweeping is not None:
        return True
    # Users of an export are as good as read: only those who are gone are missed.
    return now - (standing.swept or standing.as_of) > SWEEP_EVERY


async def refresh(
    mirror: Mirror, alma: Alma, now: Clock, tell: Tell, note: Note, *, full: bool
) -> None:
    """Read what changed, or everything if that is due, asked for, or the totals differ.

    Raises UsageError where another command does so at this time; AlmaError, after which the same
    command continues where this one stopped.
    """
    with held(mirror.path):
        if full or sweep_due(mirror.standing, now()):
            await _sweep(mirror, alma, now, tell)
        else:
            await _catch_up(mirror, alma, now, tell, note)


async def catch_up(mirror: Mirror, alma: Alma, now: Clock, tell: Tell, note: Note) -> None:
    """Read what changed, or everything if the totals differ, however old the last sweep is.

    Raises as `refresh` does.
    """
    with held(mirror.path):
        await _catch_up(mirror, alma, now, tell, note)


def difference(mirror: Mirror) -> int:
    """Return how many users the mirror knows beyond those that Alma had when last asked.

    0 where Alma's total is unknown. Negative where users are missing.
    """
    standing = mirror.standing
    if standing.total is None:
        return 0
    return mirror.count() - (standing.total - standing.others)


async def _catch_up(mirror: Mirror, alma: Alma, now: Clock, tell: Tell, note: Note) -> None:
    standing = mirror.standing
    if standing.as_of is None:
        return
    began = now()
    await _changes(mirror, alma, standing.as_of, now, tell)
    total = await _total(alma)
    mirror.stand(mirror.standing.model_copy(update={"as_of": began, "total": total}))
    if not _differs(mirror):
        return
    stale = mirror.stale()
    if len(stale) < len(_firsts(total)):  # cheaper than to read everybody
        await read_again(mirror, alma, stale, now)
    if _differs(mirror):
        note(
            f"Alma has {total - standing.others:,} users and the directory has "
            f"{mirror.count():,}, so all users are read again ({len(_firsts(total)):,} calls)."
        )
        await _sweep(mirror, alma, now, tell)


def _differs(mirror: Mirror) -> bool:
    """Return whether users were deleted in Alma, or are missing here.

    After an import it is not known yet how many of Alma's entries are contacts, not users, so
    that only a surplus counts.
    """
    extra = difference(mirror)
    return extra > 0 or (extra < 0 and mirror.standing.swept is not None)


async def read_again(mirror: Mirror, alma: Alma, primary_ids: Iterable[str], now: Clock) -> None:
    """Read these users one by one, and remove those that Alma does not have. Raises AlmaError."""
    for primary_id in primary_ids:
        seen = now()
        user = await alma.get_user(primary_id)
        if user is None or (user.primary_id or "").casefold() != primary_id.casefold():
            mirror.remove(primary_id)
        if user is not None:
            mirror.put([user], seen)


async def _sweep(mirror: Mirror, alma: Alma, now: Clock, tell: Tell) -> None:
    for last in (False,) * (SWEEPS - 1) + (True,):
        swept = _begin(mirror, now())
        await _pages(mirror, alma, now, tell)
        as_of = now()
        await _changes(mirror, alma, swept, now, lambda _done, _of: None)
        if _end(mirror, swept, as_of, await _total(alma), last=last):
            return


def _begin(mirror: Mirror, now: datetime) -> datetime:
    """When the sweep began: now, unless one was broken off."""
    standing = mirror.standing
    if standing.sweeping is not None:
        return standing.sweeping
    with mirror.writing() as connection:
        connection.execute("DELETE FROM pages")
        mirror.stand(standing.model_copy(update={"sweeping": now, "sweep": standing.sweep + 1}))
    return now


def _end(mirror: Mirror, swept: datetime, as_of: datetime, total: int, *, last: bool) -> bool:
    """Settle the sweep; whether everybody was met.

    If not, nobody counts as gone, and all is read once more, if this was not the last time.
    """
    standing = mirror.standing
    met = mirror.count("sweep = ?", (standing.sweep,))
    whole = _joined(mirror)
    with mirror.writing() as connection:
        connection.execute("DELETE FROM pages")
        if whole:
            connection.execute("DELETE FROM users WHERE sweep < ?", (standing.sweep,))
        update: dict[str, object] = {"sweeping": None, "total": total}
        if whole or last:
            update |= {"as_of": as_of, "swept": swept, "others": max(0, total - met)}
        mirror.stand(standing.model_copy(update=update))
    return whole


def _joined(mirror: Mirror) -> bool:
    """Whether each page began with somebody whom the one before it showed.

    Who is deleted between the readings of two pages moves the others up a place, and some are
    passed over; who is new moves them down, which does no harm. Where contacts stand, that have
    no primary identifier, the join cannot be seen.
    """
    before: tuple[list[str], int] | None = None
    for keys, others in mirror.read("SELECT keys, others FROM pages ORDER BY first"):
        shown, strange = str(keys).split("\n"), int(str(others))
        if before is not None and not (strange or before[1]) and shown[0] not in before[0]:
            return False
        before = shown, strange
    return True


async def _pages(mirror: Mirror, alma: Alma, now: Clock, tell: Tell) -> None:
    """The pages of the sweep that are not done. Each shows the last user of the one before."""
    done = {int(str(first)) for (first,) in mirror.read("SELECT first FROM pages")}
    total = await _total(alma)
    firsts = _firsts(total)

    async def one(first: int) -> None:
        seen = now()
        page = await alma.list_users(first)
        # Contacts without a primary identifier, and records that make no sense.
        others = max(0, min(PAGE, page.total - first) - len(page.users))
        keys = "\n".join((user.primary_id or "").casefold() for user in page.users)
        with mirror.writing() as connection:
            mirror.put_within(page.users, seen)
            connection.execute(
                "INSERT OR REPLACE INTO pages VALUES (?, ?, ?)", (first, keys, others)
            )

    await _each(alma, [first for first in firsts if first not in done], one, tell, len(firsts))


def _firsts(total: int) -> range:
    """The offsets of the pages of a sweep; each page shows the last user of the one before."""
    return range(0, max(1, total - 1), PAGE - 1)


async def _changes(mirror: Mirror, alma: Alma, since: datetime, now: Clock, tell: Tell) -> None:
    """Those who changed since a time."""
    day = (since.astimezone(UTC) - ZONES).date()
    page = await _changed(mirror, alma, day, 0, now)

    async def one(first: int) -> None:
        await _changed(mirror, alma, day, first, now)

    await _each(alma, range(PAGE, page.total, PAGE), one, tell, max(1, ceil(page.total / PAGE)))


async def _changed(mirror: Mirror, alma: Alma, day: date, first: int, now: Clock) -> UserPage:
    seen = now()
    page = await alma.list_users(first, modified_from=day)
    mirror.put(page.users, seen)
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
    async with aclosing(spread(alma.governor, left, one)) as pages:
        async for _ in pages:
            done += 1
            tell(done, of)


async def _total(alma: Alma) -> int:
    """The length of Alma's list of users."""
    return (await alma.list_users(0, limit=1)).total
