"""Cleaning that is the same for every column: what a cell says, without what nobody can see.

Trimming, folding of blanks and NFC are not worth a word. What changes the text otherwise, or
cannot be right, is a `Finding` (hazards: text). A column whose cells are all plain, as nearly
every column is, costs one pass over its joined text.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING

from importer.model.catalogue import Code, Severity

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

LONGEST = 131_072
"""Characters of a cell beyond which something is wrong with the file."""

FORMULA_ERROR = "holds {value}, the error of a formula"
"""The message about a cell that says so."""

JOIN = "|"
"""What stands between the cells of a column that are looked at together: plain, and no blank."""

_BREAKS = re.compile("[\t\n\r\u2028\u2029]+")
# Controls, halves of surrogate pairs, the two overrides of writing direction, noncharacters
_FORBIDDEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\u202d\u202e\ufdd0-\ufdef\ufffe\uffff]"
)
_ERRORS = frozenset({
    "#N/A", "#VALUE!", "#REF!", "#DIV/0!", "#NAME?", "#NUM!", "#NULL!", "#SPILL!", "#CALC!",
    "#GETTING_DATA",
})  # fmt: skip
_JOINERS = "\u200c\u200d"
# Scripts whose words are spelled with ZWJ or ZWNJ
_SPELLED = (
    *("ARABIC", "BENGALI", "DEVANAGARI", "GUJARATI", "GURMUKHI", "KANNADA", "KHMER", "MALAYALAM"),
    *("MONGOLIAN", "MYANMAR", "NKO", "ORIYA", "SINHALA", "SYRIAC", "TAMIL", "TELUGU", "TIBETAN"),
)
_FULL_WIDTH = {ord("０") + digit: str(digit) for digit in range(10)}

# What UTF-8's following bytes 80 to BF look like when read as Windows-1252
_FOLLOW = "€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ\xa0-\xbf"
_FOLLOW_UNQUOTED = _FOLLOW.replace("‘’“”", "")
_MOJIBAKE = re.compile(
    f"[ÂÃ][{_FOLLOW}]|[Ä-ß][{_FOLLOW_UNQUOTED}]|[à-ï][{_FOLLOW}]{{2}}|[ð-ô][{_FOLLOW}]{{3}}"
)
_SUSPECT = re.compile(f"[０-９\ufffd]|{_MOJIBAKE.pattern}")


@dataclass(frozen=True, slots=True)
class Finding:
    """Something about the text of a cell; `value` is what to show of it."""

    code: Code
    severity: Severity
    message: str
    value: str


def clean_column(
    texts: Sequence[str], joined: str
) -> tuple[Sequence[str], Mapping[str, tuple[Finding, ...]]]:
    """The column with every cell cleaned, and the findings by the text as it came.

    `joined` are its texts, joined by `JOIN`. Where nothing changes, the same column comes back.
    """
    if _plain(joined) and not _holds_long(texts, joined):
        return texts, {}
    distinct = set(texts)
    foreign = {text for text in distinct if not text.isascii()}
    unusual = [*_unusual(distinct - foreign if foreign else distinct), *_unusual(foreign)]
    changed: dict[str, str] = {}
    findings: dict[str, tuple[Finding, ...]] = {}
    for text in unusual:
        cleaned, found = clean(text)
        if found:
            findings[text] = found
        if cleaned != text:
            changed[text] = cleaned
    return [changed.get(text, text) for text in texts] if changed else texts, findings


def _unusual(texts: set[str]) -> list[str]:
    """Those that are to be cleaned; where one look at all of them tells that none is, none."""
    if _plain(JOIN.join(texts)) and max(map(len, texts), default=0) <= LONGEST:
        return []
    return [text for text in texts if not _plain(text) or len(text) > LONGEST]


def _plain(text: str) -> bool:
    """Visible, with single blanks inside and no # first, by cell where cells are joined?

    Letters beyond ASCII must be as NFC has them, and must not look damaged.
    """
    return (
        text.isprintable()
        and (" " not in text or _blanks_are_inside(text))
        and ("#" not in text or (text[0] != "#" and f"{JOIN}#" not in text))
        and (text.isascii() or (unicodedata.is_normalized("NFC", text) and not _suspect(text)))
    )


def _suspect(text: str) -> bool:
    return _SUSPECT.search(text) is not None


def _blanks_are_inside(text: str) -> bool:
    doubtful = any(pair in text for pair in ("  ", f" {JOIN}", f"{JOIN} "))
    return not doubtful and text[0] != " " and text[-1] != " "


def _holds_long(texts: Sequence[str], joined: str) -> bool:
    """Is a cell longer than a cell may be? One that is fills at least one of these windows."""
    window = LONGEST // 2
    starts = range(0, len(joined) - window, window)
    filled = any(joined.find(JOIN, start, start + window) < 0 for start in starts)
    return filled and max(map(len, texts)) > LONGEST


def clean(text: str) -> tuple[str, tuple[Finding, ...]]:
    """One cell, cleaned, and what there is to say about it."""
    if len(text) > LONGEST:
        message = f"has {len(text):,} characters, more than the {LONGEST:,} that a cell may have"
        return text, (Finding(Code.CELL_TOO_LONG, Severity.REJECT, message, ""),)
    found: list[Finding] = []
    if not text.isprintable():
        text = _joined(_BREAKS.sub(" ", text))
        if bad := _FORBIDDEN.search(text):
            message = f"{{value}} holds the control character U+{ord(bad[0]):04X}"
            text = whole(text)
            found.append(Finding(Code.CONTROL_CHARACTER, Severity.REJECT, message, text))
            return text.strip(), tuple(found)
        visible = _without_invisible(text)
        if visible != text:
            message = "an invisible character was removed from {value}"
            found.append(Finding(Code.WHITESPACE_REMOVED, Severity.REPAIRED, message, visible))
            text = visible
    came = unicodedata.normalize("NFC", text)
    text = " ".join(came.split())
    if is_error(text):
        found.append(Finding(Code.FORMULA_ERROR, Severity.REJECT, FORMULA_ERROR, text))
    if not came.isascii() and _suspect(came):
        ascii_digits = text.translate(_FULL_WIDTH)
        if ascii_digits != text:
            message = "{value} was written with full-width digits"
            found.append(Finding(Code.DIGITS_NORMALISED, Severity.REPAIRED, message, ascii_digits))
            text = ascii_digits
        found.extend(_mojibake(came))  # one of the damaged letters ends in a no-break space
    return text, tuple(found)


def whole(text: str) -> str:
    """The text as it can be written down: with � for each half of a surrogate pair alone."""
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _joined(text: str) -> str:
    """The text with the halves of surrogate pairs put together, as some databases export emoji."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")


def is_error(text: str) -> bool:
    """Is this what a spreadsheet program shows, and saves as CSV, for a formula that failed?"""
    return text in _ERRORS


def _without_invisible(text: str) -> str:
    """The text without format characters (Cf), save joiners that spell a word."""
    return "".join(
        char
        for position, char in enumerate(text)
        if unicodedata.category(char) != "Cf" or _spells(text, position)
    )


def _spells(text: str, position: int) -> bool:
    """Is this a joiner between two letters of a script that needs it?"""
    if text[position] not in _JOINERS or not 0 < position < len(text) - 1:
        return False
    beside = (text[position - 1], text[position + 1])
    return all(unicodedata.name(char, "").startswith(_SPELLED) for char in beside)


def _mojibake(text: str) -> tuple[Finding, ...]:
    """Letters that were lost, or read in a wrong encoding, before the file came here."""
    if "\ufffd" in text:
        message = "letters of {value} were lost before the file came here"
        return (Finding(Code.MOJIBAKE, Severity.WARNING, message, text),)
    repaired = text
    for _ in range(3):  # some files went through a wrong encoding more than once
        repaired, changes = _MOJIBAKE.subn(_read_right, repaired)
        if not changes:
            break
    if repaired == text:
        return ()
    message = "accented letters look damaged: {value}"
    return (Finding(Code.MOJIBAKE, Severity.WARNING, message, f"{text} → {repaired}"),)


def _read_right(match: re.Match[str]) -> str:
    try:
        return match[0].encode("cp1252").decode("utf-8")
    except UnicodeError:
        return match[0]
