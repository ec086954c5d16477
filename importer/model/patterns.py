"""Regular expressions of a mapping: limited in size, and in time on each text."""

from __future__ import annotations

import functools
import re
from typing import Annotated

import regex
from pydantic import AfterValidator, StringConstraints

from importer.errors import MappingError

_SECONDS = 0.5
"""How long a pattern of the mapping may take on one text."""
MOST_CHARACTERS = 4_000
"""Texts longer than this are not searched with a pattern."""
_LENGTH = 1_000
"""Characters of a pattern."""
_NESTING = 50
"""Groups inside one another."""
_SIZE = 10_000
"""Parts of a pattern after its counted repetitions, such as `{14}`, are written out."""

_TOKEN = re.compile(
    r"(?P<part>\\.|\[\^?\]?(?:\\.|[^\]\\])*+(?:\]|\Z))"
    r"|(?P<recursion>\(\?(?:R|[0-9]+|[+-][0-9]+|&[^)]*|P>[^)]*)\))"
    r"|(?P<open>\()"
    r"|(?P<close>\))"
    r"|\{(?P<counts>[0-9]*,?[0-9]*)\}"
    r"|.",
    re.DOTALL,
)


@functools.cache
def compile_pattern(text: str) -> regex.Pattern[str]:
    """Compile a pattern of a mapping. Raises ValueError where it is wrong or too large.

    A short pattern can take gigabytes to compile (`(((a{90}){90}){90}){90}`), so it is measured
    first; and minutes to apply (`(a|aa)+$`), so that it is applied within `_SECONDS`.
    """
    wrong = _too_large(text)
    if not wrong:
        try:
            return regex.compile(text, regex.DOTALL)
        except (regex.error, OverflowError, RecursionError):
            wrong = f"`{text}` is not a valid pattern; check its brackets"
    raise ValueError(wrong)


def _too_large(text: str) -> str:
    """Count the parts of a pattern with its repetitions written out, without compiling it."""
    if len(text) > _LENGTH:
        return f"the pattern is longer than {_LENGTH:,} characters; use a shorter one"
    totals = [0]  # parts so far, per open group
    last = 0  # parts of what a repetition would repeat
    for token in _TOKEN.finditer(text):
        if token["recursion"]:
            return f"`{token[0]}` repeats the pattern inside itself, which is not allowed"
        counts = [int(number[:9]) for number in re.findall("[0-9]+", token["counts"] or "")]
        if token["open"]:
            totals.append(0)
            last = 0
            if len(totals) > _NESTING:
                return f"the pattern has more than {_NESTING} groups inside one another"
        elif token["close"] and len(totals) > 1:
            last = totals.pop() + 1
            totals[-1] += last
        elif counts:
            totals[-1] += last * max(max(counts) - 1, 0)
            last *= max(*counts, 1)
        else:
            last = 1
            totals[-1] += 1
        if sum(totals) > _SIZE:
            return "the pattern is too large; repeat fewer times, or not inside a repetition"
    return ""


def check_pattern(text: str) -> str:
    """Return the pattern if it can be used. Raises ValueError."""
    compile_pattern(text)
    return text


Pattern = Annotated[str, StringConstraints(min_length=1), AfterValidator(check_pattern)]
"""A regular expression of the mapping."""


def full_match(pattern: str, text: str) -> bool:
    """Return whether a pattern matches a text as a whole; never one that is too long for it.

    Raises MappingError if the pattern takes too long.
    """
    if len(text) > MOST_CHARACTERS:
        return False
    try:
        return compile_pattern(pattern).fullmatch(text, timeout=_SECONDS) is not None
    except TimeoutError:
        raise _too_slow(pattern) from None


def replaced(find: str, replacement: str | None, text: str) -> str:
    """Return a text with what a pattern finds replaced; without a replacement, only what it finds.

    That is its first group, if it has one. Raises MappingError if the pattern takes too long.
    """
    pattern = compile_pattern(find)
    try:
        if replacement is not None:
            return str(pattern.sub(replacement, text, timeout=_SECONDS))
        found = pattern.search(text, timeout=_SECONDS)
    except TimeoutError:
        raise _too_slow(find) from None
    return str(found[1 if pattern.groups else 0] or "") if found else ""


def _too_slow(pattern: str) -> MappingError:
    msg = (
        f"The pattern `{pattern}` takes too long on a text. "
        "Write it without a repetition inside a repetition."
    )
    return MappingError((msg,))
