"""The wheel is whole: it works in an empty folder, without the checkout and without a network.

`IMPORTER` names the command of an environment with the wheel, as `make wheel` sets it; otherwise
the wheel is unpacked, and runs with the libraries of the checkout.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from importer.errors import Exit
from importer.settings import importer_command

ROOT = Path(__file__).parents[2]

READY = sorted(path.stem for path in (ROOT / "mappings").glob("*.yaml"))
OF_ALMA = sorted(path.stem for path in (ROOT / "mappings" / "from-alma").glob("*.yaml"))
TRIED = READY if "IMPORTER" in os.environ else []
"""All of them where the wheel is installed; in `make test` the guide's pages type community's."""

Typed = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def installed(started: tuple[tuple[str, ...], dict[str, str]], tmp_path: Path) -> Typed:
    """Type a command of the installed importer in an empty folder."""
    command, environ = started

    def type_in(*words: str, alma: str = "") -> subprocess.CompletedProcess[str]:
        practice = {"ALMA_BASE_URL": alma, "ALMA_API_KEY": "sandbox"} if alma else {}
        return subprocess.run(
            (*command, *words),
            cwd=tmp_path, env=environ | practice, capture_output=True, text=True, check=False,
        )  # fmt: skip

    return type_in


@pytest.fixture(scope="module")
def alma(
    started: tuple[tuple[str, ...], dict[str, str]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The practice Alma of the installed importer; its address."""
    command, environ = started
    folder = tmp_path_factory.mktemp("alma")
    with subprocess.Popen(
        (*command, "sandbox", "--port", "0"),
        cwd=folder,
        env=environ,
        stderr=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stderr is not None
        found = re.search(r"http://[0-9.:]+", server.stderr.readline())
        assert found
        yield found[0]
        server.terminate()


def test_every_file_of_the_package_is_in_the_wheel(site: Path) -> None:
    """Templates, tables and SQL, not only Python; and what comes with the importer."""
    package = ROOT / "importer"
    inside = {
        path.relative_to(package).as_posix()
        for path in package.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    there = {
        path.relative_to(site / "importer").as_posix()
        for path in (site / "importer").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert inside <= there
    assert {path for path in there - inside if not path.startswith("shipped/")} <= {"COMMIT"}
    for path in (site / "importer" / "shipped").rglob("*.*"):
        original = ROOT / path.relative_to(site / "importer" / "shipped")
        assert path.is_dir() or path.read_bytes() == original.read_bytes()


def test_a_first_mapping_is_made_from_the_sample(installed: Typed, tmp_path: Path) -> None:
    """The ready mapping and its sample are copied; both ways to start end with a mapping."""
    copied = installed("mapping", "ready", "community", "--sample")
    assert copied.returncode == Exit.DONE, copied.stderr
    made = installed("mapping", "new", "community-patrons.xlsx", "-o", "mine.yaml")
    assert made.returncode == Exit.DONE, made.stderr
    checked = installed("check", "community-patrons.xlsx", "-m", "community.yaml", "-o", "run")
    assert checked.returncode == Exit.REJECTS, checked.stderr
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"community.yaml", "community-patrons.xlsx", "mine.yaml", "run"}
    again = installed("mapping", "ready", "community")
    assert again.returncode == Exit.USAGE
    assert "already exists" in again.stderr


@pytest.mark.parametrize("name", TRIED)
def test_every_ready_mapping_is_copied_checked_and_planned_with_its_sample(
    installed: Typed, alma: str, name: str, tmp_path: Path
) -> None:
    """It fits its sample: all its columns are there, and some rows are ready."""
    copied = installed("mapping", "ready", name, "--sample")
    assert copied.returncode == Exit.DONE, copied.stderr
    (roster,) = (path.name for path in tmp_path.iterdir() if path.suffix != ".yaml")
    valid = installed("mapping", "check", f"{name}.yaml", roster)
    assert valid.returncode == Exit.DONE, valid.stderr
    for command in ("check", "plan"):
        ran = installed(
            command, roster, "-m", f"{name}.yaml", "-o", f"{command}ed", "--json", alma=alma
        )
        assert ran.returncode in {Exit.DONE, Exit.REJECTS}, ran.stderr
        summary = json.loads(ran.stdout)
        if command == "check":
            assert summary["ready"] > 0


def test_the_ready_mappings_are_listed_with_a_line_each(installed: Typed) -> None:
    """All of the folder, by the name with which they are copied."""
    listed = installed("mapping", "ready")
    assert listed.returncode == Exit.DONE, listed.stderr
    lines = [line.split(maxsplit=1) for line in listed.stdout.splitlines()]
    assert [name for name, title in lines if title] == sorted([*READY, *OF_ALMA])


def test_a_ready_mapping_for_users_of_alma_is_planned(installed: Typed, alma: str) -> None:
    """It is copied, and needs no roster; nobody in an empty Alma is selected."""
    copied = installed("mapping", "ready", OF_ALMA[0])
    assert copied.returncode == Exit.DONE, copied.stderr
    planned = installed("plan", "-m", f"{OF_ALMA[0]}.yaml", "--json", alma=alma)
    assert planned.returncode == Exit.DONE, planned.stderr
    assert json.loads(planned.stdout)["rows"] == 0


def test_the_demo_needs_no_checkout(installed: Typed, tmp_path: Path) -> None:
    """It loads the sample into a practice Alma, and leaves everything under runs/.

    Only the key of what it remembers of the load is beside it.
    """
    shown = installed("demo")
    assert shown.returncode == Exit.DONE, shown.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["runs", "users"]
    assert [path.name for path in (tmp_path / "users").iterdir()] == ["edits.key"]


def test_a_program_or_a_zip_application_starts_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The processes of a job do not need a Python that knows the importer."""
    assert importer_command() == (sys.executable, "-P", "-m", "importer")
    archive = tmp_path / "importer.pyz"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("__main__.py", "")
    monkeypatch.setattr(sys, "argv", [str(archive), "job", "run"])
    assert importer_command() == (sys.executable, str(archive))
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    assert importer_command() == (sys.executable,)
