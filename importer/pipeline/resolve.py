"""`resolve`: answer a row that needs review. Only GET is sent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from importer.alma.client import Alma
from importer.errors import StalePlanError, UnavailableError, UsageError
from importer.ledger.journal import Journal, images
from importer.ledger.ledger import Ledger
from importer.ledger.resolutions import Answer, Resolution, delete_resolution, save_resolution
from importer.model.catalogue import Code, Severity
from importer.model.fields import CodeTables
from importer.model.plan import Act, Fate, Held, Result, Step
from importer.model.problem import Problem
from importer.model.run import RowHistory, RunFacts
from importer.model.user import User
from importer.pipeline.apply import check_same_institution, check_sources
from importer.pipeline.fates import DECISIONS, DOUBTS, alike_rows, in_question, institution_key
from importer.pipeline.inputs import Inputs, reopen_inputs
from importer.pipeline.undo import update_undone
from importer.planner.decide import create, taken_identifiers, update
from importer.planner.drafts import DraftUser, drafts
from importer.planner.entries import current
from importer.users.matching import MatchResult, PersonQuery, match_keys, search_alma


@dataclass(frozen=True, slots=True)
class ReviewedRow:
    """A row of a run, and who resolves it."""

    ledger: Ledger
    row: int
    operator: str
    now: Callable[[], datetime]

    @property
    def facts(self) -> RunFacts:
        """The facts of the run."""
        return self.ledger.facts


def check_open(reviewed: ReviewedRow, how: Answer) -> None:
    """Raise UsageError if the row does not need review, or cannot be resolved in this way."""
    ledger, row = reviewed.ledger, reviewed.row
    if reviewed.facts.command == "check":
        msg = (
            f"{ledger.folder} is a check, without data from Alma. Make a plan with "
            "`importer plan`, then resolve the row."
        )
        raise UsageError(msg)
    life = ledger.life(row)
    if life is None:
        msg = f"The roster of this run has no row {row}."
        raise UsageError(msg)
    wrong = _closed(life, decided=row in ledger.rows_with(Code.RESOLVED))
    if not wrong and how is Answer.CREATE and life.result is Result.HELD:
        wrong = "needs review since it was sent; use --as update with the user's ID, or --as reject"
    if not wrong and how is Answer.CREATE and reviewed.facts.command == "undo":
        wrong = "belongs to an undo plan; use --as update or --as reject"
    if wrong:
        msg = f"Row {row} {wrong}."
        raise UsageError(msg)


def _closed(life: RowHistory, *, decided: bool) -> str:
    """Return why a row cannot be resolved; "" if it can."""
    match life.result:
        case Result.HELD:
            return ""
        case Result.REFUSED:
            return "was refused by Alma; correct it in the rejects and plan those rows again"
        case None | Result.NOT_SENT:
            pass
        case _:
            return "is done already; it cannot be resolved any more"
    if life.fate is Fate.REVIEW or (decided and life.fate in {Fate.READY, Fate.REJECTED}):
        return ""
    if life.fate is Fate.REJECTED:
        return "is rejected for its errors; correct it and plan it again"
    return "does not need review; there is nothing to resolve"


_ADVICE = {
    Answer.CREATE: "The row creates a user; until it is sent you can resolve it again.",
    Answer.UPDATE: "The row updates a user; until it is sent you can resolve it again.",
    Answer.REJECT: "The row is not sent, unless you resolve it again.",
}
"""The result of each answer."""


def reject(reviewed: ReviewedRow, codes: CodeTables) -> None:
    """Send the row neither now nor in later plans. Raises LedgerError, MappingError, RosterError.

    If the roster or the mapping was changed since the plan, the row's person is not known, and
    later plans ask again.
    """
    inputs = None
    said = "not to be sent"
    if reviewed.facts.command != "undo":
        try:
            check_sources(reviewed.facts)
            inputs = reopen_inputs(reviewed.facts, codes)
        except StalePlanError:
            said += "; later plans ask again, because the roster or the mapping was changed"
    _record(reviewed, Fate.REJECTED, None, Answer.REJECT, said)
    if inputs is not None:
        _keep(reviewed, Answer.REJECT, "", _draft(inputs, reviewed.row), inputs)


async def resolve(
    reviewed: ReviewedRow, how: Answer, user_id: str, alma: Alma, codes: CodeTables
) -> None:
    """Plan to create the row's user, or to update the user with this ID.

    The safety checks are not repeated for a resolved row. Raises UsageError if Alma holds
    something else, StalePlanError if the roster, the mapping or the institution changed,
    LedgerError, AlmaError.
    """
    facts = reviewed.facts
    if facts.command == "undo":
        await check_same_institution(facts, alma)
        step = await _undo_step(reviewed, user_id, alma)
        _record(reviewed, Fate.READY, step, how, "restore what nobody changed since")
        return
    check_sources(facts)
    await check_same_institution(facts, alma)
    inputs = reopen_inputs(facts, codes)
    draft = _draft(inputs, reviewed.row)
    if how is Answer.CREATE:
        step, user = await _created(draft, alma), ""
        said = "create a new user"
    else:
        live = await _user(user_id, alma)
        _check_kind(draft, live)
        _check_free(reviewed, live)
        step, user = await _updated(draft, live, alma), current(live, "primary_id").casefold()
        said = "update the user that was named"
    _record(reviewed, Fate.READY, step, how, said)
    _keep(reviewed, how, user, draft, inputs)


def _keep(reviewed: ReviewedRow, how: Answer, user: str, draft: DraftUser, inputs: Inputs) -> None:
    """Save the answer for later plans; without anybody in question, delete an earlier one."""
    alma = reviewed.facts.alma
    if alma is None:
        return
    problems = tuple(reviewed.ledger.problems(reviewed.row))
    against = in_question(problems)
    for other, ids in alike_rows(inputs.candidates, reviewed.ledger.problems()):
        against |= ids if other.row == reviewed.row else frozenset()
    own, institution = draft.primary_id.casefold(), institution_key(alma)
    if against:
        doubts = DOUBTS.intersection(problem.code for problem in problems)
        now = reviewed.now()
        decision = Resolution(own, how, user, against, doubts, reviewed.operator, now)
        save_resolution(DECISIONS, institution, decision)
    else:
        delete_resolution(DECISIONS, institution, own)


async def _holders(draft: DraftUser, alma: Alma) -> MatchResult:
    """Find who in Alma has an ID of the row. Raises UnavailableError without a clear answer."""
    first, last = draft.name
    sought = PersonQuery(
        draft.every_identifier, first, last, draft.birth_date, draft.emails, by_name=False
    )
    found = await search_alma(alma, sought)
    if found.failed:
        raise UnavailableError(found.failed)
    return found


async def _updated(draft: DraftUser, live: User, alma: Alma) -> Step:
    """Return the step that updates the user, if no ID of the row is another user's."""
    step = update(draft, live)
    if keys := taken_identifiers(draft, step, await _holders(draft, alma)):
        msg = (
            f"The {' and the '.join(keys)} of row {draft.row} belongs to another user of "
            "Alma, so Alma would refuse the update. Nothing was changed. Correct the row or that "
            "user, or reject the row."
        )
        raise UsageError(msg)
    return step


async def _created(draft: DraftUser, alma: Alma) -> Step:
    """Return the step that creates the row's user, if nobody in Alma has its IDs."""
    if (await _holders(draft, alma)).users:
        msg = (
            f"Alma already has a user with an ID of row {draft.row}. Use --as update with that "
            "user's ID, or correct the row."
        )
        raise UsageError(msg)
    return create(draft)


async def _user(user_id: str, alma: Alma) -> User:
    live = await alma.get_user(user_id)
    if live is None or user_id.casefold() not in match_keys(live).identifiers:
        msg = "Alma has no user with this ID. Nothing was changed."
        raise UsageError(msg)
    return live


def _check_kind(draft: DraftUser, live: User) -> None:
    """Raise UsageError if the update would change who manages the record (contract 1.2)."""
    theirs, ours = current(live, "account_type"), draft.layout.account_type.value
    if theirs != ours:
        msg = (
            f"That user is {theirs.capitalize() or 'of no account type'} in Alma, and the mapping "
            f"makes {ours.capitalize()} records. The importer never changes one into the other. "
            "Reject the row, or load it with a mapping for such users."
        )
        raise UsageError(msg)


def _check_free(reviewed: ReviewedRow, live: User) -> None:
    own = current(live, "primary_id").casefold()
    for life in reviewed.ledger.planned():
        if life.row != reviewed.row and life.primary_id.casefold() == own:
            msg = f"Row {life.row} of this run is for that user already. Reject one of the two."
            raise UsageError(msg)


def _draft(inputs: Inputs, row: int) -> DraftUser:
    draft = next(iter(drafts(inputs.candidates, {row})), None)
    if draft is None:
        msg = f"The mapping makes no record of row {row}. Plan again."
        raise UsageError(msg)
    return draft


async def _undo_step(reviewed: ReviewedRow, user_id: str, alma: Alma) -> Step:
    """Return the step that undoes a row's update, except what somebody changed since."""
    facts, row = reviewed.facts, reviewed.row
    with Ledger.open(Path(facts.undoes)) as first:
        image = next(images(first, row), None)
    if image is None or image.act is not Act.UPDATE:
        msg = (
            f"Row {row} is not an update; it can only be rejected, which leaves the user unchanged."
        )
        raise UsageError(msg)
    live = await _user(user_id or image.primary_id, alma)
    step = update_undone(image, live, facts.roster.origin(row)).step
    if isinstance(step, Held):
        msg = f"Row {row}: {step.problems[0].message}"
        raise UsageError(msg)
    return step


def _record(reviewed: ReviewedRow, fate: Fate, step: Step | None, how: Answer, said: str) -> None:
    severity = Severity.REJECT if fate is Fate.REJECTED else Severity.WARNING
    problem = Problem.of(
        Code.RESOLVED,
        reviewed.facts.roster.origin(reviewed.row),
        f"resolved by {reviewed.operator} on {reviewed.now():%Y-%m-%d}: {said}",
        advice=_ADVICE[how],
        severity=severity,
    )
    journal = Journal(reviewed.ledger, reviewed.operator, reviewed.now)
    journal.record_resolution(reviewed.row, fate, step, problem, how)
