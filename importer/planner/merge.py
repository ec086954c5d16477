"""The record to send: a new user's, or Alma's record with the fields that the mapping names.

Alma's PUT replaces the whole record (contract 3.1), so an update sends Alma's own record with the
mapped fields changed. Fields that the mapping does not name are not looked at.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import partial

from importer.model.fields import FIELDS, OnUpdate
from importer.model.plan import Change, KeepOldId
from importer.model.user import AccountType, Coded, Part, User, UserIdentifier
from importer.planner.borrowing import with_patron_role
from importer.planner.drafts import DraftUser
from importer.planner.entries import (
    CONTACT,
    coded,
    current,
    entries,
    same_id,
    same_text,
    to_field,
    with_entries,
    with_value,
)
from importer.planner.list_merge import IDS, Known, ListMerge, entries_after, new_entries
from importer.planner.patch import Edit, changes

OVERRIDE_NAMES = {"rs_library": "rs_libraries", "library_notice": "library_notices"}
"""Alma's names of protected lists in `override`, which differ from the field's name."""

STICKY = (
    *(field.name for field in FIELDS.values() if field.facts.sticky and not field.parent),
    *OVERRIDE_NAMES,
)
"""Fields and lists that Alma protects in External users if someone edited them (contract 3.1)."""

SET_APART = frozenset({"record_type", "primary_id", "account_type", "external_id", "password"})
"""Fields that no update changes like the others: see `merge`."""


def new_user(draft: DraftUser) -> User:
    """Return the body to post: the row's values and the account type's own fields, no blanks.

    Addresses, emails and phones each get exactly one preferred entry. There is no password in it:
    a plan must not store one.
    """
    layout = draft.layout
    held: dict[str, object] = {"record_type": coded(layout.record_type)}
    for target in layout.scalars:
        value = draft.values.get(target.label, "")
        if value and target.field.name not in SET_APART - {"primary_id"}:
            held[target.field.name] = to_field(target.field, value)
    held["account_type"] = coded(layout.account_type.value)
    if layout.account_type is AccountType.EXTERNAL:
        held["external_id"] = draft.values.get("external_id", "")
    contact: dict[str, tuple[Part, ...]] = {}
    for parent in _parents(draft):
        if parts := new_entries(parent, draft):
            holder = contact if parent.startswith(CONTACT) else held
            holder[parent.removeprefix(CONTACT)] = parts
    if contact:
        held["contact_info"] = contact
    return User.model_validate(held)


def _parents(draft: DraftUser) -> dict[str, None]:
    """Return the paths of the lists that the mapping writes."""
    layout = draft.layout
    written = (entry.parent for entry in layout.entries)
    return dict.fromkeys((*written, *(removal.parent for removal in layout.removals)))


@dataclass(frozen=True, slots=True)
class Merged:
    """The record as it will be, its changes, and the protected fields to override.

    Without changes, `after` is Alma's record itself.
    """

    after: User
    changes: tuple[Change, ...] = ()
    override: tuple[str, ...] = ()


def merge(
    draft: DraftUser,
    live: User,
    *,
    rename: bool,
    convert: bool,
    keep_old_id: KeepOldId | None,
    overrides: Collection[str],
) -> Merged:
    """Return Alma's record with the row's values; removals come first in the changes.

    Entries' fields with a run variable are written only if something else changes. `rename`: the
    user gets the row's primary ID, and keeps the old one as `keep_old_id` asks for. `convert`: an
    Internal user becomes External if the mapping is. `overrides`: fields and lists that Alma is to
    take although it protects them, beside those of the mapping.
    """
    update: dict[str, object] = {}
    if rename and draft.primary_id and not same_id(draft.primary_id, live.primary_id):
        update["primary_id"] = draft.primary_id
    external = AccountType.EXTERNAL
    ours, theirs = draft.layout.account_type, current(live, "account_type")
    if convert and ours is external and theirs != external:  # never the other way (contract 1.2)
        update["account_type"] = Coded(value=external.value)
        update["external_id"] = draft.values.get("external_id", "")
    identified = live.model_copy(update=update) if update else live
    merge_with = partial(_merged, draft, live, identified, keep_old_id, overrides)
    merged = merge_with(run_values=False)
    targets = draft.layout.targets.values()
    if merged.changes and any(target.run_dependent and target.field.parent for target in targets):
        return merge_with(run_values=True)
    return merged


def _merged(
    draft: DraftUser,
    live: User,
    after: User,
    keep_old_id: KeepOldId | None,
    overridden: Collection[str],
    *,
    run_values: bool,
) -> Merged:
    kinds = {kind.value: kind for kind in AccountType}
    account = kinds.get(current(after, "account_type"), draft.layout.account_type)
    converts = current(after, "account_type") != current(live, "account_type")
    override: list[str] = []
    for target in draft.layout.scalars:
        name = target.field.name
        if name in SET_APART or target.label not in draft.values:
            continue
        was, value = current(live, name), draft.values[target.label]
        will = resolve_value(target.on_update, name, was, value)
        if will != was:
            after = with_value(after, target.field, will)
            wanted = target.override or name in overridden
            if target.field.facts.sticky and (wanted or not will):
                override.append(name)
    expiry, scope = (draft.values.get(f"patron_role.{name}", "") for name in ("expiry", "scope"))
    after = with_patron_role(after, expiry, scope, draft.institution)
    known = Known(account, after.primary_id, converts, run_values)
    lists: dict[str, list[Edit]] = {}
    for parent in _parents(draft):
        merging = ListMerge(parent, draft, entries(live, parent), known)
        if any(edit.changes for edit in merging.edits):
            lists[parent] = merging.edits
            overrides = parent in overridden or any(one.written.override for one in merging.items)
            if parent in OVERRIDE_NAMES and (overrides or not entries_after(merging.edits)):
                override.append(OVERRIDE_NAMES[parent])
    if not same_id(after.primary_id, live.primary_id):
        ids = lists.get(IDS) or [Edit(part, part) for part in entries(live, IDS)]
        lists[IDS] = _other_ids(live, after, ids, keep_old_id)
    found = changes(live, after, lists)
    if not found:
        return Merged(live)
    protected = account is AccountType.EXTERNAL
    after = with_entries(after, {parent: entries_after(edits) for parent, edits in lists.items()})
    return Merged(after, found, tuple(override) if protected else ())


def _other_ids(
    before: User, after: User, ids: Iterable[Edit], keep: KeepOldId | None
) -> list[Edit]:
    """Return the identifiers of a user whose primary ID changes.

    The new one may have been one of them, and Alma takes no value twice (contract 3.2). The old
    one is kept in the Internal segment, where no SIS load removes it.
    """
    edits = [
        Edit(old, None if new and same_id(current(new, "value"), after.primary_id) else new)
        for old, new in ids
    ]
    value = current(before, "primary_id")
    has_old = any(same_id(current(part, "value"), value) for part in entries_after(edits))
    if keep is not None and not has_old:
        kept = UserIdentifier(
            segment_type=AccountType.INTERNAL.segment,
            id_type=Coded(value=keep.type),
            value=value,
            status=keep.status,
        )
        edits.append(Edit(None, kept))
    return [edit for edit in edits if edit.old or edit.new]


def resolve_value(policy: OnUpdate, name: str, old: str, new: str) -> str:
    """Return the text that a known user's field gets: `old` if nothing changes."""
    match policy:
        case OnUpdate.ERASE if not new:
            return ""
        case OnUpdate.NEVER:
            return old
        case OnUpdate.KEEP if old:
            return old
        case OnUpdate.LATER if new <= old:
            return old
        case _:
            return new if new and not same_text(name, old, new) else old
