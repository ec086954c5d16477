"""The importer's own regular expressions, run over long texts of few characters."""

from __future__ import annotations

import ast
import re
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import pytest
import regex

import importer

PACKAGE = Path(importer.__file__).parent
LONGEST = 50_000
"""Characters that each pattern is run over."""
SIZES = (250, 500, 1_000, 2_000, 4_000, 8_000, 16_000)
"""Characters at which work is compared."""
NOISE = 0.01
"""CPU seconds that are too short to compare."""
STEEP = 3
"""A linear pattern takes twice as long for twice the text, a quadratic one four times."""

SINGLE = ("a", "A", "0", " ", "\n", ".", "-", "@", '"', "<", "#", "é", "Ã")
MIXED = (
    *("\t", "_", "/", ":", "'", "\\", "(", "[", "{", "=", "+", "a ", "a.", "0-", "0a", "a@", "a,"),
    *(", ", "<a", "{a", "é ", "=0", "a\n", "\n ", '"a', "a:", "_a", "0 ", "0.", "$a", "&a", "x0"),
)
Run = Callable[[str | bytes], None]
METHODS = ("search", "match", "fullmatch", "findall", "finditer", "sub", "subn", "split")
_CALL = re.compile(rf"(\w+)\.({'|'.join(METHODS)})\b")
_ASSIGNED = re.compile(r"^([A-Za-z_]\w*)\b(?::[^=\n]+)? = ", re.MULTILINE)


def _patterns() -> Iterator[tuple[str, re.Pattern[str] | re.Pattern[bytes], set[str]]]:
    """Return each pattern of a module, and the methods that the package calls on its name."""
    sources = {
        ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts): path.read_text("utf-8")
        for path in sorted(PACKAGE.rglob("*.py"))
        if path.name != "__main__.py"
    }
    calls = {module: set(_CALL.findall(source)) for module, source in sources.items()}
    uses: dict[str, set[str]] = {}
    for name, method in set().union(*calls.values()):
        uses.setdefault(name, set()).add(method)
    for module, source in sources.items():
        values = vars(import_module(module.removesuffix(".__init__")))
        for name in _ASSIGNED.findall(source):
            value = values[name]
            if isinstance(value, re.Pattern | regex.Pattern):
                yield f"{module}.{name}", value, uses.get(name, set())
            elif isinstance(value, tuple | list | dict):
                several = value.values() if isinstance(value, dict) else value
                for one in several:
                    if isinstance(one, re.Pattern):
                        yield f"{module}.{name}[{one.pattern[:20]!r}]", one, set()
        if "re" not in {name for name, _ in calls[module]}:
            continue
        for node in ast.walk(ast.parse(source)):
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


def _work(pattern: re.Pattern[Any], method: str) -> Run:
    def run(text: str | bytes) -> None:
        match method:
            case "finditer":
                for _ in pattern.finditer(text):
                    pass
            case _:
                getattr(pattern, method)(text)

    return run


def _hardest(methods: set[str]) -> set[str]:
    """Those of the methods whose work no other contains; of an unknown use, of all that search.

    Whoever finds every place searches, and whoever searches matches at each place.
    """
    if methods & {"findall", "finditer", "sub", "subn", "split"}:
        return {"finditer"} | methods & {"fullmatch"}
    if "search" in methods or not methods:
        return {"search"} | (methods or {"fullmatch"}) & {"fullmatch"}
    return methods


@pytest.mark.parametrize(
    ("pattern", "methods"),
    [pytest.param(pattern, methods, id=name) for name, pattern, methods in _patterns()],
)
def test_every_pattern_is_linear(pattern: re.Pattern[Any], methods: set[str]) -> None:
    """Twice the text is twice the work, for a text that does not match, too; a long one ends."""
    wide = isinstance(pattern.pattern, str)
    for method in sorted(_hardest(methods)):
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
