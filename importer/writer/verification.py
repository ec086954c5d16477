"""What became of a write whose answer is lost or doubtful, by what Alma has now."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from importer.ledger.journal import Pending
from importer.model.fields import LISTS, text
from importer.model.plan import Act
from importer.model.user import User
from importer.planner.entries import comparable, entries, same_id
from importer.planner.three_way import Conflict, same_as_sent, three_way


@dataclass(frozen=True, slots=True)
class WriteFound:
    """The write is in Alma. The fields of these paths differ from what was sent.

    `kept` are Alma's own values; `edited`, of a create, are Alma's or somebody's later ones.
    """

    kept: tuple[str, ...] = ()
    edited: tuple[str, ...] = ()


class NoWrite(Enum):
    """Why a write is not found in Alma."""

    MISSING = "it did not arrive, and may be sent again"
    USER_DELETED = "the user who was to be updated is not in Alma any more"
    EDITED = "Alma has neither what was sent nor what was there before: a person has to look"


def has_id(user: User | None, primary_id: str) -> bool:
    """Whether this is the user with that primary ID; a search may find another user's barcode."""
    return user is not None and same_id(user.primary_id, primary_id)


def verify(step: Pending, found: User | None) -> WriteFound | NoWrite:
    """Return whether the last write of a step is in Alma.

    `found` is the user with its ID; if an update changes the ID and nobody has the old one any
    more, the user with the new ID.
    """
    if step.renames and has_id(found, step.primary_id):
        return NoWrite.MISSING  # Alma takes a record whole, and this user has the old ID
    if not has_id(found, step.new_id) or (step.renames and not is_renamed(step, found)):
        found = None
    match step.act:
        case Act.DELETE:
            return WriteFound() if found is None else NoWrite.MISSING
        case Act.CREATE:
            return NoWrite.MISSING if found is None else _verify_create(step, found)
        case _:
            return NoWrite.USER_DELETED if found is None else _verify_update(step, found)


def is_renamed(step: Pending, found: User | None) -> bool:
    """Whether the user with the new ID of a step is the one who had the old one."""
    return found is not None and has_id(found, step.new_id) and _same_person(step.body, found)


def _verify_create(step: Pending, found: User) -> WriteFound | NoWrite:
    """Whether a user that was sent is the one that Alma has now.

    It is if Alma has all that was sent. If the create may have arrived before (`attempts`), it
    also is if Alma's user is the same person, and staff have edited it since. Any other user has
    the ID by accident: the create did not arrive, and Alma will refuse it.
    """
    differing = same_as_sent(step.body, found)
    if differing and not (step.attempts and _same_person(step.body, found)):
        return NoWrite.MISSING
    return WriteFound(edited=differing)


def _verify_update(step: Pending, found: User) -> WriteFound | NoWrite:
    body = step.body
    before = (step.sent.before if step.sent else step.before) or body
    missing = same_as_sent(body, found, before)
    changes = same_as_sent(body, before, before)
    if changes and not missing:
        return WriteFound()
    if isinstance(three_way(before, body, found), Conflict):
        return NoWrite.EDITED
    # Alma takes a record whole: if any of it is there, the rest was kept by Alma. Where Alma
    # answers nothing that could show it (a PIN alone), sending it again does no harm.
    return WriteFound(missing) if set(missing) < set(changes) else NoWrite.MISSING


_KIND = ("record_type", "account_type", "external_id")
_PERSON = ("first_name", "last_name", "birth_date")


def _same_person(sent: User, found: User) -> bool:
    """Whether a user has what identifies the one that was sent, though other fields differ.

    That is the kind of record, every ID, and a name or the birth date.
    """
    ours, theirs = comparable(sent), comparable(found)
    same = {
        name
        for name in (*_KIND, *_PERSON)
        if ours.get(name, "").casefold() == theirs.get(name, "").casefold()
    }
    known_by = any(name in same and name in ours for name in _PERSON)
    return same.issuperset(_KIND) and known_by and _ids(sent) <= _ids(found)


def _ids(user: User) -> set[tuple[str, str]]:
    return {
        (text(entry.id_type), (entry.value or "").casefold())
        for entry in user.user_identifier or ()
    }


def has_more(step: Pending, found: User | None) -> bool:
    """Whether a created user has entries that were not sent: staff's, so no undo deletes them."""
    return found is not None and any(
        len(entries(found, parent)) > len(entries(step.body, parent)) for parent in LISTS
    )
