"""Carries a plan out: nothing lost, nothing done twice, whatever breaks.

What is about to be sent is durable before a byte leaves, and what came of it before it counts.
A write whose answer is lost is never repeated blindly: Alma is asked first, after the time in
which a late write may still arrive.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Protocol, assert_never

from importer.alma.spread import spread
from importer.errors import (
    AccessError,
    AlmaError,
    DailyLimitError,
    Exit,
    RefusedError,
    ThrottledError,
    UnavailableError,
    UnknownOutcomeError,
)
from importer.ledger.ledger import State
from importer.model.plan import Act
from importer.writer import findings

if TYPE_CHECKING:
    from importer.alma.client import Alma
    from importer.alma.governor import Governor
    from importer.ledger.journal import Journal, Pending
    from importer.model.problem import Origin, Problem
    from importer.model.user import User

ATTEMPTS = 3
"""How often one row is sent, where Alma says each time that it did not arrive."""

FAILURES_IN_A_ROW = 5
"""After so many writes without a clear answer nothing more is sent: Alma is not well."""


class Comparing(Protocol):
    """How records are compared; the planner's own rules, handed in."""

    def reconcile(self, before: User, after: User, now: User) -> User | None:
        """The body to put, if the record is now another one than planned; None on a conflict."""

    def kept(self, before: User | None, sent: User, answered: User) -> tuple[str, ...]:
        """The fields that were sent and that Alma holds otherwise."""


@dataclass(frozen=True, slots=True)
class Told:
    """One row's news, for progress: its state after a step."""

    row: int
    act: Act
    state: State


@dataclass
class Executor:
    """One invocation of `apply` over a run's journal.

    `settle` is in seconds. `passwords` are read from the roster, by row, and never kept.
    `stopping` says whether the operator wants to stop; rows under way are finished.
    """

    alma: Alma
    governor: Governor
    journal: Journal
    comparing: Comparing
    origin: Callable[[int], Origin]
    settle: float
    sleep: Callable[[float], Awaitable[None]]
    now: Callable[[], datetime]
    passwords: Mapping[int, str]
    stopping: Callable[[], bool]
    tell: Callable[[Told], None]
    _failures: int = field(default=0, init=False)

    async def run(self, limit: int | None = None) -> frozenset[Exit]:
        """Carry out what is not settled, `limit` rows at most; the reasons for stopping early.

        Raises LedgerError where the journal cannot be written; nothing is sent without it.
        """
        try:
            await self._verify_all()
            rows = [step.row for step in self.journal.pending(State.PLANNED)][:limit]
            chosen = set(rows)
            for _ in range(ATTEMPTS):
                todo = [s for s in self.journal.pending(State.PLANNED) if s.row in chosen]
                if not todo or self.stopping():
                    break
                await self._each(todo, self._send)
                await self._verify_all()
        except AccessError as error:
            self.journal.note("stopped", str(error))
            return frozenset({Exit.ACCESS})
        except AlmaError as error:
            self.journal.note("stopped", str(error))
            return frozenset({Exit.STOPPED})
        if self.stopping():
            return frozenset({Exit.INTERRUPTED})
        left = any(step.row in chosen for step in self.journal.pending(State.PLANNED))
        return frozenset({Exit.STOPPED} if left else ())

    async def _each(
        self, steps: Iterable[Pending], worker: Callable[[Pending], Awaitable[State]]
    ) -> None:
        async def one(step: Pending) -> None:
            self.tell(Told(step.row, step.act, await worker(step)))

        unstopped = (step for step in steps if not self.stopping())
        async with aclosing(spread(self.governor, unstopped, one)) as running:
            async for _ in running:
                pass

    # sending

    async def _send(self, step: Pending) -> State:
        try:
            match step.act:
                case Act.CREATE:
                    return await self._create(step)
                case Act.UPDATE:
                    return await self._update(step)
                case Act.UNCHANGED | Act.LEFT_ALONE as idle:
                    msg = f"a step to {idle} is never sent"
                    raise AssertionError(msg)
                case _ as never:
                    assert_never(never)
        except RefusedError as refusal:
            self._failures = 0
            problems = [findings.refused(self.origin(step.row), refusal)]
            detail = f"{refusal.code} {refusal.tracking_id}".strip()
            return self._settle(step, State.REFUSED, detail, problems=problems)
        except (ThrottledError, UnavailableError, DailyLimitError, AccessError) as error:
            # Nothing was processed: the row is as it was before.
            self._settle(step, State.PLANNED, str(error))
            if isinstance(error, UnavailableError):
                self._count_failure(error)
                return State.PLANNED
            raise
        except UnknownOutcomeError as error:
            self._settle(step, State.UNKNOWN, str(error))
            self._count_failure(error)
            return State.UNKNOWN

    async def _create(self, step: Pending) -> State:
        self.journal.intend(step.row, None, step.after)
        body = step.after
        if password := self.passwords.get(step.row):
            body = body.model_copy(update={"password": password})
        try:
            answered = await self.alma.create_user(body)
        except RefusedError as refusal:
            if step.attempts and refusal.code in findings.TAKEN:
                # It may be our own, that arrived late: not a failure before Alma was asked.
                return await self._verify(step)
            raise
        return self._done(step, None, step.after, answered)

    async def _update(self, step: Pending) -> State:
        planned_before = step.before or step.after
        current = await self.alma.get_user(step.primary_id)
        if current is None:
            problem = findings.vanished(self.origin(step.row))
            return self._settle(step, State.HELD, problem.message, problems=[problem])
        body = self.comparing.reconcile(planned_before, step.after, current)
        if body is None:
            problem = findings.changed(self.origin(step.row))
            return self._settle(step, State.HELD, problem.message, problems=[problem])
        if body == current:
            return self._settle(step, State.APPLIED, "was so already")
        self.journal.intend(step.row, current, body)
        answered = await self.alma.update_user(step.primary_id, body, step.override)
        return self._done(step, current, body, answered)

    def _done(self, step: Pending, before: User | None, sent: User, answered: User) -> State:
        self._failures = 0
        kept = self.comparing.kept(before, sent, answered)
        problems = [findings.kept(self.origin(step.row), path) for path in kept]
        return self._settle(step, State.APPLIED, answered=answered, problems=problems)

    # asking what became of a write

    async def _verify_all(self) -> None:
        """Ask Alma about every write whose outcome is not known, once it has had its time."""
        doubtful = tuple(self.journal.pending(State.INTENT, State.UNKNOWN))
        if not doubtful or self.stopping():
            return
        newest = max(step.intended for step in doubtful if step.intended)
        wait = self.settle - (self.now() - newest).total_seconds()
        await self.sleep(max(0.0, min(wait, self.settle)))
        await self._each(doubtful, self._verify)

    async def _verify(self, step: Pending) -> State:
        found = await self.alma.get_user(step.primary_id)
        sent = step.sent or step.after
        if step.act is Act.CREATE:
            if found is None:
                return self._settle(step, State.PLANNED, "is not in Alma")
            ours = (found.primary_id or "").casefold() == step.primary_id.casefold()
            if ours and not self.comparing.kept(None, sent, found):
                return self._settle(step, State.APPLIED, "is in Alma", answered=found)
            problem = findings.exists_otherwise(self.origin(step.row))
            return self._settle(step, State.HELD, problem.message, problems=[problem])
        if found is not None:
            before = step.before or sent
            if not self.comparing.kept(before, sent, found):
                return self._settle(step, State.APPLIED, "is in Alma", answered=found)
            if self.comparing.reconcile(before, sent, found) is not None:
                return self._settle(step, State.PLANNED, "is not in Alma")
        problem = findings.changed(self.origin(step.row))
        return self._settle(step, State.HELD, problem.message, problems=[problem])

    def _settle(
        self,
        step: Pending,
        state: State,
        detail: str = "",
        *,
        answered: User | None = None,
        problems: Iterable[Problem] = (),
    ) -> State:
        self.journal.settle(step.row, state, detail, answered=answered, problems=problems)
        return state

    def _count_failure(self, error: AlmaError) -> None:
        self._failures += 1
        if self._failures >= FAILURES_IN_A_ROW:
            raise error
