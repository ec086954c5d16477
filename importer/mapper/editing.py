"""Change the text of a mapping in small edits, as the local page does.

Each edit takes the text and returns the new one. Only the lines of the changed key differ; all
others, comments included, stay byte for byte. `at` leads to a value. Each edit raises
NotEditableError.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from importer.errors import UsageError
from importer.mapper.key_path import KeyPath
from importer.mapper.keys import POLICIES
from importer.mapper.placeholders import heading_key, is_nameable
from importer.mapper.yaml_source import cell, scalar

_INDENT = 2

_MARK = re.compile(r"(?<![ \t])[ \t]++# (?:guess|to do)\b[^\n]*")
"""The comment of a first mapping at the end of a line that nobody has looked at yet."""


class NotEditableError(UsageError):
    """The value is written in a way that only a person can change, in the text."""


def set_column(text: str, at: KeyPath, heading: str) -> str:
    """Let a field take this column. Of a rule, only its `from` changes; a mark as a guess goes."""
    root = _root(text)
    node = _find(root, at)
    if isinstance(node, MappingNode):
        if (node := _find(node, ("from",))) is None:
            raise _refusal(at)  # it has `cases`
        at = (*at, "from")
    if node is not None and not _is_plain(node):
        raise _refusal(at)
    return set_value(text, at, column(heading))


def column(heading: str) -> str:
    """Return the placeholder of a column as YAML, if it can be named."""
    if is_nameable(heading):
        return cell(heading)
    msg = (
        f"“{heading}” contains < or >, or begins with @ or $. Rename the column in the file, or "
        "give it another name under `headings:` in the mapping's text."
    )
    raise NotEditableError(msg)


def is_marked(line: str) -> bool:
    """Return whether a line is marked as a guess, or as still to do."""
    return _MARK.search(line) is not None


def clear_field(text: str, at: KeyPath) -> str:
    """Remove a key or an entry of a list, and what contains nothing else, but for `record`."""
    root = _root(text)
    if _find(root, at) is None:
        return text
    while len(at) > 1 and at[:-1] != ("record",):
        parent = _find(root, at[:-1])
        if not isinstance(parent, MappingNode | SequenceNode) or len(parent.value) > 1:
            break
        at = at[:-1]
    return _delete(text, root, at)


def has(text: str, at: KeyPath) -> bool:
    """Return whether the text has a value at this path."""
    return _find(_root(text), at) is not None


def add_entry(text: str, kind: KeyPath, fields: Sequence[tuple[str, str]]) -> str:
    """Add an entry to a list of the record: `kind` leads to the list, values are YAML."""
    entry = ", ".join(f"{name}: {_in_braces(value)}" for name, value in fields)
    line = f"- {{{entry}}}"
    root = _root(text)
    node = _find(root, kind)
    if node is None:
        return _insert(text, kind, f"\n{{indent}}{line}")
    if not isinstance(node, SequenceNode) or node.flow_style or not node.value:
        raise _refusal(kind)
    at = _line_end(text, _content_end(text, node))
    indent = " " * node.start_mark.column
    return f"{text[:at]}\n{indent}{line}{text[at:]}"


def set_code(text: str, table: str, word: str, code: str) -> str:
    """Give a word of the roster its code in a lookup of the mapping, which is made if needed."""
    node = _find(_root(text), ("lookups", table))
    if node is not None and not isinstance(node, MappingNode):
        raise _refusal(("lookups", table))
    wanted = heading_key(word)
    keys = [key.value for key, _ in node.value] if node is not None else []
    if "file" in keys:
        msg = f"The codes of `{table}` are in a CSV file. Change them there."
        raise NotEditableError(msg)
    known = next((key for key in keys if heading_key(key) == wanted), word)
    return set_value(text, ("lookups", table, known), scalar(code))


def set_key(text: str, at: KeyPath, key: str, value: str) -> str:
    """Give the rule of a field a key with this YAML value."""
    node = _find(_root(text), at)
    if isinstance(node, MappingNode):
        return set_value(text, (*at, key), value)
    if not isinstance(node, ScalarNode) or not _is_plain(node):
        raise _refusal(at)
    before, after = _around(text, at, node)
    written = text[len(before) : len(text) - len(after)] if node.style else node.value
    return f"{before}{{from: {_in_braces(written)}, {key}: {_in_braces(value)}}}{after}"


def set_value(text: str, at: KeyPath, value: str) -> str:
    """Write a YAML value in place of another; of a block, the comments go as well."""
    root = _root(text)
    node = _find(root, at)
    if node is None:
        return _insert(text, at, f" {value}")
    before, after = _around(text, at, node)
    if _is_plain(node):  # without the mark as a guess behind the value
        line, newline, rest = after.partition("\n")
        after = f"{_MARK.sub('', line)}{newline}{rest}"
    inside = any(_is_flow(_find(root, at[:end])) for end in range(len(at)))
    return f"{before}{_in_braces(value) if inside else value}{after}"


def set_rule(text: str, at: KeyPath, keys: Mapping[str, str]) -> str:
    """Write the keys of a rule with their YAML values; its others go, but for its policies.

    A rule of nothing but `from` becomes a plain value.
    """
    node = _find(_root(text), at)
    if not isinstance(node, MappingNode):
        plain = keys["from"] if [*keys] == ["from"] else ""
        inside = ", ".join(f"{key}: {_in_braces(value)}" for key, value in keys.items())
        return set_value(text, at, plain or f"{{{inside}}}")
    written = [str(key.value) for key, _ in node.value]
    for key, value in keys.items():
        text = set_value(text, (*at, key), value)
    for key in written:
        if key not in keys and key not in POLICIES:
            text = clear_field(text, (*at, key))
    return text


def set_unused(text: str, headings: Sequence[str]) -> str:
    """List the columns that no rule uses on purpose."""
    if not headings:
        return clear_field(text, ("roster", "unused"))
    value = f"[{', '.join(_in_braces(scalar(heading)) for heading in headings)}]"
    return set_value(text, ("roster", "unused"), value)


# the text of a node


def _root(text: str) -> MappingNode:
    try:
        root = YAML(typ="safe", pure=True).compose(text)
    except (YAMLError, RecursionError):
        root = None
    if not isinstance(root, MappingNode):
        msg = "The mapping's text cannot be read. Correct it first."
        raise NotEditableError(msg)
    return root


def _refusal(at: KeyPath) -> NotEditableError:
    where = ".".join(map(str, at))
    return NotEditableError(f"`{where}` can only be changed in the mapping's text.")


def _find(node: Node | None, path: KeyPath) -> Node | None:
    for at, step in enumerate(path):
        match node:
            case MappingNode():
                node = next((item for key, item in node.value if key.value == step), None)
            case SequenceNode():
                inside = isinstance(step, int) and step < len(node.value)
                node = node.value[step] if inside else None
            case _:
                node = None
        if node is not None and node.anchor:
            raise _refusal(path[: at + 1])
    return node


def _around(text: str, at: KeyPath, node: Node) -> tuple[str, str]:
    """Return what is before and behind a value; a blank or a block begins behind the colon."""
    start, end = node.start_mark.index, _content_end(text, node)
    if node.start_mark.index < node.end_mark.index and (_is_plain(node) or _is_flow(node)):
        return text[:start], text[end:]
    parent = _find(_root(text), at[:-1])
    if not isinstance(parent, MappingNode):
        raise _refusal(at)
    key = next(key for key, _ in parent.value if key.value == at[-1])
    behind = text.index(":", key.end_mark.index) + 1
    if _is_plain(node):
        return f"{text[:behind]} ", text[behind:]
    if text[behind:start].strip():  # a comment
        raise _refusal(at)
    return f"{text[:behind]} ", text[end:]


def _in_braces(value: str) -> str:
    """Return a YAML value for inside braces, where more needs quotation marks."""
    is_text = value[:1] not in {'"', "'", "[", "{"}
    return scalar(value) if is_text and any(char in value for char in ",[]{}") else value


def _is_plain(node: Node) -> bool:
    return isinstance(node, ScalarNode) and node.style not in {"|", ">"}


def _is_flow(node: Node | None) -> bool:
    return isinstance(node, MappingNode | SequenceNode) and bool(node.flow_style)


def _insert(text: str, path: KeyPath, value: str) -> str:
    """Add a key at the end of its parent, with the keys that lead to it. `value` follows the colon.

    `{indent}` in it becomes the indentation below the key.
    """
    root = _root(text)
    depth = max(end for end in range(len(path)) if _find(root, path[:end]) is not None)
    parent, missing = _find(root, path[:depth]), path[depth:]
    if not isinstance(parent, MappingNode) or not all(isinstance(step, str) for step in missing):
        raise _refusal(path)
    keys = [scalar(str(step)) for step in missing]
    if parent.flow_style:
        last = parent.value[-1][1] if parent.value else None
        if len(keys) > 1 or "\n" in value or (last is not None and last.anchor):
            raise _refusal(path)
        at, comma = (last.end_mark.index, ", ") if last else (parent.start_mark.index + 1, "")
        inside = _in_braces(value.strip())
        return f"{text[:at].rstrip()}{comma}{keys[0]}: {inside}{text[at:]}"
    column = parent.start_mark.column if parent.value else 0
    at = _line_end(text, _content_end(text, parent))
    lines = [f"{' ' * (column + _INDENT * level)}{key}:" for level, key in enumerate(keys)]
    lines[-1] += value.replace("{indent}", " " * (column + _INDENT * len(keys)), 1)
    return f"{text[:at]}\n{chr(10).join(lines)}{text[at:] or chr(10)}"


def _delete(text: str, root: MappingNode, path: KeyPath) -> str:
    """Delete a key or an entry that is there; in braces, with the comma beside it."""
    parent, last = _find(root, path[:-1]), path[-1]
    assert isinstance(parent, MappingNode | SequenceNode)  # noqa: S101  for the type
    parts = [part if isinstance(part, tuple) else (part, part) for part in parent.value]
    at = last if isinstance(last, int) else [key.value for key, _ in parts].index(last)
    first, item = parts[at]
    start, end = first.start_mark.index, _content_end(text, item)
    if parent.flow_style:
        if any(node.anchor for part in parts for node in part):  # an alias: its text is elsewhere
            raise _refusal(path)
        if at + 1 < len(parts):
            end = parts[at + 1][0].start_mark.index
        elif at:
            start = parts[at - 1][1].end_mark.index
        return text[:start] + text[end:]
    begin = text.rfind("\n", 0, start) + 1
    if first is item:
        return text[:begin] + text[_line_end(text, end) + 1 :]
    if len(parts) > 1 and text[begin:start].strip():
        behind = text[_line_end(text, max(end, first.end_mark.index)) + 1 :]
        return text[:start] + behind.lstrip(" ")  # the first key behind a dash
    return text[:begin] + text[_line_end(text, max(end, first.end_mark.index)) + 1 :]


def _content_end(text: str, node: Node) -> int:
    """Return where the last text of a node ends, without comments and blank lines after it."""
    if isinstance(node, ScalarNode) or _is_flow(node) or not node.value:
        end = int(node.end_mark.index)
        exact = node.value and (_is_plain(node) or _is_flow(node))
        return end if exact else len(text[:end].rstrip())  # else it is where the next text begins
    if isinstance(node, SequenceNode) and (name := node.value[-1].anchor):  # its text is elsewhere
        msg = (
            f"A list that ends in `*{name}` or `&{name}` can only be changed in the mapping's text."
        )
        raise NotEditableError(msg)
    last = node.value[-1]
    if isinstance(last, tuple):
        return max(_content_end(text, part) for part in last)
    return _content_end(text, last)


def _line_end(text: str, at: int) -> int:
    end = text.find("\n", at)
    return len(text) if end < 0 else end
