"""What a user needs to borrow: a Patron role that has not expired, and nothing in the way.

An update may extend or add the Patron role. No other role is touched.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date

from importer.model.fields import PATRON, ROLE, text
from importer.model.plan import Change, ChangeKind, Create, Planned
from importer.model.problem import KNOWN, CellFinding, Code
from importer.model.user import Coded, User, UserBlock, UserRole
from importer.planner.drafts import DraftUser

Roles = dict[tuple[str, int], UserRole]
"""The Patron roles of a user, by their scope without case and their number within it."""


def patron_roles(user: User) -> Roles:
    """Return the Patron roles of a user."""
    roles: Roles = {}
    for role in user.user_role or ():
        if text(role.role_type) == PATRON:
            scope = text(role.scope).casefold()
            number = sum(known == scope for known, _ in roles)
            roles[scope, number] = role
    return roles


def with_patron_role(user: User, expiry: str, scope: str, institution: str) -> User:
    """Return the user with a Patron role that lasts until `expiry`, an ISO date.

    Roles of the scope, of any scope if it is blank, become longer and never shorter. If there is
    none, one is added, of the institution if the scope is blank. One that is inactive stays as it
    is: no date lets its user borrow. With a blank `expiry`, or where the institution is not known,
    nothing changes.
    """
    roles = patron_roles(user)
    ours = {key for key in roles if not scope or key[0] == scope.casefold()}
    added = scope or institution
    if not expiry or not (ours or added):
        return user
    for key in ours:
        if _is_active(roles[key]) and "" != _day(roles[key]) < expiry:
            roles[key] = _until(roles[key], expiry)
    if not ours:
        new = UserRole(
            status=Coded(value="ACTIVE"), scope=Coded(value=added), role_type=Coded(value=PATRON)
        )
        roles[added.casefold(), 0] = _until(new, expiry)
    return _with_roles(user, roles)


def other_roles(user: User) -> tuple[str, ...]:
    """Return the roles beside the Patron role as Alma calls them, or their codes."""
    kinds = (role.role_type for role in user.user_role or ())
    return tuple(
        kind.desc or kind.value or "" for kind in kinds if text(kind) not in {"", PATRON} and kind
    )


def end_patron_roles(user: User, day: str, scope: str) -> User:
    """Return the user with no Patron role of the scope, of any if it is blank, beyond a day."""
    roles = patron_roles(user)
    for key, role in roles.items():
        if (not scope or key[0] == scope.casefold()) and not "" != _day(role) <= day:
            roles[key] = _until(role, day)
    return _with_roles(user, roles)


def role_days(user: User) -> list[str]:
    """Return the days on which the Patron roles of a user expire, ISO; "" for never."""
    return [_day(role) for role in patron_roles(user).values()]


def role_changes(old: User, new: User) -> Iterator[Change]:
    """Yield the differences between the Patron roles of two records."""
    before, after = patron_roles(old), patron_roles(new)
    for key in {**before, **after}:
        was, will = before.get(key), after.get(key)
        if was is None and will is not None:
            yield Change(ChangeKind.ADD, ROLE, "", _day(will) or text(will.scope))
        elif will is None and was is not None:
            yield Change(ChangeKind.REMOVE, ROLE, _day(was) or text(was.scope), "")
        elif was is not None and will is not None and _day(was) != _day(will):
            kind = ChangeKind.REPLACE if _day(was) else ChangeKind.ADD
            yield Change(kind, f"{ROLE}.expiry_date", _day(was), _day(will))


def merge_roles(before: User, after: User, now: User) -> User | None:
    """Return the user as it is now with an update's changes of the Patron role.

    None if someone changed the same role meanwhile.
    """
    old, new, roles = patron_roles(before), patron_roles(after), patron_roles(now)
    for key in {**old, **new}:
        was, will, is_now = (part.get(key) for part in (old, new, roles))
        if _shape(was) == _shape(will) or _shape(is_now) == _shape(will):
            continue
        if _shape(is_now) != _shape(was):
            return None
        if will is None:
            del roles[key]
        else:
            roles[key] = will
    return _with_roles(now, roles)


def roles_kept(sent: User, reply: User, before: User | None) -> bool:
    """Return whether Alma kept its own Patron role instead of the one that was sent."""
    ours, theirs = patron_roles(sent), patron_roles(reply)
    old = patron_roles(before) if before is not None else {}
    return any(
        _shape(role) not in {_shape(old.get(key)), _shape(theirs.get(key))}
        for key, role in ours.items()
    )


def _with_roles(user: User, roles: Roles) -> User:
    """Return the user with these Patron roles; all other roles stay in their places."""
    new, before = dict(roles), user.user_role or ()
    keys = {id(role): key for key, role in patron_roles(user).items()}
    made: list[UserRole] = []
    for role in before:
        key = keys.get(id(role))
        if key is None:
            made.append(role)
        elif key in new:
            made.append(new.pop(key))
    made += new.values()
    return user if made == [*before] else user.model_copy(update={"user_role": tuple(made)})


def _until(role: UserRole, expiry: str) -> UserRole:
    return role.model_copy(update={"expiry_date": f"{expiry}Z"})


def _day(role: UserRole) -> str:
    """Return the day on which a role expires as ISO text; "" if it never does."""
    return (role.expiry_date or "")[:10]


def _shape(role: UserRole | None) -> tuple[str, str] | None:
    return None if role is None else (text(role.status).casefold(), _day(role))


# --- who cannot borrow ---


def role_obstacles(user: User, today: date) -> Iterator[tuple[Code, str]]:
    """Yield why the Patron role of a user in Alma does not let it borrow: a code and a sentence.

    Nothing if the record does not show its roles.
    """
    if user.user_role is None:
        return
    roles = patron_roles(user).values()
    active = [*filter(_is_active, roles)]
    if not active:
        why = "the Patron role is inactive" if roles else "the user has no Patron role"
        yield Code.PATRON_ROLE_MISSING, why
    elif all("" != _day(role) < today.isoformat() for role in active):
        last = max(_day(role) for role in active)
        yield Code.PATRON_ROLE_EXPIRED, f"the Patron role expired on {last}"


def _is_active(role: UserRole) -> bool:
    return text(role.status).casefold() in {"", "active"}


def active_blocks(user: User) -> list[UserBlock]:
    """Return the blocks of a user that count."""
    blocks = user.user_block or ()
    return [block for block in blocks if (block.block_status or "active").casefold() == "active"]


def obstacles(user: User, today: date) -> Iterator[CellFinding]:
    """Yield why a user will not be able to borrow, roles aside: one finding for each code.

    It has a value, the day, where the user has only expired.
    """
    why = []
    days = {"expired on": user.expiry_date, "has the purge date": user.purge_date}
    for words, day in days.items():
        if day is not None and day < today:
            why.append(f"{words} {day.isoformat()}")
    if text(user.status) not in {"", "ACTIVE"}:
        why.append(f"is {text(user.status)}")
    blocks = active_blocks(user)
    why += [f"has an active block ({text(block.block_description)})" for block in blocks]
    expired = user.expiry_date
    if len(why) == 1 and expired is not None and expired < today:
        yield CellFinding(
            Code.CANNOT_BORROW, f"the user expired on {KNOWN}", value=expired.isoformat()
        )
    elif why:
        yield CellFinding(Code.CANNOT_BORROW, f"the user {' and '.join(why)}")
    emails = (user.contact_info.email if user.contact_info else None) or ()
    if not any(email.preferred and email.email_address for email in emails):
        wrong = "the user has no preferred email, so no notices arrive"
        yield CellFinding(Code.NO_PREFERRED_EMAIL, wrong)


def with_borrowing(draft: DraftUser, planned: Planned, today: date) -> Planned:
    """Return the step with warnings why its user will not be able to borrow.

    Alma gives a new user roles by its own rules, so a create has none yet.
    """
    step = planned.step
    user = step.user if isinstance(step, Create) else planned.user
    if user is None:
        return planned
    why = [*obstacles(user, today)]
    if not isinstance(step, Create):
        why += (CellFinding(code, sentence) for code, sentence in role_obstacles(user, today))
    problems = (finding.problem(draft.origin) for finding in why)
    return replace(planned, warnings=(*planned.warnings, *problems))
