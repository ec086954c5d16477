"""One row of the candidates at a time."""

from __future__ import annotations

from importer.model.fields import OnUpdate
from importer.model.user import AccountType
from tests.planner.people import draft, scheme

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
