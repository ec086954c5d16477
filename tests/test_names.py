"""Names of the product: one concept, one name."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

_IMPORTER = Path(__file__).parents[1] / "importer"


def test_no_two_public_classes_have_one_name() -> None:
    """A search for a class finds one, and a reader never asks which one is meant."""
    homes = defaultdict[str, list[str]](list)
    for path in _IMPORTER.rglob("*.py"):
        for node in ast.parse(path.read_text("utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                homes[node.name].append(str(path.relative_to(_IMPORTER)))
    assert {name: sorted(paths) for name, paths in homes.items() if len(paths) > 1} == {}
