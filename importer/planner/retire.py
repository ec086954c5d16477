"""Users who end by `match.retire`: what keeps one, what is shown of each, and the step."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date

from importer.alma.models import obligations
from importer.model.fields import text
from importer.model.plan import Delete, Held, LeftAlone, Match, Planned, Retire, Unchanged
from importer.model.problem import Code
from importer.model.text import counted, word_list
from importer.model.user import User
from importer.planner.borrowing import other_roles
from importer.planner.drafts import DraftUser
from importer.planner.entries import current
from importer.planner.leavers import Among, has_expired, leave, without_counts
from importer.planner.patch import same_as_sent
from importer.planner.who import managed_elsewhere

_OURS = Match()


@dataclass(frozen=True, slots=True)
class Retiring:
    """How a mapping ends its users; `ends`: what it sets for those whose membership ends."""

    retire: Retire
    among: Among
    ends: DraftUser | None


def what_keeps(user: User) -> tuple[str, ...]:
    """Return what keeps a user from being deleted, in words.

    The user was read with loans, requests and fees; one that Alma does not count may be anything.
    """
    has, proxies = obligations(user), len(user.proxy_for_user or ())
    roles = ", ".join(dict.fromkeys(other_roles(user)))
    found = (
        managed_elsewhere(user, _OURS),
        has and f"has {has}",
        f"is a proxy for {counted(proxies, 'user')}" if proxies else "",
        roles and f"has staff roles ({roles})",
    )
    return tuple(filter(None, found))


def is_as_planned(planned: User, live: User) -> bool:
    """Return whether nobody changed a user since it was read, staff roles and owner included."""
    return not (
        same_as_sent(planned, live, None)
        or same_as_sent(live, planned, None)
        or sorted(other_roles(planned)) != sorted(other_roles(live))
        or managed_elsewhere(planned, _OURS) != managed_elsewhere(live, _OURS)
    )


def _shown(user: User) -> Iterator[str]:
    """Yield what a person looks at before a user ends."""
    yield current(user, "account_type").capitalize() or "no account type"
    if owner := current(user, "external_id"):
        yield f"of {owner}"
    yield f"group {current(user, 'user_group') or 'none'}"
    for name, words in _DAYS.items():
        if day := current(user, name):
            yield f"{words} {day}"
    if has := obligations(user):
        yield has
    blocks = [one for one in user.user_block or () if (one.block_status or "ACTIVE") == "ACTIVE"]
    for there, noun in ((blocks, "active block"), (user.user_note or (), "note")):
        if there:
            yield counted(len(there), noun)


_DAYS = {
    "expiry_date": "expires",
    "purge_date": "purge date",
    "last_patron_activity_date": "last active",
    "status_date": "status since",
}

_DOES = {"list": "is listed", "expire": "ends", "delete": "is deleted for good"}


def retire(
    draft: DraftUser, planned: Planned, how: Retiring, match: Match, today: date, *, left: bool
) -> Planned:
    """Return the step that ends the user of a row, or that holds it with the reason.

    `planned`: the row with its user as read just now, who is found and unchanged so far. `left`:
    the importer ended the membership before. That is not done again, unless staff renewed it.
    """
    live = planned.user
    if not isinstance(planned.step, Unchanged) or live is None:
        return planned
    part, reasons = how.retire, list(what_keeps(live))
    if part.do != "expire" and not has_expired(live, today):
        reasons.append(f"has not expired ({current(live, 'expiry_date') or 'no expiry date'})")
    group, theirs = text(live.user_group) or "none", current(live, "primary_id")
    if not how.among.has(live):
        outside = f"is not among those whom `match.retire` names (group {group})"
        return _held(draft, planned, theirs, [outside])
    if reasons and part.if_open == "hold":
        return _held(draft, planned, theirs, reasons)
    do = "expire" if reasons else part.do
    left = left and live.expiry_date is not None and live.expiry_date <= today
    ended: Planned | None = None
    if do == "expire" and how.ends is not None and not left:
        ends = replace(how.ends, row=draft.row, origin=draft.origin)
        ended = leave(ends, without_counts(live), match, today)
        left = isinstance(ended.step, Unchanged)
    does = "is kept, and the membership ends" if reasons else _DOES[do]
    if do == "expire" and left:
        does = "is kept, and has ended before" if reasons else "has ended before"
    why = f", because it {word_list(reasons)}" if reasons else ""
    message = f"the Alma user {{value}} {does}{why}: {'; '.join(_shown(live))}"
    shown = draft.problem(Code.RETIRES, message, "primary_id", theirs)
    warnings = (*planned.warnings, shown)
    if do == "delete":
        gone = Delete(draft.row, theirs, without_counts(live))
        return replace(planned, step=gone, warnings=warnings)
    if ended is not None:
        return replace(ended, warnings=(*warnings, *ended.warnings))
    step = LeftAlone(draft.row) if reasons else planned.step  # who is kept is not listed
    return replace(planned, step=step, warnings=warnings)


def _held(draft: DraftUser, planned: Planned, theirs: str, reasons: list[str]) -> Planned:
    message = f"the Alma user {{value}} {word_list(reasons)}"
    kept = draft.problem(Code.NOT_DELETED, message, "primary_id", theirs)
    return replace(planned, step=Held(draft.row, (kept,)))
