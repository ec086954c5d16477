"""Users whom a mapping ends by `match.retire`: what keeps one, and the step.

One is listed for Alma's own jobs, which delete, or the membership ends; nothing is deleted here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from importer.alma.models import obligations
from importer.model.fields import text
from importer.model.plan import Held, LeftAlone, Match, Planned, Retire, Unchanged
from importer.model.problem import Code
from importer.model.text import counted, word_list
from importer.model.user import User
from importer.planner.borrowing import active_blocks, other_roles
from importer.planner.case import Case
from importer.planner.drafts import DraftUser
from importer.planner.entries import current, same_id
from importer.planner.leavers import ExpectedUsers, has_expired, leave, without_counts
from importer.planner.patch import same_as_sent
from importer.planner.who import managed_elsewhere

OURS = Match()
"""Without external systems of a mapping; copies, contacts and deleted users are known by it."""


@dataclass(frozen=True, slots=True)
class Retiring:
    """How a mapping ends its users; `ends`: what it sets for those whose membership ends."""

    retire: Retire
    among: ExpectedUsers
    ends: DraftUser | None


def what_keeps(user: User) -> tuple[str, ...]:
    """Return what keeps a user from being listed or ended, in words.

    The user was read with loans, requests and fees; one that Alma does not count may be anything.
    """
    has, proxies = obligations(user), len(user.proxy_for_user or ())
    roles = ", ".join(dict.fromkeys(other_roles(user)))
    reasons = (
        managed_elsewhere(user, OURS),
        has and f"has {has}",
        f"is a proxy for {counted(proxies, 'user')}" if proxies else "",
        roles and f"has staff roles ({roles})",
    )
    return tuple(filter(None, reasons))


def is_as_planned(planned: User, live: User) -> bool:
    """Return whether nobody changed a user since it was read, staff roles and owner included."""
    return not (
        same_as_sent(planned, live, None)
        or same_as_sent(live, planned, None)
        or sorted(other_roles(planned)) != sorted(other_roles(live))
        or managed_elsewhere(planned, OURS) != managed_elsewhere(live, OURS)
    )


def _shown(user: User) -> Iterator[str]:
    yield current(user, "account_type").capitalize() or "no account type"
    if owner := current(user, "external_id"):
        yield f"of {owner}"
    yield f"group {current(user, 'user_group') or 'none'}"
    for name, words in _DAYS.items():
        if day := current(user, name):
            yield f"{words} {day}"
    if has := obligations(user):
        yield has
    for parts, noun in ((active_blocks(user), "active block"), (user.user_note or (), "note")):
        if parts:
            yield counted(len(parts), noun)


_DAYS = {
    "expiry_date": "expires",
    "purge_date": "purge date",
    "last_patron_activity_date": "last active",
    "status_date": "status since",
}


def retire(case: Case, planned: Planned, how: Retiring, *, has_left: bool) -> Planned:
    """Return the step that ends the user of a row, or that holds it with the reason.

    `planned`: the row with its user as read just now, who is found and unchanged so far.
    `has_left`: the importer ended the membership before. That is not done again, unless staff
    renewed it.
    """
    live, draft, part = planned.user, case.draft, how.retire
    if not isinstance(planned.step, Unchanged) or live is None:
        return planned
    keeps = list(what_keeps(live))
    if part.do != "expire" and not has_expired(live, case.earlier.today):
        keeps.append(f"has not expired ({current(live, 'expiry_date') or 'no expiry date'})")
    if not how.among.has(live):
        group = text(live.user_group) or "none"
        outside = f"is not among those whom `match.retire` names (group {group})"
        return _held(draft, planned, live, [outside])
    is_open = keeps == [f"has {obligations(live)}"]  # and nothing else keeps the user
    if keeps and (part.if_open == "hold" or not is_open):
        return _held(draft, planned, live, keeps)
    as_it_is = replace(planned, warnings=())
    if part.do == "list" and not keeps:
        does, retired = "is listed", replace(as_it_is, step=replace(planned.step, listed=live))
    else:
        retired, had_ended = _ended(case, as_it_is, how, live, has_left=has_left)
        does = "has ended before" if had_ended else "the membership ends" if keeps else "ends"
    if keeps:  # who is kept is not listed
        does = f"is kept, and {does}, because it {word_list(keeps)}"
        retired = (
            replace(retired, step=LeftAlone(draft.row, draft.primary_id))
            if retired is as_it_is
            else retired
        )
    message = f"the Alma user {{value}} {does}: {'; '.join(_shown(live))}"
    shown = draft.problem(Code.RETIRES, message, "primary_id", current(live, "primary_id"))
    return replace(retired, warnings=(*planned.warnings, shown, *retired.warnings))


def _ended(
    case: Case, as_it_is: Planned, how: Retiring, live: User, *, has_left: bool
) -> tuple[Planned, bool]:
    """Return the step that ends a membership, or as it is, and whether it had ended before."""
    draft, today = case.draft, case.earlier.today
    had_ended = has_left and live.expiry_date is not None and live.expiry_date <= today
    if how.ends is None or had_ended:
        return as_it_is, had_ended
    ends = replace(how.ends, row=draft.row, origin=draft.origin)
    ended = leave(replace(case, draft=ends), without_counts(live))
    return ended, isinstance(ended.step, Unchanged)


def why_not_listed(planned: User, live: User | None) -> str:
    """Return why a user may not be on a list for Alma's purge job any more; "" if the user may.

    `planned`: the record that the plan read. `live`: the one of now, None if it is gone.
    """
    if live is None or not same_id(live.primary_id, planned.primary_id):
        return "was deleted in Alma since the plan was made"
    if not is_as_planned(planned, live):
        return "was changed in Alma since the plan was made"
    keeps = what_keeps(live)
    return word_list(keeps) if keeps else ""


def _held(draft: DraftUser, planned: Planned, live: User, reasons: list[str]) -> Planned:
    message = f"the Alma user {{value}} {word_list(reasons)}"
    kept = draft.problem(Code.NOT_DELETED, message, "primary_id", current(live, "primary_id"))
    return replace(planned, step=Held(draft.row, (kept,)))
