"""`decide`: settle a row that is held for review. Of Alma nothing but GET is asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from importer.directory.asking import ask
from importer.directory.found import Sought, marks_of
from importer.errors import UnavailableError, UsageError
from importer.ledger.decisions import Decision, forget, remember
from importer.ledger.images import images
from importer.ledger.journal import DECIDED, Journal, history
from importer.ledger.ledger import Ledger
from importer.model.catalogue import Code, Severity
from importer.model.plan import Act, Fate, Held, Result
from importer.model.problem import Origin, Problem
from importer.pipeline.applying import check_institution, check_sources
from importer.pipeline.folders import DECISIONS
from importer.pipeline.front import prepare_again
from importer.pipeline.remembering import alike_rows, in_question, institution_key
from importer.pipeline.undoing import update_undone
from importer.planner.decide import create, update
from importer.planner.drafts import drafts
from importer.planner.values import current

if TYPE_CHECKING:
    from importer.alma.client import Alma
    from importer.model.codes import CodeTables
    from importer.model.plan import Step
    from importer.model.run import RowLife, RunFacts
    from importer.model.user import User
    from importer.pipeline.front import Material
    from importer.planner.drafts import Draft


class How(StrEnum):
    """How a row is settled."""

    CREATE = "create"
    UPDATE = "update"
    REJECT = "reject"

    @property
    def advice(self) -> str:
        """What comes of it, beside the decision."""
        match self:
            case How.CREATE:
                return "The row creates a user; until that is sent it can be decided otherwise."
            case How.UPDATE:
                return "The row updates a user; until that is sent it can be decided otherwise."
            case How.REJECT:
                return "The row is not sent, unless it is decided otherwise."


@dataclass(frozen=True, slots=True)
class Question:
    """A row of a run, and who settles it."""

    ledger: Ledger
    row: int
    operator: str
    now: Callable[[], datetime]

    @property
    def facts(self) -> RunFacts:
        """Of the run."""
        return self.ledger.facts


def check_open(question: Question, how: How) -> None:
    """Raises UsageError where the row is not held, or cannot be settled in this way."""
    ledger, row = question.ledger, question.row
    if question.facts.command == "check":
        msg = (
            f"{ledger.folder} is a check, which knows nothing of Alma. Make a plan with "
            "`importer plan`, then decide."
        )
        raise UsageError(msg)
    life = ledger.life(row)
    if life is None:
        msg = f"The roster of this run has no row {row}."
        raise UsageError(msg)
    wrong = _closed(life, decided=any(e.event == DECIDED for e in history(ledger, row)))
    if not wrong and how is How.CREATE and life.result is Result.HELD:
        wrong = "was held when it was sent; say --as update with the user's identifier, or reject"
    if not wrong and how is How.CREATE and question.facts.command == "undo":
        wrong = "is on the way back, which creates nobody by decision; say --as update or reject"
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
            return "was sent already; it cannot be decided any more"
    if life.fate is Fate.REVIEW or (decided and life.fate in {Fate.READY, Fate.REJECTED}):
        return ""
    if life.fate is Fate.REJECTED:
        return "is wrong, and no decision makes it right; correct it and plan it again"
    return "is not held for review; there is nothing to decide"


def reject(question: Question) -> None:
    """Do not send the row; its person may be asked about again. Raises LedgerError."""
    facts = question.facts
    life = question.ledger.life(question.row)
    _settle(question, Fate.REJECTED, None, How.REJECT, "not to be sent")
    if facts.alma and life is not None and life.primary_id:
        forget(DECISIONS, institution_key(facts.alma), life.primary_id)


async def settle(question: Question, how: How, user_id: str, alma: Alma, codes: CodeTables) -> None:
    """Create the row's user, or update the user with this identifier, at the next apply.

    The brakes looked at the plan as it was made; a row that a person decided does not change
    them. Raises UsageError where Alma says otherwise, StalePlanError where the roster, the mapping
    or the institution is another one, LedgerError, AlmaError.
    """
    facts = question.facts
    if facts.command == "undo":
        await check_institution(facts, alma)
        step = await _way_back(question, user_id, alma)
        _settle(question, Fate.READY, step, how, "put back what nobody changed since")
        return
    check_sources(facts)
    await check_institution(facts, alma)
    material = prepare_again(facts, codes)
    draft = _draft(material, question.row)
    if how is How.CREATE:
        step, user = await _created(draft, alma), ""
        said = "create a new user"
    else:
        live = await _user(user_id, alma)
        _check_kind(draft, live)
        _check_free(question, live)
        step, user = update(draft, live), current(live, "primary_id").casefold()
        said = "update the user that was named"
    against = in_question(question.ledger.problems(question.row))
    for other, ids in alike_rows(material, question.ledger):
        against |= ids if other.row == question.row else frozenset()
    _settle(question, Fate.READY, step, how, said)
    if against and facts.alma:
        own = draft.primary_id.casefold()
        decision = Decision(own, user, against, question.operator, question.now())
        remember(DECISIONS, institution_key(facts.alma), decision)


async def _created(draft: Draft, alma: Alma) -> Step:
    """The step that creates the row's user, if nobody in Alma has its identifiers."""
    first, last = draft.name
    sought = Sought(
        draft.every_identifier, first, last, draft.birth_date, draft.emails, by_name=False
    )
    found = await ask(alma, sought)
    if found.failed:
        raise UnavailableError(found.failed)
    if found.users:
        msg = (
            f"Alma has a user with an identifier of row {draft.row} already. Say --as update with "
            "that user's identifier, or correct the row."
        )
        raise UsageError(msg)
    return create(draft)


async def _user(user_id: str, alma: Alma) -> User:
    live = await alma.get_user(user_id)
    if live is None or user_id.casefold() not in marks_of(live).identifiers:
        msg = "Alma has no user with the identifier that was given. Nothing was decided."
        raise UsageError(msg)
    return live


def _check_kind(draft: Draft, live: User) -> None:
    """An update never changes who manages a record (contract 1.2, account_type)."""
    theirs, ours = current(live, "account_type"), draft.scheme.account_type.value
    if theirs != ours:
        msg = (
            f"That user is {theirs.capitalize() or 'of no account type'} in Alma, and the mapping "
            f"makes {ours.capitalize()} records. The importer never turns one into the other. "
            "Reject the row, or load it with a mapping for such users."
        )
        raise UsageError(msg)


def _check_free(question: Question, live: User) -> None:
    own = current(live, "primary_id").casefold()
    for life in question.ledger.planned():
        if life.row != question.row and life.primary_id.casefold() == own:
            msg = f"Row {life.row} of this run is for that user already. Reject one of the two."
            raise UsageError(msg)


def _draft(material: Material, row: int) -> Draft:
    found = (d for _, candidates in material.chunks() for d in drafts(candidates, {row}))
    draft = next(found, None)
    if draft is None:
        msg = f"The mapping makes no record of row {row}. Plan again."
        raise UsageError(msg)
    return draft


async def _way_back(question: Question, user_id: str, alma: Alma) -> Step:
    """What can be put back of a row's update, without what somebody changed since."""
    facts, row = question.facts, question.row
    with Ledger.open(Path(facts.undoes)) as first:
        image = next(images(first, row), None)
    if image is None or image.act is not Act.UPDATE:
        msg = f"Row {row} is not about an update; it can only be rejected, which leaves the user."
        raise UsageError(msg)
    live = await _user(user_id or image.primary_id, alma)
    origin = _origin(question)
    step = update_undone(image, live, origin, what_can_be=True).step
    if isinstance(step, Held):
        msg = f"Row {row}: {step.problems[0].message}"
        raise UsageError(msg)
    return step


def _origin(question: Question) -> Origin:
    roster = question.facts.roster
    return Origin(Path(roster.path).name, roster.sheet, question.row)


def _settle(question: Question, fate: Fate, step: Step | None, how: How, said: str) -> None:
    severity = Severity.REJECT if fate is Fate.REJECTED else Severity.WARNING
    problem = Problem.of(
        Code.DECIDED,
        _origin(question),
        f"decided by {question.operator} on {question.now():%Y-%m-%d}: {said}",
        advice=how.advice,
        severity=severity,
    )
    journal = Journal(question.ledger, question.operator, question.now)
    journal.decide(question.row, fate, step, problem, how)
