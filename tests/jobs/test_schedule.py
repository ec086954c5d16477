"""The unit files of systemd that the guide shows are valid."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

UNITS = Path(__file__).parents[2] / "samples" / "systemd"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
def test_the_units_are_valid(tmp_path: Path) -> None:
    """With a program that is there, systemd has nothing against the service and its timer."""
    for unit in UNITS.iterdir():
        text = unit.read_text("utf-8").replace("/usr/local/bin/importer", "/bin/true")
        (tmp_path / unit.name).write_text(text, "utf-8")
    command = ("systemd-analyze", "verify", *sorted(map(str, tmp_path.iterdir())))
    verified = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (verified.returncode, verified.stderr) == (0, "")


def test_exit_codes_of_a_job_that_did_its_work_are_no_failure() -> None:
    """Rows to correct are reported by email; systemd only marks what stopped the job."""
    text = (UNITS / "importer-nightly.service").read_text("utf-8")
    assert "SuccessExitStatus=3 6\n" in text


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
def test_the_service_may_do_little() -> None:
    """What systemd calls its exposure, from 0 (none) to 10, is below 2."""
    command = ("systemd-analyze", "security", "--offline=yes", "--threshold=20",
               str(UNITS / "importer-nightly.service"))  # fmt: skip
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0
