"""Email addresses, phone numbers, and the parts of an address in the United States."""

from __future__ import annotations

import re
from collections.abc import Iterator

from importer.model.catalogue import Code, Severity
from importer.model.contacts import is_email, read_phone
from importer.model.problem import CellFinding, Problem
from importer.validator.columns import Column, Table
from importer.validator.data import STATES, state_of
from importer.validator.identifiers import TYPOGRAPHIC

_ZIP = re.compile(r"[0-9]{5}(?:-?[0-9]{4})?")
_ZIP_WITHOUT_ZERO = re.compile(r"[0-9]{4}(?:-?[0-9]{4})?")


def emails(table: Table) -> Iterator[Problem]:
    """Find values that are not an email address, without asking whether the address exists."""
    for column in table.of("contact_info.email.email_address"):
        yield from column.judge(_not_an_email)


def _not_an_email(text: str) -> CellFinding | None:
    if not TYPOGRAPHIC.isdisjoint(text):
        return CellFinding(
            Code.BAD_EMAIL,
            "{value} contains a typographic dash or quotation mark",
            "Type the address again, with the plain characters of the keyboard.",
        )
    return None if is_email(text) else CellFinding(Code.BAD_EMAIL, _what_is_wrong(text))


def _what_is_wrong(text: str) -> str:
    """Return the most obvious reason why a text is not an email address."""
    signs = text.count("@")
    if signs > 1:
        return "{value} contains more than one address"
    if not signs:
        return "{value} is not an email address: it has no @"
    if any(mark.isspace() for mark in text):
        return "{value} is not an email address: it contains a blank"
    if "," in text:
        return "{value} is not an email address: it contains a comma"
    if "." not in text.partition("@")[2]:
        return "{value} is not an email address: the part after the @ has no dot"
    return "{value} is not an email address"


def phones(table: Table) -> Iterator[Problem]:
    """Find numbers that cannot be called; one without a country prefix is taken as a US number."""
    for column in table.of("contact_info.phone.phone_number"):
        yield from column.judge(lambda text: None if read_phone(text).whole else _NOT_A_PHONE)


_NOT_A_PHONE = CellFinding(Code.BAD_PHONE, "{value} cannot be called")


def _with_country(table: Table, part: str) -> Iterator[tuple[Column, list[str]]]:
    """Yield each column of a part of an address, with the same address's country in each row."""
    for column in table.of(f"contact_info.address.{part}"):
        entry = column.target.label.rpartition(".")[0]
        country = table.labelled(f"{entry}.country")
        yield column, country.texts if country else [""] * len(column.texts)


def states(table: Table) -> Iterator[Problem]:
    """Find states of the United States that are not written with their two letters.

    Without a country, only the name of a state is recognized as one.
    """
    for column, countries in _with_country(table, "state_province"):
        found = {text: _not_a_state(text) for text in column.distinct if text not in STATES}
        for row, text, country in zip(table.rows, column.texts, countries, strict=True):
            finding = found.get(text)
            if finding and (country == "USA" or (not country and state_of(text))):
                yield column.problem(row, text, finding)


def _not_a_state(text: str) -> CellFinding:
    code = state_of(text)
    return CellFinding(
        Code.UNKNOWN_CODE,
        "{value} is not the two-letter code of a state",
        f"Write {code}." if code else "Write the state with its two letters, as in NE.",
        Severity.WARNING,
    )


def zip_codes(table: Table) -> Iterator[Problem]:
    """Find ZIP codes of the United States that are not five or nine digits."""
    for column, countries in _with_country(table, "postal_code"):
        found = {text: _not_a_zip(text) for text in column.distinct if not _ZIP.fullmatch(text)}
        if found:
            for row, text, country in zip(table.rows, column.texts, countries, strict=True):
                if text in found and country == "USA":
                    yield column.problem(row, text, found[text])


def _not_a_zip(text: str) -> CellFinding:
    message = "{value} is not a ZIP code of five or nine digits"
    if _ZIP_WITHOUT_ZERO.fullmatch(text):
        return CellFinding(
            Code.BAD_POSTAL_CODE,
            message,
            "Put back the leading zero that the spreadsheet program removed, "
            "or set `clean: [zip]` for this field in the mapping.",
        )
    return CellFinding(Code.BAD_POSTAL_CODE, message)
