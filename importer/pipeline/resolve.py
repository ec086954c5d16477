"""`resolve`: answer rows that need review. Only GET is sent."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import cached_property
from pathlib import Path

from importer.alma.client import Alma
from importer.alma.facts import Facts, facts_for
from importer.alma.models import OBLIGATIONS
from importer.errors import StalePlanError, UnavailableError, UsageError
from importer.ledger.journal import Journal
from importer.ledger.ledger import Ledger
from importer.ledger.memory import DecisionMemory, EditMemory
from importer.model.fields import CodeTables
from importer.model.plan import (
    DECISIONS,
    Act,
    Answer,
    Delete,
    Fate,
    Held,
    Planned,
    Result,
    Step,
    Unchanged,
    Update,
    in_question,
)
from importer.model.problem import Code, Problem, Severity
from importer.model.text import command_line, is_absent, row_label
from importer.model.user import User
from importer.pipeline.apply import check_same_institution
from importer.pipeline.check import validate
from importer.pipeline.decisions import (
    OTHER_LEFT_OUT,
    Decision,
    Resolutions,
    alike_rows,
    keep_answer,
    open_rows,
    why_not,
    worst,
)
from importer.pipeline.inputs import CheckedRosters, reopen_inputs
from importer.pipeline.lookup import Users, find_people, named_user
from importer.pipeline.row_plan import PlanContext, plan_context
from importer.pipeline.undo import answer_undo
from importer.planner.drafts import DraftUser
from importer.planner.entries import current, same_id
from importer.planner.safety_checks import with_resolved
from importer.planner.who import identify, is_another, review_collision
from importer.users.matching import MatchResult, PersonQuery, identifiers, search_alma

_DOES: Mapping[Answer, str] = {
    Answer.CREATE: "creates a user",
    Answer.UPDATE: "updates a user",
    Answer.RENAME: "renames a user",
}
"""What a row does with an answer."""

_NOT_WRITTEN = frozenset({None, Result.NOT_SENT, Result.HELD, Result.REFUSED})
"""Results of rows of which nothing is in Alma."""


@dataclass
class Review:
    """The rows of one run that a person resolves; roster and mapping are read once for all.

    `measured`: the saved facts, as for a plan. `now` returns the time with its zone.
    """

    ledger: Ledger
    codes: CodeTables
    measured: Mapping[Path, Facts]
    operator: str
    now: Callable[[], datetime]

    def __post_init__(self) -> None:
        """Open the journal."""
        self.facts, self._opened = self.ledger.facts, ExitStack()
        self._journal = Journal(self.ledger, self.operator, self.now)
        self._undoes, alma = self.facts.command == "undo", self.facts.alma
        self._institution, self._key = (alma.institution, alma.key) if alma else ("", "")

    async def resolve_all(
        self,
        decisions: Iterable[Decision],
        alma: Alma | None,
        done: Callable[[int], None] = lambda _done: None,
        waiting: frozenset[int] = frozenset(),
    ) -> list[str]:
        """Resolve rows one by one; return for each that cannot be resolved a sentence with why.

        `alma` is needed unless all are rejected; `done` gets the number of rows so far; `waiting`:
        rows that stay for review whatever becomes of others. Raises StalePlanError if the roster,
        the mapping or the institution changed, LedgerError, AlmaError.
        """
        left, decisions = [], [*decisions]
        with self._opened:
            if alma is not None and any(one.answer is not Answer.REJECT for one in decisions):
                await check_same_institution(self.facts, alma)
            for number, decision in enumerate(decisions, start=1):
                try:
                    decided = self._check(decision)
                    if decided.answer is Answer.REJECT or alma is None:
                        self._reject(decided.row)
                    else:
                        await self._resolve(decided, alma)
                except UsageError as error:
                    start = f"Row {row_label(decision.row)}"
                    left.append(str(error) if str(error).startswith(start) else f"{start}: {error}")
                done(number)
            if alma is not None:
                await self._plan_free_rows(alma, waiting)
        return left

    def asks_alma(self, decisions: Iterable[Decision]) -> bool:
        """Return whether Alma is asked: always, unless rows are rejected that leave none free."""
        asked = open_rows(self.ledger)
        return any(
            one.answer is not Answer.REJECT or Code.DUPLICATE_PERSON in asked.get(one.row, ())
            for one in decisions
        )

    def _check(self, decision: Decision) -> Decision:
        """Return the decision with its user. Raises UsageError if the row cannot be resolved so."""
        row, answer = decision.row, decision.answer
        if wrong := why_not(self.ledger, decision):
            raise UsageError(wrong)
        if not answer.names_user or decision.user.strip() or self._undoes:
            return decision
        history = self.ledger.row(row)
        own = history.primary_id if history else ""
        problems = tuple(self.ledger.problems(row))
        held = [problem for problem in problems if problem.severity is Severity.REVIEW]
        users = in_question(held or problems) or tuple(filter(None, (own,)))
        if len(users) != 1:
            name, folder = row_label(row), str(self.ledger.folder)
            msg = (
                f"{len(users)} users are in question for row {name}. Name one of them:\n  "
                f"{command_line('resolve', folder, name, '--as', answer, 'ID')}\n"
                f"They are listed by:\n  {command_line('show', folder, name, '--show-values')}"
            )
            raise UsageError(msg)
        return replace(decision, user=users[0])

    def _reject(self, row: int) -> None:
        """Send the row neither now nor in later plans.

        If the roster or the mapping was changed since the plan, the row's person is not known, and
        later plans ask again, as they do about people who are missing from the roster.
        """
        draft: DraftUser | None = None
        said = DECISIONS[Answer.REJECT]
        if not (self._undoes or is_absent(row)):
            try:
                draft = self._draft(row)
            except StalePlanError:
                said += "; later plans ask again, because the roster or the mapping was changed"
        self._record(Decision(row, Answer.REJECT), None, said, draft)
        if draft is not None:
            self._keep(Answer.REJECT, None, draft)

    async def _resolve(self, decision: Decision, alma: Alma) -> None:
        """Plan to create the row's user, or to update or rename the user with this ID.

        The safety checks count it, so that `apply` may ask for more. Raises UsageError if Alma has
        something else.
        """
        if self._undoes:
            undone = await answer_undo(self.facts, decision.row, decision.user, alma)
            self._record(decision, undone, "restore what nobody changed since", None)
            return
        draft = self._draft(decision.row)
        found = await search_alma(alma, PersonQuery(draft.every_identifier))
        if found.failed:
            raise UnavailableError(found.failed)
        as_it_is = decision.answer is Answer.LOAD
        if as_it_is:
            decision = self._as_it_is(decision, draft, found)
        answer = decision.answer
        live = await self._live(decision, alma) if answer.names_user else None
        user = current(live, "primary_id").casefold() if live is not None else ""
        if live is not None:
            self._check_named(draft, live)
            if day := self._loaded_since(draft.row, user):
                msg = (
                    f"A newer plan loaded this user on {day}, and row {row_label(draft.row)} would "
                    "put the older values back. Nothing was changed. Reject the row, or plan its "
                    "roster again."
                )
                raise UsageError(msg)
        planned = self._context.answer(answer, draft, live, found)
        if not isinstance(planned, Planned):
            raise UsageError(planned)
        if isinstance(planned.step, Held):
            held = planned.step.problems[0]
            raise UsageError(held.sentence(held.value, begin=True))
        step = planned.step
        renames = isinstance(step, Update) and not same_id(step.after.primary_id, step.primary_id)
        if live is not None:
            rename = renames or answer is Answer.RENAME
            for old in list(self._rows_of(user, decision.row, rename=rename)):
                said = f"do not load, because row {row_label(draft.row)} is the same person's "
                self._record(Decision(old.row, Answer.REJECT), None, f"{said}new card", old)
                self._keep(Answer.REJECT, None, old, frozenset({draft.key}))
        done = replace(decision, answer=Answer.RENAME) if renames else decision
        deletes = isinstance(step, Delete)
        said = DECISIONS[Answer.LOAD if as_it_is else done.answer]
        said = "delete the user that was named for good" if deletes else said
        self._record(done, planned, said, draft)
        self._keep(answer, live, draft, as_it_is=as_it_is)

    def _as_it_is(self, decision: Decision, draft: DraftUser, found: MatchResult) -> Decision:
        """Return which user is updated, or that one is created, as the plan would do by itself.

        Raises UsageError if that is a question, too.
        """
        match, context = self._rosters.match(draft.row), self._context
        who = identify(draft, found, match, context.common, context.earlier)
        if who.questions:
            raise UsageError(who.questions[0].sentence(who.questions[0].value, begin=True))
        if who.user is None:
            return replace(decision, answer=Answer.CREATE)
        return replace(decision, answer=Answer.UPDATE, user=current(who.user, "primary_id"))

    def _check_named(self, draft: DraftUser, live: User) -> None:
        """Raise UsageError if a user who is not in question is another person than the row.

        Whoever a mistyped ID finds would be overwritten, and who has an ID of the row by mistake.
        """
        history = self.ledger.row(draft.row)
        known = {*in_question(self.ledger.problems(draft.row))}
        known |= {history.primary_id} if history else set()
        if {one.casefold() for one in known}.isdisjoint(identifiers(live)) and is_another(
            draft, live, self._context.common
        ):
            msg = (
                f"The user with this ID in Alma is another person than row {row_label(draft.row)}, "
                "by name or birth date. Nothing was changed. Check the ID. If it is right, correct "
                "the row or the user in Alma, and plan again."
            )
            raise UsageError(msg)

    def _loaded_since(self, row: int, user: str) -> date | None:
        """Return when a newer roster of the mapping loaded a user, if one did."""
        return EditMemory(self._key).loaded_since(self.facts, row, user)

    async def _live(self, decision: Decision, alma: Alma) -> User:
        """Return the user that an answer names, which may be by the ID of another row."""
        try:
            expand = OBLIGATIONS if self._rosters.match(decision.row).retire else "none"
            return await named_user(decision.user, alma, expand)
        except UsageError as error:
            named = decision.user.casefold()
            other = next((one.row for one, _ in self._alike if one.key == named), None)
            if other is None:
                raise
            msg = (
                f"{error} It is the ID of row {row_label(other)}. If that is the new card, resolve "
                "that row. If Alma has neither of the two, reject one of the rows."
            )
            raise UsageError(msg) from None

    def _rows_of(self, user: str, row: int, *, rename: bool) -> Iterator[DraftUser]:
        """Yield the other row with the old ID of a user whom a row renames.

        Raises UsageError if another row of the run is for that user, or this one was sent: what it
        changed could not be undone any more.
        """
        taken = {
            one.row
            for one in self.ledger.planned()
            if user == one.primary_id.casefold()
            or any(c.path == "primary_id" and c.new.casefold() == user for c in one.changes)
        }
        if rename:
            taken |= {draft.row for draft, _ in self._alike if draft.key == user}
        for other in sorted(taken - {row}):
            draft = self._draft(other)
            if not rename or draft.key != user:
                msg = (
                    f"Row {row_label(other)} of this run is for that user already. Reject row "
                    f"{row_label(row)}, or delete the other one from the roster and plan again."
                )
                raise UsageError(msg)
            history = self.ledger.row(other)
            if history is not None and history.result not in _NOT_WRITTEN:
                msg = (
                    f"Row {row_label(other)} of this run has changed that user already. Plan "
                    f"again, and resolve row {row_label(row)} in the new plan."
                )
                raise UsageError(msg)
            yield draft

    async def _plan_free_rows(self, alma: Alma, waiting: frozenset[int]) -> None:
        """Compare rows with Alma that only needed review beside rows that are left out by now."""
        asked = open_rows(self.ledger)
        alone = {row for row, codes in asked.items() if codes == {Code.DUPLICATE_PERSON}} - waiting
        try:
            alike = self._alike if alone else ()
        except StalePlanError:  # later plans do it
            return
        decided, fates = self.ledger.rows_with(Code.RESOLVED), dict(self.ledger.fates())
        left_out = {
            draft.key
            for draft, _ in alike
            if draft.row in decided and fates[draft.row] is Fate.REJECTED
        }
        for draft, others in alike:
            if draft.row in alone and others and others <= left_out:
                await self._plan_free_row(self._draft(draft.row), alma)

    async def _plan_free_row(self, draft: DraftUser, alma: Alma) -> None:
        match = self._rosters.match(draft.row)
        found = await find_people(Users(alma, self.now), draft, match, self._context.common)
        planned = self._context.plan(draft, found)
        if isinstance(planned.step, Update | Unchanged) and self._loaded_since(
            draft.row, planned.step.primary_id
        ):
            return  # a newer plan has compared the person with Alma
        users: defaultdict[str, set[int]] = defaultdict(set)
        for one in self.ledger.planned():
            users[one.primary_id.casefold()].add(one.row)
        step = review_collision(planned.step, users, self.facts.origin)
        held = step if isinstance(step, Held) else None
        problems = [
            Problem.of(
                Code.RESOLVED,
                draft.origin,
                f"{OTHER_LEFT_OUT}, as {self.operator} decided on {self.now():%Y-%m-%d}",
                advice="No action needed. The row was compared with Alma.",
            ),
            *planned.warnings,
            *(held.problems if held else ()),
        ]
        done = None if held else replace(planned, step=step)
        self._record_resolution(draft.row, done, problems, "free", draft)

    @cached_property
    def _rosters(self) -> CheckedRosters:
        return validate(reopen_inputs(self.facts, self.codes))

    @cached_property
    def _context(self) -> PlanContext:
        answers = Resolutions(DecisionMemory(self._key).load())
        return self._opened.enter_context(
            plan_context(
                self._rosters, answers, self.facts, facts_for(self.measured, self._institution)
            )
        )

    @cached_property
    def _alike(self) -> tuple[tuple[DraftUser, frozenset[str]], ...]:
        """The rows that may be one person, each with the IDs of the others."""
        return tuple(alike_rows(self._rosters, self.ledger.problems()))

    def _draft(self, row: int) -> DraftUser:
        draft = next(self._rosters.drafts({row}, {}, self._institution), None)
        if draft is None:
            msg = f"The mapping makes no record of row {row_label(row)}. Plan again."
            raise UsageError(msg)
        return draft

    def _planned_step(self, row: int, draft: DraftUser | None) -> Step | None:
        """Return the step of a row that is of a known user, as the plan has it.

        Without its draft, as in an undo plan, the row counts as one that takes entries back.
        """
        history = self.ledger.row(row)
        if history is None or history.act not in {Act.UPDATE, Act.UNCHANGED}:
            return None
        if history.act is Act.UNCHANGED:
            return Unchanged(row, history.primary_id)
        own = self._journal.step(row)
        assert own.before is not None  # noqa: S101  an update has it
        known = None if draft is None else self._context
        return Update(
            row,
            own.primary_id,
            own.before,
            own.after,
            history.changes,
            own.override,
            takes_back=known is None or known.leavers.only_takes_back(own.before, own.after),
            first_load=bool(known and draft and known.earlier.of(draft, own.before).is_blank),
        )

    def _record(
        self, decision: Decision, planned: Planned | None, said: str, draft: DraftUser | None
    ) -> None:
        """Record the answer in the run with its warnings; without a step the row is rejected."""
        advice = "The row is not sent, unless you resolve it again."
        warnings = planned.warnings if planned else ()
        if planned is not None:
            deletes = isinstance(planned.step, Delete)
            does = "deletes a user for good" if deletes else _DOES[decision.answer]
            advice = f"The row {does}; until it is sent you can resolve it again."
        problem = Problem.of(
            Code.RESOLVED,
            self.facts.origin(decision.row),
            f"decided by {self.operator} on {self.now():%Y-%m-%d}: {said}",
            advice=advice,
            severity=Severity.WARNING if planned else Severity.REJECT,
        )
        known = {(one.code, one.value) for one in self.ledger.problems(decision.row)}
        found = [problem, *(one for one in warnings if (one.code, one.value) not in known)]
        self._record_resolution(decision.row, planned, found, decision.answer, draft)

    def _record_resolution(
        self,
        row: int,
        planned: Planned | None,
        problems: Sequence[Problem],
        detail: str,
        draft: DraftUser | None,
    ) -> None:
        """Record a step, and what the safety checks count of it in place of an earlier one."""
        step, before = planned.step if planned else None, self._planned_step(row, draft)
        hides_pins = facts_for(self.measured, self._institution).hides_pins
        checks = with_resolved(
            self.facts, self.ledger.resolved_checks, row, step, before, hides_pins=hides_pins
        )
        self._journal.record_resolution(row, worst(problems), planned, problems, detail, checks)

    def _keep(
        self,
        answer: Answer,
        live: User | None,
        draft: DraftUser,
        against: frozenset[str] = frozenset(),
        *,
        as_it_is: bool = False,
    ) -> None:
        others = against.union(*(ids for one, ids in self._alike if one.row == draft.row))
        keep_answer(
            self.ledger, draft, answer, live, others, self.operator, self.now(), as_it_is=as_it_is
        )
