"""`plan`: check, then compare each ready row with Alma. Nothing but GET is sent."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import aclosing, asynccontextmanager, closing, contextmanager
from datetime import datetime

from importer.alma.client import Alma
from importer.alma.models import Institution
from importer.alma.pacing import RateLimiter, run_concurrently
from importer.errors import DailyLimitError, UnavailableError, UsageError
from importer.ledger.ledger import Ledger
from importer.ledger.sticky import STICKY, StickyMemory
from importer.model.catalogue import Code
from importer.model.fields import CodeTables
from importer.model.plan import (
    RETURNING,
    Create,
    Fate,
    Held,
    Match,
    Planned,
    Step,
    Unchanged,
    Update,
)
from importer.model.problem import Origin, Problem
from importer.model.roster import Roster
from importer.model.run import AlmaFacts
from importer.model.text import counted
from importer.pipeline.check import find_problems
from importer.pipeline.fates import (
    Resolutions,
    decide_before_alma,
    decide_fates,
    institution_key,
)
from importer.pipeline.inputs import SILENT, Inputs, Progress, RunRequest, open_inputs
from importer.pipeline.resolve import Review
from importer.pipeline.runs import headings_changed, new_run, run_facts, write_run
from importer.planner.decide import decide, review_collisions
from importer.planner.drafts import DraftUser, drafts
from importer.planner.safety_checks import safety_checks
from importer.users.cache import UserCache, cache_path
from importer.users.matching import AlmaMatcher, CacheMatcher, Matcher, PersonQuery
from importer.users.refresh import catch_up
from importer.writer.executor import FAILURES_IN_A_ROW

MANY = 200
"""From this many calls on, the operator is reminded that a user cache saves them."""

_CACHE = (
    "`importer users refresh` takes one call per hundred users of Alma, and with a user cache "
    "a plan takes hardly any"
)


async def plan(request: RunRequest, alma: Alma, rate: float, progress: Progress = SILENT) -> Ledger:
    """Check a roster, compare its ready rows with Alma, and save the plan.

    `rate` is in calls a second. Raises RosterError, MappingError, LedgerError, AlmaError, and
    UsageError for code tables of another institution or a damaged user cache.
    """
    inputs = open_inputs(request)
    institution = await check_institution(alma, request.codes)
    key = institution_key(institution)
    with (
        new_run(request.roster.stem, request.now, request.folder) as folder,
        closing(StickyMemory(STICKY, key)) as memory,
    ):
        problems = [*headings_changed(folder, inputs), *find_problems(inputs)]
        resolutions = Resolutions.of(institution)
        answers = resolutions.same_person(inputs.candidates, problems)
        only_new = inputs.mapping.needed_by_new_users
        checked, missing = decide_before_alma(inputs.rows(), problems, only_new, answers)
        progress.rows(len(checked.fates), 0)
        ready = tuple(drafts(inputs.candidates, checked.rows(Fate.READY), missing))
        async with open_users(request, alma, institution, progress.note) as users:
            compared = await _compare(
                ready, users, inputs.mapping.file.match, alma, resolutions, memory, progress
            )
        steps = review_collisions(
            sorted((one.step for one in compared), key=lambda step: step.row),
            inputs.roster.source.origin,
        )
        warnings = [problem for one in compared for problem in one.warnings]
        if not users.as_of and inputs.mapping.file.match.by_name:
            warnings += _names_not_compared(steps, inputs.roster.source.origin())
        held = (problem for step in steps if isinstance(step, Held) for problem in step.problems)
        decided = decide_fates(checked.fates, [*checked.problems, *warnings, *held])
        failed_checks = safety_checks(
            steps, inputs.mapping.file.safety_checks, _expected_groups(inputs, ready)
        )
        facts = run_facts("plan", inputs, request).model_copy(
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
                "failed_checks": failed_checks,
                "kept_in_alma": sum(one.kept for one in compared),
            }
        )
        sent = frozenset(step.row for step in steps if isinstance(step, Create | Update))
        cells = inputs.cells(decided.rows(*RETURNING) | sent)
        ledger = write_run(folder, facts, inputs.columns(), decided, cells, steps)
        seen = (
            (one.step.primary_id, one.sticky)
            for one in compared
            if isinstance(one.step, Update | Unchanged)
        )
        memory.remember(seen, request.now)
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
    ready: Sequence[DraftUser],
    users: Matcher,
    match: Match,
    alma: Alma,
    resolutions: Resolutions,
    memory: StickyMemory,
    progress: Progress,
) -> list[Planned]:
    """Find the step of each ready row. Raises DailyLimitError, UnavailableError."""
    queries = {draft.row: _query(draft, match) for draft in ready}
    most = 0 if users.as_of else sum(query.most_calls for query in queries.values())
    failures = 0
    planned: list[Planned] = []

    async def one(draft: DraftUser) -> Planned:
        nonlocal failures
        found = await users.find(queries[draft.row])
        failures = failures + 1 if found.failed else 0
        if failures >= FAILURES_IN_A_ROW:
            raise UnavailableError(found.failed)
        planned = decide(draft, found, match, memory.of)
        return resolutions.apply(draft, found, planned, match, memory.of)

    with check_call_budget(len(ready), most, alma.limiter, progress.note):
        progress.rows(0, len(ready))
        async with aclosing(run_concurrently(alma.limiter, ready, one)) as answers:
            async for answer in answers:
                planned.append(answer)
                progress.rows(len(planned), len(ready))
    return planned


def _query(draft: DraftUser, match: Match) -> PersonQuery:
    email = next(iter(draft.emails), "")
    return PersonQuery(draft.every_identifier, *draft.name, email, draft.person, match.by_name)


def _names_not_compared(steps: Sequence[Step], origin: Origin) -> Iterator[Problem]:
    """Say what Alma's own search cannot find about the new patrons of a plan."""
    if new := sum(isinstance(step, Create) for step in steps):
        yield Problem.of(
            Code.NAMES_NOT_COMPARED,
            origin,
            f"{counted(new, 'new patron')}: Alma was searched for the same email, and for the name "
            "as it is written here. Nicknames, other spellings and new last names were not looked "
            "for.",
        )


def _expected_groups(inputs: Inputs, ready: Sequence[DraftUser]) -> set[str]:
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
