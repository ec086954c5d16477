"""One row of the candidates at a time."""

from __future__ import annotations

from importer.model.fields import OnUpdate
from importer.model.user import AccountType
from importer.planner.drafts import drafts
from tests.planner.people import FIRST, candidates, draft, scheme

TWO = "contact_info.email[1]"
ONE = "contact_info.email[0]"


def test_only_the_rows_asked_for_have_drafts() -> None:
    """Drafts come in the roster's order, for the rows asked for that the frame holds."""
    made = candidates(scheme(["last_name"]), [{"last_name": name} for name in "ABC"])
    found = list(drafts(made, {FIRST + 2, FIRST, 99}, {}, ""))
    assert [(one.row, one.name[1], one.origin.row) for one in found] == [(2, "A", 2), (4, "C", 4)]


def test_a_field_that_is_not_spoken_of_is_not_blank() -> None:
    """A label that does not apply is in `not_applicable`, not in the values, unlike a blank."""
    one = draft({"last_name": "Doe", "pin_number": ""}, not_applicable=frozenset({"last_name"}))
    assert (dict(one.values), one.not_applicable) == ({"pin_number": ""}, frozenset({"last_name"}))


def test_every_identifier_is_looked_up() -> None:
    """The primary identifier and every other one that is not blank."""
    one = draft(
        {
            "primary_id": "21",
            "user_identifier[0].id_type": "BARCODE",
            "user_identifier[0].value": "31",
            "user_identifier[1].id_type": "BARCODE",
            "user_identifier[1].value": "32",
            "user_identifier[2].id_type": "UNIV_ID",
            "user_identifier[2].value": "",
        }
    )
    assert one.every_identifier == (("primary_id", "21"), ("BARCODE", "31"), ("BARCODE", "32"))


def test_what_people_are_known_by() -> None:
    """Name, birth date, e-mails and group are at hand, blank where the row lacks them."""
    one = draft(
        {
            "first_name": "Ann",
            "last_name": "Doe",
            "birth_date": "1990-03-01",
            "user_group": "COMM",
            f"{ONE}.email_address": "a@example.org",
            f"{ONE}.email_type": "work",
        }
    )
    assert (one.name, one.emails) == (("Ann", "Doe"), ("a@example.org",))
    assert draft({}).name == ("", "")


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
