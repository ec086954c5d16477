"""What the texts below the surfaces may name: nothing that only one surface has."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import importer
from importer.cli.app import COMMANDS

PACKAGE = Path(importer.__file__).parent

SURFACES = {"cli", "web", "jobs", "report", "sandbox", "library.py", "advice.py", "__main__.py"}
"""What speaks to people in its own words, and the words of the actions."""

EXEMPT = {
    "settings.py",  # the names of the settings, and what is said of them before anything runs
    "mapper/compile.py",  # findings of `mapping check`
    "mapper/mapping.py",
    "suggest/user_loader_profile.py",  # an error of the arguments of `mapping new`
}

OF_ONE_SURFACE = re.compile(
    rf"\bimporter ({'|'.join(COMMANDS)})\b"
    r"|(?<![\w-])--[a-z]|\bALMA_[A-Z]|\.env\b|rejects\.xlsx"
)
"""A command, an option, a setting, its file, and the workbook of rejects."""


def _texts(tree: ast.Module) -> Iterator[str]:
    """Yield every text of a module but its docstrings, with an X for each value in it."""
    docs = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    inside = {
        id(part)
        for node in ast.walk(tree)
        if isinstance(node, ast.JoinedStr)
        for part in node.values
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(
                str(part.value) if isinstance(part, ast.Constant) else "X" for part in node.values
            )
        elif isinstance(node, ast.Constant) and id(node) not in docs | inside:
            yield str(node.value)


def test_below_the_surfaces_no_text_names_a_command_an_option_or_a_setting() -> None:
    """It says what is wrong and carries actions; each surface has its own words for them."""
    wrong = [
        f"{name}: {text}"
        for path in sorted(PACKAGE.rglob("*.py"))
        if path.relative_to(PACKAGE).parts[0] not in SURFACES
        and (name := path.relative_to(PACKAGE).as_posix()) not in EXEMPT
        for text in _texts(ast.parse(path.read_text("utf-8")))
        if OF_ONE_SURFACE.search(text)
    ]
    assert wrong == []


def test_the_tables_of_words_name_none_either() -> None:
    """The catalog, the meanings of facts and of Alma's errors."""
    tables = (path for path in PACKAGE.rglob("*.toml") if "sandbox" not in path.parts)
    values = {path.name: str(tomllib.loads(path.read_text("utf-8"))) for path in tables}
    wrong = [name for name, text in values.items() if OF_ONE_SURFACE.search(text)]
    assert wrong == []
