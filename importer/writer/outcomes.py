"""What Alma's replies mean for a row, as problems."""

from __future__ import annotations

from importer.alma.error_codes import explain_refusal
from importer.errors import RefusedError
from importer.model.catalogue import Code
from importer.model.problem import VALUE, Origin, Problem

TAKEN = frozenset({"401851", "4018994"})
"""Alma's codes for an ID that is taken (contract 2.4)."""


def refused(origin: Origin, error: RefusedError) -> Problem:
    """Alma refused the record: the reason in our words, and Alma's text as the value."""
    known = explain_refusal(error)
    tracking = f"(tracking ID {error.tracking_id})" if error.tracking_id else ""
    said = VALUE if error.said else ""
    own = " ".join(part for part in (error.code, said, tracking) if part)
    return Problem.of(
        Code.REFUSED_BY_ALMA,
        origin,
        f"{known.sentence} Alma's message: {own}" if own else known.sentence,
        field=known.field,
        value=error.said,
        advice=known.advice,
        repairs=known.repairs,
    )


def vanished(origin: Origin) -> Problem:
    """The user was in Alma when the plan was made and is not there now."""
    return Problem.of(
        Code.CHANGED_IN_ALMA, origin, "This user was deleted in Alma since the plan was made."
    )


def changed(origin: Origin) -> Problem:
    """Someone changed what the update would change."""
    return Problem.of(
        Code.CHANGED_IN_ALMA,
        origin,
        "Since the plan was made, someone changed in Alma what this update would change.",
    )


def changed_after(origin: Origin) -> Problem:
    """The reply to an update was lost, and the record is neither as before nor as it was sent."""
    return Problem.of(
        Code.CHANGED_IN_ALMA,
        origin,
        "The reply to this update was lost, and someone has changed the record in Alma since. "
        "Parts of the update may be there.",
    )


def in_use(origin: Origin, has: str) -> Problem:
    """A user who was to be deleted has obligations by now, such as `2 loans`."""
    return Problem.of(Code.NOT_DELETED, origin, f"This user has {has}, and was not deleted.")


def edited(origin: Origin, path: str) -> Problem:
    """The reply to a create was lost, and Alma's record differs in one field by now."""
    return Problem.of(
        Code.KEPT_BY_ALMA,
        origin,
        f"The user was created, but its {path} in Alma is not what was sent: someone changed it "
        "before Alma was asked, or Alma kept its own value.",
        field=path,
        advice="Look at the user in Alma. If the roster is right, plan it again.",
    )


def kept(origin: Origin, path: str) -> Problem:
    """Alma saved the record but kept its own value of one field."""
    return Problem.of(
        Code.KEPT_BY_ALMA, origin, f"Alma saved the record but kept its own {path}.", field=path
    )
