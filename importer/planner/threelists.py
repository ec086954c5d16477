"""The three-way merge of one list: each entry is one thing that may have been changed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from importer.planner.entries import ONLY_ADDED, equal, main_value, path
from importer.planner.forms import form
from importer.planner.preferred import FLAGS

if TYPE_CHECKING:
    from importer.model.user import Part


@dataclass(frozen=True, slots=True)
class _Edits:
    """How a list differs: entries that went, entries that came, and entries that changed."""

    gone: list[Part] = field(default_factory=list)
    added: list[Part] = field(default_factory=list)
    changed: list[tuple[Part, Part]] = field(default_factory=list)


def merge_entries(
    parent: str, before: tuple[Part, ...], after: tuple[Part, ...], now: tuple[Part, ...]
) -> tuple[tuple[Part, ...], tuple[str, ...]]:
    """The entries of `now` with the edits from `before` to `after`, and the paths of conflicts."""
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
    return [dict(form(part)) for part in parts]


def _find(parts: list[Part], sought: Part) -> int | None:
    """The place of an entry that says exactly what the sought one does."""
    shape = form(sought)
    return next((place for place, part in enumerate(parts) if form(part) == shape), None)


def _without(parts: tuple[Part, ...], others: tuple[Part, ...]) -> list[Part]:
    """The parts that have no twin among the others; each twin counts once."""
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
    """Tell a changed entry from one that went and another that came: it keeps its type."""
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
    """Entries of the same type and segment that someone else wrote since the plan."""
    segment = getattr(part, "segment_type", None)
    return [
        new
        for new in news
        if path(parent, new) == path(parent, part) and getattr(new, "segment_type", None) == segment
    ]


def _change(parent: str, made: list[Part], news: list[Part], old: Part, new: Part) -> bool:
    """Replace an entry, or only the fields that we change in it if someone changed others."""
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
    """The rival with our changes of the entry; none if both changed one field differently."""
    was, will, theirs = form(old), form(new), form(rival)
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
    """Add an entry unless it is there; someone's new one of the same type is for a person."""
    if _find(made, new) is not None:
        return True
    if any(equal(parent, new, part) for part in made):
        return parent != "library_notice"  # there with the other answer
    if parent not in ONLY_ADDED and _rivals(parent, news, new):
        return False
    made.append(new)
    return True
