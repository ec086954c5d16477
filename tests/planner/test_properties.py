"""What holds of every row and every record that Alma may have."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings

from importer.model.fields import LISTS, OnUpdate
from importer.model.user import AccountType, RecordPart, User, UserIdentifier
from importer.planner.drafts import DraftUser
from importer.planner.entries import CORE, FLAGS, current, entries, equal, same_text, types
from importer.planner.merge import Merged, new_user
from importer.planner.patch import carried_over, same_as_sent
from importer.planner.written import matches, our_segment, segment
from tests.planner.people import shape, updated
from tests.planner.strategies import LIST_POLICIES, pairs

SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]


class Case(NamedTuple):
    """A row, its user in Alma, and what an update makes of the two."""

    draft: DraftUser
    live: User
    merged: Merged

    @property
    def after(self) -> User:
        """The user after the update."""
        return self.merged.after

    def parents(self, *policies: OnUpdate) -> list[str]:
        """The lists whose entries in the mapping all have one of these policies."""
        by_list: dict[str, set[OnUpdate]] = {}
        for entry in self.draft.layout.entries:
            by_list.setdefault(entry.parent, set()).add(entry.on_update)
        return [parent for parent, given in by_list.items() if given <= set(policies)]


def account(user: User) -> AccountType:
    """The account type of a generated user."""
    return AccountType(current(user, "account_type"))


def without_flags(part: RecordPart) -> RecordPart:
    """The entry apart from the flags, which belong to the list as a whole."""
    return part.model_copy(update={"preferred": None, "preferred_sms": None})


def twins(parent: str, parts: tuple[RecordPart, ...]) -> int:
    """How many entries say again what one before them says."""
    return sum(
        any(equal(parent, part, other) for other in parts[:place])
        for place, part in enumerate(parts)
    )


def mapped_scalars_end_up_as_their_policy_says(case: Case) -> None:
    """Afterwards a mapped field holds the row's value or Alma's, as its policy decides."""
    for target in case.draft.layout.scalars:
        name = target.field.name
        was, now = current(case.live, name), current(case.after, name)
        said = case.draft.values.get(target.label)
        if said is None or name == "primary_id":
            assert now == was
            continue
        expected = {
            OnUpdate.REPLACE: said or was,
            OnUpdate.KEEP: was or said,
            OnUpdate.ERASE: said,
            OnUpdate.LATER: max(was, said),
            OnUpdate.NEVER: was,
        }[target.on_update]
        assert same_text(name, now, expected)


def everything_else_stays(case: Case) -> None:
    """Fields and lists that the mapping does not name are Alma's own afterwards."""
    named = {target.label for target in case.draft.layout.scalars}
    parents = {entry.parent for entry in case.draft.layout.entries}
    for name in User.model_fields:
        if name not in {*named, *parents, "contact_info"}:
            assert getattr(case.after, name) == getattr(case.live, name)
    for parent in LISTS:
        if parent not in parents:
            assert entries(case.after, parent) == entries(case.live, parent)
    assert case.after.model_extra == case.live.model_extra
    if case.live.contact_info is not None and case.after.contact_info is not None:
        assert case.after.contact_info.model_extra == case.live.contact_info.model_extra
    for name in ("primary_id", "account_type", "external_id", "user_role"):
        assert getattr(case.after, name) == getattr(case.live, name)


def entries_that_no_row_speaks_of_stay(case: Case) -> None:
    """The other segment's entries, and those of other types and values, survive to the letter."""
    for parent in case.parents(*LIST_POLICIES):
        items = case.draft.entries(parent)
        spoken = {
            (code, our_segment(parent, account(case.live), item.segment))
            for item in items
            for code in item.types
        }
        parts = [without_flags(part) for part in entries(case.after, parent)]
        for part in entries(case.live, parent):
            codes = types(parent, part)
            named = any((code, segment(part, account(case.live))) in spoken for code in codes)
            if not named and not any(matches(item, part) for item in items):
                assert without_flags(part) in parts
        assert len(parts) >= len(entries(case.live, parent))


def what_an_update_never_touches_of_an_entry_survives(case: Case) -> None:
    """Start dates, who wrote a note, and fields unknown to us are all still there."""
    for parent in case.parents(*LIST_POLICIES):
        for name in ("start_date", "created_by", "unknown"):
            held, kept = (
                sum(bool(getattr(part, name, None)) for part in entries(one, parent))
                for one in (case.live, case.after)
            )
            assert kept >= held


def every_entry_of_the_row_is_there(case: Case) -> None:
    """Afterwards the record says what each entry of the row says, where the entry lasts.

    An ID that the user has may stay under another type.
    """
    for parent in case.parents(OnUpdate.REPLACE):
        parts = entries(case.after, parent)
        others = (part for part in parts if isinstance(part, UserIdentifier))
        ids = {current(part, "value").casefold() for part in others}
        for item in case.draft.entries(parent):
            had = item.values.get("value", "").casefold() in ids
            if (steady := item.compared) is not None and not had:
                assert any(matches(steady, part) for part in parts)


def merging_twice_changes_nothing_more(case: Case) -> None:
    """The same row again finds nothing to do, entries of the run included."""
    second = updated(case.draft, case.after)
    assert second.changes == ()
    assert second.after is case.after


def a_record_differs_only_where_a_change_says_so(case: Case) -> None:
    """Without changes the record is Alma's own object; with changes it is another."""
    assert bool(case.merged.changes) == (case.after != case.live)
    if not case.merged.changes:
        assert case.after is case.live


def exactly_one_entry_is_preferred(case: Case) -> None:
    """A list of which the row speaks has one preferred entry, and one for messages at most.

    A mark that only an entry of this day's run has is no reason for an update.
    """
    for parent, flags in FLAGS.items():
        of_row, never = case.draft.entries(parent), OnUpdate.NEVER
        items = [it for it in of_row if it.compared or it.entry.on_update is never]
        parts = entries(case.after, parent)
        for flag in flags if items and parts else ():
            by_day = any(it.values.get(flag) == "true" for it in of_row if it not in items)
            count = sum(bool(getattr(part, flag)) for part in parts)
            is_left = by_day and case.after is case.live
            assert count <= 1 if is_left or flag != "preferred" else count == 1


def no_entry_is_ever_repeated(case: Case) -> None:
    """An update never leaves more equal entries than Alma had."""
    for parent in LISTS:
        if CORE[parent] or parent.startswith(("rs_", "library_")):
            assert twins(parent, entries(case.after, parent)) <= twins(
                parent, entries(case.live, parent)
            )


def an_unrelated_change_is_kept(case: Case) -> None:
    """A field that someone else changed meanwhile and the update's own changes both stand."""
    theirs = {"web_site_url": "https://example.org/me", "full_name": "Other"}
    now = case.live.model_copy(update=theirs)
    made, conflicts = carried_over(case.live, case.after, now)
    assert not conflicts
    assert shape(made) == shape(case.after.model_copy(update=theirs))


def what_alma_stored_as_sent_is_the_same(case: Case) -> None:
    """A record that comes back as it was sent shows no field that Alma kept."""
    assert same_as_sent(case.after, case.after, case.live) == ()
    created = new_user(case.draft)
    assert same_as_sent(created, created, None) == ()
    answered = User.from_json(created.to_json())
    assert answered == created


def an_update_that_was_lost_is_noticed(case: Case) -> None:
    """Where Alma still answers the old record, some field shows it, but for what is not read."""
    seen = [change for change in case.merged.changes if change.path not in {"pin_number"}]
    lost = bool(same_as_sent(case.after, case.live, case.live))
    folded = all(change.old.casefold() == change.new.casefold() for change in seen)
    assert lost == bool(seen) or folded


def someone_elses_edit_of_the_same_field_is_a_conflict(case: Case) -> None:
    """Where the update and someone else change one field differently, a person decides."""
    now = case.live.model_copy(update={"last_name": "Third"})
    joined, conflicts = carried_over(case.live, case.after, now)
    if current(case.after, "last_name") != current(case.live, "last_name"):
        assert conflicts == ("last_name",)
    else:
        assert not conflicts
        assert shape(joined) == shape(case.after.model_copy(update={"last_name": "Third"}))


def a_created_user_needs_no_update(case: Case) -> None:
    """The row that created a user finds nothing to change in it."""
    assert updated(case.draft, new_user(case.draft)).changes == ()


RULES = (
    mapped_scalars_end_up_as_their_policy_says,
    everything_else_stays,
    entries_that_no_row_speaks_of_stay,
    what_an_update_never_touches_of_an_entry_survives,
    every_entry_of_the_row_is_there,
    merging_twice_changes_nothing_more,
    a_record_differs_only_where_a_change_says_so,
    exactly_one_entry_is_preferred,
    no_entry_is_ever_repeated,
    an_unrelated_change_is_kept,
    what_alma_stored_as_sent_is_the_same,
    an_update_that_was_lost_is_noticed,
    someone_elses_edit_of_the_same_field_is_a_conflict,
    a_created_user_needs_no_update,
)


@settings(max_examples=250, deadline=None, suppress_health_check=SLOW, derandomize=True)
@given(pairs())
def test_every_rule_holds_of_a_row_and_its_user(pair: tuple[DraftUser, User]) -> None:
    """The rules above, each of every generated pair."""
    case = Case(*pair, updated(*pair))
    for rule in RULES:
        rule(case)


@pytest.mark.hunt
@settings(max_examples=10_000, deadline=None, suppress_health_check=SLOW)
@given(pairs())
def test_every_rule_holds_of_many_more_rows(pair: tuple[DraftUser, User]) -> None:
    """Ten thousand others, new each time."""
    test_every_rule_holds_of_a_row_and_its_user.hypothesis.inner_test(pair)  # type: ignore[attr-defined]
