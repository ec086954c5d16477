"""Compare three versions of a record: as planned, as it is to be, and as Alma has it now.

- `three_way` carries an update over to a record that someone changed since it was planned. What
  the update changes must be as it was; everything else may differ.
- `same_as_sent` finds what Alma kept otherwise than it was sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from importer.model.fields import LISTS, text
from importer.model.user import User
from importer.planner.entries import (
    CORE,
    FLAGS,
    ONLY_ADDED,
    entries,
    equal,
    main_value,
    path,
    with_entries,
)
from importer.planner.values import comparable, compared_fields

if TYPE_CHECKING:
    from importer.model.user import Part


@dataclass(frozen=True, slots=True)
class Conflict:
    """The paths that the update would change and that someone else changed meanwhile."""

    paths: tuple[str, ...]


def three_way(before: User, after: User, now: User) -> User | Conflict:
    """Return the record as it is now with the update's changes; or the conflicts.

    A scalar field can conflict, and each entry of a list. The result is `after` if nothing has
    changed but what Alma writes by itself.
    """
    conflicts: list[str] = []
    update: dict[str, object] = {}
    for name in compared_fields(User):
        was, will, is_now = (getattr(user, name) for user in (before, after, now))
        if will == was or text(is_now) == text(will):
            continue
        if text(is_now) == text(was):
            update[name] = will
        else:
            conflicts.append(name)
    lists: dict[str, tuple[Part, ...]] = {}
    for parent in LISTS:
        old, new, live = (entries(user, parent) for user in (before, after, now))
        if new == old:
            continue
        merged, obstacles = merge_entries(parent, old, new, live)
        conflicts.extend(obstacles)
        lists[parent] = merged
    if conflicts:
        return Conflict(tuple(dict.fromkeys(conflicts)))
    return with_entries(_updated(now, after, update), lists)


def _updated(now: User, after: User, update: dict[str, object]) -> User:
    """Return the record with some fields as in `after`; a field absent there is absent."""
    made = now.model_copy(update=update)
    for name in update:
        if name not in after.model_fields_set:
            made.model_fields_set.discard(name)
    return made


# one list: each entry is one thing that may have been changed


@dataclass(frozen=True, slots=True)
class _Edits:
    """How a list differs: entries removed, added, and changed."""

    gone: list[Part] = field(default_factory=list)
    added: list[Part] = field(default_factory=list)
    changed: list[tuple[Part, Part]] = field(default_factory=list)


def merge_entries(
    parent: str, before: tuple[Part, ...], after: tuple[Part, ...], now: tuple[Part, ...]
) -> tuple[tuple[Part, ...], tuple[str, ...]]:
    """Return the entries of `now` with the edits of `before` to `after`, and conflicting paths."""
    if _forms(now) == _forms(before):
        return after, ()
    if _forms(now) == _forms(after):
        return now, ()
    edits = _edits(parent, before, after)
    news = _without(now, before)
    made = list(now)
    conflicts = [
        path(parent, old) for old, new in edits.changed if not _change(parent, made, news, old, new)
    ]
    conflicts += [path(parent, old) for old in edits.gone if not _remove(parent, made, news, old)]
    conflicts += [path(parent, new) for new in edits.added if not _add(parent, made, news, new)]
    conflicts += [
        f"{parent}.{flag}"
        for flag in FLAGS.get(parent, ())
        if sum(bool(getattr(part, flag)) for part in made) > 1
    ]
    return tuple(made), tuple(conflicts)


def _forms(parts: tuple[Part, ...]) -> list[dict[str, str]]:
    return [dict(comparable(part)) for part in parts]


def _find(parts: list[Part], sought: Part) -> int | None:
    """Return the place of an entry that is the same in every compared field."""
    shape = comparable(sought)
    return next((place for place, part in enumerate(parts) if comparable(part) == shape), None)


def _without(parts: tuple[Part, ...], others: tuple[Part, ...]) -> list[Part]:
    """Return the parts without an equal among the others; each equal counts once."""
    left = list(others)
    alone = []
    for part in parts:
        place = _find(left, part)
        if place is None:
            alone.append(part)
        else:
            del left[place]
    return alone


def _edits(parent: str, before: tuple[Part, ...], after: tuple[Part, ...]) -> _Edits:
    """Distinguish a changed entry, which keeps its type, from one removed and another added."""
    edits = _Edits(added=_without(after, before))
    for old in _without(before, after):
        heirs = [new for new in edits.added if path(parent, new) == path(parent, old)]
        same = [new for new in heirs if _same_main(parent, new, old)]
        heir = next(iter((*same, *heirs)), None)
        if heir is None:
            edits.gone.append(old)
        else:
            edits.changed.append((old, heir))
            edits.added[:] = [new for new in edits.added if new is not heir]
    return edits


def _same_main(parent: str, one: Part, other: Part) -> bool:
    return main_value(parent, one) == main_value(parent, other)


def _rivals(parent: str, news: list[Part], part: Part) -> list[Part]:
    """Return entries of the same type and segment that someone wrote since the plan."""
    segment = getattr(part, "segment_type", None)
    return [
        new
        for new in news
        if path(parent, new) == path(parent, part) and getattr(new, "segment_type", None) == segment
    ]


def _change(parent: str, made: list[Part], news: list[Part], old: Part, new: Part) -> bool:
    """Replace an entry, or only the fields that we change if someone changed others."""
    place = _find(made, old)
    if place is not None:
        made[place] = new
        return True
    if _find(made, new) is not None:
        return True
    rivals = _rivals(parent, news, old)
    rivals.sort(key=lambda rival: not _same_main(parent, rival, old))
    for rival in rivals:
        place = _find(made, rival)
        joined = _joined(old, new, rival)
        if place is not None and joined is not None:
            made[place] = joined
            return True
    return False


def _joined(old: Part, new: Part, rival: Part) -> Part | None:
    """Return the rival with our changes; None if both changed one field differently."""
    was, will, theirs = comparable(old), comparable(new), comparable(rival)
    ours = [name for name in {**was, **will} if was.get(name) != will.get(name)]
    if any(theirs.get(name) not in {was.get(name), will.get(name)} for name in ours):
        return None
    return rival.model_copy(update={name: getattr(new, name) for name in ours})


def _remove(parent: str, made: list[Part], news: list[Part], old: Part) -> bool:
    place = _find(made, old)
    if place is not None:
        del made[place]
        return True
    return not _rivals(parent, news, old)


def _add(parent: str, made: list[Part], news: list[Part], new: Part) -> bool:
    """Add an entry unless it is there; a new one of the same type is a conflict."""
    if _find(made, new) is not None:
        return True
    if any(equal(parent, new, part) for part in made):
        return parent != "library_notice"  # there with the other answer
    if parent not in ONLY_ADDED and _rivals(parent, news, new):
        return False
    made.append(new)
    return True


# what Alma kept

_NOT_ANSWERED = frozenset({"pin_number", "force_password_change"})
"""Alma may answer these otherwise than they were sent (contract 1.2)."""
_SAID_BY_ALMA = frozenset({"segment_type"})
_COMPARED_FLAGS = ("preferred", "preferred_sms", "user_viewable", "popup_note", "value")


def same_as_sent(sent: User, answered: User, before: User | None = None) -> tuple[str, ...]:
    """Return the paths that Alma keeps otherwise than they were sent; none if all is as sent.

    With `before`, Alma's record from before an update, only what `sent` changes in it counts;
    without it, the user was created and all of `sent` counts. Left out is what Alma decides by
    itself: see `forms`, and the PIN, which it need not answer. Codes are compared without case.
    """
    return (*_missing_scalars(sent, answered, before), *_missing_entries(sent, answered, before))


def _missing_scalars(sent: User, answered: User, before: User | None) -> list[str]:
    ours = comparable(sent, fold_codes=True)
    theirs = comparable(answered, fold_codes=True)
    old = {} if before is None else comparable(before, fold_codes=True)
    return [
        name
        for name in compared_fields(User)
        if name not in _NOT_ANSWERED
        and ours.get(name) != old.get(name)
        and ours.get(name) != theirs.get(name)
    ]


def _missing_entries(sent: User, answered: User, before: User | None) -> list[str]:
    missing = []
    for parent in LISTS:
        old = [] if before is None else [*entries(before, parent)]
        ours = entries(sent, parent)
        if list(ours) == old:
            continue
        kept = [_shape(part) for part in ours]
        there = [_shape(part) for part in entries(answered, parent)]
        for part, shape in zip(ours, kept, strict=True):
            if not _take(shape, there, (*CORE[parent], *_COMPARED_FLAGS)):
                missing.append(path(parent, part))
        for part in old:
            shape = _shape(part)
            if shape in kept:
                kept.remove(shape)
            elif shape in there:  # what is left there is not ours
                missing.append(path(parent, part))
    return list(dict.fromkeys(missing))


def _shape(part: Part) -> Mapping[str, str]:
    held = comparable(part, fold_codes=True)
    return {name: shown for name, shown in held.items() if name not in _SAID_BY_ALMA}


def _take(shape: Mapping[str, str], there: list[Mapping[str, str]], exact: tuple[str, ...]) -> bool:
    """Return whether one of Alma's entries has all values of ours, and take that entry out.

    In the `exact` fields it has no more than ours: Alma fills in others, such as a status.
    """
    for place, other in enumerate(there):
        if shape.items() <= other.items() and all(
            shape.get(name) == other.get(name) for name in exact
        ):
            del there[place]
            return True
    return False
