"""The laws of changes, and of the merge that makes them, over generated records and rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import combinations
from typing import NamedTuple, TypeAlias

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from importer.model.user import AccountType, RecordPart, User
from importer.planner.drafts import DraftUser
from importer.planner.entries import (
    FLAGS,
    PREFERRED,
    comparable,
    entries,
    equal,
    flagged,
    main_value,
    path,
    types,
    with_entries,
)
from importer.planner.patch import carried_over, changed_lists, list_edits
from tests.planner.people import shape, updated
from tests.planner.strategies import KINDS, LISTED, live_users, pairs

Records: TypeAlias = tuple[User, User]
Case: TypeAlias = tuple[DraftUser, User]
BY_STAFF = "by staff"
APART = {"preferred", "preferred_sms", "note"}
SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]


@st.composite
def records(draw: st.DrawFn) -> Records:
    """Two records of one account type, which have entries in common."""
    account = draw(st.sampled_from(AccountType))
    parents = draw(LISTED)
    one, other = (draw(live_users(account, parents)) for _ in range(2))
    shared = {
        parent: tuple(draw(st.permutations([*entries(one, parent), *entries(other, parent)[:1]])))
        for parent in parents
        if draw(st.booleans())
    }
    return one, with_entries(other, shared)


class Meeting(NamedTuple):
    """A record before and after a write, and the one before it as staff left it since."""

    before: User
    after: User
    now: User


@st.composite
def meetings(draw: st.DrawFn) -> Meeting:
    """An update or its undo, and staff who removed, described and marked entries meanwhile."""
    row, live = draw(pairs())
    before, after = live, updated(row, live).after
    if draw(st.booleans()):
        before, after = after, before
    lists = {}
    for parent in KINDS:
        left = [part for part in entries(before, parent) if draw(st.integers(0, 3))]
        if left and "note" in type(left[0]).model_fields and draw(st.booleans()):
            left[0] = left[0].model_copy(update={"note": BY_STAFF})
        if left and parent in FLAGS and draw(st.booleans()):
            chosen = draw(st.integers(0, len(left) - 1))
            left = [flagged(part, PREFERRED, on=n == chosen) for n, part in enumerate(left)]
        lists[parent] = tuple(left)
    return Meeting(before, after, with_entries(before, lists))


def a_change_carried_over_to_its_own_record_makes_the_other(pair: Records) -> None:
    """`carried_over(a, b, a)` is b, without conflicts: the same fields and the same entries."""
    before, after = pair
    made, conflicts = carried_over(before, after, before)
    assert not conflicts
    assert shape(made) == shape(after)


def there_and_back_is_the_start(pair: Records) -> None:
    """With the records exchanged, the change is undone."""
    before, after = pair
    made, _ = carried_over(before, after, before)
    back, conflicts = carried_over(after, before, made)
    assert not conflicts
    assert shape(back) == shape(before)


def a_change_that_is_made_already_changes_nothing(pair: Records) -> None:
    """Carried over to the record that it makes, it leaves that as it is."""
    before, after = pair
    made, conflicts = carried_over(before, after, after)
    assert not conflicts
    assert shape(made) == shape(after)


def no_change_leaves_any_record_as_it_is(pair: Records) -> None:
    """`carried_over(a, a, b)` is b."""
    before, other = pair
    made, conflicts = carried_over(before, before, other)
    assert not conflicts
    assert shape(made) == shape(other)


def what_staff_did_since_stays(meeting: Meeting) -> None:
    """Of what a write meets, nothing comes back, and nothing goes that it did not change.

    An entry that staff removed comes back neither as it was nor as it was to be, what they wrote in
    one stays, and so does the mark that they set, which nothing else has then. Of two entries with
    the same types, segment and value nobody can say which one staff meant.
    """
    before, planned, now = meeting
    after, _ = carried_over(before, planned, now)
    lists = changed_lists(before, planned)
    for parent in KINDS:
        old, new = lists.get(parent, ((), ()))
        if not (is_keyed(parent, old) and is_keyed(parent, new)):
            continue
        edits = [edit for edit in list_edits(parent, old, new) if edit.changes]
        is_now, will = (plain(entries(one, parent)) for one in (now, after))
        here = [place(parent, part) for part in entries(now, parent)]
        stand = [edit for edit in edits if edit.old is None or place(parent, edit.old) in here]
        assert will - is_now <= plain(edit.new for edit in stand if edit.new)
        assert is_now - will <= plain(edit.old for edit in edits if edit.old)
        noted = [
            [getattr(part, "note", "") for part in entries(one, parent)].count(BY_STAFF)
            for one in (now, after)
        ]
        assert noted[0] == noted[1]
        was, chosen, marked = (
            [part for part in entries(one, parent) if getattr(part, PREFERRED, False)]
            for one in (before, now, after)
        )
        several = max(len(was), sum(bool(getattr(part, PREFERRED, False)) for part in new)) > 1
        if parent in FLAGS and not several:
            assert len(marked) <= 1
        for part in chosen if parent in FLAGS else ():
            assert plain([part]) <= plain(was) or any(
                path(parent, part) == path(parent, one)
                or main_value(parent, part) == main_value(parent, one)
                for one in marked
            )


def is_keyed(parent: str, parts: Sequence[RecordPart]) -> bool:
    """Whether each entry of a list is known by its types, its segment and its value."""
    return not any(
        equal(parent, one, other) and place(parent, one)[1] == place(parent, other)[1]
        for one, other in combinations(parts, 2)
    )


def place(parent: str, part: RecordPart) -> tuple[tuple[str, ...], str]:
    """The types of an entry, and its segment."""
    return types(parent, part), getattr(part, "segment_type", None) or ""


def plain(parts: Iterable[RecordPart]) -> Counter[str]:
    """How many entries of each kind there are, whichever has a mark or a note."""
    shapes = (
        {name: text for name, text in comparable(part).items() if name not in APART}
        for part in parts
    )
    return Counter(map(str, shapes))


LAWS_OF_RECORDS = (
    a_change_carried_over_to_its_own_record_makes_the_other,
    there_and_back_is_the_start,
    a_change_that_is_made_already_changes_nothing,
    no_change_leaves_any_record_as_it_is,
)


@settings(max_examples=300, deadline=None, suppress_health_check=SLOW, derandomize=True)
@given(records())
def test_the_laws_of_a_change(pair: Records) -> None:
    """The laws above, of any two records."""
    for law in LAWS_OF_RECORDS:
        law(pair)


@settings(max_examples=300, deadline=None, suppress_health_check=SLOW, derandomize=True)
@given(meetings())
def test_an_update_and_an_undo_keep_what_staff_did(meeting: Meeting) -> None:
    """Whatever staff removed, wrote or marked since."""
    what_staff_did_since_stays(meeting)


@pytest.mark.hunt
@settings(max_examples=40_000, deadline=None, suppress_health_check=SLOW)
@given(records())
def test_the_laws_of_a_change_of_many_more_records(pair: Records) -> None:
    """New ones each time."""
    for law in LAWS_OF_RECORDS:
        law(pair)


@pytest.mark.hunt
@settings(max_examples=30_000, deadline=None, suppress_health_check=SLOW)
@given(meetings())
def test_many_more_updates_and_undos_keep_what_staff_did(meeting: Meeting) -> None:
    """New ones each time."""
    what_staff_did_since_stays(meeting)
