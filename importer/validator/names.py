"""Checks of names: pictures, two people in one cell, commas, titles and suffixes."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from importer.model.candidates import NAMES
from importer.model.problem import CellFinding, Code, Problem, Severity
from importer.validator.columns import Table

_SYMBOLS = frozenset({"So", "Co"})
"""Unicode categories of pictures, emoji among them, and of characters of a single font."""

_TWO = re.compile(r"[&+＆]|(?<=\S)\s(?:and|und(?!\szu\s)|et|u\.)\s(?=\S)", re.IGNORECASE)
"""What is between two people. Not `y` or `e`, which Spanish and Portuguese names contain."""

_COMMA = re.compile(r"[,;،，、]")

_TITLES = frozenset({"dr", "prof", "mr", "mrs", "ms", "mx"})
_TITLES_BEFORE_A_NAME = frozenset(
    {"doctor", "professor", "miss", "reverend", "herr", "frau", "madame", "mme", "monsieur"}
)
_DOTTED_TITLES = frozenset(
    {"rev", "hon", "fr", "sr", "sra", "srta", "capt", "col", "lt", "sgt", "ing", "mag", "dipl"}
)
"""Without the dot these are names, too: Rev, Hon, Mag."""

_SUFFIXES = frozenset({"jr", "sr", "phd", "edd", "esq"})
_NUMERALS = frozenset({"II", "III", "IV"})
_DEGREES = frozenset(
    {
        "md", "do", "jd", "rn", "ba", "bs", "ma", "ms", "msc", "mba", "mls", "mlis", "dds", "dvm",
        "cpa",
    }
)  # fmt: skip
"""Only behind a comma: Ma and Do are names, and so is Md at the front of one."""


def symbols_in_names(table: Table) -> Iterator[Problem]:
    """Find names with an emoji or another picture. Letters of every script are fine."""
    finding = CellFinding(Code.SYMBOL_IN_NAME, "{value} contains a picture, such as an emoji")

    def judge(text: str) -> CellFinding | None:
        pictures = not text.isascii() and not _SYMBOLS.isdisjoint(map(unicodedata.category, text))
        return finding if pictures else None

    for column in table.of(*NAMES):
        yield from column.judge(judge)


def two_people(table: Table) -> Iterator[Problem]:
    """Find cells that may name two people, also if the mapping takes only a part of the cell.

    A cell is reported once, for the first of the fields that it feeds.
    """
    finding = CellFinding(Code.TWO_PEOPLE, "{value} may name two people")
    reported: set[tuple[int, str]] = set()
    for column in table.of(*NAMES):
        whole = table.candidates.behind.get(column.target.label, column.texts)
        two = {text for text in {*whole, *column.texts} if _TWO.search(text)}
        for row, text, cell in zip(table.candidates.rows, column.texts, whole, strict=True):
            found = text if text in two else cell
            if text and found in two and (row, found) not in reported:
                reported.add((row, found))
                yield column.problem(row, found, finding)


def commas_and_titles(table: Table) -> Iterator[Problem]:
    """Find commas in a part of a name, titles in front of it, and suffixes behind it.

    A part that is nothing but a title or a suffix was divided at the wrong place.
    """
    for column in table.of(*NAMES):
        whole = table.candidates.behind.get(column.target.label, column.texts)
        pairs = [*zip(column.texts, whole, strict=True)]
        distinct = (pair for pair in dict.fromkeys(pairs) if pair[0])  # a blank part is no name
        found = {pair: bad for pair in distinct if (bad := _unusual(*pair))}
        for row, pair in zip(table.candidates.rows, pairs, strict=True):
            if pair in found:
                yield column.problem(row, pair[0], found[pair])


def _unusual(text: str, cell: str) -> CellFinding | None:
    """Return what is unusual about a part of a name, which may be from a longer cell."""
    words, suffixes = _without_suffixes(text)
    if _COMMA.search(words):
        return CellFinding(Code.COMMA_IN_NAME, "{value} contains a comma")
    first, _, rest = words.partition(" ")
    divided = cell != text
    title = _is_title(first, before=rest != "" or (divided and cell.startswith(f"{first} ")))
    if not words or (title and not rest):
        if words or divided:
            sentence = "{value} is a title or a suffix, and not a part of a name"
            return CellFinding(Code.TITLE_IN_NAME, sentence, severity=Severity.REVIEW)
        return None
    if title or suffixes:
        what = "a title" if title else "a suffix"
        return CellFinding(Code.TITLE_IN_NAME, f"{{value}} contains {what}")
    return None


def _without_suffixes(text: str) -> tuple[str, bool]:
    """Return a part of a name without the suffixes behind it, and whether it has any."""
    parts = [part.strip() for part in _COMMA.split(text)]
    kept = len(parts)
    while kept > 1 and _is_suffix(parts[kept - 1], after_comma=True):
        kept -= 1
    found, words = kept < len(parts), parts[kept - 1].split()
    while words and _is_suffix(words[-1], after_comma=False):
        found = True
        words.pop()
    return ", ".join([*parts[: kept - 1], " ".join(words)]), found


def _is_suffix(text: str, *, after_comma: bool) -> bool:
    plain = text.replace(".", "").replace(" ", "")
    small = plain.casefold()
    return small in _SUFFIXES or plain in _NUMERALS or (after_comma and small in _DEGREES)


def _is_title(word: str, *, before: bool) -> bool:
    """Return whether a word is a title; `before`: a name follows it, here or in the cell."""
    plain = word.rstrip(".").casefold()
    if plain in _TITLES:
        return True
    dotted = word.endswith(".") and plain in _DOTTED_TITLES
    return before and (dotted or plain in _TITLES_BEFORE_A_NAME)
