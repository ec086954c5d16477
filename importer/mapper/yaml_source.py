"""YAML in and out: a mapping file as text values that know their lines.

ruamel's `compose` gives the nodes. Nothing is guessed: every scalar is the text in the file
(`07030`, `NO`, `12:30`). Duplicate keys, tags, a second document and aliases that multiply are
findings.

YAML stops where the text makes no sense anymore, often lines after the slip. A line may show its
slip by itself. Otherwise the slip is the one whose correction makes the file the best mapping.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from importer.errors import MappingError
from importer.mapper.key_path import KeyPath
from importer.mapper.schema import MappingFile
from importer.model.people import HOME_REGION
from importer.model.text import counted

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


SIZE_LIMIT = 256 * 1024
"""Bytes of a mapping file; a long lookup belongs in a CSV file beside it."""
NODE_LIMIT = 20_000
"""Keys and values after every alias has been followed."""
DEPTH_LIMIT = 30

Plain = str | list["Plain"] | dict[str, "Plain"]
"""The values without their lines, as pydantic takes them."""

_IMPLIED = frozenset({"from", "is", "order"})
"""Keys that may be left out where they are alone: `dates: {order: mdy}` is `dates: mdy`."""

_USUAL = ({"name": "auto"}, {"phone": {"region": HOME_REGION}})
"""Keys with their usual value: `read: {name: auto}` is `read: name`."""


def shortest(value: Plain, *, own: bool = False) -> Plain:
    """Return a part of a rule in its shortest form: equal for all forms of the same meaning.

    A list of one is its item. `own`: the keys are a roster's headings or words, none of ours.
    """
    if isinstance(value, list):
        items = [shortest(item, own=own) for item in value]
        return items[0] if len(items) == 1 else items
    if isinstance(value, str):
        return value
    parts = {
        key: shortest(part, own=key in {"when", "any", "lookup"}) for key, part in value.items()
    }
    if own or len(parts) != 1:
        return parts
    [(name, part)] = parts.items()
    return part if name in _IMPLIED else name if parts in _USUAL else parts


@dataclass(slots=True)
class Source:
    """A mapping file's values, with the line of every key and list item.

    `lines`: by the path to a value, its line.
    """

    file: str
    values: dict[str, Plain]
    lines: dict[KeyPath, int]

    def value(self, at: KeyPath) -> Plain:
        """Return the value at this path, "" if there is none."""
        node: Plain = self.values
        for step in at:
            if isinstance(node, list):
                node = node[int(step)] if int(step) < len(node) else ""
            else:
                node = node.get(str(step), "") if isinstance(node, dict) else ""
        return node

    def locate(self, at: KeyPath) -> tuple[int, KeyPath]:
        """Return the line of the last key of a path that exists, and the path so far."""
        walked: KeyPath = ()
        for step in at:
            spellings = (step, str(step).replace("_", "-"))
            there = next((s for s in spellings if (*walked, s) in self.lines), None)
            if there is None:
                break
            walked = (*walked, there)
        return self.lines[walked], at[: len(walked)]

    def place(self, at: KeyPath) -> str:
        """Return the place of a value for a finding: `autumn.yaml:12: record.user_group`."""
        line, walked = self.locate(at)
        key = ""
        for step in walked or at[:1]:
            key += f"[{step}]" if isinstance(step, int) else f".{step}" if key else step
        return f"{self.file}:{line}: {key}"


def read(path: Path, content: bytes) -> Source:
    """Read the values of a mapping file. Raises MappingError with every finding."""
    name, line = path.name, 1
    if len(content) > SIZE_LIMIT:
        wrong = (
            f"the file is larger than {SIZE_LIMIT // 1024} kB; "
            "put long lookups in a CSV file beside it"
        )
    elif content.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):  # .xlsx and .ods; .xls
        wrong = "this is a workbook, not a mapping; name the mapping's YAML file"
    elif content.startswith(b"{\\rtf"):
        wrong = (
            "this is text with fonts (RTF), not plain text; save it as plain text "
            "(TextEdit: Format > Make Plain Text)"
        )
    else:
        try:
            return _Reader(Source(name, {}, {})).read(content.decode("utf-8-sig"))
        except UnicodeDecodeError as error:
            line = content[: error.start].count(b"\n") + 1
            wrong = "a character that is not UTF-8; save the file as UTF-8"
    raise MappingError((f"{name}:{line}: {wrong}",))


_TAG = re.compile("tag:yaml.org,2002:(str|int|float|bool|null|timestamp|merge|value|map|seq)")
"""Tags that YAML gives by itself; whatever they mean, the value stays text."""


@dataclass(slots=True)
class _Reader:
    """Turns nodes into values and collects what is wrong on the way."""

    source: Source
    findings: list[str] = field(default_factory=list)
    nodes: int = 0

    def read(self, text: str) -> Source:
        """Read the whole file. Raises MappingError with every finding."""
        try:
            root = YAML(typ="safe", pure=True).compose(text)
        except MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            self._stop(*_misread(text, mark.line if mark else 0, str(error)))
        except RecursionError:
            self._stop(1, "the keys are nested too deeply")
        except YAMLError:
            lines = enumerate(re.sub("[\t\r]", "", text).split("\n"), 1)
            line = next((n for n, row in lines if not row.isprintable()), 1)
            self._stop(line, "an invisible character; type the line again")
        if not isinstance(root, MappingNode):
            self._stop(1, "the file has no keys, such as `version: 1`")
        self._mark(root, ())
        self.source.values = self._block(root, (), (root,))
        if self.findings:
            raise MappingError(tuple(self.findings))
        return self.source

    def _value(self, node: Node, path: KeyPath, inside: tuple[Node, ...]) -> Plain:
        """The value of a node; `inside` are the nodes that contain it."""
        line = node.start_mark.line + 1
        if not _TAG.fullmatch(str(node.tag)):
            self._find(line, f"the tag `{node.tag}` is not allowed; every value is text")
        if any(node is outer for outer in inside):
            self._stop(line, f"`*{node.anchor}` contains itself")
        if len(inside) > DEPTH_LIMIT:
            self._stop(line, "the keys are nested too deeply")
        self.nodes += 1
        if self.nodes > NODE_LIMIT:
            self._stop(line, f"more than {NODE_LIMIT:,} values; aliases multiply what they name")
        match node:
            case MappingNode():
                return self._block(node, path, (*inside, node))
            case SequenceNode():
                for at, item in enumerate(node.value):
                    self._mark(item, (*path, at))
                return [
                    self._value(item, (*path, at), (*inside, node))
                    for at, item in enumerate(node.value)
                ]
            case _:
                return str(node.value)

    def _block(self, node: MappingNode, at: KeyPath, inside: tuple[Node, ...]) -> dict[str, Plain]:
        block: dict[str, Plain] = {}
        for key, item in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, ScalarNode):
                self._find(line, "a key must be a text; put quotation marks around a brace")
            elif key.value in block:
                first = self.source.lines[*at, key.value]
                self._find(line, f"{key.value}: the key appears twice, first on line {first}")
            else:
                here = (*at, key.value)
                below = isinstance(item, ScalarNode) and item.value and not item.style
                self._mark(item if below else key, here)
                block[key.value] = self._value(item, here, inside)
        return block

    def _mark(self, node: Node, at: KeyPath) -> None:
        self.source.lines[at] = node.start_mark.line + 1

    def _find(self, line: int, wrong: str) -> None:
        self.findings.append(f"{self.source.file}:{line}: {wrong}")

    def _stop(self, line: int, wrong: str) -> NoReturn:
        self._find(line, wrong)
        raise MappingError(tuple(self.findings)) from None


def _misread(text: str, stopped: int, error: str) -> tuple[int, str]:
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


# --- texts as YAML, for the mappings that the importer writes ---

_PLAIN_TEXT = re.compile(
    r"[A-Za-z0-9]([A-Za-z0-9 _./+()&'-]*[A-Za-z0-9.)])?|<[@A-Za-z0-9][A-Za-z0-9 _./+&'()-]*>"
)


def scalar(text: str) -> str:
    """Return the text as one YAML value or key, in quotation marks if it needs them."""
    if _PLAIN_TEXT.fullmatch(text):
        return text
    quoted = json.dumps(text, ensure_ascii=False)
    return "".join(char if char.isprintable() else f"\\U{ord(char):08X}" for char in quoted)


def comment(text: str) -> str:
    """Return the text for a comment: on one line, without invisible characters."""
    return "".join(char if char.isprintable() else " " for char in text)


def cell(heading: str) -> str:
    """Return the placeholder of a heading as YAML."""
    return scalar(f"<{heading}>")


def constant(text: str) -> str:
    """Return a constant as YAML; a plain `<` is written `<<`."""
    return scalar(text.replace("<", "<<"))
