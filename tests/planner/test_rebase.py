"""An update that meets a record which someone else has changed in between."""

from __future__ import annotations

import pytest

from importer.model.user import User
from importer.planner.entries import current, entries
from importer.planner.patch import Conflict, apply
from tests.planner.people import address, carried, email, identifier, user


def people(*parts: dict[str, object], **fields: object) -> User:
    """A user with some e-mails."""
    return user(contact_info={"email": list(parts)}, **fields)


A = email("a@example.org", preferred=True)
NEW = email("new@example.org", preferred=True)
WORK = email("w@example.org", "work")
NOTE = {"note_type": {"value": "LIBRARY"}, "note_text": "ours", "segment_type": "Internal"}
THEIRS = NOTE | {"note_text": "theirs", "created_by": "staff"}


def block(description: str) -> dict[str, object]:
    """An active block."""
    return {
        "block_type": {"value": "GENERAL"},
        "block_description": {"value": description},
        "block_status": "ACTIVE",
    }


def joined(before: User, after: User, now: User) -> User:
    """The merged record, where there is no conflict."""
    made = carried(before, after, now)
    assert isinstance(made, User)
    return made


def test_what_alma_writes_by_itself_is_no_change() -> None:
    """Another activity date, another description or start date stands in nobody's way."""
    before = people(A, last_name="Roe", user_group={"value": "COMM", "desc": "Community"})
    after = before.model_copy(update={"last_name": "Doe"})
    now = people(
        A, last_name="Roe", user_group={"value": "COMM", "desc": "Friends"}, full_name="X Roe"
    )
    assert joined(before, after, now) == now.model_copy(update={"last_name": "Doe"})


def test_an_erased_date_stays_absent() -> None:
    """A date that the update clears is absent in what is sent, not null."""
    before = user(expiry_date="2027-05-15Z", last_name="Roe")
    after = user(last_name="Roe")
    now = before.model_copy(update={"first_name": "Ann"})
    assert "expiry_date" not in joined(before, after, now).to_json()


def test_someones_note_and_ours_both_stand() -> None:
    """Two people who add a note each do not disturb one another."""
    before = user(user_note=[])
    after = user(user_note=[NOTE])
    made = joined(before, after, user(user_note=[THEIRS]))
    assert [current(part, "note_text") for part in entries(made, "user_note")] == ["theirs", "ours"]
    assert joined(before, after, user(user_note=[NOTE])) == after


def test_another_entry_of_the_list_may_change() -> None:
    """An e-mail that someone adds for work is kept while the personal one is replaced."""
    before, after = people(A), people(NEW)
    made = joined(before, after, people(A, WORK))
    assert [current(part, "email_address") for part in entries(made, "contact_info.email")] == [
        "new@example.org",
        "w@example.org",
    ]


def test_another_field_of_the_same_entry_may_change() -> None:
    """Someone describes the e-mail that the update replaces: both are kept."""
    made = joined(people(A), people(NEW), people(A | {"description": "mine"}))
    part = entries(made, "contact_info.email")[0]
    assert (current(part, "email_address"), current(part, "description")) == (
        "new@example.org",
        "mine",
    )


@pytest.mark.parametrize(
    ("before", "after", "now", "path"),
    [
        (people(A), people(NEW), people(email("x@example.org")), "contact_info.email[personal]"),
        (people(A), people(NEW), people(), "contact_info.email[personal]"),
        (people(), people(NEW), people(A), "contact_info.email[personal]"),
        (
            people(A, WORK),
            people(A),
            people(A, WORK | {"email_address": "y@example.org"}),
            "contact_info.email[work]",
        ),
        (
            people(),
            people(NEW),
            people(WORK | {"preferred": True}),
            "contact_info.email.preferred",
        ),
        (
            user(user_identifier=[]),
            user(user_identifier=[identifier("BARCODE", "1")]),
            user(user_identifier=[identifier("BARCODE", "2")]),
            "user_identifier[BARCODE]",
        ),
        (
            user(library_notice=[]),
            user(library_notice=[{"code": {"value": "Loan"}, "value": True}]),
            user(library_notice=[{"code": {"value": "Loan"}, "value": False}]),
            "library_notice[Loan]",
        ),
    ],
)
def test_the_same_entry_changed_twice_is_for_a_person(
    before: User, after: User, now: User, path: str
) -> None:
    """An entry that both changed, or both added of one type, or two preferred, is a conflict."""
    made = carried(before, after, now)
    assert isinstance(made, Conflict)
    assert made.paths == (path,)


@pytest.mark.parametrize(
    ("before", "after", "now"),
    [
        (
            user(user_block=[block("02-GLOBAL")]),
            user(user_block=[block("02-GLOBAL") | {"block_status": "INACTIVE"}]),
            user(user_block=[block("06-LOCAL") | {"block_note": "do not lend"}]),
        ),
        (
            user(contact_info={"address": [address("7 Oak Ave", postal_code="57001")]}),
            user(contact_info={"address": [address("7 Oak Ave", postal_code="57010")]}),
            user(contact_info={"address": [address("99 New Road", postal_code="57001")]}),
        ),
    ],
)
def test_a_change_is_not_made_in_an_entry_that_took_the_place(
    before: User, after: User, now: User
) -> None:
    """Another block or street of the same type is not what was planned: a person looks."""
    assert isinstance(carried(before, after, now), Conflict)


def test_a_note_that_was_edited_is_not_taken_for_gone() -> None:
    """Another text of the same type may be the note that was to go: a person looks."""
    before, after, now = (user(user_note=notes) for notes in ([NOTE], [], [THEIRS]))
    made = carried(before, after, now)
    assert isinstance(made, Conflict)
    assert made.paths == ("user_note[LIBRARY]",)


def test_an_entry_of_which_only_the_mark_changes_is_not_replaced() -> None:
    """It is found by its value, wherever it is, so an entry that goes is not taken for it."""
    old, new = email("old@example.org"), email("new@example.org", preferred=True)
    before, after, now = people(new, old), people(old | {"preferred": True}), people(new)
    made = carried(before, after, now)
    assert isinstance(made, Conflict)
    assert entries(apply(made.rest, now), "contact_info.email") == ()
