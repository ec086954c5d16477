"""Judgement of phone numbers and email addresses, shared by the mapper and the validator.

phonenumbers and email-validator decide; what they answered is kept, because they take most of the
time of a check. A person's phone number is asked about once by the mapper and the validator
together, and a domain once for all of its addresses.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import phonenumbers
from email_validator import EmailNotValidError, validate_email
from email_validator.rfc_constants import EMAIL_MAX_LENGTH
from email_validator.syntax import validate_email_local_part

HOME_REGION = "US"
"""Where a number without a country prefix is taken to be, unless the mapping has another region."""

_MOST_KEPT = 200_000
"""Numbers and domains, each; about 50 MB."""


class Phone(NamedTuple):
    """A phone number as phonenumbers reads it.

    `whole`: as +17015550123, with its extension; "" if the number cannot be called. `abroad`: it
    is of another country than the region, although it has no country prefix.
    """

    whole: str
    abroad: bool


_phones: dict[tuple[str, str], Phone] = {}


def read_phone(text: str, region: str = HOME_REGION) -> Phone:
    """Read a phone number that is written in a region, by its two letters."""
    known = _phones.get((text, region))
    if known is None:
        if len(_phones) >= _MOST_KEPT:
            _phones.clear()
        known = _phones[text, region] = _read(text, region)
        if known.whole:  # what the mapper writes, and the validator asks about
            _phones[known.whole, HOME_REGION] = Phone(known.whole, abroad=False)
    return known


def _read(text: str, region: str) -> Phone:
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return Phone("", abroad=False)
    if not phonenumbers.is_valid_number(number):
        return Phone("", abroad=False)
    whole = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    if number.extension:
        whole = f"{whole} ext. {number.extension}"
    home = phonenumbers.country_code_for_region(region)
    return Phone(whole, abroad=number.country_code != home and not text.startswith("+"))


def is_email(text: str) -> bool:
    """Return whether email-validator accepts an address; whether it exists is not asked."""
    local, _, domain = text.rpartition("@")
    if not local.isascii():
        return _is_accepted(text)
    try:
        validate_email_local_part(local)
    except EmailNotValidError:
        return False
    longest = _longest_form(domain)
    return longest > 0 and len(local) + 1 + longest <= EMAIL_MAX_LENGTH


def _is_accepted(text: str) -> bool:
    try:
        validate_email(text, check_deliverability=False)
    except EmailNotValidError:
        return False
    return True


@lru_cache(_MOST_KEPT)
def _longest_form(domain: str) -> int:
    """Return the bytes of a domain in its longest form; 0 if an address cannot have it."""
    try:
        address = validate_email(f"a@{domain}", check_deliverability=False)
    except EmailNotValidError:
        return 0
    forms = (domain, address.domain, address.ascii_domain or "")
    return max(len(form.encode()) for form in forms)
