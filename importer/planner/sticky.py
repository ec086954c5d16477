"""Sticky fields, which Alma keeps for External users if someone edited them (contract 3.1).

A load sends no value that would undo an edit, of Internal users neither, and none that Alma kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

from importer.model.fields import FIELDS
from importer.model.plan import Remembered
from importer.model.user import User
from importer.planner.entries import comparable, current, entries, same_text

if TYPE_CHECKING:
    from importer.model.user import Part

OVERRIDE_NAMES = {"rs_library": "rs_libraries", "library_notice": "library_notices"}
"""Alma's names of sticky fields in `override`, if they differ from the field's name."""

STICKY = (
    *(field.name for field in FIELDS.values() if field.facts.sticky and not field.parent),
    *OVERRIDE_NAMES,
)
"""The sticky fields and lists."""

Memory: TypeAlias = Callable[[str], Mapping[str, Remembered]]
"""What is remembered of a user's sticky fields at the last load, by primary ID."""


def no_memory(_primary_id: str) -> Mapping[str, Remembered]:
    """Return what is remembered of a user at the first load: nothing."""
    return {}


def kept_sticky(
    name: str, remembered: Mapping[str, Remembered], was: str, will: str
) -> dict[str, Remembered]:
    """Return what to remember of a sticky field that is not sent, by its name; {} if it is sent.

    Alma has the roster's value, or keeps its own although the roster has another.
    """
    known = remembered.get(name)
    if was == will:
        return {name: Remembered(will, was)}
    if known is not None and known.keeps(was, will):
        return {name: replace(known, reported=was)}
    return {}


def answered_sticky(before: User | None, sent: User, answered: User) -> dict[str, Remembered]:
    """Return what to remember of the sticky fields that a write to Alma changed.

    `before` is None for a create.
    """
    found: dict[str, Remembered] = {}
    for name in STICKY:
        was, wanted, alma = (_text(user, name) for user in (before or User(), sent, answered))
        if wanted != was:
            taken = same_text(name, wanted, alma)
            found[name] = Remembered(wanted, wanted if taken else alma, None if taken else alma)
    return found


def _text(user: User, name: str) -> str:
    return list_text(entries(user, name)) if name in OVERRIDE_NAMES else current(user, name)


def list_text(parts: Iterable[Part]) -> str:
    """Return a sticky list as text in which order does not matter."""
    return "; ".join(sorted(" ".join(comparable(part).values()) for part in parts))
