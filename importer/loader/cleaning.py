"""Cleaning that every cell gets: remove what nobody can see, report what cannot be right.

Trimming, collapsing blanks and NFC are not reported. Everything else that changes the text, or
shows that the text was damaged earlier, is a `CellFinding`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection, Iterator
from itertools import filterfalse

from importer.model.problem import CellFinding, Code
from importer.model.roster import FORMULA_ERRORS
from importer.model.text import one_line, unescape

_TOP = 1_000  # texts that show whether those of a column repeat
LONGEST = 131_072
"""Characters of a cell; a longer one rejects its row."""


Cleaned = tuple[str, tuple[CellFinding, ...]]
"""The text of a cell after cleaning, and what was found."""

Clean = Callable[[str], Cleaned]

# ASCII without controls, and letters and pictures that NFC leaves alone and that no wrong encoding
# leaves behind: Latin without Œ, Š, Ÿ, Ž and ƒ, Cyrillic, Hebrew, Japanese, Chinese, Korean
_VISIBLE = (
    "[!-~\u00c0-\u0151\u0154-\u015f\u0162-\u0177\u0179-\u017c\u017f-\u0191\u0193-\u024f\u1e00-\u1eff"
    "\u0400-\u0482\u05d0-\u05ea\u3041-\u3096\u30a1-\u30fa\u4e00-\u9fff\uac00-\ud7a3\U0001f300-\U0001faff]+"
)
# Single blanks inside, and no first character that needs a look
_PLAIN = re.compile(f"(?:(?![='#]){_VISIBLE}(?: {_VISIBLE})*)?")
_PLAIN_TEXTS = re.compile(f"(?:{_PLAIN.pattern}\0)*+")
_LINE = re.compile("\r\n|[\n\r\u2028\u2029]")
_BREAK = "\ue000"
_BREAKS = re.compile("[\t\n\r\u2028\u2029]+")
# Controls, lone surrogates, noncharacters
_FORBIDDEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]"
)
_JOINERS = "\u200c\u200d"
# Scripts whose words are spelled with ZWJ or ZWNJ
_SCRIPTS_WITH_JOINERS = (
    *("ARABIC", "BENGALI", "DEVANAGARI", "GUJARATI", "GURMUKHI", "KANNADA", "KHMER", "MALAYALAM"),
    *("MONGOLIAN", "MYANMAR", "NKO", "ORIYA", "SINHALA", "SYRIAC", "TAMIL", "TELUGU", "TIBETAN"),
)
# What keeps a cell as text: ="00123" and '00123, and '+1 701 555 0123 of databases
_TEXT_MARK = re.compile(
    r"""="((?:[^"]|"")*+)"|'([A-Za-z]{0,3}[0-9][A-Za-z0-9/.-]*+|[+(]?[0-9][0-9 ().-]*+)"""
)
_FULL_WIDTH_DIGITS = {ord("０") + digit: str(digit) for digit in range(10)}

# What UTF-8's continuation bytes 80 to BF look like when they are read as Windows-1252
_FOLLOW = "€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ\xa0-\xbf"
_FOLLOW_UNQUOTED = _FOLLOW.replace("‘’“”", "")
_MOJIBAKE = re.compile(
    f"[ÂÃ][{_FOLLOW}]|[Ä-ß][{_FOLLOW_UNQUOTED}]|[à-ï][{_FOLLOW}]{{2}}|[ð-ô][{_FOLLOW}]{{3}}"
)


def clean_column(
    texts: list[str], clean: Clean
) -> tuple[list[str], dict[str, tuple[CellFinding, ...]], dict[str, str]]:
    """Clean every text of a column. Return the new texts, and by original text the findings.

    The last result has the texts of several lines with their line breaks, by original text; what
    may be whole rows in one cell is none of them. Equal texts become one object: a large roster
    then takes half the memory.
    """
    each: dict[str, str] = {}
    if len({*texts[:_TOP]}) < min(_TOP, len(texts)):  # else hardly any is equal to another
        texts = [*map(each.setdefault, texts, texts)]
    changes: dict[str, str] = {}
    findings: dict[str, tuple[CellFinding, ...]] = {}
    several: dict[str, str] = {}
    for text in _not_plain(each or texts):
        changes[text], changed = clean(text)
        if changed:
            findings[text] = changed
        rows = any(
            finding.code is Code.CELL_TOO_LONG and finding.severity is None for finding in changed
        )
        if not rows and _LINE.search(text):
            # a private character stands for each break while the whole cell is cleaned
            came = clean(_LINE.sub(f" {_BREAK} ", text))[0].split(_BREAK)
            lines = "\n".join(map(str.strip, came)).strip("\n")
            if "\n" in lines and one_line(lines) == changes[text]:
                several[text] = lines
    return [*map(changes.get, texts, texts)] if changes else texts, findings, several


def _not_plain(texts: Collection[str]) -> Iterator[str]:
    """Yield the texts that are not plain. To match all of them as one takes a fifth of the time."""
    whole, at = "\0".join((*texts, "")), 0
    if whole.count("\0") != len(texts) or max(map(len, texts), default=0) > LONGEST:
        yield from filterfalse(is_plain, texts)
        return
    while (plain := _PLAIN_TEXTS.match(whole, at)) and plain.end() < len(whole):
        at = whole.index("\0", plain.end()) + 1
        yield whole[plain.end() : at - 1]


def is_plain(text: str) -> bool:
    """Return whether cleaning would neither change nor report the text; most cells are so."""
    return _PLAIN.fullmatch(text) is not None and len(text) <= LONGEST


def clean(text: str) -> Cleaned:
    """Clean one cell."""
    if len(text) > LONGEST:
        message = f"has {len(text):,} characters; a cell may have {LONGEST:,}"
        return text, (CellFinding(Code.CELL_TOO_LONG, message),)
    findings: list[CellFinding] = []
    if not text.isprintable():
        text = _BREAKS.sub(" ", text)
        # some databases export an emoji as two surrogates
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
        if bad := _FORBIDDEN.search(text):
            message = f"{{value}} contains the control character U+{ord(bad[0]):04X}"
            text = writable(text)
            return text.strip(" "), (CellFinding(Code.CONTROL_CHARACTER, message, value=text),)
        visible = _without_invisible(text)
        if visible != text:
            message = "an invisible character was removed from {value}"
            findings.append(CellFinding(Code.WHITESPACE_REMOVED, message, value=visible))
            text = visible
    came = unicodedata.normalize("NFC", text)
    text = one_line(came)
    ascii_digits = text.translate(_FULL_WIDTH_DIGITS)
    if ascii_digits != text:
        message, text = "{value} was written with full-width digits", ascii_digits
        findings.append(CellFinding(Code.DIGITS_NORMALIZED, message, value=text))
    while marked := _TEXT_MARK.fullmatch(text):
        text = marked[2] or one_line(marked[1].replace('""', '"'))
        if text:  # some programs write the mark around blanks, too
            message = "the mark that keeps {value} as text was removed"
            findings.append(CellFinding(Code.TEXT_MARK_REMOVED, message, value=text))
    if text in FORMULA_ERRORS:
        findings.append(formula_error(text))
    findings.extend(_mojibake(came))  # one of the damaged letters ends in a no-break space
    return text, tuple(findings)


def clean_escaped(text: str) -> Cleaned:
    """Clean one cell of our own CSV files, in which `escape` put marks."""
    return clean(unescape(text))


def formula_error(text: str) -> CellFinding:
    """Return the finding about a cell whose formula failed; `text` is the error it shows."""
    message = "is {value}, a formula error" if text else "is a formula without a result"
    return CellFinding(Code.FORMULA_ERROR, message, value=text)


def writable(text: str) -> str:
    """Return the text with � for each lone surrogate, so that a file can contain it."""
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _without_invisible(text: str) -> str:
    """Remove format characters (Cf), except joiners that spell a word."""
    return "".join(
        char
        for position, char in enumerate(text)
        if unicodedata.category(char) != "Cf" or _is_spelling(text, position)
    )


def _is_spelling(text: str, position: int) -> bool:
    """Return whether this is a joiner between two letters of a script that needs it."""
    if text[position] not in _JOINERS or not 0 < position < len(text) - 1:
        return False
    beside = (text[position - 1], text[position + 1])
    return all(unicodedata.name(char, "").startswith(_SCRIPTS_WITH_JOINERS) for char in beside)


def _mojibake(text: str) -> tuple[CellFinding, ...]:
    """Find letters that were lost, or read in a wrong encoding, before the file came here."""
    if "\ufffd" in text:
        message = "letters of {value} were lost before the file came here"
        return (CellFinding(Code.MOJIBAKE, message, value=text),)
    repaired = text
    for _ in range(3):  # some files went through a wrong encoding more than once
        repaired, changes = _MOJIBAKE.subn(_as_utf_8, repaired)
        if not changes:
            break
    if repaired == text:
        return ()
    message = "accented letters look damaged: {value}"
    return (CellFinding(Code.MOJIBAKE, message, value=f"{text} → {repaired}"),)


def _as_utf_8(match: re.Match[str]) -> str:
    try:
        return match[0].encode("cp1252").decode("utf-8")
    except UnicodeError:
        return match[0]
