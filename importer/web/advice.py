"""Texts in words of the page: the advice of commands, where a button is named, days and codes."""

from __future__ import annotations

import re
from datetime import date
from importlib.resources import files

from importer.mapper.dates import is_iso
from importer.model.fields import FIELDS, CodeTables, Field, Shape

_WORDS = [
    (re.compile(pattern), words)
    for line in (files("importer.web") / "advice.tsv").read_text("utf-8").splitlines()
    for pattern, _, words in [line.partition("\t")]
]
"""What the page says in place of a command's words, by their pattern."""

_PARTS = re.compile(r"importer|ALMA_|--|Add it|Run apply|lookup|separator|`check`|`apply`")
"""What each text of a command has that the page shows in other words."""

_DAY = re.compile(r"(?<![\w“/-])[0-9]{4}-[0-9]{2}-[0-9]{2}(?![\w”/-])")
_ROWS = re.compile(r"\b([0-9,]+) rows?\b")
_PERSON = re.compile(r"(?:(?<=ed by )|^)([^\s@]+)@\S+(?= on | \(since )")


def day(text: str, month: str = "%b") -> str:
    """Return a date in words: `Nov 29, 2027` for 2027-11-29; any other text as it is."""
    if not is_iso(text):
        return text
    found = date.fromisoformat(text)
    return f"{found:{month}} {found.day}, {found.year}"


def in_words(text: str) -> str:
    """Return a sentence about a row with its days and people as the page has them."""
    text = _PERSON.sub(r"\1", text)
    return _DAY.sub(lambda one: day(one[0]), text)


def rows_in(text: str) -> int:
    """Return the greatest number of rows that a sentence about a roster names, 0 without one."""
    return max((int(one.replace(",", "")) for one in _ROWS.findall(text)), default=0)


def on_page(text: str) -> str:
    """Return a text of a command as the page shows it."""
    if _PARTS.search(text):
        for pattern, words in _WORDS:
            text = pattern.sub(words, text)
    return text


def as_shown(field: Field, text: str, codes: CodeTables) -> tuple[str, str]:
    """Return a value of a field as Alma shows it, with its code if that is another text."""
    if field.shape is Shape.DATE:
        return day(text, "%B"), ""
    known = codes.known(field.facts.table) if field.facts.table else None
    if known and text in known and known[text].description:
        return known[text].description, text
    return text, ""


def worded(path: str, text: str, codes: CodeTables) -> str:
    """Return a value of a record in words: Alma's name of a code, a date with its month."""
    field = FIELDS.get(path)
    return as_shown(field, text, codes)[0] if field and field.facts.table else day(text)
