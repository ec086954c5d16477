"""`decide`: settle a row that is held for review. Of Alma nothing but GET is asked."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from importer.errors import StalePlanError, UnavailableError, UsageError
from importer.ledger.decisions import Decision, How, forget, remember
from importer.ledger.images import images
from importer.ledger.journal import Journal
from importer.ledger.ledger import Ledger
from importer.model.catalogue import Code, Severity
from importer.model.plan import Act, Fate, Held
from importer.model.problem import Origin, Problem
from importer.pipeline.applying import check_institution, check_sources
from importer.pipeline.folders import DECISIONS
from importer.pipeline.front import prepare_again
from importer.pipeline.remembering import DOUBTS, alike_rows, in_question, institution_key
from importer.pipeline.undone import update_undone
from importer.planner.decide import create, taken, update
from importer.planner.drafts import drafts
from importer.planner.values import current
from importer.users.matching import PersonQuery, match_keys, search_alma

if TYPE_CHECKING:
    from importer.alma.client import Alma
    from importer.model.codes import CodeTables
    from importer.model.plan import Step
    from importer.model.user import User
    from importer.pipeline.front import Material
    from importer.pipeline.question import Question
    from importer.planner.drafts import Draft
    from importer.users.matching import MatchResult


_ADVICE = {
    How.CREATE: "The row creates a user; until that is sent it can be decided otherwise.",
    How.UPDATE: "The row updates a user; until that is sent it can be decided otherwise.",
    How.REJECT: "The row is not sent, unless it is decided otherwise.",
}
"""What comes of a decision."""


def reject(question: Question, codes: CodeTables) -> None:
    """Do not send the row, now or by a later plan. Raises LedgerError, MappingError, RosterError.

    Where the roster or the mapping is not that of the plan any more, it cannot be told whose row
    it is, so that later plans ask again.
    """
    material = None
    said = "not to be sent"
    if question.facts.command != "undo":
        try:
            check_sources(question.facts)
            material = prepare_again(question.facts, codes)
        except StalePlanError:
            said += "; later plans ask again, because the roster or the mapping was changed"
    _settle(question, Fate.REJECTED, None, How.REJECT, said)
    if material is not None:
        _keep(question, How.REJECT, "", _draft(material, question.row), material)


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
        step, user = await _updated(draft, live, alma), current(live, "primary_id").casefold()
        said = "update the user that was named"
    _settle(question, Fate.READY, step, how, said)
    _keep(question, how, user, draft, material)


def _keep(question: Question, how: How, user: str, draft: Draft, material: Material) -> None:
    """Remember a decision for later plans; one about nobody in particular undoes an earlier one."""
    alma = question.facts.alma
    if alma is None:
        return
    problems = tuple(question.ledger.problems(question.row))
    against = in_question(problems)
    for other, ids in alike_rows(material, question.ledger):
        against |= ids if other.row == question.row else frozenset()
    own, institution = draft.primary_id.casefold(), institution_key(alma)
    if against:
        doubts = DOUBTS.intersection(problem.code for problem in problems)
        now = question.now()
        decision = Decision(own, how, user, against, doubts, question.operator, now)
        remember(DECISIONS, institution, decision)
    else:
        forget(DECISIONS, institution, own)


async def _holders(draft: Draft, alma: Alma) -> MatchResult:
    """Who in Alma has an identifier of the row. Raises UnavailableError without a clear answer."""
    first, last = draft.name
    sought = PersonQuery(
        draft.every_identifier, first, last, draft.birth_date, draft.emails, by_name=False
    )
    found = await search_alma(alma, sought)
    if found.failed:
        raise UnavailableError(found.failed)
    return found


async def _updated(draft: Draft, live: User, alma: Alma) -> Step:
    """The step that updates the user, if it gives it no identifier that somebody else has."""
    step = update(draft, live)
    if keys := taken(draft, step, await _holders(draft, alma)):
        msg = (
            f"The {' and the '.join(keys)} of row {draft.row} is that of another user of Alma, so "
            "that Alma would refuse the update. Nothing was decided. Correct the row or that user, "
            "or reject the row."
        )
        raise UsageError(msg)
    return step


async def _created(draft: Draft, alma: Alma) -> Step:
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
    draft = next(iter(drafts(material.candidates(), {row})), None)
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
    step = update_undone(image, live, origin).step
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
        advice=_ADVICE[how],
        severity=severity,
    )
    journal = Journal(question.ledger, question.operator, question.now)
    journal.decide(question.row, fate, step, problem, how)
