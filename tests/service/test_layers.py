"""Who conducts an operation, and what a program that uses the library loads."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import importer

PACKAGE = Path(importer.__file__).parent

CONDUCTED = (
    *(f"importer.pipeline.{name}" for name in ("plan", "apply", "undo", "resolve")),
    "importer.ledger.journal.Journal",
    "importer.report.files.write_all",
)
"""What only an operation calls; whoever shows the history of a run has functions that read it."""

ABOVE = {"cli", "library.py", "web", "jobs"}
"""The surfaces, and what runs them."""


def _imported(path: Path) -> set[str]:
    """The names that a file imports from modules, each with a period at its end."""
    return {
        f"{node.module}.{name.name}."
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.ImportFrom)
        for name in node.names
    }


def test_no_operation_is_conducted_twice() -> None:
    """cli, library, web and jobs conduct nothing: only service calls the stages of a run."""
    conductors = {
        path.name: name
        for path in PACKAGE.rglob("*.py")
        if path.relative_to(PACKAGE).parts[0] in ABOVE
        for name in _imported(path)
        for stage in CONDUCTED
        if name.startswith(f"{stage}.") or stage.startswith(name)
    }
    assert conductors == {}


def test_the_library_loads_no_command_line() -> None:
    """`importer.plan` needs neither the commands, nor their library, nor what shows on a screen."""
    code = "import sys, importer; importer.plan; print(*sys.modules)"
    words = (sys.executable, "-c", code)
    loaded = subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()
    unwanted = (
        "importer.cli",
        "importer.web",
        "importer.jobs",
        "importer.report.terminal",
        "typer",
    )
    assert not [name for name in loaded if name.startswith(unwanted)]
