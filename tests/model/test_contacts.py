"""The shared judgement of phone numbers and email addresses."""

from __future__ import annotations

import phonenumbers
import pytest
from email_validator import EmailNotValidError, validate_email
from hypothesis import example, given
from hypothesis import strategies as st

from importer.model import people
from importer.model.people import is_email, read_phone

LOCALS = st.text(st.sampled_from("ab.1+-_'\"<> @\\éа́"), max_size=6) | st.text(max_size=4)
DOMAINS = st.text(st.sampled_from("aé.-1@[]>ß、xn"), max_size=8) | st.sampled_from(
    ["example.org", "EXAMPLE.org", "münchen.example.org", "xn--mnchen-3ya.example.org", "a" * 244]
)


@given(LOCALS, DOMAINS, st.integers(0, 260))
@example("ana", "example.org", 1)
@example("a", "example.org", 242)
@example("a", "example.org", 243)
@example("é", "example.org", 1)
@example('"a@b"', "example.org", 1)
@example("Ana <ana", "example.org>", 1)
@example("a", "bücher." * 20 + "example.org", 1)
def test_an_address_is_judged_as_email_validator_judges_it(
    local: str, domain: str, times: int
) -> None:
    """Judging the domain once and the local part by itself changes no answer."""
    for text in (f"{local}@{domain}", f"{local * times}@{domain}", local + domain):
        try:
            validate_email(text, check_deliverability=False)
        except EmailNotValidError:
            assert not is_email(text)
        else:
            assert is_email(text)


def test_a_domain_is_judged_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """email-validator's slow part runs once for all addresses of a domain."""
    asked: list[str] = []

    def counting(text: str, *, check_deliverability: bool) -> object:
        asked.append(text)
        return validate_email(text, check_deliverability=check_deliverability)

    monkeypatch.setattr(people, "validate_email", counting)
    assert all(is_email(f"person{n}@once.example.org") for n in range(50))
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("text", "region", "whole", "abroad"),
    [
        ("(701) 555-0123", "US", "+17015550123", False),
        ("701-555-0123 x12", "US", "+17015550123 ext. 12", False),
        ("+44 20 7946 0123", "US", "+442079460123", False),
        ("011 44 20 7946 0123", "US", "+442079460123", True),
        ("020 7946 0123", "GB", "+442079460123", False),
        ("222-555-0123", "US", "", False),
        ("call me", "US", "", False),
    ],
)
def test_a_number_is_read_in_its_region(
    text: str, region: str, whole: str, *, abroad: bool
) -> None:
    """A number that can be called has an international form; of another it is blank."""
    assert read_phone(text, region) == (whole, abroad)


def test_a_number_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The number that the mapper writes is not read again when the validator asks about it."""
    monkeypatch.setattr(people, "_MOST_KEPT", 10)
    whole = read_phone("020 7946 0188", "GB").whole
    parse, asked = phonenumbers.parse, []

    def counting(text: str, region: str) -> object:
        asked.append(text)
        return parse(text, region)

    monkeypatch.setattr(phonenumbers, "parse", counting)
    assert read_phone(whole).whole == whole
    assert read_phone("020 7946 0188", "GB").whole == whole
    assert asked == []
    for number in range(30):
        read_phone(f"701-555-01{number:02}")
    assert len(people._phones) <= 12
