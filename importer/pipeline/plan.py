"""`plan`: check, then compare each ready row with Alma. Nothing but GET is sent."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path

from importer.advice import Do
from importer.alma.client import Alma
from importer.alma.doctor import wrong_clock
from importer.alma.facts import KnownFacts, facts_for
from importer.errors import UsageError
from importer.ledger.ledger import Ledger
from importer.memory.answers import DecisionMemory
from importer.model.answers import Resolution
from importer.model.plan import Create, Fate, Held, Planned, SisRules, Step, Update
from importer.model.problem import Code, Problem
from importer.model.question import Answer
from importer.model.run import AlmaFacts, NotInRoster
from importer.model.safety_checks import folded_groups
from importer.model.text import RowId, counted
from importer.pipeline.check import no_end_dates, since_last_load, validate
from importer.pipeline.decisions import (
    Fates,
    answers_of_rows,
    decide_fates,
    decisions_in,
    dismissed,
    open_rows,
)
from importer.pipeline.inputs import (
    SILENT,
    CheckedRosters,
    Progress,
    Rosters,
    RunRequest,
    open_inputs,
)
from importer.pipeline.lookup import (
    Users,
    check_call_budget,
    find_people,
    open_users,
    plan_each,
    query_of,
    with_rows,
)
from importer.pipeline.missing import AbsentPlan, plan_absent
from importer.pipeline.remember import remember_nothing_to_send
from importer.pipeline.resolve import Review
from importer.pipeline.row_plan import (
    PlanContext,
    about_sis_load,
    against_facts,
    paths_of,
    plan_context,
    sis_rules,
)
from importer.pipeline.runs import headings_changed, new_run, run_facts, save_run
from importer.pipeline.sis_load import check_external, check_one_system
from importer.planner.drafts import DraftUser
from importer.planner.entries import current
from importer.planner.safety_checks import many_other_people
from importer.planner.who import review_collisions
from importer.report.wording import row_numbers
from importer.users.cache import find_read, find_record_types
from importer.users.matching import PersonQuery


async def plan(request: RunRequest, alma: Alma, progress: Progress = SILENT) -> Ledger:
    """Check the rosters, compare their ready rows with Alma, and save the plan.

    Raises RosterError, MappingError, LedgerError, AlmaError, and UsageError for code tables of
    another institution or a damaged user cache.
    """
    request, opened, of_alma = await _open(request, alma, progress)
    known = facts_for(request.occasion.measured, of_alma.institution)
    with new_run(request.asked.name, request.occasion.now, request.asked.folder) as folder:
        rosters, answers = validate(opened), DecisionMemory(of_alma.key).load()
        checked = _decide_checked(folder, rosters, answers)
        progress.advance(len(checked.fates), 0)
        drafts = [*rosters.drafts(checked.rows(Fate.READY), checked.lacks)]
        queries = [query_of(draft, rosters.match(draft.row)) for draft in drafts]
        needed = _needs_cache(rosters, request)
        async with open_users(request, alma, of_alma, queries, progress, needed=needed) as users:
            if users.described:
                progress.note(users.described)
            rules = _rules_of_load(users, known) if request.asked.sis else None
            since = [*since_last_load(rosters, of_alma.key)]
            facts = run_facts("plan", rosters, request).model_copy(
                update={
                    "alma": of_alma,
                    "users_as_of": users.as_of,
                    "rate": alma.limiter.full_rate,
                    "since_last_load": tuple(one for one, _ in since),
                    "overwrite_edits": paths_of(rosters, request.asked.overwrite_edits),
                    "common": users.common(),
                    "groups": (*map(folded_groups, _expected_groups(rosters, drafts)),),
                    "sis": rules,
                }
            )
            with plan_context(rosters, answers, facts, known) as context:
                planned = await _plan_rows(drafts, queries, users, context, progress)
                leaving = await plan_absent(rosters, users, context, facts)
            every = [one.step for one in (*planned, *leaving.planned.values())]
            steps = _one_row_a_user(every, answers, rosters)
            if request.asked.sis:
                loaded = {one.row for one in steps if isinstance(one, Create | Update)}
                check_one_system(draft for draft in drafts if draft.row in loaded)
            about = (
                *wrong_clock(alma.clock_offset),
                *(about_sis_load if request.asked.sis else against_facts)(every, known),
            )
            update = {
                "kept_in_alma": sum(one.kept for one in planned),
                "about_alma": about,
                "calls_left": alma.limiter.available,
            }
            ledger = save_run(
                folder,
                facts.model_copy(update=update),
                rosters,
                _decide_compared(rosters, checked, planned, leaving, steps, users),
                steps,
                leaving.cells,
                [(it.step.row, it.imprints) for it in planned if not facts.retires(it.step.row)],
                missing=[_of_last_load(key, users) for _, keys in since for key in keys],
            )
            ledger.keep_seen(leaving.seen)
    for sentence in about:
        progress.note(sentence)
    await _carry_out_decisions(ledger, rosters, request, alma, progress)
    if not ledger.left:  # nobody will apply it
        remember_nothing_to_send(ledger, request.occasion.now)
    return ledger


async def _open(
    request: RunRequest, alma: Alma, progress: Progress
) -> tuple[RunRequest, Rosters, AlmaFacts]:
    """Read the rosters and mappings, before any call unless rows are from Alma; ask who Alma is.

    Return the request with the rows that are from Alma. Raises UsageError for code tables of
    another institution than the key's.
    """
    from_alma = any(asked.roster is None for asked in request.asked.rosters)
    opened = None if from_alma else open_inputs(request)
    of_alma, codes = (await alma.general()).facts(alma.base_url), request.codes
    if codes.institution and codes.institution != of_alma.institution:
        msg = (
            f"The saved code tables are those of {codes.institution}, and this key belongs to "
            f"{of_alma.institution}."
        )
        error = UsageError(msg).advising(Do.FETCH_CODES)
        raise error.advising(Do.NAME_CODES, "If you have them in another file")
    if opened is None:
        request = await with_rows(request, alma, of_alma, progress)
        opened = open_inputs(request)
    return request, opened, of_alma


def _decide_checked(
    folder: Path, rosters: CheckedRosters, answers: Mapping[str, Resolution]
) -> Fates:
    """Decide the fates of all rows before Alma is asked, with what people answered before."""
    problems = [*headings_changed(folder, rosters), *rosters.problems]
    return decide_fates(
        rosters.rows(),
        problems,
        answers=answers_of_rows(answers, rosters, problems),
        only_new=[one.mapping.needed_by_new_users for one in rosters],
    )


def _needs_cache(rosters: Rosters, request: RunRequest) -> str:
    """Return what of the request is about all users of Alma; "" if nothing is.

    Raises UsageError for rosters that an SIS load cannot load, if the plan is for one.
    """
    if request.asked.sis:
        check_external(rosters)
        return "the SIS load"
    return "match.absent" if any(one.match.absent for one in rosters) else ""


def _rules_of_load(users: Users, known: KnownFacts) -> SisRules:
    """Return what is known of the SIS load of this Alma. Raises UsageError without a user cache."""
    if users.cache is None:
        msg = "A plan for the SIS load needs the user cache."
        raise UsageError(msg).advising(Do.REFRESH_USERS)
    return sis_rules(known, find_record_types(users.cache))


def _of_last_load(key: str, users: Users) -> NotInRoster:
    """Return a person of the last load by primary ID without case, as the user cache has them."""
    for found in find_read(users.cache, (("primary_id", key),)) if users.cache else ():
        names = (current(found.user, name) for name in ("first_name", "last_name"))
        return NotInRoster(current(found.user, "primary_id"), " ".join(filter(None, names)))
    return NotInRoster(key, "")


async def _plan_rows(
    drafts: Sequence[DraftUser],
    queries: Sequence[PersonQuery],
    users: Users,
    context: PlanContext,
    progress: Progress,
) -> list[Planned]:
    """Plan each ready row, in row order. Raises DailyLimitError, UnavailableError."""
    match = context.rosters.match

    async def one(draft: DraftUser) -> tuple[Planned, str]:
        found = await find_people(users, draft, match(draft.row), context.common)
        return context.plan(draft, found), found.failed

    to_ask = queries if users.cache is None else ()
    most = sum(query.most_calls for query in to_ask)
    again = sum(match(draft.row).retire is not None for draft in drafts)
    with check_call_budget(len(to_ask), most, again, users.alma.limiter, progress.note):
        return await plan_each(users.alma, drafts, len(drafts), one, progress.advance)


def _one_row_a_user(
    every: Sequence[Step], answers: Mapping[str, Resolution], rosters: CheckedRosters
) -> list[Step]:
    """Return the steps; of several rows of one user only the one that a person chose is loaded."""
    steps = review_collisions(every, rosters.origin)
    held = (step.problems for step in steps if isinstance(step, Held))
    answered = answers_of_rows(answers, rosters, chain.from_iterable(held))
    made: list[Step] = []
    for own, step in zip(every, steps, strict=True):
        match answered.get(step.row):
            case Resolution(answer=Answer.ONLY) if own is not step:
                made.append(own)
            case Resolution(answer=Answer.REJECT) as kept if own is not step:
                made.append(Held(step.row, (dismissed(rosters.origin(step.row), kept.sentence),)))
            case _:
                made.append(step)
    return made


def _decide_compared(
    rosters: CheckedRosters,
    checked: Fates,
    planned: Sequence[Planned],
    leaving: AbsentPlan,
    steps: Sequence[Step],
    users: Users,
) -> Fates:
    """Decide the fates of all rows and missing people after the comparison."""
    created = {step.row for step in steps if isinstance(step, Create)}
    found = [
        *_dangers(planned, rosters),
        *checked.problems,
        *(problem for one in (*planned, *leaving.planned.values()) for problem in one.warnings),
        *(() if users.as_of else _names_not_compared(created, rosters)),
        *no_end_dates(rosters, created),
        *(problem for step in steps if isinstance(step, Held) for problem in step.problems),
        *leaving.problems,
    ]
    missing = {one.step.row: Fate.READY for one in leaving.planned.values()}
    return decide_fates({**checked.fates, **missing}, found, answers={}, only_new=())


def _dangers(planned: Sequence[Planned], rosters: Rosters) -> Iterator[Problem]:
    """Announce many other people."""
    for mapped in rosters:
        own = (one for one in planned if rosters.of(one.step.row) is mapped)
        yield from many_other_people(own, mapped.roster.source.origin())


def _names_not_compared(created: Collection[int], rosters: Rosters) -> Iterator[Problem]:
    """Report what Alma's own search cannot find about the new patrons of a plan."""
    for mapped in rosters:
        new = sum(rosters.of(row) is mapped for row in created)
        if not new or not mapped.match.by_name:
            continue
        yield mapped.problem(
            Code.NAMES_NOT_COMPARED,
            f"{counted(new, 'new patron')}: Alma was searched for the same email, and for the name "
            "as it is written here. Nicknames, other spellings and new last names were not looked "
            "for.",
        )


def _expected_groups(rosters: Rosters, drafts: Iterable[DraftUser]) -> list[set[str]]:
    """Return, by roster, the user groups that the mapping gives or ends, and those of ready rows.

    If groups come from the cells as they are, every group of the institution is expected.
    """
    expected: list[set[str]] = []
    for mapped in rosters:
        column = mapped.candidates.layout.targets.get("user_group")
        known = column and column.from_cells and mapped.codes.known(column.field.facts.table)
        ended = mapped.match.retire.among.user_group if mapped.match.retire else ()
        expected.append({*(column.mapped_codes if column else ()), *(known or ()), *ended})
    for draft in drafts:
        if group := draft.values.get("user_group"):
            expected[RowId.of(draft.row).roster].add(group)
    return expected


async def _carry_out_decisions(
    ledger: Ledger, rosters: Rosters, request: RunRequest, alma: Alma, progress: Progress
) -> None:
    """Resolve the rows that need review as people decided in a rejects file."""
    by = request.occasion
    for roster in (one.roster for one in rosters if one.roster.decisions):
        decisions, left = decisions_in(ledger, roster)
        asked = {*open_rows(ledger)}
        asked |= {one.row for one in decisions if one.answer is Answer.REJECT}
        review = Review(ledger, request.codes, by.measured, by.operator, lambda: by.now)
        left += await review.resolve_all([one for one in decisions if one.row in asked], alma)
        if others := sorted({one.row for one in decisions} - asked):
            left.append(
                "The Decisions of these rows were not used, because they need no review now: "
                f"{row_numbers(others)}."
            )
        for sentence in left:
            progress.note(sentence)
