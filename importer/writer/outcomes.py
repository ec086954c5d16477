"""What Alma's answers mean for a row, as problems."""

from __future__ import annotations

from typing import TYPE_CHECKING

from importer.alma.error_codes import explain_refusal
from importer.model.catalogue import Code
from importer.model.problem import VALUE, Origin, Problem

if TYPE_CHECKING:
    from importer.errors import RefusedError

TAKEN = frozenset({"401851", "4018994"})
"""Alma's codes for an identifier that somebody has already (contract 2.4)."""


def refused(origin: Origin, error: RefusedError) -> Problem:
    """Alma refuses the record: its reason in our words, and in its own as the value."""
    known = explain_refusal(error)
    tracking = f"(tracking id {error.tracking_id})" if error.tracking_id else ""
    said = VALUE if error.said else ""
    own = " ".join(part for part in (error.code, said, tracking) if part)
    return Problem.of(
        Code.REFUSED_BY_ALMA,
        origin,
        f"{known.sentence} Alma's own words: {own}" if own else known.sentence,
        field=known.field,
        value=error.said,
        advice=known.advice,
        mends=known.mends,
    )


def vanished(origin: Origin) -> Problem:
    """The user was there when the plan was made and is not now."""
    return Problem.of(
        Code.CHANGED_IN_ALMA, origin, "This user was deleted in Alma since the plan was made."
    )


def changed(origin: Origin) -> Problem:
    """Somebody changed what we would change."""
    return Problem.of(
        Code.CHANGED_IN_ALMA,
        origin,
        "Someone changed in Alma, since the plan was made, what this update would change.",
    )


def changed_after(origin: Origin) -> Problem:
    """The update's answer was lost, and the record is now neither as before nor as it was sent."""
    return Problem.of(
        Code.CHANGED_IN_ALMA,
        origin,
        "The answer to this update was lost, and someone changed the record in Alma since; "
        "parts of the update may be there.",
    )


def in_use(origin: Origin, has: str) -> Problem:
    """A user who was to be deleted has `has` by now."""
    return Problem.of(Code.NOT_DELETED, origin, f"This user has {has}, and was not deleted.")


def edited(origin: Origin, path: str) -> Problem:
    """The answer to a create was lost, and Alma's record of it differs in one field by now."""
    return Problem.of(
        Code.KEPT_BY_ALMA,
        origin,
        f"The user was created, but its {path} in Alma is not what was sent: someone changed it "
        "before Alma was asked, or Alma kept its own value.",
        field=path,
        advice="Look at the user in Alma. If the roster is right, plan it again.",
    )


def kept(origin: Origin, path: str) -> Problem:
    """Alma took the record and kept its own value of one field."""
    return Problem.of(
        Code.KEPT_BY_ALMA, origin, f"Alma saved the record but kept its own {path}.", field=path
    )
