"""The record to send: a new user's, or Alma's record with the fields that the mapping names.

Alma's PUT replaces the whole record (contract 3.1), so an update sends Alma's own record with the
mapped fields changed. Fields that the mapping does not name are not looked at.

An address, email or phone replaces Alma's entry of the same type in our segment (the preferred
one, if there are several), an identifier replaces the only one of its type, and everything else
stays: in the entry, and in the list. A new user's list is merged with an empty one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from importer.model.candidates import ROLE_END
from importer.model.fields import IDS, OVERRIDE_NAMES
from importer.model.plan import Change, KeepOldId
from importer.model.user import AccountType, Coded, RecordPart, User, UserIdentifier
from importer.planner.borrowing import with_patron_role
from importer.planner.case import Case
from importer.planner.drafts import DraftUser
from importer.planner.entries import (
    FLAGS,
    coded,
    current,
    entries,
    same_id,
    to_field,
    types,
    with_entries,
    with_value,
)
from importer.planner.list_merge import Holder, ListMerge
from importer.planner.patch import (
    Edit,
    changed_fields,
    changed_lists,
    changed_names,
    changes,
    list_edits,
)
from importer.planner.written import SET_APART, Lines, account_of, matches, resolve_value


def entries_after(edits: Iterable[Edit]) -> tuple[RecordPart, ...]:
    """Return the entries of a list after its edits."""
    return tuple(edit.new for edit in edits if edit.new is not None)


def new_user(draft: DraftUser) -> User:
    """Return the body to post: the row's values and the account type's own fields, no blanks.

    Addresses, emails and phones each get exactly one preferred entry. There is no password in it:
    a plan must not store one.
    """
    layout = draft.layout
    fields: dict[str, object] = {
        target.field.name: to_field(target.field, text)
        for target in layout.scalars
        if (text := draft.values.get(target.label))
        and target.field.name not in SET_APART - {"primary_id"}
    }
    fields["record_type"] = coded(layout.record_type)
    fields["account_type"] = coded(layout.account_type.value)
    if layout.account_type is AccountType.EXTERNAL:
        fields["external_id"] = draft.values.get("external_id", "")
    lists = {
        parent: entries_after(ListMerge.of(draft, parent, (), None).edits())
        for parent in layout.parents
    }
    user = User.model_validate(fields)
    return with_entries(user, {parent: parts for parent, parts in lists.items() if parts})


@dataclass(frozen=True, slots=True)
class Merged:
    """The record as it will be, its changes, and the protected fields to override.

    Without changes, `after` is Alma's record itself.
    """

    after: User
    changes: tuple[Change, ...] = ()
    override: tuple[str, ...] = ()


def merge(case: Case, live: User, *, rename: bool, lines: Lines) -> Merged:
    """Return Alma's record with the row's values; removals come first in the changes.

    `rename`: the user gets the row's primary ID, and keeps the old one as the mapping asks for.
    `lines`: which of Alma's entries belong to the row's.
    """
    draft, overwrites = case.draft, case.earlier.overwrites
    after, converts = _as_account(case, live, rename=rename)
    account = account_of(after, draft.layout.account_type)
    after, override = _with_row_s_fields(case, live, after)
    holder = Holder(account, after.primary_id, converts, lines)
    lists: dict[str, list[Edit]] = {}
    for parent in draft.layout.parents:
        merging = ListMerge.of(draft, parent, entries(live, parent), holder)
        edits = merging.edits()
        if any(edit.changes for edit in edits):
            lists[parent] = edits
            wanted = parent in overwrites or any(item.override for item in merging.items)
            if parent in OVERRIDE_NAMES and (wanted or not entries_after(edits)):
                override.append(OVERRIDE_NAMES[parent])
    if after.id_key != live.id_key:
        ids = lists.get(IDS) or [Edit(part, part) for part in entries(live, IDS)]
        lists[IDS] = _other_ids(live, after, ids, case.match.keep_old_id)
    if not (differs := changes(live, after, lists)):
        return Merged(live)
    made = with_entries(after, {name: entries_after(edits) for name, edits in lists.items()})
    return Merged(made, differs, tuple(override) if account is AccountType.EXTERNAL else ())


def _as_account(case: Case, live: User, *, rename: bool) -> tuple[User, bool]:
    """Return a user with its primary ID and account type to be, and whether it becomes External.

    With `account_type: convert` an Internal user becomes External if the mapping is, and never back
    (contract 1.2).
    """
    draft, external, update = case.draft, AccountType.EXTERNAL, dict[str, object]()
    if rename and draft.primary_id and not same_id(draft.primary_id, live.primary_id):
        update["primary_id"] = draft.primary_id
    ours, theirs = draft.layout.account_type, current(live, "account_type")
    converts = case.match.account_type == "convert" and ours is external and theirs != external
    if converts:
        update["account_type"] = Coded(value=external.value)
        update["external_id"] = draft.values.get("external_id", "")
    return live.model_copy(update=update) if update else live, converts


def _with_row_s_fields(case: Case, live: User, after: User) -> tuple[User, list[str]]:
    """Return a user with the row's values outside lists, and the protected fields to override."""
    draft, override = case.draft, list[str]()
    for target in draft.layout.scalars:
        name = target.field.name
        if name in SET_APART or target.label not in draft.values:
            continue
        was, value = current(live, name), draft.values[target.label]
        will = resolve_value(target.on_update, name, was, value)
        if will != was:
            after = with_value(after, target.field, will)
            wanted = target.override or name in case.earlier.overwrites
            if target.field.facts.sticky and (wanted or not will):
                override.append(name)
    expiry, scope = (draft.values.get(f"patron_role.{name}", "") for name in ("expiry", "scope"))
    return with_patron_role(after, expiry, scope, case.earlier.institution), override


def unless_by_day(merged: Merged, draft: DraftUser, beside: Collection[str], live: User) -> Merged:
    """Return the record, or Alma's if it differs only in what depends on the day of the load.

    That is no reason for an update: the columns `beside`, and in lists what has a run variable.
    """
    after = merged.after
    by_day = bool(merged.changes) and (
        (live.user_role == after.user_role or ROLE_END in beside)
        and {*beside}.issuperset(changed_fields(live, after))
        and all(
            _list_changes_by_day(draft, parent, beside, list_edits(parent, *pair))
            for parent, pair in changed_lists(live, after).items()
        )
    )
    return Merged(live) if by_day else merged


def _list_changes_by_day(
    draft: DraftUser, parent: str, beside: Collection[str], edits: Iterable[Edit]
) -> bool:
    """Return whether entries of a list change only so.

    An entry that is all by day takes the place of those of its types, and may take their mark.
    """
    items = [item for item in draft.entries(parent) if item.for_known_users() is not None]
    passing = [(item, item.passing(beside)) for item in items]
    whole = {kind for item, names in passing if names >= item.targets.keys() for kind in item.types}
    marks = {
        flag
        for item, names in passing
        for flag in names.intersection(FLAGS.get(parent, ()))
        if item.values.get(flag) == "true"
    }

    def is_by_day(old: RecordPart | None, new: RecordPart | None) -> bool:
        if new is None:
            return old is not None and not whole.isdisjoint(types(parent, old))
        fitting = [
            (names, item.targets.keys() - names) for item, names in passing if matches(item, new)
        ]
        if fitting and not any(lasting for _, lasting in fitting):
            return True
        names = marks.union(*(names for names, lasting in fitting if lasting))
        return old is not None and names.issuperset(changed_names(old, new))

    return all(is_by_day(*edit) for edit in edits if edit.changes)


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
