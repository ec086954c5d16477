"""Who conducts an operation, and what a program that uses the library loads."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import importer

PACKAGE = Path(importer.__file__).parent

CONDUCTED = {
    *(f"importer.pipeline.{name}" for name in ("plan", "apply", "undo", "resolve")),
    "importer.ledger.journal",
    "importer.report.files.write_all",
}
"""What only an operation calls."""

ABOVE = {"cli", "library.py", "web", "jobs"}
"""The surfaces, and what runs them."""

READERS = {
    "web/live_pages.py": {"importer.ledger.journal"},
    "web/tasks.py": {"importer.ledger.journal"},
}
"""Files that show the history of a run; the list gets shorter."""


def _conducted(path: Path) -> set[str]:
    """What a file imports of what only an operation calls."""
    found = set[str]()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module is not None:
            found |= {node.module, *(f"{node.module}.{one.name}" for one in node.names)}
    return found & CONDUCTED


def test_no_operation_is_conducted_twice() -> None:
    """Only service calls the stages that change a run; who reads one is named, and shrinks."""
    above = (path for path in PACKAGE.rglob("*.py") if path.relative_to(PACKAGE).parts[0] in ABOVE)
    found = {path.relative_to(PACKAGE).as_posix(): _conducted(path) for path in above}
    assert {name: stages for name, stages in found.items() if stages} == READERS


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
