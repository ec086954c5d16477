"""No two files of the importer need each other to be understood."""

from __future__ import annotations

import ast
from itertools import combinations
from pathlib import Path

import importer

PACKAGE = Path(importer.__file__).parent


def _imported() -> dict[str, set[str]]:
    """The modules of the importer, and which of them each imports.

    For types only as well, but in the mapper: there a rule has steps, and a step has inner rules.
    """
    names = {
        ".".join((PACKAGE.name, *path.relative_to(PACKAGE).with_suffix("").parts)): path
        for path in PACKAGE.rglob("*.py")
        if path.name != "__init__.py"
    }
    found: dict[str, set[str]] = {name: set() for name in names}
    for name, path in names.items():
        tree = ast.parse(path.read_text("utf-8"))
        body = tree.body if name.startswith("importer.mapper.") else ast.walk(tree)
        for node in body:
            if isinstance(node, ast.ImportFrom) and node.module is not None:
                there = (node.module, *(f"{node.module}.{one.name}" for one in node.names))
                found[name].update(names.keys() & there)
    return found


def test_no_two_files_import_each_other() -> None:
    """Whoever opens one of two files need not know the other first."""
    found = _imported()
    circles = [
        pair
        for pair in combinations(sorted(found), 2)
        if pair[1] in found[pair[0]] and pair[0] in found[pair[1]]
    ]
    assert circles == []
