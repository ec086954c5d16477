"""Eleven mistakes that loaders make, planted in the importer to see that the tests find them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from importer.alma.client import Alma
from importer.alma.connection import Connection, Request
from importer.alma.pacing import Moment, RateLimiter
from importer.alma.responses import CallResult, ReplyLost
from importer.errors import AlmaError, ThrottledError
from importer.ledger.journal import Journal
from importer.ledger.ledger import State
from importer.model.problem import Code, Problem
from importer.model.user import User
from importer.pipeline import check
from importer.writer import executor, outcomes
from importer.writer.executor import Executor


def _replace(holder: object, name: str, made: Callable[[Any], Any]) -> None:
    setattr(holder, name, made(getattr(holder, name)))


def blind_retry() -> None:
    """A PUT whose answer is lost is sent again at once."""

    def made(send: Any) -> Any:
        async def sent(self: Connection, request: Request) -> CallResult:
            outcome: CallResult = await send(self, request)
            if request.method == "PUT" and isinstance(outcome, ReplyLost):
                outcome = await send(self, request)
            return outcome

        return sent

    _replace(Connection, "send", made)


def stale_reading() -> None:
    """What was read before a pause is still believed after it."""

    def fresh(self: RateLimiter, read_at: Moment) -> bool:
        return True

    _replace(RateLimiter, "is_fresh", lambda _: fresh)

    def made(send: Any) -> Any:
        async def sent(self: Alma, request: Request, *more: Any, **named: Any) -> Any:
            while True:
                try:
                    return await send(self, request, *more, **named)
                except ThrottledError:
                    continue

        return sent

    _replace(Alma, "_send", made)


def outcome_before_reply() -> None:
    """A row counts as applied as soon as it is about to be sent."""

    def made(intend: Any) -> Any:
        def called(self: Journal, row: int, before: User | None, sent: User) -> None:
            intend(self, row, before, sent)
            self.record_outcome(row, State.APPLIED)

        return called

    _replace(Journal, "record_intent", made)


def counting_by_position() -> None:
    """A resumed run goes on behind the last row that is done."""

    def made(waiting: Any) -> Any:
        def called(self: Journal, *states: State) -> tuple[int, ...]:
            done = max(waiting(self, State.APPLIED), default=0)
            return tuple(row for row in waiting(self, *states) if row > done)

        return called

    _replace(Journal, "rows_in", made)


def ignoring_a_late_apply() -> None:
    """An identifier that is taken means a refusal, even if it may be our own that came late."""
    executor.TAKEN = frozenset()


def first_twin_wins() -> None:
    """Of rows with the same identifier the first is loaded."""

    def made(problems: Any) -> Any:
        def called(*compared: Any) -> Iterator[Problem]:
            found = list(problems(*compared))
            twins = [p.origin.row for p in found if p.code is Code.DUPLICATE_ID]
            return iter(p for p in found if p.origin.row != min(twins, default=0))

        return called

    _replace(check, "find_duplicates", made)


def put_without_merge() -> None:
    """What was planned is put, whatever the record is now."""

    def planned(_before: User, after: User, _now: User) -> tuple[User, tuple[str, ...]]:
        return after, ()

    setattr(outcomes, "carried_over", planned)  # noqa: B010


def absent_on_any_error() -> None:
    """A user who could not be read is not there."""

    def made(get: Any) -> Any:
        async def get_user(self: Alma, user_id: str, *more: Any, **named: Any) -> User | None:
            try:
                return await get(self, user_id, *more, **named)  # type: ignore[no-any-return]
            except AlmaError:
                return None

        return get_user

    _replace(Alma, "get_user", made)


def settle_skipped() -> None:
    """Alma is asked at once what became of a write."""

    def made(verify: Any) -> Any:
        async def called(self: Executor) -> None:
            self.verify_delay = 0
            await verify(self)

        return called

    _replace(Executor, "_verify_all", made)


def intent_after_send() -> None:
    """An update is written down when it has been sent."""
    later: dict[int, tuple[User, User]] = {}
    intend, settle = Journal.record_intent, Journal.record_outcome

    def wait(self: Journal, row: int, before: User | None, sent: User) -> None:
        if before is None:
            intend(self, row, before, sent)
        else:
            later[row] = (before, sent)

    def first(self: Journal, row: int, *more: Any, **named: Any) -> State:
        if row in later:
            intend(self, row, *later.pop(row))
        return settle(self, row, *more, **named)

    _replace(Journal, "record_intent", lambda _: wait)
    _replace(Journal, "record_outcome", lambda _: first)


def before_image_missing() -> None:
    """What an update overwrites is not kept."""

    def made(intend: Any) -> Any:
        def called(self: Journal, row: int, before: User | None, sent: User) -> None:
            intend(self, row, None, sent)

        return called

    _replace(Journal, "record_intent", made)


BUGS: dict[str, Callable[[], None]] = {
    name: planted
    for name, planted in globals().items()
    if getattr(planted, "__module__", "") == __name__ and not name.startswith("_")
}
"""Every mistake by its name: the public functions of this module."""
