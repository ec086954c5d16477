"""Bring the user cache up to date: from Alma, a hundred users a call, and from an apply.

A sweep reads every user. It is made first, again when the last one is old, and whenever Alma's
total differs from the number of users known after the changes were read: only a sweep shows who
was deleted. Each page is durable, so an interrupted sweep continues where it stopped. Otherwise
only the users who changed since a day are read (contract 2.2).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable
from contextlib import ExitStack, aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic

from importer.alma.client import PAGE, Alma
from importer.alma.pacing import run_concurrently
from importer.alma.responses import UnreadableUserError
from importer.errors import LedgerError, RefusedError
from importer.ledger.ledger import GONE, Ledger
from importer.model.user import User
from importer.users.cache import (
    WAIT,
    CacheState,
    NoCacheError,
    UserCache,
    refresh_lock,
)

SWEEP_EVERY = timedelta(days=30)
"""The age at which the next refresh reads all users again."""

ZONES = timedelta(days=2)
"""Alma counts days in its own zone, and may leave the first one out, so two more are asked for."""

SWEEPS = 2
"""The most times that all users are read, if users are deleted while they are."""


def sweep_due(state: CacheState, now: datetime) -> bool:
    """Return whether the next refresh reads all users."""
    if state.swept is None or state.sweeping is not None:
        return True
    return now - state.swept > SWEEP_EVERY


async def bring_up_to_date(
    cache: UserCache,
    alma: Alma,
    now: Callable[[], datetime],
    done: Callable[[int, int], None],
    note: Callable[[str], None],
) -> None:
    """Read who changed, or all users into a cache that is not complete; as `Refresh.run`."""
    await Refresh(cache, alma, now, done, note).run(due=cache.state.as_of is None)


@dataclass(frozen=True, slots=True)
class Refresh:
    """How a user cache is brought up to date.

    `now` returns the time with its zone. `done` gets how many calls of how many are done, `note` a
    sentence for the operator.
    """

    cache: UserCache
    alma: Alma
    now: Callable[[], datetime]
    done: Callable[[int, int], None]
    note: Callable[[str], None]

    async def run(self, *, full: bool = False, due: bool = True) -> None:
        """Read the users who changed; all if asked for, if the totals differ or, if `due`, by age.

        Raises LedgerError if another command is refreshing the cache; AlmaError, after which the
        same command continues where this one stopped.
        """
        async with self._alone():
            if self._was_ahead() or full or (due and sweep_due(self.cache.state, self.now())):
                await self._sweep()
            else:
                await self._catch_up()

    @asynccontextmanager
    async def _alone(self) -> AsyncIterator[None]:
        """Keep other commands from refreshing the cache; wait for one that does.

        Raises LedgerError if it takes long.
        """
        until, noted = monotonic() + WAIT, False
        with ExitStack() as held:
            while True:
                try:
                    held.enter_context(refresh_lock(self.cache.path))
                    break
                except LedgerError:
                    if monotonic() >= until:
                        raise
                if not noted:
                    self.note("Another command is refreshing the user cache. Waiting for it.")
                    noted = True
                await asyncio.sleep(0.2)
            yield

    def _was_ahead(self) -> bool:
        """Return whether a clock that was ahead makes a whole cache unsure; if so, note it."""
        was_whole = self.cache.state.as_of is not None
        if not self.cache.forget_future(self.now()) or not was_whole:
            return False
        self.note(
            "Users were read while the clock of the computer was ahead, so changes since may be "
            "missing. Reading all users again."
        )
        return True

    async def _catch_up(self) -> None:
        cache, state = self.cache, self.cache.state
        if state.as_of is None:
            return
        began = self.now()

        async def read(since: datetime) -> int:
            await self._changes(since)
            total = await _total(self.alma)
            cache.set_state(cache.state.model_copy(update={"as_of": began, "total": total}))
            return total

        total = await read(state.as_of)
        if cache.difference() < 0:  # users may have been added meanwhile
            total = await read(began)
        if cache.difference() == 0:
            return
        stale = cache.stale()
        if len(stale) < len(_firsts(total)):  # cheaper than to read everybody
            await read_again(cache, self.alma, stale, self.now)
        if cache.difference() != 0:
            self.note(
                f"Users in Alma: {total - state.others:,}, in the user cache: {cache.count():,}. "
                f"Reading all users again ({len(_firsts(total)):,} calls)."
            )
            await self._sweep()

    async def _sweep(self) -> None:
        cache = self.cache
        for last in (False,) * (SWEEPS - 1) + (True,):
            state = cache.state
            swept = state.sweeping or self.now()  # one that was interrupted continues
            if state.sweeping is None:
                begun = state.model_copy(update={"sweeping": swept, "sweep": state.sweep + 1})
                with cache.transaction() as connection:
                    connection.execute("DELETE FROM pages")
                    cache.set_state(begun)
            await self._pages()
            as_of = self.now()
            await replace(self, done=lambda _done, _of: None)._changes(swept)
            total, whole = await _total(self.alma), _joined(cache)
            if whole is None and len(missed := cache.missed()) < len(_firsts(total)):
                await read_again(cache, self.alma, missed, self.now)
                whole = True
            if _end(cache, swept, as_of, total, whole=last if whole is None else whole, last=last):
                return

    async def _pages(self) -> None:
        done = {first for (first,) in self.cache.read("SELECT first FROM pages")}

        async def read_page(first: int) -> int:
            seen = self.now()
            page = await self.alma.list_users(first)
            ids = [user.primary_id for user in page.users if user.primary_id]
            # Contacts without a primary identifier, and records that are not users.
            others = max(0, min(PAGE, page.total - first) - len(ids) - len(page.unreadable))
            keys = "\n\n".join(map("\n".join, (ids, page.unreadable))).casefold()
            with self.cache.transaction() as connection:
                self.cache.put(page.users, seen)
                self.cache.put_unread(page.unreadable, seen)
                connection.execute(
                    "INSERT OR REPLACE INTO pages VALUES (?, ?, ?)", (first, keys, others)
                )
            return page.total

        await self._each(read_page, _firsts, await _total(self.alma), done)

    async def _changes(self, since: datetime) -> None:
        day = (since.astimezone(UTC) - ZONES).date()

        async def read_page(first: int) -> int:
            seen = self.now()
            page = await self.alma.list_users(first, modified_from=day)
            self.cache.put(page.users, seen)
            self.cache.put_unread(page.unreadable, seen)
            return page.total

        await self._each(
            read_page, lambda total: range(0, max(1, total), PAGE), await read_page(0), {0}
        )

    async def _each(
        self,
        read_page: Callable[[int], Awaitable[int]],
        firsts: Callable[[int], range],
        total: int,
        done: Collection[int],
    ) -> None:
        """Read the pages of a list of `total` users that are not done; a page says how long it is.

        Users who come to the list meanwhile move others down, behind what was its last page.
        """
        while True:
            of = len(firsts(total))
            todo = [first for first in firsts(total) if first not in done]
            read = of - len(todo)
            self.done(read, of)
            if not todo:
                return
            async with aclosing(run_concurrently(self.alma.limiter, todo, read_page)) as lengths:
                async for length in lengths:
                    total, read = max(total, length), read + 1
                    self.done(read, of)
            done = {*done, *todo}


def _end(
    cache: UserCache, swept: datetime, as_of: datetime, total: int, *, whole: bool, last: bool
) -> bool:
    """Finish the sweep; return `whole`: whether every user was seen.

    If not, nobody counts as deleted, nor as a contact unless one was seen, and all users are read
    once more: now, or by the next refresh if this was the `last` time.
    """
    state = cache.state
    others = max(0, total - cache.count("sweep = ?", (state.sweep,)))
    if not whole:
        ((seen,),) = cache.read("SELECT coalesce(sum(others), 0) FROM pages")
        others = min(others, seen)
    with cache.transaction() as connection:
        connection.execute("DELETE FROM pages")
        if whole:
            connection.execute("DELETE FROM users WHERE sweep < ?", (state.sweep,))
        update: dict[str, object] = {"sweeping": None, "total": total}
        if whole or last:
            update |= {"as_of": as_of, "swept": swept, "others": others}
        cache.set_state(state.model_copy(update=update))
    return whole


def _joined(cache: UserCache) -> bool | None:
    """Return whether each page began with a user that the page before it showed.

    A deletion between the readings of two pages moves the others up a place, so that some are
    missed; a new user moves them down, to pages that are read later. None where it cannot be seen
    because contacts are there, which have no primary identifier.
    """
    joined: bool | None = True
    before: tuple[list[str], int] | None = None
    for keys, others in cache.read("SELECT keys, others FROM pages ORDER BY first"):
        read, _, unread = (part.split("\n") for part in keys.partition("\n\n"))
        shown = [*read, *unread]
        first = {shown[0], *unread} - {""}  # the page's order with those is not known
        if before is not None and first.isdisjoint(before[0]):
            if not (others or before[1]):
                return False
            joined = None
        before = shown, others
    return joined


def _firsts(total: int) -> range:
    """Return the offsets of the pages of a sweep; each shows the last user of the one before."""
    return range(0, max(1, total - 1), PAGE - 1)


async def read_again(
    cache: UserCache, alma: Alma, primary_ids: Iterable[str], now: Callable[[], datetime]
) -> None:
    """Read these users one by one; remove those that Alma does not have.

    One whose record cannot be understood, or asked for by its ID, stays unread. Raises AlmaError.
    """
    for primary_id in primary_ids:
        seen = now()
        try:
            user = await alma.get_user(primary_id)
        except (UnreadableUserError, RefusedError):
            cache.put_unread([primary_id], seen)
            continue
        if user is None or (user.primary_id or "").casefold() != primary_id.casefold():
            cache.remove(primary_id)
        if user is not None:
            cache.put([user], seen)


async def calls_to_complete(alma: Alma, done: int) -> int:
    """Return how many calls `refresh` takes after `done` pages of all users were read."""
    asked_besides = 3  # twice the total, and once the changes meanwhile
    return max(0, len(_firsts(await _total(alma))) - done) + asked_besides


async def _total(alma: Alma) -> int:
    return (await alma.list_users(0, limit=1)).total


def add_applied(ledger: Ledger, folder: Path) -> int:
    """Store the records that Alma answered an apply with; remove users that it no longer has.

    A user with a new primary ID is no longer there under the old one.

    Return how many records were stored; none if there is no cache. Raises UsageError if the cache
    cannot be used, LedgerError.
    """
    alma = ledger.facts.plan_alma
    stored = 0
    with suppress(NoCacheError), UserCache.open(alma.cache(folder)) as cache, cache.transaction():
        for old_id, answered, time in ledger.read(_OUTCOMES, (GONE,)):
            user = User.from_json(answered) if answered else None
            until = datetime.fromisoformat(time)
            if user is None or (user.primary_id or "").casefold() != old_id.casefold():
                cache.remove(old_id, until)
            if user is not None:
                cache.put([user], until)
                stored += 1
    return stored


_OUTCOMES = (
    "SELECT primary_id, CASE WHEN state = 'held' OR act = 'delete' THEN '' ELSE answered END, time"
    " FROM steps LEFT JOIN images USING (row) JOIN entries ON entries.id ="
    " (SELECT max(id) FROM entries WHERE entries.row = steps.row AND event = state)"
    " WHERE state IN ('applied', 'already') AND (act = 'delete' OR answered <> '')"
    " OR state = 'held' AND detail = ? ORDER BY entries.id"
)
"""What became of users, in order: the ID as planned, Alma's record or "" if it is gone, when."""
