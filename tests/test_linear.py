"""The importer's own regular expressions, run over long texts of few characters."""

from __future__ import annotations

import ast
import re
import time
from collections.abc import Callable, Iterator
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import pytest
import regex

import importer

PACKAGE = Path(importer.__file__).parent
LONGEST = 1_000_000
"""Characters that each pattern is run over."""
SIZES = (250, 500, 1_000, 2_000, 4_000, 8_000, 16_000)
"""Characters at which work is compared."""
NOISE = 0.01
"""CPU seconds that are too short to compare."""
STEEP = 3
"""A linear pattern takes twice as long for twice the text, a quadratic one four times."""

SINGLE = ("a", "A", "0", " ", "\n", ".", "-", "@", '"', "<", "é", "Ã")
MIXED = (
    *("\t", "_", "/", ":", "'", "\\", "(", "[", "{", "=", "+", "a ", "a.", "0-", "0a", "a@", "a,"),
    *(", ", "<a", "{a", "é ", "=0", "a\n", "\n ", '"a', "a:", "_a", "0 ", "0.", "$a", "&a", "x0"),
)
Run = Callable[[str | bytes], None]
METHODS = ("search", "match", "fullmatch", "findall", "finditer", "sub", "subn", "split")


def _sources() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        name = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
        yield name.removesuffix(".__init__"), ast.parse(path.read_text("utf-8"))


def _patterns() -> Iterator[tuple[str, re.Pattern[str] | re.Pattern[bytes], set[str]]]:
    """Return each pattern of a module, and the methods that the package calls on its name."""
    trees = dict(_sources())
    uses: dict[str, set[str]] = {}
    for tree in trees.values():
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name | ast.Attribute):
                name = node.value.id if isinstance(node.value, ast.Name) else node.value.attr
                uses.setdefault(name, set()).add(node.attr)
    for module, tree in trees.items():
        if module == "importer.__main__":
            continue
        values = vars(__import__(module, fromlist=["_"]))
        for name, value in values.items():
            if isinstance(value, re.Pattern | regex.Pattern) and _is_assigned(tree, name):
                yield f"{module}.{name}", value, uses.get(name, set()) & set(METHODS)
            elif isinstance(value, tuple | list | dict) and _is_assigned(tree, name):
                several = value.values() if isinstance(value, dict) else value
                for one in several:
                    if isinstance(one, re.Pattern):
                        yield f"{module}.{name}[{one.pattern[:20]!r}]", one, set()
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and isinstance(node.func.value, ast.Name)
                and node.func.value.id == "re"
                and node.func.attr in METHODS
                and isinstance(node.args[0], ast.Constant)
            ):
                text = node.args[0].value
                assert isinstance(text, str | bytes)
                yield f"{module}:{node.lineno}", re.compile(text), {node.func.attr}


def _is_assigned(tree: ast.Module, name: str) -> bool:
    return any(
        isinstance(target, ast.Name) and target.id == name
        for node in tree.body
        for target in (
            node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        )
    )


def _work(pattern: re.Pattern[Any], method: str) -> Run:
    def run(text: str | bytes) -> None:
        match method:
            case "sub" | "subn":
                pattern.subn("", text)
            case "findall" | "finditer":
                for _ in pattern.finditer(text):
                    pass
            case _:
                getattr(pattern, method)(text)

    return run


@pytest.mark.parametrize(
    ("pattern", "methods"),
    [pytest.param(pattern, methods, id=name) for name, pattern, methods in _patterns()],
)
def test_every_pattern_is_linear(pattern: re.Pattern[Any], methods: set[str]) -> None:
    """Twice the text is twice the work, up to a megabyte, for a text that does not match, too."""
    wide = isinstance(pattern.pattern, str)
    for method in sorted(methods or set(METHODS[:3])):
        run = _work(pattern, method)
        for piece, tail in product(SINGLE + MIXED, ("", "\0")):

            def seconds(size: int, piece: str = piece, tail: str = tail, run: Run = run) -> float:
                text = piece * (size // len(piece)) + tail
                started = time.thread_time()
                run(text if wide else text.encode())
                return time.thread_time() - started

            for half, whole in pairwise(SIZES):
                if seconds(whole) > NOISE:
                    before, after = (min(seconds(n) for _ in range(3)) for n in (half, whole))
                    assert after < STEEP * before, (method, piece, tail, before, after)
            if piece in SINGLE and not tail:
                seconds(LONGEST)
