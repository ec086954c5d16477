"""A user as the cells of a row: the headings, and that each of them may be written in a mapping."""

from __future__ import annotations

from importer.model.fields import CELLS, FIELDS, SECRETS, cells_of, is_cell
from importer.model.user import User

RECORD = {
    "primary_id": "u1",
    "first_name": "Ana",
    "pin_number": "9876",
    "password": "s3cret",
    "user_group": {"value": "COMM", "desc": "Community"},
    "expiry_date": "2027-06-30Z",
    "force_password_change": "",
    "contact_info": {
        "email": [
            {"email_address": "a@example.org", "email_type": [{"value": "work"}]},
            {
                "email_address": "b@example.org",
                "email_type": [{"value": "personal"}, {"value": "work"}],
                "preferred": True,
            },
        ]
    },
    "user_identifier": [{"id_type": {"value": "BARCODE"}, "value": "b1"}],
    "user_role": [
        {"role_type": {"value": "200"}, "scope": {"value": "MAIN"}, "expiry_date": "2030-01-01Z"},
        {"role_type": {"value": "200"}, "scope": {"value": "LAW"}, "expiry_date": "2027-01-01Z"},
        {"role_type": {"value": "200"}, "scope": {"value": "ART"}},
        {"role_type": {"value": "26"}, "scope": {"value": "X"}, "expiry_date": "2020-01-01Z"},
    ],
}


def test_a_user_is_a_row() -> None:
    """Codes and ISO dates; entries by each of their types; the Patron role that ends first."""
    email = "contact_info.email[{}].{}"
    assert cells_of(User.model_validate(RECORD)) == {
        "primary_id": "u1",
        "first_name": "Ana",
        "user_group": "COMM",
        "expiry_date": "2027-06-30",
        "patron_role.expiry": "2027-01-01",
        "patron_role.scope": "LAW",
        email.format("work", "email_address"): "a@example.org",
        email.format("work", "email_type"): "work",
        email.format("personal", "email_address"): "b@example.org",
        email.format("personal", "email_type"): "personal+work",
        email.format("personal", "preferred"): "true",
        email.format("work", "email_address") + " 2": "b@example.org",
        email.format("work", "email_type") + " 2": "personal+work",
        email.format("work", "preferred") + " 2": "true",
        "user_identifier[BARCODE].id_type": "BARCODE",
        "user_identifier[BARCODE].value": "b1",
    }


def test_every_heading_of_a_user_may_be_written() -> None:
    """And so may those that nobody has yet; no password, and no field that does not exist."""
    assert all(map(is_cell, cells_of(User.model_validate(RECORD))))
    assert all(map(is_cell, CELLS))
    for field in FIELDS.values():
        heading = f"{field.parent}[ANY].{field.name}" if field.parent else field.path
        assert is_cell(heading) == (field.path not in SECRETS), heading
    for wrong in (
        "email_address",
        "user_note.note_text",
        "user_note[A].text",
        "user_note[A].note_text 1",
    ):
        assert not is_cell(wrong), wrong
