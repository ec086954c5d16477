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
from typing import NoReturn, Self

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from importer.errors import MappingError
from importer.mapper.key_path import KeyPath
from importer.mapper.slips import misread
from importer.model.people import HOME_REGION

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


class PlacedFinding(str):
    """A finding as a line of text, `autumn.yaml:12: record.user_group: …`, which has its parts.

    `lacking`: as of a `MappingFinding`.
    """

    line: int
    at: KeyPath
    wrong: str
    lacking: bool

    @classmethod
    def of(cls, file: str, line: int, wrong: str, at: KeyPath = ()) -> Self:
        """Return what is wrong in a line, with the key, where that is known."""
        made = cls(": ".join(filter(None, (f"{file}:{line}", key_text(at), wrong))))
        made.line, made.at, made.wrong, made.lacking = line, at, wrong, False
        return made


def key_text(at: KeyPath) -> str:
    """Return a path as findings write it: `match.by[0]`."""
    steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in at)
    return "".join(steps).removeprefix(".")


@dataclass(slots=True)
class YamlSource:
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
        return f"{self.file}:{line}: {key_text(walked or at[:1])}"

    def finding(self, at: KeyPath, wrong: str, *, lacking: bool = False) -> PlacedFinding:
        """Return what is wrong at this path."""
        line, walked = self.locate(at)
        made = PlacedFinding.of(self.file, line, wrong, walked or at[:1])
        made.at, made.lacking = at, lacking
        return made


def read(path: Path, content: bytes) -> YamlSource:
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
            return _Reader(YamlSource(name, {}, {})).read(content.decode("utf-8-sig"))
        except UnicodeDecodeError as error:
            line = content[: error.start].count(b"\n") + 1
            wrong = "a character that is not UTF-8; save the file as UTF-8"
    raise MappingError((PlacedFinding.of(name, line, wrong),))


_TAG = re.compile("tag:yaml.org,2002:(str|int|float|bool|null|timestamp|merge|value|map|seq)")
"""Tags that YAML gives by itself; whatever they mean, the value stays text."""


@dataclass(slots=True)
class _Reader:
    """Turns nodes into values and collects what is wrong on the way."""

    source: YamlSource
    findings: list[str] = field(default_factory=list)
    nodes: int = 0

    def read(self, text: str) -> YamlSource:
        """Read the whole file. Raises MappingError with every finding."""
        try:
            root = YAML(typ="safe", pure=True).compose(text)
        except MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            self._stop(*misread(text, mark.line if mark else 0, str(error)))
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
        self.findings.append(PlacedFinding.of(self.source.file, line, wrong))

    def _stop(self, line: int, wrong: str) -> NoReturn:
        self._find(line, wrong)
        raise MappingError(tuple(self.findings)) from None


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
