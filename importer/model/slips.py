"""Texts that are a known word but for how they were typed."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_SHORTEST = 5
"""Of fewer letters, another letter makes another word: `Grad` and `Brad`."""


def means_one_of(text: str, words: Iterable[str]) -> bool:
    """Is it one of these words, but for case, blanks and at most one slip of the hand?

    A slip is a letter that is missing, too many or another, or two that are swapped. What is only
    like a word is not meant, since it may be somebody's name: `Stafford` is not `Staff`.
    """
    from rapidfuzz.distance import OSA

    typed = _plain(text)
    for word in map(_plain, words):
        most = 1 if min(len(typed), len(word)) >= _SHORTEST else 0
        if OSA.distance(typed, word, score_cutoff=most) <= most:
            return True
    return False


def _plain(text: str) -> str:
    return "".join(text.split()).casefold()
