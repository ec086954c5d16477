"""What a step writes of the record as it is now, or how it ends without that.

And what became of a write: refused by Alma, and why; or there or not, if its reply is lost.

Alma checks a whole record again at each update, so an address without its first line, or a code
that was deleted since, keeps the user from being updated at all (contract 2.4).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from importer.alma.models import obligations
from importer.alma.responses import Refusal, explain_refusal
from importer.errors import RefusedError
from importer.ledger.journal import Outcome, Pending
from importer.ledger.ledger import State
from importer.model.fields import LISTS, PATRON, STICKY, text
from importer.model.people import Common
from importer.model.plan import Act, Image
from importer.model.problem import VALUE, Code, Origin, Problem, Repairs, changed_in_alma
from importer.model.run import RunFacts
from importer.model.user import DELETED, AccountType, RecordPart, User
from importer.planner.entries import comparable, current, entries, same_id
from importer.planner.leavers import without_counts
from importer.planner.patch import carried_over, same_as_sent
from importer.planner.person import is_still
from importer.planner.retiring import is_as_planned

VANISHED = "This user was deleted in Alma since the plan was made."
ANOTHER = "Another person has this ID in Alma since the plan was made."
CHANGED = "Since the plan was made, someone changed in Alma what this update would change."


def carried(step: Pending, live: User | None, facts: RunFacts) -> Image | Outcome | None:
    """Return what an update or a delete overwrites and sends, or how it ends without that.

    `live` is the user with its ID as Alma has it now, to which the planned changes are carried
    over. It ends where Alma has them, and needs review where the user is another person, has
    something open, or somebody changed what it changes. None where nobody has the ID any more.
    """
    was, deletes = step.before or step.after, step.act is Act.DELETE
    if deletes and is_gone(step, live):
        return already(step, "was gone already")
    if live is None or not has_id(live, step.primary_id):
        return None
    known = (was, step.body) if step.attempts else (was,)
    if not (deletes or is_still(known, live, facts.common)):
        return held(step, ANOTHER, facts)
    has = obligations(live)
    if has and (deletes or facts.holds_open(step.row)):
        why = f"This user has {has}, and was not {'deleted' if deletes else 'changed'}."
        return held(step, why, facts, code=Code.NOT_DELETED)
    if deletes:
        after, changed = live, not is_as_planned(was, live)
    else:
        live = without_counts(live)
        after, theirs = carried_over(was, step.after, live)
        changed = bool(theirs)
    if changed:
        return held(step, CHANGED, facts)
    is_so = after == live and not deletes
    return already(step, "was so already", live) if is_so else Image(live, after)


def already(step: Pending, detail: str, live: User | None = None) -> Outcome:
    """Return that Alma has a step already; by this run, if an attempt was made before."""
    state = State.APPLIED if step.attempts else State.ALREADY
    return Outcome(step.row, state, detail, live, ())


def held(
    step: Pending, why: str, facts: RunFacts, detail: str = "", code: Code = Code.CHANGED_IN_ALMA
) -> Outcome:
    """Return that a step needs review; `detail`: for the history, if not why."""
    origin = facts.origin(step.row)
    problem = Problem.of(code, origin, why)
    problem = changed_in_alma(origin, why) if code is Code.CHANGED_IN_ALMA else problem
    return Outcome(step.row, State.HELD, detail or why, None, (problem,))


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


def is_gone(step: Pending, user: User | None) -> bool:
    """Whether the user of a step was deleted, also where Alma keeps the record (contract 3.3)."""
    if user is None or not has_id(user, step.primary_id):
        return True
    was = text((step.before or step.after).status)
    return text(user.status).upper() == DELETED != was.upper()


def verify(step: Pending, user: User | None, common: Common) -> WriteFound | NoWrite:
    """Return whether the last write of a step is in Alma.

    `user` is the one with its ID; if an update changes the ID and nobody has the old one any
    more, the user with the new ID. `common`: what too many users have to be evidence.
    """
    if step.renames and has_id(user, step.primary_id):
        return NoWrite.MISSING  # Alma takes a record whole, and this user has the old ID
    if not has_id(user, step.new_id) or (step.renames and not is_renamed(step, user, common)):
        user = None
    match step.act:
        case Act.DELETE:
            return WriteFound() if is_gone(step, user) else NoWrite.MISSING
        case Act.CREATE:
            return NoWrite.MISSING if user is None else _verify_create(step, user, common)
        case _:
            return NoWrite.USER_DELETED if user is None else _verify_update(step, user)


def is_renamed(step: Pending, user: User | None, common: Common) -> bool:
    """Whether the user with the new ID of a step is the one who had the old one."""
    return user is not None and has_id(user, step.new_id) and _is_of_write(step.body, user, common)


def _verify_create(step: Pending, user: User, common: Common) -> WriteFound | NoWrite:
    """Whether a user that was sent is the one that Alma has now.

    It is if Alma has all that was sent. If the create may have arrived before (`attempts`), it
    also is if Alma's user is the same person, and staff have edited it since. Any other user has
    the ID by accident: the create did not arrive, and Alma will refuse it.
    """
    differing = same_as_sent(step.body, user, None)
    if differing and not (step.attempts and _is_of_write(step.body, user, common)):
        return NoWrite.MISSING
    return WriteFound(edited=differing)


def _verify_update(step: Pending, user: User) -> WriteFound | NoWrite:
    body = step.body
    before = (step.sent.before if step.sent else step.before) or body
    missing = same_as_sent(body, user, before)
    changes = same_as_sent(body, before, before)
    if changes and not missing:
        return WriteFound()
    if carried_over(before, body, user)[1]:
        return NoWrite.EDITED
    # Alma takes a record whole: if any of it is there, the rest was kept by Alma. Where Alma
    # answers nothing that could show it (a PIN alone), sending it again does no harm.
    return WriteFound(missing) if set(missing) < set(changes) else NoWrite.MISSING


_KIND = ("record_type", "account_type", "external_id")
_PERSON = ("first_name", "last_name", "birth_date")


def _is_of_write(sent: User, user: User, common: Common) -> bool:
    """Whether a user is still who was sent, and its record the one that was sent.

    That nothing speaks against the person is not enough where the write may never have arrived: so
    the kind of record, every ID, and a name or the birth date are the same, too.
    """
    ours, theirs = comparable(sent), comparable(user)
    same = {
        name
        for name in (*_KIND, *_PERSON)
        if ours.get(name, "").casefold() == theirs.get(name, "").casefold()
    }
    known_by = any(name in same and name in ours for name in _PERSON)
    is_record = same.issuperset(_KIND) and known_by and _ids(sent) <= _ids(user)
    return is_record and is_still((sent,), user, common)


def _ids(user: User) -> set[tuple[str, str]]:
    return {
        (text(entry.id_type), (entry.value or "").casefold())
        for entry in user.user_identifier or ()
    }


def has_more(step: Pending, user: User | None) -> bool:
    """Whether a created user has entries that were not sent: staff's, so no undo deletes them."""
    return user is not None and any(
        len(entries(user, parent)) > len(entries(step.body, parent)) for parent in LISTS
    )


def why_kept(step: Pending, path: str) -> str:
    """Return in a sentence that Alma kept its own value, by the cause (contract 3.1)."""
    kept = f"Alma saved the record but kept its own {path}"
    if path not in STICKY or current(step.body, "account_type") != AccountType.EXTERNAL.value:
        return f"{kept}."
    if getattr(step.body, path):
        return f"{kept}, which someone edited in Alma."
    return f"{kept}: a blank does not clear it."


_GIVEN = re.compile(r"\((?P<code>[^()]+)\)|has invalid value (?P<value>[^,]+),")
"""The value that Alma's text names."""

_ROLE = re.compile(r"\buser_role\b.*\brole number (?P<number>[0-9]+)")


def refusal_problem(step: Pending, refusal: RefusedError, origin: Origin) -> Problem:
    """Return why Alma refused a step: the reason in our words, and Alma's text as the value."""
    known = explain_refusal(refusal)
    write = step.sent
    if write is not None and write.before is not None:
        known = _blamed(known, refusal.said, write.before, write.sent)
    tracking = f"(tracking ID {refusal.tracking_id})" if refusal.tracking_id else ""
    texts = (refusal.code, VALUE if refusal.said else "", tracking)
    own = " ".join(part for part in texts if part)
    return Problem.of(
        Code.REFUSED_BY_ALMA,
        origin,
        f"{known.sentence} Alma's message: {own}" if own else known.sentence,
        field=known.field,
        value=refusal.said,
        advice=known.advice,
        repairs=known.repairs,
    )


def _blamed(known: Refusal, said: str, before: User, sent: User) -> Refusal:
    """Return the refusal; one that is about Alma's own record, and not the roster, says that."""
    advice = (
        "Open the user in Alma, correct that part or delete it, and save. Then plan the row again."
    )
    if role := _other_role(said, before):
        part = f"the role {role}"
        advice += " Roles are sent only because of `patron_role` in the mapping."
    elif _is_in_alma(known.field, said, before, sent):
        part = known.field
    else:
        return known
    return known.model_copy(
        update={
            "sentence": f"Something in this user's record in Alma, not in the roster, keeps Alma "
            f"from saving it ({part}). {known.sentence}",
            "advice": advice,
            "field": "",
            "repairs": Repairs.ROW,
        }
    )


def _other_role(said: str, before: User) -> str:
    """Return the role that Alma names, unless it is the Patron role; "" if it names none.

    Alma checks every role again if an update sends the roles, also an old one that lacks a
    parameter that is required now (contract 3.1).
    """
    match = _ROLE.search(said)
    if match is None or match["number"] == PATRON:
        return ""
    number = match["number"]
    kinds = (role.role_type for role in before.user_role or () if role.role_type is not None)
    name = next((kind.desc for kind in kinds if kind.value == number and kind.desc), "")
    return f"{name} ({number})" if name else number


def _is_in_alma(field: str, said: str, before: User, sent: User) -> bool:
    """Return whether Alma had what it refuses before the update, which changes nothing of it."""
    parent, _, name = field.rpartition(".")
    match = _GIVEN.search(said)
    value = (match["code"] or match["value"]).strip() if match else ""

    def wrong(part: RecordPart) -> bool:
        return value in text(getattr(part, name, None)).split("+")

    if parent not in LISTS:
        was, will = (text(getattr(user, name, None)) for user in (before, sent))
        return name in User.model_fields and was == will
    old = entries(before, parent)
    blamed = [part in old for part in entries(sent, parent) if wrong(part)]
    return bool(blamed) and all(blamed)
