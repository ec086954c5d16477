"""Whoever reads the output may leave, as `… | head` and a closed window do."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from importer.errors import Exit
from tests.cli.conftest import Sandbox, Type
from tests.cli.small import ANA, BO, state, write


def _typed(folder: Path, *words: str, closed: str) -> int:
    """Run a command in a process of its own, whose stdout or stderr nobody reads."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        return subprocess.run(
            [sys.executable, "-m", "importer", *words],
            cwd=folder,
            check=False,
            stdout=writing if closed == "stdout" else subprocess.PIPE,
            stderr=writing if closed == "stderr" else subprocess.PIPE,
        ).returncode
    finally:
        os.close(writing)


@pytest.mark.parametrize(
    ("closed", "options"),
    [("stderr", ()), pytest.param("stdout", ("--json",), marks=pytest.mark.faults)],
)
def test_a_load_does_not_need_a_reader(
    folder: Path, typed: Type, sandbox: Sandbox, closed: str, options: tuple[str, ...]
) -> None:
    """Every row is sent, the exit code is the one earned, and the reports are written."""
    roster = write(folder, ANA, BO, ("2003", "Cy", "", "COMM", "", "", ""))
    planned = _typed(
        folder, "plan", str(roster), "-m", "small.yaml", "-o", "run", *options, closed=closed
    )
    assert planned == Exit.REJECTS
    applied = _typed(folder, "apply", "run", *options, closed=closed)
    assert applied == Exit.REJECTS
    assert set(state(sandbox)) == {"2001", "2002"}
    assert "2 created" in (folder / "run" / "report.html").read_text("utf-8")
    assert '"created": 2' in (folder / "run" / "summary.json").read_text("utf-8")
