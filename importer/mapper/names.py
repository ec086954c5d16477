"""Capitals as people write names: McKay, O'Neil, de la Cruz."""

from __future__ import annotations

import re
import unicodedata

# fmt: off
_PARTICLES = frozenset({
    "al", "bin", "da", "das", "de", "del", "della", "den", "der", "di", "do", "dos", "du", "e",
    "ibn", "la", "las", "los", "ten", "ter", "van", "von", "y", "zu",
})
# fmt: on
_NUMERALS = frozenset({"ii", "iii", "iv", "vi", "vii", "viii"})
_WORD = re.compile(r"[^\s\-.'’]+")
_MC = re.compile(r"mc[^\W\d_]{2,}")


_DOTTED = frozenset("İıĞğƏə")
"""Letters of Turkish and Azeri only, in which I and ı are one letter and İ and i another."""
_SMALL = str.maketrans({"İ": "i", "I": "ı"})
_LARGE = str.maketrans({"i": "İ", "ı": "I"})


def capitalize(name: str) -> str:
    """Return the name with capitals if it is all in capitals or all without; else as it is.

    The result is composed (NFC). A name with a letter that only Turkish and Azeri have follows
    their rule for the dotted and the dotless i.
    """
    composed = unicodedata.normalize("NFC", name)
    dotted = not _DOTTED.isdisjoint(composed)
    if composed not in {_upper(composed, dotted=dotted), _lower(composed, dotted=dotted)}:
        return name
    words = composed.split(" ")
    last = len(words) - 1
    return " ".join(
        _lower(word, dotted=dotted)
        if at < last and word.lower() in _PARTICLES
        else _word(word, first=at == 0, dotted=dotted)
        for at, word in enumerate(words)
    )


def _lower(text: str, *, dotted: bool) -> str:
    return unicodedata.normalize("NFC", (text.translate(_SMALL) if dotted else text).lower())


def _upper(text: str, *, dotted: bool) -> str:
    return (text.translate(_LARGE) if dotted else text).upper()


def _word(word: str, *, first: bool, dotted: bool) -> str:
    lower = _lower(word, dotted=dotted)
    if not first and word.lower().rstrip(".,") in _NUMERALS:
        return word.upper()
    return _WORD.sub(lambda part: _part(lower, part, dotted=dotted), lower)


def _part(word: str, match: re.Match[str], *, dotted: bool) -> str:
    part = match[0]
    before = word[: match.start()]
    if before.endswith(("'", "’")) and (len(before) > 3 or len(part) == 1):
        return part  # Ha'apai, and the s of an English genitive
    if _MC.fullmatch(part):
        return "Mc" + part[2:3].upper() + part[3:]
    return _upper(part[:1], dotted=dotted) + part[1:]
