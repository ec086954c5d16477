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
from importer.model.codes import CodeTables
from importer.model.plan import Act, Fate, Held, Result, Step
from importer.model.problem import Origin, Problem
from importer.model.run import RowLife, RunFacts
from importer.model.user import User
from importer.pipeline.apply import check_institution, check_sources
from importer.pipeline.folders import DECISIONS
from importer.pipeline.inputs import Inputs, reopen_inputs
from importer.pipeline.resolutions import DOUBTS, alike_rows, in_question, institution_key
from importer.pipeline.undo import update_undone
from importer.planner.decide import create, taken_identifiers, update
from importer.planner.drafts import DraftUser, drafts
from importer.planner.values import current
from importer.users.matching import MatchResult, PersonQuery, match_keys, search_alma


@dataclass(frozen=True, slots=True)
class ReviewedRow:
    """A row of a run, and the person who resolves it."""

    ledger: Ledger
    row: int
    operator: str
    now: Callable[[], datetime]

    @property
    def facts(self) -> RunFacts:
        """Of the run."""
        return self.ledger.facts


def check_open(reviewed: ReviewedRow, how: Answer) -> None:
    """Raises UsageError if the row does not need review, or cannot be resolved in this way."""
    ledger, row = reviewed.ledger, reviewed.row
    if reviewed.facts.command == "check":
        msg = (
            f"{ledger.folder} is a check, which knows nothing of Alma. Make a plan with "
            "`importer plan`, then decide."
        )
        raise UsageError(msg)
    life = ledger.life(row)
    if life is None:
        msg = f"The roster of this run has no row {row}."
        raise UsageError(msg)
    wrong = _closed(life, decided=row in ledger.rows_with(Code.RESOLVED))
    if not wrong and how is Answer.CREATE and life.result is Result.HELD:
        wrong = "was held when it was sent; say --as update with the user's identifier, or reject"
    if not wrong and how is Answer.CREATE and reviewed.facts.command == "undo":
        wrong = "belongs to an undo, which creates no users. Use --as update or --as reject"
    if wrong:
        msg = f"Row {row} {wrong}."
        raise UsageError(msg)


def _closed(life: RowLife, *, decided: bool) -> str:
    """Why a row cannot be decided; blank where it can."""
    match life.result:
        case Result.HELD:
            return ""
        case Result.REFUSED:
            return "was refused by Alma; correct it in the rejects and plan those rows again"
        case None | Result.NOT_SENT:
            pass
        case _:
            return "is done already; it cannot be decided any more"
    if life.fate is Fate.REVIEW or (decided and life.fate in {Fate.READY, Fate.REJECTED}):
        return ""
    if life.fate is Fate.REJECTED:
        return "is wrong, and no decision makes it right; correct it and plan it again"
    return "is not held for review; there is nothing to decide"


_ADVICE = {
    Answer.CREATE: "The row creates a user; until that is sent it can be decided otherwise.",
    Answer.UPDATE: "The row updates a user; until that is sent it can be decided otherwise.",
    Answer.REJECT: "The row is not sent, unless it is decided otherwise.",
}
"""The result of a resolution."""


def reject(reviewed: ReviewedRow, codes: CodeTables) -> None:
    """Do not send the row, now or by a later plan. Raises LedgerError, MappingError, RosterError.

    Where the roster or the mapping is not that of the plan any more, the row's person is not known
    any more, so that later plans ask again.
    """
    inputs = None
    said = "not to be sent"
    if reviewed.facts.command != "undo":
        try:
            check_sources(reviewed.facts)
            inputs = reopen_inputs(reviewed.facts, codes)
        except StalePlanError:
            said += "; later plans ask again, because the roster or the mapping was changed"
    _settle(reviewed, Fate.REJECTED, None, Answer.REJECT, said)
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
        await check_institution(facts, alma)
        step = await _way_back(reviewed, user_id, alma)
        _settle(reviewed, Fate.READY, step, how, "put back what nobody changed since")
        return
    check_sources(facts)
    await check_institution(facts, alma)
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
    _settle(reviewed, Fate.READY, step, how, said)
    _keep(reviewed, how, user, draft, inputs)


def _keep(reviewed: ReviewedRow, how: Answer, user: str, draft: DraftUser, inputs: Inputs) -> None:
    """Remember a decision for later plans; one about nobody in particular undoes an earlier one."""
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
    """Who in Alma has an identifier of the row. Raises UnavailableError without a clear answer."""
    first, last = draft.name
    sought = PersonQuery(
        draft.every_identifier, first, last, draft.birth_date, draft.emails, by_name=False
    )
    found = await search_alma(alma, sought)
    if found.failed:
        raise UnavailableError(found.failed)
    return found


async def _updated(draft: DraftUser, live: User, alma: Alma) -> Step:
    """The step that updates the user, if it gives it no identifier that somebody else has."""
    step = update(draft, live)
    if keys := taken_identifiers(draft, step, await _holders(draft, alma)):
        msg = (
            f"The {' and the '.join(keys)} of row {draft.row} is that of another user of Alma, so "
            "that Alma would refuse the update. Nothing was decided. Correct the row or that user, "
            "or reject the row."
        )
        raise UsageError(msg)
    return step


async def _created(draft: DraftUser, alma: Alma) -> Step:
    """The step that creates the row's user, if nobody in Alma has its identifiers."""
    if (await _holders(draft, alma)).users:
        msg = (
            f"Alma has a user with an identifier of row {draft.row} already. Say --as update with "
            "that user's identifier, or correct the row."
        )
        raise UsageError(msg)
    return create(draft)


async def _user(user_id: str, alma: Alma) -> User:
    live = await alma.get_user(user_id)
    if live is None or user_id.casefold() not in match_keys(live).identifiers:
        msg = "Alma has no user with the identifier that was given. Nothing was decided."
        raise UsageError(msg)
    return live


def _check_kind(draft: DraftUser, live: User) -> None:
    """An update never changes who manages a record (contract 1.2, account_type)."""
    theirs, ours = current(live, "account_type"), draft.layout.account_type.value
    if theirs != ours:
        msg = (
            f"That user is {theirs.capitalize() or 'of no account type'} in Alma, and the mapping "
            f"makes {ours.capitalize()} records. The importer never turns one into the other. "
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


async def _way_back(reviewed: ReviewedRow, user_id: str, alma: Alma) -> Step:
    """What can be put back of a row's update, without what somebody changed since."""
    facts, row = reviewed.facts, reviewed.row
    with Ledger.open(Path(facts.undoes)) as first:
        image = next(images(first, row), None)
    if image is None or image.act is not Act.UPDATE:
        msg = f"Row {row} is not about an update; it can only be rejected, which leaves the user."
        raise UsageError(msg)
    live = await _user(user_id or image.primary_id, alma)
    origin = _origin(reviewed)
    step = update_undone(image, live, origin).step
    if isinstance(step, Held):
        msg = f"Row {row}: {step.problems[0].message}"
        raise UsageError(msg)
    return step


def _origin(reviewed: ReviewedRow) -> Origin:
    roster = reviewed.facts.roster
    return Origin(Path(roster.path).name, roster.sheet, reviewed.row)


def _settle(reviewed: ReviewedRow, fate: Fate, step: Step | None, how: Answer, said: str) -> None:
    severity = Severity.REJECT if fate is Fate.REJECTED else Severity.WARNING
    problem = Problem.of(
        Code.RESOLVED,
        _origin(reviewed),
        f"decided by {reviewed.operator} on {reviewed.now():%Y-%m-%d}: {said}",
        advice=_ADVICE[how],
        severity=severity,
    )
    journal = Journal(reviewed.ledger, reviewed.operator, reviewed.now)
    journal.record_resolution(reviewed.row, fate, step, problem, how)
