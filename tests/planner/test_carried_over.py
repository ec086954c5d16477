"""An update that meets a record which someone else has changed in between."""

from __future__ import annotations

import pytest

from importer.model.user import User
from importer.planner.entries import current, entries
from importer.planner.patch import carried_over
from tests.planner.people import address, identifier, mails, shape, user

NOTE = {"note_type": {"value": "LIBRARY"}, "note_text": "ours", "segment_type": "Internal"}
THEIRS = NOTE | {"note_text": "theirs", "created_by": "staff"}
EMAIL = "contact_info.email"
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
    (part,) = entries(before, EMAIL)
    described = part.model_copy(update={"description": "mine"})
    now = user(contact_info={"email": [described.model_dump()]})
    (part,) = entries(joined(before, after, now), EMAIL)
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
    assert conflicts == (f"{EMAIL}{path}",)


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
    assert entries(made, EMAIL) == ()
