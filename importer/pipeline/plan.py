"""`plan`: check, then compare each ready row with Alma. Nothing but GET is sent."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing

from importer.alma.client import Alma
from importer.alma.models import Institution
from importer.alma.pacing import run_concurrently
from importer.errors import UnavailableError, UsageError
from importer.ledger.ledger import Ledger
from importer.model.fields import CodeTables
from importer.model.plan import RETURNING, Create, Held, Match, Planned, Update
from importer.model.run import AlmaFacts
from importer.pipeline.check import find_problems
from importer.pipeline.fates import decide_fates
from importer.pipeline.inputs import SILENT, Inputs, Progress, RunRequest, open_inputs
from importer.pipeline.resolutions import Resolutions
from importer.pipeline.runs import RunContents, headings_changed, new_run, run_facts, write_run
from importer.pipeline.users import check_call_budget, open_users
from importer.planner.decide import decide, review_collisions
from importer.planner.drafts import DraftUser, drafts
from importer.planner.safety_checks import safety_checks
from importer.users.matching import Matcher, PersonQuery

FAILURES_IN_A_ROW = 5
"""After this many rows in a row without an answer from Alma, the plan stops."""


async def plan(request: RunRequest, alma: Alma, rate: float, progress: Progress = SILENT) -> Ledger:
    """Check a roster, compare its ready rows with Alma, and save the plan.

    `rate` is in calls a second. Raises RosterError, MappingError, LedgerError, AlmaError, and
    UsageError for code tables of another institution or a damaged user cache.
    """
    inputs = open_inputs(request)
    institution = await check_institution(alma, request.codes)
    with new_run(request) as folder:
        problems = [*headings_changed(folder, inputs), *find_problems(inputs)]
        resolutions = Resolutions.of(institution)
        answers = resolutions.same_person(inputs.candidates, problems)
        checked = decide_fates(inputs.rows(), problems, answers)
        progress.rows(len(checked.fates), 0)
        ready = tuple(drafts(inputs.candidates, checked.ready))
        async with open_users(request, alma, institution, progress.note) as users:
            compared = await _compare(ready, users, inputs, alma, resolutions, progress)
        steps = review_collisions(
            sorted((one.step for one in compared), key=lambda step: step.row),
            inputs.roster.source.origin,
        )
        warnings = (problem for one in compared for problem in one.warnings)
        held = (problem for step in steps if isinstance(step, Held) for problem in step.problems)
        decided = decide_fates(checked.fates, [*checked.problems, *warnings, *held])
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
                "failed_checks": safety_checks(
                    steps, inputs.mapping.safety_limits, _expected_groups(inputs, ready)
                ),
            }
        )
        sent = frozenset(step.row for step in steps if isinstance(step, Create | Update))
        cells = inputs.cells(decided.rows(*RETURNING) | sent)
        return write_run(folder, RunContents(facts, inputs.columns(), decided, cells, steps))


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
    inputs: Inputs,
    alma: Alma,
    resolutions: Resolutions,
    progress: Progress,
) -> list[Planned]:
    """Find the step of each ready row. Raises DailyLimitError, UnavailableError."""
    match = inputs.mapping.match
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
        return resolutions.apply(draft, found, decide(draft, found, match))

    with check_call_budget(len(ready), most, alma.limiter, progress.note):
        progress.rows(0, len(ready))
        async with aclosing(run_concurrently(alma.limiter, ready, one)) as answers:
            async for answer in answers:
                planned.append(answer)
                progress.rows(len(planned), len(ready))
    return planned


def _expected_groups(inputs: Inputs, ready: Sequence[DraftUser]) -> set[str]:
    """Return the codes of user groups that the mapping gives, and those of the ready rows.

    If groups come from the cells as they are, every group of the institution is expected.
    """
    column = inputs.candidates.layout.targets["user_group"]
    known = inputs.codes.known(column.field.facts.table) if column.from_cells else None
    return {*column.mapped_codes, *(known or ()), *(draft.user_group for draft in ready)}


def _query(draft: DraftUser, match: Match) -> PersonQuery:
    by_name = match.new == "create" and match.possible_match != "ignore"
    first, last = draft.name
    return PersonQuery(draft.every_identifier, first, last, draft.birth_date, draft.emails, by_name)
