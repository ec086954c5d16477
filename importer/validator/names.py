"""Checks of names: pictures, two people in one cell, commas, titles and suffixes."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

from importer.model import people
from importer.model.candidates import NAMES
from importer.model.people import COMMA, MAY_BE_TWO, TWO_FIRST_NAMES, TWO_PEOPLE
from importer.model.problem import CellFinding, Code, Problem, Severity
from importer.model.question import OF_NAME
from importer.validator.columns import Table

_SYMBOLS = frozenset({"So", "Co"})
"""Unicode categories of pictures, emoji among them, and of characters of a single font."""


def symbols_in_names(table: Table) -> Iterator[Problem]:
    """Find names with an emoji or another picture. Letters of every script are fine."""
    finding = CellFinding(Code.SYMBOL_IN_NAME, "{value} contains a picture, such as an emoji")

    def judge(text: str) -> CellFinding | None:
        pictures = not text.isascii() and not _SYMBOLS.isdisjoint(map(unicodedata.category, text))
        return finding if pictures else None

    return table.judge(judge, *NAMES)


def two_people(table: Table) -> Iterator[Problem]:
    """Find cells that may name two people, also if the mapping takes only a part of the cell.

    A cell is reported once, for the first of the fields that it feeds.
    """
    reported: set[tuple[int, str]] = set()
    for column in table.of(*NAMES):
        whole = table.candidates.behind.get(column.target.label, column.texts)
        last = column.target.field.path.endswith("last_name")
        two = column.having(TWO_PEOPLE if last else TWO_FIRST_NAMES)
        if whole != column.texts:
            two |= {*filter(TWO_PEOPLE.search, {*whole})}
        rows = zip(table.candidates.rows, column.texts, whole, strict=True) if two else ()
        for row, text, cell in rows:
            names = cell if cell in two else text
            if text and names in two and (row, names) not in reported:
                reported.add((row, names))
                yield column.problem(row, names, MAY_BE_TWO)


def commas_and_titles(table: Table) -> Iterator[Problem]:
    """Find commas in a part of a name, titles in front of it, and suffixes behind it.

    A part that is nothing but a title or a suffix was divided at the wrong place.
    """
    for column in table.of(*NAMES):
        whole = table.candidates.behind.get(column.target.label, column.texts)
        if whole == column.texts:
            titled = column.with_word(
                lambda word: (
                    people.is_suffix(word, after_comma=False) or people.is_title(word, before=True)
                )
            )
            distinct = {(text, text) for text in column.having(COMMA) | titled}
        else:
            distinct = {*zip(column.texts, whole, strict=True)}
        # a blank part is no name
        findings = {pair: bad for pair in distinct if pair[0] and (bad := _unusual(*pair))}
        parts = {text for text, _ in findings}
        rows = zip(table.candidates.rows, column.texts, whole, strict=True) if parts else ()
        for row, text, cell in rows:
            if text in parts and (bad := findings.get((text, cell))):
                yield column.problem(row, text, bad)


def _unusual(text: str, cell: str) -> CellFinding | None:
    """Return what is unusual about a part of a name, which may be from a longer cell."""
    words, suffixes = _without_suffixes(text)
    if COMMA.search(words):
        return CellFinding(Code.COMMA_IN_NAME, "{value} contains a comma", question=OF_NAME)
    first, _, rest = words.partition(" ")
    divided = cell != text
    title = people.is_title(first, before=rest != "" or (divided and cell.startswith(f"{first} ")))
    if not words or (title and not rest):
        if words or divided:
            sentence = "{value} is a title or a suffix, and not a part of a name"
            return CellFinding(
                Code.TITLE_IN_NAME, sentence, severity=Severity.REVIEW, question=OF_NAME
            )
        return None
    if title or suffixes:
        what = "a title" if title else "a suffix"
        return CellFinding(Code.TITLE_IN_NAME, f"{{value}} contains {what}")
    return None


def _without_suffixes(text: str) -> tuple[str, bool]:
    """Return a part of a name without the suffixes behind it, and whether it has any."""
    parts = [part.strip() for part in COMMA.split(text)]
    kept = len(parts)
    while kept > 1 and people.is_suffix(parts[kept - 1], after_comma=True):
        kept -= 1
    has_suffix, words = kept < len(parts), parts[kept - 1].split()
    while words and people.is_suffix(words[-1], after_comma=False):
        has_suffix = True
        words.pop()
    return ", ".join([*parts[: kept - 1], " ".join(words)]), has_suffix
