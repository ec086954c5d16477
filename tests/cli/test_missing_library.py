"""After an update of the code alone, a library that the new version needs is not there yet."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from importer.errors import Exit, missing_library

PATRONS = Path(__file__).parents[2] / "samples" / "community-patrons.csv"

WITHOUT = (
    "import sys; sys.modules[sys.argv.pop(1)] = None\nfrom importer.__main__ import main\nmain()"
)

CHECK = ("check", str(PATRONS), "-m", "m.yaml")


@pytest.mark.parametrize(
    ("library", "arguments"),
    [
        ("typer", ("--help",)),
        ("truststore", ("doctor",)),
        ("pandas", CHECK),
        ("aiohttp", ("sandbox", "--switch", "list")),
    ],
)
def test_a_library_that_is_not_installed(
    tmp_path: Path, library: str, arguments: tuple[str, ...]
) -> None:
    """Whenever it is needed first, one sentence names it and what to run, without a traceback."""
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, library, *arguments],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == Exit.USAGE, done.stderr
    assert library in done.stderr
    assert "make setup" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_module_of_our_own_is_a_defect() -> None:
    """Installing libraries again would not bring it back."""
    assert not missing_library(ModuleNotFoundError(name="importer.alma.client"))
