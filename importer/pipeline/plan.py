"""`plan`: check, then compare each ready row with Alma. Nothing but GET is sent."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
from contextlib import aclosing

from importer.alma.client import Alma
from importer.alma.pacing import RateLimiter, run_concurrently
from importer.alma.readers import Institution
from importer.errors import UnavailableError, UsageError
from importer.ledger.ledger import Ledger, add_problems, add_rows, add_steps, finish
from importer.model.codes import CodeTables
from importer.model.plan import RETURNING, Create, Fate, Held, Planned, Step, Update
from importer.model.policy import Match
from importer.model.run import AlmaFacts
from importer.pipeline.affording import afforded
from importer.pipeline.inputs import Inputs, RunRequest, Tally, examine, keep_cells, open_inputs
from importer.pipeline.looking import looking
from importer.pipeline.resolutions import Memory
from importer.pipeline.runs import headings_changed, new_run, run_facts
from importer.planner.brakes import brakes
from importer.planner.collisions import hold_collisions
from importer.planner.decide import decide
from importer.planner.drafts import Draft, drafts
from importer.users.matching import Matcher, PersonQuery

FAILURES_IN_A_ROW = 5
"""After so many rows that Alma did not answer for, the plan is given up."""


def _unheard(_sentence: str) -> None:
    """Nobody listens."""


async def plan(
    request: RunRequest,
    alma: Alma,
    rate: float,
    tell: Callable[[int, int], None],
    note: Callable[[str], None] = _unheard,
) -> Ledger:
    """The ledger of a plan.

    `tell` hears how many rows of how many were compared, `note` a sentence on the directory
    and on what it takes of the day's calls.
    Raises RosterError, MappingError, LedgerError, AlmaError, UsageError for code tables of another
    institution and for a damaged directory.
    """
    inputs = open_inputs(request)
    institution = await alma.general()
    check_tables(request.codes, institution)
    with new_run(request) as ledger:
        add_problems(ledger, headings_changed(ledger.folder, inputs))
        fates = examine(inputs, ledger, lambda rows: tell(rows, 0))
        memory = Memory.of(institution)
        fates = memory.ease(inputs, ledger, fates)
        ready = frozenset(row for row, fate in fates.items() if fate is Fate.READY)
        tally = Tally(ledger)
        steps: list[Step] = []
        groups = _groups_given(inputs)
        rows = _noting(_drafts(inputs, ready), groups)
        async with looking(request, alma, institution, note) as lookup:
            most = _most_calls(inputs, ready) if lookup.as_of is None else 0
            with afforded(len(ready), most, alma.limiter, note):
                tell(0, len(ready))
                async with aclosing(
                    _compare(inputs, rows, alma.limiter, lookup, memory)
                ) as planned:
                    async for one in planned:
                        steps.append(one.step)
                        tally.add(one.warnings)
                        tell(len(steps), len(ready))
        steps.sort(key=lambda step: step.row)
        steps = hold_collisions(steps, inputs.roster.source.origin)
        tally.add(problem for step in steps if isinstance(step, Held) for problem in step.problems)
        add_steps(ledger, steps)
        fates |= {row: fate for row, fate in tally.held.items() if row in ready}
        add_rows(ledger, fates.items())
        keep_cells(inputs, ledger, _kept(fates, steps))
        finish(
            ledger,
            run_facts("plan", inputs, request).model_copy(
                update={
                    "alma": AlmaFacts(
                        base_url=alma.base_url,
                        institution=institution.code,
                        name=institution.name,
                        environment=institution.environment,
                    ),
                    "directory": lookup.as_of,
                    "rate": rate,
                    "calls_left": alma.limiter.available,
                    "brakes": brakes(steps, inputs.mapping.safety_limits, groups),
                }
            ),
        )
    return ledger


def check_tables(codes: CodeTables, institution: Institution) -> None:
    """Raises UsageError where the code tables are another institution's."""
    if codes.institution and codes.institution != institution.code:
        msg = (
            f"The saved code tables are those of {codes.institution}, and this key belongs to "
            f"{institution.code}. Get its own with `importer codes fetch`, or name their file "
            "with --codes."
        )
        raise UsageError(msg)


async def _compare(
    inputs: Inputs,
    rows: Iterable[Draft],
    limiter: RateLimiter,
    lookup: Matcher,
    memory: Memory,
) -> AsyncGenerator[Planned]:
    """What is to be done about each of the rows, as the answers come."""
    match = inputs.mapping.match
    failures = 0

    async def one(draft: Draft) -> Planned:
        nonlocal failures
        found = await lookup.find(_sought(draft, match))
        failures = failures + 1 if found.failed else 0
        if failures >= FAILURES_IN_A_ROW:
            raise UnavailableError(found.failed)
        return memory.recall(draft, found, decide(draft, found, match))

    async with aclosing(run_concurrently(limiter, rows, one)) as answers:
        async for planned in answers:
            yield planned


def _drafts(inputs: Inputs, ready: frozenset[int]) -> Iterator[Draft]:
    yield from drafts(inputs.candidates(), ready)


def _groups_given(inputs: Inputs) -> set[str]:
    """The codes of user groups that the mapping gives, apart from those that the rows have.

    Where groups come from the cells as they are, every group of the institution may be meant.
    """
    target = inputs.compiled.layout.targets["user_group"]
    known = inputs.codes.known(target.field.facts.table) if target.from_cells else None
    return {*target.mapped_codes, *(known or ())}


def _noting(rows: Iterable[Draft], groups: set[str]) -> Iterator[Draft]:
    """The rows, whose user groups are added to those that the mapping gives."""
    for draft in rows:
        groups.add(draft.user_group)
        yield draft


def _most_calls(inputs: Inputs, ready: frozenset[int]) -> int:
    """How many calls it may take to ask Alma about each ready row."""
    match = inputs.mapping.match
    return sum(_sought(draft, match).most_calls for draft in _drafts(inputs, ready))


def _sought(draft: Draft, match: Match) -> PersonQuery:
    by_name = match.new == "create" and match.look_alike != "ignore"
    first, last = draft.name
    return PersonQuery(draft.every_identifier, first, last, draft.birth_date, draft.emails, by_name)


def _kept(fates: dict[int, Fate], steps: list[Step]) -> set[int]:
    """The rows whose cells may be needed: those that come back, now or if Alma refuses them."""
    back = {row for row, fate in fates.items() if fate in RETURNING}
    return back | {step.row for step in steps if isinstance(step, Create | Update)}
