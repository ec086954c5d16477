"""Carrying an update over to a record that someone changed in Alma since it was planned.

The plan keeps Alma's record as it was (`before`) and as it is to be (`after`). Before it is sent,
the record is read again (`now`). What the update changes must be as it was; all else may differ.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from importer.model.fields import LISTS, text
from importer.model.user import User
from importer.planner.entries import entries, with_entries
from importer.planner.forms import compared
from importer.planner.threelists import merge_entries

if TYPE_CHECKING:
    from importer.model.user import Part


@dataclass(frozen=True, slots=True)
class Conflict:
    """The paths of what the update would change and someone else has changed in between."""

    paths: tuple[str, ...]


def three_way(before: User, after: User, now: User) -> User | Conflict:
    """The update's changes, applied to the record as it is now; or what stands in their way.

    A scalar field is one thing; in a list each entry is. `after` results where nothing but what
    Alma writes by itself has changed.
    """
    conflicts: list[str] = []
    update: dict[str, object] = {}
    for name in compared(User):
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
    """The record with some fields as `after` has them; a field absent there is absent."""
    made = now.model_copy(update=update)
    for name in update:
        if name not in after.model_fields_set:
            made.model_fields_set.discard(name)
    return made
