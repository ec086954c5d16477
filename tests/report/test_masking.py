"""What of a private value may be shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from importer.model.fields import FIELDS, Shape
from importer.report.masking import CUT, mask_all, said, shown, shown_change, takes_code


@pytest.mark.parametrize(
    ("field", "text", "seen"),
    [
        ("primary_id", "1234567", "…4567"),
        ("primary_id", "12345", "…"),
        ("primary_id", "1987-06-05", "…"),
        ("primary_id", "Quillfeather", "…"),
        ("user_identifier[0].value", "20001234567890", "…7890"),
        ("user_identifier[BARCODE]", "20001234567890", "…7890"),
        ("first_name", "Jane van Dyck", "J… v… D…"),
        ("last_name", "-", "…"),
        ("pref_last_name", "Ångström", "Å…"),
        ("birth_date", "1987-06-05", "1987…"),
        ("birth_date", "6/5/1987", "…1987"),
        ("birth_date", "6/5/87", "…"),
        ("birth_date", "19870605", "…"),
        ("contact_info.email[0].email_address", "jane@example.org", "j…@…"),
        ("contact_info.email[work]", "jane@example.org", "j…@…"),
        ("contact_info.email.email_address", "jane", "…"),
        ("contact_info.phone[mobile]", "+1 605 555-0123", "…23"),
        ("contact_info.phone.phone_number", "0123", "…"),
        ("contact_info.address[home]", "12 Elm Street", "…"),
        ("contact_info.address[0].city", "Brookings", "…"),
        ("user_note[LIBRARY]", "knows the dean", "…"),
        ("user_group", "COMM", "COMM"),
        ("user_group", "Friends of the Library", "Friends of the Library"),
        ("user_group", "jane@example.org", "…"),
        ("user_group", "20001234567890", "…"),
        ("user_statistic", "COMMUNITY", "COMMUNITY"),
        ("contact_info.email[0].email_type", "personal+work", "personal+work"),
        ("contact_info.email[0].email_type", "personal+jane@example.org", "…"),
        ("external_id", "SIS", "SIS"),
        ("external_id", "20001234567890", "…"),
        ("contact_info.email[work].segment_type", "External", "External"),
        ("gender", "FEMALE", "…"),
        ("expiry_date", "2027-05-15", "2027-05-15"),
        ("expiry_date", "123-45-6789", "…"),
        ("contact_info.phone[0].preferred_sms", "true", "true"),
        ("contact_info.phone[0].preferred_sms", "Jane", "…"),
        ("password", "correct horse", "…"),
        ("pin_number", "0123", "…"),
        ("", "Jane", "…"),
        ("nothing.of.ours", "Jane", "…"),
        ("primary_id", "", ""),
    ],
)
def test_a_value_is_masked_by_its_field(field: str, text: str, seen: str) -> None:
    """Each kind of field shows what helps to find the row, and no more."""
    assert shown(field, text, show_values=False) == seen


PRIVATE = [
    path
    for path, field in FIELDS.items()
    if (field.shape is Shape.TEXT and not takes_code(path)) or path in {"birth_date", "gender"}
]


@given(
    st.sampled_from([*PRIVATE, ""]),
    st.text("abcdefghijklmnopqrstuvwxyzÄéñ0123456789@.- ", min_size=8, max_size=60),
)
def test_a_private_value_never_shows_whole(field: str, text: str) -> None:
    """No free text leaves as it is, and at most four neighbouring characters of it are seen."""
    seen = shown(field, text, show_values=False)
    assert seen != text
    assert CUT in seen
    assert all(len(part.strip()) <= 4 for part in seen.split(CUT))


@pytest.mark.parametrize("field", ["gender", "password"])
def test_a_private_code_that_changes_is_not_guessed(field: str) -> None:
    """Of very few values one letter is the whole value, so neither side shows any."""
    assert shown_change(field, "MALE", "FEMALE", show_values=False) == (CUT, f"another {CUT}")


def test_a_column_of_several_fields_shows_the_least() -> None:
    """A column that feeds the name and the identifier is masked as the stricter of them."""
    fields = ("first_name", "primary_id")
    assert mask_all(fields, "Jane Dyck", show_values=False) == CUT
    assert mask_all((), "Jane Dyck", show_values=False) == CUT


@pytest.mark.parametrize(
    ("own", "seen"),
    [
        ("Given field job_category has invalid value Quill, see its codes.",
         "Given field job_category has invalid value … see its codes."),
        ("User with identifier 20001234567890 of type BARCODE already exists.",
         "User with identifier … of type … already exists."),
        ("Given user group (ann quillfeather) is not valid", "Given user group … is not valid"),
        ("The name 'ann quill' or jane@example.org", "The name … or …"),
        ("Quillfeather", "…"),
        ("", ""),
    ],
)  # fmt: skip
def test_of_what_alma_says_the_words_are_kept(own: str, seen: str) -> None:
    """Its words tell why a record is refused; what it quotes from the record is cut."""
    assert said(own) == seen


@pytest.mark.parametrize("field", ["password", "pin_number"])
def test_a_secret_is_never_shown(field: str) -> None:
    """Passwords and PINs stay masked also where values are asked for; all else is as it is."""
    assert shown(field, "correct horse", show_values=True) == CUT
    assert mask_all((field, "first_name"), "correct horse", show_values=True) == CUT
    assert shown("birth_date", "1987-06-05", show_values=True) == "1987-06-05"
