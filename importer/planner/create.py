"""Build the whole record of a user whom Alma does not have yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from importer.model.user import AccountType, Coded, Part, User
from importer.planner.entries import (
    FLAGS,
    choose_preferred,
    matches,
    new_entry,
    preferred_wishes,
    with_entries,
)
from importer.planner.values import to_field

if TYPE_CHECKING:
    from importer.planner.drafts import DraftEntry, DraftUser

_NOT_HERE = frozenset({"record_type", "account_type", "external_id", "password"})
"""Fields that the top of the mapping gives, or that are added when the record is sent."""


def new_user(draft: DraftUser) -> User:
    """Return the body to post: the row's values and the account type's own fields, no blanks.

    Addresses, emails and phones each get exactly one preferred entry: the one with the flag, else
    the first without it refused. There is no password in it: a plan must not store one.
    """
    layout = draft.layout
    held: dict[str, object] = {"record_type": Coded(value=layout.record_type)}
    for target in layout.scalars:
        value = draft.values.get(target.label, "")
        if value and target.field.name not in _NOT_HERE:
            held[target.field.name] = to_field(target.field, value)
    held["account_type"] = Coded(value=layout.account_type.value)
    if layout.account_type is AccountType.EXTERNAL:
        held["external_id"] = draft.values.get("external_id", "")
    return with_entries(
        User.model_validate(held),
        {
            parent: parts
            for parent in {entry.parent: None for entry in layout.entries}
            if (parts := _new_entries(draft, parent))
        },
    )


def _new_entries(draft: DraftUser, parent: str) -> tuple[Part, ...]:
    """Return the row's entries of one list, each once, with one preferred."""
    account = draft.layout.account_type
    parts: list[Part] = []
    placed: list[tuple[DraftEntry, int]] = []
    for item in draft.entries(parent):
        same = next((place for place, part in enumerate(parts) if matches(item, part)), None)
        placed.append((item, len(parts) if same is None else same))
        if same is None:
            parts.append(new_entry(item, account))
    elected = tuple(parts)
    for flag in FLAGS.get(parent, ()):
        elected = choose_preferred(elected, flag, account, *preferred_wishes(placed, flag))
    return elected
