"""A container contains the wheel and locked libraries, and nothing else of its folder.

There is no container engine here. What its file installs is what `make wheel` installs into a plain
environment, in which the tests of this folder run.
"""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from importer.errors import Exit

ROOT = Path(__file__).parent.parent.parent
DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8")
LOCKED = re.compile(r"^([\w.-]+)==(\S+)", re.MULTILINE)


def test_only_the_wheel_and_the_lock_are_sent_to_a_build() -> None:
    """Rosters, runs, user caches and keys stay out; what the Dockerfile copies gets in."""
    lines = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    copied = re.findall(r"^COPY (\S+)", DOCKERFILE, re.MULTILINE)
    assert rules == ["*", *(f"!{path}" for path in copied)]


def test_the_image_names_no_base_and_runs_as_a_user_of_ones_own_number() -> None:
    """Who builds it names the base, and the user who can read the folder's private files."""
    assert "\nARG BASE\nFROM ${BASE}\n" in DOCKERFILE
    assert {"ARG UID=1000", "ARG GID=1000", "USER importer"} <= set(DOCKERFILE.splitlines())


def test_the_image_installs_what_the_wheel_is_tested_with() -> None:
    """From the lock with hashes, which has SFTP and the same versions as that of the tests."""
    steps = (
        r"pip install \S+ --require-hashes -r \S*requirements-run.lock",
        r"pip install \S+ --no-deps \S*/\*.whl",
    )
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for step in steps:
        assert re.search(step, DOCKERFILE)
        assert re.search(step, makefile)
    run, dev = (
        dict(LOCKED.findall((ROOT / name).read_text("utf-8")))
        for name in ("requirements-run.lock", "requirements.lock")
    )
    assert "paramiko" in run
    assert run.items() <= dev.items()


@pytest.mark.skipif("IMPORTER" not in os.environ, reason="`make wheel` installs the wheel")
def test_a_job_of_the_installed_wheel_can_use_sftp(tmp_path: Path) -> None:
    """It asks the server, which is not there, and does not ask for an extra."""
    job = (
        "version: 1\nrosters:\n  - from: sftp://feeds@127.0.0.1:9/out/*.csv\n    mapping: m.yaml\n"
    )
    (tmp_path / "nightly.yaml").write_text(f"{job}do: plan\n", "utf-8")
    command = (os.environ["IMPORTER"], "job", "run", "nightly.yaml")
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh" / "known_hosts").write_text("", "utf-8")
    environ = {**os.environ, "HOME": str(tmp_path)}
    ended = subprocess.run(
        command, cwd=tmp_path, env=environ, capture_output=True, text=True, check=False
    )
    assert (ended.returncode, "cannot be reached" in ended.stderr) == (Exit.STOPPED, True)
