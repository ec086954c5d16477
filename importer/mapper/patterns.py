"""Regular expressions of a mapping, compiled and applied within limits.

A short pattern can take gigabytes to compile (`(((a{90}){90}){90}){90}`) or minutes to apply
(`(a|aa)+$`). Patterns are therefore measured before they are compiled, and timed when applied.
"""

from __future__ import annotations

import re

import regex

LENGTH_LIMIT = 1_000
"""Characters of a pattern."""
NESTING_LIMIT = 50
"""Groups inside one another."""
SIZE_LIMIT = 10_000
"""Parts of a pattern after its counted repetitions, such as `{14}`, are written out."""

_TOKEN = re.compile(
    r"(?P<escape>\\.)"
    r"|(?P<set>\[\^?\]?(?:\\.|[^\]\\])*\])"
    r"|(?P<recursion>\(\?(?:R|[0-9]+|[+-][0-9]+|&[^)]*|P>[^)]*)\))"
    r"|(?P<open>\()"
    r"|(?P<close>\))"
    r"|\{(?P<least>[0-9]*)(?P<comma>,?)(?P<most>[0-9]*)\}"
    r"|(?P<any>.)",
    re.DOTALL,
)


class PatternError(ValueError):
    """A pattern that cannot be used; its text is the reason, as the end of a sentence."""


def compile_pattern(text: str) -> regex.Pattern[str]:
    """Compile a pattern of a mapping. Raises PatternError where it is wrong or too large."""
    _check_size(text)
    try:
        return regex.compile(text)
    except (regex.error, OverflowError, RecursionError):
        msg = f"`{text}` is not a valid pattern; check its brackets"
        raise PatternError(msg) from None


def _check_size(text: str) -> None:
    """Count the parts of a pattern with its repetitions written out, without compiling it."""
    if len(text) > LENGTH_LIMIT:
        msg = f"the pattern is longer than {LENGTH_LIMIT:,} characters; use a shorter one"
        raise PatternError(msg)
    totals = [0]  # parts so far, per open group
    last = 0  # parts of what a repetition would repeat
    for token in _TOKEN.finditer(text):
        if token["recursion"]:
            msg = f"`{token[0]}` repeats the pattern inside itself, which is not allowed"
            raise PatternError(msg)
        if token["open"]:
            totals.append(0)
            last = 0
            if len(totals) > NESTING_LIMIT:
                msg = f"the pattern has more than {NESTING_LIMIT} groups inside one another"
                raise PatternError(msg)
        elif token["close"] and len(totals) > 1:
            last = totals.pop() + 1
            totals[-1] += last
        elif token["least"] or token["most"]:
            count = max(int(number[:9]) for number in (token["least"], token["most"]) if number)
            totals[-1] += last * (count - 1) if count else 0
            last *= max(count, 1)
        else:
            last = 1
            totals[-1] += 1
        if sum(totals) > SIZE_LIMIT:
            msg = "the pattern is too large; repeat fewer times, or not inside a repetition"
            raise PatternError(msg)


def check_pattern(text: str) -> str:
    """Return the pattern if it can be used. Raises PatternError."""
    compile_pattern(text)
    return text
