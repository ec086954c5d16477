"""Every library of a release is used, and only where pyproject.toml says so."""

from __future__ import annotations

import ast
import re
import tomllib
from collections import defaultdict
from importlib.metadata import packages_distributions
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


def _imported(path: Path) -> set[str]:
    """Return the modules that a file imports, anywhere in it."""
    nodes = [*ast.walk(ast.parse(path.read_text("utf-8")))]
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    return names | {str(node.module) for node in nodes if isinstance(node, ast.ImportFrom)}


def test_a_library_is_used_where_the_table_names_it() -> None:
    """The packages of importer/ that import it; and the table has every dependency."""
    listed = PROJECT["project"]
    needed = [*listed["dependencies"], *listed["optional-dependencies"]["sftp"]]
    table = PROJECT["tool"]["alma-roster-importer"]["libraries"]
    assert list(table) == sorted(re.split("[<>=]", text)[0] for text in needed)
    providers = packages_distributions()
    used: dict[str, set[str]] = defaultdict(set)
    for path in (ROOT / "importer").rglob("*.py"):
        package = path.relative_to(ROOT / "importer").parts[0].removesuffix(".py")
        for module in _imported(path):
            for library in providers.get(module.partition(".")[0], ()):
                used[library.lower()].add(package)
    assert {library: sorted(used[library.lower()]) for library in table} == table
