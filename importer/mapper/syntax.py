"""What is wrong where YAML's own rules are broken, judged by the text of the line."""

from __future__ import annotations

import re

_SPECIAL = re.compile(r"\s*(?:- )?(?:[^\s:\"']+:\s+)?[*%@`&!]")
"""A line whose key or value starts with a letter that means something to YAML."""


def misreading(file: str, text: str, line: int) -> str:
    """A finding about the line, counted from 0, at which reading stopped."""
    lines = text.split("\n")
    number = min(line, len(lines) - 1)
    while number > 0 and not lines[number].strip():
        number -= 1
    above = lines[number - 1] if number else ""
    return f"{file}:{number + 1}: {_wrong(lines[number], above, text)}"


def _wrong(line: str, above: str, text: str) -> str:
    if "\t" in line[: _indent(line)]:
        return "the line starts with a tab; indent with blanks"
    if _SPECIAL.match(line):
        return (
            "the line cannot be read; put a value or a key that starts with `*`, `%`, `@`, `&`, "
            '`!` or a backtick into quotation marks, as in "*"'
        )
    if "<" in line and (line.count(":") > 1 or any(char in line for char in "{}[],#")):
        return (
            "the line cannot be read; put a heading with `#`, `:`, `,` or a brace into "
            'quotation marks, as in "<Phone #>"'
        )
    if text.count('"') % 2 or text.count("'") % 2:
        return "the line cannot be read; a quotation mark may not be closed"
    if ":" in above and not above.rstrip().endswith(":") and _indent(line) > _indent(above):
        return "the line cannot be read; it is indented further than the line above allows"
    return "the line cannot be read; look at its blanks, colons and quotation marks"


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())
