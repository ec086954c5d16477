"""Write the text of a mapping from plain data, and name headings that a placeholder cannot name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, count

from importer.mapper.placeholders import TO_CHOOSE, heading_key, is_nameable

Node = str | Mapping[str, "Node"] | Sequence[Mapping[str, str]]
"""A value as YAML, with its remark behind it; what is inside of a key; or the entries of a list."""


def written(data: Mapping[str, Node], indent: str = "") -> Iterator[str]:
    """Yield the lines of plain data. A key that begins with `#` is a comment, without its value."""
    for key, node in data.items():
        if key.startswith("#"):
            yield indent + key
        elif isinstance(node, str):
            yield f"{indent}{key}: {node}"
        elif isinstance(node, Mapping):
            yield f"{indent}{key}:"
            yield from written(node, f"{indent}  ")
        else:
            yield f"{indent}{key}:"
            for entry in node:
                first, *others = written(entry)
                yield f"{indent}  - {first}"
                yield from (f"{indent}    {line}" for line in others)


def comments(*texts: str) -> dict[str, str]:
    """Return lines of comments as plain data."""
    return {f"# {text}": "" for text in texts}


def rule(column: str, **keys: str) -> str:
    """Return the rule of a column, or of a list of them, with the keys that are not blank."""
    inside = {"from": column, **{key: value for key, value in keys.items() if value}}
    if len(inside) == 1 and not column.startswith("["):
        return column
    return f"{{{', '.join(f'{key}: {value}' for key, value in inside.items())}}}"


def names_for(headings: Iterable[str]) -> dict[str, str]:
    """Return a name under `headings:` for each heading that is not plainly itself in `<…>`."""
    names: dict[str, str] = {}
    headings = dict.fromkeys(headings)
    taken = {*map(heading_key, headings)}
    for heading in headings:
        if heading == TO_CHOOSE or not is_nameable(heading):
            base = " ".join(re.split("[<>@$? ]+", heading)).strip() or "Column"
            numbered = (f"{base} {number}" for number in count(2))
            names[heading] = next(
                free for free in chain([base], numbered) if heading_key(free) not in taken
            )
            taken.add(heading_key(names[heading]))
    return names
