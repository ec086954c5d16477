"""Capitals as people write names: McKay, O'Neil, de la Cruz."""

from __future__ import annotations

import re

# fmt: off
_PARTICLES = frozenset({
    "al", "bin", "da", "das", "de", "del", "della", "den", "der", "di", "do", "dos", "du", "e",
    "ibn", "la", "las", "los", "ten", "ter", "van", "von", "y", "zu",
})
# fmt: on
_NUMERALS = frozenset({"ii", "iii", "iv", "vi", "vii", "viii"})
_WORD = re.compile(r"[^\s\-.'’]+")
_MC = re.compile(r"mc[^\W\d_]{2,}")


def capitalise(name: str) -> str:
    """The name with capitals, if it is written all in capitals or all without; else as it is."""
    if name != name.upper() and name != name.lower():
        return name
    words = name.split(" ")
    last = len(words) - 1
    return " ".join(
        word.lower() if at < last and word.lower() in _PARTICLES else _word(word, first=at == 0)
        for at, word in enumerate(words)
    )


def _word(word: str, *, first: bool) -> str:
    lower = word.lower()
    if not first and lower.rstrip(".,") in _NUMERALS:
        return word.upper()
    return _WORD.sub(lambda part: _part(lower, part), lower)


def _part(word: str, match: re.Match[str]) -> str:
    part = match[0]
    before = word[: match.start()]
    if before.endswith(("'", "’")) and (len(before) > 3 or len(part) == 1):
        return part  # Ha'apai, and the s of an English genitive
    if _MC.fullmatch(part):
        return "Mc" + part[2:3].upper() + part[3:]
    return part[:1].upper() + part[1:]
