"""The laws of patches, and of the merge that makes them, over generated records and rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import combinations
from typing import NamedTuple, TypeAlias

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from importer.model.user import AccountType, Part, User
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
from importer.planner.patch import Conflict, Patch, apply, diff, invert, list_edits, rebase
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
    """A patch, and the record for which it was made as staff left it since."""

    patch: Patch
    made_for: User
    now: User


@st.composite
def meetings(draw: st.DrawFn) -> Meeting:
    """An update or its undo, and staff who removed, described and marked entries meanwhile."""
    row, live = draw(pairs())
    patch, base = diff(live, updated(row, live).after), live
    if draw(st.booleans()):
        patch, base = invert(patch), apply(patch, base)
    lists = {}
    for parent in KINDS:
        left = [part for part in entries(base, parent) if draw(st.integers(0, 3))]
        if left and "note" in type(left[0]).model_fields and draw(st.booleans()):
            left[0] = left[0].model_copy(update={"note": BY_STAFF})
        if left and parent in FLAGS and draw(st.booleans()):
            chosen = draw(st.integers(0, len(left) - 1))
            left = [flagged(part, PREFERRED, on=n == chosen) for n, part in enumerate(left)]
        lists[parent] = tuple(left)
    return Meeting(patch, base, with_entries(base, lists))


def what_differs_makes_the_other_record(pair: Records) -> None:
    """`apply(diff(a, b), a) == b`: the same fields and the same entries."""
    one, other = pair
    assert shape(apply(diff(one, other), one)) == shape(other)
    assert shape(apply(diff(one, one), one)) == shape(one)


def what_is_reversed_gives_the_record_back(pair: Records) -> None:
    """`apply(invert(p), apply(p, a)) == a`, and what is reversed twice is the patch itself."""
    one, other = pair
    patch = diff(one, other)
    assert shape(apply(invert(patch), apply(patch, one))) == shape(one)
    assert invert(invert(patch)) == patch


def an_undisturbed_patch_stays_itself(pair: Records) -> None:
    """Carried over to the record for which it was made, a patch is the same."""
    one, other = pair
    patch = diff(one, other)
    assert rebase(patch, one) == patch


def a_patch_that_is_made_already_is_empty(pair: Records) -> None:
    """Carried over to the record that it makes, nothing of it is left."""
    one, other = pair
    rest = rebase(diff(one, other), other)
    assert not isinstance(rest, Conflict)
    assert shape(apply(rest, other)) == shape(other)


def what_staff_did_since_stays(meeting: Meeting) -> None:
    """What a patch meets stays: nothing comes back, and nothing goes that it did not change.

    An entry that staff removed comes back neither as it was nor as it was to be, what they wrote in
    one stays, and so does the mark that they set, which nothing else has then. Of two entries with
    the same types, segment and value nobody can say which one staff meant.
    """
    patch, made_for, now = meeting
    met = rebase(patch, now)
    after = apply(met.rest if isinstance(met, Conflict) else met, now)
    for parent in KINDS:
        old, new = patch.lists.get(parent, ((), ()))
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
            for one in (made_for, now, after)
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


def is_keyed(parent: str, parts: Sequence[Part]) -> bool:
    """Whether each entry of a list is known by its types, its segment and its value."""
    return not any(
        equal(parent, one, other) and place(parent, one)[1] == place(parent, other)[1]
        for one, other in combinations(parts, 2)
    )


def place(parent: str, part: Part) -> tuple[tuple[str, ...], str]:
    """The types of an entry, and its segment."""
    return types(parent, part), getattr(part, "segment_type", None) or ""


def plain(parts: Iterable[Part]) -> Counter[str]:
    """How many entries of each kind there are, whichever has a mark or a note."""
    shapes = (
        {name: text for name, text in comparable(part).items() if name not in APART}
        for part in parts
    )
    return Counter(map(str, shapes))


LAWS_OF_RECORDS = (
    what_differs_makes_the_other_record,
    what_is_reversed_gives_the_record_back,
    an_undisturbed_patch_stays_itself,
    a_patch_that_is_made_already_is_empty,
)


@settings(max_examples=300, deadline=None, suppress_health_check=SLOW, derandomize=True)
@given(records())
def test_the_laws_of_a_patch(pair: Records) -> None:
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
def test_the_laws_of_a_patch_of_many_more_records(pair: Records) -> None:
    """New ones each time."""
    for law in LAWS_OF_RECORDS:
        law(pair)


@pytest.mark.hunt
@settings(max_examples=30_000, deadline=None, suppress_health_check=SLOW)
@given(meetings())
def test_many_more_updates_and_undos_keep_what_staff_did(meeting: Meeting) -> None:
    """New ones each time."""
    what_staff_did_since_stays(meeting)
