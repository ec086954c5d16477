"""Carry out a plan: nothing is lost or sent twice, whatever breaks.

What is about to be sent is on the disk before a byte leaves, and the outcome before it is counted.
A write whose reply is lost is never repeated blindly: Alma is asked first, after a delay in which
a late write may still arrive.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import timedelta

from importer.alma.client import Alma
from importer.alma.models import OBLIGATIONS
from importer.alma.pacing import run_concurrently
from importer.alma.responses import NotFoundError, UnreadableUserError
from importer.errors import (
    AccessError,
    AlmaError,
    DailyLimitError,
    ImporterError,
    RefusedError,
    StoppedError,
    ThrottledError,
    UnavailableError,
    UnknownOutcomeError,
)
from importer.ledger.journal import Journal, Outcome, Pending
from importer.ledger.ledger import DOUBTFUL, ENDED, GONE, JournalEvent, State
from importer.model.plan import Act, Image
from importer.model.problem import Code, Problem
from importer.model.text import counted
from importer.model.user import User
from importer.planner.borrowing import role_obstacles
from importer.planner.patch import same_as_sent
from importer.writer.outage import MOST_FAILURES, Failures
from importer.writer.outcomes import (
    CHANGED,
    VANISHED,
    NoWrite,
    WriteFound,
    already,
    carried,
    has_id,
    has_more,
    held,
    is_renamed,
    refusal_problem,
    verify,
    why_kept,
)

ATTEMPTS = 3
"""How often one row is sent, if each time Alma does not have it afterwards."""

LONGEST_OUTAGE = timedelta(hours=12)
"""After which a row at which Alma still fails, and not at everything, is refused."""

GLANCE = 0.2
"""Seconds between two checks whether the operator wants to stop, during a wait."""

TAKEN = frozenset({"401851", "4018994"})
"""Alma's codes for an ID that is taken (contract 2.4)."""

CHANGED_AFTER = (
    "The reply to this update was lost, and someone has changed the record in Alma since. "
    "Parts of the update may be there."
)
EDITED = (
    "The user was created, but its {field} in Alma is not what was sent: someone changed it before "
    "Alma was asked, or Alma kept its own value."
)
NEVER = (
    "Alma gave no clear reply about this row however often it was tried, and does not have the "
    "change. The last reason: {}."
)
EDITED_ADVICE = "Look at the user in Alma. If the roster is right, plan it again."


@dataclass(frozen=True, slots=True)
class RowDone:
    """A row was tried: what was planned for it, and its state now."""

    row: int
    act: Act
    state: State


@dataclass(frozen=True, slots=True)
class Waiting:
    """Rows without a clear reply, and the seconds until Alma is asked about them."""

    rows: int
    seconds: float


ApplyEvent = RowDone | Waiting


@dataclass
class Executor:
    """One `apply` of a run.

    `verify_delay` is in seconds, `clock` is monotonic. `passwords` come from the roster, by row,
    and are never stored. `gate` is called just before each write leaves, and raises to stop it.
    `stopping` returns whether the operator wants to stop; rows under way are finished. `report`
    gets each row's progress.
    """

    alma: Alma
    journal: Journal
    gate: Callable[[], None]
    verify_delay: float
    sleep: Callable[[float], Awaitable[None]]
    clock: Callable[[], float]
    passwords: Mapping[int, str]
    stopping: Callable[[], bool]
    report: Callable[[ApplyEvent], None]
    _doubt: float = field(default=0, init=False)

    def __post_init__(self) -> None:
        """Read the facts of the run once, and at which rows an earlier apply failed."""
        self._facts = self.journal.ledger.facts
        self._failures = Failures(self.alma, "POST", dict.fromkeys(self.journal.rows_tried(), ""))

    async def run(self, limit: int | None = None) -> ImporterError | None:
        """Carry out what is left, at most `limit` rows; return why it ended early, or None.

        Raises LedgerError if the journal cannot be written, and what the gate raises; no other
        write leaves after that.
        """
        # A write of an earlier apply counts as sent just now: its time came from a clock that may
        # have been set since.
        self._doubt = self.clock()
        try:
            await self._run(limit)
        except (AlmaError, StoppedError) as error:
            self.journal.note(JournalEvent.STOPPED, str(error))
            return error
        return None

    async def _run(self, limit: int | None) -> None:
        # before it is known what became of doubtful rows: a person allowed these rows and no others
        chosen = self.journal.rows_in(State.PLANNED, *DOUBTFUL)[:limit]
        await self._verify_all()
        for _ in range(ATTEMPTS):
            todo = self._left_of(chosen)
            if not todo or self.stopping():
                break
            await self._each(todo, self._send)
            await self._verify_all()
            if self._left_of(chosen) and not self.stopping():
                await self._failures.check_others()
                self._failures.answered()
        if self.stopping():
            msg = "Stopped, as you asked."
            raise StoppedError(msg)
        self._give_up(chosen)
        doubtful, left = self.journal.rows_in(*DOUBTFUL), self._left_of(chosen)
        if open_rows := (*doubtful, *left):
            last = self._failures.reasons.get(open_rows[-1], "")
            msg = (
                f"Alma gave no clear reply for {counted(len(open_rows), 'row')}, although each was "
                f"tried several times. The last reason: {last}"
            )
            if left:
                msg += " Rows that are not sent and still fail half a day from now are refused."
            raise UnavailableError(msg)

    def _give_up(self, chosen: tuple[int, ...]) -> None:
        """Refuse the rows that were tried as often as now longer ago than an outage lasts.

        It is the record, as where Alma fails at one user, and would keep the load open. But where
        Alma fails at many rows and ended none of the run, it is Alma.
        """
        left = self._left_of(chosen)
        if len(left) >= MOST_FAILURES and not self.journal.rows_in(*ENDED):
            return
        for row in left:
            if self.journal.tries(row, LONGEST_OUTAGE) >= ATTEMPTS:
                step = self.journal.step(row)
                trouble = self._failures.reasons.get(row, "")
                why = NEVER.format(trouble.partition(". ")[0].removesuffix("."))
                state = self._refuse(step, RefusedError(why))
                self.report(RowDone(row, step.act, state))

    def _left_of(self, chosen: tuple[int, ...]) -> tuple[int, ...]:
        planned = set(self.journal.rows_in(State.PLANNED))
        return tuple(row for row in chosen if row in planned)

    async def _each(
        self, rows: Iterable[int], worker: Callable[[Pending], Awaitable[State]]
    ) -> None:
        async def try_row(row: int) -> None:
            step = self.journal.step(row)
            self.report(RowDone(row, step.act, await worker(step)))

        unstopped = (row for row in rows if not self.stopping())
        async with aclosing(run_concurrently(self.alma.limiter, unstopped, try_row)) as running:
            async for _ in running:
                pass

    # sending

    async def _send(self, step: Pending) -> State:
        send = self._create if step.act is Act.CREATE else self._change
        calls: list[int] = []

        def leaving() -> None:
            self.gate()
            calls.append(step.row)

        try:
            return await send(step, leaving)
        except RefusedError as refusal:
            self._failures.answered()
            if not (step.act is Act.CREATE and refusal.code in TAKEN):
                return self._refuse(step, refusal)
            taken = refusal
        except UnknownOutcomeError as error:
            self._doubt = self.clock()
            self.journal.record_outcome(step.row, State.UNKNOWN, str(error))
            await self._failures.count(step.row, str(error))
            return State.UNKNOWN
        except (UnavailableError, ThrottledError, DailyLimitError, AccessError) as error:
            if isinstance(error, UnreadableUserError) and not calls:
                self._failures.answered()
                return self._end(held(step, str(error), self._facts))
            if error.of_write and isinstance(error, DailyLimitError | AccessError):
                # no refusal in Alma's own words of this record, so Alma is asked before it is sent
                self.journal.record_outcome(step.row, State.UNKNOWN, str(error))
                raise
            # Alma processed nothing, so the row may be sent again. Of a call that it refused for
            # speed, which the client repeats, that is less certain than where none has left.
            took_none = not calls or (len(calls) == 1 and error.of_write)
            if isinstance(error, ThrottledError) or not took_none:
                self.journal.record_outcome(step.row, State.PLANNED, str(error))
            else:
                self.journal.record_unsent(step.row, str(error))
            if not isinstance(error, UnavailableError):
                raise
            await self._failures.count(step.row, str(error))
            return State.PLANNED
        # The ID may be taken by our own user: one that arrived late, that a colleague sent from a
        # copy of the run, or that the ledger has lost. Ask Alma before calling it refused.
        return await self._verify(step, taken)

    async def _create(self, step: Pending, leaving: Callable[[], None]) -> State:
        body = step.after
        if password := self.passwords.get(step.row):
            body = body.model_copy(update={"password": password})
        answered = await self.alma.create_user(
            body,
            sending=lambda: self.journal.record_intent(step.row, None, step.after),
            leaving=leaving,
        )
        return self._done(step.row, answered)

    async def _change(self, step: Pending, leaving: Callable[[], None]) -> State:
        """Change or delete the record as it is now.

        The client reads it just before, and again if a reading is not fresh any more; each reading
        is compared with the plan, and what is about to be sent is recorded.
        """
        ended: State | None = None

        def write(current: User | None) -> User | None:
            nonlocal ended
            match carried(self.journal.step(step.row), current, self._facts):
                case Image(before, sent):
                    self.journal.record_intent(step.row, before, sent)
                    return sent
                case Outcome() as outcome:
                    ended = self._end(outcome)
                case None:
                    pass
            return None

        deleted, answered = step.act is Act.DELETE, None
        try:
            if deleted:
                await self.alma.delete_user(step.primary_id, lambda now: bool(write(now)), leaving)
            else:
                expand = OBLIGATIONS if self._facts.holds_open(step.row) else "none"
                answered = await self.alma.update_user(
                    step.primary_id, write, step.override, leaving, expand
                )
        except NotFoundError:  # somebody was faster
            self._failures.answered()
            ended = None
        if answered is not None:
            return self._done(step.row, answered)
        if deleted and ended is None:
            self._failures.answered()
            return self.journal.record_outcome(step.row, State.APPLIED)
        return ended or await self._vanished(step)

    async def _vanished(self, step: Pending) -> State:
        """Record the end of an update whose user is not in Alma under the ID of the plan.

        A colleague with a copy of the run may have given the user the new ID already.
        """
        user = await self.alma.get_user(step.new_id) if step.renames else None
        if user is None or not is_renamed(step, user, self._facts.common):
            return self._end(held(step, VANISHED, self._facts, GONE))
        if same_as_sent(step.after, user, step.before):
            return self._end(held(step, CHANGED, self._facts))
        return self._end(already(self.journal.step(step.row), "was so already", user))

    def _done(self, row: int, answered: User) -> State:
        step = self.journal.step(row)
        if not has_id(answered, step.new_id):
            msg = "Alma replied with another user than the one that was sent."
            raise UnknownOutcomeError(msg)
        self._failures.answered()
        before = step.sent.before if step.sent else None
        return self._apply(step, "", same_as_sent(step.body, answered, before), answered)

    # asking what became of a write

    async def _verify_all(self) -> None:
        """Ask Alma about every write of unknown outcome, after the verification delay."""
        doubtful = self.journal.rows_in(*DOUBTFUL)
        if not doubtful:
            return
        until = self._doubt + self.verify_delay
        if until > self.clock():
            self.report(Waiting(len(doubtful), until - self.clock()))
        while (left := until - self.clock()) > 0 and not self.stopping():
            await self.sleep(min(left, GLANCE))
        await self._each(doubtful, self._verify)

    async def _verify(self, step: Pending, taken: RefusedError | None = None) -> State:
        """Ask Alma whether a write is there; `taken` is its reply that the ID is taken, if any.

        Without a reply the outcome stays unknown.
        """
        try:
            user = await self.alma.get_user(step.primary_id)
            if step.renames and not has_id(user, step.primary_id):
                user = await self.alma.get_user(step.new_id)
        except AlmaError as error:
            self.journal.record_outcome(step.row, State.UNKNOWN, str(error))
            if isinstance(error, UnavailableError):
                await self._failures.count(step.row, str(error))
            elif not isinstance(error, RefusedError):
                raise
            self._failures.reasons[step.row] = str(error)
            return State.UNKNOWN
        return self._judge(step, user, taken)

    def _judge(self, step: Pending, user: User | None, taken: RefusedError | None) -> State:
        match verify(step, user, self._facts.common):
            case WriteFound(kept, edited) if step.act is Act.CREATE:
                stored = None if edited or has_more(step, user) else user
                detail = "was so already" if taken is not None else "is in Alma"
                # If Alma refused the only call that was made, somebody else created the user.
                others = taken is not None and self.journal.step(step.row).attempts == 1
                state = State.ALREADY if others else State.APPLIED
                return self._apply(step, detail, kept, stored, edited, state)
            case WriteFound(kept):
                return self._apply(step, "is in Alma", kept, user)
            case NoWrite.MISSING if taken is not None:
                return self._refuse(step, taken)
            case NoWrite.MISSING:
                return self.journal.record_outcome(step.row, State.PLANNED, "is not in Alma")
            case NoWrite.USER_DELETED:
                return self._end(held(step, VANISHED, self._facts, GONE))
            case NoWrite.EDITED:
                return self._end(held(step, CHANGED_AFTER, self._facts))

    # recording the result of a step

    def _apply(
        self,
        step: Pending,
        detail: str,
        kept: tuple[str, ...],
        answered: User | None,
        edited: tuple[str, ...] = (),
        state: State = State.APPLIED,
    ) -> State:
        """Record a write that is in Alma; `kept` and `edited` are the paths that differ there.

        `state` is ALREADY if it is not this run's.
        """
        origin = self._facts.origin(step.row)
        differing = [(path, EDITED.format(field=path), EDITED_ADVICE) for path in edited]
        differing += [(path, why_kept(step, path), "") for path in kept]
        problems = [
            Problem.of(Code.KEPT_BY_ALMA, origin, message, field=path, advice=advice)
            for path, message, advice in differing
        ]
        if step.act is Act.CREATE and answered is not None:  # Alma gave it roles just now
            obstacles = role_obstacles(answered, self._facts.today)
            problems += [Problem.of(code, origin, sentence) for code, sentence in obstacles]
        return self.journal.record_outcome(
            step.row, state, detail, answered=answered, problems=problems
        )

    def _refuse(self, step: Pending, refusal: RefusedError) -> State:
        sent = self.journal.step(step.row)
        problem = refusal_problem(sent, refusal, self._facts.origin(step.row))
        detail = f"{refusal.code} {refusal.tracking_id}".strip()
        return self.journal.record_outcome(step.row, State.REFUSED, detail, problems=[problem])

    def _end(self, outcome: Outcome) -> State:
        self.journal.record_outcomes([outcome])
        return outcome.state
