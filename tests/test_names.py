"""Names of the product: one concept, one name."""

from __future__ import annotations

import ast
import re
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


def test_no_test_imports_another_test_module() -> None:
    """What several need is in a helper or a conftest, so a test can be read and deleted alone."""
    imports = re.compile(
        r"^\s*(?:from|import) (?:tests[.\w]*\.test_|tests[.\w]* import .*\btest_)", re.M
    )
    texts = {path: path.read_text("utf-8") for path in Path(__file__).parent.rglob("*.py")}
    assert [path.name for path, text in texts.items() if imports.search(text)] == []


def test_what_has_a_name_is_not_called_one_or_found() -> None:
    """A row is `row`, in a loop too; `one` is the first of a pair, beside `other` or `two`."""
    nameless = []
    for path in _IMPORTER.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = _bound(node)
            alone = "one" in names and names.isdisjoint({"other", "two"})
            if alone or "found" in names:
                nameless.append(f"{path.relative_to(_IMPORTER)}:{getattr(node, 'lineno', '?')}")
    assert nameless == []


def _bound(node: ast.AST) -> set[str]:
    """Return the names that a statement, a comprehension or a signature binds itself."""
    match node:
        case ast.arguments():
            return {argument.arg for argument in (*node.posonlyargs, *node.args, *node.kwonlyargs)}
        case ast.Assign():
            targets = node.targets
        case ast.For() | ast.AsyncFor() | ast.comprehension() | ast.AnnAssign() | ast.NamedExpr():
            targets = [node.target]
        case ast.withitem(optional_vars=ast.expr() as target):
            targets = [target]
        case _:
            return set()
    names = (name for target in targets for name in ast.walk(target))
    return {name.id for name in names if isinstance(name, ast.Name)}
