"""The wheel that the tests of this folder install or unpack, and its command."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

NO_NETWORK = """
import socket

connect = socket.socket.connect

def connect_here(self, address):
    if self.family != socket.AF_UNIX and address[0] not in {"127.0.0.1", "::1"}:
        raise AssertionError(f"a connection to {address}")
    return connect(self, address)

socket.socket.connect = connect_here
"""


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, unpacked, as an installer does it."""
    folder = tmp_path_factory.mktemp("wheel")
    build = (sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder))
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    (folder / "site" / "sitecustomize.py").write_text(NO_NETWORK, "utf-8")
    return folder / "site"


@pytest.fixture(scope="session")
def python(request: pytest.FixtureRequest) -> tuple[str, dict[str, str]]:
    """The Python that knows the wheel and not the checkout, and its environment.

    `IMPORTER` names the command of an environment with the wheel, as `make wheel` sets it.
    """
    environ = {name: value for name, value in os.environ.items() if not name.startswith("ALMA_")}
    if command := environ.pop("IMPORTER", ""):
        return str(Path(command).with_name("python")), environ
    return sys.executable, environ | {"PYTHONPATH": str(request.getfixturevalue("site"))}


@pytest.fixture(scope="session")
def started(python: tuple[str, dict[str, str]]) -> tuple[tuple[str, ...], dict[str, str]]:
    """How the importer of the wheel is started, and its environment."""
    executable, environ = python
    command = os.environ.get("IMPORTER")
    return ((command,) if command else (executable, "-P", "-m", "importer")), environ
