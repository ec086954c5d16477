"""Checks of emails and phone numbers, and of the states and ZIP codes of the United States."""

from __future__ import annotations

import re
from collections.abc import Iterator

from importer.model.people import is_email, read_phone
from importer.model.problem import CellFinding, Code, Problem, Severity
from importer.validator.columns import A_TYPOGRAPHIC_MARK, STATES, TYPOGRAPHIC, WORDS, Table, odd

_NO_ZIP = frozenset({"00000", "99999", "11111"})
_DOMAIN_SLIPS, _NO_MAILBOXES = (frozenset(WORDS[k]) for k in ("domain_slips", "no_mailboxes"))
_ENDING_SLIPS = tuple(WORDS["ending_slips"])
_ZIP = re.compile(r"[0-9]{5}(?:-?[0-9]{4})?")
_ZIP_WITHOUT_ZERO = re.compile(r"[0-9]{4}(?:-?[0-9]{4})?")


def emails(table: Table) -> Iterator[Problem]:
    """Find values that are not an email address, or not a person's; nobody is asked about them."""
    return table.judge(_bad_email, "contact_info.email.email_address")


def _bad_email(text: str) -> CellFinding | None:
    """Return the most obvious reason why a text is not an email address, or an odd one."""
    if not text.isascii() and not TYPOGRAPHIC.isdisjoint(text):
        advice = "Type the address again, with the plain characters of the keyboard."
        return CellFinding(Code.BAD_EMAIL, f"{{value}} contains {A_TYPOGRAPHIC_MARK}", advice)
    if is_email(text) and text[0] != "'":
        mailbox, _, domain = text.casefold().rpartition("@")
        if domain in _DOMAIN_SLIPS or domain.endswith(_ENDING_SLIPS):
            return odd("has a domain that looks mistyped")
        return odd("is probably no address of a person") if mailbox in _NO_MAILBOXES else None
    reasons = {
        "contains more than one address": text.count("@") > 1,
        "is not an email address: it has no @": "@" not in text,
        "begins with an apostrophe": text[0] == "'",
        "is not an email address: it contains a blank": any(map(str.isspace, text)),
        "is not an email address: it contains a comma": "," in text,
        "is not an email address: the part after the @ has no dot": "."
        not in text.partition("@")[2],
        "is not an email address": True,
    }
    why = next(sentence for sentence, holds in reasons.items() if holds)
    return CellFinding(Code.BAD_EMAIL, f"{{value}} {why}")


def phones(table: Table) -> Iterator[Problem]:
    """Find numbers that cannot be called; one without a country prefix is taken as a US number."""
    finding = CellFinding(Code.BAD_PHONE, "{value} cannot be called")
    return table.judge(
        lambda text: None if read_phone(text).whole else finding,
        "contact_info.phone.phone_number",
    )


def zip_codes(table: Table) -> Iterator[Problem]:
    """Find ZIP codes of the United States that are not five or nine digits, or that are none."""
    for column in table.of("contact_info.address.postal_code"):
        wrong = {text: odd("is no ZIP code that exists") for text in _NO_ZIP & {*column.distinct}}
        wrong |= {text: _not_a_zip(text) for text in column.distinct if not _ZIP.fullmatch(text)}
        yield from column.flag(wrong, [country == "USA" for country in table.countries(column)])


def _not_a_zip(text: str) -> CellFinding:
    advice = (
        "Put back the leading zero that the spreadsheet program removed, or set `clean: [zip]` for "
        "this field in the mapping."
    )
    return CellFinding(
        Code.BAD_POSTAL_CODE,
        "{value} is not a ZIP code of five or nine digits",
        advice if _ZIP_WITHOUT_ZERO.fullmatch(text) else "",
    )


_STATE_OF = {word.casefold(): code for code, name in STATES.items() for word in (code, name)}


def states(table: Table) -> Iterator[Problem]:
    """Find states of the United States that are not written with their two letters.

    Without a country, only the name of a state is recognized as one.
    """
    for column in table.of("contact_info.address.state_province"):
        wrong = {text: _not_a_state(text) for text in column.distinct if text not in STATES}
        pairs = zip(table.countries(column), column.texts, strict=True)
        in_usa = (at == "USA" or bool(not at and text and _state_of(text)) for at, text in pairs)
        yield from column.flag(wrong, in_usa)


def _not_a_state(text: str) -> CellFinding:
    code = _state_of(text)
    return CellFinding(
        Code.UNKNOWN_CODE,
        "{value} is not the two-letter code of a state",
        f"Write {code}." if code else "Write the state with its two letters, as in NE.",
        severity=Severity.WARNING,
    )


def _state_of(text: str) -> str:
    """Return the code of a state written with its name or in lower case; "" if it is not one."""
    return _STATE_OF.get(" ".join(text.replace(".", "").split()).casefold(), "")
