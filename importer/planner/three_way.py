"""Compare three versions of a record: as planned, as it is to be, and as Alma has it now.

- `three_way` carries an update over to a record that someone changed since it was planned. What
  the update changes must be as it was; everything else may differ.
- `same_as_sent` finds what Alma kept otherwise than it was sent.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from importer.model.fields import LISTS
from importer.model.user import User
from importer.planner.borrowing import ROLE, merge_roles, roles_kept
from importer.planner.entries import (
    CORE,
    FLAGS,
    ONLY_ADDED,
    comparable,
    compared_fields,
    current,
    entries,
    equal,
    find,
    main_value,
    paired,
    path,
    with_entries,
    with_fields,
    without,
)

if TYPE_CHECKING:
    from importer.model.user import Part
    from importer.planner.entries import Edit


@dataclass(frozen=True, slots=True)
class Conflict:
    """The paths that the update would change and that someone else changed meanwhile."""

    paths: tuple[str, ...]


def three_way(before: User, after: User, now: User, skip: Collection[str] = ()) -> User | Conflict:
    """Return the record as it is now with the update's changes; or the conflicts.

    A scalar field can conflict, and each entry of a list. The result is `after` if nothing has
    changed but what Alma writes by itself. Changes at the paths of `skip` are left out.
    """
    ours = [
        name
        for name in compared_fields(User)
        if getattr(after, name) != getattr(before, name)
        and current(now, name) != current(after, name)
        and name not in skip
    ]
    conflicts = [name for name in ours if current(now, name) != current(before, name)]
    lists: dict[str, tuple[Part, ...]] = {}
    for parent in LISTS:
        old, new, live = (entries(user, parent) for user in (before, after, now))
        if new != old:
            lists[parent], obstacles = merge_entries(parent, old, new, live, skip)
            conflicts += obstacles
    with_roles = now if ROLE in skip else merge_roles(before, after, now)
    if with_roles is None:
        conflicts.append(ROLE)
    if conflicts or with_roles is None:
        return Conflict(tuple(dict.fromkeys(conflicts)))
    return with_entries(with_fields(with_roles, after, ours), lists)


# one list: each entry is one thing that may have been changed


def list_edits(parent: str, before: Iterable[Part], after: Iterable[Part]) -> list[Edit]:
    """Return how a list differs: changed entries, which keep their types, removed, added ones."""
    edits = paired(
        without(before, after),
        without(after, before),
        lambda old, new: path(parent, old) == path(parent, new),
        lambda old, new: main_value(parent, old) == main_value(parent, new),
    )
    return sorted(edits, key=lambda edit: (edit[0] is None, edit[1] is None))


def merge_entries(
    parent: str,
    before: tuple[Part, ...],
    after: tuple[Part, ...],
    now: tuple[Part, ...],
    skip: Collection[str] = (),
) -> tuple[tuple[Part, ...], list[str]]:
    """Return the entries of `now` with the edits of `before` to `after`, and conflicting paths."""
    edits = list_edits(parent, before, after)
    paths = [path(parent, part) for old, new in edits if (part := old or new) is not None]
    flags = [f"{parent}.{flag}" for flag in FLAGS.get(parent, ())]
    if not any(place in skip for place in (*paths, *flags)):
        if _shapes(now) == _shapes(before):
            return after, []
        if _shapes(now) == _shapes(after):
            return now, []
    if any(flag in skip for flag in flags):
        return now, []
    theirs = without(now, before)
    made = list(now)
    conflicts = [
        place
        for place, (old, new) in zip(paths, edits, strict=True)
        if place not in skip and not _carry_over(parent, made, theirs, old, new)
    ]
    conflicts += [
        flag
        for flag in flags
        if sum(bool(getattr(part, flag.removeprefix(f"{parent}."))) for part in made) > 1
    ]
    return tuple(made), conflicts


def _shapes(parts: tuple[Part, ...]) -> list[Mapping[str, str]]:
    return [comparable(part) for part in parts]


def _carry_over(
    parent: str, made: list[Part], theirs: list[Part], old: Part | None, new: Part | None
) -> bool:
    """Make one edit in the list `made`; return False if someone wrote `theirs` in its place."""
    if old is not None and (place := find(made, old)) is not None:
        made[place : place + 1] = [] if new is None else [new]
        return True
    if new is None:
        return old is None or not _rivals(parent, theirs, old)
    if find(made, new) is not None:
        return True
    return _add(parent, made, theirs, new) if old is None else _mix(parent, made, theirs, old, new)


def _rivals(parent: str, theirs: list[Part], part: Part) -> list[Part]:
    """Return entries of the same type and segment that someone wrote since the plan."""
    segment = getattr(part, "segment_type", None)
    return [
        new
        for new in theirs
        if path(parent, new) == path(parent, part) and getattr(new, "segment_type", None) == segment
    ]


def _mix(parent: str, made: list[Part], theirs: list[Part], old: Part, new: Part) -> bool:
    """Change the fields that the edit is about, in an entry in which someone changed others.

    One with another core, such as another street, is another entry.
    """
    rivals = _rivals(parent, theirs, old)
    rivals.sort(key=lambda rival: main_value(parent, rival) != main_value(parent, old))
    was, will = comparable(old), comparable(new)
    ours = [name for name in {**was, **will} if was.get(name) != will.get(name)]
    for rival in rivals:
        held, place = comparable(rival), find(made, rival)
        if place is not None and all(
            held.get(name) in {was.get(name), will.get(name)} for name in {*ours, *CORE[parent]}
        ):
            made[place] = rival.model_copy(update={name: getattr(new, name) for name in ours})
            return True
    return False


def _add(parent: str, made: list[Part], theirs: list[Part], new: Part) -> bool:
    """Add an entry unless its equal is there; a new one of the same type is a conflict."""
    if any(equal(parent, new, part) for part in made):
        return parent != "library_notice"  # there with the other answer
    if parent not in ONLY_ADDED and _rivals(parent, theirs, new):
        return False
    made.append(new)
    return True


# what Alma kept

_NOT_ANSWERED = frozenset({"pin_number", "force_password_change"})
"""Alma may answer these otherwise than they were sent (contract 1.2)."""
_COMPARED_FLAGS = ("preferred", "preferred_sms", "user_viewable", "popup_note", "value")


def same_as_sent(sent: User, answered: User, before: User | None = None) -> tuple[str, ...]:
    """Return the paths that Alma keeps otherwise than they were sent; none if all is as sent.

    With `before`, Alma's record from before an update, only what `sent` changes in it counts;
    without it, the user was created and all of `sent` counts. Left out is what Alma decides by
    itself: see `compared_fields`, and the PIN, which it need not answer. Codes are compared
    without case.
    """
    ours, theirs = comparable(sent, fold_codes=True), comparable(answered, fold_codes=True)
    old = {} if before is None else comparable(before, fold_codes=True)
    missing = [
        name
        for name in compared_fields(User)
        if name not in _NOT_ANSWERED
        and ours.get(name) != old.get(name)
        and ours.get(name) != theirs.get(name)
    ]
    if roles_kept(sent, answered, before):
        missing.append(ROLE)
    for parent in LISTS:
        previous = () if before is None else entries(before, parent)
        if entries(sent, parent) != previous:
            missing += _missing_entries(
                parent, entries(sent, parent), entries(answered, parent), previous
            )
    return tuple(dict.fromkeys(missing))


def _missing_entries(
    parent: str, sent: tuple[Part, ...], answered: tuple[Part, ...], before: tuple[Part, ...]
) -> Iterator[str]:
    """Yield the paths of entries that Alma did not store, and of those that it did not remove."""
    pairs = paired(sent, answered, partial(_is_stored, (*CORE[parent], *_COMPARED_FLAGS)))
    yield from (path(parent, part) for part, there in pairs if part is not None and there is None)
    others = [_shape(part) for ours, part in pairs if ours is None and part is not None]
    for part, kept in paired(before, sent, lambda one, other: _shape(one) == _shape(other)):
        if part is not None and kept is None and _shape(part) in others:
            yield path(parent, part)


def _shape(part: Part) -> Mapping[str, str]:
    """Return an entry's fields without its segment, which Alma sets by its own rules."""
    held = comparable(part, fold_codes=True)
    return {name: shown for name, shown in held.items() if name != "segment_type"}


def _is_stored(exact: Iterable[str], sent: Part, answered: Part) -> bool:
    """Return whether one of Alma's entries has all values of one that was sent.

    In the `exact` fields it has no more than that: Alma fills in others, such as a status.
    """
    ours, theirs = _shape(sent), _shape(answered)
    return ours.items() <= theirs.items() and all(
        ours.get(name) == theirs.get(name) for name in exact
    )
