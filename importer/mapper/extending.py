"""`extends:`: another mapping of which parts are overridden."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from importer.errors import MappingError, UnreadableFileError
from importer.mapper.tree import SIZE_LIMIT, Block, Mark, Node, Text, read
from importer.model.files import read_bounded

if TYPE_CHECKING:
    from pathlib import Path

DEPTH_LIMIT = 5
"""How many mappings may stand above one another."""


@dataclass(frozen=True, slots=True)
class Extended:
    """A mapping's tree with what it extends, and the bytes of every file that was read."""

    tree: Block
    contents: tuple[bytes, ...]


def read_extended(path: Path, seen: tuple[Path, ...] = ()) -> Extended:
    """The tree of a mapping file, laid over the one that it extends.

    Raises MappingError with every finding of the file that cannot be read.
    """
    content = _content(path)
    tree = read(path, content)
    above = tree.items.pop("extends", None)
    mark = tree.keys.pop("extends", tree.mark)
    if above is None:
        return Extended(tree, (content,))
    base = _base(above, mark, path, (*seen, path.resolve()))
    below = read_extended(base, (*seen, path.resolve()))
    return Extended(_laid_over(tree, below.tree, ()), (content, *below.contents))


def _content(path: Path) -> bytes:
    try:
        return read_bounded(path, SIZE_LIMIT)
    except UnreadableFileError as error:
        raise MappingError((str(error),)) from None


def _base(above: Node, mark: Mark, path: Path, seen: tuple[Path, ...]) -> Path:
    wrong = ""
    base = path.parent / (above.text if isinstance(above, Text) else "")
    if not isinstance(above, Text) or not above.text or not above.text.isprintable():
        wrong = "must be the name of one other mapping file"
    elif base.suffix.lower() not in {".yaml", ".yml"} or base.name.startswith("."):
        wrong = f"`{above.text}` is not the name of a mapping, such as community.yaml"
    elif not os.path.isfile(base):  # noqa: PTH113  is_file raises for a path that is too long
        wrong = f"`{above.text}` does not exist"
    elif base.resolve() in seen:
        wrong = f"`{above.text}` extends this mapping in turn"
    elif len(seen) >= DEPTH_LIMIT:
        wrong = f"more than {DEPTH_LIMIT} mappings stand above one another"
    if wrong:
        raise MappingError((f"{mark}: extends: {wrong}",))
    return base


def _laid_over(top: Block, base: Block, steps: tuple[str, ...]) -> Block:
    """The base with the top's keys in their stead; a key with nothing behind it takes one away."""
    merged = Block(top.mark, dict(base.items), dict(base.keys))
    for key, node in top.items.items():
        under = merged.items.get(key)
        if isinstance(node, Text) and node.absent and under is not None:
            del merged.items[key], merged.keys[key]
            continue
        here = (*steps, key)
        if isinstance(node, Block) and isinstance(under, Block) and _merges(here):
            node = _laid_over(node, under, here)  # noqa: PLW2901  laid over what it extends
        merged.items[key], merged.keys[key] = node, top.keys[key]
    return merged


def _merges(steps: tuple[str, ...]) -> bool:
    """Are the keys here merged one by one? A rule, and an `ids` rule, is replaced whole."""
    if steps[0] == "record":
        return steps in {("record",), ("record", "contact_info")}
    return steps[0] != "owning_system" and not (steps[0] == "ids" and len(steps) > 1)
