"""YAML in and out: a mapping file as text values that know their lines.

ruamel's `compose` gives the nodes. Nothing is guessed: every scalar is the text in the file
(`07030`, `NO`, `12:30`). Duplicate keys, tags, a second document and aliases that multiply are
findings.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from importer.errors import MappingError

SIZE_LIMIT = 256 * 1024
"""Bytes of a mapping file; a long lookup belongs in a CSV file beside it."""
NODE_LIMIT = 20_000
"""Keys and values after every alias has been followed."""
DEPTH_LIMIT = 30

Plain = str | list["Plain"] | dict[str, "Plain"]
"""The values without their lines, as pydantic takes them."""

Steps = tuple[str | int, ...]
"""The keys and list positions that lead to a value: `("record", "user_note", 0)`."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A line of a file."""

    file: str
    line: int

    def __str__(self) -> str:
        """For a finding: `autumn.yaml:12`."""
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True)
class Source:
    """A mapping file's values, with the line of every key and list item.

    `marks`: by the steps that lead to a value (`("record", "user_note", 0)`), its line. `absent`:
    the steps of keys with nothing after them, not even quotation marks.
    """

    values: dict[str, Plain]
    marks: dict[Steps, Mark]
    absent: frozenset[Steps] = frozenset()

    def locate(self, steps: Steps) -> tuple[Mark, Steps]:
        """Return the line of the last of the steps that exists, and the steps so far."""
        walked: Steps = ()
        for step in steps:
            spellings = (step, str(step).replace("_", "-"))
            found = next((s for s in spellings if (*walked, s) in self.marks), None)
            if found is None:
                break
            walked = (*walked, found)
        return self.marks[walked], steps[: len(walked)]

    def place(self, steps: Steps) -> str:
        """Return the place of a value for a finding: `autumn.yaml:12: record.user_group`."""
        mark, walked = self.locate(steps)
        key = ""
        for step in walked or steps[:1]:
            key += f"[{step}]" if isinstance(step, int) else f".{step}" if key else step
        return f"{mark}: {key}"


def read(path: Path, content: bytes) -> Source:
    """Read the values of a mapping file. Raises MappingError with every finding."""
    if len(content) > SIZE_LIMIT:
        msg = (
            f"{path.name}:1: the file is larger than {SIZE_LIMIT // 1024} kB; "
            "put long lookups in a CSV file beside it"
        )
        raise MappingError((msg,))
    if content.startswith(_WORKBOOKS):
        msg = f"{path.name}:1: this is a workbook, not a mapping; name the mapping's YAML file"
        raise MappingError((msg,))
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        msg = f"{path.name}:{line}: a character that is not UTF-8; save the file as UTF-8"
        raise MappingError((msg,)) from None
    return _Reader(path.name).read(_root(path.name, text))


_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
"""The first bytes of .xlsx and .ods, and of .xls."""


def _root(file: str, text: str) -> MappingNode:
    """The root node of a YAML text. Raises MappingError."""
    try:
        root = YAML(typ="safe", pure=True).compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        msg = _misreading(file, text, mark.line if mark else 0, str(error))
    except RecursionError:
        msg = f"{file}:1: the keys are nested too deeply"
    except YAMLError:
        line = next((n for n, row in enumerate(text.split("\n"), 1) if _unseen(row)), 1)
        msg = f"{file}:{line}: an invisible character; type the line again"
    else:
        if isinstance(root, MappingNode):
            return root
        msg = f"{file}:1: the file has no keys, such as `version: 1`"
    raise MappingError((msg,))


def _unseen(line: str) -> bool:
    return any(not char.isprintable() and char != "\t" for char in line.rstrip("\r"))


_PREFIX = "tag:yaml.org,2002:"
_PLAIN_TAGS = frozenset(
    f"{_PREFIX}{name}"
    for name in ("str", "int", "float", "bool", "null", "timestamp", "merge", "value", "map", "seq")
)
"""Tags that YAML gives by itself; whatever they mean, the value stays text."""


@dataclass(slots=True)
class _Reader:
    """Turns nodes into values and collects what is wrong on the way."""

    file: str
    findings: list[str] = field(default_factory=list)
    marks: dict[Steps, Mark] = field(default_factory=dict)
    absent: set[Steps] = field(default_factory=set)
    nodes: int = 0

    def read(self, root: MappingNode) -> Source:
        """Read the whole file. Raises MappingError with every finding."""
        self.marks[()] = self._mark(root)
        values = self._block(root, (), (root,))
        if self.findings:
            raise MappingError(tuple(self.findings))
        return Source(values, self.marks, frozenset(self.absent))

    def _value(self, node: Node, steps: Steps, inside: tuple[Node, ...]) -> Plain:
        """The value of a node; `inside` are the nodes that contain it."""
        if node.tag not in _PLAIN_TAGS:
            self._find(node, f"the tag `{node.tag}` is not allowed; every value is text")
        if any(node is outer for outer in inside):
            self._stop(node, f"`*{node.anchor}` contains itself")
        if len(inside) > DEPTH_LIMIT:
            self._stop(node, "the keys are nested too deeply")
        self.nodes += 1
        if self.nodes > NODE_LIMIT:
            self._stop(node, f"more than {NODE_LIMIT:,} values; aliases multiply what they name")
        match node:
            case MappingNode():
                return self._block(node, steps, (*inside, node))
            case SequenceNode():
                items: list[Plain] = []
                for at, item in enumerate(node.value):
                    self.marks[*steps, at] = self._mark(item)
                    items.append(self._value(item, (*steps, at), (*inside, node)))
                return items
            case _:
                if not node.value and not getattr(node, "style", None):
                    self.absent.add(steps)
                return str(node.value)

    def _block(self, node: MappingNode, steps: Steps, inside: tuple[Node, ...]) -> dict[str, Plain]:
        block: dict[str, Plain] = {}
        for key, item in node.value:
            here = (*steps, key.value) if isinstance(key, ScalarNode) else steps
            if not isinstance(key, ScalarNode):
                self._find(key, "a key must be a text; put quotation marks around a brace")
            elif key.value in block:
                first = self.marks[here].line
                self._find(key, f"{key.value}: the key appears twice, first on line {first}")
            else:
                self.marks[here] = self._mark(key)
                block[key.value] = ""
                block[key.value] = self._value(item, here, inside)
        return block

    def _mark(self, node: Node) -> Mark:
        return Mark(self.file, node.start_mark.line + 1)

    def _find(self, node: Node, wrong: str) -> None:
        self.findings.append(f"{self._mark(node)}: {wrong}")

    def _stop(self, node: Node, wrong: str) -> NoReturn:
        self._find(node, wrong)
        raise MappingError(tuple(self.findings))


# --- what is wrong where YAML's own rules are broken, judged by the text of the line ---

_SPECIAL = re.compile(r"\s*(?:- )?(?:[^\s:\"']+:\s+)?[*%@`&!]")
"""A line whose key or value starts with a character that means something to YAML."""


def _misreading(file: str, text: str, line: int, error: str) -> str:
    """A finding about the line, counted from 0, at which reading stopped."""
    lines = text.split("\n")
    number = min(line, len(lines) - 1)
    while number > 0 and not lines[number].strip():
        number -= 1
    above = lines[number - 1] if number else ""
    if "single document" in error:
        wrong = "a second document starts here; keep one document in a file"
    else:
        wrong = f"the line cannot be read; {_cause(lines[number], above, text)}"
    return f"{file}:{number + 1}: {wrong}"


def _cause(line: str, above: str, text: str) -> str:
    if "\t" in line[: _indent(line)]:
        return "it starts with a tab; indent with blanks"
    if _SPECIAL.match(line):
        return (
            "put a value or a key that starts with `*`, `%`, `@`, `&`, `!` or a backtick in "
            'quotation marks, as in "*"'
        )
    if "<" in line and (line.count(":") > 1 or any(char in line for char in "{}[],#")):
        return 'put a heading with `#`, `:`, `,` or a brace in quotation marks, as in "<Phone #>"'
    if text.count('"') % 2 or text.count("'") % 2:
        return "a quotation mark may not be closed"
    if ":" in above and not above.rstrip().endswith(":") and _indent(line) > _indent(above):
        return "it is indented further than the line above allows"
    return "check its blanks, colons and quotation marks"


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


# --- texts as YAML, for the mappings that the importer writes ---

_PLAIN_TEXT = re.compile(r"[A-Za-z0-9][A-Za-z0-9 _./+()&'-]*[A-Za-z0-9.)]|[A-Za-z0-9]")
_PLAIN_CELL = re.compile(r"<[@A-Za-z0-9][A-Za-z0-9 _./+&'()-]*>")


def scalar(text: str) -> str:
    """Return the text as one YAML value or key, in quotation marks if it needs them."""
    if _PLAIN_TEXT.fullmatch(text) or _PLAIN_CELL.fullmatch(text):
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
