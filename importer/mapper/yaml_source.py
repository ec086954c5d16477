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
from importer.mapper.yaml_slips import find_slip

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


@dataclass(slots=True)
class Source:
    """A mapping file's values, with the line of every key and list item.

    `marks`: by the steps that lead to a value (`("record", "user_note", 0)`), its line. `absent`:
    the steps of keys with nothing after them, not even quotation marks.
    """

    values: dict[str, Plain]
    marks: dict[Steps, Mark]
    absent: set[Steps] = field(default_factory=set)

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
    name, line = (
        path.name.lstrip("."),
        1,
    )  # the page examines a text in a hidden file beside its own
    if len(content) > SIZE_LIMIT:
        wrong = (
            f"the file is larger than {SIZE_LIMIT // 1024} kB; "
            "put long lookups in a CSV file beside it"
        )
    elif content.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):  # .xlsx and .ods; .xls
        wrong = "this is a workbook, not a mapping; name the mapping's YAML file"
    else:
        try:
            return _Reader(name).read(content.decode("utf-8-sig"))
        except UnicodeDecodeError as error:
            line = content[: error.start].count(b"\n") + 1
            wrong = "a character that is not UTF-8; save the file as UTF-8"
    raise MappingError((f"{name}:{line}: {wrong}",))


_TAG = re.compile("tag:yaml.org,2002:(str|int|float|bool|null|timestamp|merge|value|map|seq)")
"""Tags that YAML gives by itself; whatever they mean, the value stays text."""


@dataclass(slots=True)
class _Reader:
    """Turns nodes into values and collects what is wrong on the way."""

    file: str
    findings: list[str] = field(default_factory=list)
    nodes: int = 0
    source: Source = field(default_factory=lambda: Source({}, {}))

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

    def _value(self, node: Node, steps: Steps, inside: tuple[Node, ...]) -> Plain:
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
                return self._block(node, steps, (*inside, node))
            case SequenceNode():
                for at, item in enumerate(node.value):
                    self._mark(item, (*steps, at))
                return [
                    self._value(item, (*steps, at), (*inside, node))
                    for at, item in enumerate(node.value)
                ]
            case _:
                if not node.value and not getattr(node, "style", None):
                    self.source.absent.add(steps)
                return str(node.value)

    def _block(self, node: MappingNode, steps: Steps, inside: tuple[Node, ...]) -> dict[str, Plain]:
        block: dict[str, Plain] = {}
        for key, item in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, ScalarNode):
                self._find(line, "a key must be a text; put quotation marks around a brace")
            elif key.value in block:
                first = self.source.marks[*steps, key.value].line
                self._find(line, f"{key.value}: the key appears twice, first on line {first}")
            else:
                here = (*steps, key.value)
                below = isinstance(item, ScalarNode) and item.value and not item.style
                self._mark(item if below else key, here)
                block[key.value] = self._value(item, here, inside)
        return block

    def _mark(self, node: Node, steps: Steps) -> None:
        self.source.marks[steps] = Mark(self.file, node.start_mark.line + 1)

    def _find(self, line: int, wrong: str) -> None:
        self.findings.append(f"{self.file}:{line}: {wrong}")

    def _stop(self, line: int, wrong: str) -> NoReturn:
        self._find(line, wrong)
        raise MappingError(tuple(self.findings)) from None


def _misread(text: str, line: int, error: str) -> tuple[int, str]:
    """Return the line of the slip, counted from 1, and what is wrong with it.

    `line`: where reading stopped, counted from 0.
    """
    lines = text.split("\n")
    number = min(line, len(lines) - 1)
    while number > 0 and not lines[number].strip():
        number -= 1
    if "single document" in error:
        return number + 1, "a second document starts here; keep one document in a file"
    slip = find_slip(text, number + 1)
    number, cause = slip or (number + 1, "check its blanks, colons and quotation marks")
    return number, f"the line cannot be read; {cause}"


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
