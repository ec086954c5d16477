"""Ten mistakes that loaders make, as changes to the importer, to see that the tests find them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from importer.alma.client import Alma
from importer.errors import AlmaError, UnknownOutcomeError
from importer.ledger.journal import Journal, Pending
from importer.ledger.schema import State
from importer.model.catalogue import Code
from importer.model.problem import Problem
from importer.model.user import User
from importer.pipeline.apply import PlannersRules
from importer.validator import rules
from importer.writer import findings
from importer.writer.executor import Executor


def _replace(holder: object, name: str, made: Callable[[Any], Any]) -> None:
    setattr(holder, name, made(getattr(holder, name)))


def blind_retry() -> None:
    """A POST whose answer is lost is sent again at once."""

    def made(create: Any) -> Any:
        async def create_user(self: Alma, user: User) -> User:
            try:
                return await create(self, user)  # type: ignore[no-any-return]
            except UnknownOutcomeError:
                return await create(self, user)  # type: ignore[no-any-return]

        return create_user

    _replace(Alma, "create_user", made)


def outcome_before_reply() -> None:
    """A row counts as applied as soon as it is about to be sent."""

    def made(intend: Any) -> Any:
        def called(self: Journal, row: int, before: User | None, sent: User) -> None:
            intend(self, row, before, sent)
            self.settle(row, State.APPLIED)

        return called

    _replace(Journal, "intend", made)


def counting_by_position() -> None:
    """A resumed run goes on behind the last row that is done."""

    def made(waiting: Any) -> Any:
        def called(self: Journal, *states: State) -> tuple[int, ...]:
            done = max(waiting(self, State.APPLIED), default=0)
            return tuple(row for row in waiting(self, *states) if row > done)

        return called

    _replace(Journal, "waiting", made)


def ignoring_a_late_apply() -> None:
    """An identifier that is taken means a refusal, even if it may be our own that came late."""
    findings.TAKEN = frozenset()


def first_twin_wins() -> None:
    """Of rows with the same identifier the first is loaded."""

    def made(problems: Any) -> Any:
        def called(*compared: Any) -> Iterator[Problem]:
            found = list(problems(*compared))
            twins = [p.origin.row for p in found if p.code is Code.DUPLICATE_ID]
            return iter(p for p in found if p.origin.row != min(twins, default=0))

        return called

    _replace(rules, "duplicates", made)


def put_without_merge() -> None:
    """What was planned is put, whatever the record is now."""

    def called(self: PlannersRules, before: User, after: User, now: User) -> User:
        return after

    _replace(PlannersRules, "reconcile", lambda _: called)


def absent_on_any_error() -> None:
    """A user who could not be read is not there."""

    def made(get: Any) -> Any:
        async def get_user(self: Alma, user_id: str) -> User | None:
            try:
                return await get(self, user_id)  # type: ignore[no-any-return]
            except AlmaError:
                return None

        return get_user

    _replace(Alma, "get_user", made)


def settle_skipped() -> None:
    """Alma is asked at once what became of a write."""

    def made(verify: Any) -> Any:
        async def called(self: Executor) -> None:
            self.settle = 0
            await verify(self)

        return called

    _replace(Executor, "_verify_all", made)


def intent_after_send() -> None:
    """A create is written down when it has been sent."""

    async def called(self: Executor, step: Pending) -> State:
        answered = await self.alma.create_user(step.after)
        self.journal.intend(step.row, None, step.after)
        return self._done(step, None, step.after, answered)

    _replace(Executor, "_create", lambda _: called)


def before_image_missing() -> None:
    """What an update overwrites is not kept."""

    def made(intend: Any) -> Any:
        def called(self: Journal, row: int, before: User | None, sent: User) -> None:
            intend(self, row, None, sent)

        return called

    _replace(Journal, "intend", made)


BUGS: dict[str, Callable[[], None]] = {
    bug.__name__: bug
    for bug in (
        blind_retry,
        outcome_before_reply,
        counting_by_position,
        ignoring_a_late_apply,
        first_twin_wins,
        put_without_merge,
        absent_on_any_error,
        settle_skipped,
        intent_after_send,
        before_image_missing,
    )
}
