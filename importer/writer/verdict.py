"""What became of a write whose answer was lost, by what Alma holds now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from importer.model.plan import Act

if TYPE_CHECKING:
    from importer.ledger.journal import Pending
    from importer.model.user import User


class Comparing(Protocol):
    """How records are compared; the planner's own rules, handed in."""

    def reconcile(self, before: User, after: User, now: User) -> User | None:
        """The body to put, if the record is now another one than planned; None on a conflict."""

    def kept(self, before: User | None, sent: User, answered: User) -> tuple[str, ...]:
        """The fields that were sent and that Alma holds otherwise."""


@dataclass(frozen=True, slots=True)
class Arrived:
    """The write is in Alma, which holds the fields of these paths otherwise than they were sent."""

    kept: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Absent:
    """The write is not in Alma, and may be sent again."""


@dataclass(frozen=True, slots=True)
class Vanished:
    """The user who was to be updated is not in Alma any more."""


@dataclass(frozen=True, slots=True)
class Contested:
    """Alma holds what is neither ours nor what was there before: a person has to look."""


Verdict = Arrived | Absent | Vanished | Contested


def is_of(step: Pending, user: User | None) -> bool:
    """Is this the user of the step? A search by identifier may find another one's barcode."""
    return user is not None and (user.primary_id or "").casefold() == step.primary_id.casefold()


def verdict(step: Pending, found: User | None, comparing: Comparing) -> Verdict:
    """Whether the last write of a step is there, given whom Alma finds by its identifier."""
    if step.act is Act.DELETE:
        return Absent() if is_of(step, found) else Arrived()
    body = step.sent.body if step.sent else step.after
    if found is None or not is_of(step, found):
        return Absent() if step.act is Act.CREATE else Vanished()
    before = step.sent.before if step.sent else step.before
    missing = comparing.kept(before, body, found)
    if before is None:
        return Contested() if missing else Arrived()
    changes = comparing.kept(before, body, before)
    if changes and not missing:
        return Arrived()
    if comparing.reconcile(before, body, found) is None:
        return Contested()
    # Alma takes a record whole: if any of it is there, the rest was kept by Alma. Where Alma
    # answers nothing that could tell (a PIN alone), putting it once more does no harm.
    return Arrived(missing) if set(missing) < set(changes) else Absent()
