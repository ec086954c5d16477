"""What the usual loader destroys, each defect as a test that it is not ours."""

from __future__ import annotations

from importer.model.fields import OnUpdate
from importer.model.user import AccountType
from importer.planner.entries import entries
from importer.planner.merge import merge, new_user
from tests.planner.people import address, draft, email, identifier, scheme, user

E0, E1 = "contact_info.email[0]", "contact_info.email[1]"
P0 = "contact_info.phone[0]"


def test_addresses_survive_an_update_of_email_and_phone() -> None:
    """A roster with e-mail and phone only leaves the stored addresses where they are."""
    live = user(
        contact_info={
            "address": [address("1 Main St", preferred=True), address("9 Work Rd", "work")],
            "email": [email("old@example.org", preferred=True)],
        },
        user_identifier=[identifier("BARCODE", "111")],
    )
    row = {
        f"{E0}.email_address": "new@example.org",
        f"{E0}.email_type": "personal",
        f"{P0}.phone_number": "605-555-0101",
        f"{P0}.phone_type": "mobile",
    }
    after = merge(draft(row), live).after
    assert entries(after, "contact_info.address") == entries(live, "contact_info.address")
    assert after.user_identifier == live.user_identifier


def test_enriching_twice_does_not_double() -> None:
    """The same file again, under `add`, leaves the same e-mails and one preferred."""
    row = {
        f"{E0}.email_address": "more@example.org",
        f"{E0}.email_type": "personal",
        f"{E0}.preferred": "true",
    }
    plan = scheme(list(row), lists={E0: OnUpdate.ADD})
    live = user(contact_info={"email": [email("old@example.org", preferred=True)]})
    once = merge(draft(row, plan=plan), live).after
    twice = merge(draft(row, plan=plan), once)
    assert twice.after is once
    assert once.contact_info is not None
    assert [part.preferred for part in once.contact_info.email or ()] == [False, True]


def test_new_entries_belong_to_the_account_types_segment() -> None:
    """An entry that is added to an External user says that it is the student system's."""
    row = {f"{E0}.email_address": "a@example.org", f"{E0}.email_type": "work"}
    live = user(account_type={"value": "EXTERNAL"}, external_id="SIS")
    after = merge(draft(row, AccountType.EXTERNAL), live).after
    assert after.contact_info is not None
    assert [part.segment_type for part in after.contact_info.email or ()] == ["External"]


def test_a_blank_cell_shifts_nothing() -> None:
    """Where the first e-mail is blank, the second keeps its own type."""
    row = {
        f"{E0}.email_address": "",
        f"{E0}.email_type": "personal",
        f"{E1}.email_address": "w@example.org",
        f"{E1}.email_type": "work",
    }
    for after in (new_user(draft(row)), merge(draft(row), user()).after):
        assert after.contact_info is not None
        held = [
            (part.email_address, [code.value for code in part.email_type or ()])
            for part in after.contact_info.email or ()
        ]
        assert held == [("w@example.org", ["work"])]


def test_constants_alone_leave_no_entry() -> None:
    """A type without a value makes no identifier, e-mail, note or address."""
    row = {
        "user_identifier[0].id_type": "BARCODE",
        "user_identifier[0].value": "",
        f"{E0}.email_type": "personal",
        f"{E0}.preferred": "true",
        f"{E0}.email_address": "",
        "user_note[0].note_type": "LIBRARY",
        "user_note[0].note_text": "",
    }
    live = user()
    assert merge(draft(row), live).after is live
    made = new_user(draft(row))
    assert (made.contact_info, made.user_identifier, made.user_note) == (None, None, None)


def test_an_email_without_any_phone_is_no_trouble() -> None:
    """A mapping of e-mails that names no phone is merged like any other."""
    row = {f"{E0}.email_address": "a@example.org", f"{E0}.email_type": "work"}
    after = merge(draft(row), user()).after
    assert after.contact_info is not None
    assert after.contact_info.phone is None
    assert len(after.contact_info.email or ()) == 1
