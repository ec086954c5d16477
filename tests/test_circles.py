"""No files of the importer need each other to be understood."""

from __future__ import annotations

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import importer

PACKAGE = Path(importer.__file__).parent


def _imported() -> dict[str, set[str]]:
    """The modules of the importer, and which of them each imports, also for types only."""
    names = {
        ".".join((PACKAGE.name, *path.relative_to(PACKAGE).with_suffix("").parts)): path
        for path in PACKAGE.rglob("*.py")
        if path.name != "__init__.py"
    }
    imported: dict[str, set[str]] = {name: set() for name in names}
    for name, path in names.items():
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module is not None:
                there = (node.module, *(f"{node.module}.{one.name}" for one in node.names))
            elif isinstance(node, ast.Import):
                there = tuple(one.name for one in node.names)
            else:
                continue
            imported[name].update(names.keys() & there)
    return imported


def test_no_files_import_each_other_in_a_circle() -> None:
    """Whoever opens a file need not know one that needs it, however many are between them."""
    try:
        TopologicalSorter(_imported()).prepare()
    except CycleError as error:
        circle: list[str] = error.args[1]
        raise AssertionError(" -> ".join(circle)) from None
