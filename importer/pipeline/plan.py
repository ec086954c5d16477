"""`plan`: check, then compare each ready row with Alma. Nothing but GET is sent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import aclosing, closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from importer.alma.client import Alma
from importer.alma.models import Institution
from importer.alma.pacing import run_concurrently
from importer.errors import UnavailableError, UsageError
from importer.ledger.absent import ABSENT, AbsentMemory
from importer.ledger.ledger import Ledger
from importer.ledger.sticky import STICKY, StickyMemory
from importer.model.catalogue import Code
from importer.model.fields import CodeTables
from importer.model.plan import Create, Fate, Held, Match, Planned, Step, Unchanged, Update
from importer.model.problem import Problem
from importer.model.run import FailedCheck
from importer.model.text import counted
from importer.pipeline.absent import plan_absent
from importer.pipeline.check import find_problems, rows_of
from importer.pipeline.decisions import decisions_in, open_rows
from importer.pipeline.fates import (
    Decided,
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
    drafts_of,
    of_row,
    open_inputs,
    origins,
)
from importer.pipeline.lookup import Users, check_call_budget, open_users, query_of
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
from importer.users.matching import PersonQuery
from importer.writer.executor import FAILURES_IN_A_ROW


async def plan(request: RunRequest, alma: Alma, rate: float, progress: Progress = SILENT) -> Ledger:
    """Check the rosters, compare their ready rows with Alma, and save the plan.

    `rate` is in calls a second. Raises RosterError, MappingError, LedgerError, AlmaError, and
    UsageError for code tables of another institution or a damaged user cache.
    """
    rosters = open_inputs(request)
    institution = await check_institution(alma, request.codes)
    with (
        new_run(request.name, request.now, request.folder) as folder,
        EarlierRuns.opened(institution) as earlier,
    ):
        problems = [*headings_changed(folder, rosters), *find_problems(rosters)]
        checked, missing = _decide_before_alma(rosters, problems, earlier)
        progress.rows(len(checked.fates), 0)
        ready = tuple(drafts_of(rosters, checked.rows(Fate.READY), missing, institution.code))
        asked = [(draft, query_of(draft, _match(rosters, draft.row))) for draft in ready]
        async with open_users(
            request,
            alma,
            institution,
            [query for _, query in asked],
            progress,
            needed=any(one.mapping.file.match.absent for one in rosters),
        ) as users:
            compared = await _compare(asked, users, rosters, alma, earlier, progress)
            leaving = await plan_absent(rosters, users, earlier.absent, earlier.sticky.of, request)
            planned = follow_facts(
                [*compared, *leaving.planned], request.facts, institution.code, progress.note
            )
            steps = review_collisions([one.step for one in planned], origins(rosters))
            missed = {one.step.row: Fate.READY for one in leaving.planned}
            found = (*_after_alma(planned, steps, rosters, users), *leaving.problems)
            decided = decide_fates({**checked.fates, **missed}, [*checked.problems, *found])
            facts = run_facts(
                "plan",
                rosters,
                request,
                alma=institution.facts(alma.base_url),
                users_as_of=users.as_of,
                rate=rate,
                calls_left=alma.limiter.available,
                failed_checks=_failed_checks(rosters, steps, ready),
                kept_in_alma=sum(one.kept for one in planned),
            )
            ledger = save_run(folder, facts, rosters, decided, steps, leaving.cells)
        earlier.remember(planned, request.now)
    await _carry_out_decisions(ledger, rosters, request, alma, progress)
    return ledger


@dataclass(frozen=True, slots=True)
class EarlierRuns:
    """What earlier runs left about this Alma.

    People's answers, the protected fields as Alma had them, and who was changed because they were
    missing from a roster.
    """

    resolutions: Resolutions
    sticky: StickyMemory
    absent: AbsentMemory

    @classmethod
    @contextmanager
    def opened(cls, institution: Institution) -> Iterator[Self]:
        """Open it for the block. Raises LedgerError if a file of it is damaged."""
        key = institution_key(institution)
        with closing(StickyMemory(STICKY, key)) as sticky:
            yield cls(Resolutions.of(institution), sticky, AbsentMemory(ABSENT, key))

    def remember(self, planned: Iterable[Planned], now: datetime) -> None:
        """Keep the protected fields of the users that were read."""
        seen = (
            (one.step.primary_id, one.sticky)
            for one in planned
            if isinstance(one.step, Update | Unchanged)
        )
        self.sticky.remember(seen, now)


def _decide_before_alma(
    rosters: Rosters, problems: Sequence[Problem], earlier: EarlierRuns
) -> tuple[Decided, dict[int, tuple[Problem, ...]]]:
    answers = earlier.resolutions.same_person((one.candidates for one in rosters), problems)
    only_new = [one.mapping.needed_by_new_users for one in rosters]
    return decide_before_alma(rows_of(rosters), problems, only_new, answers)


def _after_alma(
    planned: Iterable[Planned], steps: Sequence[Step], rosters: Rosters, users: Users
) -> Iterator[Problem]:
    """Yield the problems that the comparison with Alma found."""
    yield from (problem for one in planned for problem in one.warnings)
    if not users.as_of:
        yield from _names_not_compared(steps, rosters)
    yield from (problem for step in steps if isinstance(step, Held) for problem in step.problems)


async def _carry_out_decisions(
    ledger: Ledger, rosters: Rosters, request: RunRequest, alma: Alma, progress: Progress
) -> None:
    """Resolve the rows that need review as people decided in a rejects file."""
    for roster in (one.roster for one in rosters if one.roster.decisions):
        decisions, left = decisions_in(ledger, roster)
        asked = open_rows(ledger)
        review = Review(ledger, request.codes, request.operator, lambda: request.now)
        left += await review.resolve_all([one for one in decisions if one.row in asked], alma)
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
    users: Users,
    rosters: Rosters,
    alma: Alma,
    earlier: EarlierRuns,
    progress: Progress,
) -> list[Planned]:
    """Find the step of each ready row, in row order. Raises DailyLimitError, UnavailableError."""
    leavers, known = earlier.absent.leavers(), earlier.sticky.of
    to_ask = users.to_ask([query for _, query in asked])
    most = sum(query.most_calls for query in to_ask)
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
        decided = decide(draft, found, match, known)
        decided = earlier.resolutions.apply(draft, found, decided, match, known)
        decided = come_back(draft, found, decided, leavers, match, known)
        return with_borrowing(draft, decided, rosters[0].today)

    with check_call_budget(len(to_ask), most, alma.limiter, progress.note):
        progress.rows(0, len(asked))
        async with aclosing(run_concurrently(alma.limiter, asked, one)) as answers:
            async for answer in answers:
                planned.append(answer)
                progress.rows(len(planned), len(asked))
    return sorted(planned, key=lambda one: one.step.row)


def _match(rosters: Rosters, row: int) -> Match:
    return of_row(rosters, row).mapping.file.match


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
    return {
        *column.mapped_codes,
        *(known or ()),
        *(draft.values.get("user_group", "") for draft in ready),
    }
