"""Slips in YAML: where a text that cannot be read is wrong, and how.

YAML stops where the text makes no sense anymore, often lines after the slip. A line may show its
slip by itself. Otherwise the slip is the one whose correction makes the file the best mapping.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from importer.mapper.schema import MappingFile
from importer.model.text import counted


def misread(text: str, stopped: int, error: str) -> tuple[int, str]:
    """Return the line of the slip, from 1, and what is wrong; `stopped` is counted from 0."""
    rows = text.split("\n")
    number = min(stopped, len(rows) - 1)
    while number > 0 and not rows[number].strip():
        number -= 1
    if "single document" in error:
        return number + 1, "a second document starts here; keep one document in a file"
    lines = [line for line in _lines(text) if line.number <= number + 2]
    causes = ((line.number, wrong) for line in lines for wrong in _by_itself(line))
    usual = (number + 1, "check its blanks, colons and quotation marks")
    at, cause = next(causes, None) or _repaired(rows, lines) or usual
    return at, f"the line cannot be read; {cause}"


# --- the lines of a text ---

_KEY = re.compile(
    r"""\A(?:(?:"(?:[^"\\]|\\.)*"|'(?:[^']|'')*')\s*|[^\s"'\[\]{}#,][^:#{}\[\]]*):(?:\s+|$)"""
)
_GLUED = re.compile(r"([\w ]+:)(\S.*)")
_QUOTED = re.compile(r""""(?:[^"\\]|\\.)*"|'(?:[^']|'')*'""")
_GROUP = re.compile(r"[{\[]([^{}\[\]]*)[}\]]")
_COLON = re.compile(r":(?=\s|$)")
_HEADING = re.compile(r"<[^<>\"']*(: |\s#)")
_PLACEHOLDER = re.compile(r"<([^<>]*)>")
_CUT = re.compile(r"[^\"',{}\[\]]*[,{}\[\]]")
_CLOSING = {"{": "}", "[": "]"}


@dataclass(frozen=True, slots=True)
class _Line:
    """A line that is not blank, with those that continue it.

    `blanks`: those before it, `inner`: those before its key, with the dash counted as blanks.
    `code`: its text without dash, comment and blanks. `still_open`: the quotation mark and the
    brackets that are not closed. `raw`: its text with the comment.
    """

    number: int
    blanks: int
    inner: int
    code: str
    still_open: str
    raw: str


def _lines(text: str) -> Iterator[_Line]:
    """Yield the lines that are not blank; one that continues a list in brackets is part of it."""
    line: _Line | None = None
    for number, raw in enumerate(text.split("\n"), 1):
        body = raw.strip()
        if not body or body.startswith("#"):
            continue
        blanks = len(raw) - len(raw.lstrip(" "))
        keyed = _KEY.match(body.removeprefix("- "))  # also a line deeper in braces may be
        if line and line.still_open and (blanks > line.inner or not keyed):
            line = _line(line.number, line.blanks, f"{line.raw} {body}")
            continue
        if line:
            yield line
        line = _line(number, blanks, raw.lstrip(" ").rstrip())
    if line:
        yield line


def _line(number: int, blanks: int, raw: str) -> _Line:
    code, still_open = _scanned(raw)
    dash = re.match(r"-(\s+|$)", code)
    inner = len(dash[0]) if dash else 0
    return _Line(number, blanks, blanks + inner, code[inner:], still_open, raw)


def _scanned(text: str) -> tuple[str, str]:
    """Return a text without its comment, and the quotation mark and brackets it leaves open."""
    quote = brackets = ""
    starts = True  # whether a value may start here
    for at, char in enumerate(text):
        if quote:
            quote = "" if char == quote and text[at - 1] != "\\" else quote
        elif char == "#" and text[at - 1].isspace():
            return text[:at].rstrip(), brackets
        elif char in "\"'" and starts:
            quote = char
        elif char in "{[" and (starts or brackets):
            brackets += char
        elif char in "}]" and brackets and _CLOSING[brackets[-1]] == char:
            brackets = brackets[:-1]
        if not char.isspace():
            after = text[at + 1 : at + 2]
            starts = char in "{[,:" if brackets else char in ":-" and after.isspace()
    return text, quote + brackets


# --- what a line shows by itself ---


def _means_something(text: str) -> bool:
    """Return whether a placeholder without quotation marks has a heading that YAML reads."""
    opened = re.search(r"[{\[]", text)
    inside = _PLACEHOLDER.finditer(text, opened.start()) if opened else ()
    return bool(_HEADING.search(text)) or any(_CUT.match(match[1]) for match in inside)


def _by_itself(line: _Line) -> Iterator[str]:
    """Yield what is wrong with a line, whatever is around it."""
    value = _KEY.sub("", line.code, count=1)
    if line.raw.startswith("\t"):
        yield "it starts with a tab; indent with blanks"
    if any(text[:1] in set("*%@`&!") for text in (line.code, value)):
        yield (
            "put a value or a key that starts with `*`, `%`, `@`, `&`, `!` or a backtick in "
            'quotation marks, as in "*"'
        )
    if _means_something(line.raw):
        yield 'put a heading with `#`, `:`, `,` or a brace in quotation marks, as in "<Phone #>"'
    if line.still_open:
        sign = line.still_open[-1]
        what = "brace" if sign in _CLOSING else "quotation mark"
        yield f"the {what} `{sign}` is not closed; put `{_CLOSING.get(sign, sign)}` where it ends"
    if re.match(r"-[^\s\d-]", line.code):
        yield "a blank is missing after the dash"
    groups = _QUOTED.sub("x", value)
    while group := _GROUP.search(groups):
        if any(len(_COLON.findall(entry)) > 1 for entry in group[1].split(",")):
            yield "a comma is missing, or quotation marks around a value with a colon"
        groups = groups[: group.start()] + "x" + groups[group.end() :]
    if re.search(r"^x?[}\]]|x[}\]]", groups):
        yield "a bracket is closed that was not opened"
    if _COLON.search(groups) and _KEY.match(line.code):
        yield 'there is a second colon; put the value in quotation marks, as in "<Phone: home>"'


# --- what its correction shows ---

_NO_DASH = "a dash is missing"
_BESIDE = 3
_LINES_ABOVE = 40
"""How far above the line at which YAML stopped a slip is looked for."""


def _repaired(rows: list[str], lines: Sequence[_Line]) -> tuple[int, str] | None:
    """Return the line and the slip whose correction leaves the fewest errors and usual blanks."""
    best: tuple[tuple[int, ...], int, str] | None = None
    for at in reversed(range(max(0, len(lines) - _LINES_ABOVE), len(lines))):
        line = lines[at]
        if best and best[0][0] == 0 and best[1] - line.number > _BESIDE:
            break
        near = [*lines[max(0, at - 1) : at], *lines[at + 1 : at + 2]]
        level = all(
            (neighbor.blanks, neighbor.inner) == (line.blanks, line.inner) for neighbor in near
        )
        if level and len(near) == 2 and _KEY.match(line.code):
            continue
        for repaired, blanks, wrong in _repairs(line, near):
            text = " " * blanks + (repaired or rows[line.number - 1].lstrip())
            errors = _errors([*rows[: line.number - 1], text, *rows[line.number :]])
            if errors is not None:
                above = (above.blanks for above in lines[:at][::-1] if above.blanks < blanks)
                deeper = blanks - next(above, blanks)
                score = (errors, wrong == _NO_DASH, deeper not in {0, 2}, blanks)
                best = min(best or (score, line.number, wrong), (score, line.number, wrong))
    return best[1:] if best else None


def _repairs(line: _Line, near: Sequence[_Line]) -> Iterator[tuple[str, int, str]]:
    """Yield what a line between those `near` may have been, the blanks before it, and its slip."""
    dash, text, shift = line.raw[: line.inner - line.blanks], line.code, line.inner - line.blanks
    if glued := _GLUED.fullmatch(text):
        yield f"{dash}{glued[1]} {glued[2]}", line.blanks, "a blank is missing after the colon"
    if not _KEY.match(text):
        words = text.split(" ")
        for length in dict.fromkeys((1, len(words) - 1, len(words))):
            key, value = " ".join(words[:length]), " ".join(words[length:])
            yield f"{dash}{key}: {value}", line.blanks, "a colon is missing after the key"
    if not dash:
        for blanks in dict.fromkeys((line.blanks, max(0, line.blanks - 2))):
            yield f"- {text}", blanks, _NO_DASH
    usual = {neighbor.blanks for neighbor in near} | {neighbor.inner for neighbor in near}
    usual |= {count + more for count in usual for more in (2, -2)}
    for blanks in sorted(usual | {count - shift for count in usual}):
        if blanks >= 0 and blanks != line.blanks:
            has = f"it has {counted(line.blanks, 'blank')} before it"
            yield "", blanks, f"{has}, its neighbors {blanks}"


def _errors(rows: Sequence[str]) -> int | None:
    """Return how many errors a mapping has, None if YAML cannot read it."""
    try:
        values = YAML(typ="base", pure=True).load("\n".join(rows))
        if not isinstance(values, dict):
            return None
        MappingFile.model_validate(values)
    except ValidationError as error:
        return error.error_count()
    except (YAMLError, ValueError):
        return None
    return 0
