"""The whole body of a new user, and the entries of a row."""

from __future__ import annotations

import json

import pytest

from importer.model.fields import OnUpdate
from importer.model.user import AccountType
from importer.planner.entries import current, entries
from importer.planner.merge import new_user
from tests.planner.people import draft, scheme, updated, user

E0, E1 = "contact_info.email[0]", "contact_info.email[1]"


def body(row: dict[str, str], account: AccountType = AccountType.INTERNAL) -> dict[str, object]:
    """The body that would be posted for a row."""
    made: dict[str, object] = json.loads(new_user(draft(row, account)).to_json())
    return made


def test_an_internal_user_in_full() -> None:
    """Codes are wrapped, dates are Alma's, blanks are left out, the account type is said."""
    assert body(
        {
            "primary_id": "21",
            "last_name": "Doe",
            "middle_name": "",
            "user_group": "COMM",
            "birth_date": "1990-03-01",
            "force_password_change": "true",
            "contact_info.address[0].line1": "1 Main St",
            "contact_info.address[0].line2": "",
            "contact_info.address[0].country": "USA",
            "contact_info.address[0].address_type": "home",
            "contact_info.phone[0].phone_number": "605-555-0101",
            "contact_info.phone[0].phone_type": "mobile",
            "contact_info.phone[0].preferred_sms": "true",
            "user_identifier[0].id_type": "UNIV_ID",
            "user_identifier[0].value": "31",
            "user_note[0].note_type": "LIBRARY",
            "user_note[0].note_text": "hello",
            "user_statistic[0].statistic_category": "COMMUNITY",
            "rs_library[0].code": "MAIN",
            "library_notice[0].code": "LoanLetter",
            "library_notice[0].value": "false",
        }
    ) == {
        "record_type": {"value": "PUBLIC"},
        "primary_id": "21",
        "last_name": "Doe",
        "user_group": {"value": "COMM"},
        "birth_date": "1990-03-01Z",
        "force_password_change": "TRUE",
        "account_type": {"value": "INTERNAL"},
        "contact_info": {
            "address": [
                {
                    "segment_type": "Internal",
                    "preferred": True,
                    "line1": "1 Main St",
                    "country": {"value": "USA"},
                    "address_type": [{"value": "home"}],
                }
            ],
            "phone": [
                {
                    "segment_type": "Internal",
                    "preferred": True,
                    "preferred_sms": True,
                    "phone_number": "605-555-0101",
                    "phone_type": [{"value": "mobile"}],
                }
            ],
        },
        "user_identifier": [
            {"segment_type": "Internal", "id_type": {"value": "UNIV_ID"}, "value": "31"}
        ],
        "user_note": [
            {
                "segment_type": "Internal",
                "note_type": {"value": "LIBRARY"},
                "note_text": "hello",
                "user_viewable": False,
                "popup_note": False,
            }
        ],
        "user_statistic": [
            {"segment_type": "Internal", "statistic_category": {"value": "COMMUNITY"}}
        ],
        "rs_library": [{"code": {"value": "MAIN"}}],
        "library_notice": [{"code": {"value": "LoanLetter"}, "value": False}],
    }


def test_an_external_user_names_its_owning_system() -> None:
    """An External user has an external_id, and its entries are the student system's."""
    made = body(
        {
            "primary_id": "1234567",
            "external_id": "SIS",
            f"{E0}.email_address": "a@example.org",
            f"{E0}.email_type": "work",
            f"{E1}.email_address": "b@example.org",
            f"{E1}.email_type": "personal",
            f"{E1}.segment_type": "internal",
        },
        AccountType.EXTERNAL,
    )
    assert (made["account_type"], made["external_id"]) == ({"value": "EXTERNAL"}, "SIS")
    contact = made["contact_info"]
    assert isinstance(contact, dict)
    assert [part["segment_type"] for part in contact["email"]] == ["External", "Internal"]


@pytest.mark.parametrize(
    ("second", "flags", "expected"),
    [
        ("b@example.org", ("", ""), [True, False]),
        ("b@example.org", ("false", ""), [False, True]),
        ("b@example.org", ("", "true"), [False, True]),
        ("b@example.org", ("true", "true"), [True, False]),
        ("b@example.org", ("false", "false"), [True, False]),
        ("A@example.org", ("", ""), [True]),  # equal entries are said once
    ],
)
def test_one_entry_is_preferred(second: str, flags: tuple[str, ...], expected: list[bool]) -> None:
    """The one that says so, else the first that does not refuse."""
    row = {f"{entry}.email_type": "work" for entry in (E0, E1)}
    for entry, value, flag in zip((E0, E1), ("a@example.org", second), flags, strict=True):
        row |= {f"{entry}.email_address": value, f"{entry}.preferred": flag}
    parts = entries(new_user(draft(row)), "contact_info.email")
    assert [current(part, "preferred") == "true" for part in parts] == expected


def test_a_planned_record_has_no_password() -> None:
    """A plan is stored; a password is added when the record is sent."""
    assert new_user(draft({"primary_id": "21", "password": "correct horse"})).password is None


def test_constants_alone_make_no_entry() -> None:
    """A type without a value makes no entry, and the next column keeps its own type."""
    row = {
        "user_identifier[0].id_type": "BARCODE",
        "user_identifier[0].value": "",
        "user_note[0].note_type": "LIBRARY",
        "user_note[0].note_text": "",
        f"{E0}.email_type": "personal",
        f"{E0}.preferred": "true",
        f"{E0}.email_address": "",
        f"{E1}.email_type": "work",
        f"{E1}.email_address": "w@example.org",
    }
    for made in (new_user(draft(row)), updated(draft(row), user()).after):
        assert (made.user_identifier, made.user_note) == (None, None)
        assert made.contact_info is not None
        (only,) = made.contact_info.email or ()
        assert (only.email_address, current(only, "email_type")) == ("w@example.org", "work")
        assert (only.preferred, made.contact_info.phone) == (True, None)


TWO = "contact_info.email[1]"
ONE = "contact_info.email[0]"


def test_an_entry_without_its_required_part_is_no_entry() -> None:
    """A type alone, or an address without a type, is nothing to be sent."""
    one = draft(
        {
            f"{ONE}.email_address": "",
            f"{ONE}.email_type": "work",
            f"{TWO}.email_address": "b@example.org",
            f"{TWO}.email_type": "",
        }
    )
    assert one.entries("contact_info.email") == ()


def test_entries_that_every_update_sees_to_come_first() -> None:
    """An entry that is only added once does not stand before one that is enforced."""
    labels = [f"{entry}.{name}" for entry in (ONE, TWO) for name in ("email_address", "email_type")]
    plan = scheme(labels, AccountType.EXTERNAL, lists={ONE: OnUpdate.ADD})
    one = draft({label: f"{label[19]}@example.org" for label in labels}, plan=plan)
    assert one.emails == ("1@example.org", "0@example.org")
