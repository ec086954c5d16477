"""The laws of changes over generated records and rows; what others changed, and what Alma kept."""

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
    current,
    entries,
    equal,
    flagged,
    main_value,
    path,
    types,
    with_entries,
)
from importer.planner.patch import carried_over, changed_lists, list_edits, same_as_sent
from tests.planner.people import address, email, identifier, mails, shape, updated, user
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


NOTE = {"note_type": {"value": "LIBRARY"}, "note_text": "ours", "segment_type": "Internal"}
THEIRS = NOTE | {"note_text": "theirs", "created_by": "staff"}
EMAILS = "contact_info.email"
_ANSWERS = (True, False)


def joined(before: User, after: User, now: User) -> User:
    """The merged record, where there is no conflict."""
    made, conflicts = carried_over(before, after, now)
    assert not conflicts
    return made


def test_what_alma_writes_by_itself_is_no_change() -> None:
    """Another activity date or description stands in nobody's way; a cleared date is absent."""
    named = {"last_name": "Roe", "expiry_date": "2027-05-15Z"}
    before = user(**named, user_group={"value": "COMM", "desc": "Community"})
    after = before.model_copy(update={"last_name": "Doe", "expiry_date": None})
    now = user(**named, user_group={"value": "COMM", "desc": "Friends"}, full_name="X Roe")
    made = joined(before, after, now)
    assert made == now.model_copy(update={"last_name": "Doe", "expiry_date": None})
    assert "expiry_date" not in joined(before, user(last_name="Doe"), now).to_json()


def test_someones_note_and_ours_both_stand() -> None:
    """Two people who add a note each do not disturb one another."""
    before, after = user(user_note=[]), user(user_note=[NOTE])
    made = joined(before, after, user(user_note=[THEIRS]))
    assert [current(part, "note_text") for part in entries(made, "user_note")] == ["theirs", "ours"]


def test_other_entries_of_a_list_and_other_fields_of_an_entry_may_change() -> None:
    """Someone adds an email for work, and describes the one that the update replaces."""
    before, after = mails("a*"), mails("new*")
    assert shape(joined(before, after, mails("a* w/work"))) == shape(mails("new* w/work"))
    (part,) = entries(before, EMAILS)
    described = part.model_copy(update={"description": "mine"})
    now = user(contact_info={"email": [described.model_dump()]})
    (part,) = entries(joined(before, after, now), EMAILS)
    assert [current(part, name) for name in ("email_address", "description")] == [
        *("new@example.org", "mine")
    ]


@pytest.mark.parametrize(
    ("before", "after", "now", "path"),
    [
        ("a*", "new*", "x", "[personal]"),
        ("a*", "new*", "", "[personal]"),
        ("", "new*", "a*", "[personal]"),
        ("a* w/work", "a*", "a* y/work", "[work]"),
        ("", "new*", "w*/work", ".preferred"),
    ],
)
def test_the_same_entry_changed_twice_is_for_a_person(
    before: str, after: str, now: str, path: str
) -> None:
    """An entry that both changed, or both added of one type, or two preferred, is a conflict."""
    _, conflicts = carried_over(mails(before), mails(after), mails(now))
    assert conflicts == (f"{EMAILS}{path}",)


@pytest.mark.parametrize(
    ("parent", "before", "after", "now"),
    [
        ("user_identifier", [], [identifier("BARCODE", "1")], [identifier("BARCODE", "2")]),
        ("library_notice", [], *([{"code": {"value": "Loan"}, "value": on}] for on in _ANSWERS)),
        ("user_note", [NOTE], [], [THEIRS]),  # another text may be the note that was to go
        ("user_block", *(
            [{"block_description": {"value": kind}, "block_status": status}]
            for kind, status in (("02", "ACTIVE"), ("02", "INACTIVE"), ("06", "ACTIVE"))
        )),
    ],
)  # fmt: skip
def test_what_took_the_place_of_an_entry_is_for_a_person(
    parent: str, before: list[object], after: list[object], now: list[object]
) -> None:
    """Another ID, answer, note or block of the same type is not what was planned."""
    _, conflicts = carried_over(*(user(**{parent: parts}) for parts in (before, after, now)))
    assert conflicts
    assert all(path.startswith(f"{parent}[") for path in conflicts)


def test_another_street_of_the_same_type_is_for_a_person() -> None:
    """The plan had another postal code for the old street."""
    places = (("7 Oak Ave", "57001"), ("7 Oak Ave", "57010"), ("99 New Road", "57001"))
    users = (user(contact_info={"address": [address(a, postal_code=z)]}) for a, z in places)
    _, conflicts = carried_over(*users)
    assert conflicts


def test_an_entry_of_which_only_the_mark_changes_is_not_replaced() -> None:
    """It is found by its value, wherever it is, so an entry that goes is not taken for it."""
    now = mails("new*")
    made, conflicts = carried_over(mails("new* old"), mails("old*"), now)
    assert conflicts
    assert entries(made, EMAILS) == ()


SENT = user(
    record_type={"value": "PUBLIC"},
    last_name="Doe",
    user_group={"value": "COMM"},
    birth_date="1990-03-01Z",
    password="correct horse",
    pin_number="1234",
    contact_info={
        "address": [address("1 Main St", preferred=True, start_date="2026-08-20Z")],
        "email": [{"email_address": "a@example.org", "email_type": [{"value": "work"}]}],
    },
    user_block=[{"block_description": {"value": "02-GLOBAL"}}],
)


def answer(**fields: object) -> User:
    """The record as Alma answers it: more than was sent, and not all of it as it was sent."""
    told: dict[str, object] = {
        "record_type": {"value": "PUBLIC", "desc": "Public"},
        "full_name": "Doe",
        "last_name": "Doe",
        "middle_name": "",
        "user_group": {"value": "comm", "desc": "Community"},
        "campus_code": {"value": None, "desc": ""},
        "birth_date": "1990-03-01Z",
        "password": "",
        "pin_number": "",
        "status": {"value": "ACTIVE", "desc": "Active"},
        "user_role": [{"role_type": {"value": "200"}}],
        "contact_info": {
            "address": [address("1 Main St", preferred=True, start_date="2026-08-19Z")],
            "email": [email("a@example.org", "work", description="")],
        },
        "user_block": [
            {
                "block_type": {"value": "GENERAL"},
                "block_description": {"value": "02-GLOBAL", "desc": "Behaviour"},
                "block_status": "ACTIVE",
                "created_by": "exl_api",
                "segment_type": "Internal",
            }
        ],
    }
    return user(**(told | fields))


def test_what_alma_says_by_itself_is_no_difference() -> None:
    """Descriptions, defaults, roles, start dates, the password and the PIN do not count."""
    assert same_as_sent(SENT, answer(), None) == ()


HOME, MAIL = address("1 Main St", preferred=True), email("a@example.org", "work")


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"user_group": {"value": "UGRD"}}, "user_group"),
        ({"birth_date": None}, "birth_date"),
        ({"contact_info": None}, "contact_info.address[home]"),
        ({"contact_info": {"address": [HOME | {"line2": "Apt 4"}], "email": [MAIL]}},
         "contact_info.address[home]"),
        ({"contact_info": {"address": [HOME], "email": [MAIL | {"preferred": True}]}},
         "contact_info.email[work]"),
    ],
)  # fmt: skip
def test_what_alma_kept_is_named(fields: dict[str, object], path: str) -> None:
    """A field, an entry or a flag that is not as it was sent is named by its path."""
    assert path in same_as_sent(SENT, answer(**fields), None)


def test_after_an_update_only_its_own_changes_count() -> None:
    """What the update did not touch may be what it likes; what it touched must be as sent."""
    before = user(last_name="Roe", user_group={"value": "STAFF"}, expiry_date="2026-01-01Z")
    after = before.model_copy(update={"last_name": "Doe", "expiry_date": None})
    told = user(last_name="Doe", user_group={"value": "OTHER"})
    assert same_as_sent(after, told, before) == ()
    assert same_as_sent(after, before, before) == ("last_name", "expiry_date")


@pytest.mark.parametrize(
    ("before", "after", "path"),
    [
        (mails("a w/work"), mails("a"), "contact_info.email[work]"),
        (*(user(rs_library=[{"code": {"value": "MAIN"}}] * n) for n in (2, 1)), "rs_library[MAIN]"),
    ],
)
def test_an_entry_that_should_have_gone_is_named(before: User, after: User, path: str) -> None:
    """A removal that Alma did not make is seen; each entry counts once, also a twin."""
    assert same_as_sent(after, before, before) == (path,)
    assert same_as_sent(after, after, before) == ()
