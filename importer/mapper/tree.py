"""YAML as a tree of text that knows its lines.

Nothing is guessed: every scalar is the text that stands there (`07030`, `NO`, `12:30`). A key
given twice, a tag, a second document and what grows without bounds are findings.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from importer.errors import MappingError
from importer.mapper.syntax import misreading

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ruamel.yaml.events import Event, NodeEvent

SIZE_LIMIT = 256 * 1024
"""Bytes of a mapping file; a long lookup belongs into a CSV file beside it."""
NODE_LIMIT = 20_000
"""Keys and values after every alias has been followed."""
DEPTH_LIMIT = 30

Plain = str | list["Plain"] | dict[str, "Plain"]
"""A tree without its lines, as pydantic takes it."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A line of a file."""

    file: str
    line: int

    def __str__(self) -> str:
        """For a finding: `autumn.yaml:12`."""
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True)
class Text:
    """A scalar. `absent`: nothing at all stands after the key, not even quotation marks."""

    mark: Mark
    text: str
    absent: bool = False
    weight: int = 1


@dataclass(slots=True)
class Sequence:
    """A list."""

    mark: Mark
    items: list[Node] = field(default_factory=list)
    weight: int = 1


@dataclass(slots=True)
class Block:
    """Keys and their values; `keys` are the places of the keys."""

    mark: Mark
    items: dict[str, Node] = field(default_factory=dict)
    keys: dict[str, Mark] = field(default_factory=dict)
    weight: int = 1


Node = Text | Sequence | Block


def plain(node: Node) -> Plain:
    """The tree without its lines."""
    match node:
        case Text(text=text):
            return text
        case Sequence(items=items):
            return [plain(item) for item in items]
        case Block(items=items):
            return {key: plain(item) for key, item in items.items()}


def locate(node: Node, steps: tuple[str | int, ...]) -> tuple[Mark, tuple[str | int, ...]]:
    """The line of what the steps lead to, or of the last that is there, and the steps so far."""
    mark, walked = node.mark, 0
    for step in steps:
        match node:
            case Block() if (key := _spelling(node, step)) is not None:
                mark, node = node.keys[key], node.items[key]
            case Sequence(items=items) if isinstance(step, int) and step < len(items):
                node = items[step]
                mark = node.mark
            case _:
                break
        walked += 1
    return mark, steps[:walked]


def _spelling(block: Block, step: str | int) -> str | None:
    spellings = (str(step), str(step).replace("_", "-"))
    return next((text for text in spellings if text in block.items), None)


def read(path: Path, content: bytes) -> Block:
    """The tree of a mapping file. Raises MappingError with every finding."""
    if len(content) > SIZE_LIMIT:
        msg = (
            f"{path.name}:1: the file is larger than {SIZE_LIMIT // 1024} kB; "
            "put long lookups into a CSV file beside it"
        )
        raise MappingError((msg,))
    if content.startswith(_WORKBOOKS):
        msg = f"{path.name}:1: this is a workbook, not a mapping; name the mapping's YAML file"
        raise MappingError((msg,))
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        msg = f"{path.name}:{line}: a letter that is not UTF-8; save the file as UTF-8"
        raise MappingError((msg,)) from None
    return _Builder(path.name).build(text)


_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
"""How .xlsx and .ods, and .xls, begin."""


class _Builder:
    """Builds the tree from ruamel's events and collects what is wrong on the way."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.findings: list[str] = []
        self.anchors: dict[str, Node] = {}
        self.open_anchors: set[str] = set()

    def build(self, text: str) -> Block:
        from ruamel.yaml import YAML
        from ruamel.yaml.error import MarkedYAMLError, YAMLError

        try:
            events = iter(YAML(typ="safe", pure=True).parse(text))
            root = self._documents(events)
        except MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            self.findings.append(misreading(self.file, text, mark.line if mark else 0))
            raise MappingError(tuple(self.findings)) from None
        except YAMLError:
            line = next((n for n, row in enumerate(text.split("\n"), 1) if _unseen(row)), 1)
            msg = f"{self.file}:{line}: a character that cannot be seen; type the line anew"
            raise MappingError((msg,)) from None
        if not self.findings and not isinstance(root, Block):
            self.findings.append(f"{self.file}:1: the file has no keys, such as `version: 1`")
        if self.findings or not isinstance(root, Block):
            raise MappingError(tuple(self.findings))
        return root

    def _documents(self, events: Iterator[Event]) -> Node | None:
        from ruamel.yaml import events as kinds

        root: Node | None = None
        for event in events:
            if isinstance(event, kinds.NodeEvent):
                if root is not None:
                    self._find(event, "a second document starts here; keep one in a file")
                    break
                root = self._node(event, events, 0)
        return root

    def _node(self, event: NodeEvent, events: Iterator[Event], depth: int) -> Node:
        from ruamel.yaml import events as kinds

        mark = Mark(self.file, event.start_mark.line + 1)
        if depth > DEPTH_LIMIT:
            self._stop(mark, "the keys are nested too deeply")
        if event.anchor and not isinstance(event, kinds.AliasEvent):
            self.open_anchors.add(event.anchor)
        node: Node
        match event:
            case kinds.AliasEvent():
                return self._alias(event.anchor, mark)
            case kinds.ScalarEvent():
                self._refuse_tag(event, event.tag)
                node = Text(mark, event.value, absent=not event.value and not event.style)
            case kinds.SequenceStartEvent():
                self._refuse_tag(event, event.tag)
                node = self._sequence(mark, events, depth)
            case _:
                self._refuse_tag(event, getattr(event, "tag", None))
                node = self._block(mark, events, depth)
        if event.anchor:
            self.anchors[event.anchor] = node
            self.open_anchors.discard(event.anchor)
        return node

    def _refuse_tag(self, event: Event, tag: str | None) -> None:
        if tag is not None and tag != "!":
            self._find(event, f"the tag `{tag}` is not allowed; every value is text")

    def _alias(self, anchor: str, mark: Mark) -> Node:
        if anchor in self.open_anchors:
            self._stop(mark, f"`*{anchor}` stands inside itself")
        if anchor not in self.anchors:
            wrong = f"`*{anchor}` is named nowhere above as `&{anchor}`"
            self._stop(mark, f'{wrong}; a `*` that is meant stands in quotation marks, as in "*"')
        return self.anchors[anchor]

    def _sequence(self, mark: Mark, events: Iterator[Event], depth: int) -> Sequence:
        sequence = Sequence(mark)
        for event in _nodes(events):
            item = self._node(event, events, depth + 1)
            sequence.items.append(item)
            sequence.weight = self._weigh(sequence.weight + item.weight, mark)
        return sequence

    def _block(self, mark: Mark, events: Iterator[Event], depth: int) -> Block:
        block = Block(mark)
        inside = _nodes(events)
        for event in inside:
            key = self._node(event, events, depth + 1)
            item = self._node(next(inside), events, depth + 1)
            block.weight = self._weigh(block.weight + item.weight + 1, mark)
            if not isinstance(key, Text):
                self._find(event, "a key must be a text; put quotation marks around a brace")
            elif key.text in block.items:
                first = block.keys[key.text].line
                self._find(event, f"the key is given twice, first on line {first}", key.text)
            else:
                block.items[key.text] = item
                block.keys[key.text] = key.mark
        return block

    def _weigh(self, weight: int, mark: Mark) -> int:
        if weight > NODE_LIMIT:
            self._stop(mark, f"more than {NODE_LIMIT:,} values; aliases multiply what they name")
        return weight

    def _find(self, event: Event, wrong: str, key: str = "") -> None:
        place = f"{self.file}:{event.start_mark.line + 1}"
        self.findings.append(f"{place}: {key}: {wrong}" if key else f"{place}: {wrong}")

    def _stop(self, mark: Mark, wrong: str) -> None:
        self.findings.append(f"{mark}: {wrong}")
        raise MappingError(tuple(self.findings))


def _nodes(events: Iterator[Event]) -> Iterator[NodeEvent]:
    """What stands inside a list or below a key, up to its end."""
    from ruamel.yaml import events as kinds

    for event in events:
        if not isinstance(event, kinds.NodeEvent):
            return
        yield event


def _unseen(line: str) -> bool:
    return any(not char.isprintable() and char != "\t" for char in line.rstrip("\r"))
