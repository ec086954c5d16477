"""Look users up for a plan: in the user cache, or in Alma; users of the cache as a roster.

The roster is a table like any other, and is kept in the run's folder. It has only the columns that
the mapping uses, and who the user is.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Iterator
from contextlib import aclosing, asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import TypeVar

import pandas as pd

from importer.advice import Do, Note
from importer.alma.client import Alma
from importer.alma.models import OBLIGATIONS
from importer.alma.pacing import RateLimiter, run_concurrently
from importer.errors import DailyLimitError, RefusedError, UnavailableError, UsageError
from importer.loader.csv_file import Rows
from importer.loader.detect import FileKind
from importer.mapper.compile import RunVariables, compile_mapping
from importer.mapper.evaluate import taken
from importer.mapper.load import load
from importer.mapper.mapping import MappingDocument
from importer.mapper.placeholders import heading_key
from importer.model.fields import cells_of
from importer.model.people import NOTHING_COMMON, Common
from importer.model.plan import Match, Planned
from importer.model.problem import Place
from importer.model.roster import Roster, Source, letter
from importer.model.run import AlmaFacts
from importer.model.text import counted
from importer.model.user import User
from importer.pipeline.inputs import ROWS, SILENT, Advance, Listener, RunRequest, numbered
from importer.planner.drafts import DraftUser
from importer.planner.who import needs_people
from importer.users.cache import UserCache, find_all, find_common, find_users
from importer.users.matching import (
    MatchedUser,
    MatchResult,
    PersonQuery,
    identifiers,
    search_alma,
)
from importer.users.refresh import Refresh, bring_up_to_date, calls_to_complete, read_again
from importer.writer.outage import Failures

Item = TypeVar("Item")

MANY = 200
"""From this many calls on, the operator is reminded that a user cache saves them."""

_CACHE = (
    "To refresh the user cache takes one call per hundred users of Alma, and with it a plan takes "
    "hardly any"
)


def query_of(draft: DraftUser, match: Match) -> PersonQuery:
    """Return by what a row's user is found: its IDs, and its name if the mapping compares names."""
    email = next(iter(draft.emails), "")
    return PersonQuery(draft.every_identifier, *draft.name, email, draft.person, match.by_name)


async def find_people(users: Users, draft: DraftUser, match: Match, common: Common) -> MatchResult:
    """Return who has the IDs of a row and, if none of them is clearly its person, who may be.

    Where users are retired, those with the IDs are read once more, with their loans, requests and
    fees.
    """
    query = query_of(draft, match)
    result = await users.find(query)
    if match.retire is not None and not result.failed:
        result = await _with_counts(users.alma, result)
    if result.failed or not needs_people(draft, result, common):
        return result
    more = await users.find(replace(query, identifiers=(), by_name=True))
    if more.failed:
        return more
    known = {matched.user.primary_id for matched in result.users}
    alike = tuple(user for user in more.possible_matches if user.primary_id not in known)
    return replace(result, possible_matches=alike)


async def _with_counts(alma: Alma, result: MatchResult) -> MatchResult:
    """Return the users with an ID of a row as they are now; those that Alma has no more are gone.

    Raises errors that concern every row.
    """
    users: list[MatchedUser] = []
    try:
        for matched in result.users:
            live = await alma.user_with(matched.user.primary_id or "", counts=True)
            if live is not None:
                users.append(replace(matched, user=live))
    except (UnavailableError, RefusedError) as error:
        return MatchResult(failed=str(error))
    return replace(result, users=tuple(users))


async def named_user(user_id: str, alma: Alma, *, counts: bool) -> User:
    """Read the user with this ID in Alma, whatever its type; `counts` as for `Alma.user_with`.

    Raises UsageError if there is none.
    """
    live = await alma.get_user(user_id, expand=OBLIGATIONS if counts else "none")
    if live is None or user_id.casefold() not in identifiers(live):
        msg = "Alma has no user with this ID. Nothing was changed."
        raise UsageError(msg)
    return live


@dataclass(frozen=True, slots=True)
class Users:
    """Alma's users as a plan finds them: in the user cache or, without one, by asking Alma."""

    alma: Alma
    now: Callable[[], datetime]
    cache: UserCache | None = None

    @property
    def as_of(self) -> datetime | None:
        """The time before which every change in Alma is known; None where Alma is asked."""
        return self.cache.state.as_of if self.cache is not None else None

    def describe(self, note: Note) -> None:
        """Report the user cache to the operator, if there is one."""
        if self.cache is None:
            return
        state, known = self.cache.state, self.cache.count()
        as_of = f"{state.as_of:%Y-%m-%d %H:%M}" if state.as_of else ""
        text = f"Looked up in the user cache of {known:,} users, as of {as_of}."
        if state.total is not None and known < state.total - state.others:
            note(f"{text} Alma has {state.total - state.others:,}.", Do.READ_ALL_USERS)
        else:
            note(text)

    def common(self) -> Common:
        """Return what many users of the cache have in common; nothing is known without a cache."""
        return find_common(self.cache) if self.cache is not None else NOTHING_COMMON

    async def find(self, query: PersonQuery) -> MatchResult:
        """Return matches and possible matches. Raises AlmaError if it concerns every row.

        Alma is asked also about IDs that it alone keeps apart, by case.
        """
        for _ in range(READINGS):
            if self.cache is None:
                break
            result = find_users(self.cache, query)
            if isinstance(result, MatchResult):
                return result
            try:
                await read_again(self.cache, self.alma, result.primary_ids, self.now)
            except (UnavailableError, RefusedError) as error:
                return MatchResult(failed=str(error))
        return await search_alma(self.alma, query)


READINGS = 3
"""How many times a row may need records read into the cache before Alma is asked instead."""


@asynccontextmanager
async def open_users(
    request: RunRequest,
    alma: Alma,
    of_alma: AlmaFacts,
    about: Collection[PersonQuery] | str,
    progress: Listener,
) -> AsyncIterator[Users]:
    """Open the user cache of the institution, or Alma itself, for the block.

    The cache first reads who changed since its last refresh. One that is missing or incomplete is
    completed if `about` is a key of the mapping, which needs all users, or if that takes fewer
    calls than asking about each row. Otherwise it is not used: it does not know who is missing in
    Alma. The request may turn both off. The operator gets a sentence if it takes calls. Raises
    UsageError if it is damaged, AlmaError.
    """

    def now() -> datetime:
        return request.occasion.now  # what is read later is at least as new

    if request.users_folder is None:
        yield Users(alma, now)
        return
    path = of_alma.cache(request.users_folder)
    done: int | None = 0
    completes = False
    if path.is_file():
        with UserCache.make(path, of_alma) as cache:
            done = None if cache.state.as_of else cache.pages_done
    if done is not None and request.asked.refresh:
        if completes := isinstance(about, str):
            progress.note(f"First reading all users of Alma into the user cache, for `{about}`.")
        else:
            completes = await _saves_calls(alma, about, done, progress.note)
    if done is not None and not completes:
        if path.is_file():
            progress.note(
                "The user cache is not complete, so Alma is asked about each row.",
                Do.REFRESH_USERS,
            )
        yield Users(alma, now)
        return
    with UserCache.make(path, of_alma) as cache:
        if completes:
            await Refresh(cache, alma, now, progress.advance, progress.note).run()
        elif request.asked.refresh:
            await bring_up_to_date(cache, alma, now, SILENT.advance, progress.note)
        yield Users(alma, now, cache)


async def _saves_calls(alma: Alma, queries: Collection[PersonQuery], done: int, note: Note) -> bool:
    """Return whether completing the user cache takes fewer calls than the rows; if so, note it.

    False if Alma does not answer now.
    """
    most = sum(query.most_calls for query in queries)
    try:
        calls = await calls_to_complete(alma, done) if most else 0
    except UnavailableError:
        return False
    if not most or calls >= len(queries):
        return False
    note(
        f"First reading all users of Alma into the user cache: {counted(calls, 'call')} instead of "
        f"up to {most:,}. If it is stopped, the same command continues."
    )
    return True


async def plan_each(
    alma: Alma,
    items: Iterable[Item],
    count: int,
    plan_one: Callable[[Item], Awaitable[tuple[Planned, str]]],
    advance: Advance,
) -> list[Planned]:
    """Return the steps of `count` items, in row order.

    `plan_one` also returns why Alma gave no answer, "" if it gave one. Raises UnavailableError if
    Alma gives none at all, AlmaError.
    """
    failures = Failures(alma, "GET")
    planned: list[Planned] = []

    async def one(item: Item) -> Planned:
        planned, failed = await plan_one(item)
        if failed:
            await failures.count(planned.step.row, failed)
        else:
            failures.answered()
        return planned

    advance(0, count)
    async with aclosing(run_concurrently(alma.limiter, items, one)) as steps:
        async for step in steps:
            planned.append(step)
            advance(len(planned), count)
    return sorted(planned, key=lambda planned_row: planned_row.step.row)


_RETIRED = "Reading those who may be retired once more"


@contextmanager
def check_call_budget(
    rows: int, most: int, again: int, limiter: RateLimiter, note: Note
) -> Iterator[None]:
    """Allow up to `most` calls about `rows` in the block, and `again`, if today's limit covers all.

    `again`: users who may be retired, who are read again, also with a user cache. Raises
    DailyLimitError before the first call if the limit does not cover them, because an incomplete
    plan is not saved. The same error follows if others use the calls meanwhile. `note` gets a
    sentence before and, after many calls, one that a user cache would save them.
    """
    calls, available, remaining = counted(most + again, "call"), limiter.available, ""
    if available is not None:
        reserve = f", besides the reserve of {limiter.reserve:,}" if limiter.reserve else ""
        remaining = f"{available:,} {'is' if available == 1 else 'are'} left today{reserve}"
        if most + again > available:
            about = f"Without a user cache, asking Alma about {counted(rows, 'row')}"
            about, advice = (about, f"{_CACHE}. Or plan") if most else (_RETIRED, "Plan")
            msg = (
                f"{about} may take {calls}, and {remaining}. Nothing was planned. {advice} a "
                "smaller roster, or plan after midnight GMT."
            )
            error = DailyLimitError(msg)
            raise error.advising(Do.REFRESH_USERS) if most else error
    if not most:
        yield
        return
    words = "; ".join(filter(None, (f"up to {calls}", remaining)))
    note(f"Without a user cache Alma is asked about each row: {words}.")
    before = limiter.calls
    try:
        yield
    except DailyLimitError as error:
        msg = f"{error} Nothing was planned. {_CACHE}."
        raise DailyLimitError(msg, error.reply) from error
    spent = limiter.calls - before
    if spent >= MANY:
        note(f"Looking the rows up took {counted(spent, 'call')}. {_CACHE}.", Do.REFRESH_USERS)


_KEY = "roster: {from: alma}"
_WHO = ("primary_id", "first_name", "last_name")


async def with_rows(
    request: RunRequest, alma: Alma, of_alma: AlmaFacts, progress: Listener
) -> RunRequest:
    """Return the request with the rows that its mappings take from Alma.

    The user cache is brought up to date first. Raises MappingError, UsageError without a complete
    user cache or for a mapping that takes no rows from Alma, AlmaError.
    """
    asked, today = request.asked, request.occasion.now.date()
    mappings = [load(part.mapping) for part in asked.rosters]
    for mapping, part in zip(mappings, asked.rosters, strict=True):
        if part.roster is None and not mapping.from_alma:
            msg = f"The mapping {mapping.name} needs a roster. Name its file."
            raise UsageError(msg)
    async with open_users(request, alma, of_alma, _KEY, progress) as users:
        if (cache := users.cache) is None:
            msg = f"`{_KEY}` needs the user cache, and it is not complete."
            raise UsageError(msg).advising(Do.REFRESH_USERS).advising(Do.PLAN_AGAIN)
        await read_again(cache, alma, cache.stale(), users.now)
        rosters = tuple(
            part
            if part.roster is not None
            else replace(part, roster=rows_of(cache, mapping, today, position))
            for position, (part, mapping) in enumerate(zip(asked.rosters, mappings, strict=True))
        )
    return replace(request, asked=replace(asked, rosters=rosters, refresh=False))


def rows_of(cache: UserCache, mapping: MappingDocument, today: date, position: int) -> Rows:
    """Return the users that `roster.only` of a mapping takes, by primary ID.

    `position`: of the roster in its run. Raises MappingError.
    """
    headings = [*dict.fromkeys((*_WHO, *mapping.headings))]
    keys = [*map(heading_key, headings)]
    users = (cells_of(user).items() for user in find_all(cache))
    every = ({heading_key(heading): text for heading, text in user} for user in users)
    texts = [[cells.get(key, "") for key in keys] for cells in every]
    index = pd.RangeIndex(2, 2 + len(texts))
    frame = pd.DataFrame(texts, index, range(len(keys)), dtype=object)
    places = tuple(Place(letter(at), heading) for at, heading in enumerate(headings))
    file = Path(numbered(ROWS, position))
    source = Source(file, hashlib.sha256().hexdigest(), FileKind.CSV, position=position)
    compiled = compile_mapping(mapping, places, RunVariables(today, file.name))
    rows = taken(compiled, Roster(source, places, frame))
    return Rows.of_texts(headings, frame.loc[rows].to_numpy().tolist())
