"""Comparing what was sent with what Alma answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from importer.model.fields import LISTS
from importer.model.user import User
from importer.planner.entries import CORE, entries, path
from importer.planner.forms import compared, form

if TYPE_CHECKING:
    from collections.abc import Mapping

    from importer.model.user import Part

_NOT_ANSWERED = frozenset({"pin_number", "force_password_change"})
"""Alma need not answer these as they were sent (contract 1.2)."""
_SAID_BY_ALMA = frozenset({"segment_type"})
_FLAGS = ("preferred", "preferred_sms", "user_viewable", "popup_note", "value")


def same_as_sent(sent: User, answered: User, before: User | None = None) -> tuple[str, ...]:
    """The paths of what we set and Alma keeps otherwise; none if all is as it was sent.

    With `before`, Alma's record from before an update, only what `sent` changes in it counts;
    without it, the user was created and all of `sent` counts. Left out is what Alma decides by
    itself: see `forms`, and the PIN, which it need not answer. Codes are compared without case.
    """
    return (*_scalars(sent, answered, before), *_entries(sent, answered, before))


def _scalars(sent: User, answered: User, before: User | None) -> list[str]:
    ours = form(sent, fold_codes=True)
    theirs = form(answered, fold_codes=True)
    old = {} if before is None else form(before, fold_codes=True)
    return [
        name
        for name in compared(User)
        if name not in _NOT_ANSWERED
        and ours.get(name) != old.get(name)
        and ours.get(name) != theirs.get(name)
    ]


def _entries(sent: User, answered: User, before: User | None) -> list[str]:
    missing = []
    for parent in LISTS:
        old = [] if before is None else [*entries(before, parent)]
        ours = entries(sent, parent)
        if list(ours) == old:
            continue
        kept = [_form(part) for part in ours]
        there = [_form(part) for part in entries(answered, parent)]
        for part, shape in zip(ours, kept, strict=True):
            if not _take(shape, there, (*CORE[parent], *_FLAGS)):
                missing.append(path(parent, part))
        for part in old:
            shape = _form(part)
            if shape in kept:
                kept.remove(shape)
            elif shape in there:  # what is left there is not ours
                missing.append(path(parent, part))
    return list(dict.fromkeys(missing))


def _form(part: Part) -> Mapping[str, str]:
    held = form(part, fold_codes=True)
    return {name: shown for name, shown in held.items() if name not in _SAID_BY_ALMA}


def _take(shape: Mapping[str, str], there: list[Mapping[str, str]], exact: tuple[str, ...]) -> bool:
    """Whether one of Alma's entries holds all that ours says; it is then used up.

    In the `exact` fields it says no more than ours: Alma fills in others, such as a status.
    """
    for place, other in enumerate(there):
        if shape.items() <= other.items() and all(
            shape.get(name) == other.get(name) for name in exact
        ):
            del there[place]
            return True
    return False
