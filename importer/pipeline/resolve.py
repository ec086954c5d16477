"""`resolve`: answer rows that need review. Only GET is sent."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from pathlib import Path

from importer.advice import NameUser, ShowRow
from importer.alma.client import Alma
from importer.alma.facts import MeasuredFacts, facts_for
from importer.errors import StalePlanError, UnavailableError, UsageError
from importer.ledger.journal import Journal
from importer.ledger.ledger import Ledger
from importer.memory.answers import DecisionMemory
from importer.memory.loads import EditMemory
from importer.model.answers import OTHER_LOADED, Resolution, decided, possible_users, to_review
from importer.model.fields import CodeTables
from importer.model.plan import (
    Act,
    Held,
    Planned,
    Result,
    Unchanged,
    Update,
)
from importer.model.problem import Code, Problem, Severity
from importer.model.question import DECISIONS, OF_ROWS, About, Answer
from importer.model.run import RowHistory, UnusedAnswers
from importer.model.text import is_absent, row_label
from importer.model.user import User
from importer.pipeline.check import no_end_dates, validate
from importer.pipeline.decisions import (
    Decision,
    group_hash,
    same_people,
    why_not,
    worst,
)
from importer.pipeline.inputs import SILENT, CheckedRosters, Listener
from importer.pipeline.lookup import Users, find_people, named_user
from importer.pipeline.remember import take_up
from importer.pipeline.row_plan import PlanContext, plan_context
from importer.pipeline.still_good import check_same_institution, reopen_inputs
from importer.pipeline.undo import answer_undo
from importer.planner.answers import changes_asked, resolution
from importer.planner.drafts import DraftUser
from importer.planner.entries import current
from importer.planner.who import identify, review_collision
from importer.users.matching import MatchResult, PersonQuery, identifiers, search_alma

_DOES: Mapping[Answer, str] = {
    Answer.CREATE: "creates a user",
    Answer.UPDATE: "updates a user",
    Answer.RENAME: "renames a user",
    Answer.ONLY: "was compared with Alma",
    Answer.SEPARATE: "was compared with Alma",
}
"""What an answer does with a row."""

_NOT_WRITTEN = frozenset({None, Result.NOT_SENT, Result.HELD, Result.REFUSED})
"""Results of rows of which nothing is in Alma."""


def _users_of(row: RowHistory) -> frozenset[str]:
    """Return the IDs, without case, of the user whom a row is planned for; also a new one."""
    if row.act is None:
        return frozenset()
    new = (change.new for change in row.changes if change.path == "primary_id")
    return frozenset(user.casefold() for user in (row.primary_id, *new))


def _needed(alma: Alma | None) -> Alma:
    assert alma is not None  # noqa: S101  only a rejection needs none
    return alma


@dataclass
class Review:
    """The rows of one run that a person resolves; roster and mapping are read once for all.

    `measured`: the saved facts, as for a plan. `now` returns the time with its zone.
    """

    ledger: Ledger
    codes: CodeTables
    measured: Mapping[Path, MeasuredFacts]
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
        decisions: Sequence[Decision],
        alma: Alma | None,
        progress: Listener = SILENT,
    ) -> list[UnusedAnswers]:
        """Resolve rows one by one; return those that cannot be resolved, each with why.

        `alma` is needed unless all are rejected. Raises StalePlanError if the roster, the mapping
        or the institution changed, LedgerError, AlmaError.
        """
        unused = list[UnusedAnswers]()
        with self._opened:
            if alma is not None and any(
                decision.answer is not Answer.REJECT for decision in decisions
            ):
                await check_same_institution(self.facts, alma)
            for number, decision in enumerate(decisions, start=1):
                try:
                    decided = self._check(decision)
                    if decided.answer in OF_ROWS or self._has_other_rows(decided.row):
                        await self._resolve_rows(decided, alma)
                    elif decided.answer is Answer.REJECT:
                        self._reject(decided.row)
                    else:
                        await self._resolve(decided, _needed(alma))
                except UsageError as error:
                    unused.append(UnusedAnswers(rows=(decision.row,), why=str(error)))
                progress.advance(number, len(decisions))
            if len(unused) < len(decisions) and not self._undoes:
                self._count_end_dates()
        return unused

    def _count_end_dates(self) -> None:
        """Count again in how many rows a new patron gets no end date, by what is planned now.

        It stays where the roster or the mapping was changed since the plan: nothing is sent then.
        """
        created = {planned.row for planned in self.ledger.planned() if planned.act is Act.CREATE}
        with suppress(StalePlanError):
            counted_now = [*no_end_dates(self._rosters, created)]
            before = [
                problem for problem in self.ledger.problems() if problem.code is Code.NO_END_DATE
            ]
            if counted_now != before:
                self._journal.replace_problems(Code.NO_END_DATE, counted_now)

    def _has_other_rows(self, row: int) -> bool:
        """Return whether it is open which of a row and others of its person to load."""
        problems = (problem for draft in self._group(row) for problem in self._asked(draft.row))
        return any(problem.asks(About.ROWS) for problem in problems)

    def _asked(self, row: int) -> list[Problem]:
        """Return the problems for which a row needs review; none if it does not."""
        history = self.ledger.row(row)
        if history is None or not history.needs_review:
            return []
        return to_review(self.ledger.problems(row))

    def _group(self, row: int) -> list[DraftUser]:
        """Return the rows of a row's person, none if it is the only one."""
        several = any(problem.asks(About.ROWS) for problem in self.ledger.problems(row))
        return self._groups.get(row, []) if several else []

    @cached_property
    def _groups(self) -> dict[int, list[DraftUser]]:
        """The rows of each person who has several, by row; read once for all decisions."""
        groups = same_people(self._rosters, self.ledger.problems())
        return {draft.row: group for group in groups for draft in group}

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
        users = possible_users(to_review(problems) or problems) or tuple(filter(None, (own,)))
        if len(users) != 1:
            name, folder = row_label(row), str(self.ledger.folder)
            msg = f"{len(users)} users are in question for row {name}."
            error = UsageError(msg).advising(NameUser(folder, name, answer))
            raise error.advising(ShowRow(folder, name))
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
        self._record(row, Answer.REJECT, None, said)
        if draft is not None:
            self._keep(Answer.REJECT, None, draft, Answer.REJECT)

    async def _resolve(self, decision: Decision, alma: Alma) -> None:
        """Plan to create the row's user, or to update or rename the user with this ID.

        The safety checks count it, so that `apply` may ask for more. Raises UsageError if Alma has
        something else.
        """
        if self._undoes:
            known = facts_for(self.measured, self._institution)
            undone = await answer_undo(self.facts, known, decision.row, decision.user, alma)
            self._record(decision.row, decision.answer, undone, "restore what nobody changed since")
            return
        draft = self._draft(decision.row)
        result = await search_alma(alma, PersonQuery(draft.every_identifier))
        if result.failed:
            raise UnavailableError(result.failed)
        typed = decision.answer
        if typed is Answer.LOAD:
            decision = self._as_it_is(decision, draft, result)
        answer, live, user = decision.answer, None, ""
        if answer.names_user:
            retires = self._rosters.match(draft.row).retire is not None
            live = await named_user(decision.user, alma, counts=retires)
            user = live.id_key
            self._check_newest(draft.row, user)
        in_question = live is not None and self._in_question(draft.row, live)
        case = self._context.case(draft, result)
        changes = changes_asked(self.ledger.problems(draft.row)) if in_question else ()
        planned = self._context.answer(case, answer, live, changes, in_question=in_question)
        if not isinstance(planned, Planned):
            raise UsageError(planned)
        step = planned.step
        if isinstance(step, Held):
            why = step.problems[0].sentence(begin=True)
            msg = f"{why}. Nothing was changed. Plan the roster again."
            raise UsageError(msg)
        if live is not None:
            self._check_only_row(user, draft.row)
        renames = isinstance(step, Update) and step.renames
        done = Answer.RENAME if renames else answer
        said = DECISIONS[typed if typed is Answer.LOAD else done]
        self._record(draft.row, done, planned, said)
        self._keep(answer, live, draft, typed)

    def _as_it_is(self, decision: Decision, draft: DraftUser, result: MatchResult) -> Decision:
        """Return which user is updated, or that one is created, as the plan would do by itself.

        Raises UsageError if that is a question, too.
        """
        who = identify(self._context.case(draft, result))
        if who.questions:
            raise UsageError(who.questions[0].sentence(begin=True))
        if who.user is None:
            return replace(decision, answer=Answer.CREATE)
        return replace(decision, answer=Answer.UPDATE, user=current(who.user, "primary_id"))

    def _in_question(self, row: int, live: User) -> bool:
        """Return whether a user is one of those whom the row may be about, by what was planned."""
        history = self.ledger.row(row)
        known = {*possible_users(self.ledger.problems(row))}
        known |= {history.primary_id} if history else set()
        return not {user_id.casefold() for user_id in known}.isdisjoint(identifiers(live))

    def _check_newest(self, row: int, user: str) -> None:
        """Raise UsageError if a newer roster of the mapping loaded a user."""
        if day := EditMemory(self._key).loaded_since(self.facts, row, user):
            msg = (
                f"A newer plan loaded this user on {day}, and row {row_label(row)} would put the "
                "older values back. Nothing was changed. Reject the row, or plan its roster again."
            )
            raise UsageError(msg)

    def _check_only_row(self, user: str, row: int) -> None:
        """Raise UsageError if another row of the run is for a user, by the ID without case."""
        if others := self._planned_for[user] - {row}:
            msg = (
                f"Row {row_label(min(others))} of this run is for that user already. Reject row "
                f"{row_label(row)}, or delete the other one from the roster and plan again."
            )
            raise UsageError(msg)

    @cached_property
    def _planned_for(self) -> defaultdict[str, set[int]]:
        """The rows that are for each user, by the IDs without case; read once for all decisions."""
        rows: defaultdict[str, set[int]] = defaultdict(set)
        for planned in self.ledger.planned():
            for user in _users_of(planned):
                rows[user].add(planned.row)
        return rows

    async def _resolve_rows(self, decision: Decision, alma: Alma | None) -> None:
        """Resolve all rows of one person by one answer, which replaces an earlier one.

        Rows to load are compared with Alma at once, as the plan would have done. Raises UsageError
        if one of the rows was sent, or a newer plan loaded its user.
        """
        group = self._group(decision.row)
        own = next(draft for draft in group if draft.row == decision.row)
        for draft in group:
            history = self.ledger.row(draft.row)
            if history is not None and history.result not in _NOT_WRITTEN:
                msg = (
                    f"Row {row_label(draft.row)} of this run was sent already. Correct the roster, "
                    "and plan it again."
                )
                raise UsageError(msg)
        there = [row for row in group if not why_not(self.ledger, Decision(row.row, Answer.REJECT))]
        loaded = {Answer.ONLY: [own], Answer.SEPARATE: there}.get(decision.answer, [])
        planned = [await self._compared(self._draft(row.row), _needed(alma)) for row in loaded]
        users: defaultdict[str, set[int]] = defaultdict(set)
        for row in planned:
            if isinstance(row.step, Update | Unchanged):
                user = row.step.primary_id.casefold()
                others = self._planned_for[user].difference(draft.row for draft in there)
                users[user] |= {row.step.row, *others}
        said = DECISIONS[decision.answer]
        out = f"{OTHER_LOADED}, row {row_label(own.row)}" if loaded else said
        for draft in there:
            if draft not in loaded:
                self._record(draft.row, Answer.REJECT, None, out)
        for draft, row in zip(loaded, planned, strict=True):
            step = review_collision(row.step, users, self.facts.origin)
            asked = [p for p in self._asked(draft.row) if not p.asks(About.ROWS)]
            self._record(draft.row, decision.answer, replace(row, step=step), said, asked)
        keys = frozenset(draft.key for draft in group)
        answer, person = decision.answer, group_hash(group)
        made = Resolution(person, answer, answer, own.key, keys, self.operator, self.now())
        DecisionMemory(self._key).keep(made)

    async def _compared(self, draft: DraftUser, alma: Alma) -> Planned:
        """Return the step of a row. Raises UsageError if a newer plan loaded its user."""
        match = self._rosters.match(draft.row)
        result = await find_people(Users(alma, self.now), draft, match, self._context.common)
        planned = self._context.plan(draft, result)
        if isinstance(planned.step, Update | Unchanged):
            self._check_newest(draft.row, planned.step.primary_id)
        return planned

    @cached_property
    def _rosters(self) -> CheckedRosters:
        return validate(reopen_inputs(self.facts, self.codes))

    @cached_property
    def _context(self) -> PlanContext:
        take_up(self._key)
        answers = DecisionMemory(self._key).load()
        known = facts_for(self.measured, self._institution)
        return self._opened.enter_context(plan_context(self._rosters, answers, self.facts, known))

    def _draft(self, row: int) -> DraftUser:
        draft = next(self._rosters.drafts({row}, {}), None)
        if draft is None:
            msg = f"The mapping makes no record of row {row_label(row)}. Plan again."
            raise UsageError(msg)
        return draft

    def _record(
        self,
        row: int,
        answer: Answer,
        planned: Planned | None,
        said: str,
        asked: Sequence[Problem] = (),
    ) -> None:
        """Record an answer in the run: the row's step with its warnings, and for whom it is now.

        Without a step the row is rejected; if more is `asked`, it still needs review.
        """
        advice = "The row is not sent, unless you resolve it again."
        if planned is not None:
            advice = f"The row {_DOES[answer]}; until it is sent you can resolve it again."
            if isinstance(planned.step, Held):
                asked = (*asked, *planned.step.problems)
        note = Problem.of(
            Code.RESOLVED,
            self.facts.origin(row),
            decided(self.operator, self.now(), said),
            advice=advice,
            severity=Severity.WARNING if planned else Severity.REJECT,
        )
        known = {(problem.code, problem.value) for problem in self.ledger.problems(row)}
        warnings = planned.warnings if planned else ()
        new = (problem for problem in warnings if (problem.code, problem.value) not in known)
        problems = (note, *new, *asked)
        for user in self._users(row):
            self._planned_for[user].discard(row)
        step = None if asked else planned
        self._journal.record_resolution(row, worst(problems), step, problems, answer)
        for user in self._users(row):
            self._planned_for[user].add(row)
        if any(problem.asks(About.ROWS) for problem in problems):
            self.__dict__.pop("_groups", None)  # the row is now beside other rows

    def _users(self, row: int) -> frozenset[str]:
        history = self.ledger.row(row)
        return frozenset() if history is None else _users_of(history)

    def _keep(self, answer: Answer, live: User | None, draft: DraftUser, typed: Answer) -> None:
        """Keep an answer for later plans; `live`: the user whom it names."""
        problems = tuple(self.ledger.problems(draft.row))
        made = resolution(draft, problems, answer, live, self.operator, self.now(), typed=typed)
        DecisionMemory(self._key).keep(made)
