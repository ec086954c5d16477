"""Merging a row into a record of Alma's, rule by rule."""

from __future__ import annotations

import pytest

from importer.model.fields import OnUpdate
from importer.model.plan import Change, ChangeKind, KeepOldId
from importer.model.user import AccountType, User
from importer.planner.entries import current, entries
from importer.planner.merge import Merged, merge
from tests.planner.people import address, draft, email, identifier, scheme, user

E0 = "contact_info.email[0]"
A0 = "contact_info.address[0]"
I0 = "user_identifier[0]"
EXTERNAL = {"account_type": {"value": "EXTERNAL"}, "external_id": "SIS"}


def email_row(value: str, kind: str = "personal", **more: str) -> dict[str, str]:
    """A row with one e-mail."""
    row = {f"{E0}.email_address": value, f"{E0}.email_type": kind}
    return row | {f"{E0}.{name}": text for name, text in more.items()}


def merged(
    row: dict[str, str],
    live: User,
    *,
    policies: dict[str, OnUpdate] | None = None,
    lists: dict[str, OnUpdate] | None = None,
    **more: frozenset[str],
) -> Merged:
    """The row merged into the user, of the user's account type."""
    account = AccountType(current(live, "account_type"))
    plan = scheme(list(row), account, policies=policies, lists=lists, **more)
    return merge(draft(row, plan=plan), live)


def emails(made: Merged) -> list[tuple[str, str, bool]]:
    """Type, address and whether preferred, of every e-mail afterwards."""
    return [
        (current(part, "email_type"), current(part, "email_address"), bool(part.preferred))
        for part in (made.after.contact_info and made.after.contact_info.email) or ()
    ]


@pytest.mark.parametrize(
    ("policy", "live", "said", "expected"),
    [
        (OnUpdate.REPLACE, "Doe", "Roe", "Roe"),
        (OnUpdate.REPLACE, "Doe", "", "Doe"),
        (OnUpdate.KEEP, "Doe", "Roe", "Doe"),
        (OnUpdate.KEEP, "", "Roe", "Roe"),
        (OnUpdate.ERASE, "Doe", "", ""),
        (OnUpdate.ERASE, "Doe", "Roe", "Roe"),
        (OnUpdate.NEVER, "Doe", "Roe", "Doe"),
        (OnUpdate.NEVER, "", "Roe", ""),
    ],
)
def test_policies_of_a_field(policy: OnUpdate, live: str, said: str, expected: str) -> None:
    """Each policy decides between the roster's value and Alma's."""
    made = merged({"middle_name": said}, user(middle_name=live), policies={"middle_name": policy})
    assert current(made.after, "middle_name") == expected
    assert [change.path for change in made.changes] == ["middle_name"] * (expected != live)


@pytest.mark.parametrize(("said", "expected"), [("2026-05-15", "2027-05-15"), ("2028-01-01",) * 2])
def test_later_never_shortens_a_date(said: str, expected: str) -> None:
    """`later` takes the roster's date only where it is after Alma's."""
    live = user(expiry_date="2027-05-15Z")
    made = merged({"expiry_date": said}, live, policies={"expiry_date": OnUpdate.LATER})
    assert current(made.after, "expiry_date") == expected


def test_erased_fields_are_blank_as_alma_writes_blank() -> None:
    """A code is blank, a date absent (contract 1.1), and each is counted as a removal."""
    live = user(expiry_date="2027-05-15Z", user_group={"value": "COMM", "desc": "Community"})
    erase = dict.fromkeys(("expiry_date", "user_group"), OnUpdate.ERASE)
    made = merged({"expiry_date": "", "user_group": ""}, live, policies=erase)
    assert '"user_group":{"value":""}' in made.after.to_json()
    assert "expiry_date" not in made.after.to_json()
    assert {change.kind for change in made.changes} == {ChangeKind.REMOVE}


def test_what_the_row_does_not_speak_of_is_not_erased() -> None:
    """`erase` needs a blank cell; a rule whose `when` does not hold says nothing."""
    plan = scheme(["middle_name"], policies={"middle_name": OnUpdate.ERASE})
    one = draft({"middle_name": ""}, plan=plan, not_applicable=frozenset({"middle_name"}))
    live = user(middle_name="Q")
    assert merge(one, live).after is live


def test_identity_is_never_changed() -> None:
    """Primary identifier, account type, owning system, record type and password stay."""
    live = user(**EXTERNAL, record_type={"value": "STAFF"}, password="")
    row = {"primary_id": "999", "external_id": "OTHER", "password": "correct horse"}
    assert merged(row, live).after is live


OLD_CARD = KeepOldId(type="OLD_BARCODE")


@pytest.mark.parametrize(
    ("has", "keep", "expected"),
    [
        ([], OLD_CARD, [("OLD_BARCODE", "21234", "INACTIVE")]),
        ([], None, []),
        ([("BARCODE", "999")], OLD_CARD, [("OLD_BARCODE", "21234", "INACTIVE")]),
        ([("BARCODE", "55")], None, [("BARCODE", "55", "")]),
    ],
)
def test_a_renamed_user_has_each_id_once(
    has: list[tuple[str, str]], keep: KeepOldId | None, expected: list[tuple[str, str, str]]
) -> None:
    """The old ID is kept if the mapping says so; the new one is no second identifier (3.2)."""
    live = user(user_identifier=[identifier(*pair) for pair in has])
    made = merge(draft({"primary_id": "999"}), live, rename=True, keep_old_id=keep)
    assert made.after.primary_id == "999"
    assert Change(ChangeKind.REPLACE, "primary_id", "21234", "999") in made.changes
    assert [
        (current(part, "id_type"), current(part, "value"), current(part, "status"))
        for part in entries(made.after, "user_identifier")
    ] == expected
    again = merge(draft({"primary_id": "999"}), made.after, rename=True, keep_old_id=keep)
    assert again.after is made.after


def test_a_community_patron_becomes_external() -> None:
    """The row's own entries become External, those that only the library has stay Internal."""
    live = user(
        contact_info={"email": [email("a@example.org", "personal"), email("b@example.org", "work")]}
    )
    row = {"primary_id": "0012345", "external_id": "SIS", **email_row("new@example.org")}
    plan = scheme(list(row), AccountType.EXTERNAL)
    keep = KeepOldId(type="BARCODE")
    made = merge(draft(row, plan=plan), live, rename=True, convert=True, keep_old_id=keep)
    ids = [current(made.after, name) for name in ("primary_id", "account_type", "external_id")]
    assert ids == ["0012345", "EXTERNAL", "SIS"]
    assert [
        (current(part, "email_address"), current(part, "segment_type"))
        for part in entries(made.after, "contact_info.email")
    ] == [("new@example.org", "External"), ("b@example.org", "Internal")]
    (old,) = entries(made.after, "user_identifier")
    assert (current(old, "value"), current(old, "segment_type")) == ("21234", "Internal")
    assert merge(draft(row, plan=plan), made.after).after is made.after


def test_a_title_that_alma_answers_in_small_letters_is_no_difference() -> None:
    """Alma answers Mr for MR (contract 1.1); another code in another case is another code."""
    live = user(user_title={"value": "Mr"}, user_group={"value": "comm"})
    made = merged({"user_title": "MR", "user_group": "COMM"}, live)
    assert [change.path for change in made.changes] == ["user_group"]


def test_an_email_replaces_the_one_of_its_type() -> None:
    """Its flag and its description, which the mapping does not name, survive; others stay."""
    live = user(
        contact_info={
            "email": [
                email("old@example.org", preferred=True, description="mine"),
                email("w@example.org", "work"),
            ]
        }
    )
    made = merged(email_row("new@example.org"), live)
    assert emails(made) == [
        ("personal", "new@example.org", True),
        ("work", "w@example.org", False),
    ]
    assert entries(made.after, "contact_info.email")[0].description == "mine"  # type: ignore[attr-defined]
    assert made.changes == (
        Change(
            ChangeKind.REPLACE,
            "contact_info.email[personal]",
            "old@example.org",
            "new@example.org",
        ),
    )


def test_of_several_of_a_type_the_preferred_one_is_replaced() -> None:
    """Where Alma has two personal e-mails, the one in use gives way."""
    both = [email("a@example.org"), email("b@example.org", preferred=True)]
    made = merged(email_row("new@example.org"), user(contact_info={"email": both}))
    assert [value for _, value, _ in emails(made)] == ["a@example.org", "new@example.org"]


def test_another_case_is_no_other_email() -> None:
    """E-mail addresses are compared without case; phone numbers by their digits."""
    live = user(
        contact_info={
            "email": [email("Ann@Example.org", preferred=True)],
            "phone": [
                {
                    "phone_number": "(605) 555-0101",
                    "phone_type": [{"value": "mobile"}],
                    "preferred": True,
                }
            ],
        }
    )
    row = email_row("ann@example.org") | {
        "contact_info.phone[0].phone_number": "605.555.0101",
        "contact_info.phone[0].phone_type": "mobile",
    }
    assert merged(row, live).after is live


def test_an_address_is_one_thing() -> None:
    """Another street clears the blank apartment; the note and start date are not named and stay."""
    live = user(
        contact_info={
            "address": [
                address(
                    "1 Main St",
                    line2="Apt 4",
                    city="Brookings",
                    address_note="ring twice",
                    start_date="2017-04-01Z",
                    preferred=True,
                )
            ]
        }
    )
    row = {
        f"{A0}.line1": "2 Oak Ave",
        f"{A0}.line2": "",
        f"{A0}.city": "Brookings",
        f"{A0}.address_type": "home",
    }
    made = merged(row, live)
    part = entries(made.after, "contact_info.address")[0]
    assert [current(part, name) for name in ("line1", "line2", "city", "address_note")] == [
        "2 Oak Ave",
        "",
        "Brookings",
        "ring twice",
    ]
    assert current(part, "start_date") == "2017-04-01"
    assert [change.path for change in made.changes] == [
        "contact_info.address[home]",
        "contact_info.address[home].line2",
    ]
    same = merged(row | {f"{A0}.line1": "1 Main St"}, live)
    assert same.after is live


def test_start_dates_make_no_difference() -> None:
    """Alma moves them by itself (contract 3.1); one is written only with another change."""
    live = user(
        contact_info={"address": [address("1 Main St", start_date="2017-04-01Z", preferred=True)]}
    )
    row = {
        f"{A0}.line1": "1 Main St",
        f"{A0}.start_date": "2026-08-20",
        f"{A0}.address_type": "home",
    }
    assert merged(row, live).after is live
    made = merged(row | {f"{A0}.line1": "2 Oak Ave"}, live)
    assert current(entries(made.after, "contact_info.address")[0], "start_date") == "2026-08-20"


def test_an_entry_with_several_types_gives_up_one() -> None:
    """Its other uses keep the old address; the row's type gets an entry of its own."""
    kinds = [{"value": "home"}, {"value": "work"}]
    live = user(contact_info={"address": [address("1 Main St", address_type=kinds)]})
    made = merged({f"{A0}.line1": "2 Oak Ave", f"{A0}.address_type": "home"}, live)
    parts = entries(made.after, "contact_info.address")
    assert [(current(part, "address_type"), current(part, "line1")) for part in parts] == [
        ("work", "1 Main St"),
        ("home", "2 Oak Ave"),
    ]


def test_an_entry_whose_other_uses_are_served_is_replaced_whole() -> None:
    """Where another entry says the same for work already, nothing is repeated."""
    kinds = [{"value": "home"}, {"value": "work"}]
    live = user(
        contact_info={
            "address": [address("1 Main St", address_type=kinds), address("1 Main St", "work")]
        }
    )
    made = merged({f"{A0}.line1": "2 Oak Ave", f"{A0}.address_type": "home"}, live)
    parts = entries(made.after, "contact_info.address")
    assert [(current(part, "address_type"), current(part, "line1")) for part in parts] == [
        ("home", "2 Oak Ave"),
        ("work", "1 Main St"),
    ]


def test_a_type_is_given_up_once() -> None:
    """Two work addresses of the row do not both take the entry that was for home and work."""
    kinds = [{"value": "home"}, {"value": "work"}]
    live = user(contact_info={"address": [address("1 Main St", address_type=kinds)]})
    row = {
        f"{entry}.{name}": value
        for entry, line in ((A0, "2 Oak Ave"), ("contact_info.address[1]", "3 Elm Ct"))
        for name, value in (("line1", line), ("address_type", "work"))
    }
    parts = entries(merged(row, live).after, "contact_info.address")
    assert [(current(part, "address_type"), current(part, "line1")) for part in parts] == [
        ("home", "1 Main St"),
        ("work", "2 Oak Ave"),
        ("work", "3 Elm Ct"),
    ]


def test_the_other_segment_is_not_ours() -> None:
    """A student load leaves what librarians entered, also where it is of the same type."""
    held = [email("lib@example.org", preferred=True)]
    live = user(**EXTERNAL, contact_info={"email": held})
    made = merged(email_row("sis@example.org"), live)
    assert emails(made) == [
        ("personal", "lib@example.org", True),
        ("personal", "sis@example.org", False),
    ]
    assert [part.segment_type for part in entries(made.after, "contact_info.email")] == [  # type: ignore[attr-defined]
        "Internal",
        "External",
    ]


def test_an_equal_entry_of_the_other_segment_is_not_repeated() -> None:
    """What the user has already, from whomever, is not added again."""
    live = user(**EXTERNAL, contact_info={"email": [email("a@example.org", preferred=True)]})
    assert merged(email_row("A@example.org"), live).after is live


def test_an_entry_can_be_kept_out_of_the_student_loads_reach() -> None:
    """`segment_type: Internal` lets an External user's entry be ours all the same."""
    live = user(**EXTERNAL, contact_info={"email": [email("lib@example.org", preferred=True)]})
    made = merged(email_row("new@example.org", segment_type="Internal"), live)
    assert emails(made) == [("personal", "new@example.org", True)]


def test_preferred_moves_only_when_the_mapping_says_so() -> None:
    """An Internal preferred entry stays preferred, unless the row's entry sets the flag."""
    live = user(**EXTERNAL, contact_info={"email": [email("lib@example.org", preferred=True)]})
    made = merged(email_row("sis@example.org", preferred="true"), live)
    assert [flag for *_, flag in emails(made)] == [False, True]
    assert "contact_info.email[personal].preferred" in [change.path for change in made.changes]


def test_several_preferred_are_reduced_to_the_librarians() -> None:
    """Of several preferred entries an Internal one stays; where none is, the row says which."""
    several = [
        email("sis@example.org", "work", preferred=True, segment_type="External"),
        email("lib@example.org", preferred=True),
    ]
    live = user(**EXTERNAL, contact_info={"email": several})
    made = merged(email_row("sis@example.org", "work"), live)
    assert [flag for *_, flag in emails(made)] == [False, True]
    none = user(contact_info={"email": [email("a@example.org", "work"), email("b@example.org")]})
    assert [flag for *_, flag in emails(merged(email_row("b@example.org"), none))] == [False, True]


def test_an_identifier_replaces_the_only_one_of_its_type() -> None:
    """With several of the type it is added; its note survives; case makes no difference."""
    row = {f"{I0}.id_type": "BARCODE", f"{I0}.value": "333"}
    single = user(user_identifier=[identifier("BARCODE", "111", note="card")])
    made = merged(row, single)
    assert [(part.value, part.note) for part in made.after.user_identifier or ()] == [
        ("333", "card")
    ]
    two = user(user_identifier=[identifier("BARCODE", "111"), identifier("BARCODE", "222")])
    made = merged(row, two)
    assert [part.value for part in made.after.user_identifier or ()] == ["111", "222", "333"]
    lower = user(user_identifier=[identifier("BARCODE", "a3")])
    assert merged(row | {f"{I0}.value": "A3"}, lower).after is lower


@pytest.mark.parametrize(
    ("parent", "held", "row"),
    [
        (
            "user_note",
            {"note_type": {"value": "LIBRARY"}, "note_text": "hello", "user_viewable": True},
            {"note_type": "LIBRARY", "note_text": "hello"},
        ),
        (
            "user_block",
            {"block_type": {"value": "GENERAL"}, "block_description": {"value": "02-GLOBAL"}},
            {"block_description": "02-GLOBAL"},
        ),
        (
            "user_statistic",
            {"statistic_category": {"value": "COMMUNITY"}, "statistic_note": "x"},
            {"statistic_category": "COMMUNITY"},
        ),
    ],
)
def test_notes_blocks_and_statistics_are_only_added(
    parent: str, held: dict[str, object], row: dict[str, str]
) -> None:
    """An equal one is not repeated, and another one takes nobody's place."""
    labels = {f"{parent}[0].{name}": value for name, value in row.items()}
    live = user(**{parent: [held]})
    assert merged(labels, live).after is live
    last = list(labels)[-1]
    made = merged(labels | {last: "OTHER"}, live)
    assert len(entries(made.after, parent)) == 2
    assert entries(made.after, parent)[0] == entries(live, parent)[0]
    assert [change.kind for change in made.changes] == [ChangeKind.ADD]


def test_coded_entries_are_found_by_code() -> None:
    """A resource-sharing library is added once; a notice changes its answer in place."""
    live = user(
        rs_library=[{"code": {"value": "MAIN"}}],
        library_notice=[{"code": {"value": "LoanLetter"}, "value": True}],
    )
    row = {
        "rs_library[0].code": "MAIN",
        "library_notice[0].code": "LoanLetter",
        "library_notice[0].value": "false",
    }
    made = merged(row, live)
    assert made.changes == (
        Change(ChangeKind.REPLACE, "library_notice[LoanLetter]", "true", "false"),
    )
    assert merged(row | {"rs_library[0].code": "LAW"}, live).after.rs_library is not None


def test_a_list_that_is_only_added_to() -> None:
    """`on_update: add` takes nobody's place and repeats nothing."""
    live = user(contact_info={"email": [email("old@example.org", preferred=True)]})
    made = merged(email_row("new@example.org"), live, lists={E0: OnUpdate.ADD})
    assert emails(made) == [
        ("personal", "old@example.org", True),
        ("personal", "new@example.org", False),
    ]
    assert merged(email_row("OLD@example.org"), live, lists={E0: OnUpdate.ADD}).after is live


def test_entries_and_fields_for_new_users_leave_a_known_user_as_is() -> None:
    """`on_update: never` of an entry, and of one field of an entry."""
    note = {"user_note[0].note_text": "Roster load", "user_note[0].note_type": "LIBRARY"}
    live = user(last_name="Doe")
    made = merged({"last_name": "Roe"} | note, live, lists={"user_note[0]": OnUpdate.NEVER})
    assert [change.path for change in made.changes] == ["last_name"]
    parent = "contact_info.phone"
    phone = {f"{parent}[0].phone_number": "701", f"{parent}[0].phone_type": "home"}
    before = merged(phone, live).after
    row = phone | {f"{parent}[0].phone_number": "702", f"{parent}[0].preferred_sms": "true"}
    policies = {f"{parent}[0].preferred_sms": OnUpdate.NEVER}
    made = merged(row, before, policies=policies)
    assert [change.path for change in made.changes] == [f"{parent}[home]"]


def test_replace_all_owns_our_segment_and_counts_removals_first() -> None:
    """Our segment's other entries go, the other segment's stay, and removals are said first."""
    held = [
        email("lib@example.org", preferred=True),
        email("sis@example.org", "work", segment_type="External"),
    ]
    live = user(**EXTERNAL, last_name="Doe", contact_info={"email": held})
    row = {"last_name": "Roe"} | email_row("new@example.org")
    made = merged(row, live, lists={E0: OnUpdate.REPLACE_ALL})
    assert [value for _, value, _ in emails(made)] == ["lib@example.org", "new@example.org"]
    assert made.changes[0] == Change(
        ChangeKind.REMOVE, "contact_info.email[work]", "sis@example.org", ""
    )


def test_replace_all_of_a_row_that_does_not_speak_removes_nothing() -> None:
    """A blank list is empty; a list of which the row does not speak is left alone."""
    live = user(contact_info={"email": [email("a@example.org", preferred=True)]})
    row = email_row("", "")
    plan = scheme(list(row), lists={E0: OnUpdate.REPLACE_ALL})
    assert emails(merge(draft(row, plan=plan), live)) == []
    silent = draft(row, plan=plan, not_applicable=frozenset({f"{E0}.email_address"}))
    assert merge(silent, live).after is live


def test_entries_of_the_run_never_make_a_difference() -> None:
    """A note with today's date is written with another change, not for itself."""
    row = {
        "last_name": "Doe",
        "user_note[0].note_type": "LIBRARY",
        "user_note[0].note_text": "Load of 2026-08-20",
    }
    volatile = frozenset({"user_note[0].note_text"})
    same = user(last_name="Doe")
    assert merged(row, same, volatile=volatile).after is same
    made = merged(row, user(last_name="Roe"), volatile=volatile)
    assert [change.path for change in made.changes] == ["last_name", "user_note[LIBRARY]"]


def test_an_address_is_compared_without_the_day_of_the_load() -> None:
    """Another street is a change, whatever else of the entry changes with the run."""
    parent = "contact_info.address[0]"
    row = {
        f"{parent}.address_type": "home",
        f"{parent}.line1": "1 Elm",
        f"{parent}.line5": "Loaded 2026-08-20",
        f"{parent}.start_date": "2026-08-20",
    }
    volatile = frozenset({f"{parent}.line5", f"{parent}.start_date"})
    new = merged(row, user(), volatile=volatile)
    later = row | {f"{parent}.line5": "Loaded 2027-01-10", f"{parent}.start_date": "2027-01-10"}
    assert merged(later, new.after, volatile=volatile).after is new.after
    moved = merged(later | {f"{parent}.line1": "2 Oak"}, new.after, volatile=volatile)
    assert {(change.path, change.new) for change in moved.changes} == {
        ("contact_info.address[home]", "2 Oak"),
        ("contact_info.address[home].line5", "Loaded 2027-01-10"),
    }


def test_sticky_fields_are_overridden_only_where_the_mapping_says_so() -> None:
    """`override` names changed sticky fields of External users, lists by Alma's own word."""
    live = user(**EXTERNAL, user_group={"value": "UGRD"}, campus_code={"value": "MAIN"})
    row = {
        "user_group": "GRAD",
        "campus_code": "MAIN",
        "preferred_language": "en",
        "last_name": "Doe",
        "rs_library[0].code": "LAW",
    }
    override = frozenset({"user_group", "campus_code", "last_name", "rs_library[0].code"})
    assert merged(row, live, override=override).override == ("user_group", "rs_libraries")
    internal = user(user_group={"value": "UGRD"})
    assert merged(row, internal, override=override).override == ()
