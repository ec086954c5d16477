"""Which entry of a list is the preferred one: exactly one, and never moved without a reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

from importer.planner.entries import segment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from importer.model.policy import AccountType
    from importer.model.user import Part
    from importer.planner.drafts import Item

FLAGS: dict[str, tuple[str, ...]] = {
    "contact_info.address": ("preferred",),
    "contact_info.email": ("preferred",),
    "contact_info.phone": ("preferred", "preferred_sms"),
}
"""By list: the flags that at most one entry has. `preferred` is one that some entry must have."""


def wishes(items: Sequence[tuple[Item, int]], flag: str) -> tuple[int | None, int | None]:
    """The entry that the row sets a flag in, and the first where it does not refuse it.

    Given are the row's entries, in their order, with their places.
    """
    wished = next((place for item, place in items if item.says(flag)), None)
    return wished, next((place for item, place in items if item.values.get(flag) != "false"), None)


def elect(
    parts: Sequence[Part], flag: str, account: AccountType, wished: int | None, first: int | None
) -> tuple[Part, ...]:
    """The parts with the flag set in one of them.

    It is the entry that the row says so of (`wished`); else the one that Alma prefers now, and of
    several an Internal one before an External one, because a librarian chose it (contract 3.1);
    else, for `preferred`, the row's first entry (`first`) or the first that is there. An entry of
    the other segment therefore loses its flag only where the mapping sets the flag in so many
    words.
    """
    held = [place for place, part in enumerate(parts) if getattr(part, flag)]
    held.sort(key=lambda place: segment(parts[place], account) != "Internal")
    if wished is not None:
        chosen: int | None = wished
    elif held:
        chosen = held[0]
    elif flag == "preferred" and parts:
        chosen = first or 0
    else:
        chosen = None
    return tuple(_flagged(part, flag, value=place == chosen) for place, part in enumerate(parts))


def _flagged(part: Part, flag: str, *, value: bool) -> Part:
    """The part with its flag; one that says nothing where the answer is no stays as it is."""
    if bool(getattr(part, flag)) == value:
        return part
    return part.model_copy(update={flag: value})
