"""`plan`: check, then compare each ready row with Alma. Nothing but GET is sent."""

from __future__ import annotations

from collections.abc import (
    AsyncIterator,
    Callable,
    Collection,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import aclosing, asynccontextmanager, closing, contextmanager
from datetime import datetime
from pathlib import Path

from importer.alma.client import Alma
from importer.alma.models import Institution
from importer.alma.pacing import RateLimiter, run_concurrently
from importer.errors import DailyLimitError, UnavailableError, UsageError
from importer.ledger.absent import ABSENT, AbsentMemory, Leaver
from importer.ledger.ledger import Ledger
from importer.ledger.sticky import STICKY, StickyMemory
from importer.model.catalogue import Code
from importer.model.fields import CodeTables
from importer.model.plan import Create, Fate, Held, Match, Planned, Step, Unchanged, Update
from importer.model.problem import Problem
from importer.model.roster import Roster
from importer.model.run import AlmaFacts, FailedCheck
from importer.model.text import counted
from importer.pipeline.absent import plan_absent
from importer.pipeline.check import drafts_of, find_problems, rows_of
from importer.pipeline.fates import (
    Resolutions,
    decide_before_alma,
    decide_fates,
    institution_key,
)
from importer.pipeline.inputs import (
    SILENT,
    Inputs,
    Progress,
    Rosters,
    RunRequest,
    of_row,
    open_inputs,
    origins,
)
from importer.pipeline.resolve import Review
from importer.pipeline.runs import (
    failed_checks,
    headings_changed,
    new_run,
    run_facts,
    save_run,
)
from importer.planner.absent import come_back
from importer.planner.decide import decide, review_collisions, with_borrowing
from importer.planner.drafts import DraftUser
from importer.planner.facts import follow_facts
from importer.users.cache import UserCache, cache_path
from importer.users.matching import AlmaMatcher, CacheMatcher, Matcher, PersonQuery
from importer.users.refresh import calls_to_complete, catch_up, refresh
from importer.writer.executor import FAILURES_IN_A_ROW

MANY = 200
"""From this many calls on, the operator is reminded that a user cache saves them."""

_CACHE = (
    "`importer users refresh` takes one call per hundred users of Alma, and with a user cache "
    "a plan takes hardly any"
)


async def plan(request: RunRequest, alma: Alma, rate: float, progress: Progress = SILENT) -> Ledger:
    """Check the rosters, compare their ready rows with Alma, and save the plan.

    `rate` is in calls a second. Raises RosterError, MappingError, LedgerError, AlmaError, and
    UsageError for code tables of another institution or a damaged user cache.
    """
    rosters = open_inputs(request)
    institution = await check_institution(alma, request.codes)
    with (
        new_run(request.name, request.now, request.folder) as folder,
        closing(StickyMemory(STICKY, institution_key(institution))) as memory,
    ):
        problems = [*headings_changed(folder, rosters), *find_problems(rosters)]
        resolutions = Resolutions.of(institution)
        answers = resolutions.same_person((one.candidates for one in rosters), problems)
        only_new = [one.mapping.needed_by_new_users for one in rosters]
        checked, missing = decide_before_alma(rows_of(rosters), problems, only_new, answers)
        progress.rows(len(checked.fates), 0)
        ready = tuple(drafts_of(rosters, checked.rows(Fate.READY), missing, institution.code))
        asked = [(draft, _query(draft, _match(rosters, draft.row))) for draft in ready]
        absent = AbsentMemory(ABSENT, institution_key(institution))
        leavers = absent.leavers()
        needed = any(one.mapping.file.match.absent for one in rosters)
        queries = [query for _, query in asked]
        async with open_users(
            request, alma, institution, queries, progress, needed=needed
        ) as users:
            planned = await _compare(
                asked, users, rosters, alma, resolutions, memory, leavers, progress
            )
            leaving = await plan_absent(rosters, users, alma, absent, memory.of, request.now)
        planned += leaving.planned
        planned = follow_facts(planned, request.facts, institution.code, progress.note)
        steps = review_collisions([one.step for one in planned], origins(rosters))
        warnings = [problem for one in planned for problem in one.warnings] + leaving.problems
        if not users.as_of:
            warnings += _names_not_compared(steps, rosters)
        held = (problem for step in steps if isinstance(step, Held) for problem in step.problems)
        rows = {**checked.fates, **{one.step.row: Fate.READY for one in leaving.planned}}
        decided = decide_fates(rows, [*checked.problems, *warnings, *held])
        facts = run_facts("plan", rosters, request).model_copy(
            update={
                "alma": AlmaFacts(
                    base_url=alma.base_url,
                    institution=institution.code,
                    name=institution.name,
                    environment=institution.environment,
                ),
                "users_as_of": users.as_of,
                "rate": rate,
                "calls_left": alma.limiter.available,
                "failed_checks": _failed_checks(rosters, steps, ready),
                "kept_in_alma": sum(one.kept for one in planned),
            }
        )
        ledger = save_run(folder, facts, rosters, decided, steps, leaving.cells)
        seen = (
            (one.step.primary_id, one.sticky)
            for one in planned
            if isinstance(one.step, Update | Unchanged)
        )
        memory.remember(seen, request.now)
    for inputs in rosters:
        if inputs.roster.decisions:
            await _carry_out(ledger, inputs.roster, request, alma, progress)
    return ledger


async def _carry_out(
    ledger: Ledger, roster: Roster, request: RunRequest, alma: Alma, progress: Progress
) -> None:
    """Resolve the rows that need review as people decided in a rejects file."""
    review = Review(ledger, request.codes, request.operator, lambda: request.now)
    asked = review.open_rows()
    decisions, left = review.decisions_in(roster)
    decisions = [decision for decision in decisions if decision.row in asked]
    left += await review.resolve_all(decisions, alma)
    for sentence in left:
        progress.note(sentence)


async def check_institution(alma: Alma, codes: CodeTables) -> Institution:
    """Ask whose Alma it is. Raises UsageError if the code tables are another institution's."""
    institution = await alma.general()
    if codes.institution and codes.institution != institution.code:
        msg = (
            f"The saved code tables are those of {codes.institution}, and this key belongs to "
            f"{institution.code}. Get its own with `importer codes fetch`, or name their file "
            "with --codes."
        )
        raise UsageError(msg)
    return institution


async def _compare(
    asked: Sequence[tuple[DraftUser, PersonQuery]],
    users: Matcher,
    rosters: Rosters,
    alma: Alma,
    resolutions: Resolutions,
    memory: StickyMemory,
    leavers: Mapping[str, Leaver],
    progress: Progress,
) -> list[Planned]:
    """Find the step of each ready row, in row order. Raises DailyLimitError, UnavailableError.

    `leavers`: who was changed before because they were missing, by primary ID without case.
    """
    most = 0 if users.as_of else sum(query.most_calls for _, query in asked)
    failures = 0
    planned: list[Planned] = []

    async def one(row: tuple[DraftUser, PersonQuery]) -> Planned:
        nonlocal failures
        draft, query = row
        found = await users.find(query)
        failures = failures + 1 if found.failed else 0
        if failures >= FAILURES_IN_A_ROW:
            raise UnavailableError(found.failed)
        match = _match(rosters, draft.row)
        decided = decide(draft, found, match, memory.of)
        decided = resolutions.apply(draft, found, decided, match, memory.of)
        decided = come_back(draft, found, decided, leavers, match, memory.of)
        return with_borrowing(draft, decided, rosters[0].today)

    with check_call_budget(len(asked), most, alma.limiter, progress.note):
        progress.rows(0, len(asked))
        async with aclosing(run_concurrently(alma.limiter, asked, one)) as answers:
            async for answer in answers:
                planned.append(answer)
                progress.rows(len(planned), len(asked))
    return sorted(planned, key=lambda one: one.step.row)


def _match(rosters: Rosters, row: int) -> Match:
    return of_row(rosters, row).mapping.file.match


def _query(draft: DraftUser, match: Match) -> PersonQuery:
    email = next(iter(draft.emails), "")
    return PersonQuery(draft.every_identifier, *draft.name, email, draft.person, match.by_name)


def _names_not_compared(steps: Sequence[Step], rosters: Rosters) -> Iterator[Problem]:
    """Say what Alma's own search cannot find about the new patrons of a plan."""
    created = [of_row(rosters, step.row) for step in steps if isinstance(step, Create)]
    for inputs in rosters:
        new = sum(one is inputs for one in created)
        if not new or not inputs.mapping.file.match.by_name:
            continue
        yield Problem.of(
            Code.NAMES_NOT_COMPARED,
            inputs.roster.source.origin(),
            f"{counted(new, 'new patron')}: Alma was searched for the same email, and for the name "
            "as it is written here. Nicknames, other spellings and new last names were not looked "
            "for.",
        )


def _failed_checks(
    rosters: Rosters, steps: Sequence[Step], ready: Sequence[DraftUser]
) -> tuple[FailedCheck, ...]:
    """Return the safety checks that fail, each roster by the limits of its own mapping."""
    groups = [
        _expected_groups(one, (draft for draft in ready if of_row(rosters, draft.row) is one))
        for one in rosters
    ]
    return failed_checks(steps, [one.mapping.file.safety_checks for one in rosters], groups)


def _expected_groups(inputs: Inputs, ready: Iterable[DraftUser]) -> set[str]:
    """Return the codes of user groups that the mapping gives, and those of the ready rows.

    If groups come from the cells as they are, every group of the institution is expected.
    """
    column = inputs.candidates.layout.targets.get("user_group")
    if column is None:
        return set()
    known = inputs.codes.known(column.field.facts.table) if column.from_cells else None
    return {*column.mapped_codes, *(known or ()), *(draft.user_group for draft in ready)}


@asynccontextmanager
async def open_users(
    request: RunRequest,
    alma: Alma,
    institution: Institution,
    queries: Collection[PersonQuery],
    progress: Progress,
    *,
    needed: bool = False,
) -> AsyncIterator[Matcher]:
    """Open the user cache of the institution, or Alma itself, for the block.

    The cache first reads who changed since its last refresh. One that is missing or incomplete is
    completed if it is `needed`, to see who is missing from the roster, or if that takes fewer calls
    than asking about each row. Otherwise it is not used: it does not know who is missing in Alma.
    The request may turn both off. The operator gets a sentence about the cache. Raises UsageError
    if it is damaged, AlmaError.
    """
    if request.users_folder is None:
        yield AlmaMatcher(alma)
        return

    def now() -> datetime:
        return request.now  # what is read later is at least as new

    path = cache_path(request.users_folder, institution.code, institution.environment)
    done = _pages_done(path)
    completes = done is not None and request.refresh
    if completes and needed:
        progress.note("First reading all users of Alma into the user cache, for `match.absent`.")
    elif completes and not await _saves_calls(alma, queries, done or 0, progress.note):
        completes = False
    if done is not None and not completes:
        if path.is_file():
            progress.note(
                "The user cache is not complete, so Alma is asked about each row. "
                "`importer users refresh` completes it."
            )
        yield AlmaMatcher(alma)
        return
    with UserCache.make(path, institution.code, institution.environment) as cache:
        if completes:
            await refresh(cache, alma, now, progress.rows, progress.note, full=False)
        elif request.refresh:
            await catch_up(cache, alma, now, lambda _done, _of: None, progress.note)
        progress.note(_described(cache))
        yield CacheMatcher(cache, alma, cache.state.as_of, now)


def _pages_done(path: Path) -> int | None:
    """Return how many pages of all users a cache has read; None if it is complete."""
    if not path.is_file():
        return 0
    with UserCache.open(path) as cache:
        return None if cache.state.as_of else cache.pages_done


async def _saves_calls(
    alma: Alma, queries: Collection[PersonQuery], done: int, note: Callable[[str], None]
) -> bool:
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
