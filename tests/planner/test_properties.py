"""What holds of every row and every record that Alma may have."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings

from importer.model.fields import LISTS, OnUpdate
from importer.model.user import AccountType, Part, User
from importer.planner.drafts import DraftUser
from importer.planner.entries import (
    CORE,
    FLAGS,
    current,
    entries,
    equal,
    matches,
    our_segment,
    same_text,
    segment,
    types,
)
from importer.planner.merge import merge, new_user
from importer.planner.three_way import Conflict, same_as_sent, three_way
from tests.planner.strategies import LIST_POLICIES, drafts, live_users, pairs

SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
many = settings(max_examples=150, deadline=None, suppress_health_check=SLOW, derandomize=True)
Pair = tuple[DraftUser, User]


def account(user: User) -> AccountType:
    """The account type of a generated user."""
    return AccountType(current(user, "account_type"))


def without_flags(part: Part) -> Part:
    """The entry apart from the flags, which belong to the list as a whole."""
    return part.model_copy(update={"preferred": None, "preferred_sms": None})


def twins(parent: str, parts: tuple[Part, ...]) -> int:
    """How many entries say again what one before them says."""
    return sum(
        any(equal(parent, part, other) for other in parts[:place])
        for place, part in enumerate(parts)
    )


@many
@given(pairs())
def test_mapped_scalars_end_up_as_their_policy_says(pair: Pair) -> None:
    """Afterwards a mapped field holds the row's value or Alma's, as its policy decides."""
    draft, live = pair
    after = merge(draft, live).after
    for target in draft.layout.scalars:
        name = target.field.name
        was, now = current(live, name), current(after, name)
        said = draft.values.get(target.label)
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


@many
@given(pairs())
def test_everything_else_stays(pair: Pair) -> None:
    """Fields and lists that the mapping does not name are Alma's own afterwards."""
    draft, live = pair
    after = merge(draft, live).after
    named = {target.label for target in draft.layout.scalars}
    parents = {entry.parent for entry in draft.layout.entries}
    for name in User.model_fields:
        if name not in {*named, *parents, "contact_info"}:
            assert getattr(after, name) == getattr(live, name)
    for parent in LISTS:
        if parent not in parents:
            assert entries(after, parent) == entries(live, parent)
    assert after.model_extra == live.model_extra
    if live.contact_info is not None and after.contact_info is not None:
        assert after.contact_info.model_extra == live.contact_info.model_extra
    assert (after.primary_id, after.account_type, after.external_id, after.user_role) == (
        live.primary_id,
        live.account_type,
        live.external_id,
        live.user_role,
    )


@many
@given(pairs(lists=LIST_POLICIES))
def test_entries_that_no_row_speaks_of_stay(pair: Pair) -> None:
    """The other segment's entries, and those of other types, survive to the letter."""
    draft, live = pair
    after = merge(draft, live).after
    for parent in {entry.parent for entry in draft.layout.entries}:
        items = draft.entries(parent)
        spoken = {
            (code, our_segment(parent, account(live), item.segment))
            for item in items
            for code in item.types
        }
        parts = [without_flags(part) for part in entries(after, parent)]
        for part in entries(live, parent):
            codes = types(parent, part)
            if not any((code, segment(part, account(live))) in spoken for code in codes):
                assert without_flags(part) in parts
        assert len(parts) >= len(entries(live, parent))


@many
@given(pairs(lists=LIST_POLICIES))
def test_what_an_update_never_touches_of_an_entry_survives(pair: Pair) -> None:
    """Start dates, who wrote a note, and fields unknown to us are all still there."""
    draft, live = pair
    after = merge(draft, live).after
    for parent in LISTS:
        for name in ("start_date", "created_by", "unknown", "address_note"):
            held = [getattr(part, name, None) for part in entries(live, parent)]
            kept = [getattr(part, name, None) for part in entries(after, parent)]
            if name != "address_note":
                assert sum(map(bool, kept)) >= sum(map(bool, held))


@many
@given(pairs(lists=(OnUpdate.REPLACE,)))
def test_every_entry_of_the_row_is_there(pair: Pair) -> None:
    """Afterwards the record says what each entry of the row says, where the entry lasts."""
    draft, live = pair
    after = merge(draft, live).after
    for parent in LISTS:
        for item in draft.entries(parent):
            if (steady := item.steady) is not None:
                assert any(matches(steady, part) for part in entries(after, parent))


@many
@given(pairs())
def test_merging_twice_changes_nothing_more(pair: Pair) -> None:
    """The same row again finds nothing to do, entries of the run included."""
    draft, live = pair
    first = merge(draft, live)
    second = merge(draft, first.after)
    assert second.changes == ()
    assert second.after is first.after


@many
@given(pairs())
def test_a_record_differs_only_where_a_change_says_so(pair: Pair) -> None:
    """Without changes the record is Alma's own object; with changes it is another."""
    draft, live = pair
    merged = merge(draft, live)
    assert bool(merged.changes) == (merged.after != live)
    if not merged.changes:
        assert merged.after is live


@many
@given(pairs())
def test_exactly_one_entry_is_preferred(pair: Pair) -> None:
    """A list of which the row speaks has one preferred entry, and one for messages at most."""
    draft, live = pair
    after = merge(draft, live).after
    for parent, flags in FLAGS.items():
        items = [item for item in draft.entries(parent) if item.steady]
        parts = entries(after, parent)
        for flag in flags if items and parts else ():
            count = sum(bool(getattr(part, flag)) for part in parts)
            assert count == 1 if flag == "preferred" else count <= 1


@many
@given(pairs())
def test_no_entry_is_ever_repeated(pair: Pair) -> None:
    """An update never leaves more equal entries than Alma had."""
    draft, live = pair
    after = merge(draft, live).after
    for parent in LISTS:
        if CORE[parent] or parent.startswith(("rs_", "library_")):
            assert twins(parent, entries(after, parent)) <= twins(parent, entries(live, parent))


@many
@given(pairs())
def test_three_way_merge_without_other_changes_is_the_plan(pair: Pair) -> None:
    """Where nobody else changed anything, what was planned is what is sent."""
    draft, live = pair
    after = merge(draft, live).after
    assert three_way(live, after, live) == after
    assert not isinstance(three_way(live, after, after), Conflict)
    assert three_way(live, live, after) == after


@many
@given(pairs())
def test_three_way_merge_keeps_an_unrelated_change(pair: Pair) -> None:
    """A field that someone else changed meanwhile and the update's own changes both stand."""
    draft, live = pair
    after = merge(draft, live).after
    theirs = {"web_site_url": "https://example.org/me", "full_name": "Other"}
    now = live.model_copy(update=theirs)
    assert three_way(live, after, now) == after.model_copy(update=theirs)


@many
@given(pairs())
def test_what_alma_stored_as_sent_is_the_same(pair: Pair) -> None:
    """A record that comes back as it was sent shows no field that Alma kept."""
    draft, live = pair
    merged = merge(draft, live)
    assert same_as_sent(merged.after, merged.after, live) == ()
    created = new_user(draft)
    assert same_as_sent(created, created) == ()
    answered = User.from_json(created.to_json())
    assert answered == created


@many
@given(pairs())
def test_an_update_that_was_lost_is_noticed(pair: Pair) -> None:
    """Where Alma still answers the old record, some field shows it, but for what is not read."""
    draft, live = pair
    merged = merge(draft, live)
    seen = [change for change in merged.changes if change.path not in {"pin_number"}]
    lost = bool(same_as_sent(merged.after, live, live))
    folded = all(change.old.casefold() == change.new.casefold() for change in seen)
    assert lost == bool(seen) or folded


@many
@given(drafts(AccountType.EXTERNAL), live_users(AccountType.EXTERNAL))
def test_someone_elses_edit_of_the_same_field_is_a_conflict(draft: DraftUser, live: User) -> None:
    """Where the update and someone else change one field differently, a person decides."""
    after = merge(draft, live).after
    now = live.model_copy(update={"last_name": "Third"})
    merged = three_way(live, after, now)
    if current(after, "last_name") != current(live, "last_name"):
        assert merged == Conflict(("last_name",))
    else:
        assert merged == after.model_copy(update={"last_name": "Third"})


@many
@given(drafts(AccountType.INTERNAL))
def test_a_created_user_needs_no_update(draft: DraftUser) -> None:
    """The row that created a user finds nothing to change in it."""
    assert merge(draft, new_user(draft)).changes == ()


EVERY = (
    test_mapped_scalars_end_up_as_their_policy_says,
    test_everything_else_stays,
    test_merging_twice_changes_nothing_more,
    test_a_record_differs_only_where_a_change_says_so,
    test_exactly_one_entry_is_preferred,
    test_no_entry_is_ever_repeated,
    test_three_way_merge_without_other_changes_is_the_plan,
    test_three_way_merge_keeps_an_unrelated_change,
    test_what_alma_stored_as_sent_is_the_same,
    test_an_update_that_was_lost_is_noticed,
)


@pytest.mark.hunt
@settings(max_examples=10_000, deadline=None, suppress_health_check=SLOW)
@given(pairs())
def test_all_of_it_holds_of_many_more_rows(pair: Pair) -> None:
    """Every rule about a row and its user holds of ten thousand others, new each time."""
    for rule in EVERY:
        rule.hypothesis.inner_test(pair)  # type: ignore[attr-defined]
