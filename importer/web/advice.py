"""The advice of commands in words of the page: a button here is named, not its command."""

from __future__ import annotations

import re
from datetime import date
from importlib.resources import files

from importer.mapper.dates import is_iso

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
