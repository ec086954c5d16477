"""E-mail addresses, phone numbers, and the parts of an address in the United States."""

from __future__ import annotations

import re
from collections.abc import Iterator

from importer.model.catalogue import Code, Severity
from importer.model.problem import Problem
from importer.validator.characters import TYPOGRAPHIC
from importer.validator.columns import Column, Finding, Table
from importer.validator.states import STATES, state_of

PLAIN_EMAIL = re.compile(
    r"(?=.{,64}$)"
    r"[A-Za-z0-9_]++(?:[.+-][A-Za-z0-9_]++)*+@"
    r"(?:[A-Za-z0-9]++(?:-[A-Za-z0-9]++)*+\.)+"
    r"(?!(?i:test|invalid|local|localhost|arpa|onion)$)[A-Za-z]{2,24}"
)
"""What most addresses are, outside the domains that no mail reaches; others need a closer look.

Its parts are told apart by their first characters, so that it never has to go back.
"""

PLAIN_PHONE = re.compile(
    r"(?:\+?1[-. ]?)?(?:\([2-9][0-9]{2}\) ?|[2-9][0-9]{2}[-. ]?)[2-9][0-9]{2}[-. ]?[0-9]{4}"
)
"""A number of the United States or Canada, as people write it."""

SHORT_PHONE = re.compile(r"(?:\+?1[-. ]?)?(?!3[-. ]?1[-. ]?0)[2-9](?:[-. ]?[0-9]){0,8}")
"""Too few digits for the United States: a local number, or an office's extension.

The library is slow, and a roster may hold nothing else. Canada has numbers of seven digits, 310.
"""

_ZIP = re.compile(r"[0-9]{5}(?:-?[0-9]{4})?")
_ZIP_WITHOUT_ZERO = re.compile(r"[0-9]{4}(?:-?[0-9]{4})?")


def emails(table: Table) -> Iterator[Problem]:
    """Values that are no e-mail address. Nobody is asked whether the address exists."""
    for column in table.of("contact_info.email.email_address"):
        yield from column.judged(_not_an_email, column.unlike(PLAIN_EMAIL))


def _not_an_email(text: str) -> Finding | None:
    if not TYPOGRAPHIC.isdisjoint(text):
        return Finding(
            Code.BAD_EMAIL,
            "{value} holds a typographic dash or quotation mark",
            "Type the address again, with the plain characters of the keyboard.",
        )
    from email_validator import EmailNotValidError, validate_email

    try:
        validate_email(text, check_deliverability=False)
    except EmailNotValidError:
        return Finding(Code.BAD_EMAIL, _what_is_wrong(text))
    return None


def _what_is_wrong(text: str) -> str:
    """Why it is no address, as far as that can be told at a glance."""
    signs = text.count("@")
    if signs > 1:
        return "{value} holds more than one address"
    if not signs:
        return "{value} is not an e-mail address: it has no @"
    if any(mark.isspace() for mark in text):
        return "{value} is not an e-mail address: it holds a blank"
    if "," in text:
        return "{value} is not an e-mail address: it holds a comma"
    if "." not in text.partition("@")[2]:
        return "{value} is not an e-mail address: what follows the @ has no dot"
    return "{value} is not an e-mail address"


def phones(table: Table) -> Iterator[Problem]:
    """Values that nobody can call; without a country prefix a number is one of the US."""
    for column in table.of("contact_info.phone.phone_number"):
        yield from column.judged(_not_a_phone, column.unlike(PLAIN_PHONE))


def _not_a_phone(text: str) -> Finding | None:
    finding = Finding(Code.BAD_PHONE, "{value} cannot be called")
    if SHORT_PHONE.fullmatch(text):
        return finding
    import phonenumbers

    try:
        callable_number = phonenumbers.is_valid_number(phonenumbers.parse(text, "US"))
    except phonenumbers.NumberParseException:
        callable_number = False
    return None if callable_number else finding


def _with_country(table: Table, part: str) -> Iterator[tuple[Column, list[str]]]:
    """Each column of a part of an address, beside the country of the same address in each row."""
    for column in table.of(f"contact_info.address.{part}"):
        entry = column.target.label.rpartition(".")[0]
        country = table.labelled(f"{entry}.country")
        yield column, country.texts if country else [""] * len(column.texts)


def states(table: Table) -> Iterator[Problem]:
    """States of the United States that are not written with their two letters.

    Where no country is said, only a state's name is known to be one.
    """
    for column, countries in _with_country(table, "state_province"):
        if STATES.keys() >= set(column.distinct):
            continue
        found = {text: _not_a_state(text) for text in column.distinct if text not in STATES}
        for row, text, country in zip(table.rows, column.texts, countries, strict=True):
            finding = found.get(text)
            if finding and (country == "USA" or (not country and state_of(text))):
                yield column.problem(row, text, finding)


def _not_a_state(text: str) -> Finding:
    code = state_of(text)
    return Finding(
        Code.UNKNOWN_CODE,
        "{value} is not the two-letter code of a state",
        f"Write {code}." if code else "Write the state with its two letters, as in NE.",
        Severity.WARNING,
    )


def zip_codes(table: Table) -> Iterator[Problem]:
    """ZIP codes of the United States that are not five or nine digits."""
    for column, countries in _with_country(table, "postal_code"):
        found = {text: _not_a_zip(text) for text in column.unlike(_ZIP)}
        if found:
            for row, text, country in zip(table.rows, column.texts, countries, strict=True):
                if text in found and country == "USA":
                    yield column.problem(row, text, found[text])


def _not_a_zip(text: str) -> Finding:
    message = "{value} is not a ZIP code of five or nine digits"
    if _ZIP_WITHOUT_ZERO.fullmatch(text):
        return Finding(
            Code.BAD_POSTAL_CODE,
            message,
            "Put back the zero in front, which the spreadsheet program took away, "
            "or let the mapping do it with `clean: [zip]`.",
        )
    return Finding(Code.BAD_POSTAL_CODE, message)
