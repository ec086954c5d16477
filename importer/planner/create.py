"""The whole record of a user whom Alma does not have yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from importer.model.policy import AccountType, OnUpdate
from importer.model.user import Coded, Part, User
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
"""Fields of the record that the mapping's head gives, or that are added at the last moment."""


def new_user(draft: DraftUser, *, with_password: bool = False) -> User:
    """The body to post: what the row gives, the account type's own fields, nothing blank.

    Each of addresses, e-mails and phones gets exactly one preferred entry: the one that says so,
    else the first that does not say otherwise. The password is left out unless asked for, because
    a plan that is kept must not hold it.
    """
    scheme = draft.scheme
    held: dict[str, object] = {"record_type": Coded(value=scheme.record_type)}
    for target in scheme.scalars:
        value = draft.values.get(target.label, "")
        if value and target.field.name not in _NOT_HERE:
            held[target.field.name] = to_field(target.field, value)
    held["account_type"] = Coded(value=scheme.account_type.value)
    if scheme.account_type is AccountType.EXTERNAL:
        held["external_id"] = draft.values.get("external_id", "")
    user = with_entries(
        User.model_validate(held),
        {
            parent: parts
            for parent in {entry.parent: None for entry in scheme.entries}
            if (parts := _new_entries(draft, parent))
        },
    )
    return add_password(user, draft) if with_password else user


def add_password(user: User, draft: DraftUser, *, known: bool = False) -> User:
    """The user with the row's password, at the moment of sending.

    A `known` user gets it only where the mapping says so with `on_update`. Alma takes passwords
    of Internal users only (contract 1.2).
    """
    target = draft.scheme.targets.get("password")
    password = draft.values.get("password", "")
    if (
        target is None
        or not password
        or draft.scheme.account_type is AccountType.EXTERNAL
        or (known and target.on_update is OnUpdate.NEVER)
    ):
        return user
    return user.model_copy(update={"password": password})


def _new_entries(draft: DraftUser, parent: str) -> tuple[Part, ...]:
    """The row's entries of one list, each said once, with one preferred."""
    account = draft.scheme.account_type
    parts: list[Part] = []
    placed: list[tuple[DraftEntry, int]] = []
    for item in draft.items(parent):
        twin = next((place for place, part in enumerate(parts) if matches(item, part)), None)
        placed.append((item, len(parts) if twin is None else twin))
        if twin is None:
            parts.append(new_entry(item, account))
    elected = tuple(parts)
    for flag in FLAGS.get(parent, ()):
        elected = choose_preferred(elected, flag, account, *preferred_wishes(placed, flag))
    return elected
