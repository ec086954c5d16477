"""Why Alma refused a record: for the row's values, or for what the record has in Alma already.

Alma checks a whole record again at each update, so an address without its first line, or a code
that was deleted since, keeps the user from being updated at all (contract 2.4).
"""

from __future__ import annotations

import re

from importer.alma.error_codes import Refusal, explain_refusal
from importer.errors import RefusedError
from importer.ledger.journal import Pending
from importer.model.fields import LISTS, text
from importer.model.problem import VALUE, Code, Origin, Problem, Repairs
from importer.model.user import Part, User
from importer.planner.borrowing import PATRON
from importer.planner.entries import entries

_GIVEN = re.compile(r"\((?P<code>[^()]+)\)|has invalid value (?P<value>[^,]+),")
"""The value that Alma's text names."""

_ROLE = re.compile(r"\buser_role\b.*\brole number (?P<number>[0-9]+)")


def refusal_problem(step: Pending, refusal: RefusedError, origin: Origin) -> Problem:
    """Return why Alma refused a step: the reason in our words, and Alma's text as the value."""
    known = explain_refusal(refusal)
    write = step.sent
    if write is not None and write.before is not None:
        known = _blamed(known, refusal.said, write.before, write.body)
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

    def wrong(part: Part) -> bool:
        return value in text(getattr(part, name, None)).split("+")

    if parent not in LISTS:
        was, will = (text(getattr(user, name, None)) for user in (before, sent))
        return name in User.model_fields and was == will
    old = entries(before, parent)
    blamed = [part in old for part in entries(sent, parent) if wrong(part)]
    return bool(blamed) and all(blamed)
