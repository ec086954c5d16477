"""One write of a run taken back, given what Alma holds now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from importer.alma.business import unfinished
from importer.model.catalogue import Code
from importer.model.plan import Act, Create, Delete, Held, Planned, Unchanged
from importer.model.problem import Problem
from importer.planner.undo import Written, as_created, created_again, undo_update

if TYPE_CHECKING:
    from importer.ledger.images import Image
    from importer.model.problem import Origin
    from importer.model.user import User


def undone(image: Image, live: User | None, origin: Origin) -> Planned:
    """What takes a write back; `live` is the user as it is, None where it is not in Alma.

    Of a user that the run created it was read with what it has to do with the library.
    """
    back = {Act.CREATE: _create_undone, Act.DELETE: _delete_undone}
    return back.get(image.act, update_undone)(image, live, origin)


def held_back(origin: Origin, code: Code, sentence: str, advice: str) -> Planned:
    """Nothing is planned, and a person has to look."""
    return Planned(Held(origin.row, (Problem.of(code, origin, sentence, advice=advice),)))


def update_undone(image: Image, live: User | None, origin: Origin) -> Planned:
    """What takes one update of a run back, given the record as it is now.

    What somebody changed since is theirs: a warning names it, and the rest is put back.
    """
    if live is None or image.before is None or not _is_of(image, live):
        sentence = "This user was deleted in Alma since the run, or has another identifier now."
        advice = "Look for the user in Alma; what the run changed can only be mended there."
        return held_back(origin, Code.CHANGED_IN_ALMA, sentence, advice)
    written = Written(image.before, image.sent, image.answered, image.override)
    undone = undo_update(image.row, written, live)
    if not undone.theirs:
        return Planned(undone.step)
    sentence = f"Someone changed in Alma since what the run wrote: {', '.join(undone.theirs)}."
    return Planned(undone.step, (Problem.of(Code.NOT_UNDONE, origin, sentence),))


def _create_undone(image: Image, live: User | None, origin: Origin) -> Planned:
    if live is None or not _is_of(image, live):
        return Planned(Unchanged(image.row, image.primary_id))
    if not as_created(image.sent, image.answered, live):
        sentence = "Someone changed this user in Alma since the run created it."
        advice = "Look at the user in Alma, and delete it there if it is to go all the same."
        return held_back(origin, Code.CHANGED_IN_ALMA, sentence, advice)
    if has := unfinished(live):
        return held_back(origin, Code.NOT_DELETED, f"This user has {has}.", "")
    return Planned(Delete(image.row, image.primary_id, live))


def _delete_undone(image: Image, live: User | None, origin: Origin) -> Planned:
    if live is None:
        return Planned(Create(image.row, created_again(image.sent)))
    if _is_of(image, live):
        return Planned(Unchanged(image.row, image.primary_id))
    sentence = "Another user holds the identifier of the one that was deleted."
    advice = "Look at that user in Alma. The deleted one can only be created with another one."
    return held_back(origin, Code.CHANGED_IN_ALMA, sentence, advice)


def _is_of(image: Image, live: User) -> bool:
    """Is this the user of the write? Another one may hold the identifier by now."""
    return (live.primary_id or "").casefold() == image.primary_id.casefold()
