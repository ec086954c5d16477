"""`plan`: check, then compare each ready row with Alma. Nothing but GET is sent."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from importer.advice import Do
from importer.alma.client import Alma
from importer.alma.doctor import wrong_clock
from importer.alma.facts import KnownFacts, facts_for
from importer.errors import UsageError
from importer.ledger.journal import RunContent
from importer.ledger.ledger import Ledger
from importer.memory.answers import DecisionMemory
from importer.model.answers import Resolution
from importer.model.plan import Create, Fate, Held, Planned, Step, Update
from importer.model.problem import Code, Problem
from importer.model.question import Answer
from importer.model.run import AlmaFacts, NotInRoster, RunFacts, UnusedAnswers
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
    Listener,
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
from importer.pipeline.remember import remember_nothing_to_send, take_up
from importer.pipeline.resolve import Review
from importer.pipeline.row_plan import (
    PlanContext,
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
from importer.users.cache import find_read
from importer.users.matching import PersonQuery


@dataclass(frozen=True, slots=True)
class CheckedPlan:
    """The rosters of a plan, checked, before Alma is asked about their rows.

    `request` has the rows that are from Alma; `of_alma`: the Alma of its key. `answers`: what
    people decided in earlier runs, by the row's primary ID without case. `drafts`: of the rows that
    are compared with Alma.
    """

    request: RunRequest
    of_alma: AlmaFacts
    rosters: CheckedRosters
    answers: Mapping[str, Resolution]
    fates: Fates
    drafts: tuple[DraftUser, ...]

    @property
    def known(self) -> KnownFacts:
        """What is known of this Alma."""
        return facts_for(self.request.occasion.measured, self.of_alma.institution)

    def queries(self) -> list[PersonQuery]:
        """Return by what the user of each row is found."""
        return [query_of(draft, self.rosters.match(draft.row)) for draft in self.drafts]


@dataclass(frozen=True, slots=True)
class ComparedPlan:
    """What a plan does.

    `planned`: for each row that was compared. `leaving`: for people who are missing. `steps`: those
    of both; of several rows of one user only one is loaded. `not_in_rosters`: people of the last
    load.
    """

    facts: RunFacts
    planned: Sequence[Planned]
    leaving: AbsentPlan
    steps: Sequence[Step]
    not_in_rosters: Sequence[NotInRoster]

    def problems(self, checked: CheckedPlan) -> Iterator[Problem]:
        """Yield all problems of the plan, in the order of reports."""
        rosters = checked.rosters
        created = {step.row for step in self.steps if isinstance(step, Create)}
        for mapped in rosters:
            own = (row for row in self.planned if rosters.of(row.step.row) is mapped)
            yield from many_other_people(own, mapped.roster.source.origin())
        yield from checked.fates.problems
        for planned in (*self.planned, *self.leaving.planned.values()):
            yield from planned.warnings
        if not self.facts.users_as_of:
            yield from _names_not_compared(created, rosters)
        yield from no_end_dates(rosters, created)
        for step in self.steps:
            if isinstance(step, Held):
                yield from step.problems
        yield from self.leaving.problems


async def plan(request: RunRequest, alma: Alma, progress: Listener = SILENT) -> Ledger:
    """Check the rosters, compare their ready rows with Alma, and save the plan.

    Raises RosterError, MappingError, LedgerError, AlmaError, and UsageError for code tables of
    another institution or a damaged user cache.
    """
    request, opened, of_alma = await _open(request, alma, progress)
    with new_run(request.asked.name, request.occasion.now, request.asked.folder) as folder:
        checked = _check(folder, request, opened, of_alma)
        progress.advance(len(checked.fates.fates), 0)
        queries = checked.queries()
        about = _needs_cache(checked) or queries
        async with open_users(request, alma, of_alma, about, progress) as users:
            compared = await _compare(checked, queries, users, progress)
        ledger = _save(folder, checked, compared)
    for sentence in compared.facts.about_alma:
        progress.note(sentence)
    await _answer(ledger, checked, alma, progress)
    if not ledger.left:  # nobody will apply it
        remember_nothing_to_send(ledger, request.occasion.now)
    return ledger


async def _open(
    request: RunRequest, alma: Alma, progress: Listener
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


def _check(folder: Path, request: RunRequest, opened: Rosters, of_alma: AlmaFacts) -> CheckedPlan:
    """Decide the fates of all rows before Alma is asked, with what people answered before."""
    rosters, answers = validate(opened), DecisionMemory(of_alma.key).load()
    problems = [*headings_changed(folder, rosters), *rosters.problems]
    fates = decide_fates(
        rosters.rows(),
        problems,
        answers=answers_of_rows(answers, rosters, problems),
        only_new=[mapped.mapping.needed_by_new_users for mapped in rosters],
    )
    drafts = tuple(rosters.drafts(fates.rows(Fate.READY), fates.lacks))
    return CheckedPlan(request, of_alma, rosters, answers, fates, drafts)


def _needs_cache(checked: CheckedPlan) -> str:
    """Return what of the request is about all users of Alma; "" if nothing is.

    Raises UsageError for rosters that an SIS load cannot load, if the plan is for one.
    """
    if checked.request.asked.sis:
        check_external(checked.rosters)
        return "the SIS load"
    return "match.absent" if any(mapped.match.absent for mapped in checked.rosters) else ""


async def _compare(
    checked: CheckedPlan, queries: Sequence[PersonQuery], users: Users, progress: Listener
) -> ComparedPlan:
    """Compare each ready row with its user, and find who is missing. Raises AlmaError."""
    take_up(checked.of_alma.key)
    users.describe(progress.note)
    rosters, sis = checked.rosters, checked.request.asked.sis
    since = [*since_last_load(rosters, checked.of_alma.key)]
    facts = run_facts("plan", rosters, checked.request).model_copy(
        update={
            "alma": checked.of_alma,
            "users_as_of": users.as_of,
            "rate": users.alma.limiter.full_rate,
            "since_last_load": tuple(load for load, _ in since),
            "overwrite_edits": paths_of(rosters, checked.request.asked.overwrite_edits),
            "common": users.common(),
            "groups": (*map(folded_groups, _expected_groups(rosters, checked.drafts)),),
            "sis": sis_rules(checked.known, users.cache) if sis else None,
        }
    )
    with plan_context(rosters, checked.answers, facts, checked.known) as context:
        planned = await _plan_rows(checked.drafts, queries, users, context, progress)
        leaving = await plan_absent(rosters, users, context, facts)
    every = [row.step for row in (*planned, *leaving.planned.values())]
    steps = _one_row_a_user(every, checked)
    if sis:
        loaded = {step.row for step in steps if isinstance(step, Create | Update)}
        check_one_system(draft for draft in checked.drafts if draft.row in loaded)
    about = against_facts(every, checked.known, sis=sis)
    update = {
        "kept_in_alma": sum(row.kept for row in planned),
        "about_alma": (*wrong_clock(users.alma.clock_offset), *about),
        "calls_left": users.alma.limiter.available,
    }
    missing = [_of_last_load(key, users) for _, keys in since for key in keys]
    return ComparedPlan(facts.model_copy(update=update), planned, leaving, steps, missing)


def _of_last_load(key: str, users: Users) -> NotInRoster:
    """Return a person of the last load by primary ID without case, as the user cache has them."""
    for matched in find_read(users.cache, (("primary_id", key),)) if users.cache else ():
        names = (current(matched.user, name) for name in ("first_name", "last_name"))
        return NotInRoster(current(matched.user, "primary_id"), " ".join(filter(None, names)))
    return NotInRoster(key, "")


async def _plan_rows(
    drafts: Sequence[DraftUser],
    queries: Sequence[PersonQuery],
    users: Users,
    context: PlanContext,
    progress: Listener,
) -> list[Planned]:
    """Plan each ready row, in row order. Raises DailyLimitError, UnavailableError."""
    match = context.rosters.match

    async def plan_row(draft: DraftUser) -> tuple[Planned, str]:
        result = await find_people(users, draft, match(draft.row), context.common)
        return context.plan(draft, result), result.failed

    to_ask = queries if users.cache is None else ()
    most = sum(query.most_calls for query in to_ask)
    again = sum(match(draft.row).retire is not None for draft in drafts)
    with check_call_budget(len(to_ask), most, again, users.alma.limiter, progress.note):
        return await plan_each(users.alma, drafts, len(drafts), plan_row, progress.advance)


def _one_row_a_user(every: Sequence[Step], checked: CheckedPlan) -> list[Step]:
    """Return the steps; of several rows of one user only the one that a person chose is loaded."""
    rosters = checked.rosters
    steps = review_collisions(every, rosters.origin)
    held = (step.problems for step in steps if isinstance(step, Held))
    answered = answers_of_rows(checked.answers, rosters, chain.from_iterable(held))
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


def _save(folder: Path, checked: CheckedPlan, compared: ComparedPlan) -> Ledger:
    """Decide the fates of all rows and missing people, and save the plan. Raises LedgerError."""
    leaving, facts = compared.leaving, compared.facts
    rows = dict(checked.fates.fates)
    rows |= {row.step.row: Fate.READY for row in leaving.planned.values()}
    fates = decide_fates(rows, compared.problems(checked), answers={}, only_new=())
    imprints = [
        (planned.step.row, planned.imprints)
        for planned in compared.planned
        if not facts.retires(planned.step.row)
    ]
    content = RunContent(
        steps=compared.steps,
        imprints=imprints,
        cells=leaving.cells,
        missing=compared.not_in_rosters,
    )
    ledger = save_run(folder, facts, checked.rosters, fates, content)
    ledger.keep_seen(leaving.seen)
    return ledger


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


async def _answer(ledger: Ledger, checked: CheckedPlan, alma: Alma, progress: Listener) -> None:
    """Answer the rows that need review as people decided in a rejects file."""
    codes, by = checked.request.codes, checked.request.occasion
    for roster in (mapped.roster for mapped in checked.rosters if mapped.roster.decisions):
        decisions, unused = decisions_in(ledger, roster)
        asked = {*open_rows(ledger)}
        asked |= {decision.row for decision in decisions if decision.answer is Answer.REJECT}
        review = Review(ledger, codes, by.measured, by.operator, lambda: by.now)
        unused += await review.resolve_all(
            [decision for decision in decisions if decision.row in asked], alma
        )
        if others := sorted({decision.row for decision in decisions} - asked):
            why = "The Decision was not used, because no review is needed now."
            unused.append(UnusedAnswers(rows=tuple(others), why=why))
        for answers in unused:
            progress.note(answers.sentence)
